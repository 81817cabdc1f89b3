//! ServiceCache: how many endpoints of a tracked Service are ready, for people to look at.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use serde::{Deserialize, Serialize};

use crate::resources::{GROUP, ObjectName, api_version, null_as_default, resource};

/// The ready endpoints of a Service that something exposed depends on.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ServiceCache {
    #[doc(hidden)]
    #[serde(default)]
    pub api_version: String,
    #[doc(hidden)]
    #[serde(default)]
    pub kind: String,
    /// Its name is derived from the Service's kind, name and namespace.
    #[serde(default)]
    pub metadata: ObjectMeta,
    /// The Service.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub object: Option<ObjectName>,
    /// How many of its endpoints are ready.
    #[serde(default)]
    pub ready_endpoints: u32,
    /// Their addresses, where those are routable (headless Services).
    #[serde(default, deserialize_with = "null_as_default", skip_serializing_if = "Vec::is_empty")]
    pub addresses: Vec<String>,
}

resource!(ServiceCache { kind: "ServiceCache", plural: "servicecaches", group: GROUP });

impl ServiceCache {
    /// An object of this name without content.
    pub fn named(name: &str) -> Self {
        Self {
            api_version: api_version(GROUP),
            kind: "ServiceCache".to_owned(),
            metadata: ObjectMeta { name: Some(name.to_owned()), ..ObjectMeta::default() },
            object: None,
            ready_endpoints: 0,
            addresses: Vec::new(),
        }
    }
}
