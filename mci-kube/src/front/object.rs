//! A ClusterCache as its front end writes it: the items stay as their publisher wrote them.
//!
//! [`ClusterCache`](crate::resources::ClusterCache) reads items into the fields that this version knows, and would lose
//! the others on the way through.

use std::collections::BTreeMap;
use std::sync::Arc;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use mci_core::peer::ShardVersion;
use mci_core::{ClusterId, Shard};
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::value::RawValue;
use sha2::{Digest as _, Sha256};

use super::shelf::Held;
use crate::client::{CallError, version_of};
use crate::names::{self, CLUSTER_LABEL};
use crate::resources::ClusterCache;
use crate::watch::{ObjectKey, Version};

/// Under which policy a shard was written, and how many hostnames the limit left out of it.
pub(super) const ADMISSION: &str = "mci.dev/admission";

/// The items of a shard by their hostnames, each as its publisher wrote it.
pub(super) type Items = BTreeMap<String, Box<RawValue>>;

/// The object.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct RawShard {
    #[serde(default)]
    api_version: String,
    #[serde(default)]
    kind: String,
    #[serde(default)]
    metadata: ObjectMeta,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    cluster: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    shard: Option<u64>,
    #[serde(default)]
    term: u64,
    #[serde(default)]
    seq: u64,
    #[serde(default)]
    digest: String,
    #[serde(default, deserialize_with = "null_is_empty")]
    hostnames: Vec<Box<RawValue>>,
}

fn null_is_empty<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<Box<RawValue>>, D::Error> {
    Ok(Option::deserialize(deserializer)?.unwrap_or_default())
}

impl kube::Resource for RawShard {
    type DynamicType = ();
    type Scope = kube::core::NamespaceResourceScope;

    fn kind((): &()) -> std::borrow::Cow<'_, str> {
        ClusterCache::kind(&())
    }

    fn group((): &()) -> std::borrow::Cow<'_, str> {
        ClusterCache::group(&())
    }

    fn version((): &()) -> std::borrow::Cow<'_, str> {
        ClusterCache::version(&())
    }

    fn plural((): &()) -> std::borrow::Cow<'_, str> {
        ClusterCache::plural(&())
    }

    fn meta(&self) -> &ObjectMeta {
        &self.metadata
    }

    fn meta_mut(&mut self) -> &mut ObjectMeta {
        &mut self.metadata
    }
}

/// Where a shard lies.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Place {
    pub(super) cluster: ClusterId,
    pub(super) shard: Shard,
}

impl Place {
    pub(super) fn key(&self, namespace: &str) -> ObjectKey {
        ObjectKey::new(namespace, &names::cluster_cache(&self.cluster, self.shard))
    }
}

impl RawShard {
    /// The object of a shard; over the version `over` of it, or the first.
    pub(super) fn new(
        namespace: &str,
        place: &Place,
        version: ShardVersion,
        digest: &str,
        items: Items,
        admission: Option<&str>,
        over: Option<Version>,
    ) -> Self {
        let key = place.key(namespace);
        let annotation = |text: &str| BTreeMap::from([(ADMISSION.to_owned(), text.to_owned())]);
        let metadata = ObjectMeta {
            namespace: Some(namespace.to_owned()),
            name: Some(key.name.into()),
            labels: Some(BTreeMap::from([(CLUSTER_LABEL.to_owned(), place.cluster.to_string())])),
            annotations: admission.map(annotation),
            resource_version: over.map(|version| version.to_string()),
            ..ObjectMeta::default()
        };
        let ClusterCache { api_version, kind, .. } = ClusterCache::default();
        Self {
            api_version,
            kind,
            metadata,
            cluster: Some(place.cluster.to_string()),
            shard: Some(place.shard.number().into()),
            term: version.term,
            seq: version.seq,
            digest: digest.to_owned(),
            hostnames: items.into_values().collect(),
        }
    }

    /// Whether it says that it is this shard; any other content under its name is nobody's.
    pub(super) fn is_of(&self, place: &Place) -> bool {
        self.cluster.as_deref() == Some(place.cluster.as_str())
            && self.shard == Some(place.shard.number().into())
    }

    /// What is kept of it.
    pub(super) fn held(&self) -> Result<Held, CallError> {
        Ok(Held {
            version: self.version(),
            digest: self.digest.as_str().into(),
            resource_version: version_of(self)?,
            admission: annotation(&self.metadata).map(Arc::from),
            hostnames: u32::try_from(self.hostnames.len()).unwrap_or(u32::MAX),
        })
    }

    pub(super) fn version(&self) -> ShardVersion {
        ShardVersion { term: self.term, seq: self.seq }
    }

    /// The items by their hostnames; one without a hostname is nobody's.
    pub(super) fn into_items(self) -> Items {
        #[derive(Deserialize)]
        struct Named {
            hostname: String,
        }
        let name = |item: &RawValue| serde_json::from_str::<Named>(item.get()).ok();
        self.hostnames.into_iter().filter_map(|item| Some((name(&item)?.hostname, item))).collect()
    }
}

fn annotation(metadata: &ObjectMeta) -> Option<&str> {
    metadata.annotations.as_ref()?.get(ADMISSION).map(String::as_str)
}

/// This front end's word for what it wrote for a REST peer, which has none of its own.
pub(super) fn digest(items: &Items) -> String {
    let mut hash = Sha256::new();
    for item in items.values() {
        hash.update(item.get());
        hash.update("\n");
    }
    hex(&hash.finalize())
}

/// The first 32 hexadecimal digits.
pub(super) fn hex(hash: &[u8]) -> String {
    use std::fmt::Write as _;
    let mut hex = String::with_capacity(32);
    for octet in hash.iter().take(16) {
        let _ = write!(hex, "{octet:02x}");
    }
    hex
}
