//! Cluster: one cluster as this one sees it, and what an operator says of it.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use mci_core::{ClusterState, OverrideState};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::resources::{GROUP, Item, api_version, null_as_default, resource};
use crate::rules::{cluster_state_schema, hostname_schema, override_state_schema, time_schema};

/// One cluster, named by its identifier.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Cluster {
    #[doc(hidden)]
    #[serde(default)]
    pub api_version: String,
    #[doc(hidden)]
    #[serde(default)]
    pub kind: String,
    /// Its name is the cluster's identifier.
    #[serde(default)]
    pub metadata: ObjectMeta,
    /// What people say of it.
    #[serde(default, deserialize_with = "null_as_default")]
    pub spec: ClusterSpec,
    /// What liveness says of it, and what it says of itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub status: Option<ClusterStatus>,
}

resource!(Cluster { kind: "Cluster", plural: "clusters", group: GROUP });

/// What people say of a cluster.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct ClusterSpec {
    /// Holds the whole cluster back, whatever it publishes.
    #[serde(rename = "override", skip_serializing_if = "Option::is_none")]
    pub held_back: Option<Item<OverrideFields>>,
    /// Holds single hostnames back at this cluster.
    #[serde(deserialize_with = "null_as_default", skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 1024), extend("x-kubernetes-list-type" = "atomic"))]
    pub hostname_overrides: Vec<Item<HostnameOverride>>,
    /// Set in the own Cluster: this cluster says goodbye to its peers, which stop answering with it. The field is written
    /// by `mci cluster leave` and `mci cluster join`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub left: Option<bool>,
    /// Set in the own Cluster: what is held at this time, because too many hostnames would have gone at once, is
    /// released. RFC 3339; written by `mci withdraw --confirm`.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "time_schema")]
    pub withdrawal_confirmed_at: Option<String>,
    /// Set in the Cluster of a peer: its removal from the configuration counts although no peer is left then. It is said for
    /// an hour before and after this time. RFC 3339; written by `mci cluster forget`.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "time_schema")]
    pub forget_confirmed_at: Option<String>,
}

/// How strongly something is held back, by whom, why and until when (R24).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct OverrideFields {
    /// `drained`: as weight 0, used only where nothing else is left. `down`: as a cluster whose heartbeat is lost.
    #[schemars(schema_with = "override_state_schema")]
    pub state: OverrideState,
    /// Why.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 1024))]
    pub reason: Option<String>,
    /// Who set it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 256))]
    pub by: Option<String>,
    /// When it ends by itself, in RFC 3339 (2026-07-01T18:00:00Z); never if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "time_schema")]
    pub until: Option<String>,
}

/// One hostname that is held back.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct HostnameOverride {
    /// The hostname.
    #[schemars(schema_with = "hostname_schema")]
    pub hostname: String,
    /// `drained`: as weight 0, used only where nothing else is left. `down`: as a cluster whose heartbeat is lost.
    #[schemars(schema_with = "override_state_schema")]
    pub state: OverrideState,
    /// Why.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 1024))]
    pub reason: Option<String>,
    /// Who set it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 256))]
    pub by: Option<String>,
    /// When it ends by itself, in RFC 3339 (2026-07-01T18:00:00Z); never if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "time_schema")]
    pub until: Option<String>,
}

/// What liveness says of a cluster, and what it says of itself. Written when it changes, never by a heartbeat.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct ClusterStatus {
    /// `alive`: its heartbeat is heard. `stale`: not for the timeout. `gone`: it said goodbye or was removed.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "cluster_state_schema")]
    pub state: Option<ClusterState>,
    /// Since when, in RFC 3339.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub since: Option<String>,
    /// The instance that speaks under this identifier.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub instance: Option<String>,
    /// The term of the word that was last heard from it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub term: Option<u64>,
    /// Why it is in this state.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// The override that the cluster itself holds for itself.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub own_override: Option<Item<OverrideFields>>,
    /// The overrides of single hostnames that the cluster itself holds for itself.
    #[serde(deserialize_with = "null_as_default", skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 1024), extend("x-kubernetes-list-type" = "atomic"))]
    pub own_hostname_overrides: Vec<Item<HostnameOverride>>,
}

impl Cluster {
    /// The cluster of this identifier, of which nothing is said.
    pub fn named(name: &str) -> Self {
        Self {
            api_version: api_version(GROUP),
            kind: "Cluster".to_owned(),
            metadata: ObjectMeta { name: Some(name.to_owned()), ..ObjectMeta::default() },
            spec: ClusterSpec::default(),
            status: None,
        }
    }
}
