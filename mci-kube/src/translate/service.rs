//! Services (R16).

use mci_core::publish::{Service, ServiceType};
use serde::Deserialize;

use super::meta::{LoadBalancerStatus, Meta, or_default};

#[derive(Deserialize)]
pub(super) struct Document {
    #[serde(default)]
    metadata: Meta,
    #[serde(default, deserialize_with = "or_default")]
    spec: Spec,
    #[serde(default, deserialize_with = "or_default")]
    status: LoadBalancerStatus,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Spec {
    #[serde(rename = "type")]
    kind: Option<String>,
    #[serde(rename = "clusterIP")]
    cluster_ip: Option<String>,
    #[serde(rename = "externalIPs", deserialize_with = "or_default")]
    external_ips: Vec<String>,
    external_name: Option<String>,
}

impl From<Document> for Service {
    fn from(document: Document) -> Self {
        let Document { metadata, spec, status } = document;
        let kind = match spec.kind.as_deref() {
            Some("ExternalName") => ServiceType::ExternalName,
            Some("LoadBalancer") => ServiceType::LoadBalancer,
            Some("NodePort") => ServiceType::NodePort,
            _ if spec.cluster_ip.as_deref() == Some("None") => ServiceType::Headless,
            // What a newer API server may call it: inside the cluster until somebody says otherwise.
            _ => ServiceType::ClusterIp,
        };
        Self {
            name: metadata.object(),
            version: metadata.resource_version.clone(),
            kind,
            load_balancer: status.load_balancer.addresses(),
            external_ips: spec.external_ips,
            external_name: spec.external_name.filter(|name| !name.is_empty()).map(Into::into),
        }
    }
}
