//! What tests say of a cluster most often: nodes, deployments, addresses, endpoints.

use std::collections::BTreeSet;
use std::net::IpAddr;

use serde_json::{Value, json};

use super::api::Refused;
use super::member::Cluster;
use crate::wait;

const GATEWAYS: &str = "gateways.gateway.networking.k8s.io";

/// A condition that holds.
fn condition(kind: &str) -> Value {
    json!({
        "type": kind,
        "status": "True",
        "reason": kind,
        "message": "",
        "lastTransitionTime": "2026-01-01T00:00:00Z",
    })
}

/// What a load balancer says of itself: an address, or a name.
fn ingress_of(address: &str) -> Value {
    match address.parse::<IpAddr>() {
        Ok(_) => json!({"ip": address}),
        Err(_) => json!({"hostname": address}),
    }
}

impl Cluster {
    /// Adds a node without an address from outside.
    #[track_caller]
    pub fn node(&self, name: &str) {
        self.node_with_addresses(name, &[("InternalIP", "127.0.0.1")]);
    }

    /// Adds a node with addresses by type: `InternalIP`, `ExternalIP`.
    #[track_caller]
    pub fn node_with_addresses(&self, name: &str, addresses: &[(&str, &str)]) {
        let addresses: Vec<Value> =
            addresses.iter().map(|(kind, address)| json!({"type": kind, "address": address})).collect();
        let metadata = json!({"name": name, "labels": {"kubernetes.io/hostname": name}});
        let node = json!({"apiVersion": "v1", "kind": "Node", "metadata": metadata});
        self.must(&format!("node {name}"), self.api().create(&node));
        let status = json!({"addresses": addresses});
        self.must(&format!("addresses of node {name}"), self.api().merge_status("nodes", "", name, &status));
        wait::until_true(&format!("node {name} is ready"), || {
            let Ok(node) = self.api().get("nodes", "", name) else { return false };
            node["status"]["conditions"].as_array().is_some_and(|conditions| {
                conditions.iter().any(|found| found["type"] == "Ready" && found["status"] == "True")
            })
        });
    }

    /// Adds a namespace.
    #[track_caller]
    pub fn namespace(&self, name: &str) {
        let namespace = json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}});
        self.must(&format!("namespace {name}"), self.api().apply(&namespace));
    }

    /// Adds a Deployment and a `ClusterIP` Service of the same name, port 80 to 8080.
    #[track_caller]
    pub fn deploy(&self, namespace: &str, name: &str, replicas: u32) {
        for object in deployment(namespace, name, replicas) {
            self.must(&format!("{} {namespace}/{name}", object["kind"]), self.api().apply(&object));
        }
    }

    /// Changes the number of a Deployment's replicas.
    #[track_caller]
    pub fn scale(&self, namespace: &str, name: &str, replicas: u32) {
        let patch = json!({"spec": {"replicas": replicas}});
        let answer = self.api().merge("deployments.apps", namespace, name, &patch);
        self.must(&format!("replicas of {namespace}/{name}"), answer);
    }

    /// Writes the addresses of a Service (`services`) or an Ingress (`ingresses.networking.k8s.io`) as a load
    /// balancer does: IP addresses, or names. None take away those that are there.
    #[track_caller]
    pub fn set_addresses(&self, resource: &str, namespace: &str, name: &str, addresses: &[&str]) {
        let ingress: Vec<Value> = addresses.iter().map(|address| ingress_of(address)).collect();
        let status = json!({"loadBalancer": {"ingress": ingress}});
        let answer = self.api().merge_status(resource, namespace, name, &status);
        self.must(&format!("addresses of {resource} {namespace}/{name}"), answer);
    }

    /// Writes the addresses of a Gateway as its controller does, and that it is programmed.
    #[track_caller]
    pub fn set_gateway_addresses(&self, namespace: &str, name: &str, addresses: &[&str]) {
        let addresses: Vec<Value> = addresses
            .iter()
            .map(|address| {
                let kind = if address.parse::<IpAddr>().is_ok() { "IPAddress" } else { "Hostname" };
                json!({"type": kind, "value": address})
            })
            .collect();
        let conditions = ["Accepted", "Programmed"].map(condition);
        let status = json!({"addresses": addresses, "conditions": conditions});
        let answer = self.api().merge_status(GATEWAYS, namespace, name, &status);
        self.must(&format!("addresses of Gateway {namespace}/{name}"), answer);
    }

    /// Writes on a route (`httproutes.gateway.networking.k8s.io` and so on) that a Gateway in its namespace has
    /// accepted it, and resolved what it refers to; or that it has not.
    #[track_caller]
    pub fn set_route_accepted(
        &self,
        resource: &str,
        namespace: &str,
        name: &str,
        gateway: &str,
        accepted: bool,
    ) {
        let mut conditions = ["Accepted", "ResolvedRefs"].map(condition);
        if !accepted {
            conditions[0]["status"] = "False".into();
            conditions[0]["reason"] = "NotAllowedByListeners".into();
        }
        let parent = json!({
            "parentRef": {"name": gateway},
            "controllerName": "example.com/gateway",
            "conditions": conditions,
        });
        let status = json!({"parents": [parent]});
        let answer = self.api().merge_status(resource, namespace, name, &status);
        self.must(&format!("parents of {resource} {namespace}/{name}"), answer);
    }

    /// The addresses of the endpoints of a Service that are ready, over all its slices.
    pub fn ready_addresses(&self, namespace: &str, service: &str) -> BTreeSet<String> {
        let slices = self.api().list("endpointslices.discovery.k8s.io", namespace).unwrap_or_default();
        let mut addresses = BTreeSet::new();
        for slice in &slices {
            if slice["metadata"]["labels"]["kubernetes.io/service-name"] != service {
                continue;
            }
            for endpoint in slice["endpoints"].as_array().into_iter().flatten() {
                // Absent means ready.
                if endpoint["conditions"]["ready"] != false {
                    let found = endpoint["addresses"].as_array().into_iter().flatten();
                    addresses.extend(found.filter_map(Value::as_str).map(str::to_owned));
                }
            }
        }
        addresses
    }

    /// Waits until a Service has that many ready endpoints.
    #[track_caller]
    pub fn wait_for_ready(&self, namespace: &str, service: &str, count: usize) {
        wait::until_true(&format!("{namespace}/{service} has {count} ready endpoints"), || {
            self.ready_addresses(namespace, service).len() == count
        });
    }

    #[track_caller]
    fn must(&self, what: &str, answer: Result<Value, Refused>) {
        if let Err(Refused { code, message, .. }) = answer {
            panic!("{}: {what}: {code} {message}", self.name());
        }
    }
}

/// What [`Cluster::deploy`] adds, to be applied by the thousand.
pub fn deployment(namespace: &str, name: &str, replicas: u32) -> [Value; 2] {
    let labels = json!({"app": name});
    let metadata = json!({"name": name, "namespace": namespace});
    [
        json!({
            "apiVersion": "apps/v1",
            "kind": "Deployment",
            "metadata": metadata,
            "spec": {
                "replicas": replicas,
                "selector": {"matchLabels": labels},
                "template": {
                    "metadata": {"labels": labels},
                    "spec": {
                        "containers": [{
                            "name": "app",
                            "image": "app",
                            "ports": [{"name": "http", "containerPort": 8080}],
                        }],
                        // No kubelet takes its time to end them.
                        "terminationGracePeriodSeconds": 0,
                    },
                },
            },
        }),
        json!({
            "apiVersion": "v1",
            "kind": "Service",
            "metadata": metadata,
            "spec": {
                "selector": labels,
                "ports": [{"name": "http", "port": 80, "targetPort": "http"}],
            },
        }),
    ]
}
