//! A model of a cluster that hears: its API server, and replicas of its front end, which share nothing else.

use std::collections::BTreeMap;

use mci_core::Shard;
use mci_core::peer::{Decision, HeldShard, ShardChange, ShardState, ShardUpdate, decide};

use crate::names::{digest, shard};
use crate::publishing::SHARDS;

/// A shard as the API server holds it.
#[derive(Clone, Debug)]
pub(crate) struct Object {
    pub(crate) held: HeldShard,
    revision: u64,
}

/// The cluster that hears.
#[derive(Debug)]
pub(crate) struct Hearer {
    pub(crate) etcd: BTreeMap<Shard, Object>,
    backups: Vec<BTreeMap<Shard, Object>>,
    revision: u64,
    /// What the watch of each replica has shown it; it may lag behind.
    views: Vec<BTreeMap<Shard, Object>>,
    /// How many deltas were applied.
    pub(crate) deltas: usize,
    /// How many shards were stored.
    pub(crate) stored: usize,
}

/// A shard that a replica is about to store: it has read and decided, and not written.
#[derive(Debug)]
pub(crate) struct Put {
    update: ShardUpdate,
    decided: Decision,
    /// What it decided about.
    held: Option<Object>,
}

impl Put {
    pub(crate) fn shard(&self) -> Shard {
        self.update.state.shard
    }
}

impl Hearer {
    pub(crate) fn new(replicas: usize) -> Self {
        Self {
            etcd: BTreeMap::new(),
            backups: vec![BTreeMap::new()],
            revision: 0,
            views: vec![BTreeMap::new(); replicas],
            deltas: 0,
            stored: 0,
        }
    }

    pub(crate) fn replicas(&self) -> usize {
        self.views.len()
    }

    pub(crate) fn backup(&mut self) {
        self.backups.push(self.etcd.clone());
    }

    pub(crate) fn restore(&mut self, which: usize) {
        self.etcd = self.backups[which % self.backups.len()].clone();
        for object in self.etcd.values_mut() {
            self.revision += 1;
            object.revision = self.revision;
        }
    }

    pub(crate) fn delete(&mut self, number: u64) {
        self.etcd.remove(&shard(number));
    }

    pub(crate) fn restart(&mut self, replica: usize) {
        self.views[replica] = self.etcd.clone();
    }

    pub(crate) fn watch(&mut self, replica: usize, number: u64) {
        let shard = shard(number);
        match self.etcd.get(&shard) {
            Some(object) => self.views[replica].insert(shard, object.clone()),
            None => self.views[replica].remove(&shard),
        };
    }

    pub(crate) fn watch_all(&mut self) {
        for replica in 0..self.replicas() {
            for number in 0..SHARDS {
                self.watch(replica, number);
            }
        }
    }

    /// What a replica believes to be stored.
    pub(crate) fn shards(&self, replica: usize) -> Vec<ShardState> {
        self.views[replica].values().map(|object| object.held.state.clone()).collect()
    }

    /// The first half of storing: a delta is decided about what is stored, a whole shard about what the watch showed.
    pub(crate) fn begin(&self, replica: usize, update: ShardUpdate) -> Put {
        let shard = update.state.shard;
        let from = match update.change {
            ShardChange::Delta { .. } => &self.etcd,
            ShardChange::Whole(_) => &self.views[replica],
        };
        let held = from.get(&shard).cloned();
        let decided = decide(held.as_ref().map(|object| &object.held), update.clone());
        Put { update, decided, held }
    }

    /// The second half: it is written if nothing was in between, and otherwise decided again. Returns what is answered.
    pub(crate) fn finish(&mut self, replica: usize, put: Put) -> ShardState {
        let shard = put.shard();
        let Put { update, mut decided, mut held } = put;
        loop {
            let Decision::Replace(new) = decided else {
                return held.map_or_else(|| ShardState::nothing(shard), |object| object.held.state);
            };
            let now = self.etcd.get(&shard).cloned();
            if now.as_ref().map(|object| object.revision) != held.as_ref().map(|object| object.revision) {
                decided = decide(now.as_ref().map(|object| &object.held), update.clone());
                held = now;
                continue;
            }
            assert!(now.is_none_or(|now| now.held.state.version < new.state.version), "a version goes back");
            assert_eq!(*new.state.digest, *digest(&new.items), "what is stored is not what its digest says");
            self.deltas += usize::from(matches!(update.change, ShardChange::Delta { .. }));
            self.stored += 1;
            self.revision += 1;
            let state = new.state.clone();
            let object = Object { held: new, revision: self.revision };
            self.etcd.insert(shard, object.clone());
            self.views[replica].insert(shard, object);
            return state;
        }
    }
}
