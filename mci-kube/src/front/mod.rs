//! What peers say, kept in the API server: their shards in ClusterCaches, their heartbeats in Leases.
//!
//! ```text
//!   stream, REST ──► Store ──► decide over what is held ──► write at that version ──► acknowledged
//!                               ▲                              │ 409, 404: look again
//!        watch of ClusterCaches ┘ versions and digests only ◄──┘
//!        watch of Clusters ──► who is alive (a second installation is refused)
//! ```
//!
//! Every replica of a front end does this at once, without a leader: the API server's versions decide between them. It
//! refuses to know how messages travel, and who is alive.

mod admit;
mod beats;
mod hosts;
mod object;
mod put;
mod shelf;

use std::collections::{BTreeMap, HashMap};
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use mci_core::peer::{
    Admission, ClusterStore, Heard, Heartbeat, Protocol, Refusal, RefusalReason, ShardState, ShardUpdate,
    StoreError, Stored,
};
use mci_core::{ClusterId, ClusterState, Endpoint, Hostname, Shard};
use serde_json::value::RawValue;
use tokio::sync::{Mutex as AsyncMutex, OwnedMutexGuard, mpsc, watch as told};
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

use self::admit::Refusals;
use self::beats::{LastHeard, Pulses};
use self::object::Place;
use self::shelf::{Held, Shelf};
use crate::client::{CallError, ClusterClient};
use crate::heartbeat::Pulse;
use crate::resources::{Cluster, ClusterCache};
use crate::watch::{self, Batch, Change, Progress, Source, Timing};
use crate::write::{Counters, Lanes};

/// Batches that wait: each holds a burst already.
const BATCHES: usize = 16;
/// How long a call waits for the first list.
const PATIENCE: Duration = Duration::from_secs(10);

/// What does not change while it runs.
#[derive(Clone, Debug)]
pub struct Options {
    /// The namespace that holds the caches.
    pub namespace: String,
    /// The own cluster, whose state nobody else writes.
    pub cluster: ClusterId,
    /// This front end, whose receiver Lease it is.
    pub pod: String,
    /// How watches are kept and proved.
    pub timing: Timing,
}

/// What may change while it runs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settings {
    /// What each peer may publish (R27).
    pub peers: BTreeMap<ClusterId, Admission>,
    /// The same for a cluster that has a key and is no peer.
    pub others: Admission,
    /// How often a heartbeat comes.
    pub interval: Duration,
    /// A view of an API server that is older is degraded.
    pub old: Duration,
}

/// The state of other clusters, in one cluster's API server. Cheap to clone; all clones are the same.
#[derive(Clone)]
pub struct Store(Arc<Inner>);

struct Inner {
    client: ClusterClient,
    namespace: Arc<str>,
    own: ClusterId,
    timing: Timing,
    settings: told::Receiver<Settings>,
    shelf: Mutex<Shelf>,
    /// ClusterCaches were listed.
    listed: told::Sender<bool>,
    clusters: Mutex<HashMap<ClusterId, ClusterState>>,
    /// Two calls about one shard: the second waits.
    locks: Mutex<HashMap<Place, Arc<AsyncMutex<()>>>>,
    pulses: Pulses,
    receiver: AsyncMutex<Pulse>,
    last_heard: LastHeard,
    refusals: Refusals,
    stored: Mutex<BTreeMap<ClusterId, u64>>,
    lanes: Lanes,
    counters: Arc<Counters>,
    progress: [Arc<Progress>; 2],
}

impl fmt::Debug for Store {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Store").field("namespace", &self.0.namespace).finish_non_exhaustive()
    }
}

/// How it is doing, for metrics.
#[derive(Clone, Debug)]
pub struct Gauges {
    /// Its watches: ClusterCaches, Clusters.
    pub watches: [Arc<Progress>; 2],
    /// Writes of ClusterCaches.
    pub writes: Arc<Counters>,
    /// When each cluster was last heard here, as a Unix time.
    pub heard: Vec<(ClusterId, Duration)>,
    /// Shards that were written, by cluster.
    pub stored: Vec<(ClusterId, u64)>,
    /// Entries that were left out, by cluster and reason.
    pub refused: Vec<(ClusterId, &'static str, u64)>,
}

impl Store {
    /// Keeps what peers say in the cluster of `client`.
    pub fn new(client: ClusterClient, options: Options, settings: told::Receiver<Settings>) -> Self {
        let Options { namespace, cluster, pod, timing } = options;
        let receiver = Pulse::of_receiver(&namespace, &pod, settings.borrow().interval);
        Self(Arc::new(Inner {
            client,
            namespace: namespace.into(),
            own: cluster,
            timing,
            settings,
            shelf: Mutex::default(),
            listed: told::Sender::new(false),
            clusters: Mutex::default(),
            locks: Mutex::default(),
            pulses: Pulses::default(),
            receiver: AsyncMutex::new(receiver),
            last_heard: LastHeard::default(),
            refusals: Refusals::default(),
            stored: Mutex::default(),
            lanes: Lanes::default(),
            counters: Arc::default(),
            progress: ["clustercaches", "clusters"].map(|name| Arc::new(Progress::new(name))),
        }))
    }

    /// For metrics.
    pub fn gauges(&self) -> Gauges {
        let inner = &self.0;
        let stored = inner.stored.lock().unwrap_or_else(PoisonError::into_inner);
        // What is no peer any more has no series.
        let settings = inner.settings.borrow();
        let known = |cluster: &ClusterId| settings.peers.contains_key(cluster);
        Gauges {
            watches: self.watches(),
            writes: Arc::clone(&inner.counters),
            heard: inner.last_heard.all().into_iter().filter(|(cluster, _)| known(cluster)).collect(),
            stored: stored
                .iter()
                .filter(|(of, _)| known(of))
                .map(|(of, count)| (of.clone(), *count))
                .collect(),
            refused: inner.refusals.counts().into_iter().filter(|(of, ..)| known(of)).collect(),
        }
    }

    /// Its watches, for readiness: ClusterCaches, Clusters.
    pub fn watches(&self) -> [Arc<Progress>; 2] {
        self.0.progress.clone()
    }

    /// Whether a cluster is alive, where it is heard by REST: then it is asked what it publishes. Nothing where it is heard
    /// by its stream, or not at all.
    pub async fn hears_by_rest(&self, cluster: &ClusterId) -> Result<Option<bool>, StoreError> {
        self.0.hears_by_rest(cluster).await
    }

    /// This front end could hear: its own listener answered a call just now (R20).
    pub async fn listening(&self) -> Result<(), CallError> {
        self.0.listening().await
    }

    /// Follows the API server until `stop`. It may be run again.
    pub async fn run(&self, stop: CancellationToken) {
        let (shard_sender, mut shards) = mpsc::channel(BATCHES);
        let (cluster_sender, mut clusters) = mpsc::channel(BATCHES);
        let [of_shards, of_clusters] = self.watches();
        let of = |name| (self.0.client.clone(), Some(&*self.0.namespace), name);
        let (client, namespace, name) = of("clustercaches");
        let source = Source::of::<ClusterCache>(name, namespace);
        let timing = self.0.timing;
        let watch_shards = watch::watch(client, source, timing, of_shards, shelf::decode, shard_sender);
        let (client, namespace, name) = of("clusters");
        let source = Source::of::<Cluster>(name, namespace);
        let watch_clusters = watch::watch(client, source, timing, of_clusters, state, cluster_sender);
        let take = async {
            loop {
                tokio::select! {
                    Some(batch) = shards.recv() => self.0.shards(batch),
                    Some(batch) = clusters.recv() => self.0.clusters(batch),
                    else => return,
                }
            }
        };
        tokio::select! {
            () = stop.cancelled() => {}
            () = take => {}
            ((), ()) = async { tokio::join!(watch_shards, watch_clusters) } => {}
        }
    }
}

/// What is kept of a Cluster.
fn state(raw: &RawValue) -> Result<Option<ClusterState>, String> {
    let cluster: Cluster = watch::decode(raw)?;
    Ok(cluster.status.and_then(|status| status.state))
}

impl Inner {
    fn shards(&self, batch: Batch<shelf::Seen>) {
        let is_list = matches!(batch, Batch::Replace(_) | Batch::Absent);
        self.shelf().take(batch);
        if is_list {
            self.listed.send_replace(true);
        }
    }

    fn clusters(&self, batch: Batch<Option<ClusterState>>) {
        let mut clusters = self.clusters.lock().unwrap_or_else(PoisonError::into_inner);
        let mut take = |name: &str, state: Option<ClusterState>| {
            let Ok(cluster) = name.parse::<ClusterId>() else { return };
            match state {
                Some(state) => clusters.insert(cluster, state),
                None => clusters.remove(&cluster),
            };
        };
        match batch {
            Batch::Absent => clusters.clear(),
            Batch::Replace(listing) => {
                for key in listing.vanished {
                    take(&key.name, None);
                }
                for observed in listing.items {
                    take(&observed.key.name, observed.value);
                }
            }
            Batch::Changes(changes) => {
                for change in changes {
                    match change {
                        Change::Applied(observed) => take(&observed.key.name, observed.value),
                        Change::Deleted { key, .. } => take(&key.name, None),
                        // It is there: what it said before stays.
                        Change::Malformed(_) => {}
                    }
                }
            }
        }
    }

    fn shelf(&self) -> MutexGuard<'_, Shelf> {
        self.shelf.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn held(&self, place: &Place) -> Option<Held> {
        self.shelf().get(place).cloned()
    }

    fn admission(&self, cluster: &ClusterId) -> Admission {
        let settings = self.settings.borrow();
        settings.peers.get(cluster).unwrap_or(&settings.others).clone()
    }

    fn count_stored(&self, cluster: &ClusterId) {
        let mut stored = self.stored.lock().unwrap_or_else(PoisonError::into_inner);
        *stored.entry(cluster.clone()).or_default() += 1;
    }

    /// Waits until it is known what is held.
    async fn listed(&self) -> Result<(), StoreError> {
        let mut listed = self.listed.subscribe();
        match timeout(PATIENCE, listed.wait_for(|listed| *listed)).await {
            Ok(_) => Ok(()),
            Err(_) => Err(StoreError::Unavailable {
                reason: "the API server has not told yet what is stored here".to_owned(),
            }),
        }
    }

    /// Nobody writes the own cluster's state but its operator: no key should say who this is.
    fn not_own(&self, cluster: &ClusterId) -> Result<(), StoreError> {
        if *cluster != self.own {
            return Ok(());
        }
        let reason = RefusalReason::Malformed("this is the cluster that is written to".to_owned());
        Err(StoreError::Refused(Refusal { cluster: cluster.clone(), hostname: String::new(), reason }))
    }

    async fn lock(&self, place: &Place) -> OwnedMutexGuard<()> {
        let lock = {
            let mut locks = self.locks.lock().unwrap_or_else(PoisonError::into_inner);
            Arc::clone(locks.entry(place.clone()).or_default())
        };
        lock.lock_owned().await
    }
}

fn unavailable(error: &CallError) -> StoreError {
    StoreError::Unavailable { reason: error.to_string() }
}

impl ClusterStore for Store {
    async fn shards(&self, cluster: &ClusterId) -> Result<Vec<ShardState>, StoreError> {
        self.0.listed().await?;
        Ok(self.0.states(cluster))
    }

    async fn put(&self, cluster: &ClusterId, update: ShardUpdate) -> Result<Stored, StoreError> {
        self.0.not_own(cluster)?;
        self.0.listed().await?;
        let place = Place { cluster: cluster.clone(), shard: update.state.shard };
        let _alone = self.0.lock(&place).await;
        self.0.put(&place, update).await
    }

    async fn heard(
        &self,
        cluster: &ClusterId,
        heartbeat: &Heartbeat,
        by: Protocol,
    ) -> Result<Heard, StoreError> {
        self.0.not_own(cluster)?;
        self.0.heard(cluster, heartbeat, by).await
    }

    async fn put_host(
        &self,
        cluster: &ClusterId,
        hostname: &Hostname,
        endpoint: Option<Endpoint>,
    ) -> Result<(), StoreError> {
        self.0.not_own(cluster)?;
        self.0.listed().await?;
        let place = Place { cluster: cluster.clone(), shard: Shard::of(hostname) };
        let _alone = self.0.lock(&place).await;
        self.0.put_host(&place, hostname, endpoint).await
    }

    async fn hosts_of(&self, cluster: &ClusterId) -> Result<Vec<Hostname>, StoreError> {
        self.0.listed().await?;
        self.0.hosts_of(cluster).await
    }

    async fn own_hosts(&self) -> Result<Vec<(Hostname, Endpoint)>, StoreError> {
        self.0.listed().await?;
        self.0.endpoints_of(&self.0.own).await
    }
}
