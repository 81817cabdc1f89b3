//! All names of a snapshot: 64 × 64 shards of hash tables, each behind an `Arc`.
//!
//! A reader goes through two small arrays to one table. A writer clones the shards that it touches, once a batch:
//! what a change costs does not depend on how many names there are.

use core::hash::{BuildHasher, Hasher};
#[cfg(feature = "wire")]
use core::hint::black_box;
use std::sync::Arc;

use foldhash::fast::FixedState;
use hashbrown::HashTable;
#[cfg(feature = "wire")]
use smallvec::SmallVec;

use crate::entry::Entry;

const FAN: usize = 64;

/// One name that exists: a hostname, or an empty non-terminal above one.
#[derive(Clone, Debug)]
pub(crate) struct Node {
    /// Packed by [`crate::entry`].
    packed: Arc<[u8]>,
    /// How many published hostnames lie below it, inside its zone.
    pub(crate) below: u32,
    /// The position of its zone, or [`NO_ZONE`](crate::zones::NO_ZONE).
    pub(crate) zone: u16,
    /// Whether some cluster that is not gone publishes it (R12). False for an empty non-terminal.
    pub(crate) published: bool,
}

impl Node {
    pub(crate) fn new(packed: Arc<[u8]>, zone: u16, published: bool) -> Self {
        Self { packed, below: 0, zone, published }
    }

    pub(crate) fn entry(&self) -> Entry<'_> {
        Entry(&self.packed)
    }

    pub(crate) fn packed(&self) -> &Arc<[u8]> {
        &self.packed
    }

    /// Whether it is a hostname, published or not.
    pub(crate) fn is_held(&self) -> bool {
        !self.entry().is_empty_non_terminal()
    }
}

type Shard = HashTable<Node>;
type Block = [Arc<Shard>; FAN];

/// All names of a snapshot, by their wire form.
#[derive(Clone, Debug)]
pub(crate) struct Names {
    blocks: Arc<[Arc<Block>; FAN]>,
}

impl Default for Names {
    fn default() -> Self {
        let shard = Arc::new(Shard::new());
        let block = Arc::new(core::array::from_fn(|_| Arc::clone(&shard)));
        Self { blocks: Arc::new(core::array::from_fn(|_| Arc::clone(&block))) }
    }
}

impl Names {
    pub(crate) fn get(&self, name: &[u8]) -> Option<&Node> {
        let hash = hash(name);
        let [block, shard] = position(hash);
        self.blocks.get(block)?.get(shard)?.find(hash, |node| node.entry().name() == name)
    }

    /// Fetches what [`get`](Self::get) and its caller will read for names with these hashes.
    ///
    /// A name's node hangs on a chain of five reads, each of which misses every cache where there are many names. Here
    /// one link is read for all names before the next is for any, so a step's reads wait for memory together.
    #[cfg(feature = "wire")]
    pub(crate) fn warm(&self, hashes: &[u64]) {
        let shard = |&hash: &u64| {
            let [block, shard] = position(hash);
            Some((hash, &**self.blocks.get(block)?.get(shard)?))
        };
        let shards: SmallVec<[(u64, &Shard); 32]> = hashes.iter().filter_map(shard).collect();
        for (_, shard) in &shards {
            black_box(shard.len());
        }
        let nodes: SmallVec<[&Node; 32]> =
            shards.iter().filter_map(|(hash, shard)| shard.find(*hash, |_| true)).collect();
        let entries: SmallVec<[&[u8]; 32]> = nodes.iter().map(|node| &*node.packed).collect();
        for octet in entries.iter().flat_map(|entry| entry.iter().step_by(CACHE_LINE)) {
            black_box(*octet);
        }
    }

    /// The node of a name, to change.
    pub(crate) fn get_mut(&mut self, name: &[u8]) -> Option<&mut Node> {
        let hash = hash(name);
        self.shard_mut(hash).find_mut(hash, |node| node.entry().name() == name)
    }

    /// Puts a node in the place of whatever had its name, and returns that.
    pub(crate) fn put(&mut self, node: Node) -> Option<Node> {
        let hash = hash(node.entry().name());
        let shard = self.shard_mut(hash);
        if let Some(there) = shard.find_mut(hash, |other| other.entry().name() == node.entry().name()) {
            return Some(core::mem::replace(there, node));
        }
        shard.insert_unique(hash, node, |node| self::hash(node.entry().name()));
        None
    }

    pub(crate) fn take(&mut self, name: &[u8]) -> Option<Node> {
        let hash = hash(name);
        let found = self.shard_mut(hash).find_entry(hash, |node| node.entry().name() == name);
        found.ok().map(|occupied| occupied.remove().0)
    }

    /// Every node, in an order that only depends on the names.
    pub(crate) fn iter(&self) -> impl Iterator<Item = &Node> {
        self.blocks.iter().flat_map(|block| block.iter()).flat_map(|shard| shard.iter())
    }

    /// The nodes of `self` in shards that `other` does not share.
    pub(crate) fn differing<'a>(&'a self, other: &'a Self) -> impl Iterator<Item = &'a Node> {
        let blocks = self.blocks.iter().zip(other.blocks.iter()).filter(|(a, b)| !Arc::ptr_eq(a, b));
        let shards = blocks.flat_map(|(a, b)| a.iter().zip(b.iter())).filter(|(a, b)| !Arc::ptr_eq(a, b));
        shards.flat_map(|(shard, _)| shard.iter())
    }

    fn shard_mut(&mut self, hash: u64) -> &mut Shard {
        let [block, shard] = position(hash);
        let blocks = Arc::make_mut(&mut self.blocks);
        let block = blocks.get_mut(block).expect("six bits are below 64");
        Arc::make_mut(Arc::make_mut(block).get_mut(shard).expect("six bits are below 64"))
    }
}

/// Octets that come from memory together, on most machines.
#[cfg(feature = "wire")]
const CACHE_LINE: usize = 64;

/// Fixed: names come from configuration, and the same names always lie in the same places.
pub(crate) fn hash(name: &[u8]) -> u64 {
    let mut hasher = FixedState::with_seed(0).build_hasher();
    hasher.write(name);
    hasher.finish()
}

/// Two times six bits that the tables themselves do not use first (they take the top seven and the lowest).
const fn position(hash: u64) -> [usize; 2] {
    [(hash >> 51) as usize % FAN, (hash >> 45) as usize % FAN]
}
