//! The operator: what this cluster publishes, kept in the API server as its objects say.
//!
//! ```text
//!  API server ──► one watch a kind ──► one channel ──► Index (mci_core decides) ──► desks ──► writers ──► API server
//!                                                        │   ▲                                ▲
//!                                                        │   └── Settings                     │ asked at each write
//!                                                        ├── heartbeats, Events            Claim ◄── Lease
//!                                                        └── Outbox, Beat ──► whoever talks to peers
//! ```
//!
//! Every replica runs all of it: a standby's index is warm, its desks know what they would write, and it writes nothing
//! (R28) but heartbeats (R21). A new leader begins with what its predecessor published: what stays the same is not written
//! again, what changed meanwhile is written at once.
//!
//! It refuses to know what makes something ready, whose a hostname is, or what may be published: `mci_core::publish` does.

mod absences;
mod batches;
mod beats;
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
mod outgoing;
mod own_cluster;
mod pulse;
mod status;
mod tasks;
mod versions;
mod wanted;

use std::sync::Arc;
use std::time::Duration;

use mci_core::peer::Outbox;
use mci_core::publish::Config;
use mci_core::{ClusterId, WithdrawalLimits};
use tokio::sync::{Notify, mpsc, watch};
use tokio::time::sleep_until;
use tokio_util::sync::CancellationToken;
use tracing::info;

pub use self::beats::Beat;
use self::desks::{Desks, Writing};
use self::feed::{Feeds, Message, News};
pub use self::gauges::{BOUNDS, Gauges, Histogram, Stage};
use self::index::{Index, Parts};
use self::notices::Notices;
use self::outgoing::Feeding;
use self::tasks::{Ended, Tasks};
use self::versions::Versions;
use crate::client::ClusterClient;
use crate::decode::Decoding;
use crate::events::{EventWriter, recorder};
use crate::lease::{self, Claim, Contender, contend};
use crate::watch::Timing;
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
    due: watch::Receiver<pulse::Due>,
    beats: watch::Sender<Beat>,
    outbox: Outgoing,
}

/// What is sent to peers, and when there is more of it.
#[derive(Clone, Debug)]
pub struct Outgoing {
    /// The own shards as the API server here holds them. What a peer holds instead is told to it, too.
    pub outbox: Arc<Outbox>,
    /// The outbox's generation, whenever it is another.
    pub generation: watch::Receiver<u64>,
    /// To be notified when something was put into the outbox that outdoes it: the operator looks at it.
    pub outdone: Arc<Notify>,
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
        let feeding = Feeding::new(&options.cluster, Arc::default(), versions.clone());
        let outbox = Outgoing {
            outbox: Arc::clone(feeding.outbox()),
            generation: feeding.generation(),
            outdone: Arc::default(),
        };
        let identity = lease::identity(&options.pod);
        let (claim, contender) = contend(
            client.clone(),
            lease::Options {
                namespace: options.namespace.clone(),
                name: LEASE.to_owned(),
                identity: identity.clone(),
                // A Lease that was deleted forgot its term; the shards remember it.
                floor: Arc::new(move || highest.term()),
                timing: options.lease,
            },
        );
        let kinds =
            ["ClusterCache", "ResourceCache", "ServiceCache", "GSLB/status", "GSLB/status of cyclops"];
        let counters = kinds.map(|kind| (kind, Arc::new(Counters::default())));
        let lanes = Lanes::default();
        let decoding = Arc::<Decoding>::default();
        let gauges =
            Arc::new(Gauges::new(claim.clone(), lanes.clone(), counters.clone(), Arc::clone(&decoding)));
        let (told, events) = recorder(client.clone(), "mci-operator", &options.pod);
        let notices = Notices::new(told, &options.namespace, options.cluster.clone());
        let desks = Desks::new();
        let (beats_due, due) = watch::channel(pulse::Due::default());
        let index = Index::new(Parts {
            own: options.cluster.clone(),
            namespace: options.namespace.as_str().into(),
            settings: of_cluster(settings.borrow().clone(), &options.cluster),
            claim,
            desks: desks.clone(),
            gauges: Arc::clone(&gauges),
            notices: notices.clone(),
            beats: beats_due,
            versions,
            feeding,
            identity,
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
            due,
            beats: watch::Sender::default(),
            outbox,
        }
    }

    /// What this cluster publishes, for peers. Only who leads sends it.
    pub fn outgoing(&self) -> Outgoing {
        self.outbox.clone()
    }

    /// Each heartbeat that is due, for peers. Every replica sends them (R21).
    pub fn beats(&self) -> watch::Receiver<Beat> {
        self.beats.subscribe()
    }

    /// Whether this replica leads.
    pub fn claim(&self) -> Claim {
        self.gauges.claim().clone()
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
            due,
            beats,
            outbox: Outgoing { outdone, .. },
        } = self;
        if index.settings.publish.hostname_policy.is_none() {
            info!("There is no hostnamePolicy: every namespace may publish every hostname (R27)");
        }
        let mut leadership = gauges.claim().watch();

        let (sender, mut messages) = mpsc::channel::<Message>(feed::WAITING);
        let mut feeds = Feeds::begin(&client, &options, &gauges, sender, &decoding);

        let mut writers = Tasks::default();
        let writing = Writing {
            client: client.clone(),
            claim: gauges.claim().clone(),
            lanes,
            gauges: Arc::clone(&gauges),
            notices,
        };
        let stop_writing = CancellationToken::new();
        desks.spawn(&mut writers, &writing, &counters, &stop_writing);

        let mut others = Tasks::default();
        let stop_others = CancellationToken::new();
        let beating = Beating { due, beats, gauges: Arc::clone(&gauges) };
        beating.spawn(&mut others, &client, &options, &stop_others);
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
                        for message in burst {
                            index.take(message);
                        }
                        index.settle();
                    });
                    feeds.follow(&mut index);
                }
                () = outdone.notified() => blocking(|| index.settle()),
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

/// What heartbeats are made of and counted by.
struct Beating {
    due: watch::Receiver<pulse::Due>,
    beats: watch::Sender<Beat>,
    gauges: Arc<Gauges>,
}

impl Beating {
    /// Sends them to the own API server, and tells them for peers.
    fn spawn(self, tasks: &mut Tasks, client: &ClusterClient, options: &Options, stop: &CancellationToken) {
        let Self { due, beats, gauges } = self;
        let (learnt, learning) = watch::channel(pulse::Learnt::default());
        let pulse = pulse::Sender {
            client: client.clone(),
            namespace: options.namespace.as_str().into(),
            own: options.cluster.clone(),
            due: due.clone(),
            gauges,
            learnt,
        };
        tasks.spawn("heartbeats", pulse.run(stop.clone()));
        tasks.spawn("heartbeats for peers", beats::tell(due, learning, beats, stop.clone()));
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
