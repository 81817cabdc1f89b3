//! Merges what clusters publish, and says which of them are alive.
//!
//! ```text
//!  ClusterCaches ──► Shards (R23) ──► desk ──► HostnameCaches       only those that changed
//!  heartbeat Leases ──► Judge (R20, R20a) ──► desk ──► status of Clusters
//!  configuration: own cluster, peers ──► desk ──► Clusters that are missing
//! ```
//!
//! Every replica watches and judges; the one that leads writes (R28). A standby takes over what the leader judged, so that
//! a change of leader changes no state. It refuses to know what endpoints mean, and who answers them.

mod foreign;
mod judge;
mod leftovers;
mod merge;
mod states;
mod wanted;

use std::collections::BTreeSet;
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use k8s_openapi::api::coordination::v1::Lease;
use mci_core::{ClusterId, ClusterState, LivenessLimits};
use tokio::sync::{mpsc, watch as told};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};

use self::merge::Merge;
use self::states::States;
use self::wanted::{ContentHash, Exists, Merged, Says};
use crate::client::ClusterClient;
use crate::decode::{self, Decoding};
use crate::lease::Claim;
use crate::names;
use crate::resources::{Cluster, ClusterCache, HostnameCache};
use crate::shards::Shards;
use crate::watch::{self, Batch, Progress, Source, Timing};
use crate::write::{Counters, Desk, Lanes, Strangers, Writer};

/// The Lease that orchestrators contend for.
pub const LEASE: &str = "mci-orchestrator";
/// Batches that wait: each holds a burst already.
const BATCHES: usize = 16;

/// What does not change while it runs.
#[derive(Clone, Debug)]
pub struct Options {
    /// The namespace that holds the caches.
    pub namespace: String,
    /// The own cluster.
    pub cluster: ClusterId,
    /// How watches are kept and proved.
    pub timing: Timing,
}

/// What may change while it runs.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Settings {
    /// The other clusters that belong here.
    pub peers: BTreeSet<ClusterId>,
    /// How long a heartbeat may be missing.
    pub liveness: LivenessLimits,
}

/// How it is doing, for metrics and readiness.
#[derive(Clone, Debug)]
pub struct Gauges {
    /// Its watches: ClusterCaches, HostnameCaches, Clusters, Leases.
    pub watches: [Arc<Progress>; 4],
    /// Objects that were passed over.
    pub decoding: Arc<Decoding>,
    /// Writes of HostnameCaches, of missing Clusters, and of their status.
    pub writes: [(&'static str, Arc<Counters>); 3],
    /// What is known of clusters.
    pub clusters: Arc<Mutex<Judged>>,
}

/// What is known of clusters at a moment.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Judged {
    /// Each with its state and how long it has not been heard.
    pub clusters: Vec<(ClusterId, ClusterState, Duration)>,
    /// No front end here is known to be receiving: no peer can become stale.
    pub frozen: bool,
    /// Hostnames that some cluster publishes.
    pub hostnames: usize,
}

/// The orchestrator of one cluster.
pub struct Orchestrator {
    client: ClusterClient,
    options: Options,
    settings: told::Receiver<Settings>,
    claim: Claim,
    gauges: Gauges,
}

impl fmt::Debug for Orchestrator {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Orchestrator").field("options", &self.options).finish_non_exhaustive()
    }
}

/// A task of the orchestrator ended that should not have.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0} ended by itself")]
pub struct Ended(pub &'static str);

impl Orchestrator {
    /// Writes to the cluster of `client` whenever `claim` says that it leads.
    pub fn new(
        client: ClusterClient,
        options: Options,
        settings: told::Receiver<Settings>,
        claim: Claim,
    ) -> Self {
        let progress = |name| Arc::new(Progress::new(name));
        let gauges = Gauges {
            watches: ["clustercaches", "hostnamecaches", "clusters", "leases"].map(progress),
            decoding: Arc::default(),
            writes: ["HostnameCache", "Cluster", "Cluster/status"].map(|name| (name, Arc::default())),
            clusters: Arc::default(),
        };
        Self { client, options, settings, claim, gauges }
    }

    /// For metrics and readiness.
    pub fn gauges(&self) -> Gauges {
        self.gauges.clone()
    }

    /// Runs until `stop`, and then until what is in flight has been answered. Release the claim only after that.
    pub async fn run(self, stop: CancellationToken) -> Result<(), Ended> {
        let Self { client, options, settings, claim, gauges } = self;
        let namespace: Arc<str> = options.namespace.as_str().into();
        let lanes = Lanes::default();
        let shards = Arc::new(Mutex::new(Shards::default()));
        let hostnames: Desk<Merged> = Desk::new(Strangers::Keep, Duration::ZERO);
        let exists: Desk<Exists> = Desk::new(Strangers::Keep, Duration::ZERO);
        let says: Desk<Says> = Desk::new(Strangers::Keep, Duration::ZERO);

        let watches = Watches { client: client.clone(), options: options.clone() };
        let [of_shards, of_hostnames, of_clusters, of_leases] = gauges.watches.clone();
        let mut tasks: JoinSet<&'static str> = JoinSet::new();

        let decode_shards = decode::cluster_caches(Arc::clone(&gauges.decoding));
        let shard_batches = watches.begin::<ClusterCache, _>(&mut tasks, of_shards, decode_shards);
        let hostname_batches = watches.begin::<HostnameCache, _>(&mut tasks, of_hostnames, hostname_seen);
        let cluster_batches =
            watches.begin::<Cluster, _>(&mut tasks, of_clusters, |raw| watch::decode(raw).map(Arc::new));
        let lease_batches = watches.begin::<Lease, _>(&mut tasks, Arc::clone(&of_leases), watch::decode);

        let [(_, of_hostnames), (_, of_exists), (_, of_says)] = gauges.writes.clone();
        let crew = Writes { client: client.clone(), claim: claim.clone(), lanes, stop: stop.clone() };
        let mut writers: JoinSet<&'static str> = JoinSet::new();
        crew.begin(&mut writers, "HostnameCache", &hostnames, of_hostnames);
        crew.begin(&mut writers, "Cluster", &exists, of_exists);
        crew.begin(&mut writers, "Cluster/status", &says, of_says);

        let merge = Merge::new(Arc::clone(&namespace), Arc::clone(&shards), hostnames);
        let states = States::new(states::Parts {
            client,
            options,
            settings,
            claim,
            namespace,
            shards,
            exists,
            says,
            leases: of_leases,
            judged: Arc::clone(&gauges.clusters),
            strangers: merge.strangers(),
        });
        tasks.spawn(async move {
            merge.run(shard_batches, hostname_batches).await;
            "merging"
        });
        tasks.spawn(async move {
            states.run(cluster_batches, lease_batches).await;
            "judging"
        });

        let ended = tokio::select! {
            () = stop.cancelled() => None,
            Some(ended) = tasks.join_next() => Some(ended),
            Some(ended) = writers.join_next() => Some(ended),
        };
        // What is in flight is waited for; what only looks is not.
        tasks.shutdown().await;
        let Some(ended) = ended else {
            while writers.join_next().await.is_some() {}
            info!("Orchestrator ended");
            return Ok(());
        };
        writers.shutdown().await;
        match ended {
            Ok(name) => Err(Ended(name)),
            Err(error) => {
                warn!(%error, "A task of the orchestrator failed");
                Err(Ended("a task of the orchestrator"))
            }
        }
    }
}

/// Begins watches.
struct Watches {
    client: ClusterClient,
    options: Options,
}

impl Watches {
    fn begin<K, T>(
        &self,
        tasks: &mut JoinSet<&'static str>,
        progress: Arc<Progress>,
        decode: impl Fn(&serde_json::value::RawValue) -> Result<T, String> + Send + Sync + 'static,
    ) -> mpsc::Receiver<Batch<T>>
    where
        K: kube::Resource<DynamicType = ()>,
        T: Send + Sync + 'static,
    {
        let (sender, receiver) = mpsc::channel(BATCHES);
        let name = progress.name();
        let source = Source::of::<K>(name, Some(&self.options.namespace));
        let (client, timing) = (self.client.clone(), self.options.timing);
        tasks.spawn(async move {
            watch::watch(client, source, timing, progress, decode, sender).await;
            name
        });
        receiver
    }
}

/// Begins writers.
struct Writes {
    client: ClusterClient,
    claim: Claim,
    lanes: Lanes,
    stop: CancellationToken,
}

impl Writes {
    fn begin<W: crate::write::Wanted>(
        &self,
        writers: &mut JoinSet<&'static str>,
        name: &'static str,
        desk: &Desk<W>,
        counters: Arc<Counters>,
    ) {
        let writer = Writer {
            name,
            client: self.client.clone(),
            desk: desk.clone(),
            claim: self.claim.clone(),
            lanes: self.lanes.clone(),
            counters,
            listener: None,
        };
        let stop = self.stop.clone();
        writers.spawn(async move {
            writer.run(stop).await;
            name
        });
    }
}

/// What is kept of a HostnameCache.
struct HostnameSeen {
    hash: ContentHash,
    /// Its name is that of its content.
    ours: bool,
}

fn hostname_seen(raw: &serde_json::value::RawValue) -> Result<HostnameSeen, String> {
    let object: HostnameCache = watch::decode(raw)?;
    Ok(HostnameSeen { hash: ContentHash::of(&object), ours: names::is_ours(&object) })
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
