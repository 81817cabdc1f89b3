//! A store of other clusters' state in memory: for programs that embed this, and for tests.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::cluster::ClusterId;
use crate::hostname::Hostname;
use crate::hostname_state::Endpoint;
use crate::peer::{
    ClusterStore, Decision, Heard, Heartbeat, HeldShard, Protocol, ShardItem, ShardState, ShardUpdate,
    StoreError, Stored, decide,
};
use crate::shard::Shard;

/// Keeps everything in memory, and takes all that it is told: what a peer may say is not its matter.
#[derive(Debug, Default)]
pub struct MemoryStore(Mutex<Content>);

#[derive(Debug, Default)]
struct Content {
    clusters: BTreeMap<ClusterId, Kept>,
    own: Vec<(Hostname, Endpoint)>,
}

/// What is kept of one cluster.
#[derive(Debug, Default)]
struct Kept {
    shards: BTreeMap<Shard, HeldShard>,
    hosts: BTreeMap<Hostname, Endpoint>,
    /// The one of the highest term.
    heartbeat: Option<Heartbeat>,
    heard: u64,
    by: Option<Protocol>,
}

impl MemoryStore {
    /// Nothing is known of anybody.
    pub fn new() -> Self {
        Self::default()
    }

    /// What the own cluster publishes, for [`ClusterStore::own_hosts`].
    pub fn set_own(&self, hosts: Vec<(Hostname, Endpoint)>) {
        self.lock().own = hosts;
    }

    /// Everything that a cluster publishes in shards, by hostname.
    pub fn items(&self, cluster: &ClusterId) -> Vec<ShardItem> {
        let content = self.lock();
        let shards = content.clusters.get(cluster).into_iter().flat_map(|kept| kept.shards.values());
        let mut items: Vec<ShardItem> = shards.flat_map(|shard| shard.items.iter().cloned()).collect();
        items.sort_by(|one, other| one.hostname.cmp(&other.hostname));
        items
    }

    /// How often a cluster was heard, and the heartbeat of the highest term.
    pub fn heartbeat(&self, cluster: &ClusterId) -> Option<(u64, Heartbeat)> {
        let content = self.lock();
        let kept = content.clusters.get(cluster)?;
        Some((kept.heard, kept.heartbeat.clone()?))
    }

    /// Nothing is known of a cluster any more.
    pub fn forget(&self, cluster: &ClusterId) {
        self.lock().clusters.remove(cluster);
    }

    fn lock(&self) -> MutexGuard<'_, Content> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl ClusterStore for MemoryStore {
    async fn shards(&self, cluster: &ClusterId) -> Result<Vec<ShardState>, StoreError> {
        let content = self.lock();
        let shards = content.clusters.get(cluster).into_iter().flat_map(|kept| kept.shards.values());
        Ok(shards.map(|held| held.state.clone()).collect())
    }

    async fn put(&self, cluster: &ClusterId, update: ShardUpdate) -> Result<Stored, StoreError> {
        let mut content = self.lock();
        let kept = content.clusters.entry(cluster.clone()).or_default();
        let shard = update.state.shard;
        if let Decision::Replace(held) = decide(kept.shards.get(&shard), update) {
            kept.shards.insert(shard, held);
        }
        let held = kept.shards.get(&shard);
        let state = held.map_or_else(|| ShardState::nothing(shard), |held| held.state.clone());
        Ok(Stored { state, refused: Vec::new() })
    }

    async fn heard(
        &self,
        cluster: &ClusterId,
        heartbeat: &Heartbeat,
        by: Protocol,
    ) -> Result<Heard, StoreError> {
        let mut content = self.lock();
        let kept = content.clusters.entry(cluster.clone()).or_default();
        kept.heard += 1;
        kept.by = Some(by);
        if kept.heartbeat.as_ref().is_none_or(|known| known.term <= heartbeat.term) {
            kept.heartbeat = Some(heartbeat.clone());
        }
        Ok(Heard { term: kept.heartbeat.as_ref().map_or(0, |known| known.term) })
    }

    async fn put_host(
        &self,
        cluster: &ClusterId,
        hostname: &Hostname,
        endpoint: Option<Endpoint>,
    ) -> Result<(), StoreError> {
        let mut content = self.lock();
        let kept = content.clusters.entry(cluster.clone()).or_default();
        match endpoint {
            Some(endpoint) => kept.hosts.insert(hostname.clone(), endpoint),
            None => kept.hosts.remove(hostname),
        };
        Ok(())
    }

    async fn hosts_of(&self, cluster: &ClusterId) -> Result<Vec<Hostname>, StoreError> {
        let content = self.lock();
        let hosts = content.clusters.get(cluster).into_iter().flat_map(|kept| kept.hosts.keys());
        Ok(hosts.cloned().collect())
    }

    async fn own_hosts(&self) -> Result<Vec<(Hostname, Endpoint)>, StoreError> {
        Ok(self.lock().own.clone())
    }
}
