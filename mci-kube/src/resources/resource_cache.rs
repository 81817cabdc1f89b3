//! ResourceCache: what a directly referenced object offers, for people to look at.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::resources::{GROUP, api_version, null_as_default, resource};

/// What an object that a GSLB names offers.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ResourceCache {
    #[doc(hidden)]
    #[serde(default)]
    pub api_version: String,
    #[doc(hidden)]
    #[serde(default)]
    pub kind: String,
    /// Its name is derived from the object's kind, name and namespace.
    #[serde(default)]
    pub metadata: ObjectMeta,
    /// The object.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub object: Option<ObjectName>,
    /// The object's resourceVersion at which what it offers last changed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub object_resource_version: Option<String>,
    /// Whether it is ready.
    #[serde(default)]
    pub ready: bool,
    /// The addresses that it offers.
    #[serde(default, deserialize_with = "null_as_default", skip_serializing_if = "Vec::is_empty")]
    pub addresses: Vec<String>,
    /// The names that it offers.
    #[serde(default, deserialize_with = "null_as_default", skip_serializing_if = "Vec::is_empty")]
    pub targets: Vec<String>,
}

resource!(ResourceCache { kind: "ResourceCache", plural: "resourcecaches", group: GROUP });

/// One object of this cluster.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
pub struct ObjectName {
    /// Its kind.
    pub kind: String,
    /// Its name.
    pub name: String,
    /// Its namespace.
    pub namespace: String,
}

impl ResourceCache {
    /// An object of this name without content.
    pub fn named(name: &str) -> Self {
        Self {
            api_version: api_version(GROUP),
            kind: "ResourceCache".to_owned(),
            metadata: ObjectMeta { name: Some(name.to_owned()), ..ObjectMeta::default() },
            object: None,
            object_resource_version: None,
            ready: false,
            addresses: Vec::new(),
            targets: Vec::new(),
        }
    }
}
