//! What the operator writes: shards of its own cluster, what is offered for people to look at, and the status of GSLBs.

use std::collections::BTreeMap;
use std::marker::PhantomData;
use std::sync::Arc;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::{Condition, ObjectMeta};
use mci_core::Shard;
use mci_core::publish::{ConditionType, ObjectName};

use super::caches::{ContentHash, SeenShard};
use super::versions::Versions;
use crate::client::Kind;
use crate::content::shard::Version;
use crate::resources::{ClusterCache, CyclopsGslb, Gslb, GslbStatus, ResourceCache, ServiceCache};
use crate::write::{Part, Wanted};

/// Who we are where several have a say in one status.
pub(super) const MANAGER: &str = "mci-operator";

/// A shard of the own cluster, as the leader of one term wants it.
pub(super) struct OwnShard {
    /// What was made for one term is nothing to write in another: the next leader begins with what it finds.
    pub(super) term: u64,
    pub(super) shard: Shard,
    pub(super) versions: Versions,
    pub(super) hash: ContentHash,
    pub(super) object: Arc<ClusterCache>,
}

impl Wanted for OwnShard {
    type Object = ClusterCache;
    type Seen = SeenShard;

    fn over(&self, seen: Option<&SeenShard>, term: u64) -> Option<ClusterCache> {
        // What says the same is written all the same where a peer would not take it.
        let stays =
            |seen: &SeenShard| seen.hash == self.hash && !self.versions.is_outdone(self.shard, seen.version);
        if term != self.term || seen.is_some_and(stays) {
            return None;
        }
        if seen.is_none() && !self.versions.knows(self.shard) && self.object.hostnames.is_empty() {
            // One that was never used does not exist.
            return None;
        }
        let seen = seen.map_or_else(Version::default, |seen| seen.version);
        let Version { term, seq } = self.versions.above(self.shard, seen, term);
        let mut object = ClusterCache::clone(&self.object);
        (object.term, object.seq) = (term, seq);
        Some(object)
    }

    fn seen(object: ClusterCache) -> Result<SeenShard, String> {
        Ok(SeenShard::of(&object))
    }
}

/// What a referenced object offers.
pub(super) struct Resource(pub(super) ResourceCache);

impl Wanted for Resource {
    type Object = ResourceCache;
    type Seen = ContentHash;

    fn over(&self, seen: Option<&ContentHash>, _term: u64) -> Option<ResourceCache> {
        (seen != Some(&ContentHash::of_resource(&self.0))).then(|| self.0.clone())
    }

    fn seen(object: ResourceCache) -> Result<ContentHash, String> {
        Ok(ContentHash::of_resource(&object))
    }
}

/// How many endpoints of a Service are ready.
pub(super) struct Service(pub(super) ServiceCache);

impl Wanted for Service {
    type Object = ServiceCache;
    type Seen = ContentHash;

    fn over(&self, seen: Option<&ContentHash>, _term: u64) -> Option<ServiceCache> {
        (seen != Some(&ContentHash::of_service(&self.0))).then(|| self.0.clone())
    }

    fn seen(object: ServiceCache) -> Result<ContentHash, String> {
        Ok(ContentHash::of_service(&object))
    }
}

/// A GSLB of either group.
pub(super) trait HasStatus: Kind + std::fmt::Debug {
    /// An object that says nothing but its status: what is left out of an apply is nobody's of ours.
    fn with(metadata: ObjectMeta, status: GslbStatus) -> Self;
    fn status(self) -> Option<GslbStatus>;
}

impl HasStatus for Gslb {
    fn with(metadata: ObjectMeta, status: GslbStatus) -> Self {
        Self { metadata, status: Some(status), ..Self::default() }
    }

    fn status(self) -> Option<GslbStatus> {
        self.status
    }
}

impl HasStatus for CyclopsGslb {
    fn with(metadata: ObjectMeta, status: GslbStatus) -> Self {
        Self { metadata, status: Some(status), ..Self::default() }
    }

    fn status(self) -> Option<GslbStatus> {
        self.status
    }
}

/// What is said of a GSLB. Times of conditions are those of a change now; those of what stays as it is are kept.
pub(super) struct Says<K> {
    name: ObjectName,
    status: GslbStatus,
    of: PhantomData<fn() -> K>,
}

impl<K> Says<K> {
    pub(super) fn new(name: ObjectName, status: GslbStatus) -> Self {
        Self { name, status, of: PhantomData }
    }
}

impl<K: HasStatus> Wanted for Says<K> {
    type Object = K;
    type Seen = GslbStatus;
    const PART: Part = Part::Applied { manager: MANAGER };

    fn over(&self, seen: Option<&GslbStatus>, _term: u64) -> Option<K> {
        let mut status = self.status.clone();
        if let Some(before) = seen {
            for condition in &mut status.conditions {
                let same =
                    |other: &&Condition| other.type_ == condition.type_ && other.status == condition.status;
                if let Some(other) = before.conditions.iter().find(same) {
                    condition.last_transition_time = other.last_transition_time.clone();
                }
            }
            if says(before) == says(&status) {
                return None;
            }
        }
        let metadata = ObjectMeta {
            namespace: Some(self.name.namespace.to_string()),
            name: Some(self.name.name.to_string()),
            ..ObjectMeta::default()
        };
        Some(K::with(metadata, status))
    }

    fn seen(object: K) -> Result<GslbStatus, String> {
        Ok(object.status().unwrap_or_default())
    }
}

/// All that we say in a status; others may add conditions of their own.
fn says(status: &GslbStatus) -> impl PartialEq + '_ {
    let ours = |one: &&Condition| ConditionType::ALL.iter().any(|kind| kind.as_str() == one.type_);
    let conditions: BTreeMap<&str, &Condition> =
        status.conditions.iter().filter(ours).map(|one| (one.type_.as_str(), one)).collect();
    (status.observed_generation, &status.published_hostnames, &status.published_addresses, conditions)
}
