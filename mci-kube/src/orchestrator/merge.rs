//! From shards to HostnameCaches: only those that changed, and none that nobody publishes.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex};

use mci_core::Hostname;
use tokio::sync::mpsc;
use tracing::{debug, info};

use super::wanted::Merged;
use super::{HostnameSeen, lock};
use crate::names;
use crate::shards::{ShardItem, Shards};
use crate::watch::{Batch, Change, Listing, ObjectKey, Observed};
use crate::write::{Desk, Lane};

/// HostnameCaches that nobody's content asks for: of another application, or of an older one.
#[derive(Debug, Default)]
pub(super) struct Found {
    pub(super) keys: BTreeSet<ObjectKey>,
}

pub(super) struct Merge {
    namespace: Arc<str>,
    shards: Arc<Mutex<Shards>>,
    desk: Desk<Merged>,
    /// HostnameCaches that are there under a name of ours.
    there: BTreeSet<ObjectKey>,
    strangers: Arc<Strangers>,
    synced: bool,
}

/// Strangers, and the way to have them deleted.
pub(super) struct Strangers {
    found: Mutex<Found>,
    desk: Desk<Merged>,
}

impl Strangers {
    /// Deletes what is there of them.
    pub(super) fn delete(&self) {
        for key in &lock(&self.found).keys {
            self.desk.want_nothing(key.clone(), Lane::Bulk);
        }
    }
}

impl Merge {
    pub(super) fn new(namespace: Arc<str>, shards: Arc<Mutex<Shards>>, desk: Desk<Merged>) -> Self {
        let strangers = Arc::new(Strangers { found: Mutex::default(), desk: desk.clone() });
        Self { namespace, shards, desk, there: BTreeSet::new(), strangers, synced: false }
    }

    pub(super) fn strangers(&self) -> Arc<Strangers> {
        Arc::clone(&self.strangers)
    }

    pub(super) async fn run(
        mut self,
        mut shards: mpsc::Receiver<Batch<ShardItem>>,
        mut hostnames: mpsc::Receiver<Batch<HostnameSeen>>,
    ) {
        loop {
            tokio::select! {
                Some(batch) = shards.recv() => self.shards(batch),
                Some(batch) = hostnames.recv() => self.hostnames(batch),
                else => return,
            }
        }
    }

    fn shards(&mut self, batch: Batch<ShardItem>) {
        match batch {
            // Their definition is gone: what was merged last stays.
            Batch::Absent => {}
            Batch::Changes(changes) => {
                let hostnames = lock(&self.shards).change(changes);
                debug!(hostnames = hostnames.len(), "Shards changed");
                self.want(hostnames);
            }
            Batch::Replace(listing) => {
                let hostnames = lock(&self.shards).list(listing);
                self.want(hostnames);
                if !std::mem::replace(&mut self.synced, true) {
                    info!(hostnames = lock(&self.shards).publications().hostnames().len(), "Shards listed");
                    for key in self.orphans() {
                        self.desk.want_nothing(key, Lane::Bulk);
                    }
                    self.desk.begin();
                }
            }
        }
    }

    /// Says what is wanted of these hostnames.
    fn want(&self, hostnames: BTreeSet<Hostname>) {
        for hostname in hostnames {
            let key = self.key(&hostname);
            if lock(&self.shards).publications().state(&hostname).is_none() {
                // In the lane of what nobody waits for: a name that goes is given its time anyway (R26).
                self.desk.want_nothing(key, Lane::Bulk);
                continue;
            }
            let lane = if self.there.contains(&key) { Lane::Changes } else { Lane::Bulk };
            let shards = Arc::clone(&self.shards);
            self.desk.want(key, Merged { hostname, namespace: Arc::clone(&self.namespace), shards }, lane);
        }
    }

    fn hostnames(&mut self, batch: Batch<HostnameSeen>) {
        match &batch {
            Batch::Absent => self.there.clear(),
            Batch::Changes(changes) => {
                for change in changes {
                    match change {
                        Change::Applied(observed) => self.see(observed),
                        Change::Deleted { key, .. } => {
                            self.there.remove(key);
                            lock(&self.strangers.found).keys.remove(key);
                        }
                        // It is there, and will be written over if it is ours.
                        Change::Malformed(_) => {}
                    }
                }
            }
            Batch::Replace(Listing { items, .. }) => {
                self.there.clear();
                lock(&self.strangers.found).keys.clear();
                for observed in items {
                    self.see(observed);
                }
            }
        }
        self.desk.observe(batch.map(|seen| seen.hash));
    }

    fn see(&mut self, Observed { key, value, .. }: &Observed<HostnameSeen>) {
        if !value.ours {
            lock(&self.strangers.found).keys.insert(key.clone());
            return;
        }
        self.there.insert(key.clone());
        if self.synced && !self.is_published(key) {
            // Nobody's any more: its hostname went while nobody merged.
            self.desk.want_nothing(key.clone(), Lane::Bulk);
        }
    }

    /// The HostnameCaches that are there and that nobody publishes.
    fn orphans(&self) -> Vec<ObjectKey> {
        let published: BTreeSet<ObjectKey> =
            lock(&self.shards).publications().hostnames().map(|hostname| self.key(hostname)).collect();
        self.there.difference(&published).cloned().collect()
    }

    fn is_published(&self, key: &ObjectKey) -> bool {
        self.desk.is_wanted(key)
    }

    fn key(&self, hostname: &Hostname) -> ObjectKey {
        ObjectKey::new(&self.namespace, &names::hostname_cache(hostname))
    }
}
