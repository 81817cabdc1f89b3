//! The ClusterCaches of every cluster, merged as they are watched (R23).

use std::collections::{BTreeSet, HashMap, HashSet};

use mci_core::{ClusterId, Hostname, Publications, Shard};

use crate::content::shard::ShardContent;
use crate::watch::{Change, Listing, ObjectKey};

/// A ClusterCache; nothing where it is nobody's.
pub(crate) struct ShardItem(pub(crate) Option<ShardContent>);

/// What every cluster publishes, and which object says which part of it.
#[derive(Debug, Default)]
pub(crate) struct Shards {
    places: HashMap<ObjectKey, (ClusterId, Shard)>,
    publications: Publications,
}

impl Shards {
    /// What all of them say.
    pub(crate) fn publications(&self) -> &Publications {
        &self.publications
    }

    /// The objects of one cluster.
    pub(crate) fn objects_of(&self, cluster: &ClusterId) -> impl Iterator<Item = &ObjectKey> {
        self.places.iter().filter(move |(_, (of, _))| of == cluster).map(|(key, _)| key)
    }

    /// Takes changes in. Returns the hostnames of which something else is said.
    pub(crate) fn change(&mut self, changes: Vec<Change<ShardItem>>) -> BTreeSet<Hostname> {
        let mut hostnames = BTreeSet::new();
        for change in changes {
            match change {
                Change::Applied(observed) => hostnames.extend(self.apply(observed.key, observed.value)),
                Change::Deleted { key, .. } => hostnames.extend(self.delete(&key)),
                // It is there: what it said before stays.
                Change::Malformed(_) => {}
            }
        }
        hostnames
    }

    /// Takes a whole list in; the same.
    pub(crate) fn list(&mut self, listing: Listing<ShardItem>) -> BTreeSet<Hostname> {
        let items = listing.items.iter().map(|observed| &observed.key);
        let there: HashSet<&ObjectKey> = items.chain(listing.malformed.iter().map(|m| &m.key)).collect();
        let left: Vec<ObjectKey> = self.places.keys().filter(|key| !there.contains(key)).cloned().collect();
        drop(there);
        let mut changed = BTreeSet::new();
        for key in left {
            changed.extend(self.delete(&key));
        }
        for observed in listing.items {
            changed.extend(self.apply(observed.key, observed.value));
        }
        changed
    }

    fn apply(&mut self, key: ObjectKey, item: ShardItem) -> BTreeSet<Hostname> {
        match item.0 {
            Some(content) => {
                let changed = self.publications.put(&content.cluster, content.shard, content.entries);
                self.places.insert(key, (content.cluster, content.shard));
                changed
            }
            None => self.delete(&key),
        }
    }

    fn delete(&mut self, key: &ObjectKey) -> BTreeSet<Hostname> {
        match self.places.remove(key) {
            Some((cluster, shard)) => self.publications.take(&cluster, shard),
            None => BTreeSet::new(),
        }
    }
}
