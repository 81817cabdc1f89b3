//! All names of a snapshot: 64 × 64 shards of hash tables, each behind an `Arc`.
//!
//! A reader goes through two small arrays, which stay in the cache, to one slot and from there to the entry: two reads
//! that miss the cache where there are many names. A writer clones the shards that it touches, once a batch: what a
//! change costs does not depend on how many names there are.

use core::hash::{BuildHasher, Hasher};
use core::hint::black_box;
use std::sync::Arc;

use foldhash::fast::FixedState;
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

    /// Asks for the whole entry at once, where its reader would wait for one cache line after the other.
    fn fetch(&self) {
        for octet in self.packed.iter().step_by(CACHE_LINE) {
            black_box(*octet);
        }
    }

    pub(crate) fn packed(&self) -> &Arc<[u8]> {
        &self.packed
    }

    /// Whether it is a hostname, published or not.
    pub(crate) fn is_held(&self) -> bool {
        !self.entry().is_empty_non_terminal()
    }
}

type Block = [Shard; FAN];

/// All names of a snapshot, by their wire form.
#[derive(Clone, Debug)]
pub(crate) struct Names {
    blocks: Arc<[Arc<Block>; FAN]>,
}

impl Default for Names {
    fn default() -> Self {
        let shard = Shard::default();
        let block = Arc::new(core::array::from_fn(|_| shard.clone()));
        Self { blocks: Arc::new(core::array::from_fn(|_| Arc::clone(&block))) }
    }
}

impl Names {
    pub(crate) fn get(&self, name: &[u8]) -> Option<&Node> {
        let hash = hash(name);
        self.shard(hash)?.find(hash, name)
    }

    /// Fetches what [`get`](Self::get) and its caller will read for names with these hashes.
    ///
    /// Where there are many names each step to one of them misses every cache. Here one step is taken for all names
    /// before the next is for any, so their reads wait for memory together.
    #[cfg(feature = "wire")]
    pub(crate) fn warm(&self, hashes: &[u64]) {
        let home = |&hash: &u64| {
            let shard = self.shard(hash)?;
            shard.slots.get(shard.home(hash))
        };
        let slots: SmallVec<[&Slot; 32]> = hashes.iter().filter_map(home).collect();
        for node in slots.iter().filter_map(|slot| slot.node.as_ref()) {
            node.fetch();
        }
    }

    /// The node of a name, to change.
    pub(crate) fn get_mut(&mut self, name: &[u8]) -> Option<&mut Node> {
        let hash = hash(name);
        self.shard_mut(hash).find_mut(hash, name)
    }

    /// Puts a node in the place of whatever had its name, and returns that.
    pub(crate) fn put(&mut self, node: Node) -> Option<Node> {
        let hash = hash(node.entry().name());
        self.shard_mut(hash).put(hash, node)
    }

    pub(crate) fn take(&mut self, name: &[u8]) -> Option<Node> {
        let hash = hash(name);
        self.shard_mut(hash).take(hash, name)
    }

    /// Every node, in an order that only depends on the names and how they came.
    pub(crate) fn iter(&self) -> impl Iterator<Item = &Node> {
        self.blocks.iter().flat_map(|block| block.iter()).flat_map(Shard::iter)
    }

    /// The nodes of `self` in shards that `other` does not share.
    pub(crate) fn differing<'a>(&'a self, other: &'a Self) -> impl Iterator<Item = &'a Node> {
        let blocks = self.blocks.iter().zip(other.blocks.iter()).filter(|(a, b)| !Arc::ptr_eq(a, b));
        let shards = blocks.flat_map(|(a, b)| a.iter().zip(b.iter())).filter(|(a, b)| !a.is_same(b));
        shards.flat_map(|(shard, _)| shard.iter())
    }

    fn shard(&self, hash: u64) -> Option<&Shard> {
        let [block, shard] = position(hash);
        self.blocks.get(block)?.get(shard)
    }

    fn shard_mut(&mut self, hash: u64) -> &mut Shard {
        let [block, shard] = position(hash);
        let block = Arc::make_mut(&mut self.blocks).get_mut(block).expect("six bits are below 64");
        Arc::make_mut(block).get_mut(shard).expect("six bits are below 64")
    }
}

/// A hash table with linear probing: its slots are one allocation, and the first that is looked at is almost always the
/// right one.
#[derive(Clone, Debug, Default)]
struct Shard {
    /// At least a quarter is empty.
    slots: Arc<[Slot]>,
    len: u32,
}

#[derive(Clone, Debug, Default)]
struct Slot {
    hash: u64,
    node: Option<Node>,
}

impl Slot {
    fn is(&self, hash: u64, name: &[u8]) -> bool {
        self.hash == hash
            && self.node.as_ref().is_some_and(|node| {
                node.fetch();
                node.entry().name() == name
            })
    }
}

impl Shard {
    /// Where the search for a hash begins: its low half as a fraction of the slots. `position` takes the highest bits.
    fn home(&self, hash: u64) -> usize {
        let scaled = (hash & u64::from(u32::MAX)) * self.slots.len() as u64;
        usize::try_from(scaled >> 32).expect("it is below the number of slots")
    }

    /// The slots in the order of the search for a hash, from the first.
    fn probe(&self, hash: u64) -> impl Iterator<Item = usize> + use<> {
        let (home, count) = (self.home(hash), self.slots.len());
        (home..count).chain(0..home)
    }

    /// The slot that holds the name.
    fn position(&self, hash: u64, name: &[u8]) -> Option<usize> {
        for at in self.probe(hash) {
            let slot = self.slots.get(at)?;
            if slot.is(hash, name) {
                return Some(at);
            }
            slot.node.as_ref()?;
        }
        None
    }

    fn find(&self, hash: u64, name: &[u8]) -> Option<&Node> {
        self.slots.get(self.position(hash, name)?)?.node.as_ref()
    }

    fn find_mut(&mut self, hash: u64, name: &[u8]) -> Option<&mut Node> {
        let at = self.position(hash, name)?;
        Arc::make_mut(&mut self.slots).get_mut(at)?.node.as_mut()
    }

    fn put(&mut self, hash: u64, node: Node) -> Option<Node> {
        if let Some(there) = self.find_mut(hash, node.entry().name()) {
            return Some(core::mem::replace(there, node));
        }
        if (self.len as usize + 1) * 4 > self.slots.len() * 3 {
            // A third more at a time: with a million names every slot too many is felt.
            self.resize((self.slots.len() * 4 / 3).max(self.slots.len() + 2));
        }
        self.len += 1;
        self.insert(Slot { hash, node: Some(node) });
        None
    }

    fn take(&mut self, hash: u64, name: &[u8]) -> Option<Node> {
        let at = self.position(hash, name)?;
        let node = Arc::make_mut(&mut self.slots).get_mut(at)?.node.take();
        self.len -= 1;
        // What was pushed behind the gap has to be found without it.
        let len = self.len as usize;
        self.resize(if len * 3 < self.slots.len() { len * 2 } else { self.slots.len() });
        node
    }

    /// Puts a slot into the first empty place; there is one.
    fn insert(&mut self, slot: Slot) {
        let is_empty = |at: &usize| self.slots.get(*at).is_some_and(|slot| slot.node.is_none());
        let at = self.probe(slot.hash).find(is_empty).expect("a quarter of the slots is empty");
        if let Some(place) = Arc::make_mut(&mut self.slots).get_mut(at) {
            *place = slot;
        }
    }

    fn resize(&mut self, count: usize) {
        let empty = core::iter::repeat_with(Slot::default).take(count).collect();
        let mut old = core::mem::replace(&mut self.slots, empty);
        for slot in Arc::make_mut(&mut old).iter_mut().filter(|slot| slot.node.is_some()) {
            self.insert(core::mem::take(slot));
        }
    }

    fn iter(&self) -> impl Iterator<Item = &Node> {
        self.slots.iter().filter_map(|slot| slot.node.as_ref())
    }

    fn is_same(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.slots, &other.slots)
    }
}

/// Octets that come from memory together, on most machines.
const CACHE_LINE: usize = 64;

/// Fixed: names come from configuration, and the same names always lie in the same places.
pub(crate) fn hash(name: &[u8]) -> u64 {
    let mut hasher = FixedState::with_seed(0).build_hasher();
    hasher.write(name);
    hasher.finish()
}

/// Two times six bits that the shards themselves do not use.
const fn position(hash: u64) -> [usize; 2] {
    [(hash >> 58) as usize % FAN, (hash >> 52) as usize % FAN]
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;

    use super::*;
    use crate::entry::empty_non_terminal;

    proptest! {
        #[test]
        fn a_shard_is_a_map(steps in prop::collection::vec((0..40_u8, any::<bool>(), 0..4_u64), 0..200)) {
            let mut shard = Shard::default();
            let mut map = BTreeMap::new();
            for (number, put, bucket) in steps {
                // Few hashes, so that names push each other aside.
                let (name, hash) = ([1, number, 0], u64::from(number % 8) ^ bucket);
                let key = (hash, name);
                if put {
                    let mut node = Node::new(empty_non_terminal(&name), 0, true);
                    node.below = number.into();
                    let old = shard.put(hash, node).map(|node| node.below);
                    prop_assert_eq!(old, map.insert(key, u32::from(number)));
                } else {
                    prop_assert_eq!(shard.take(hash, &name).map(|node| node.below), map.remove(&key));
                }
                prop_assert_eq!(shard.iter().count(), map.len());
                prop_assert!(map.keys().all(|(hash, name)| shard.find(*hash, name).is_some()));
            }
        }
    }
}
