//! What a REST peer says, hostname by hostname, and what is told to one.
//!
//! Such a peer has no versions: the shards that are written for it have term 0, and their number grows with each change. One
//! hostname is a change of one shard, read and written again; the lock of that shard keeps two of them apart here, and the
//! object's version two replicas.

use std::time::{SystemTime, UNIX_EPOCH};

use futures_util::{StreamExt as _, TryStreamExt as _, stream};
use mci_core::peer::{Protocol, Refusal, RefusalReason, ShardState, ShardVersion, StoreError};
use mci_core::{ClusterId, Endpoint, Hostname, Shard};
use serde_json::value::RawValue;

use super::admit::mark;
use super::object::{Place, RawShard, digest};
use super::put::Draft;
use super::{Inner, unavailable};
use crate::content::shard;
use crate::resources::PublishedHostname;
use crate::write::Lane;

/// How often a write is decided again before the sender is told to come later.
const ATTEMPTS: usize = 8;
/// Shards that are read at once.
const READS: usize = 8;

impl Inner {
    /// Stores what a REST peer says of one hostname. The caller holds the lock of its shard.
    pub(super) async fn put_host(
        &self,
        place: &Place,
        hostname: &Hostname,
        endpoint: Option<Endpoint>,
    ) -> Result<(), StoreError> {
        if self.speaks_by_stream(&place.cluster).await? {
            let cluster = place.cluster.clone();
            return Err(StoreError::OtherProtocol { cluster, living: Protocol::Stream });
        }
        let admission = self.admission(&place.cluster);
        let mut refused = None;
        let mut wanted = None;
        if let Some(endpoint) = endpoint {
            match admission.check(hostname, &endpoint) {
                Ok(()) => wanted = Some(endpoint),
                // What was allowed once goes, too.
                Err(refusal) => refused = Some(refusal),
            }
        }
        let lane = if wanted.is_some() { Lane::Changes } else { Lane::Bulk };
        for _ in 0..ATTEMPTS {
            let (object, stranger) = self.look(place, lane).await?;
            let held = self.held(place);
            let version = object.as_ref().map(RawShard::version).unwrap_or_default();
            let mut items = object.map(RawShard::into_items).unwrap_or_default();
            let name = hostname.to_string();
            let before = items.remove(&name);
            match &wanted {
                Some(endpoint) => {
                    let beside = self.shelf().hostnames_beside(place);
                    let most = admission.limits.hostnames;
                    if before.is_none() && beside + items.len() >= most {
                        let reason = RefusalReason::Hostnames { most };
                        return self.told(Some(Self::refusal(place, hostname, reason)));
                    }
                    let Some(item) = changed(hostname, endpoint, before.as_deref()) else { return Ok(()) };
                    let octets: usize = items.values().map(|item| item.get().len() + 1).sum();
                    let size = item.get().len() + 1;
                    if octets + size > shard::MAX_OCTETS {
                        let reason = RefusalReason::TooLarge { octets: size, most: shard::MAX_OCTETS };
                        return self.told(Some(Self::refusal(place, hostname, reason)));
                    }
                    items.insert(name, item);
                }
                None if before.is_none() => return self.told(refused),
                None => {}
            }
            let state = ShardState {
                shard: place.shard,
                version: ShardVersion { term: 0, seq: version.seq + 1 },
                digest: digest(&items).into(),
            };
            let draft = Draft { state, items, mark: mark(&admission, &[]) };
            let over = held.map(|held| held.resource_version).or(stranger);
            if self.write(place, draft, over, lane).await?.is_some() {
                self.count_stored(&place.cluster);
                return self.told(refused);
            }
        }
        let reason =
            format!("the shard of {hostname} was changed by others each time that it was to be written");
        Err(StoreError::Unavailable { reason })
    }

    fn refusal(place: &Place, hostname: &Hostname, reason: RefusalReason) -> Refusal {
        Refusal { cluster: place.cluster.clone(), hostname: hostname.to_string(), reason }
    }

    fn told(&self, refused: Option<Refusal>) -> Result<(), StoreError> {
        match refused {
            None => Ok(()),
            Some(refusal) => {
                self.refusals.note(std::slice::from_ref(&refusal));
                Err(StoreError::Refused(refusal))
            }
        }
    }

    /// Every hostname that is held of a cluster.
    pub(super) async fn hosts_of(&self, cluster: &ClusterId) -> Result<Vec<Hostname>, StoreError> {
        let objects = self.objects_of(cluster).await?;
        let names = objects.into_iter().flat_map(|object| object.into_items().into_keys());
        Ok(names.filter_map(|name| name.parse().ok()).collect())
    }

    /// What a cluster publishes, as it lies here.
    pub(super) async fn endpoints_of(
        &self,
        cluster: &ClusterId,
    ) -> Result<Vec<(Hostname, Endpoint)>, StoreError> {
        let objects = self.objects_of(cluster).await?;
        let items = objects.into_iter().flat_map(|object| object.into_items().into_values());
        let read = |item: Box<RawValue>| {
            let item: PublishedHostname = serde_json::from_str(item.get()).ok()?;
            shard::read_item(cluster, &item).ok().map(|read| read.content)
        };
        Ok(items.filter_map(read).collect())
    }

    /// The shards of a cluster that hold something.
    async fn objects_of(&self, cluster: &ClusterId) -> Result<Vec<RawShard>, StoreError> {
        let shards: Vec<Shard> = {
            let known = self.shelf();
            known.of(cluster).filter(|(_, held)| held.hostnames > 0).map(|(shard, _)| shard).collect()
        };
        let reads = shards.into_iter().map(|shard| {
            let place = Place { cluster: cluster.clone(), shard };
            async move {
                let found = self.client.get::<RawShard>(&place.key(&self.namespace)).await;
                let found = found.map_err(|error| unavailable(&error))?;
                Ok::<_, StoreError>(found.filter(|object| object.is_of(&place)))
            }
        });
        let found: Vec<Option<RawShard>> = stream::iter(reads).buffered(READS).try_collect().await?;
        Ok(found.into_iter().flatten().collect())
    }
}

/// The item of a hostname; nothing where what is there says the same.
fn changed(hostname: &Hostname, endpoint: &Endpoint, before: Option<&RawValue>) -> Option<Box<RawValue>> {
    let mut item = shard::write_item(hostname, endpoint);
    if let Some(before) = before.and_then(|raw| serde_json::from_str::<PublishedHostname>(raw.get()).ok()) {
        item.changed = before.changed;
        if item == before {
            return None;
        }
    }
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs();
    item.changed = u32::try_from(now).unwrap_or(u32::MAX);
    Some(serde_json::value::to_raw_value(&item).expect("an item is JSON"))
}
