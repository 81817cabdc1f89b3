//! Heartbeats of peers, and the proof that this front end hears.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use mci_core::peer::{Heard, Heartbeat, Protocol, StoreError};
use mci_core::{ClusterId, ClusterState};
use tokio::sync::Mutex as AsyncMutex;
use tracing::warn;

use super::{Inner, unavailable};
use crate::client::CallError;
use crate::heartbeat::{Beat, Pulse, Said, Unheard};

/// The most that a Lease's annotations hold of overrides: the API server takes 256 KiB of all of them.
const MAX_OVERRIDES: usize = 192 * 1024;
/// A UID has 36 characters.
const MAX_INSTANCE: usize = 128;
/// How often a heartbeat is tried again at once, where other replicas write the same Lease.
const ATTEMPTS: usize = 4;

/// One Lease for each cluster that is heard.
#[derive(Debug, Default)]
pub(super) struct Pulses(Mutex<HashMap<ClusterId, Arc<AsyncMutex<Pulse>>>>);

/// When each cluster was last heard here, for metrics.
#[derive(Debug, Default)]
pub(super) struct LastHeard(Mutex<HashMap<ClusterId, Duration>>);

impl LastHeard {
    fn now(&self, cluster: &ClusterId) {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        self.0.lock().unwrap_or_else(PoisonError::into_inner).insert(cluster.clone(), now);
    }

    /// As Unix times.
    pub(super) fn all(&self) -> Vec<(ClusterId, Duration)> {
        let all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let mut all: Vec<_> = all.iter().map(|(cluster, at)| (cluster.clone(), *at)).collect();
        all.sort_unstable();
        all
    }
}

impl Inner {
    fn pulse(&self, cluster: &ClusterId) -> Arc<AsyncMutex<Pulse>> {
        let interval = self.settings.borrow().interval;
        let mut pulses = self.pulses.0.lock().unwrap_or_else(PoisonError::into_inner);
        let new = || Pulse::of_cluster(&self.namespace, cluster.as_str(), interval);
        Arc::clone(pulses.entry(cluster.clone()).or_insert_with(|| Arc::new(AsyncMutex::new(new()))))
    }

    /// A peer was heard.
    pub(super) async fn heard(
        &self,
        cluster: &ClusterId,
        heartbeat: &Heartbeat,
        by: Protocol,
    ) -> Result<Heard, StoreError> {
        let (interval, old) = {
            let settings = self.settings.borrow();
            (settings.interval, settings.old)
        };
        let said = Self::bounded(cluster, Said::by(heartbeat, by, old));
        let pulse = self.pulse(cluster);
        let mut pulse = pulse.lock().await;
        pulse.every(interval);
        let mut attempts = 0;
        loop {
            attempts += 1;
            match pulse.heard_peer(&self.client, &said, || self.is_alive(cluster)).await {
                Ok(Beat::Written | Beat::Recent) => break,
                Err(Unheard::Duplicate { living }) => {
                    let (cluster, said) = (cluster.clone(), said.instance);
                    return Err(StoreError::DuplicateClusterIdentifier { cluster, living, said });
                }
                Err(Unheard::Call(error))
                    if attempts < ATTEMPTS && (error.is_conflict() || error.is_not_found()) => {}
                Err(Unheard::Call(error)) => return Err(unavailable(&error)),
            }
        }
        self.last_heard.now(cluster);
        Ok(Heard { term: pulse.last_said().map_or(said.term, |known| known.term) })
    }

    /// What fits into a Lease. A heartbeat that does not is life, and its word is not taken.
    fn bounded(cluster: &ClusterId, said: Said) -> Said {
        let Said { instance, overrides, .. } = &said;
        if instance.len() <= MAX_INSTANCE && overrides.len() <= MAX_OVERRIDES {
            return said;
        }
        warn!(
            %cluster,
            instance = instance.len(),
            overrides = overrides.len(),
            "A heartbeat says more than its Lease can hold: it counts, and what it says does not"
        );
        Said { instance: String::new(), term: 0, left: false, overrides: String::new(), ..said }
    }

    /// The cluster's state comes by its stream now.
    pub(super) async fn speaks_by_stream(&self, cluster: &ClusterId) -> Result<bool, StoreError> {
        let pulse = self.pulse(cluster);
        let said = pulse.lock().await.said(&self.client).await.map_err(|error| unavailable(&error))?;
        let by_stream = said.is_some_and(|said| said.protocol == Some(Protocol::Stream));
        Ok(by_stream && self.is_alive(cluster))
    }

    /// Whether a cluster is alive that is heard by REST.
    pub(super) async fn hears_by_rest(&self, cluster: &ClusterId) -> Result<Option<bool>, StoreError> {
        let pulse = self.pulse(cluster);
        let said = pulse.lock().await.said(&self.client).await.map_err(|error| unavailable(&error))?;
        let by_rest = said.is_some_and(|said| said.protocol == Some(Protocol::Rest));
        Ok(by_rest.then(|| self.is_alive(cluster)))
    }

    fn is_alive(&self, cluster: &ClusterId) -> bool {
        let clusters = self.clusters.lock().unwrap_or_else(PoisonError::into_inner);
        clusters.get(cluster) == Some(&ClusterState::Alive)
    }

    /// This front end could hear: its own listener answered.
    pub(super) async fn listening(&self) -> Result<(), CallError> {
        let interval = self.settings.borrow().interval;
        let mut receiver = self.receiver.lock().await;
        receiver.every(interval);
        match receiver.listening(&self.client).await {
            Ok(Beat::Written | Beat::Recent) => Ok(()),
            Err(error) => Err(error),
        }
    }
}
