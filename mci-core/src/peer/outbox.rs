//! What the own cluster publishes, as its own API server accepted it: the one thing that all sessions send from.
//!
//! ```text
//!   own watch ── observe, vanished ──► Outbox ── changed_since, update ──► one Sender a session
//!                                        │ ▲
//!                own operator ◄── take_outdone, outdone ── whatever a receiver holds beyond it
//! ```
//!
//! It remembers for each hostname when it last changed, and which versions of its shard it saw since, so that it can say
//! what became of a shard after any of those. It refuses to know who listens, and how it goes over the wire.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::hostname::Hostname;
use crate::peer::{ShardChange, ShardItem, ShardState, ShardUpdate, ShardVersion, Urgency};
use crate::shard::Shard;

/// How many earlier versions of a shard a delta may start from. A receiver that is further behind gets it whole.
const REMEMBERED: usize = 32;

/// What the own cluster publishes. Shared by reference between whoever watches the own cluster and all sessions.
#[derive(Debug, Default)]
pub struct Outbox(Mutex<Content>);

/// How a receiver's copy of a shard stands beside the own one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Standing {
    /// Both are the same, or there is neither.
    Same,
    /// The own one is newer.
    Behind,
    /// The receiver holds more than there is here, or something else of the same version: the own API server was
    /// restored from an older copy, or the shard was deleted.
    Outdone,
}

#[derive(Debug, Default)]
struct Content {
    has_begun: bool,
    /// How many changes there were.
    generation: u64,
    shards: BTreeMap<Shard, Own>,
    /// The generations in which shards vanished.
    vanished: BTreeMap<Shard, u64>,
    outdone: BTreeMap<Shard, ShardState>,
}

/// One of the own shards.
#[derive(Debug)]
struct Own {
    state: ShardState,
    items: BTreeMap<Hostname, Item>,
    /// Hostnames that are gone, and since which generation.
    removed: BTreeMap<Hostname, u64>,
    /// What the shard was before, the latest last, each with the generation in which it became so.
    before: VecDeque<(u64, ShardVersion, Arc<str>)>,
    /// The generation in which it became what it is.
    changed: u64,
    /// The generation in which a hostname that was there already last became other than it was.
    altered: u64,
}

#[derive(Debug)]
struct Item {
    json: Arc<str>,
    changed: u64,
}

impl Outbox {
    /// Nothing is published yet, and nothing known: [`begin`](Self::begin) says when it is.
    pub fn new() -> Self {
        Self::default()
    }

    /// Everything that is published was observed once: what is absent now is not published.
    pub fn begin(&self) {
        let mut content = self.lock();
        if !content.has_begun {
            content.has_begun = true;
            content.generation += 1;
        }
    }

    /// Whether everything was observed once. Nothing is sent before.
    pub fn has_begun(&self) -> bool {
        self.lock().has_begun
    }

    /// A shard as the own API server holds it now, newer or (after a restore) older than before. Returns whether that is
    /// news.
    ///
    /// The digest has to be that of the items: what has the version and the digest that is known already is taken for
    /// known. An item of another shard is passed over.
    pub fn observe(&self, state: ShardState, items: impl IntoIterator<Item = ShardItem>) -> bool {
        let mut content = self.lock();
        let content = &mut *content;
        if content.shards.get(&state.shard).is_some_and(|own| own.state == state) {
            return false;
        }
        content.generation += 1;
        content.vanished.remove(&state.shard);
        let generation = content.generation;
        match content.shards.get_mut(&state.shard) {
            Some(own) => own.becomes(state, items, generation),
            None => {
                content.shards.insert(state.shard, Own::new(state, items, generation));
            }
        }
        true
    }

    /// A shard is no longer there. Returns whether it was.
    ///
    /// That withdraws nothing from receivers: an emptied shard does. They are found to hold more than there is, and the
    /// operator writes the shard anew, above what they hold.
    pub fn vanished(&self, shard: Shard) -> bool {
        let mut content = self.lock();
        let was_there = content.shards.remove(&shard).is_some();
        if was_there {
            content.generation += 1;
            let generation = content.generation;
            content.vanished.insert(shard, generation);
        }
        was_there
    }

    /// Grows with each change.
    pub fn generation(&self) -> u64 {
        self.lock().generation
    }

    /// The generation now, and the shards that changed after `generation`; the first is 0. A shard is a
    /// [`Change`](Urgency::Change) where a hostname that was there already became other than it was.
    pub fn changed_since(&self, generation: u64) -> (u64, Vec<(Shard, Urgency)>) {
        let content = self.lock();
        let changed =
            content.shards.iter().filter(|(_, own)| own.changed > generation).map(|(shard, own)| {
                (*shard, if own.altered > generation { Urgency::Change } else { Urgency::Bulk })
            });
        let vanished = content.vanished.iter().filter(|(_, when)| **when > generation);
        let vanished = vanished.map(|(shard, _)| (*shard, Urgency::Bulk));
        (content.generation, changed.chain(vanished).collect())
    }

    /// What there is of every shard.
    pub fn states(&self) -> Vec<ShardState> {
        self.lock().shards.values().map(|own| own.state.clone()).collect()
    }

    /// Every hostname that is published, sorted within its shard.
    pub fn items(&self) -> Vec<ShardItem> {
        self.lock().shards.values().flat_map(Own::items).collect()
    }

    /// The hostnames of one shard, sorted.
    pub fn items_of(&self, shard: Shard) -> Vec<ShardItem> {
        self.lock().shards.get(&shard).into_iter().flat_map(Own::items).collect()
    }

    /// How a receiver's copy of a shard stands beside the own one; before [`begin`](Self::begin), nothing is outdone by
    /// absence.
    pub fn standing(&self, shard: Shard, held: Option<&ShardState>) -> Standing {
        self.lock().standing(shard, held)
    }

    /// What makes a receiver's copy of a shard the own one: a delta where its version is remembered and that is the
    /// shorter way, and where `whole` does not ask for all. Nothing where it is not [`Behind`](Standing::Behind).
    pub fn update(
        &self,
        shard: Shard,
        held: Option<&ShardState>,
        urgency: Urgency,
        whole: bool,
    ) -> Option<ShardUpdate> {
        let content = self.lock();
        if content.standing(shard, held) != Standing::Behind {
            return None;
        }
        let own = content.shards.get(&shard)?;
        let delta = held.filter(|_| !whole).and_then(|held| own.delta(held));
        let change = delta.unwrap_or_else(|| ShardChange::Whole(own.items().collect()));
        Some(ShardUpdate { state: own.state.clone(), change, urgency })
    }

    /// The highest term of what is published.
    pub fn term(&self) -> u64 {
        self.lock().shards.values().map(|own| own.state.version.term).max().unwrap_or_default()
    }

    /// A receiver holds more of a shard than there is here. Returns whether that is news: then the operator has to look.
    pub fn outdone(&self, held: ShardState) -> bool {
        let mut content = self.lock();
        if content.standing(held.shard, Some(&held)) != Standing::Outdone {
            return false;
        }
        match content.outdone.get(&held.shard) {
            Some(known) if known.version >= held.version => false,
            _ => {
                content.outdone.insert(held.shard, held);
                true
            }
        }
    }

    /// What receivers hold beyond what there is here, each once. Whoever leads raises its term to one above the highest
    /// of theirs, unless its own is higher already, and writes each of these shards anew above them, even if its content
    /// stays as it is; one that is not there, as an empty one.
    pub fn take_outdone(&self) -> Vec<ShardState> {
        let mut content = self.lock();
        let taken = std::mem::take(&mut content.outdone);
        let is_outdone = |held: &ShardState| content.standing(held.shard, Some(held)) == Standing::Outdone;
        taken.into_values().filter(is_outdone).collect()
    }

    fn lock(&self) -> MutexGuard<'_, Content> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Content {
    fn standing(&self, shard: Shard, held: Option<&ShardState>) -> Standing {
        let nothing = ShardVersion::default();
        // A version of nothing is held by whoever wants the shard anew.
        let held = held.filter(|held| held.version != nothing);
        match (self.shards.get(&shard), held) {
            (None, Some(_)) if self.has_begun => Standing::Outdone,
            (None, _) => Standing::Same,
            (Some(_), None) => Standing::Behind,
            (Some(own), Some(held)) if held.version < own.state.version => Standing::Behind,
            (Some(own), Some(held)) if *held == own.state => Standing::Same,
            (Some(_), Some(_)) => Standing::Outdone,
        }
    }
}

impl Own {
    fn new(state: ShardState, items: impl IntoIterator<Item = ShardItem>, generation: u64) -> Self {
        let items = items
            .into_iter()
            .filter(|item| Shard::of(&item.hostname) == state.shard)
            .map(|item| (item.hostname, Item { json: item.json, changed: generation }))
            .collect();
        let (removed, before) = (BTreeMap::new(), VecDeque::new());
        Self { state, items, removed, before, changed: generation, altered: 0 }
    }

    fn becomes(&mut self, state: ShardState, items: impl IntoIterator<Item = ShardItem>, generation: u64) {
        let was = std::mem::replace(&mut self.state, state);
        self.before.push_back((self.changed, was.version, was.digest));
        if self.before.len() > REMEMBERED {
            self.before.pop_front();
        }
        self.changed = generation;

        let mut gone = std::mem::take(&mut self.items);
        for ShardItem { hostname, json } in items {
            if Shard::of(&hostname) != self.state.shard {
                continue;
            }
            let item = match gone.remove(&hostname) {
                Some(item) if item.json == json => item,
                Some(_) => {
                    self.altered = generation;
                    Item { json, changed: generation }
                }
                None => Item { json, changed: generation },
            };
            self.removed.remove(&hostname);
            self.items.insert(hostname, item);
        }
        self.removed.extend(gone.into_keys().map(|hostname| (hostname, generation)));
        // What went before all that is remembered is in no delta.
        let oldest = self.before.front().map_or(generation, |(when, ..)| *when);
        self.removed.retain(|_, when| *when > oldest);
    }

    fn items(&self) -> impl Iterator<Item = ShardItem> {
        self.items
            .iter()
            .map(|(hostname, item)| ShardItem { hostname: hostname.clone(), json: Arc::clone(&item.json) })
    }

    fn delta(&self, held: &ShardState) -> Option<ShardChange> {
        let (since, base, base_digest) = self
            .before
            .iter()
            .rev()
            .find(|(_, version, digest)| *version == held.version && *digest == held.digest)?;
        let put = self.items.iter().filter(|(_, item)| item.changed > *since);
        let put: Vec<ShardItem> = put
            .map(|(hostname, item)| ShardItem { hostname: hostname.clone(), json: Arc::clone(&item.json) })
            .collect();
        let removed = self.removed.iter().filter(|(_, when)| *when > since);
        let removed: Vec<Hostname> = removed.map(|(hostname, _)| hostname.clone()).collect();
        let is_shorter = put.len() + removed.len() < self.items.len().max(1);
        is_shorter.then(|| ShardChange::Delta {
            base: *base,
            base_digest: Arc::clone(base_digest),
            put,
            removed,
        })
    }
}
