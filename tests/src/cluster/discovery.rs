//! What an API server serves.

use http::{Method, Request};
use kube::Client;
use serde_json::Value;

use super::api::{PATIENCE, Refused, send};
use crate::runtime::block_on;

/// Asks for everything in one document.
const ACCEPT: &str = "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList";

/// One resource of an API server, in one version.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Resource {
    /// Empty for the core group.
    pub group: String,
    /// Such as `v1`.
    pub version: String,
    /// Such as `services`.
    pub plural: String,
    /// Such as `Service`.
    pub kind: String,
    /// Whether its objects lie in namespaces.
    pub namespaced: bool,
    /// Such as `status`.
    pub subresources: Vec<String>,
}

impl Resource {
    /// Whether `services` or `ingresses.networking.k8s.io` means it.
    pub(super) fn is_called(&self, name: &str) -> bool {
        match name.split_once('.') {
            Some((plural, group)) => self.plural == plural && self.group == group,
            None => self.plural == name && self.group.is_empty(),
        }
    }

    /// Whether a manifest with these is one of it.
    pub(super) fn is_kind(&self, api_version: &str, kind: &str) -> bool {
        let (group, version) = api_version.split_once('/').unwrap_or(("", api_version));
        self.group == group && self.version == version && self.kind == kind
    }

    /// The path of its objects in a namespace, or of all where that is empty.
    pub(super) fn collection(&self, namespace: &str) -> String {
        let Resource { group, version, plural, namespaced, .. } = self;
        let root =
            if group.is_empty() { format!("/api/{version}") } else { format!("/apis/{group}/{version}") };
        if *namespaced && !namespace.is_empty() {
            format!("{root}/namespaces/{namespace}/{plural}")
        } else {
            format!("{root}/{plural}")
        }
    }
}

/// Asks for all of them, the preferred version of each group first.
pub(super) fn discover(client: &Client) -> Result<Vec<Resource>, Refused> {
    let client = client.clone();
    block_on(async move {
        let mut resources = Vec::new();
        for path in ["/api", "/apis"] {
            let request = Request::builder()
                .method(Method::GET)
                .uri(path)
                .header("accept", ACCEPT)
                .body(Vec::new())
                .expect("a request that is always the same");
            read(&send(&client, PATIENCE, request).await?, &mut resources);
        }
        Ok(resources)
    })
}

fn read(groups: &Value, resources: &mut Vec<Resource>) {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    for group in items(&groups["items"]) {
        for version in items(&group["versions"]) {
            for resource in items(&version["resources"]) {
                resources.push(Resource {
                    group: text(&group["metadata"]["name"]),
                    version: text(&version["version"]),
                    plural: text(&resource["resource"]),
                    kind: text(&resource["responseKind"]["kind"]),
                    namespaced: resource["scope"] == "Namespaced",
                    subresources: items(&resource["subresources"])
                        .iter()
                        .map(|subresource| text(&subresource["subresource"]))
                        .collect(),
                });
            }
        }
    }
}

fn items(value: &Value) -> &[Value] {
    value.as_array().map_or(&[], Vec::as_slice)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn resource(group: &str, plural: &str, namespaced: bool) -> Resource {
        Resource {
            group: group.to_owned(),
            version: "v1".to_owned(),
            plural: plural.to_owned(),
            kind: "Kind".to_owned(),
            namespaced,
            subresources: Vec::new(),
        }
    }

    #[test]
    fn paths_are_those_of_the_api() {
        assert_eq!(resource("", "services", true).collection("shop"), "/api/v1/namespaces/shop/services");
        assert_eq!(resource("", "nodes", false).collection("shop"), "/api/v1/nodes");
        let ingresses = resource("networking.k8s.io", "ingresses", true);
        assert_eq!(ingresses.collection(""), "/apis/networking.k8s.io/v1/ingresses");
        assert!(ingresses.is_called("ingresses.networking.k8s.io") && !ingresses.is_called("ingresses"));
        assert!(ingresses.is_kind("networking.k8s.io/v1", "Kind") && !ingresses.is_kind("v1", "Kind"));
    }
}
