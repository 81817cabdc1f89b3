//! Heartbeats, from every replica (R21).
//!
//! The index says when one is due, so that a replica whose index stands still is silent; this task sends it. What a
//! heartbeat repeats of the own `Cluster` is as old as what this replica saw of it: its version is the term, so a replica
//! that lags behind another takes over what that one said, and never takes it back.
//!
//! What is learnt on the way is told to whoever sends heartbeats to peers.

use std::sync::Arc;

use k8s_openapi::api::coordination::v1::Lease;
use k8s_openapi::api::core::v1::Namespace;
use mci_core::ClusterId;
use tokio::sync::watch;
use tokio::time::{Duration, sleep};
use tokio_util::sync::CancellationToken;
use tracing::{debug, warn};

use super::gauges::Gauges;
use crate::client::{CallError, ClusterClient};
use crate::heartbeat::{self, Beat, Evidence, HEARTBEAT, Pulse, Said};
use crate::pause::Pause;
use crate::watch::ObjectKey;

/// A heartbeat that is due.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Due {
    /// Counts up.
    pub(super) number: u64,
    pub(super) interval: Duration,
    /// The version of the own `Cluster` that first said the rest; 0 while there is none.
    pub(super) term: u64,
    pub(super) left: bool,
    pub(super) overrides: String,
    /// How old this cluster's view of its API server is, of the replica that says so.
    pub(super) view_age: Option<Duration>,
    /// This replica leads, and sees the API server.
    pub(super) leads: bool,
}

/// What the API server adds to that.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Learnt {
    /// Which installation this is; nothing while that is not known, empty where it may not be.
    pub(super) instance: Option<String>,
    /// What the own Lease said that is newer than what this replica saw.
    pub(super) newer: Option<Said>,
}

pub(super) struct Sender {
    pub(super) client: ClusterClient,
    pub(super) namespace: Arc<str>,
    pub(super) own: ClusterId,
    pub(super) due: watch::Receiver<Due>,
    pub(super) gauges: Arc<Gauges>,
    pub(super) learnt: watch::Sender<Learnt>,
}

impl Sender {
    pub(super) async fn run(mut self, stop: CancellationToken) {
        let mut pulse: Option<(Duration, Pulse)> = None;
        let mut pause = Pause::default();
        loop {
            tokio::select! {
                () = stop.cancelled() => return,
                changed = self.due.changed() => if changed.is_err() { return },
            }
            loop {
                let due = self.due.borrow_and_update().clone();
                if due.number == 0 {
                    break;
                }
                let pulse = match &mut pulse {
                    Some((interval, pulse)) if *interval == due.interval => pulse,
                    other => {
                        let of = Pulse::of_cluster(&self.namespace, self.own.as_str(), due.interval);
                        &mut other.insert((due.interval, of)).1
                    }
                };
                let sent = tokio::select! {
                    () = stop.cancelled() => return,
                    sent = self.send(pulse, &due) => sent,
                };
                self.gauges.count_heartbeat(sent.is_ok());
                match sent {
                    Ok(beat) => {
                        debug!(number = due.number, ?beat, "A heartbeat was sent");
                        pause.reset();
                        break;
                    }
                    Err(error) => {
                        if error.is_conflict() {
                            debug!(%error, "Another replica sends a heartbeat at the same time");
                        } else {
                            warn!(%error, "A heartbeat could not be sent");
                        }
                        tokio::select! {
                            () = stop.cancelled() => return,
                            () = sleep(pause.next()) => {}
                        }
                    }
                }
            }
        }
    }

    async fn send(&self, pulse: &mut Pulse, due: &Due) -> Result<Beat, CallError> {
        let instance = self.instance().await?;
        let Due { number: _, interval: _, term, left, overrides, view_age: _, leads: _ } = due.clone();
        let mut said = Said { instance, term, left, overrides, ..Said::default() };
        let key = ObjectKey::new(&self.namespace, &format!("{HEARTBEAT}{}", self.own));
        if let Some(lease) = self.client.get::<Lease>(&key).await?
            && let Ok(Evidence::Heartbeat { said: newer, .. }) = heartbeat::read(&lease)
            && newer.term > said.term
        {
            said = Said { instance: said.instance, ..newer };
            self.learn(|learnt| learnt.newer = Some(said.clone()));
        }
        pulse.heard(&self.client, &said).await
    }

    /// The UID of the namespace. A heartbeat that cannot say whose it is, is one all the same.
    async fn instance(&self) -> Result<String, CallError> {
        if let Some(known) = self.learnt.borrow().instance.clone() {
            return Ok(known);
        }
        let instance = match self.client.get::<Namespace>(&ObjectKey::new("", &self.namespace)).await {
            Ok(found) => found.and_then(|found| found.metadata.uid).unwrap_or_default(),
            Err(error) if error.is_forbidden() => {
                warn!(%error, "The namespace cannot be read: heartbeats do not say which installation this is");
                String::new()
            }
            Err(error) => return Err(error),
        };
        self.learn(|learnt| learnt.instance = Some(instance.clone()));
        Ok(instance)
    }

    fn learn(&self, change: impl FnOnce(&mut Learnt)) {
        self.learnt.send_if_modified(|learnt| {
            let before = learnt.clone();
            change(learnt);
            *learnt != before
        });
    }
}
