//! GSLB: what a person exposes, in both groups.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::{Condition, ObjectMeta};
use mci_core::{AnswerMode, WhenAllDown};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::resources::{CYCLOPS_GROUP, GROUP, api_version, resource};
use crate::rules::{
    FALLBACK_FOR_STATIC, answer_mode_schema, backend_policy_schema, fallback_schema, hostnames_schema,
    number_schema, overrides_schema, reference_kind_schema, ttl_schema, when_all_down_schema,
};

/// Exposes an object of this namespace under hostnames, across clusters.
///
/// Its fields stand on the top level or under `spec`, never both.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Gslb {
    #[doc(hidden)]
    #[serde(default)]
    pub api_version: String,
    #[doc(hidden)]
    #[serde(default)]
    pub kind: String,
    /// Name, namespace, resource version.
    #[serde(default)]
    pub metadata: ObjectMeta,
    /// The fields on the top level; empty where they stand under `spec`.
    #[serde(flatten)]
    pub flat: GslbFields,
    /// The fields under `spec`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub spec: Option<GslbFields>,
    /// What became of it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub status: Option<GslbStatus>,
}

resource!(Gslb { kind: "GSLB", plural: "gslbs", group: GROUP });

/// The same in the group of the .NET application, with its fields under `spec`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct CyclopsGslb {
    #[doc(hidden)]
    #[serde(default)]
    pub api_version: String,
    #[doc(hidden)]
    #[serde(default)]
    pub kind: String,
    /// Name, namespace, resource version.
    #[serde(default)]
    pub metadata: ObjectMeta,
    /// The fields.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub spec: Option<GslbFields>,
    /// What became of it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub status: Option<GslbStatus>,
}

resource!(CyclopsGslb { kind: "GSLB", plural: "gslbs", group: CYCLOPS_GROUP });

/// The fields of a GSLB as they are written: what is absent can be told from what is the default.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(extend("x-kubernetes-validations" = [FALLBACK_FOR_STATIC]))]
pub struct GslbFields {
    /// The object that is exposed: an Ingress, Service, Gateway, HTTPRoute, GRPCRoute or TLSRoute of this namespace.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub object_reference: Option<ObjectReference>,
    /// The DNS names to answer. A leading `*.` makes a wildcard (RFC 4592).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "hostnames_schema")]
    pub hostnames: Option<Vec<String>>,
    /// IPv4 and IPv6 addresses, or names, to answer instead of what the object's own status offers. Readiness still
    /// comes from the object's backends.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "overrides_schema")]
    pub ip_overrides: Option<Vec<String>>,
    /// Of the clusters that are ready only those with the highest priority answer. Default 0.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "number_schema")]
    pub priority: Option<i64>,
    /// This cluster's share of the answers is its weight divided by the sum of all weights. 0 drains it. Default 50.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "number_schema")]
    pub weight: Option<i64>,
    /// How long an answer may be cached, in seconds, at most one week. The smallest of all clusters holds. Default: the
    /// configuration's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "ttl_schema")]
    pub ttl: Option<i64>,
    /// Which addresses one answer has: all of the cluster that was drawn (`cluster`), one of them (`single`), or those
    /// of every cluster that takes part (`all`). Default: the configuration's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "answer_mode_schema")]
    pub answer_mode: Option<AnswerMode>,
    /// Whether one ready backend Service makes an Ingress or a route ready (`any`), or every one has to be (`all`).
    /// Default: the configuration's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "backend_policy_schema")]
    pub backend_policy: Option<BackendPolicy>,
    /// What answers when no cluster is ready: NODATA (`nodata`), all clusters as if they were (`any`), or the addresses
    /// of `fallback` (`static`). Default: the configuration's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "when_all_down_schema")]
    pub when_all_down: Option<WhenAllDown>,
    /// The addresses that answer under `whenAllDown: static`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "fallback_schema")]
    pub fallback: Option<Vec<String>>,
}

/// An object of the same namespace.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
pub struct ObjectReference {
    /// The kind of the object.
    #[schemars(schema_with = "reference_kind_schema")]
    pub kind: ReferenceKind,
    /// The name of the object.
    #[schemars(length(min = 1, max = 253))]
    pub name: String,
}

/// The kinds that a GSLB may name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[allow(missing_docs, reason = "each is the kind of its name")]
pub enum ReferenceKind {
    Ingress,
    Service,
    Gateway,
    #[serde(rename = "HTTPRoute")]
    HttpRoute,
    #[serde(rename = "GRPCRoute")]
    GrpcRoute,
    #[serde(rename = "TLSRoute")]
    TlsRoute,
}

impl ReferenceKind {
    /// As manifests spell it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Ingress => "Ingress",
            Self::Service => "Service",
            Self::Gateway => "Gateway",
            Self::HttpRoute => "HTTPRoute",
            Self::GrpcRoute => "GRPCRoute",
            Self::TlsRoute => "TLSRoute",
        }
    }
}

/// How many backends have to be ready (R15).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum BackendPolicy {
    /// One is enough.
    Any,
    /// Every one.
    All,
}

/// What became of a GSLB.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct GslbStatus {
    /// The generation that this status speaks of.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub observed_generation: Option<i64>,
    /// `Accepted`, `ResolvedRefs` and `Published`; others are present and True only while they apply.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schemars(extend("x-kubernetes-list-type" = "map", "x-kubernetes-list-map-keys" = ["type"]))]
    pub conditions: Vec<Condition>,
    /// The hostnames that this cluster publishes for this object.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schemars(extend("x-kubernetes-list-type" = "atomic"))]
    pub published_hostnames: Vec<String>,
    /// The addresses or names that this cluster publishes for them.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schemars(extend("x-kubernetes-list-type" = "atomic"))]
    pub published_addresses: Vec<String>,
}

/// A GSLB whose shape is right: where its fields stood is forgotten, what they hold is not yet checked.
#[derive(Clone, Debug, PartialEq)]
pub struct GslbSpec {
    /// The object that is exposed.
    pub object_reference: ObjectReference,
    /// The names to answer.
    pub hostnames: Vec<String>,
    /// Addresses or names to answer instead.
    pub ip_overrides: Vec<String>,
    /// The highest answers.
    pub priority: Option<i64>,
    /// The share.
    pub weight: Option<i64>,
    /// In seconds.
    pub ttl: Option<i64>,
    /// Which addresses one answer has.
    pub answer_mode: Option<AnswerMode>,
    /// How many backends have to be ready.
    pub backend_policy: Option<BackendPolicy>,
    /// What answers when nothing is ready.
    pub when_all_down: Option<WhenAllDown>,
    /// The addresses for [`WhenAllDown::Static`].
    pub fallback: Vec<String>,
}

/// Why an object is no GSLB. The API server refuses each of them; a client that skips validation does not.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ShapeError {
    /// Fields on the top level and under `spec`.
    #[error("the fields stand on the top level or under spec, never both")]
    Both,
    /// Without `objectReference`.
    #[error("objectReference is required: the kind and the name of the object that is exposed")]
    NoReference,
    /// Without `hostnames`.
    #[error("hostnames is required: the DNS names to answer")]
    NoHostnames,
}

impl Gslb {
    /// An object of this name without content.
    pub fn named(name: &str) -> Self {
        Self {
            api_version: api_version(GROUP),
            kind: "GSLB".to_owned(),
            metadata: ObjectMeta { name: Some(name.to_owned()), ..ObjectMeta::default() },
            flat: GslbFields::default(),
            spec: None,
            status: None,
        }
    }

    /// Its fields, from wherever they stand.
    pub fn content(&self) -> Result<GslbSpec, ShapeError> {
        match &self.spec {
            Some(_) if self.flat != GslbFields::default() => Err(ShapeError::Both),
            Some(fields) => GslbSpec::try_from(fields.clone()),
            None => GslbSpec::try_from(self.flat.clone()),
        }
    }
}

impl CyclopsGslb {
    /// An object of this name without content.
    pub fn named(name: &str) -> Self {
        Self {
            api_version: api_version(CYCLOPS_GROUP),
            kind: "GSLB".to_owned(),
            metadata: ObjectMeta { name: Some(name.to_owned()), ..ObjectMeta::default() },
            spec: None,
            status: None,
        }
    }

    /// Its fields.
    pub fn content(&self) -> Result<GslbSpec, ShapeError> {
        GslbSpec::try_from(self.spec.clone().unwrap_or_default())
    }
}

impl TryFrom<GslbFields> for GslbSpec {
    type Error = ShapeError;

    fn try_from(fields: GslbFields) -> Result<Self, ShapeError> {
        let GslbFields {
            object_reference,
            hostnames,
            ip_overrides,
            priority,
            weight,
            ttl,
            answer_mode,
            backend_policy,
            when_all_down,
            fallback,
        } = fields;
        Ok(Self {
            object_reference: object_reference.ok_or(ShapeError::NoReference)?,
            hostnames: hostnames.ok_or(ShapeError::NoHostnames)?,
            ip_overrides: ip_overrides.unwrap_or_default(),
            priority,
            weight,
            ttl,
            answer_mode,
            backend_policy,
            when_all_down,
            fallback: fallback.unwrap_or_default(),
        })
    }
}
