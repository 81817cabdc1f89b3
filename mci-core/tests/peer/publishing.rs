//! A model of the cluster that publishes: its API server, and replicas of its operator.
//!
//! It writes as an operator does: what leads writes above everything that it ever saw of a shard, with the object's
//! version as a condition, and what receivers hold beyond it above theirs.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use mci_core::Shard;
use mci_core::peer::{Outbox, ShardItem, ShardState, ShardVersion};

use crate::names::{digest, name, shard};

/// How many shards there are to play with.
pub(crate) const SHARDS: u64 = 4;

/// A shard in the own API server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Object {
    pub(crate) state: ShardState,
    pub(crate) items: Vec<ShardItem>,
    revision: u64,
}

/// What an etcd restore brings back.
#[derive(Clone, Debug, Default)]
pub(crate) struct Etcd {
    pub(crate) shards: BTreeMap<Shard, Object>,
    term: u64,
    pub(crate) holder: usize,
}

/// The cluster that publishes.
#[derive(Debug)]
pub(crate) struct Publisher {
    pub(crate) etcd: Etcd,
    backups: Vec<Etcd>,
    /// Never goes back: no two objects have the same.
    revision: u64,
    /// What the workloads ask for, by shard and index of the hostname. It is in no backup.
    pub(crate) wanted: BTreeMap<(u64, usize), String>,
    pub(crate) replicas: Vec<Replica>,
}

/// A replica of the operator.
#[derive(Debug)]
pub(crate) struct Replica {
    pub(crate) outbox: Arc<Outbox>,
    /// What its watch has shown it; it may lag behind.
    view: BTreeMap<Shard, Object>,
    has_listed: bool,
    pub(crate) leads: bool,
    term: u64,
    /// The highest version that it ever saw of each shard.
    floors: BTreeMap<Shard, ShardVersion>,
    /// What has to be written even if its content stays.
    rewrite: BTreeSet<Shard>,
}

impl Replica {
    fn new() -> Self {
        Self {
            outbox: Arc::new(Outbox::new()),
            view: BTreeMap::new(),
            has_listed: false,
            leads: false,
            term: 0,
            floors: BTreeMap::new(),
            rewrite: BTreeSet::new(),
        }
    }

    fn saw(&mut self, shard: Shard, version: ShardVersion) {
        let floor = self.floors.entry(shard).or_default();
        *floor = version.max(*floor);
    }

    /// Its watch shows it one shard as it is.
    fn watch(&mut self, etcd: &Etcd, shard: Shard) {
        if let Some(object) = etcd.shards.get(&shard) {
            self.saw(shard, object.state.version);
            self.view.insert(shard, object.clone());
            self.outbox.observe(object.state.clone(), object.items.clone());
        } else {
            self.view.remove(&shard);
            self.outbox.vanished(shard);
        }
    }

    fn list(&mut self, etcd: &Etcd) {
        for number in 0..SHARDS {
            self.watch(etcd, shard(number));
        }
        self.has_listed = true;
        self.outbox.begin();
    }
}

impl Publisher {
    pub(crate) fn new(replicas: usize) -> Self {
        Self {
            etcd: Etcd::default(),
            backups: vec![Etcd::default()],
            revision: 0,
            wanted: BTreeMap::new(),
            replicas: (0..replicas).map(|_| Replica::new()).collect(),
        }
    }

    pub(crate) fn backup(&mut self) {
        self.backups.push(self.etcd.clone());
    }

    /// etcd is what it was at some time.
    pub(crate) fn restore(&mut self, which: usize) {
        self.etcd = self.backups[which % self.backups.len()].clone();
        // A restored object is another than any that was seen, whatever it says.
        for object in self.etcd.shards.values_mut() {
            self.revision += 1;
            object.revision = self.revision;
        }
    }

    pub(crate) fn delete(&mut self, number: u64) {
        self.etcd.shards.remove(&shard(number));
    }

    pub(crate) fn restart(&mut self, replica: usize) {
        self.replicas[replica] = Replica::new();
    }

    pub(crate) fn watch(&mut self, replica: usize, number: u64) {
        let one = &mut self.replicas[replica];
        if one.has_listed {
            one.watch(&self.etcd, shard(number));
        } else {
            one.list(&self.etcd);
        }
    }

    /// One takes the Lease over; who led before may not know yet.
    pub(crate) fn elect(&mut self, replica: usize) {
        let one = &mut self.replicas[replica];
        if !one.has_listed {
            return;
        }
        let of_shards = one.view.values().map(|object| object.state.version.term).max().unwrap_or_default();
        one.term = self.etcd.term.max(of_shards) + 1;
        one.leads = true;
        self.etcd.term = one.term;
        self.etcd.holder = replica;
    }

    /// One finds out whether it still leads.
    pub(crate) fn renew(&mut self, replica: usize) {
        let still = self.etcd.holder == replica && self.etcd.term == self.replicas[replica].term;
        self.replicas[replica].leads &= still;
    }

    /// One that leads, or thinks so, looks at what receivers hold beyond what there is.
    pub(crate) fn heed(&mut self, replica: usize) {
        if !self.replicas[replica].leads {
            return;
        }
        let outdone = self.replicas[replica].outbox.take_outdone();
        if let Some(highest) = outdone.iter().map(|held| held.version.term).max()
            && highest >= self.replicas[replica].term
        {
            self.renew(replica);
            if !self.replicas[replica].leads {
                return;
            }
            self.etcd.term = highest + 1;
            self.replicas[replica].term = highest + 1;
        }
        let one = &mut self.replicas[replica];
        for held in outdone {
            one.saw(held.shard, held.version);
            one.rewrite.insert(held.shard);
        }
    }

    /// One that leads, or thinks so, writes a shard if it is not as it should be.
    pub(crate) fn write(&mut self, replica: usize, number: u64) {
        let one = &mut self.replicas[replica];
        if !one.leads || !one.has_listed {
            return;
        }
        let shard = shard(number);
        let items: Vec<ShardItem> = self
            .wanted
            .range((number, 0)..(number + 1, 0))
            .map(|((_, index), json)| ShardItem {
                hostname: name(number, *index),
                json: json.as_str().into(),
            })
            .collect();
        let viewed = one.view.get(&shard);
        let is_new = viewed.is_none_or(|object| object.items != items);
        let is_wanted = !items.is_empty() || viewed.is_some() || one.floors.contains_key(&shard);
        if !(is_wanted && is_new || one.rewrite.contains(&shard)) {
            return;
        }
        let floor = one.floors.get(&shard).copied().unwrap_or_default();
        if floor.term > one.term {
            // The Lease forgot it.
            one.term = floor.term + 1;
            self.etcd.term = one.term;
        }
        let seq = if floor.term == one.term { floor.seq + 1 } else { 1 };
        let version = ShardVersion { term: one.term, seq };
        let now = self.etcd.shards.get(&shard).map(|object| object.revision);
        if viewed.map(|object| object.revision) != now {
            // 409: its watch will show it why.
            return;
        }
        self.revision += 1;
        let state = ShardState { shard, version, digest: digest(&items).into() };
        one.saw(shard, version);
        one.rewrite.remove(&shard);
        self.etcd.shards.insert(shard, Object { state, items, revision: self.revision });
    }
}
