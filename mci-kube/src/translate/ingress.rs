//! Ingresses (R15).

use mci_core::publish::{Ingress, IngressBackend};
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
    default_backend: Option<Backend>,
    #[serde(deserialize_with = "or_default")]
    rules: Vec<Rule>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Rule {
    /// A rule without it sends everything to the default backend.
    http: Option<Http>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Http {
    #[serde(deserialize_with = "or_default")]
    paths: Vec<Path>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Path {
    #[serde(deserialize_with = "or_default")]
    backend: Backend,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Backend {
    /// Its port, by number or by name, is not asked.
    service: Option<ServiceBackend>,
    resource: Option<ResourceBackend>,
}

#[derive(Deserialize)]
struct ServiceBackend {
    name: String,
}

#[derive(Deserialize)]
struct ResourceBackend {
    kind: String,
    name: String,
}

impl Backend {
    fn backend(self) -> Option<IngressBackend> {
        match self {
            Self { service: Some(ServiceBackend { name }), .. } => Some(IngressBackend::Service(name.into())),
            Self { resource: Some(ResourceBackend { kind, name }), .. } => {
                Some(IngressBackend::Resource(format!("{kind}/{name}").into()))
            }
            Self { service: None, resource: None } => None,
        }
    }
}

impl From<Document> for Ingress {
    fn from(document: Document) -> Self {
        let Document { metadata, spec, status } = document;
        let of_rules = spec.rules.into_iter().filter_map(|rule| rule.http).flat_map(|http| http.paths);
        let backends = spec.default_backend.into_iter().chain(of_rules.map(|path| path.backend));
        let mut backends: Vec<_> = backends.filter_map(Backend::backend).collect();
        // An Ingress of a hundred paths to one Service has one backend.
        backends.sort();
        backends.dedup();
        Self {
            name: metadata.object(),
            version: metadata.resource_version.clone(),
            addresses: status.load_balancer.addresses(),
            backends,
        }
    }
}
