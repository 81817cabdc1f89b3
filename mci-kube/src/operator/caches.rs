//! What is kept of the objects in the operator's own namespace, and of GSLBs.

use std::sync::Arc;

use mci_core::ClusterId;
use mci_core::publish::{Group, Kind, Object};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use sha2::{Digest as _, Sha256};

use super::outgoing::Outgoing;
use crate::content::cluster::{ClusterView, OwnOverrides};
use crate::content::shard::{ShardContent, Version};
use crate::content::{self};
use crate::decode::Decoding;
use crate::names::{self, CLUSTER_LABEL};
use crate::resources::{Cluster, ClusterCache, GslbStatus, ResourceCache, ServiceCache};
use crate::{translate, watch};

/// Enough of an object's content to tell whether another one is the same.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct ContentHash([u8; 16]);

impl ContentHash {
    fn of(content: &impl Serialize) -> Self {
        let text = serde_json::to_vec(content).expect("caches are made of JSON values");
        let mut hash = [0; 16];
        for (octet, from) in hash.iter_mut().zip(Sha256::digest(text)) {
            *octet = from;
        }
        Self(hash)
    }

    /// What a shard says, whatever its version.
    pub(super) fn of_shard(object: &ClusterCache) -> Self {
        let label = object.metadata.labels.as_ref().and_then(|labels| labels.get(CLUSTER_LABEL));
        let ClusterCache { cluster, shard, digest, hostnames, service_endpoint_counts, .. } = object;
        Self::of(&(label, cluster, shard, digest, hostnames, service_endpoint_counts))
    }

    /// What an object offers, at whatever version of it that began: a new leader cannot know.
    pub(super) fn of_resource(cache: &ResourceCache) -> Self {
        let ResourceCache { object, ready, addresses, targets, .. } = cache;
        Self::of(&(object, ready, addresses, targets))
    }

    pub(super) fn of_service(cache: &ServiceCache) -> Self {
        let ServiceCache { object, ready_endpoints, addresses, .. } = cache;
        Self::of(&(object, ready_endpoints, addresses))
    }
}

/// What is kept of a shard that lies where the own cluster's lie.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct SeenShard {
    pub(super) version: Version,
    pub(super) hash: ContentHash,
}

impl SeenShard {
    pub(super) fn of(object: &ClusterCache) -> Self {
        let version = Version { term: object.term, seq: object.seq };
        Self { version, hash: ContentHash::of_shard(object) }
    }
}

/// A ClusterCache of any cluster.
pub(super) struct CacheItem {
    /// What its cluster publishes in it; nothing where it is nobody's.
    pub(super) content: Option<ShardContent>,
    /// Where it bears a name of the own cluster's, or says that it is its.
    pub(super) seen: Option<SeenShard>,
    /// The same as peers are sent it, of a shard of the own cluster.
    pub(super) outgoing: Option<Outgoing>,
    /// It says that it is the own cluster's, and its name is another: it is to go.
    pub(super) is_stray: bool,
}

/// Reads ClusterCaches; `own` is the own cluster.
pub(super) fn cluster_caches(
    own: &ClusterId,
    decoding: Arc<Decoding>,
) -> impl Fn(&RawValue) -> Result<CacheItem, String> + use<> {
    let prefix = names::cluster_caches_of(own);
    let own = own.clone();
    move |raw| {
        let object: ClusterCache = watch::decode(raw)?;
        let name = object.metadata.name.clone().unwrap_or_default();
        let says_own = object.shard.is_some() && object.cluster.as_deref() == Some(own.as_str());
        let seen = (says_own || name.starts_with(&prefix)).then(|| SeenShard::of(&object));
        let Some(object) = decoding.own(object) else {
            return Ok(CacheItem { content: None, seen, outgoing: None, is_stray: says_own });
        };
        let read = content::shard::read(&object).map_err(|fault| fault.to_string())?;
        let content = decoding.faults.log(&name, read);
        let outgoing = (content.cluster == own).then(|| Outgoing::of(&content, raw)).transpose()?;
        Ok(CacheItem { content: Some(content), seen, outgoing, is_stray: false })
    }
}

pub(super) fn resource_cache(raw: &RawValue) -> Result<ContentHash, String> {
    watch::decode(raw).map(|cache| ContentHash::of_resource(&cache))
}

pub(super) fn service_cache(raw: &RawValue) -> Result<ContentHash, String> {
    watch::decode(raw).map(|cache| ContentHash::of_service(&cache))
}

/// A GSLB: what it asks for, and what its status says.
pub(super) struct GslbItem {
    pub(super) object: Object,
    /// Nothing of one that cannot be read: it is written anew.
    pub(super) status: GslbStatus,
}

#[derive(Deserialize)]
struct WithStatus {
    #[serde(default)]
    status: Option<serde_json::Value>,
}

pub(super) fn gslbs(group: Group) -> impl Fn(&RawValue) -> Result<GslbItem, String> {
    move |raw| {
        let object = translate::decode(Kind::Gslb(group), raw)?;
        let WithStatus { status } = watch::decode(raw)?;
        let status = status.and_then(|status| serde_json::from_value(status).ok()).unwrap_or_default();
        Ok(GslbItem { object, status })
    }
}

/// A Cluster, and what it says of its own overrides if it is the own one.
pub(super) struct ClusterItem {
    pub(super) view: ClusterView,
    pub(super) overrides: String,
}

pub(super) fn clusters(decoding: Arc<Decoding>) -> impl Fn(&RawValue) -> Result<ClusterItem, String> {
    move |raw| {
        let object: Cluster = watch::decode(raw)?;
        let read = content::cluster::read(&object).map_err(|fault| fault.to_string())?;
        let name = object.metadata.name.as_deref().unwrap_or_default();
        let view = decoding.faults.log(name, read);
        Ok(ClusterItem { view, overrides: OwnOverrides::of(&object).write() })
    }
}
