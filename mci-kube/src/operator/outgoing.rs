//! What peers are sent: the own shards as the API server holds them, and nothing that it does not hold.
//!
//! The outbox is fed by the watch alone. The answer to a write would come no earlier than the watch's event of it, and
//! would have to be put in order with events that were under way: after a change of leader, or a restored store.

use std::borrow::Cow;
use std::collections::BTreeSet;
use std::sync::Arc;

use mci_core::peer::{Outbox, ShardItem, ShardState};
use mci_core::{ClusterId, Hostname, Shard};
use serde::Deserialize;
use serde_json::value::RawValue;
use tokio::sync::watch as told;

use super::caches::CacheItem;
use super::versions::Versions;
use crate::content::shard::ShardContent;
use crate::names;
use crate::watch::{Batch, Change};

/// An own shard, as it is sent.
pub(super) struct Outgoing {
    pub(super) state: ShardState,
    pub(super) items: Vec<ShardItem>,
}

#[derive(Deserialize)]
struct Raw<'a> {
    #[serde(borrow, default)]
    hostnames: Option<Vec<&'a RawValue>>,
}

#[derive(Deserialize)]
struct Named<'a> {
    #[serde(borrow)]
    hostname: Cow<'a, str>,
}

impl Outgoing {
    /// The object of `content`: each entry as it stands, with the fields that this version does not know.
    pub(super) fn of(content: &ShardContent, raw: &RawValue) -> Result<Self, String> {
        let raw: Raw<'_> = serde_json::from_str(raw.get()).map_err(|error| error.to_string())?;
        let item = |json: &RawValue| {
            // What has no hostname, or lies in the wrong shard, was named when the content was read.
            let named: Named<'_> = serde_json::from_str(json.get()).ok()?;
            let hostname: Hostname = named.hostname.parse().ok()?;
            (Shard::of(&hostname) == content.shard).then(|| ShardItem { hostname, json: json.get().into() })
        };
        let items = raw.hostnames.unwrap_or_default().into_iter().filter_map(item).collect();
        let ShardContent { shard, version, digest, .. } = content;
        Ok(Self {
            state: ShardState { shard: *shard, version: *version, digest: digest.as_str().into() },
            items,
        })
    }
}

/// Keeps the outbox as the watch of the ClusterCaches sees the own shards.
pub(super) struct Feeding {
    outbox: Arc<Outbox>,
    generation: told::Sender<u64>,
    versions: Versions,
    /// What the names of the own shards begin with.
    prefix: String,
    /// The own shards that are there.
    there: BTreeSet<Shard>,
}

impl Feeding {
    pub(super) fn new(own: &ClusterId, outbox: Arc<Outbox>, versions: Versions) -> Self {
        Self {
            outbox,
            generation: told::Sender::new(0),
            versions,
            prefix: names::cluster_caches_of(own),
            there: BTreeSet::new(),
        }
    }

    pub(super) fn outbox(&self) -> &Arc<Outbox> {
        &self.outbox
    }

    /// The outbox's generation, whenever it is another.
    pub(super) fn generation(&self) -> told::Receiver<u64> {
        self.generation.subscribe()
    }

    /// Takes in what the watch saw.
    pub(super) fn take(&mut self, batch: &mut Batch<CacheItem>) {
        match batch {
            Batch::Changes(changes) => {
                for change in changes {
                    match change {
                        Change::Applied(observed) => self.applied(&mut observed.value),
                        Change::Deleted { key, .. } => {
                            if let Some(shard) = self.shard(&key.name) {
                                self.vanished(shard);
                            }
                        }
                        // It is there: what it said before stays.
                        Change::Malformed(_) => {}
                    }
                }
            }
            Batch::Replace(listing) => {
                let items = listing.items.iter().map(|observed| &observed.key);
                let keys = items.chain(listing.malformed.iter().map(|fault| &fault.key));
                let listed: BTreeSet<Shard> = keys.filter_map(|key| self.shard(&key.name)).collect();
                for shard in self.there.difference(&listed).copied().collect::<Vec<_>>() {
                    self.vanished(shard);
                }
                for observed in &mut listing.items {
                    self.applied(&mut observed.value);
                }
                self.outbox.begin();
            }
            // The definition is gone: what was published was not withdrawn.
            Batch::Absent => {}
        }
        let generation = self.outbox.generation();
        self.generation.send_if_modified(|told| std::mem::replace(told, generation) != generation);
    }

    fn applied(&mut self, item: &mut CacheItem) {
        let Some(Outgoing { state, items }) = item.outgoing.take() else { return };
        self.there.insert(state.shard);
        self.versions.saw(&state);
        self.outbox.observe(state, items);
    }

    fn vanished(&mut self, shard: Shard) {
        self.there.remove(&shard);
        self.versions.vanished(shard);
        self.outbox.vanished(shard);
    }

    /// The own shard that an object's name says that it is.
    fn shard(&self, name: &str) -> Option<Shard> {
        let number = u64::from_str_radix(name.strip_prefix(&self.prefix)?, 16).ok()?;
        Shard::try_from(number).ok()
    }
}

#[cfg(test)]
mod tests {
    use mci_core::peer::ShardVersion;

    use super::*;

    #[test]
    fn an_entry_is_sent_as_it_stands() {
        let entry = r#"{"weight":7,"hostname":"app.example","later":{"a":[1]}}"#;
        let text =
            format!(r#"{{"spec": 1, "hostnames": [{entry}, {{"hostname": "app.example."}}, {{}}, 7]}}"#);
        let raw: Box<RawValue> = serde_json::from_str(&text).unwrap();
        let hostname: Hostname = "app.example".parse().unwrap();
        let content = ShardContent {
            cluster: "west".parse().unwrap(),
            shard: Shard::of(&hostname),
            version: ShardVersion { term: 2, seq: 3 },
            digest: "abcd".to_owned(),
            entries: Vec::new(),
        };
        let Outgoing { state, items } = Outgoing::of(&content, &raw).unwrap();
        assert_eq!(
            state,
            ShardState { shard: content.shard, version: content.version, digest: "abcd".into() }
        );
        let json: Vec<&str> = items.iter().map(|item| &*item.json).collect();
        assert_eq!(json.first(), Some(&entry));
        assert!(items.iter().all(|item| item.hostname == hostname), "{items:?}");
    }
}
