//! What is held of every cluster's shards: versions and digests, as the watch shows them and as our own writes are answered.
//!
//! Bodies are not kept: a million endpoints are a few megabytes of this. Where the watch and an answer tell of one object,
//! the higher resourceVersion is the newer; after a restore of the store the list is right, whatever it says.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::Arc;

use mci_core::peer::{ShardState, ShardVersion};
use mci_core::{ClusterId, Shard};
use serde::Deserialize;
use serde::de::IgnoredAny;
use serde_json::value::RawValue;

use super::object::{ADMISSION, Place};
use crate::names;
use crate::watch::{self, Batch, Change, Listing, ObjectKey, Relist, Version};

/// What is held of one shard.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Held {
    pub(super) version: ShardVersion,
    pub(super) digest: Arc<str>,
    pub(super) resource_version: Version,
    /// The policy under which it was written, where there was one.
    pub(super) admission: Option<Arc<str>>,
    pub(super) hostnames: u32,
}

impl Held {
    pub(super) fn state(&self, shard: Shard) -> ShardState {
        ShardState { shard, version: self.version, digest: Arc::clone(&self.digest) }
    }
}

/// What the watch keeps of a ClusterCache; nothing of one that is nobody's.
pub(super) struct Seen(Option<(Place, HeldContent)>);

struct HeldContent {
    version: ShardVersion,
    digest: Arc<str>,
    admission: Option<Arc<str>>,
    hostnames: u32,
}

/// Reads no more of a ClusterCache than is kept.
pub(super) fn decode(raw: &RawValue) -> Result<Seen, String> {
    #[derive(Deserialize)]
    struct Metadata {
        name: String,
        #[serde(default)]
        annotations: Option<BTreeMap<String, String>>,
    }
    #[derive(Deserialize)]
    struct Object {
        metadata: Metadata,
        #[serde(default)]
        cluster: Option<String>,
        #[serde(default)]
        shard: Option<u64>,
        #[serde(default)]
        term: u64,
        #[serde(default)]
        seq: u64,
        #[serde(default)]
        digest: Option<Arc<str>>,
        #[serde(default)]
        hostnames: Option<Vec<IgnoredAny>>,
    }
    let object: Object = watch::decode(raw)?;
    let cluster = object.cluster.and_then(|text| text.parse::<ClusterId>().ok());
    let shard = object.shard.and_then(|number| Shard::try_from(number).ok());
    let (Some(cluster), Some(shard)) = (cluster, shard) else { return Ok(Seen(None)) };
    if names::cluster_cache(&cluster, shard) != object.metadata.name {
        return Ok(Seen(None));
    }
    let content = HeldContent {
        version: ShardVersion { term: object.term, seq: object.seq },
        digest: object.digest.unwrap_or_default(),
        admission: object.metadata.annotations.and_then(|mut all| all.remove(ADMISSION)).map(Arc::from),
        hostnames: object.hostnames.map_or(0, |all| u32::try_from(all.len()).unwrap_or(u32::MAX)),
    };
    Ok(Seen(Some((Place { cluster, shard }, content))))
}

/// Everything that is held.
#[derive(Debug, Default)]
pub(super) struct Shelf {
    clusters: HashMap<ClusterId, BTreeMap<Shard, Held>>,
    places: HashMap<ObjectKey, Place>,
}

impl Shelf {
    pub(super) fn get(&self, place: &Place) -> Option<&Held> {
        self.clusters.get(&place.cluster)?.get(&place.shard)
    }

    /// The shards of one cluster.
    pub(super) fn of<'a>(&'a self, cluster: &ClusterId) -> impl Iterator<Item = (Shard, &'a Held)> + use<'a> {
        self.clusters.get(cluster).into_iter().flatten().map(|(shard, held)| (*shard, held))
    }

    /// How many hostnames a cluster has.
    pub(super) fn hostnames_of(&self, cluster: &ClusterId) -> usize {
        self.of(cluster).map(|(_, held)| usize::try_from(held.hostnames).unwrap_or(usize::MAX)).sum()
    }

    /// How many hostnames the other shards of its cluster hold.
    pub(super) fn hostnames_beside(&self, place: &Place) -> usize {
        let others = self.of(&place.cluster).filter(|(shard, _)| *shard != place.shard);
        others.map(|(_, held)| usize::try_from(held.hostnames).unwrap_or(usize::MAX)).sum()
    }

    /// What the API server answered about an object: it is so.
    pub(super) fn set(&mut self, namespace: &str, place: Place, held: Option<Held>) {
        let key = place.key(namespace);
        match held {
            Some(held) => self.put(key, place, held),
            None => self.remove(&key),
        }
    }

    /// Takes in what the watch tells.
    pub(super) fn take(&mut self, batch: Batch<Seen>) {
        match batch {
            Batch::Absent => *self = Self::default(),
            Batch::Replace(listing) => self.list(listing),
            Batch::Changes(changes) => {
                for change in changes {
                    match change {
                        Change::Applied(observed) => {
                            self.apply(observed.key, observed.version, observed.value);
                        }
                        Change::Deleted { key, version } => self.delete(&key, version),
                        // It is there, and no shard any more: a write finds out.
                        Change::Malformed(malformed) => self.delete(&malformed.key, malformed.version),
                    }
                }
            }
        }
    }

    fn list(&mut self, listing: Listing<Seen>) {
        let there: HashSet<&ObjectKey> = listing.items.iter().map(|observed| &observed.key).collect();
        let restored = listing.reason == Relist::WentBack;
        let gone: Vec<ObjectKey> =
            self.places.keys().filter(|key| restored || !there.contains(key)).cloned().collect();
        drop(there);
        for key in gone {
            // What was written since is not in the list.
            self.delete(&key, if restored { Version(u64::MAX) } else { listing.version });
        }
        for observed in listing.items {
            self.apply(observed.key, observed.version, observed.value);
        }
    }

    fn apply(&mut self, key: ObjectKey, resource_version: Version, seen: Seen) {
        let Seen(Some((place, content))) = seen else { return self.delete(&key, resource_version) };
        if self.get(&place).is_some_and(|before| before.resource_version >= resource_version) {
            return;
        }
        let HeldContent { version, digest, admission, hostnames } = content;
        self.put(key, place, Held { version, digest, resource_version, admission, hostnames });
    }

    fn delete(&mut self, key: &ObjectKey, version: Version) {
        let held = self.places.get(key).and_then(|place| self.get(place));
        if held.is_some_and(|held| held.resource_version <= version) {
            self.remove(key);
        }
    }

    fn put(&mut self, key: ObjectKey, place: Place, held: Held) {
        self.clusters.entry(place.cluster.clone()).or_default().insert(place.shard, held);
        self.places.insert(key, place);
    }

    fn remove(&mut self, key: &ObjectKey) {
        let Some(Place { cluster, shard }) = self.places.remove(key) else { return };
        if let Some(shards) = self.clusters.get_mut(&cluster) {
            shards.remove(&shard);
            if shards.is_empty() {
                self.clusters.remove(&cluster);
            }
        }
    }
}
