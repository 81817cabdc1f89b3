//! Who calls, how often at once, and what it last said of itself.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use mci_core::ClusterId;
use mci_core::peer::{ClusterStore, Heartbeat, KeyRing, Protocol};
use tokio::sync::watch;
use tokio::time::Instant;
use tonic::Status;
use tonic::metadata::MetadataMap;

use crate::peer::KEY_HEADER;
use crate::peer::server::Shared;
use crate::peer::server::observe::{Call, CallEnd};
use crate::peer::server::status::{self, Ended};

/// The clusters that called.
pub(super) struct Known {
    syncs: usize,
    heartbeats: usize,
    clusters: Mutex<BTreeMap<ClusterId, Caller>>,
}

#[derive(Default)]
struct Caller {
    syncs: usize,
    heartbeats: usize,
    heard: Option<(Instant, Heartbeat)>,
}

impl Known {
    pub(super) const fn new(syncs: usize, heartbeats: usize) -> Self {
        Self { syncs, heartbeats, clusters: Mutex::new(BTreeMap::new()) }
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<ClusterId, Caller>> {
        self.clusters.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn enter(&self, cluster: &ClusterId, call: Call) -> Result<(), Ended> {
        let mut clusters = self.lock();
        let caller = clusters.entry(cluster.clone()).or_default();
        let (open, most) = match call {
            Call::Sync => (&mut caller.syncs, self.syncs),
            Call::Heartbeats => (&mut caller.heartbeats, self.heartbeats),
        };
        if *open >= most {
            return Err(status::calls(most));
        }
        *open += 1;
        Ok(())
    }

    fn leave(&self, cluster: &ClusterId, call: Call) {
        let mut clusters = self.lock();
        let Some(caller) = clusters.get_mut(cluster) else { return };
        let open = match call {
            Call::Sync => &mut caller.syncs,
            Call::Heartbeats => &mut caller.heartbeats,
        };
        *open = open.saturating_sub(1);
    }

    /// What to repeat where a cluster has not been heard since `since`.
    fn silent(&self, cluster: &ClusterId, since: Instant) -> Option<Heartbeat> {
        let clusters = self.lock();
        let (when, heartbeat) = clusters.get(cluster)?.heard.as_ref()?;
        (*when < since).then(|| heartbeat.clone())
    }

    fn said(&self, cluster: &ClusterId, heartbeat: Heartbeat, now: Instant) {
        if let Some(caller) = self.lock().get_mut(cluster) {
            caller.heard = Some((now, heartbeat));
        }
    }
}

/// What is done when a call has ended.
type Leave = Box<dyn FnMut(&ClusterId, Call, CallEnd) + Send>;

/// A call that has begun. Dropped, it has ended.
pub(super) struct Admitted {
    pub(super) cluster: ClusterId,
    key: Box<[u8]>,
    keys: watch::Receiver<Arc<KeyRing>>,
    are_keys_final: bool,
    call: Call,
    end: CallEnd,
    leave: Leave,
}

/// Lets a call in, if its key is good.
pub(super) fn admit<S: ClusterStore>(
    shared: &Arc<Shared<S>>,
    call: Call,
    metadata: &MetadataMap,
) -> Result<Admitted, Status> {
    if shared.stopping.is_cancelled() {
        return Err(status::stopping().status);
    }
    let mut keys = shared.keys.clone();
    let key: Box<[u8]> = metadata.get(KEY_HEADER).map_or(&b""[..], |value| value.as_bytes()).into();
    let Some(cluster) = keys.borrow_and_update().identify(&key).cloned() else {
        shared.observe.unauthenticated();
        return Err(status::no_key().status);
    };
    shared.known.enter(&cluster, call).map_err(|ended| ended.status)?;
    shared.observe.began(&cluster, call);
    let leaving = Arc::clone(shared);
    let leave = Box::new(move |cluster: &ClusterId, call, end| {
        leaving.known.leave(cluster, call);
        leaving.observe.ended(cluster, call, end);
    });
    Ok(Admitted { cluster, key, keys, are_keys_final: false, call, end: CallEnd::Peer, leave })
}

impl Admitted {
    /// Ends when the key is no longer good.
    pub(super) async fn locked_out(&mut self) -> Ended {
        loop {
            if self.are_keys_final || self.keys.changed().await.is_err() {
                self.are_keys_final = true;
                std::future::pending::<()>().await;
            }
            if self.keys.borrow_and_update().identify(&self.key) != Some(&self.cluster) {
                return status::no_key();
            }
        }
    }

    /// Notes why the call ends, and hands on what the peer is told.
    pub(super) fn end(&mut self, ended: Ended) -> Status {
        let Ended { status, end } = ended;
        self.end = end;
        tracing::debug!(cluster = %self.cluster, call = self.call.label(), end = end.label(), message = status.message(), "Peer's call ended");
        status
    }
}

impl Drop for Admitted {
    fn drop(&mut self) {
        (self.leave)(&self.cluster, self.call, self.end);
    }
}

impl<S: ClusterStore> Shared<S> {
    /// A cluster was heard. Returns the highest term that is known of it.
    pub(super) async fn heard(&self, cluster: &ClusterId, heartbeat: Heartbeat) -> Result<u64, Ended> {
        let heard = self.store.heard(cluster, &heartbeat, Protocol::Stream).await;
        let heard = heard.map_err(|error| status::store(&error))?;
        self.known.said(cluster, heartbeat, Instant::now());
        self.observe.heartbeat(cluster);
        Ok(heard.term)
    }

    /// What a cluster last said of itself here, if that is so long ago that its shards have to count.
    pub(super) fn overdue(&self, cluster: &ClusterId) -> Option<Heartbeat> {
        let since = Instant::now().checked_sub(self.config.silence)?;
        self.known.silent(cluster, since)
    }
}
