//! The side that hears: what becomes of a shard that arrives, and what the sender has to be told without asking.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use crate::hostname::Hostname;
use crate::peer::{ShardChange, ShardItem, ShardState, ShardUpdate};
use crate::shard::Shard;

/// A shard as it is stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HeldShard {
    /// Its version. [`ShardState::nothing`] where it has to be sent again whatever it is.
    pub state: ShardState,
    /// Its content, in any order.
    pub items: Vec<ShardItem>,
}

/// What is to be done with an update.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Decision {
    /// This takes the place of what is held, provided that it is still held when it is written.
    Replace(HeldShard),
    /// What is held stays: it is the same, or newer, or another of the same version.
    Keep,
    /// It starts from something else than what is held: nothing is done, and the answer shows what is held.
    NeedWhole,
}

/// Decides what becomes of a shard when `update` arrives and `held` is stored.
///
/// What is held is replaced by a higher version only. Whatever is decided, the answer is what is stored afterwards.
pub fn decide(held: Option<&HeldShard>, update: ShardUpdate) -> Decision {
    let ShardUpdate { state, change, urgency: _ } = update;
    if held.is_some_and(|held| held.state.version >= state.version) {
        return Decision::Keep;
    }
    let mut items: BTreeMap<Hostname, Arc<str>> = BTreeMap::new();
    let put = match change {
        ShardChange::Whole(whole) => whole,
        ShardChange::Delta { base, base_digest, put, removed } => {
            let Some(held) =
                held.filter(|held| held.state.version == base && held.state.digest == base_digest)
            else {
                return Decision::NeedWhole;
            };
            items.extend(held.items.iter().map(|item| (item.hostname.clone(), Arc::clone(&item.json))));
            for hostname in &removed {
                items.remove(hostname);
            }
            put
        }
    };
    items.extend(put.into_iter().map(|item| (item.hostname, item.json)));
    let items = items.into_iter().map(|(hostname, json)| ShardItem { hostname, json }).collect();
    Decision::Replace(HeldShard { state, items })
}

/// What one session's sender was told of what is held.
///
/// The sender goes by that. Where what is held becomes something else without its doing (the API server was restored from
/// an older copy, someone deleted a shard, or what this peer may publish was configured anew), nobody else would tell it.
#[derive(Clone, Debug, Default)]
pub struct Told {
    told: BTreeMap<Shard, ShardState>,
    /// What differed when it was last looked at.
    differed: BTreeSet<ShardState>,
}

impl Told {
    /// The sender was told that all of this is held, and nothing else.
    pub fn new(held: impl IntoIterator<Item = ShardState>) -> Self {
        let told = held.into_iter().map(|state| (state.shard, state)).collect();
        Self { told, differed: BTreeSet::new() }
    }

    /// It is told what is held after a shard of its own came.
    pub fn stored(&mut self, state: ShardState) {
        self.told.insert(state.shard, state);
    }

    /// What is `held` now is looked at, at intervals of seconds. Returns what the sender has to be told: what differs from
    /// what it was told, and did so the last time too, since a view of what is stored may lag behind it. Shards that are
    /// on their way (`is_busy`) are answered soon anyway.
    pub fn look(
        &mut self,
        held: impl IntoIterator<Item = ShardState>,
        is_busy: impl Fn(Shard) -> bool,
    ) -> Vec<ShardState> {
        let mut now: BTreeMap<Shard, ShardState> =
            held.into_iter().map(|state| (state.shard, state)).collect();
        for shard in self.told.keys() {
            now.entry(*shard).or_insert_with(|| ShardState::nothing(*shard));
        }
        let differing: BTreeSet<ShardState> = now
            .into_values()
            .filter(|state| self.told.get(&state.shard) != Some(state) && !is_busy(state.shard))
            .collect();
        let (certain, new): (BTreeSet<_>, BTreeSet<_>) =
            differing.into_iter().partition(|state| self.differed.contains(state));
        self.differed = new;
        self.told.extend(certain.iter().map(|state| (state.shard, state.clone())));
        certain.into_iter().collect()
    }
}
