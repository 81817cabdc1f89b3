//! What the orchestrator writes: HostnameCaches, and of Clusters their being there and their status.

use std::sync::{Arc, Mutex, PoisonError};

use mci_core::{ClusterId, Hostname};
use sha2::{Digest as _, Sha256};

use super::judge::Verdict;
use crate::content;
use crate::resources::{Cluster, ClusterStatus, HostnameCache, Item};
use crate::shards::Shards;
use crate::write::{Part, Wanted};

/// One hostname as every cluster's shards have it at the moment of writing (R23).
pub(super) struct Merged {
    pub(super) hostname: Hostname,
    pub(super) namespace: Arc<str>,
    pub(super) shards: Arc<Mutex<Shards>>,
}

/// What is kept of a HostnameCache: enough to tell whether another content is the same.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct ContentHash([u8; 16]);

impl ContentHash {
    pub(super) fn of(object: &HostnameCache) -> Self {
        let content = serde_json::to_vec(&(&object.hostname, &object.endpoints, &object.addresses))
            .expect("caches are made of JSON values");
        let mut hash = [0; 16];
        for (octet, from) in hash.iter_mut().zip(Sha256::digest(content)) {
            *octet = from;
        }
        Self(hash)
    }
}

impl Wanted for Merged {
    type Object = HostnameCache;
    type Seen = ContentHash;

    fn over(&self, seen: Option<&ContentHash>, _term: u64) -> Option<HostnameCache> {
        let state = {
            let shards = self.shards.lock().unwrap_or_else(PoisonError::into_inner);
            // Withdrawn since: that it is no longer wanted has been said, or is about to be.
            shards.publications().state(&self.hostname)?
        };
        let mut object = content::hostname::write(&state);
        if seen == Some(&ContentHash::of(&object)) {
            return None;
        }
        object.metadata.namespace = Some(self.namespace.to_string());
        Some(object)
    }

    fn seen(object: HostnameCache) -> Result<ContentHash, String> {
        Ok(ContentHash::of(&object))
    }
}

/// A cluster that belongs here has a `Cluster`; what people wrote into it is theirs.
pub(super) struct Exists {
    pub(super) cluster: ClusterId,
    pub(super) namespace: Arc<str>,
}

impl Wanted for Exists {
    type Object = Cluster;
    type Seen = Arc<Cluster>;

    fn over(&self, seen: Option<&Arc<Cluster>>, _term: u64) -> Option<Cluster> {
        if seen.is_some() {
            return None;
        }
        let mut object = Cluster::named(self.cluster.as_str());
        object.metadata.namespace = Some(self.namespace.to_string());
        Some(object)
    }

    fn seen(object: Cluster) -> Result<Arc<Cluster>, String> {
        Ok(Arc::new(object))
    }
}

/// What is said of a cluster in its status.
pub(super) struct Says {
    pub(super) verdict: Verdict,
    /// Since when, if the state is another than the one that stands there: RFC 3339.
    pub(super) since: String,
}

impl Wanted for Says {
    type Object = Cluster;
    type Seen = Arc<Cluster>;
    const PART: Part = Part::Status;

    fn over(&self, seen: Option<&Arc<Cluster>>, _term: u64) -> Option<Cluster> {
        let seen = seen?;
        let before = seen.status.clone().unwrap_or_default();
        let Verdict { state, reason, instance, term, own } = self.verdict.clone();
        let since = if before.state == Some(state) { before.since.clone() } else { None };
        let status = ClusterStatus {
            state: Some(state),
            since: since.or_else(|| Some(self.since.clone())),
            reason: Some(reason),
            // Not to have heard it since the start is no news.
            instance: instance.or_else(|| before.instance.clone()),
            term: term.or(before.term),
            own_override: own.held_back.map(Item::Read),
            own_hostname_overrides: own.hostname_overrides.into_iter().map(Item::Read).collect(),
        };
        if status == before {
            return None;
        }
        let mut object = Cluster::clone(seen);
        object.status = Some(status);
        Some(object)
    }

    fn seen(object: Cluster) -> Result<Arc<Cluster>, String> {
        Ok(Arc::new(object))
    }
}
