//! What a dns-server answers, supplied from the API server.
//!
//! ```text
//!  HostnameCaches (or ClusterCaches, merged here) ──► Intake (R26) ──┐
//!  Clusters: states (R20), overrides (R24) ──────────────────────────┴─► Live ──► whoever answers
//!  snapshot file, while the API server does not answer at the start ─────┘
//! ```
//!
//! It judges nobody and decides nothing: what it is told it supplies. Losing the API server changes nothing; a kind that
//! is not there (its definition was deleted) withdraws nothing. It refuses to know DNS, files and metrics.

mod clusters;
mod hostnames;
mod once;
mod state;
#[cfg(test)]
mod tests;

use std::sync::Arc;
use std::time::Duration;

use mci_core::{Changes, ClusterId, Hostname, Live, Snapshot, WithdrawalLimits};
use tokio::sync::{mpsc, watch as told};
use tokio::time::{Instant, MissedTickBehavior, interval, sleep_until};
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};

pub(crate) use self::once::shards;
pub use self::once::{Facts, once};
use self::state::State;
use crate::client::ClusterClient;
use crate::content::cluster::ClusterView;
use crate::decode::{self, ClusterItem, Decoding, HostnameItem};
use crate::resources::{Cluster, ClusterCache, HostnameCache};
use crate::shards::ShardItem;
use crate::watch::{self, Batch, Progress, Source as Watched, Timing};

/// How long the first sync may take before the snapshot file answers.
pub const PATIENCE: Duration = Duration::from_secs(2);
/// Batches that wait: each holds a burst already.
const BATCHES: usize = 16;

/// Where hostnames come from.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Source {
    /// One object a hostname, merged by the orchestrator.
    #[default]
    HostnameCaches,
    /// What each cluster publishes, merged here: one hop fewer, and no orchestrator in the path.
    ClusterCaches,
}

/// What is supplied from where.
#[derive(Clone, Debug)]
pub struct Options {
    /// The namespace that holds the caches.
    pub namespace: String,
    /// The own cluster, whose `Cluster` confirms withdrawals.
    pub cluster: ClusterId,
    /// Where hostnames come from.
    pub source: Source,
    /// How watches are kept and proved.
    pub timing: Timing,
    /// When withdrawals are held (R26), until [`Supply::configure`] says otherwise.
    pub withdrawal: WithdrawalLimits,
}

/// Hears what is supplied. Called by the supplying task: it must not wait.
pub trait Listener: Send + Sync + 'static {
    /// What is answered may have changed.
    fn changed(&self, changes: &Changes);
    /// These withdrawals have just been held (R26).
    fn held(&self, hostnames: &[Hostname]);
    /// The withdrawal of these is held now; told after each edit, whether or not it is others than before.
    fn holding(&self, hostnames: &mut dyn Iterator<Item = &Hostname>);
    /// What is said of clusters, with what no answer depends on; told whenever it may be other than before.
    fn clusters(&self, _views: &mut dyn Iterator<Item = &ClusterView>) {}
    /// The snapshot file answers, until the first sync is whole.
    fn answering_from_file(&self);
    /// Answers come from the API server.
    fn synced(&self);
}

/// Supplies one `Live` from one cluster's API server.
pub struct Supply {
    options: Options,
    client: ClusterClient,
    live: Arc<Live>,
    listener: Arc<dyn Listener>,
    decoding: Arc<Decoding>,
    progress: [Arc<Progress>; 2],
    limits: told::Sender<WithdrawalLimits>,
}

impl std::fmt::Debug for Supply {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Supply").field("options", &self.options).finish_non_exhaustive()
    }
}

/// What a supply tells of itself, for readiness and metrics.
#[derive(Clone, Debug)]
pub struct Gauges {
    /// Its watches: of hostnames, and of clusters.
    pub watches: [Arc<Progress>; 2],
    /// Objects that were passed over.
    pub decoding: Arc<Decoding>,
}

impl Supply {
    /// Supplies `live`, whose zones and settings are the caller's to keep.
    pub fn new(
        client: ClusterClient,
        options: Options,
        live: Arc<Live>,
        listener: Arc<dyn Listener>,
    ) -> Self {
        let hostnames = match options.source {
            Source::HostnameCaches => "hostnamecaches",
            Source::ClusterCaches => "clustercaches",
        };
        let progress = [Arc::new(Progress::new(hostnames)), Arc::new(Progress::new("clusters"))];
        let limits = told::Sender::new(options.withdrawal);
        Self { options, client, live, listener, decoding: Arc::default(), progress, limits }
    }

    /// Says when what goes from now on is held (R26).
    pub fn configure(&self, limits: WithdrawalLimits) {
        self.limits.send_replace(limits);
    }

    /// For readiness and metrics.
    pub fn gauges(&self) -> Gauges {
        Gauges { watches: self.progress.clone(), decoding: Arc::clone(&self.decoding) }
    }

    /// Supplies until `stop`. `file` is what was served before, as the snapshot file has it.
    ///
    /// It may be run again, after it failed: what is answered by then is what it begins with.
    pub async fn run(&self, file: Option<Snapshot>, stop: CancellationToken) {
        match self.options.source {
            Source::HostnameCaches => {
                let decode = decode::hostname_caches(Arc::clone(&self.decoding));
                let watched = self.watched::<HostnameCache>("hostnamecaches");
                self.run_with::<HostnameItem, _>(file, watched, decode, stop).await;
            }
            Source::ClusterCaches => {
                let decode = decode::cluster_caches(Arc::clone(&self.decoding));
                let watched = self.watched::<ClusterCache>("clustercaches");
                self.run_with::<ShardItem, _>(file, watched, decode, stop).await;
            }
        }
    }

    fn watched<K: kube::Resource<DynamicType = ()>>(&self, name: &'static str) -> Watched {
        Watched::of::<K>(name, Some(&self.options.namespace))
    }

    async fn run_with<T, D>(
        &self,
        file: Option<Snapshot>,
        watched: Watched,
        decode: D,
        stop: CancellationToken,
    ) where
        T: hostnames::Item,
        D: Fn(&serde_json::value::RawValue) -> Result<T, String>,
    {
        let live = Arc::clone(&self.live);
        let mut state = State::<T::Hostnames>::new(&self.options, live, Arc::clone(&self.listener), file);
        let mut limits = self.limits.subscribe();
        limits.mark_changed();
        let [of_hostnames, of_clusters] = &self.progress;
        let timing = self.options.timing;
        let (hostname_sender, mut hostnames) = mpsc::channel::<Batch<T>>(BATCHES);
        let (cluster_sender, mut clusters) = mpsc::channel::<Batch<ClusterItem>>(BATCHES);
        let watch_hostnames = watch::watch(
            self.client.clone(),
            watched,
            timing,
            Arc::clone(of_hostnames),
            decode,
            hostname_sender,
        );
        let watch_clusters = watch::watch(
            self.client.clone(),
            self.watched::<Cluster>("clusters"),
            timing,
            Arc::clone(of_clusters),
            decode::clusters(Arc::clone(&self.decoding)),
            cluster_sender,
        );

        let supply = async {
            let patience = sleep_until(Instant::now() + PATIENCE);
            tokio::pin!(patience);
            // The API server says at once that it is not there.
            let lost = of_hostnames.reached(|state| matches!(state, watch::State::Lost { .. }));
            tokio::pin!(lost);
            let mut waiting = true;
            let mut every_second = interval(Duration::from_secs(1));
            every_second.set_missed_tick_behavior(MissedTickBehavior::Delay);
            loop {
                let due = state.next_due();
                tokio::select! {
                    biased;
                    () = stop.cancelled() => return,
                    Some(batch) = hostnames.recv() => blocking(|| state.hostnames(batch)),
                    Some(batch) = clusters.recv() => blocking(|| state.clusters(batch)),
                    Ok(()) = limits.changed() => state.configure(*limits.borrow_and_update()),
                    () = &mut patience, if waiting => {
                        waiting = false;
                        state.take_over();
                    }
                    () = &mut lost, if waiting => {
                        waiting = false;
                        state.take_over();
                    }
                    () = sleep_until(due.unwrap_or_else(Instant::now)), if due.is_some() => state.due(),
                    _ = every_second.tick() => state.tick(),
                    else => return,
                }
            }
        };
        tokio::select! {
            () = supply => {}
            // They end only when nobody receives any more.
            ((), ()) = async { tokio::join!(watch_hostnames, watch_clusters) } => {
                warn!("Watches ended by themselves");
            }
        }
        info!("Supplying ended: what was answered last stays");
    }
}

/// Large lists are taken in where they keep no other task of this thread waiting.
fn blocking<T>(work: impl FnOnce() -> T) -> T {
    match tokio::runtime::Handle::try_current().map(|handle| handle.runtime_flavor()) {
        Ok(tokio::runtime::RuntimeFlavor::MultiThread) => tokio::task::block_in_place(work),
        _ => work(),
    }
}
