//! The operator: what this cluster publishes, kept in the API server as its objects say.
//!
//! ```text
//!  API server ──► one watch a kind ──► one channel ──► Index (mci_core decides) ──► desks ──► writers ──► API server
//!                                                        │   ▲                                ▲
//!                                                        │   └── Settings                     │ asked at each write
//!                                                        └── heartbeats, Events            Claim ◄── Lease
//! ```
//!
//! Every replica runs all of it: a standby's index is warm, its desks know what they would write, and it writes nothing
//! (R28) but heartbeats (R21). A new leader begins with what its predecessor published: what stays the same is not written
//! again, what changed meanwhile is written at once.
//!
//! It refuses to know what makes something ready, whose a hostname is, or what may be published: `mci_core::publish` does.

mod absences;
mod batches;
mod book;
mod caches;
mod definitions;
mod desks;
mod effects;
mod feed;
mod gauges;
mod index;
mod neighbours;
mod notices;
mod pulse;
mod status;
mod tasks;
mod versions;
mod wanted;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use mci_core::publish::{Config, Group, Kind};
use mci_core::{ClusterId, WithdrawalLimits};
use tokio::sync::{mpsc, watch};
use tokio::task::AbortHandle;
use tokio::time::sleep_until;
use tokio_util::sync::CancellationToken;
use tracing::info;

use self::desks::{Desks, Writing};
use self::feed::{Message, News, follow};
pub use self::gauges::{BOUNDS, Gauges, Histogram, Stage};
use self::index::{Index, Parts};
use self::notices::Notices;
use self::tasks::{Ended, Tasks};
use self::versions::Versions;
use crate::client::ClusterClient;
use crate::decode::Decoding;
use crate::events::{EventWriter, recorder};
use crate::lease::{self, Contender, contend};
use crate::resources::{Cluster, ClusterCache, ResourceCache, ServiceCache};
use crate::translate;
use crate::watch::{Progress, Source, Timing};
use crate::write::{Counters, Lanes};

/// The Lease that one replica holds.
pub const LEASE: &str = "mci-operator";
/// So many messages are taken in before something is decided: a burst longer than this is several.
const BURST: usize = 256;

/// What does not change while the process runs.
#[derive(Clone, Debug)]
pub struct Options {
    /// Where the caches and Leases are.
    pub namespace: String,
    /// The own cluster.
    pub cluster: ClusterId,
    /// The pod's name: Events and the Lease say who it was.
    pub pod: String,
    /// How watches are kept and proved.
    pub timing: Timing,
    /// How leadership is held (R28).
    pub lease: lease::Timing,
}

/// What may change while the process runs.
#[derive(Clone, Debug, PartialEq)]
pub struct Settings {
    /// How this cluster publishes. Its cluster is that of the [`Options`].
    pub publish: Config,
    /// When withdrawals are held (R26).
    pub withdrawal: WithdrawalLimits,
    /// Between two heartbeats (R20). Default: 10 s.
    pub heartbeat: Duration,
}

impl Settings {
    /// The defaults.
    pub fn new(cluster: ClusterId) -> Self {
        let withdrawal = WithdrawalLimits::default();
        Self { publish: Config::new(cluster), withdrawal, heartbeat: Duration::from_secs(10) }
    }
}

/// Why an operator ended without being asked to.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Failure {
    /// Something without which it is no operator has ended: a mistake of this program.
    #[error("the operator's task {task} ended by itself")]
    Ended {
        /// Which one.
        task: &'static str,
    },
    /// The same, with what it said.
    #[error("the operator's task {task} failed: {reason}")]
    Panicked {
        /// Which one.
        task: &'static str,
        /// What it said.
        reason: String,
    },
}

impl From<Ended> for Failure {
    fn from(ended: Ended) -> Self {
        let Ended { task, panic } = ended;
        match panic {
            Some(reason) => Self::Panicked { task, reason },
            None => Self::Ended { task },
        }
    }
}

/// One replica of the operator.
pub struct Operator {
    client: ClusterClient,
    options: Options,
    settings: watch::Receiver<Settings>,
    index: Index,
    desks: Desks,
    gauges: Arc<Gauges>,
    notices: Notices,
    decoding: Arc<Decoding>,
    counters: [(&'static str, Arc<Counters>); 5],
    lanes: Lanes,
    contender: Contender,
    events: EventWriter,
    beats: watch::Receiver<pulse::Due>,
}

impl std::fmt::Debug for Operator {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Operator").field("options", &self.options).finish_non_exhaustive()
    }
}

impl Operator {
    /// A replica that does nothing yet.
    pub fn new(client: ClusterClient, options: Options, settings: watch::Receiver<Settings>) -> Self {
        let versions = Versions::default();
        let highest = versions.clone();
        let (claim, contender) = contend(
            client.clone(),
            lease::Options {
                namespace: options.namespace.clone(),
                name: LEASE.to_owned(),
                identity: lease::identity(&options.pod),
                // A Lease that was deleted forgot its term; the shards remember it.
                floor: Arc::new(move || highest.term()),
                timing: options.lease,
            },
        );
        let kinds = ["clustercaches", "resourcecaches", "servicecaches", "gslbs", "gslbs.cyclops"];
        let counters = kinds.map(|kind| (kind, Arc::new(Counters::default())));
        let lanes = Lanes::default();
        let decoding = Arc::<Decoding>::default();
        let gauges =
            Arc::new(Gauges::new(claim.clone(), lanes.clone(), counters.clone(), Arc::clone(&decoding)));
        let (told, events) = recorder(client.clone(), "mci-operator", &options.pod);
        let notices = Notices::new(told, &options.namespace, options.cluster.clone());
        let desks = Desks::new();
        let (due, beats) = watch::channel(pulse::Due::default());
        let index = Index::new(Parts {
            own: options.cluster.clone(),
            namespace: options.namespace.as_str().into(),
            settings: of_cluster(settings.borrow().clone(), &options.cluster),
            claim,
            desks: desks.clone(),
            gauges: Arc::clone(&gauges),
            notices: notices.clone(),
            beats: due,
            versions,
        });
        Self {
            client,
            options,
            settings,
            index,
            desks,
            gauges,
            notices,
            decoding,
            counters,
            lanes,
            contender,
            events,
            beats,
        }
    }

    /// For readiness and metrics.
    pub fn gauges(&self) -> Arc<Gauges> {
        Arc::clone(&self.gauges)
    }

    /// Runs until `stop`; then it finishes the writes that are under way and releases the Lease.
    pub async fn run(self, stop: CancellationToken) -> Result<(), Failure> {
        let Self {
            client,
            options,
            mut settings,
            mut index,
            desks,
            gauges,
            notices,
            decoding,
            counters,
            lanes,
            contender,
            events,
            beats,
        } = self;
        if index.settings.publish.hostname_policy.is_none() {
            info!("There is no hostnamePolicy: every namespace may publish every hostname (R27)");
        }
        let claim = gauges.claim().clone();
        let mut leadership = claim.watch();

        let (sender, mut messages) = mpsc::channel::<Message>(feed::WAITING);
        let mut feeds = Feeds {
            client: client.clone(),
            timing: options.timing,
            gauges: Arc::clone(&gauges),
            sender,
            tasks: Tasks::default(),
            optional: BTreeMap::new(),
            epoch: 0,
        };
        feeds.begin(&options, &decoding);

        let mut writers = Tasks::default();
        let writing = Writing {
            client: client.clone(),
            claim: claim.clone(),
            lanes,
            gauges: Arc::clone(&gauges),
            notices,
        };
        let stop_writing = CancellationToken::new();
        desks.spawn(&mut writers, &writing, &counters, &stop_writing);

        let mut others = Tasks::default();
        let stop_others = CancellationToken::new();
        let pulse = pulse::Sender {
            client: client.clone(),
            namespace: options.namespace.as_str().into(),
            own: options.cluster.clone(),
            due: beats,
            gauges: Arc::clone(&gauges),
            instance: None,
        };
        others.spawn("heartbeats", pulse.run(stop_others.clone()));
        others.spawn("events", events.run(stop_others.clone()));

        let mut contending = Tasks::default();
        let stop_contending = CancellationToken::new();
        contending.spawn("lease", contender.run(stop_contending.clone()));

        let ended = loop {
            let due = index.next_due();
            tokio::select! {
                () = stop.cancelled() => break None,
                ended = feeds.tasks.ended() => break Some(ended),
                ended = writers.ended() => break Some(ended),
                ended = others.ended() => break Some(ended),
                ended = contending.ended() => break Some(ended),
                message = messages.recv() => {
                    let mut burst: Vec<Message> = message.into_iter().collect();
                    while burst.len() < BURST && let Ok(message) = messages.try_recv() {
                        burst.push(message);
                    }
                    // What a definition's end means for its objects is known before they go.
                    burst.sort_by_key(|message| !matches!(message.news, News::Definitions(_)));
                    blocking(|| {
                        burst.into_iter().for_each(|message| index.take(message));
                        index.settle();
                    });
                    feeds.follow(&mut index);
                }
                Ok(()) = leadership.changed() => {
                    leadership.borrow_and_update();
                    blocking(|| index.settle());
                }
                Ok(()) = settings.changed() => {
                    let news = of_cluster(settings.borrow_and_update().clone(), &options.cluster);
                    blocking(|| {
                        index.configure(news);
                        index.settle();
                    });
                }
                () = sleep_until(due) => {
                    blocking(|| index.settle());
                    feeds.follow(&mut index);
                }
            }
        };

        // Nothing new is decided from here on. What is being written is finished under the claim, which goes last.
        feeds.tasks.abort();
        drop(messages);
        stop_writing.cancel();
        let panicked = writers.finish().await;
        stop_others.cancel();
        let panicked = panicked.or(others.finish().await);
        stop_contending.cancel();
        let panicked = panicked.or(contending.finish().await);
        let panicked = panicked.or(feeds.tasks.finish().await);
        match ended.or(panicked) {
            Some(ended) => Err(ended.into()),
            None => Ok(()),
        }
    }
}

/// The watches.
struct Feeds {
    client: ClusterClient,
    timing: Timing,
    gauges: Arc<Gauges>,
    sender: mpsc::Sender<Message>,
    tasks: Tasks,
    /// Of the Gateway API: where each kind is watched.
    optional: BTreeMap<Kind, (String, AbortHandle)>,
    epoch: u64,
}

impl Feeds {
    /// The watches that are always there.
    fn begin(&mut self, options: &Options, decoding: &Arc<Decoding>) {
        let Options { namespace, cluster, .. } = options;
        let source = Source::at("customresourcedefinitions", definitions::PATH);
        self.spawn(source, definitions::decode, News::Definitions);
        for group in [Group::Mci, Group::Cyclops] {
            let kind = Kind::Gslb(group);
            let path = translate::built_in_path(kind).expect("a GSLB has one path");
            let source = Source::at(name(kind), path);
            self.spawn(source, caches::gslbs(group), move |batch| News::Gslbs(group, batch));
        }
        for kind in translate::KINDS {
            if let (Some(path), false) = (translate::built_in_path(kind), matches!(kind, Kind::Gslb(_))) {
                let decode = move |raw: &serde_json::value::RawValue| translate::decode(kind, raw);
                self.spawn(Source::at(name(kind), path), decode, move |batch| News::Objects(kind, 0, batch));
            }
        }
        let source = Source::of::<ClusterCache>("clustercaches", Some(namespace));
        self.spawn(source, caches::cluster_caches(cluster, Arc::clone(decoding)), News::Shards);
        let source = Source::of::<ResourceCache>("resourcecaches", Some(namespace));
        self.spawn(source, caches::resource_cache, News::Resources);
        let source = Source::of::<ServiceCache>("servicecaches", Some(namespace));
        self.spawn(source, caches::service_cache, News::Services);
        let source = Source::of::<Cluster>("clusters", Some(namespace));
        self.spawn(source, caches::clusters(Arc::clone(decoding)), News::Clusters);
    }

    /// Watches the kinds of the Gateway API where they are now.
    fn follow(&mut self, index: &mut Index) {
        for (kind, wanted) in index.plan() {
            if self.optional.get(&kind).map(|(path, _)| path) == wanted.as_ref() {
                continue;
            }
            if let Some((path, task)) = self.optional.remove(&kind) {
                info!(path, "No longer watched");
                task.abort();
                self.gauges.watches_no_more(name(kind));
            }
            let Some(path) = wanted else { continue };
            self.epoch += 1;
            let epoch = self.epoch;
            index.epochs.insert(kind, epoch);
            let decode = move |raw: &serde_json::value::RawValue| translate::decode(kind, raw);
            let source = Source::at(name(kind), path.clone());
            let task = self.spawn(source, decode, move |batch| News::Objects(kind, epoch, batch));
            self.optional.insert(kind, (path, task));
        }
    }

    fn spawn<T, D>(
        &mut self,
        source: Source,
        decode: D,
        news: impl Fn(crate::watch::Batch<T>) -> News + Send + 'static,
    ) -> AbortHandle
    where
        T: Send + 'static,
        D: Fn(&serde_json::value::RawValue) -> Result<T, String> + Send + Sync + 'static,
    {
        let progress = Arc::new(Progress::new(source.name()));
        self.gauges.watches_now(Arc::clone(&progress));
        let (client, sender) = (self.client.clone(), self.sender.clone());
        let name = source.name();
        self.tasks.spawn(name, follow(client, source, self.timing, progress, decode, sender, news))
    }
}

/// For logs and metrics.
fn name(kind: Kind) -> &'static str {
    match kind {
        Kind::Gslb(Group::Cyclops) => "gslbs.cyclops",
        kind => translate::names(kind).2,
    }
}

/// A configuration cannot make this another cluster.
fn of_cluster(mut settings: Settings, cluster: &ClusterId) -> Settings {
    settings.publish.cluster = cluster.clone();
    settings
}

/// A large burst is taken in where it keeps no other task of this thread waiting.
fn blocking<T>(work: impl FnOnce() -> T) -> T {
    match tokio::runtime::Handle::try_current().map(|handle| handle.runtime_flavor()) {
        Ok(tokio::runtime::RuntimeFlavor::MultiThread) => tokio::task::block_in_place(work),
        _ => work(),
    }
}
