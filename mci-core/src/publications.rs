//! What every cluster publishes, as one (R23).
//!
//! ```text
//!  (cluster, shard) ──► put / take ──► the hostnames it touches ──► state: one endpoint a cluster that publishes it
//! ```
//!
//! A cluster publishes its hostnames in shards, each replaced whole. What comes out is a pure function of what lies
//! here: the order in which shards came does not show.

use std::collections::{BTreeMap, BTreeSet};

use crate::cluster::ClusterId;
use crate::hostname::Hostname;
use crate::hostname_state::{Endpoint, HostnameState};
use crate::shard::Shard;

/// The shards of every cluster, and by hostname what they say together.
#[derive(Clone, Debug, Default)]
pub struct Publications {
    shards: BTreeMap<ClusterId, BTreeMap<Shard, Vec<Hostname>>>,
    hostnames: BTreeMap<Hostname, Vec<Endpoint>>,
}

impl Publications {
    /// Nobody publishes anything.
    pub fn new() -> Self {
        Self::default()
    }

    /// A shard as its cluster publishes it now. Returns the hostnames of which something else is said than before.
    ///
    /// An entry that lies in another shard than its own, or of another cluster, is passed over: it is nobody's word. Of
    /// a hostname that is given twice, both are merged, as everywhere (R23).
    pub fn put(
        &mut self,
        cluster: &ClusterId,
        shard: Shard,
        entries: impl IntoIterator<Item = (Hostname, Endpoint)>,
    ) -> BTreeSet<Hostname> {
        let mut news: BTreeMap<Hostname, HostnameState> = BTreeMap::new();
        for (hostname, endpoint) in entries {
            if Shard::of(&hostname) != shard || endpoint.cluster != *cluster {
                continue;
            }
            let said = HostnameState::new(hostname.clone()).endpoint(endpoint);
            let merged = match news.remove(&hostname) {
                Some(before) => before.merge(said),
                None => said,
            };
            news.insert(hostname, merged);
        }
        let listed = news.keys().cloned().collect();
        let before =
            self.shards.entry(cluster.clone()).or_default().insert(shard, listed).unwrap_or_default();

        let mut changed = BTreeSet::new();
        for hostname in before {
            if !news.contains_key(&hostname) && self.withdraw(cluster, &hostname) {
                changed.insert(hostname);
            }
        }
        for (hostname, state) in news {
            let Some(endpoint) = state.endpoints.into_iter().next() else { continue };
            if self.publish(&hostname, endpoint) {
                changed.insert(hostname);
            }
        }
        changed
    }

    /// A shard that is no longer there. Returns the hostnames that this withdraws.
    pub fn take(&mut self, cluster: &ClusterId, shard: Shard) -> BTreeSet<Hostname> {
        let changed = self.put(cluster, shard, []);
        if let Some(shards) = self.shards.get_mut(cluster) {
            shards.remove(&shard);
            if shards.is_empty() {
                self.shards.remove(cluster);
            }
        }
        changed
    }

    /// What all clusters say of a hostname; nothing where none publishes it (R12).
    pub fn state(&self, hostname: &Hostname) -> Option<HostnameState> {
        let endpoints = self.hostnames.get(hostname)?.clone();
        Some(HostnameState { hostname: hostname.clone(), policy: crate::Policy::default(), endpoints })
    }

    /// The hostnames that some cluster publishes, in no particular order.
    pub fn hostnames(&self) -> impl ExactSizeIterator<Item = &Hostname> {
        self.hostnames.keys()
    }

    /// The shards that are here, by cluster.
    pub fn shards(&self) -> impl Iterator<Item = (&ClusterId, Shard)> {
        self.shards.iter().flat_map(|(cluster, shards)| shards.keys().map(move |shard| (cluster, *shard)))
    }

    /// How many hostnames a cluster publishes.
    pub fn count(&self, cluster: &ClusterId) -> usize {
        self.shards.get(cluster).map_or(0, |shards| shards.values().map(Vec::len).sum())
    }

    /// The clusters that have shards.
    pub fn clusters(&self) -> impl ExactSizeIterator<Item = &ClusterId> {
        self.shards.keys()
    }

    /// Sorted by cluster, so that equal content is equal data.
    fn publish(&mut self, hostname: &Hostname, endpoint: Endpoint) -> bool {
        let endpoints = match self.hostnames.get_mut(hostname) {
            Some(endpoints) => endpoints,
            None => self.hostnames.entry(hostname.clone()).or_default(),
        };
        match endpoints.binary_search_by(|other| other.cluster.cmp(&endpoint.cluster)) {
            Ok(at) => match endpoints.get_mut(at) {
                Some(other) if *other != endpoint => {
                    *other = endpoint;
                    true
                }
                _ => false,
            },
            Err(at) => {
                endpoints.insert(at, endpoint);
                true
            }
        }
    }

    fn withdraw(&mut self, cluster: &ClusterId, hostname: &Hostname) -> bool {
        let Some(endpoints) = self.hostnames.get_mut(hostname) else { return false };
        let before = endpoints.len();
        endpoints.retain(|endpoint| endpoint.cluster != *cluster);
        let withdrawn = endpoints.len() < before;
        if endpoints.is_empty() {
            self.hostnames.remove(hostname);
        }
        withdrawn
    }
}
