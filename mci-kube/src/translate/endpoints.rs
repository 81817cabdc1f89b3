//! EndpointSlices and Nodes (R14, R16).

use core::net::IpAddr;
use std::sync::Arc;

use mci_core::publish::{self, EndpointSlice, SliceEndpoint};
use serde::Deserialize;

use super::meta::{Meta, or_default};

/// Says which Service a slice belongs to.
const SERVICE_NAME: &str = "kubernetes.io/service-name";

#[derive(Deserialize)]
pub(super) struct Slice {
    #[serde(default)]
    metadata: Meta,
    #[serde(default, deserialize_with = "or_default")]
    endpoints: Vec<Endpoint>,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Endpoint {
    #[serde(deserialize_with = "or_default")]
    addresses: Vec<String>,
    #[serde(deserialize_with = "or_default")]
    conditions: Conditions,
    node_name: Option<Arc<str>>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Conditions {
    ready: Option<bool>,
    serving: Option<bool>,
    terminating: Option<bool>,
}

impl From<Slice> for EndpointSlice {
    fn from(slice: Slice) -> Self {
        let Slice { metadata, endpoints } = slice;
        let endpoint = |Endpoint { addresses, conditions, node_name }: Endpoint| SliceEndpoint {
            // Those of a slice of names (FQDN) are no addresses.
            addresses: addresses.iter().filter_map(|text| text.parse().ok()).collect(),
            ready: conditions.ready,
            serving: conditions.serving,
            terminating: conditions.terminating,
            node: node_name,
        };
        Self {
            name: metadata.object(),
            service: metadata.label(SERVICE_NAME).map(Into::into),
            endpoints: endpoints.into_iter().map(endpoint).collect(),
        }
    }
}

#[derive(Deserialize)]
pub(super) struct Node {
    #[serde(default)]
    metadata: Meta,
    #[serde(default, deserialize_with = "or_default")]
    status: NodeStatus,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct NodeStatus {
    #[serde(deserialize_with = "or_default")]
    addresses: Vec<NodeAddress>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct NodeAddress {
    #[serde(rename = "type")]
    kind: String,
    address: String,
}

impl From<Node> for publish::Node {
    fn from(node: Node) -> Self {
        let of_kind = |kind: &str| -> Vec<IpAddr> {
            let addresses = node.status.addresses.iter().filter(|address| address.kind == kind);
            addresses.filter_map(|address| address.address.parse().ok()).collect()
        };
        Self {
            external_ips: of_kind("ExternalIP"),
            internal_ips: of_kind("InternalIP"),
            name: node.metadata.name().into(),
        }
    }
}
