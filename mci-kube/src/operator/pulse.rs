//! Heartbeats, from every replica (R21).
//!
//! The index says when one is due, so that a replica whose index stands still is silent; this task sends it. What a
//! heartbeat repeats of the own `Cluster` is as old as what this replica saw of it: its version is the term, so a replica
//! that lags behind another takes over what that one said, and never takes it back.

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
}

pub(super) struct Sender {
    pub(super) client: ClusterClient,
    pub(super) namespace: Arc<str>,
    pub(super) own: ClusterId,
    pub(super) due: watch::Receiver<Due>,
    pub(super) gauges: Arc<Gauges>,
    /// The UID of the namespace, once it is known.
    pub(super) instance: Option<String>,
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
                    sent = send(&self.client, &self.namespace, &self.own, &mut self.instance, pulse, &due) => sent,
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
}

async fn send(
    client: &ClusterClient,
    namespace: &str,
    own: &ClusterId,
    instance: &mut Option<String>,
    pulse: &mut Pulse,
    due: &Due,
) -> Result<Beat, CallError> {
    if instance.is_none() {
        *instance = match client.get::<Namespace>(&ObjectKey::new("", namespace)).await {
            Ok(found) => found.and_then(|found| found.metadata.uid),
            // A heartbeat that does not say whose it is, is one all the same.
            Err(error) if error.is_forbidden() => {
                warn!(%error, "The namespace cannot be read: heartbeats do not say which installation this is");
                None
            }
            Err(error) => return Err(error),
        };
    }
    let mut said = Said {
        instance: instance.clone().unwrap_or_default(),
        term: due.term,
        left: due.left,
        overrides: due.overrides.clone(),
        ..Said::default()
    };
    let key = ObjectKey::new(namespace, &format!("{HEARTBEAT}{own}"));
    if let Some(lease) = client.get::<Lease>(&key).await?
        && let Ok(Evidence::Heartbeat { said: newer, .. }) = heartbeat::read(&lease)
        && newer.term > said.term
    {
        said = Said { instance: said.instance, ..newer };
    }
    pulse.heard(client, &said).await
}
