//! The metadata of any object, as far as it is asked for.

use std::collections::BTreeMap;
use std::sync::Arc;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use mci_core::publish::ObjectName;
use serde::{Deserialize, Deserializer};

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(super) struct Meta {
    name: String,
    namespace: String,
    pub(super) resource_version: Arc<str>,
    pub(super) generation: i64,
    creation_timestamp: Option<Time>,
    #[serde(deserialize_with = "or_default")]
    labels: BTreeMap<String, String>,
}

impl Meta {
    pub(super) fn object(&self) -> ObjectName {
        ObjectName::new(self.namespace.as_str(), self.name.as_str())
    }

    pub(super) fn namespace(&self) -> &str {
        &self.namespace
    }

    pub(super) fn name(&self) -> &str {
        &self.name
    }

    pub(super) fn label(&self, key: &str) -> Option<&str> {
        self.labels.get(key).map(String::as_str)
    }

    /// In Unix seconds; what says nothing is the youngest, as it would be once an API server stores it.
    pub(super) fn created(&self) -> u64 {
        let seconds = self.creation_timestamp.as_ref().map(|time| time.0.as_second());
        seconds.and_then(|seconds| u64::try_from(seconds).ok()).unwrap_or(u64::MAX)
    }
}

/// `null` is nothing.
pub(super) fn or_default<'de, D, T>(deserializer: D) -> Result<T, D::Error>
where
    D: Deserializer<'de>,
    T: Deserialize<'de> + Default,
{
    Ok(Option::<T>::deserialize(deserializer)?.unwrap_or_default())
}

/// Whether the condition of this type is `True`.
pub(super) fn holds(conditions: &[Condition], kind: &str) -> bool {
    conditions.iter().any(|condition| condition.kind == kind && condition.status == "True")
}

#[derive(Default, Deserialize)]
#[serde(default)]
pub(super) struct Condition {
    #[serde(rename = "type")]
    kind: String,
    status: String,
}

/// An entry of `status.loadBalancer.ingress`.
#[derive(Default, Deserialize)]
#[serde(default)]
pub(super) struct LoadBalancerIngress {
    ip: Option<String>,
    hostname: Option<String>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
pub(super) struct LoadBalancer {
    #[serde(deserialize_with = "or_default")]
    ingress: Vec<LoadBalancerIngress>,
}

impl LoadBalancer {
    /// Every address and every name.
    pub(super) fn addresses(self) -> Vec<String> {
        let of = |entry: LoadBalancerIngress| [entry.ip, entry.hostname];
        self.ingress.into_iter().flat_map(of).flatten().filter(|text| !text.is_empty()).collect()
    }
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(super) struct LoadBalancerStatus {
    #[serde(deserialize_with = "or_default")]
    pub(super) load_balancer: LoadBalancer,
}
