//! The Gateway API (R17).

use mci_core::publish::{self, ObjectName, ReferenceGrant, RouteKind, RouteParent};
use serde::Deserialize;

use super::meta::{Condition, Meta, holds, or_default};
use super::{GATEWAY_GROUP, kind_of};

#[derive(Deserialize)]
pub(super) struct Gateway {
    #[serde(default)]
    metadata: Meta,
    #[serde(default, deserialize_with = "or_default")]
    status: GatewayStatus,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct GatewayStatus {
    #[serde(deserialize_with = "or_default")]
    addresses: Vec<GatewayAddress>,
    #[serde(deserialize_with = "or_default")]
    conditions: Vec<Condition>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct GatewayAddress {
    value: String,
}

impl From<Gateway> for publish::Gateway {
    fn from(gateway: Gateway) -> Self {
        let Gateway { metadata, status } = gateway;
        let addresses = status.addresses.into_iter().map(|address| address.value);
        Self {
            name: metadata.object(),
            version: metadata.resource_version.clone(),
            addresses: addresses.filter(|value| !value.is_empty()).collect(),
            programmed: holds(&status.conditions, "Programmed"),
        }
    }
}

#[derive(Deserialize)]
pub(super) struct Route {
    #[serde(default)]
    metadata: Meta,
    #[serde(default, deserialize_with = "or_default")]
    spec: RouteSpec,
    #[serde(default, deserialize_with = "or_default")]
    status: RouteStatus,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct RouteSpec {
    #[serde(deserialize_with = "or_default")]
    parent_refs: Vec<ParentRef>,
    #[serde(deserialize_with = "or_default")]
    rules: Vec<RouteRule>,
}

/// What is left out stands for its default; two are the same where all of it is.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct ParentRef {
    group: Option<String>,
    kind: Option<String>,
    namespace: Option<String>,
    name: String,
    section_name: Option<String>,
    port: Option<u16>,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct RouteRule {
    #[serde(deserialize_with = "or_default")]
    backend_refs: Vec<BackendRef>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct BackendRef {
    group: Option<String>,
    kind: Option<String>,
    namespace: Option<String>,
    name: String,
    weight: Option<i64>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct RouteStatus {
    #[serde(deserialize_with = "or_default")]
    parents: Vec<ParentStatus>,
}

/// What one controller says of one parent.
#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct ParentStatus {
    parent_ref: ParentRef,
    #[serde(deserialize_with = "or_default")]
    conditions: Vec<Condition>,
}

impl ParentRef {
    /// With the defaults in the place of what is left out.
    fn whole(self, namespace: &str) -> Self {
        Self {
            group: Some(self.group.unwrap_or_else(|| GATEWAY_GROUP.to_owned())),
            kind: Some(self.kind.unwrap_or_else(|| "Gateway".to_owned())),
            namespace: Some(self.namespace.unwrap_or_else(|| namespace.to_owned())),
            ..self
        }
    }

    fn is_gateway(&self) -> bool {
        self.group.as_deref() == Some(GATEWAY_GROUP) && self.kind.as_deref() == Some("Gateway")
    }
}

impl Route {
    pub(super) fn into_route(self, kind: RouteKind) -> publish::Route {
        let Self { metadata, spec, status } = self;
        let namespace = metadata.namespace();
        let accepted: Vec<ParentRef> = status
            .parents
            .into_iter()
            .filter(|parent| holds(&parent.conditions, "Accepted"))
            .map(|parent| parent.parent_ref.whole(namespace))
            .collect();
        let parents = spec.parent_refs.into_iter().map(|parent| parent.whole(namespace));
        let parents = parents.filter(ParentRef::is_gateway).map(|parent| RouteParent {
            accepted: accepted.contains(&parent),
            gateway: ObjectName::new(parent.namespace.unwrap_or_default(), parent.name),
        });
        let is_service = |backend: &BackendRef| {
            backend.group.as_deref().unwrap_or_default().is_empty()
                && backend.kind.as_deref().unwrap_or("Service") == "Service"
                && backend.weight != Some(0)
        };
        let backends = spec.rules.into_iter().flat_map(|rule| rule.backend_refs).filter(is_service);
        let mut backends: Vec<ObjectName> = backends
            .map(|backend| {
                ObjectName::new(backend.namespace.as_deref().unwrap_or(namespace), backend.name.as_str())
            })
            .collect();
        backends.sort();
        backends.dedup();
        publish::Route {
            kind,
            parents: parents.collect(),
            backends,
            name: metadata.object(),
            version: metadata.resource_version.clone(),
        }
    }
}

#[derive(Deserialize)]
pub(super) struct Grant {
    #[serde(default)]
    metadata: Meta,
    #[serde(default, deserialize_with = "or_default")]
    spec: GrantSpec,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct GrantSpec {
    #[serde(deserialize_with = "or_default")]
    from: Vec<GrantFrom>,
    #[serde(deserialize_with = "or_default")]
    to: Vec<GrantTo>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct GrantFrom {
    group: String,
    kind: String,
    namespace: String,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct GrantTo {
    group: String,
    kind: String,
    name: Option<String>,
}

impl From<Grant> for ReferenceGrant {
    fn from(grant: Grant) -> Self {
        let Grant { metadata, spec } = grant;
        let from = spec.from.into_iter().filter_map(|from| {
            match kind_of(&format!("{}/any", from.group), &from.kind) {
                Some(publish::Kind::Route(kind)) => Some((kind, from.namespace.into())),
                _ => None,
            }
        });
        let to = spec.to.into_iter().filter(|to| to.group.is_empty() && to.kind == "Service");
        Self {
            name: metadata.object(),
            from: from.collect(),
            // An empty name names nothing in particular, as one that is left out.
            to: to.map(|to| to.name.filter(|name| !name.is_empty()).map(Into::into)).collect(),
        }
    }
}
