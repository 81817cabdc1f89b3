//! The rig itself: clusters that start, work, are harmed, and leave nothing behind.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a panic is how a test fails")]

use std::collections::BTreeSet;
use std::fs;
use std::panic::{self, AssertUnwindSafe};
use std::path::Path;
use std::process::Command;
use std::sync::Mutex;
use std::time::Duration;

use http::Method;
use mci_tests::cluster::{Api, Cluster, Clusters, Server, deployment};
use mci_tests::process::Process;
use mci_tests::proxy::Proxy;
use mci_tests::require::{self, Component};
use mci_tests::wait;
use nix::sys::signal::Signal;
use serde_json::{Value, json};

fn config_map(name: &str, value: &str) -> Value {
    json!({
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {"name": name, "namespace": "default"},
        "data": {"value": value},
    })
}

fn value(cluster: &Cluster, name: &str) -> Result<String, u16> {
    let found = cluster.api().get("configmaps", "default", name).map_err(|refused| refused.code)?;
    Ok(found["data"]["value"].as_str().unwrap().to_owned())
}

#[test]
fn deployments_make_pods_and_pods_make_endpoint_slices() {
    if !require::present(&[Component::Kubernetes]) {
        return;
    }
    let clusters = Clusters::shared();
    let cluster = clusters.cluster(0);
    cluster.namespace("pods");
    cluster.node("pods");
    cluster.deploy("pods", "app", 2);
    cluster.wait_for_ready("pods", "app", 2);
    let addresses = cluster.ready_addresses("pods", "app");
    assert!(addresses.iter().all(|address| address.starts_with("10.201.")), "{addresses:?}");

    cluster.scale("pods", "app", 0);
    cluster.wait_for_ready("pods", "app", 0);
    cluster.scale("pods", "app", 1);
    cluster.wait_for_ready("pods", "app", 1);
}

#[test]
fn a_namespace_goes_with_all_that_is_in_it() {
    if !require::present(&[Component::Kubernetes]) {
        return;
    }
    let clusters = Clusters::shared();
    let cluster = clusters.cluster(0);
    cluster.namespace("going");
    cluster.deploy("going", "app", 0);
    cluster.api().delete("namespaces", "", "going").unwrap();
    wait::until_true("the namespace is gone", || {
        cluster.api().get("namespaces", "", "going").is_err_and(|refused| refused.code == 404)
    });
    assert_eq!(cluster.api().list("services", "going").unwrap(), Vec::<Value>::new());
}

#[test]
fn a_test_writes_addresses_as_a_load_balancer_does() {
    if !require::present(&[Component::Kubernetes]) {
        return;
    }
    let clusters = Clusters::shared();
    let cluster = clusters.cluster(0);
    cluster.namespace("addresses");
    cluster.apply(
        "
apiVersion: v1
kind: Service
metadata: {name: app, namespace: addresses}
spec: {type: LoadBalancer, allocateLoadBalancerNodePorts: false, ports: [{port: 80}]}
---
apiVersion: networking.k8s.io/v1
kind: Ingress
metadata: {name: app, namespace: addresses}
spec: {defaultBackend: {service: {name: app, port: {number: 80}}}}
",
    );
    for resource in ["services", "ingresses.networking.k8s.io"] {
        let addresses = || {
            let found = cluster.api().get(resource, "addresses", "app").unwrap();
            found["status"]["loadBalancer"]["ingress"].clone()
        };
        cluster.set_addresses(resource, "addresses", "app", &["192.0.2.1", "lb.example.com"]);
        let written = addresses();
        assert_eq!(written[0]["ip"], "192.0.2.1", "{written}");
        assert_eq!(written[1]["hostname"], "lb.example.com", "{written}");
        cluster.set_addresses(resource, "addresses", "app", &[]);
        assert!(addresses().as_array().is_none_or(Vec::is_empty));
    }
}

#[test]
fn definitions_of_resources_are_served_once_they_are_applied() {
    if !require::present(&[Component::Kubernetes]) {
        return;
    }
    let clusters = Clusters::shared();
    clusters.cluster(0).apply(
        "
apiVersion: apiextensions.k8s.io/v1
kind: CustomResourceDefinition
metadata: {name: things.rig.example.com}
spec:
  group: rig.example.com
  scope: Namespaced
  names: {kind: Thing, plural: things}
  versions:
    - name: v1
      served: true
      storage: true
      schema: {openAPIV3Schema: {type: object, x-kubernetes-preserve-unknown-fields: true}}
---
{apiVersion: rig.example.com/v1, kind: Thing, metadata: {name: one, namespace: default}, is: there}
",
    );
    let thing = clusters.cluster(0).api().get("things.rig.example.com", "default", "one").unwrap();
    assert_eq!(thing["is"], "there");
}

#[test]
fn the_gateway_api_is_there_once_it_is_applied() {
    if !require::present(&[Component::Kubernetes, Component::GatewayApi]) {
        return;
    }
    let clusters = Clusters::start(1);
    let cluster = clusters.cluster(0);
    let kinds = || -> BTreeSet<String> {
        let found = cluster.api().discover().into_iter();
        found.filter(|found| found.group == "gateway.networking.k8s.io").map(|found| found.kind).collect()
    };
    assert_eq!(kinds(), BTreeSet::new());
    cluster.apply_gateway_api();
    let kinds = kinds();
    for kind in ["Gateway", "HTTPRoute", "GRPCRoute", "TLSRoute", "ReferenceGrant"] {
        assert!(kinds.contains(kind), "{kind} is not among {kinds:?}");
    }
    cluster.apply(
        "
apiVersion: gateway.networking.k8s.io/v1
kind: Gateway
metadata: {name: gateway, namespace: default}
spec: {gatewayClassName: test, listeners: [{name: http, port: 80, protocol: HTTP}]}
",
    );
    cluster.set_gateway_addresses("default", "gateway", &["192.0.2.1", "lb.example.com"]);
    let gateway = cluster.api().get("gateways.gateway.networking.k8s.io", "default", "gateway").unwrap();
    assert_eq!(
        gateway["status"]["addresses"],
        json!([{"type": "IPAddress", "value": "192.0.2.1"}, {"type": "Hostname", "value": "lb.example.com"}])
    );
}

#[test]
fn a_service_account_comes_with_its_own_token_and_may_do_nothing_yet() {
    if !require::present(&[Component::Kubernetes]) {
        return;
    }
    let clusters = Clusters::shared();
    let cluster = clusters.cluster(0);
    cluster.namespace("tokens");
    cluster.apply("{apiVersion: v1, kind: ServiceAccount, metadata: {name: robot, namespace: tokens}}");
    let refused = cluster.api_of("tokens", "robot").list("pods", "tokens").unwrap_err();
    assert_eq!(
        (refused.code, refused.message.as_str()),
        (
            403,
            "pods is forbidden: User \"system:serviceaccount:tokens:robot\" cannot list resource \"pods\" in API \
             group \"\" in the namespace \"tokens\""
        )
    );
}

#[test]
fn kubectl_speaks_to_the_cluster() {
    if !require::present(&[Component::Kubernetes]) {
        return;
    }
    let clusters = Clusters::shared();
    let text = clusters.cluster(0).kubectl(["version", "--output=json"]);
    let version: Value = serde_json::from_str(&text).unwrap();
    assert_eq!(version["serverVersion"]["gitVersion"], format!("v{}", require::KUBERNETES_VERSION));
}

#[test]
fn two_clusters_know_nothing_of_each_other() {
    if !require::present(&[Component::Kubernetes]) {
        return;
    }
    let clusters = Clusters::start(2);
    let (one, two) = (clusters.cluster(0), clusters.cluster(1));
    one.api().create(&config_map("here", "1")).unwrap();
    assert_eq!((value(one, "here"), value(two, "here")), (Ok("1".to_owned()), Err(404)));

    // Nor do they accept each other's users.
    for cluster in clusters.all() {
        cluster.apply("{apiVersion: v1, kind: ServiceAccount, metadata: {name: robot, namespace: default}}");
    }
    let kubeconfig = two.token_kubeconfig("default", "robot");
    fs::write(kubeconfig.with_extension("token"), one.token("default", "robot")).unwrap();
    let foreign = Api::new(&kubeconfig);
    let refused = foreign.request(Method::GET, "/api/v1/pods", None, None).unwrap_err();
    assert_eq!(refused.code, 401, "{refused:?}");
}

#[test]
fn what_is_killed_and_started_again_has_kept_its_state() {
    if !require::present(&[Component::Kubernetes]) {
        return;
    }
    let clusters = Clusters::start(1);
    let cluster = clusters.cluster(0);
    cluster.api().create(&config_map("kept", "1")).unwrap();

    cluster.api_server().kill();
    assert!(!cluster.api_server().runs());
    assert_eq!(value(cluster, "kept"), Err(0));
    cluster.api_server().start_again();
    assert_eq!(value(cluster, "kept"), Ok("1".to_owned()));

    clusters.etcd().server().restart();
    wait::until_true("the API server has found etcd again", || value(cluster, "kept") == Ok("1".to_owned()));

    // Controllers, scheduler and kubelets, too: without one of them no endpoint becomes ready.
    cluster.node("n1");
    for server in [cluster.controller_manager(), cluster.scheduler(), cluster.kwok()] {
        server.kill();
    }
    cluster.deploy("default", "app", 1);
    assert_eq!(cluster.ready_addresses("default", "app"), BTreeSet::new());
    for server in [cluster.controller_manager(), cluster.scheduler(), cluster.kwok()] {
        server.start_again();
    }
    cluster.wait_for_ready("default", "app", 1);
}

#[test]
fn a_frozen_api_server_answers_once_it_is_thawed() {
    if !require::present(&[Component::Kubernetes]) {
        return;
    }
    let clusters = Clusters::start(1);
    let cluster = clusters.cluster(0);
    cluster.api().create(&config_map("slow", "1")).unwrap();
    cluster.api_server().freeze();
    let hasty = cluster.api().clone().patience(Duration::from_millis(200));
    assert_eq!(hasty.get("configmaps", "default", "slow").unwrap_err().code, 0);
    let answer = std::thread::scope(|scope| {
        let asked = scope.spawn(|| value(cluster, "slow"));
        cluster.api_server().thaw();
        asked.join().unwrap()
    });
    assert_eq!(answer, Ok("1".to_owned()));
}

#[test]
fn an_older_copy_of_etcd_shows_the_older_state() {
    if !require::present(&[Component::Kubernetes]) {
        return;
    }
    let clusters = Clusters::start(1);
    let cluster = clusters.cluster(0);
    cluster.api().create(&config_map("changed", "old")).unwrap();
    let snapshot = clusters.etcd().snapshot();
    cluster.api().apply(&config_map("changed", "new")).unwrap();
    cluster.api().create(&config_map("later", "1")).unwrap();

    clusters.etcd().restore(&snapshot);
    wait::until_true("the old value is back", || value(cluster, "changed") == Ok("old".to_owned()));
    assert_eq!(value(cluster, "later"), Err(404));
}

#[test]
fn a_watch_from_before_a_compaction_is_told_that_its_version_is_gone() {
    if !require::present(&[Component::Kubernetes]) {
        return;
    }
    let clusters = Clusters::start_with(1, &["--watch-cache=false"]);
    let cluster = clusters.cluster(0);
    let made = cluster.api().create(&config_map("watched", "0")).unwrap();
    let version = made["metadata"]["resourceVersion"].as_str().unwrap();
    for count in 1..=3 {
        cluster.api().apply(&config_map("watched", &count.to_string())).unwrap();
    }
    let watch = format!(
        "/api/v1/namespaces/default/configmaps?watch=true&timeoutSeconds=1&resourceVersion={version}&limit=1"
    );
    let events = || cluster.kubectl(["get", "--raw", &watch]);
    assert!(events().starts_with(r#"{"type":"MODIFIED""#), "{}", events());
    clusters.etcd().compact();
    let told: Value = serde_json::from_str(&events()).unwrap();
    assert_eq!((&told["type"], &told["object"]["code"]), (&json!("ERROR"), &json!(410)));
}

#[test]
fn an_api_server_behind_a_proxy_can_be_lost_and_found() {
    if !require::present(&[Component::Kubernetes]) {
        return;
    }
    let clusters = Clusters::shared();
    let cluster = clusters.cluster(0);
    cluster.namespace("proxy");
    cluster.apply("{apiVersion: v1, kind: ServiceAccount, metadata: {name: robot, namespace: proxy}}");
    let proxy = Proxy::start(cluster.address());
    let api = Api::new(&cluster.token_kubeconfig_at(proxy.address(), "proxy", "robot"));
    let ask = || api.request(Method::GET, "/version", None, None).map_err(|refused| refused.code);
    assert!(ask().is_ok());
    proxy.cut();
    assert_eq!(ask(), Err(0));
    proxy.pass();
    assert!(ask().is_ok());
    assert!(proxy.accepted() >= 2);
}

#[test]
fn many_objects_are_applied_at_once() {
    if !require::present(&[Component::Kubernetes]) {
        return;
    }
    let clusters = Clusters::shared();
    let cluster = clusters.cluster(0);
    cluster.namespace("many");
    let objects: Vec<_> =
        (0..100).flat_map(|number| deployment("many", &format!("app-{number}"), 0)).collect();
    cluster.api().apply_all(&objects).unwrap();
    assert_eq!(cluster.api().list("services", "many").unwrap().len(), 100);
}

#[test]
fn a_person_s_clusters_end_with_all_that_is_theirs_at_an_interrupt() {
    if !require::present(&[Component::Kubernetes]) {
        return;
    }
    let mut command = Command::new(env!("CARGO_BIN_EXE_cluster"));
    command.arg("up");
    let mut process = Process::start("cluster up", &command);
    process.wait_for_log("Ctrl-C ends them.");
    let log = process.log();
    let kubeconfig = log.lines().find_map(|line| line.strip_prefix("export KUBECONFIG=")).unwrap();
    let api = Api::new(Path::new(kubeconfig));
    let nodes = api.list("nodes", "").unwrap();
    assert_eq!(nodes.iter().map(|node| &node["metadata"]["name"]).collect::<Vec<_>>(), ["n1"]);

    process.signal(Signal::SIGINT);
    assert!(process.wait().success());
    assert!(!Path::new(kubeconfig).ancestors().nth(2).unwrap().exists());
    assert_eq!(api.request(Method::GET, "/version", None, None).unwrap_err().code, 0);
}

#[test]
fn nothing_is_left_behind_after_a_panic() {
    if !require::present(&[Component::Kubernetes]) {
        return;
    }
    let left = Mutex::new(None);
    let result = panic::catch_unwind(AssertUnwindSafe(|| {
        let clusters = Clusters::start(1);
        let cluster = clusters.cluster(0);
        let servers = [
            cluster.api_server(),
            cluster.controller_manager(),
            cluster.scheduler(),
            cluster.kwok(),
            clusters.etcd().server(),
        ];
        let ids = servers.map(Server::id);
        *left.lock().unwrap() = Some((ids, clusters.folder().to_owned()));
        panic!("on purpose");
    }));
    assert!(result.is_err());
    let (ids, folder) = left.into_inner().unwrap().unwrap();
    assert_eq!(ids.map(|id| Path::new(&format!("/proc/{id}")).exists()), [false; 5]);
    assert!(!folder.exists());
}
