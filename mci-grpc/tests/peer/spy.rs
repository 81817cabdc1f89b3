//! A store in memory that shows what happens to it, and can be held up.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};

use mci_core::peer::{
    ClusterStore, Heard, Heartbeat, MemoryStore, Protocol, ShardChange, ShardState, ShardUpdate, StoreError,
    Stored, Urgency,
};
use mci_core::{ClusterId, Endpoint, Hostname, Shard};
use mci_grpc::peer::{Call, CallEnd, ObservePeers};
use tokio::sync::watch;
use tokio::time::timeout;

use crate::serving::DEADLINE;

/// What was asked of the store, and what its server said.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Seen {
    /// Shards as they were stored, in order; whether each was whole.
    pub(crate) stored: Vec<(Shard, Urgency, bool)>,
    /// Shards whose storing has begun.
    pub(crate) begun: Vec<Shard>,
    pub(crate) heartbeats: Vec<Heartbeat>,
    pub(crate) began: Vec<Call>,
    pub(crate) ended: Vec<(Call, CallEnd)>,
    pub(crate) unauthenticated: usize,
    pub(crate) refused: Vec<String>,
}

/// A [`MemoryStore`] that is watched.
#[derive(Debug)]
pub(crate) struct Spy {
    pub(crate) store: MemoryStore,
    seen: watch::Sender<Seen>,
    /// Shards that are not stored before they are taken out of here.
    held_up: watch::Sender<Vec<Shard>>,
    /// What every heartbeat is answered with.
    pub(crate) fault: Mutex<Option<StoreError>>,
    pub(crate) is_unavailable: AtomicBool,
}

impl Spy {
    pub(crate) fn new() -> Arc<Self> {
        Arc::new(Self {
            store: MemoryStore::new(),
            seen: watch::Sender::default(),
            held_up: watch::Sender::default(),
            fault: Mutex::default(),
            is_unavailable: AtomicBool::new(false),
        })
    }

    pub(crate) fn seen(&self) -> Seen {
        self.seen.borrow().clone()
    }

    pub(crate) fn hold_up(&self, shards: Vec<Shard>) {
        self.held_up.send_replace(shards);
    }

    /// Waits until this is so of what was seen.
    pub(crate) async fn until(&self, what: &str, is_so: impl FnMut(&Seen) -> bool) -> Seen {
        let mut seen = self.seen.subscribe();
        let Ok(result) = timeout(DEADLINE, seen.wait_for(is_so)).await else {
            panic!("{what}: {:?}", self.seen());
        };
        result.expect("the sender lives in self").clone()
    }

    fn note(&self, change: impl FnOnce(&mut Seen)) {
        self.seen.send_modify(change);
    }
}

impl ClusterStore for Spy {
    async fn shards(&self, cluster: &ClusterId) -> Result<Vec<ShardState>, StoreError> {
        self.store.shards(cluster).await
    }

    async fn put(&self, cluster: &ClusterId, update: ShardUpdate) -> Result<Stored, StoreError> {
        let (shard, urgency) = (update.state.shard, update.urgency);
        let is_whole = matches!(update.change, ShardChange::Whole(_));
        self.note(|seen| seen.begun.push(shard));
        let mut held_up = self.held_up.subscribe();
        let _ = held_up.wait_for(|held_up| !held_up.contains(&shard)).await;
        if self.is_unavailable.load(Ordering::SeqCst) {
            return Err(StoreError::Unavailable { reason: "a test says so".to_owned() });
        }
        let stored = self.store.put(cluster, update).await;
        self.note(|seen| seen.stored.push((shard, urgency, is_whole)));
        stored
    }

    async fn heard(
        &self,
        cluster: &ClusterId,
        heartbeat: &Heartbeat,
        by: Protocol,
    ) -> Result<Heard, StoreError> {
        if let Some(fault) = self.fault.lock().unwrap().clone() {
            return Err(fault);
        }
        assert_eq!(by, Protocol::Stream);
        self.note(|seen| seen.heartbeats.push(heartbeat.clone()));
        self.store.heard(cluster, heartbeat, by).await
    }

    async fn put_host(&self, _: &ClusterId, _: &Hostname, _: Option<Endpoint>) -> Result<(), StoreError> {
        unreachable!("that is for REST")
    }

    async fn hosts_of(&self, _: &ClusterId) -> Result<Vec<Hostname>, StoreError> {
        unreachable!("that is for REST")
    }

    async fn own_hosts(&self) -> Result<Vec<(Hostname, Endpoint)>, StoreError> {
        unreachable!("that is for REST")
    }
}

impl ObservePeers for Spy {
    fn unauthenticated(&self) {
        self.note(|seen| seen.unauthenticated += 1);
    }

    fn began(&self, _: &ClusterId, call: Call) {
        self.note(|seen| seen.began.push(call));
    }

    fn ended(&self, _: &ClusterId, call: Call, end: CallEnd) {
        self.note(|seen| seen.ended.push((call, end)));
    }

    fn stored(&self, _: &ClusterId, _: Urgency, refused: &[mci_core::peer::Refusal]) {
        self.note(|seen| seen.refused.extend(refused.iter().map(ToString::to_string)));
    }
}
