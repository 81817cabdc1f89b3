//! HostnameCache: one hostname, merged from every cluster that publishes it.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use mci_core::{AnswerMode, WhenAllDown};
use serde::{Deserialize, Serialize};

use crate::resources::{GROUP, Item, api_version, null_as_default, resource};

/// One hostname, with an entry for each cluster that publishes it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct HostnameCache {
    #[doc(hidden)]
    #[serde(default)]
    pub api_version: String,
    #[doc(hidden)]
    #[serde(default)]
    pub kind: String,
    /// Its name is derived from the hostname.
    #[serde(default)]
    pub metadata: ObjectMeta,
    /// The name that is answered.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hostname: Option<String>,
    /// What each cluster offers for it.
    #[serde(default, deserialize_with = "null_as_default")]
    pub endpoints: Vec<Item<CachedEndpoint>>,
    /// The ready addresses as the .NET application writes them, for people and scripts: MCI never reads it.
    #[serde(default, deserialize_with = "null_as_default")]
    pub addresses: Vec<Item<ProjectedAddress>>,
}

resource!(HostnameCache { kind: "HostnameCache", plural: "hostnamecaches", group: GROUP });

/// What one cluster offers for a hostname.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct CachedEndpoint {
    /// The cluster that publishes it.
    pub cluster_identifier: String,
    /// Its addresses.
    #[serde(default, deserialize_with = "null_as_default", skip_serializing_if = "Vec::is_empty")]
    pub addresses: Vec<CachedAddress>,
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

/// One address.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct CachedAddress {
    /// IPv4 or IPv6.
    pub ip_address: String,
    /// Whether this one is ready; absent: as the endpoint is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ready: Option<bool>,
    /// The name of what listens there, for records of single backends.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hostname: Option<String>,
    /// The ports that it listens on, for records of single backends.
    #[serde(default, deserialize_with = "null_as_default", skip_serializing_if = "Vec::is_empty")]
    pub ports: Vec<serde_json::Value>,
}

/// One ready address, as the .NET application writes it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ProjectedAddress {
    /// IPv4 or IPv6.
    pub ip_address: String,
    /// Of its endpoint.
    pub priority: i64,
    /// Of its endpoint.
    pub weight: u32,
    /// The cluster that publishes it.
    pub cluster_identifier: String,
}

impl HostnameCache {
    /// An object of this name without content.
    pub fn named(name: &str) -> Self {
        Self {
            api_version: api_version(GROUP),
            kind: "HostnameCache".to_owned(),
            metadata: ObjectMeta { name: Some(name.to_owned()), ..ObjectMeta::default() },
            hostname: None,
            endpoints: Vec::new(),
            addresses: Vec::new(),
        }
    }
}

pub(super) fn default_weight() -> u32 {
    mci_core::DEFAULT_WEIGHT
}

pub(super) fn ready() -> bool {
    true
}
