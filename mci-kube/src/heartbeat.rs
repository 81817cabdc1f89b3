//! Heartbeats: counters in Leases, written rarely however many replicas send.
//!
//! ```text
//!   mci-heartbeat-<cluster>    who hears that cluster counts up; its annotations say what that cluster says of itself
//!   mci-receiver-<pod>         a front end that proves that it could hear
//! ```
//!
//! Nobody compares clocks: a reader takes a counter that moved as evidence, and knows itself when it saw that. A writer
//! leaves a counter alone that someone else moved within half an interval, as this writer saw it. What the annotations
//! say is written at once when it changes.
//!
//! It refuses to judge who is alive.

use std::collections::BTreeMap;
use std::time::Duration;

use k8s_openapi::api::coordination::v1::{Lease, LeaseSpec};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{MicroTime, ObjectMeta};
use k8s_openapi::jiff::Timestamp;
use tokio::time::Instant;

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

/// What a cluster says of itself with each heartbeat.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Said {
    /// Which installation it is: the UID of its operator's namespace.
    pub instance: String,
    /// Grows with each change of `left`: the highest that was seen decides (R20a).
    pub term: u64,
    /// It said goodbye.
    pub left: bool,
    /// The overrides that its own `Cluster` holds, as JSON (R24); empty for none.
    pub overrides: String,
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
    Ok(Said {
        instance: annotation(lease, INSTANCE).unwrap_or_default().to_owned(),
        term: number(lease, TERM)?.unwrap_or(0),
        left,
        overrides: annotation(lease, OVERRIDES).unwrap_or_default().to_owned(),
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

/// What came of a heartbeat.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Beat {
    /// We counted up.
    Written,
    /// It was counted up recently: by us, or by another replica.
    Recent,
}

/// Counts up one Lease. One for each cluster that is heard, in each process that hears.
#[derive(Debug)]
pub struct Pulse {
    key: ObjectKey,
    interval: Duration,
    known: Option<Known>,
}

impl Pulse {
    /// For heartbeats of `cluster`, which come once in `interval`.
    pub fn of_cluster(namespace: &str, cluster: &str, interval: Duration) -> Self {
        Self { key: ObjectKey::new(namespace, &format!("{HEARTBEAT}{cluster}")), interval, known: None }
    }

    /// For a front end that proves that it could hear.
    pub fn of_receiver(namespace: &str, pod: &str, interval: Duration) -> Self {
        Self { key: ObjectKey::new(namespace, &format!("{RECEIVER}{pod}")), interval, known: None }
    }

    /// That cluster was heard, and says this of itself.
    pub async fn heard(&mut self, client: &ClusterClient, said: &Said) -> Result<Beat, CallError> {
        self.beat(client, &Whose::Cluster(said.clone())).await
    }

    /// The front end could hear.
    pub async fn listening(&mut self, client: &ClusterClient) -> Result<Beat, CallError> {
        self.beat(client, &Whose::Receiver).await
    }

    async fn beat(&mut self, client: &ClusterClient, whose: &Whose) -> Result<Beat, CallError> {
        if self.is_recent(whose) {
            return Ok(Beat::Recent);
        }
        // Another replica may have counted meanwhile: nothing is written that one read can spare.
        self.look(client).await?;
        if self.is_recent(whose) {
            return Ok(Beat::Recent);
        }
        let next = self.next(whose);
        let written = match &self.known {
            Some(_) => client.replace(&next).await,
            None => client.create(&next).await,
        };
        match written {
            Ok(lease) => {
                let counter = counter(&lease).map_err(CallError::Nonsense)?;
                self.known = Some(Known { lease, counter, since: Instant::now() });
                Ok(Beat::Written)
            }
            Err(error) if error.is_conflict() || error.is_not_found() => {
                // Another replica was first. If it said the same, that is our heartbeat too; otherwise ours is still to be
                // said, and the next look shows over what.
                self.look(client).await?;
                if self.is_recent(whose) { Ok(Beat::Recent) } else { Err(error) }
            }
            Err(error) => Err(error),
        }
    }

    async fn look(&mut self, client: &ClusterClient) -> Result<(), CallError> {
        let lease: Option<Lease> = client.get(&self.key).await?;
        let before = self.known.take();
        self.known = lease.map(|lease| {
            // One that cannot be read is counted on from the beginning: it moves.
            let counter = counter(&lease).unwrap_or(0);
            let same = before.filter(|before| before.counter == counter);
            let since = same.map_or_else(Instant::now, |before| before.since);
            Known { lease, counter, since }
        });
        Ok(())
    }

    fn is_recent(&self, whose: &Whose) -> bool {
        let Some(known) = &self.known else { return false };
        let same = match whose {
            Whose::Cluster(now) => counter(&known.lease).is_ok() && said(&known.lease).as_ref() == Ok(now),
            Whose::Receiver => counter(&known.lease).is_ok(),
        };
        same && known.since.elapsed() < self.interval / 2
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
        if let Whose::Cluster(Said { instance, term, left, overrides }) = whose {
            annotations.insert(INSTANCE.to_owned(), instance.clone());
            annotations.insert(TERM.to_owned(), term.to_string());
            annotations.insert(LEFT.to_owned(), left.to_string());
            annotations.insert(OVERRIDES.to_owned(), overrides.clone());
        }
        // For people: nobody compares it.
        let spec = lease.spec.get_or_insert_with(LeaseSpec::default);
        spec.renew_time = Some(MicroTime(Timestamp::now()));
        lease
    }
}
