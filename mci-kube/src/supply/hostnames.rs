//! Batches of caches as hostnames that are there, and hostnames that are not.

use std::collections::HashMap;

use mci_core::{Hostname, HostnameState};

use crate::decode::HostnameItem;
use crate::shards::{ShardItem, Shards};
use crate::watch::{Change, Listing, ObjectKey};

/// What a batch of changes comes to.
#[derive(Debug, Default, PartialEq)]
pub(super) struct Moved {
    /// As they are now.
    pub(super) put: Vec<HostnameState>,
    /// No longer there.
    pub(super) gone: Vec<Hostname>,
}

/// What a list comes to.
#[derive(Debug, Default, PartialEq)]
pub(super) struct Listed {
    /// Everything that could be read.
    pub(super) states: Vec<HostnameState>,
    /// What is there, and cannot be read.
    pub(super) unread: Vec<Hostname>,
}

/// Knows which hostnames an object stood for.
pub(super) trait Hostnames: Default {
    type Item;
    fn change(&mut self, changes: Vec<Change<Self::Item>>) -> Moved;
    fn list(&mut self, listing: Listing<Self::Item>) -> Listed;
}

/// What is decoded, and how it comes to hostnames.
pub(super) trait Item: Sized {
    type Hostnames: Hostnames<Item = Self>;
}

impl Item for HostnameItem {
    type Hostnames = ByHostname;
}

impl Item for ShardItem {
    type Hostnames = ByShard;
}

/// One object a hostname.
#[derive(Debug, Default)]
pub(super) struct ByHostname {
    names: HashMap<ObjectKey, Hostname>,
}

impl Hostnames for ByHostname {
    type Item = HostnameItem;

    fn change(&mut self, changes: Vec<Change<HostnameItem>>) -> Moved {
        // The last word of a batch on a hostname counts.
        let mut words: HashMap<Hostname, Option<HostnameState>> = HashMap::new();
        for change in changes {
            match change {
                Change::Applied(observed) => match observed.value.0 {
                    Some(state) => {
                        self.names.insert(observed.key, state.hostname().clone());
                        words.insert(state.hostname().clone(), Some(state));
                    }
                    None => words.extend(self.names.remove(&observed.key).map(|hostname| (hostname, None))),
                },
                Change::Deleted { key, .. } => {
                    words.extend(self.names.remove(&key).map(|hostname| (hostname, None)));
                }
                // It is there: what it said before stays.
                Change::Malformed(_) => {}
            }
        }
        let mut moved = Moved::default();
        for (hostname, state) in words {
            match state {
                Some(state) => moved.put.push(state),
                None => moved.gone.push(hostname),
            }
        }
        moved
    }

    fn list(&mut self, listing: Listing<HostnameItem>) -> Listed {
        let mut before = std::mem::take(&mut self.names);
        let mut listed = Listed::default();
        for malformed in listing.malformed {
            if let Some(hostname) = before.remove(&malformed.key) {
                listed.unread.push(hostname.clone());
                self.names.insert(malformed.key, hostname);
            }
        }
        for observed in listing.items {
            if let Some(state) = observed.value.0 {
                self.names.insert(observed.key, state.hostname().clone());
                listed.states.push(state);
            }
        }
        listed
    }
}

/// Shards of clusters, merged here (R23).
#[derive(Debug, Default)]
pub(super) struct ByShard(Shards);

impl Hostnames for ByShard {
    type Item = ShardItem;

    fn change(&mut self, changes: Vec<Change<ShardItem>>) -> Moved {
        let mut moved = Moved::default();
        for hostname in self.0.change(changes) {
            match self.0.publications().state(&hostname) {
                Some(state) => moved.put.push(state),
                None => moved.gone.push(hostname),
            }
        }
        moved
    }

    fn list(&mut self, listing: Listing<ShardItem>) -> Listed {
        self.0.list(listing);
        let publications = self.0.publications();
        let states = publications.hostnames().filter_map(|hostname| publications.state(hostname));
        Listed { states: states.collect(), unread: Vec::new() }
    }
}
