//! ClusterCache: one shard of what one cluster publishes.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use mci_core::{AnswerMode, WhenAllDown};
use serde::{Deserialize, Serialize};

use crate::resources::hostname_cache::{default_weight, ready};
use crate::resources::{CachedAddress, GROUP, Item, api_version, null_as_default, resource};

/// One of the 1,024 shards of what one cluster publishes.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ClusterCache {
    #[doc(hidden)]
    #[serde(default)]
    pub api_version: String,
    #[doc(hidden)]
    #[serde(default)]
    pub kind: String,
    /// Its name is derived from the cluster and the shard.
    #[serde(default)]
    pub metadata: ObjectMeta,
    /// The cluster that publishes it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cluster: Option<String>,
    /// The shard's number, 0 to 1,023.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub shard: Option<u64>,
    /// The term of the leader that wrote it.
    #[serde(default)]
    pub term: u64,
    /// Grows by one with each change of this shard.
    #[serde(default)]
    pub seq: u64,
    /// The writer's word for its content: stored and repeated, never recomputed by another cluster.
    #[serde(default, deserialize_with = "null_as_default")]
    pub digest: String,
    /// The hostnames that fall into this shard.
    #[serde(default, deserialize_with = "null_as_default")]
    pub hostnames: Vec<Item<PublishedHostname>>,
    /// For each tracked Service: 1 if it is ready, 0 if not.
    #[serde(default, deserialize_with = "null_as_default", skip_serializing_if = "Vec::is_empty")]
    pub service_endpoint_counts: Vec<Item<ServiceEndpointCount>>,
}

resource!(ClusterCache { kind: "ClusterCache", plural: "clustercaches", group: GROUP });

/// What the cluster offers for one hostname.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct PublishedHostname {
    /// The name that is answered.
    pub hostname: String,
    /// Its addresses.
    #[serde(default, rename = "hostIPs", deserialize_with = "null_as_default")]
    pub host_ips: Vec<CachedAddress>,
    /// Its target names.
    #[serde(default, deserialize_with = "null_as_default", skip_serializing_if = "Vec::is_empty")]
    pub targets: Vec<String>,
    /// The highest that is eligible answers (R4).
    #[serde(default)]
    pub priority: i64,
    /// Its share is `weight / sum` (R5).
    #[serde(default = "default_weight")]
    pub weight: u32,
    /// Ready or not (R14); what says nothing is ready.
    #[serde(default = "ready")]
    pub ready: bool,
    /// In seconds (R10).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ttl: Option<u32>,
    /// Which addresses one answer has (R8).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub answer_mode: Option<AnswerMode>,
    /// What answers when nothing else does (R11).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub when_all_down: Option<WhenAllDown>,
    /// The addresses for [`WhenAllDown::Static`].
    #[serde(default, deserialize_with = "null_as_default", skip_serializing_if = "Vec::is_empty")]
    pub fallback: Vec<String>,
    /// The publisher's Unix time of its last change (D7).
    #[serde(default)]
    pub changed: u32,
}

/// Whether one tracked Service is ready.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ServiceEndpointCount {
    /// The Service's namespace.
    pub namespace: String,
    /// The Service's name.
    pub service: String,
    /// 1 if it is ready, 0 if not.
    pub count: u32,
}

impl ClusterCache {
    /// An object of this name without content.
    pub fn named(name: &str) -> Self {
        Self {
            api_version: api_version(GROUP),
            kind: "ClusterCache".to_owned(),
            metadata: ObjectMeta { name: Some(name.to_owned()), ..ObjectMeta::default() },
            cluster: None,
            shard: None,
            term: 0,
            seq: 0,
            digest: String::new(),
            hostnames: Vec::new(),
            service_endpoint_counts: Vec::new(),
        }
    }
}
