//! A cluster with its objects, and replicas of its operator.

use std::sync::Arc;
use std::time::Duration;

use mci_core::{ClusterId, Hostname, Shard};
use mci_kube::operator::{Beat, Failure, Gauges, Operator, Options, Outgoing, Settings};
use mci_kube::{lease, names, watch};
use serde_json::{Value, json};
use tokio::sync::watch as channel;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use crate::common::FakeApi;

pub const NAMESPACE: &str = "mci";
pub const GSLBS: &str = "/apis/multicluster.veccsolutions.io/v1alpha/gslbs";
pub const CLUSTERS: &str = "/apis/multicluster.veccsolutions.io/v1alpha/clusters";
pub const SHARDS: &str = "/apis/multicluster.veccsolutions.io/v1alpha/clustercaches";
pub const RESOURCES: &str = "/apis/multicluster.veccsolutions.io/v1alpha/resourcecaches";
pub const SERVICE_CACHES: &str = "/apis/multicluster.veccsolutions.io/v1alpha/servicecaches";
pub const SERVICES: &str = "/api/v1/services";
pub const SLICES: &str = "/apis/discovery.k8s.io/v1/endpointslices";
pub const LEASES: &str = "/apis/coordination.k8s.io/v1/leases";
pub const EVENTS: &str = "/apis/events.k8s.io/v1/events";
pub const DEFINITIONS: &str = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions";

pub fn west() -> ClusterId {
    "west".parse().unwrap()
}

/// An API server with the definitions of GSLBs, and the namespace of the operator.
pub fn api() -> FakeApi {
    let api = FakeApi::new();
    api.put("/api/v1/namespaces", "", NAMESPACE, json!({}));
    for group in ["multicluster.veccsolutions.io", "multicluster.cyclops.io"] {
        define(&api, &format!("gslbs.{group}"), "v1alpha");
    }
    api
}

/// Installs a definition.
pub fn define(api: &FakeApi, name: &str, version: &str) {
    let content = json!({
        "spec": {"versions": [{"name": version, "served": true}]},
        "status": {"conditions": [{"type": "Established", "status": "True"}]},
    });
    api.put(DEFINITIONS, "", name, content);
}

/// A GSLB of a Service, for some hostnames.
pub fn gslb(api: &FakeApi, name: &str, service: &str, hostnames: &[&str]) {
    let content = json!({
        "metadata": {"creationTimestamp": "2026-01-01T00:00:00Z", "generation": 1},
        "spec": {"objectReference": {"kind": "Service", "name": service}, "hostnames": hostnames},
    });
    api.put(GSLBS, "shop", name, content);
}

/// A Service with an address and one endpoint.
pub fn service(api: &FakeApi, name: &str, address: &str, ready: bool) {
    let content = json!({
        "spec": {"type": "LoadBalancer"},
        "status": {"loadBalancer": {"ingress": [{"ip": address}]}},
    });
    api.put(SERVICES, "shop", name, content);
    slice(api, name, ready);
}

pub fn slice(api: &FakeApi, service: &str, ready: bool) {
    let content = json!({
        "metadata": {"labels": {"kubernetes.io/service-name": service}},
        "addressType": "IPv4",
        "endpoints": [{"addresses": ["10.0.0.1"], "conditions": {"ready": ready}}],
    });
    api.put(SLICES, "shop", &format!("{service}-1"), content);
}

/// The name of the shard of a hostname.
pub fn shard_name(cluster: &str, hostname: &str) -> String {
    let hostname: Hostname = hostname.parse().unwrap();
    names::cluster_cache(&cluster.parse().unwrap(), Shard::of(&hostname))
}

/// What a cluster publishes for a hostname, without its stamp.
pub fn published(api: &FakeApi, hostname: &str) -> Option<Value> {
    let shard = api.get(SHARDS, NAMESPACE, &shard_name("west", hostname))?;
    let entries = shard["hostnames"].as_array()?.clone();
    let mut entry = entries.into_iter().find(|entry| entry["hostname"] == hostname)?;
    entry.as_object_mut().unwrap().remove("changed");
    Some(entry)
}

/// Whether a hostname is published as ready; nothing if it is not published.
pub fn ready(api: &FakeApi, hostname: &str) -> Option<bool> {
    published(api, hostname)?["ready"].as_bool()
}

/// Term and number of the shard of a hostname.
pub fn version(api: &FakeApi, hostname: &str) -> (u64, u64) {
    let shard = api.get(SHARDS, NAMESPACE, &shard_name("west", hostname)).unwrap();
    (shard["term"].as_u64().unwrap(), shard["seq"].as_u64().unwrap())
}

/// A condition of a GSLB: its status and its reason.
pub fn condition(api: &FakeApi, gslb: &str, kind: &str) -> Option<(String, String)> {
    let object = api.get(GSLBS, "shop", gslb)?;
    let conditions = object["status"]["conditions"].as_array()?.clone();
    let found = conditions.into_iter().find(|one| one["type"] == kind)?;
    Some((found["status"].as_str()?.to_owned(), found["reason"].as_str()?.to_owned()))
}

/// Another cluster's shard with one hostname.
pub fn other_cluster(api: &FakeApi, cluster: &str, hostname: &str, fields: &Value) {
    let name = shard_name(cluster, hostname);
    let number = Shard::of(&hostname.parse().unwrap()).number();
    let mut entry = json!({"hostname": hostname, "hostIPs": [{"ipAddress": "198.51.100.1"}], "ready": true});
    for (field, value) in fields.as_object().unwrap() {
        entry[field] = value.clone();
    }
    let content =
        json!({"cluster": cluster, "shard": number, "term": 1, "seq": 1, "digest": "", "hostnames": [entry]});
    api.put(SHARDS, NAMESPACE, &name, content);
}

/// Waits until something is so.
#[track_caller]
pub fn until(what: &str, mut so: impl FnMut() -> bool) -> impl Future<Output = ()> {
    let what = what.to_owned();
    async move {
        for _ in 0..20_000 {
            if so() {
                return;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        panic!("it did not come to: {what}");
    }
}

/// Lets everything happen that is going to within this time.
pub async fn after(seconds: u64) {
    tokio::time::sleep(Duration::from_secs(seconds)).await;
}

/// A replica.
pub struct Replica {
    pub gauges: Arc<Gauges>,
    pub settings: channel::Sender<Settings>,
    pub outgoing: Outgoing,
    pub beats: channel::Receiver<Beat>,
    stop: CancellationToken,
    task: JoinHandle<Result<(), Failure>>,
}

impl Replica {
    pub fn start(api: &FakeApi, pod: &str) -> Self {
        let options = Options {
            namespace: NAMESPACE.to_owned(),
            cluster: west(),
            pod: pod.to_owned(),
            timing: watch::Timing::default(),
            lease: lease::Timing::default(),
        };
        let (settings, receiver) = channel::channel(Settings::new(west()));
        let operator = Operator::new(api.client(), options, receiver);
        let (gauges, outgoing, beats) = (operator.gauges(), operator.outgoing(), operator.beats());
        let stop = CancellationToken::new();
        let task = tokio::spawn(operator.run(stop.clone()));
        Self { gauges, settings, outgoing, beats, stop, task }
    }

    pub fn leads(&self) -> bool {
        self.gauges.claim().term().is_some()
    }

    /// As by SIGTERM.
    pub async fn stop(self) {
        self.stop.cancel();
        assert_eq!(self.task.await.unwrap(), Ok(()));
    }

    /// As by SIGKILL.
    pub async fn kill(self) {
        self.task.abort();
        assert!(self.task.await.unwrap_err().is_cancelled());
    }
}
