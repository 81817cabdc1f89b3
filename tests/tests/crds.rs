//! The CRDs on a real API server: what it refuses and in which words, what it shows, and what it lets pass.
//!
//! The table of objects is the one that the offline validation is tested with (`mci-kube/tests/objects.yaml`).

#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a panic is how a test fails")]

use std::fmt::Write as _;
use std::fs;

use http::Method;
use mci_tests::cluster::{Api, Clusters};
use mci_tests::mci::repository;
use mci_tests::require::{self, Component};
use mci_tests::wait;
use serde_json::{Value, json};

/// A cluster that knows our resources.
fn with_crds(clusters: &Clusters, namespace: &str) {
    let cluster = clusters.cluster(0);
    cluster.apply_crds();
    cluster.namespace(namespace);
}

fn table() -> Vec<Value> {
    let text = fs::read_to_string(repository().join("mci-kube/tests/objects.yaml")).unwrap();
    serde_saphyr::from_str(&text).unwrap()
}

/// What the API server says of a new object: field and message of each cause, sorted. Nothing is stored.
fn said_of(api: &Api, namespace: &str, object: &Value) -> Vec<(String, String)> {
    let (api_version, kind) = (object["apiVersion"].as_str().unwrap(), object["kind"].as_str().unwrap());
    let plural = format!("{}s", kind.to_lowercase());
    let path =
        format!("/apis/{api_version}/namespaces/{namespace}/{plural}?dryRun=All&fieldValidation=Strict");
    let Err(refused) = api.request(Method::POST, &path, None, Some(object)) else { return Vec::new() };
    assert_ne!(refused.code, 0, "{refused:?}");
    let mut causes: Vec<(String, String)> = refused
        .causes
        .into_iter()
        .map(|(field, message)| (field.replace("<nil>", ""), message))
        // It says so after each error that keeps it from evaluating CEL, and of a fraction it says twice what it is not.
        .filter(|(_, message)| !message.contains("some validation rules were not checked"))
        .filter(|(_, message)| !message.starts_with("Invalid value: \"\": Checked value must be of type"))
        .collect();
    if causes.is_empty() {
        causes.push((String::new(), refused.message));
    }
    causes.sort();
    causes
}

/// What a row of the table expects of the API server.
fn expected(row: &Value) -> Vec<(String, String)> {
    let list = |key: &str| row[key].as_array().cloned().unwrap_or_default();
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    let unknown: Vec<String> =
        list("unknown").iter().map(|field| format!("unknown field \"{}\"", text(field))).collect();
    if !unknown.is_empty() {
        let kind = text(&row["object"]["kind"]);
        let message = format!(
            "{kind} in version \"v1alpha\" cannot be handled as a {kind}: strict decoding error: {}",
            unknown.join(", ")
        );
        return vec![(String::new(), message)];
    }
    let mut all: Vec<_> =
        list("refused").iter().map(|item| (text(&item["field"]), text(&item["message"]))).collect();
    all.sort();
    all
}

#[test]
fn every_object_of_the_table_is_judged_as_it_says() {
    if !require::present(&[Component::Kubernetes]) {
        return;
    }
    let clusters = Clusters::shared();
    with_crds(&clusters, "table");
    let api = clusters.cluster(0).api();
    let mut differences = String::new();
    for row in table() {
        let (said, expected) = (said_of(api, "table", &row["object"]), expected(&row));
        if said != expected {
            let _ = writeln!(differences, "{}\n  expected {expected:#?}\n  said {said:#?}", row["about"]);
        }
    }
    assert!(differences.is_empty(), "{differences}");
}

#[test]
fn manifests_of_the_dotnet_application_apply_unchanged() {
    if !require::present(&[Component::Kubernetes]) {
        return;
    }
    let clusters = Clusters::shared();
    with_crds(&clusters, "dotnet");
    let cluster = clusters.cluster(0);
    cluster.apply(
        "
apiVersion: multicluster.veccsolutions.io/v1alpha
kind: GSLB
metadata:
  name: test
  namespace: dotnet
hostnames:
- service.failover.test
objectReference:
  kind: Service
  name: nginx
---
apiVersion: multicluster.cyclops.io/v1alpha
kind: GSLB
metadata:
  name: test
  namespace: dotnet
spec:
  hostnames:
  - service.failover.test
  ipOverrides: null
  objectReference:
    kind: Service
    name: nginx
  priority: 0
  weight: 50
",
    );
    // On the top level no default is added, or the rule against both places would refuse every object with a spec.
    let flat = cluster.api().get("gslbs.multicluster.veccsolutions.io", "dotnet", "test").unwrap();
    assert_eq!((flat.get("weight"), flat.get("spec")), (None, None));
}

#[test]
fn defaults_are_added_under_spec() {
    if !require::present(&[Component::Kubernetes]) {
        return;
    }
    let clusters = Clusters::shared();
    with_crds(&clusters, "defaults");
    let made = clusters.cluster(0).api().create(&gslb("defaults", "app", &["app.example.com"])).unwrap();
    assert_eq!((&made["spec"]["priority"], &made["spec"]["weight"]), (&json!(0), &json!(50)));
}

#[test]
fn an_object_that_an_older_definition_allowed_still_gets_its_status() {
    if !require::present(&[Component::Kubernetes]) {
        return;
    }
    // A cluster of its own: the definition is another for a while.
    let clusters = Clusters::start(1);
    let cluster = clusters.cluster(0);
    let api = cluster.api();
    let path = repository().join("charts/multicluster-ingress/crds/gslbs.multicluster.veccsolutions.io.yaml");
    let current = fs::read_to_string(path).unwrap();
    let mut older: Value = serde_saphyr::from_str(&current).unwrap();
    let schema = "/spec/versions/0/schema/openAPIV3Schema/properties/spec";
    let hostnames = format!("{schema}/properties/hostnames/items");
    older.pointer_mut(&hostnames).unwrap().as_object_mut().unwrap().remove("x-kubernetes-validations");
    let weight = format!("{schema}/properties/weight");
    older.pointer_mut(&weight).unwrap().as_object_mut().unwrap().remove("minimum");
    cluster.apply(&older.to_string());
    let mut object = gslb("default", "old", &["a..b"]);
    object["spec"]["weight"] = json!(-1);
    let mut made = wait::until("the definition is served", || api.create(&object).ok());

    cluster.apply(&current);
    wait::until_true("the rules are in force", || {
        !said_of(api, "default", &gslb("default", "new", &["a..b"])).is_empty()
    });
    made["status"] = json!({"observedGeneration": 1});
    let written = api.replace_status(&made).unwrap();
    assert_eq!(written["status"], json!({"observedGeneration": 1}));
    // What is wrong may stay; what becomes wrong may not.
    let mut changed = written.clone();
    changed["spec"]["priority"] = json!(7);
    let mut changed = api.replace(&changed).unwrap();
    changed["spec"]["hostnames"] = json!(["c..d"]);
    assert_eq!(api.replace(&changed).unwrap_err().code, 422);
}

#[test]
fn kubectl_explains_the_fields_and_shows_the_columns() {
    if !require::present(&[Component::Kubernetes]) {
        return;
    }
    let clusters = Clusters::shared();
    with_crds(&clusters, "columns");
    let cluster = clusters.cluster(0);
    for (field, text) in [
        ("gslbs.spec.weight", "This cluster's share of the answers is its weight divided by the sum of all"),
        ("gslbs.hostnames", "The DNS names to answer. A leading `*.` makes a wildcard (RFC 4592)."),
        ("clusters.spec.override.until", "When it ends by itself, in RFC 3339"),
        ("hostnamecaches.endpoints", "For each cluster that publishes it: clusterIdentifier"),
        ("clustercaches.seq", "Grows by one with each change of this shard."),
    ] {
        let explained =
            cluster.kubectl(["explain", field, "--api-version=multicluster.veccsolutions.io/v1alpha"]);
        assert!(explained.contains(text), "{field}: {explained}");
    }

    let api = cluster.api();
    api.create(&gslb("columns", "under-spec", &["a.example.com", "b.example.com"])).unwrap();
    api.create(&json!({
        "apiVersion": "multicluster.veccsolutions.io/v1alpha", "kind": "GSLB",
        "metadata": {"name": "flat", "namespace": "columns"},
        "objectReference": {"kind": "Service", "name": "web"}, "hostnames": ["c.example.com"], "weight": 7,
    }))
    .unwrap();
    let mut written = api.get("gslbs.multicluster.veccsolutions.io", "columns", "flat").unwrap();
    written["status"] = json!({"conditions": [{
        "type": "Published", "status": "True", "reason": "Ready", "message": "",
        "lastTransitionTime": "2026-07-01T18:00:00Z",
    }]});
    api.replace_status(&written).unwrap();
    let shown = cluster.kubectl(["get", "veccgslb", "-n", "columns"]);
    // Without the age, which grows.
    let rows: Vec<Vec<&str>> = shown
        .lines()
        .map(|line| line.split_whitespace().collect::<Vec<_>>())
        .map(|columns| columns[..columns.len() - 1].to_vec())
        .collect();
    assert_eq!(
        rows,
        [
            vec!["NAME", "KIND", "REFERENCE", "HOSTNAMES", "PRIORITY", "WEIGHT", "READY"],
            vec!["flat", "Service", "web", r#"["c.example.com"]"#, "7", "True"],
            vec!["under-spec", "Ingress", "app", r#"["a.example.com","b.example.com"]"#, "0", "50"],
        ]
    );
    let category = cluster.kubectl(["get", "mci", "-n", "columns", "-o", "name"]);
    assert_eq!(
        category.lines().collect::<Vec<_>>(),
        ["gslb.multicluster.veccsolutions.io/flat", "gslb.multicluster.veccsolutions.io/under-spec"]
    );
}

fn gslb(namespace: &str, name: &str, hostnames: &[&str]) -> Value {
    json!({
        "apiVersion": "multicluster.veccsolutions.io/v1alpha", "kind": "GSLB",
        "metadata": {"name": name, "namespace": namespace},
        "spec": {"objectReference": {"kind": "Ingress", "name": "app"}, "hostnames": hostnames},
    })
}
