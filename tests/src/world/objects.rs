//! The manifests that most tests need, to be changed where a test needs another.

use serde_json::{Value, json};

/// GSLBs in MCI's own group.
pub const GSLBS: &str = "gslbs.multicluster.veccsolutions.io";

/// Ingresses.
pub const INGRESSES: &str = "ingresses.networking.k8s.io";

/// A GSLB in MCI's own group, with its fields under `spec`; `object` is kind and name.
pub fn gslb(namespace: &str, name: &str, object: (&str, &str), hostnames: &[&str]) -> Value {
    json!({
        "apiVersion": "multicluster.veccsolutions.io/v1alpha",
        "kind": "GSLB",
        "metadata": {"name": name, "namespace": namespace},
        "spec": {"objectReference": {"kind": object.0, "name": object.1}, "hostnames": hostnames},
    })
}

/// An Ingress that sends everything to port 80 of a Service.
pub fn ingress(namespace: &str, name: &str, service: &str) -> Value {
    json!({
        "apiVersion": "networking.k8s.io/v1",
        "kind": "Ingress",
        "metadata": {"name": name, "namespace": namespace},
        "spec": {"defaultBackend": {"service": {"name": service, "port": {"number": 80}}}},
    })
}

/// A Service for the pods of a Deployment, with port 80; `spec` says what else.
pub fn service(namespace: &str, name: &str, deployment: &str, spec: &Value) -> Value {
    let mut service = json!({
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {"name": name, "namespace": namespace},
        "spec": {
            "selector": {"app": deployment},
            "ports": [{"name": "http", "port": 80, "targetPort": "http"}],
        },
    });
    let fields = spec.as_object().expect("a spec is an object");
    for (field, value) in fields {
        service["spec"][field] = value.clone();
    }
    service
}
