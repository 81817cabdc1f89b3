//! What becomes of a shard that arrives: the one decision that every store makes.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::hostname::Hostname;
use crate::peer::{ShardChange, ShardItem, ShardState, ShardUpdate};

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
