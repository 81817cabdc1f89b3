//! Kubernetes objects as what the core publishes from: translated, never judged.
//!
//! Of each object only what the rules ask for is read (R14 to R19). So a field that a newer API server or Gateway API
//! brings, or one that is wrong and of no concern, never keeps an object from being used; and what a watch stores is
//! small.
//!
//! ```text
//!  JSON of one object ──► decode(kind) ──► mci_core::publish::Object
//! ```

mod endpoints;
mod gateway;
mod gslb;
mod ingress;
mod meta;
mod service;

use mci_core::publish::{Group, Kind, Object, RouteKind};
use serde::Deserialize;
use serde_json::value::RawValue;

/// The API group of the Gateway API.
pub const GATEWAY_GROUP: &str = "gateway.networking.k8s.io";

/// Reads one object of a kind from its JSON.
pub fn decode(kind: Kind, object: &RawValue) -> Result<Object, String> {
    match kind {
        Kind::Gslb(group) => read(object).map(|found: gslb::Document| Object::Gslb(found.into_gslb(group))),
        Kind::Ingress => read(object).map(|found: ingress::Document| Object::Ingress(found.into())),
        Kind::Service => read(object).map(|found: service::Document| Object::Service(found.into())),
        Kind::EndpointSlice => {
            read(object).map(|found: endpoints::Slice| Object::EndpointSlice(found.into()))
        }
        Kind::Node => read(object).map(|found: endpoints::Node| Object::Node(found.into())),
        Kind::Gateway => read(object).map(|found: gateway::Gateway| Object::Gateway(found.into())),
        Kind::Route(kind) => read(object).map(|found: gateway::Route| Object::Route(found.into_route(kind))),
        Kind::ReferenceGrant => {
            read(object).map(|found: gateway::Grant| Object::ReferenceGrant(found.into()))
        }
    }
}

fn read<'a, T: Deserialize<'a>>(object: &'a RawValue) -> Result<T, String> {
    serde_json::from_str(object.get()).map_err(|error| error.to_string())
}

/// Every kind that is watched where it is installed.
pub const KINDS: [Kind; 11] = [
    Kind::Gslb(Group::Mci),
    Kind::Gslb(Group::Cyclops),
    Kind::Ingress,
    Kind::Service,
    Kind::EndpointSlice,
    Kind::Node,
    Kind::Gateway,
    Kind::Route(RouteKind::Http),
    Kind::Route(RouteKind::Grpc),
    Kind::Route(RouteKind::Tls),
    Kind::ReferenceGrant,
];

/// The group of a kind, its name as manifests spell it, and its plural in paths.
pub const fn names(kind: Kind) -> (&'static str, &'static str, &'static str) {
    match kind {
        Kind::Gslb(group) => (group.as_str(), "GSLB", "gslbs"),
        Kind::Ingress => ("networking.k8s.io", "Ingress", "ingresses"),
        Kind::Service => ("", "Service", "services"),
        Kind::EndpointSlice => ("discovery.k8s.io", "EndpointSlice", "endpointslices"),
        Kind::Node => ("", "Node", "nodes"),
        Kind::Gateway => (GATEWAY_GROUP, "Gateway", "gateways"),
        Kind::Route(RouteKind::Http) => (GATEWAY_GROUP, "HTTPRoute", "httproutes"),
        Kind::Route(RouteKind::Grpc) => (GATEWAY_GROUP, "GRPCRoute", "grpcroutes"),
        Kind::Route(RouteKind::Tls) => (GATEWAY_GROUP, "TLSRoute", "tlsroutes"),
        Kind::ReferenceGrant => (GATEWAY_GROUP, "ReferenceGrant", "referencegrants"),
    }
}

/// The kind that a manifest's `apiVersion` and `kind` name, if it is one of these.
pub fn kind_of(api_version: &str, kind: &str) -> Option<Kind> {
    let group = api_version.rsplit_once('/').map_or("", |(group, _)| group);
    KINDS.into_iter().find(|known| {
        let (of_group, name, _) = names(*known);
        of_group == group && name == kind
    })
}

/// The path of a kind that is part of Kubernetes itself, whatever is installed beside it.
pub const fn built_in_path(kind: Kind) -> Option<&'static str> {
    match kind {
        Kind::Gslb(Group::Mci) => Some("/apis/multicluster.veccsolutions.io/v1alpha/gslbs"),
        Kind::Gslb(Group::Cyclops) => Some("/apis/multicluster.cyclops.io/v1alpha/gslbs"),
        Kind::Ingress => Some("/apis/networking.k8s.io/v1/ingresses"),
        Kind::Service => Some("/api/v1/services"),
        Kind::EndpointSlice => Some("/apis/discovery.k8s.io/v1/endpointslices"),
        Kind::Node => Some("/api/v1/nodes"),
        Kind::Gateway | Kind::Route(_) | Kind::ReferenceGrant => None,
    }
}

#[cfg(test)]
mod tests;
