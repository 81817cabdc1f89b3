//! Shards, hostnames and items to play with.

use std::sync::OnceLock;

use mci_core::peer::{ShardItem, ShardState, ShardVersion};
use mci_core::{Hostname, Shard};

/// Hostnames of one shard.
pub(crate) const NAMES: usize = 8;

pub(crate) fn shard(number: u64) -> Shard {
    Shard::try_from(number).unwrap()
}

/// A hostname of shard `number`, one of the first 64, by its index below [`NAMES`].
pub(crate) fn name(number: u64, index: usize) -> Hostname {
    static ALL: OnceLock<Vec<Vec<Hostname>>> = OnceLock::new();
    let all = ALL.get_or_init(|| {
        let mut all = vec![Vec::new(); 64];
        for count in 0_u32.. {
            let name: Hostname = format!("app-{count}.example").parse().unwrap();
            if let Some(names) = all.get_mut(usize::from(Shard::of(&name).number()))
                && names.len() < NAMES
            {
                names.push(name);
            }
            if all.iter().all(|names| names.len() == NAMES) {
                break;
            }
        }
        all
    });
    all[usize::try_from(number).unwrap()][index].clone()
}

pub(crate) fn item(number: u64, index: usize, json: &str) -> ShardItem {
    ShardItem { hostname: name(number, index), json: json.into() }
}

pub(crate) fn state(number: u64, term: u64, seq: u64, digest: &str) -> ShardState {
    ShardState { shard: shard(number), version: ShardVersion { term, seq }, digest: digest.into() }
}

/// A digest that is equal exactly where the content is.
pub(crate) fn digest(items: &[ShardItem]) -> String {
    let mut texts: Vec<String> =
        items.iter().map(|item| format!("{}={}", item.hostname, item.json)).collect();
    texts.sort();
    texts.join(" ")
}
