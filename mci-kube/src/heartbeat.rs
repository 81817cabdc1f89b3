//! Heartbeats: counters in Leases, written rarely however many replicas send.
//!
//! ```text
//!   mci-heartbeat-<cluster>    who hears that cluster counts up; its annotations say what that cluster says of itself
//!   mci-receiver-<pod>         a front end that proves that it could hear
//! ```
//!
//! Nobody compares clocks: a reader takes a counter that moved as evidence, and knows itself when it saw that. A writer
//! leaves a counter alone that someone else moved within half an interval, as this writer saw it. What the annotations
//! say is written at once when it changes, though not more than twenty times in an interval, whatever a peer says.
//!
//! Of what several replicas of a cluster say, the highest term decides: what says less is life, and takes nothing back.
//!
//! It refuses to judge who is alive.

use std::collections::BTreeMap;
use std::time::Duration;

use k8s_openapi::api::coordination::v1::{Lease, LeaseSpec};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{MicroTime, ObjectMeta};
use k8s_openapi::jiff::Timestamp;
use mci_core::peer::{Heartbeat, Protocol};
use tokio::time::{Instant, sleep_until};

use crate::client::{CallError, ClusterClient};
use crate::watch::ObjectKey;

/// The beginning of the names of heartbeat Leases; the cluster follows.
pub const HEARTBEAT: &str = "mci-heartbeat-";
/// The beginning of the names of receiver Leases; the pod follows.
pub const RECEIVER: &str = "mci-receiver-";

const COUNTER: &str = "mci.dev/counter";
const INSTANCE: &str = "mci.dev/instance";
const TERM: &str = "mci.dev/term";
const LEFT: &str = "mci.dev/left";
const OVERRIDES: &str = "mci.dev/overrides";
const PROTOCOL: &str = "mci.dev/protocol";
const VIEW: &str = "mci.dev/view";

/// What a cluster says of itself with each heartbeat, and how it was heard.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Said {
    /// Which installation it is: the UID of its operator's namespace.
    pub instance: String,
    /// Grows with each change of what follows: the highest that was seen decides (R20a).
    pub term: u64,
    /// It said goodbye.
    pub left: bool,
    /// The overrides that its own `Cluster` holds, as JSON (R24); empty for none.
    pub overrides: String,
    /// How it was heard; nothing for the own cluster.
    pub protocol: Option<Protocol>,
    /// How well its leader sees its own API server; nothing where it does not say.
    pub view: Option<View>,
}

/// How well a cluster's leader sees its own API server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum View {
    /// What it publishes is what there is.
    Ok,
    /// What it publishes is as old as its last working view: alive, and shown.
    Degraded,
}

impl View {
    /// As the annotation has it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Degraded => "degraded",
        }
    }
}

impl Said {
    /// A peer's heartbeat. A view older than `old` is degraded.
    pub fn by(heartbeat: &Heartbeat, protocol: Protocol, old: Duration) -> Self {
        let Heartbeat { instance, term, left, overrides, view_age } = heartbeat;
        let view = view_age.map(|age| if age > old { View::Degraded } else { View::Ok });
        Self {
            instance: instance.clone(),
            term: *term,
            left: *left,
            overrides: overrides.clone(),
            protocol: Some(protocol),
            view,
        }
    }

    /// What is known once this was heard after `before`.
    ///
    /// Another installation begins anew. The same one takes back nothing that it said in a higher term, and who cannot
    /// say which installation it is, or how well it sees, leaves that as it was.
    fn after(&self, before: &Self) -> Self {
        if self.is_another_than(before) {
            return self.clone();
        }
        let instance = if self.instance.is_empty() { &before.instance } else { &self.instance };
        let word = if before.term > self.term { before } else { self };
        Self {
            instance: instance.clone(),
            term: word.term,
            left: word.left,
            overrides: word.overrides.clone(),
            protocol: self.protocol,
            view: self.view.or(before.view),
        }
    }

    /// Whether both say which installation they are, and differ.
    pub(crate) fn is_another_than(&self, before: &Self) -> bool {
        !self.instance.is_empty() && !before.instance.is_empty() && self.instance != before.instance
    }
}

/// A Lease of heartbeats, as read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Evidence {
    /// Someone here heard that cluster.
    Heartbeat {
        /// Its identifier.
        cluster: String,
        /// That it moved is the evidence; its value says nothing.
        counter: u64,
        /// What it says of itself.
        said: Said,
    },
    /// A front end here could hear.
    Receiver {
        /// Its name.
        pod: String,
        /// That it moved is the evidence.
        counter: u64,
    },
    /// A Lease for something else.
    Other,
}

/// Reads a Lease as evidence; says what is wrong with one that is ours by its name and cannot be read.
pub fn read(lease: &Lease) -> Result<Evidence, String> {
    let name = lease.metadata.name.as_deref().unwrap_or_default();
    if let Some(cluster) = name.strip_prefix(HEARTBEAT) {
        let (counter, said) = (counter(lease)?, said(lease)?);
        Ok(Evidence::Heartbeat { cluster: cluster.to_owned(), counter, said })
    } else if let Some(pod) = name.strip_prefix(RECEIVER) {
        Ok(Evidence::Receiver { pod: pod.to_owned(), counter: counter(lease)? })
    } else {
        Ok(Evidence::Other)
    }
}

fn annotation<'a>(lease: &'a Lease, name: &str) -> Option<&'a str> {
    lease.metadata.annotations.as_ref()?.get(name).map(String::as_str)
}

fn number(lease: &Lease, name: &str) -> Result<Option<u64>, String> {
    let Some(text) = annotation(lease, name) else { return Ok(None) };
    text.parse().map(Some).map_err(|_| format!("annotation {name} is {text:?}, which is no number"))
}

fn counter(lease: &Lease) -> Result<u64, String> {
    number(lease, COUNTER)?.ok_or_else(|| format!("annotation {COUNTER} is missing"))
}

fn said(lease: &Lease) -> Result<Said, String> {
    let left = match annotation(lease, LEFT) {
        None | Some("false") => false,
        Some("true") => true,
        Some(other) => return Err(format!("annotation {LEFT} is {other:?}, not \"true\" or \"false\"")),
    };
    let protocol = match annotation(lease, PROTOCOL) {
        None => None,
        Some("stream") => Some(Protocol::Stream),
        Some("rest") => Some(Protocol::Rest),
        Some(other) => return Err(format!("annotation {PROTOCOL} is {other:?}, not \"stream\" or \"rest\"")),
    };
    let view = match annotation(lease, VIEW) {
        None => None,
        Some("ok") => Some(View::Ok),
        Some("degraded") => Some(View::Degraded),
        Some(other) => return Err(format!("annotation {VIEW} is {other:?}, not \"ok\" or \"degraded\"")),
    };
    Ok(Said {
        instance: annotation(lease, INSTANCE).unwrap_or_default().to_owned(),
        term: number(lease, TERM)?.unwrap_or(0),
        left,
        overrides: annotation(lease, OVERRIDES).unwrap_or_default().to_owned(),
        protocol,
        view,
    })
}

/// Whose counter it is.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Whose {
    Cluster(Said),
    Receiver,
}

/// What there is, and since when this writer knows it so.
#[derive(Debug)]
struct Known {
    lease: Lease,
    counter: u64,
    since: Instant,
}

impl Known {
    /// What it says; nothing of one that cannot be read, which is written anew.
    fn said(&self) -> Option<Said> {
        counter(&self.lease).and_then(|_| said(&self.lease)).ok()
    }
}

/// What came of a heartbeat.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Beat {
    /// We counted up.
    Written,
    /// It was counted up recently: by us, or by another replica.
    Recent,
}

/// Why a heartbeat of a peer did not count.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Unheard {
    /// Another installation lives under this identifier.
    #[error("installation {living:?} is alive under this identifier")]
    Duplicate {
        /// The one that was here first.
        living: String,
    },
    /// The Lease could not be read or written.
    #[error(transparent)]
    Call(#[from] CallError),
}

/// Counts up one Lease. One for each cluster that is heard, in each process that hears.
#[derive(Debug)]
pub struct Pulse {
    key: ObjectKey,
    interval: Duration,
    known: Option<Known>,
    /// When the Lease was last read or written.
    looked: Option<Instant>,
    /// When we last wrote.
    written: Option<Instant>,
}

impl Pulse {
    /// For heartbeats of `cluster`, which come once in `interval`.
    pub fn of_cluster(namespace: &str, cluster: &str, interval: Duration) -> Self {
        Self::of(ObjectKey::new(namespace, &format!("{HEARTBEAT}{cluster}")), interval)
    }

    /// For a front end that proves that it could hear.
    pub fn of_receiver(namespace: &str, pod: &str, interval: Duration) -> Self {
        Self::of(ObjectKey::new(namespace, &format!("{RECEIVER}{pod}")), interval)
    }

    fn of(key: ObjectKey, interval: Duration) -> Self {
        Self { key, interval, known: None, looked: None, written: None }
    }

    /// Heartbeats come once in `interval` from now on.
    pub fn every(&mut self, interval: Duration) {
        self.interval = interval;
    }

    /// That cluster was heard, and says this of itself.
    pub async fn heard(&mut self, client: &ClusterClient, said: &Said) -> Result<Beat, CallError> {
        match self.beat(client, &Whose::Cluster(said.clone()), || false).await {
            Ok(beat) => Ok(beat),
            Err(Unheard::Call(error)) => Err(error),
            Err(Unheard::Duplicate { .. }) => unreachable!("nobody is said to be alive"),
        }
    }

    /// A peer was heard, and says this of itself; `is_alive` says whether that cluster is, where another installation
    /// than the one that was heard last speaks.
    pub async fn heard_peer(
        &mut self,
        client: &ClusterClient,
        said: &Said,
        is_alive: impl Fn() -> bool,
    ) -> Result<Beat, Unheard> {
        self.beat(client, &Whose::Cluster(said.clone()), is_alive).await
    }

    /// The front end could hear.
    pub async fn listening(&mut self, client: &ClusterClient) -> Result<Beat, CallError> {
        match self.beat(client, &Whose::Receiver, || false).await {
            Ok(beat) => Ok(beat),
            Err(Unheard::Call(error)) => Err(error),
            Err(Unheard::Duplicate { .. }) => unreachable!("a receiver says nothing of installations"),
        }
    }

    /// What the Lease says, as it was at most half an interval ago.
    pub async fn said(&mut self, client: &ClusterClient) -> Result<Option<Said>, CallError> {
        if self.looked.is_none_or(|at| at.elapsed() >= self.interval / 2) {
            self.look(client).await?;
        }
        Ok(self.last_said())
    }

    /// What the Lease said when it was last read or written.
    pub fn last_said(&self) -> Option<Said> {
        self.known.as_ref().and_then(Known::said)
    }

    async fn beat(
        &mut self,
        client: &ClusterClient,
        whose: &Whose,
        is_alive: impl Fn() -> bool,
    ) -> Result<Beat, Unheard> {
        if self.is_recent(whose) {
            return Ok(Beat::Recent);
        }
        // What a peer says may differ each time: it costs a write each time, and so not as often as it likes.
        if let Some(written) = self.written {
            sleep_until(written + self.interval / 20).await;
        }
        // Another replica may have counted meanwhile: nothing is written that one read can spare.
        self.look(client).await?;
        if self.is_recent(whose) || self.is_spoken_for(whose) {
            return Ok(Beat::Recent);
        }
        self.check(whose, &is_alive)?;
        let next = self.next(whose);
        let written = match &self.known {
            Some(_) => client.replace(&next).await,
            None => client.create(&next).await,
        };
        match written {
            Ok(lease) => {
                let counter = counter(&lease).map_err(CallError::Nonsense)?;
                let now = Instant::now();
                self.known = Some(Known { lease, counter, since: now });
                (self.looked, self.written) = (Some(now), Some(now));
                Ok(Beat::Written)
            }
            Err(error) if error.is_conflict() || error.is_not_found() => {
                // Another replica was first. If it said the same, that is our heartbeat too; otherwise ours is still to be
                // said, and the next look shows over what.
                self.look(client).await?;
                if self.is_recent(whose) { Ok(Beat::Recent) } else { Err(error.into()) }
            }
            Err(error) => Err(error.into()),
        }
    }

    async fn look(&mut self, client: &ClusterClient) -> Result<(), CallError> {
        let lease: Option<Lease> = client.get(&self.key).await?;
        let before = self.known.take();
        self.looked = Some(Instant::now());
        self.known = lease.map(|lease| {
            // One that cannot be read is counted on from the beginning: it moves.
            let counter = counter(&lease).unwrap_or(0);
            let same = before.filter(|before| before.counter == counter);
            let since = same.map_or_else(Instant::now, |before| before.since);
            Known { lease, counter, since }
        });
        Ok(())
    }

    /// Refuses another installation while the one that was heard last is alive.
    fn check(&self, whose: &Whose, is_alive: impl Fn() -> bool) -> Result<(), Unheard> {
        match (whose, self.last_said()) {
            (Whose::Cluster(now), Some(before)) if now.is_another_than(&before) && is_alive() => {
                Err(Unheard::Duplicate { living: before.instance })
            }
            _ => Ok(()),
        }
    }

    fn is_recent(&self, whose: &Whose) -> bool {
        let Some(known) = &self.known else { return false };
        let same = match whose {
            Whose::Cluster(now) => known.said().is_some_and(|before| now.after(&before) == before),
            Whose::Receiver => counter(&known.lease).is_ok(),
        };
        same && known.since.elapsed() < self.interval / 2
    }

    /// A cluster that is heard by its stream is heard by nothing else, until that is silent: each of the two would
    /// otherwise take back what the other said of how it is heard.
    fn is_spoken_for(&self, whose: &Whose) -> bool {
        let (Whose::Cluster(now), Some(known)) = (whose, &self.known) else { return false };
        let by_stream = known.said().is_some_and(|before| before.protocol == Some(Protocol::Stream));
        now.protocol == Some(Protocol::Rest) && by_stream && known.since.elapsed() < self.interval * 3 / 2
    }

    fn next(&self, whose: &Whose) -> Lease {
        let mut lease = match &self.known {
            Some(known) => known.lease.clone(),
            None => Lease {
                metadata: ObjectMeta {
                    namespace: Some(self.key.namespace.to_string()),
                    name: Some(self.key.name.to_string()),
                    ..ObjectMeta::default()
                },
                spec: None,
            },
        };
        lease.metadata.managed_fields = None;
        let annotations = lease.metadata.annotations.get_or_insert_with(BTreeMap::new);
        let counter = self.known.as_ref().map_or(0, |known| known.counter).wrapping_add(1);
        annotations.insert(COUNTER.to_owned(), counter.to_string());
        if let Whose::Cluster(now) = whose {
            let said = self.last_said().map_or_else(|| now.clone(), |before| now.after(&before));
            let Said { instance, term, left, overrides, protocol, view } = said;
            annotations.insert(INSTANCE.to_owned(), instance);
            annotations.insert(TERM.to_owned(), term.to_string());
            annotations.insert(LEFT.to_owned(), left.to_string());
            annotations.insert(OVERRIDES.to_owned(), overrides);
            for (name, value) in [(PROTOCOL, protocol.map(Protocol::as_str)), (VIEW, view.map(View::as_str))]
            {
                match value {
                    Some(value) => annotations.insert(name.to_owned(), value.to_owned()),
                    None => annotations.remove(name),
                };
            }
        }
        // For people: nobody compares it.
        let spec = lease.spec.get_or_insert_with(LeaseSpec::default);
        spec.renew_time = Some(MicroTime(Timestamp::now()));
        lease
    }
}
