//! What each component may do, with its own `ServiceAccount`'s token, once the chart is installed; and nothing more.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a panic is how a test fails")]

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, PoisonError};

use http::Method;
use mci_tests::cluster::{Answer, Api, Cluster, Clusters};
use mci_tests::require::{self, Component};
use mci_tests::wait;
use serde_json::{Value, json};

const NAMESPACE: &str = "mci";
const OTHER: &str = "default";
const OWN: &str = "west";

const VECC: &str = "multicluster.veccsolutions.io";

const COMPONENTS: [&str; 4] = ["mci-operator", "mci-orchestrator", "mci-front-end", "mci-dns-server"];

/// What is allowed: a resource as `RESOURCE.GROUP`, and verbs.
type Rights = &'static [(&'static str, &'static str)];

/// In every namespace, for the operator alone.
const OPERATOR_EVERYWHERE: Rights = &[
    ("services", "get list watch"),
    ("nodes", "get list watch"),
    ("namespaces", "get list watch"),
    ("endpointslices.discovery.k8s.io", "get list watch"),
    ("ingresses.networking.k8s.io", "get list watch"),
    ("gateways.gateway.networking.k8s.io", "get list watch"),
    ("httproutes.gateway.networking.k8s.io", "get list watch"),
    ("grpcroutes.gateway.networking.k8s.io", "get list watch"),
    ("tlsroutes.gateway.networking.k8s.io", "get list watch"),
    ("referencegrants.gateway.networking.k8s.io", "get list watch"),
    ("customresourcedefinitions.apiextensions.k8s.io", "get list watch"),
    ("gslbs.multicluster.veccsolutions.io", "get list watch"),
    ("gslbs.multicluster.cyclops.io", "get list watch"),
    ("gslbs/status.multicluster.veccsolutions.io", "update patch"),
    ("gslbs/status.multicluster.cyclops.io", "update patch"),
    ("events.events.k8s.io", "create patch"),
];

/// In the release's namespace.
const OPERATOR: Rights = &[
    ("clustercaches.multicluster.veccsolutions.io", "get list watch create update delete"),
    ("resourcecaches.multicluster.veccsolutions.io", "get list watch create update delete"),
    ("servicecaches.multicluster.veccsolutions.io", "get list watch create update delete"),
    ("clusters.multicluster.veccsolutions.io", "get list watch"),
    ("leases.coordination.k8s.io", "get list watch create update delete"),
];

const ORCHESTRATOR: Rights = &[
    ("clustercaches.multicluster.veccsolutions.io", "get list watch delete"),
    ("hostnamecaches.multicluster.veccsolutions.io", "get list watch create update patch delete"),
    ("clusters.multicluster.veccsolutions.io", "get list watch create"),
    ("clusters/status.multicluster.veccsolutions.io", "update"),
    ("leases.coordination.k8s.io", "get list watch create update delete"),
    // Leftovers of the .NET application.
    ("resourcecaches.multicluster.veccsolutions.io", "list delete"),
    ("servicecaches.multicluster.veccsolutions.io", "list delete"),
    ("clustercaches.multicluster.cyclops.io", "list delete"),
    ("hostnamecaches.multicluster.cyclops.io", "list delete"),
    ("resourcecaches.multicluster.cyclops.io", "list delete"),
    ("servicecaches.multicluster.cyclops.io", "list delete"),
    ("events.events.k8s.io", "create patch"),
];

const FRONT_END: Rights = &[
    ("clustercaches.multicluster.veccsolutions.io", "get list watch create update delete"),
    ("hostnamecaches.multicluster.veccsolutions.io", "get list watch"),
    ("clusters.multicluster.veccsolutions.io", "get list watch"),
    ("leases.coordination.k8s.io", "get create update"),
];

const DNS_SERVER: Rights = &[
    ("hostnamecaches.multicluster.veccsolutions.io", "get list watch"),
    ("clustercaches.multicluster.veccsolutions.io", "get list watch"),
    ("clusters.multicluster.veccsolutions.io", "get list watch"),
    ("events.events.k8s.io", "create patch"),
];

/// A cluster with the chart in it, and beside the chart's `ServiceAccount`s one with no rights at all.
fn installed() -> Arc<Clusters> {
    static TURN: Mutex<()> = Mutex::new(());
    let _turn = TURN.lock().unwrap_or_else(PoisonError::into_inner);
    let clusters = Clusters::shared();
    let cluster = clusters.cluster(0);
    if cluster.api().get("serviceaccounts", NAMESPACE, "nobody").is_err() {
        cluster.install_chart(NAMESPACE, &[&format!("clusterIdentifier={OWN}")]);
        cluster.apply(&format!(
            "{{apiVersion: v1, kind: ServiceAccount, metadata: {{name: nobody, namespace: {NAMESPACE}}}}}"
        ));
        wait_for_the_policy(cluster);
    }
    clusters
}

/// The API server takes a moment to enforce a policy that is new.
fn wait_for_the_policy(cluster: &Cluster) {
    let front_end = cluster.api_of(NAMESPACE, "mci-front-end");
    wait::until_true("the admission policy is enforced", || {
        if let Err(refused) = front_end.create(&lease("probe-of-the-policy", Some(OWN))) {
            // Before the role is, the account may do nothing at all.
            return refused.message.contains("ValidatingAdmissionPolicy");
        }
        cluster.api().delete("leases.coordination.k8s.io", NAMESPACE, "probe-of-the-policy").unwrap();
        false
    });
}

type Verbs = BTreeMap<String, BTreeSet<String>>;

/// All rules that hold for a user in a namespace, by resource; and those for paths.
fn rules(api: &Api, namespace: &str) -> (Verbs, BTreeSet<String>) {
    let review = json!({
        "apiVersion": "authorization.k8s.io/v1",
        "kind": "SelfSubjectRulesReview",
        "spec": {"namespace": namespace},
    });
    let path = "/apis/authorization.k8s.io/v1/selfsubjectrulesreviews";
    let status = api.request(Method::POST, path, None, Some(&review)).unwrap()["status"].take();
    assert_eq!(status["incomplete"], false, "{status}");
    let texts = |list: &Value| -> Vec<String> {
        list.as_array().into_iter().flatten().map(|text| text.as_str().unwrap().to_owned()).collect()
    };
    let mut verbs = Verbs::new();
    for rule in status["resourceRules"].as_array().unwrap() {
        for group in texts(&rule["apiGroups"]) {
            for resource in texts(&rule["resources"]) {
                let mut name = if group.is_empty() { resource } else { format!("{resource}.{group}") };
                for only in texts(&rule["resourceNames"]) {
                    name = format!("{name} {only}");
                }
                verbs.entry(name).or_default().extend(texts(&rule["verbs"]));
            }
        }
    }
    let paths = status["nonResourceRules"].as_array().unwrap().iter().map(Value::to_string).collect();
    (verbs, paths)
}

fn expected(rights: &[Rights], beside: &Verbs) -> Verbs {
    let mut verbs = beside.clone();
    for (resource, allowed) in rights.iter().copied().flatten() {
        let entry = verbs.entry((*resource).to_owned()).or_default();
        entry.extend(allowed.split(' ').map(str::to_owned));
    }
    verbs
}

fn lease(name: &str, cluster: Option<&str>) -> Value {
    let mut lease = json!({
        "apiVersion": "coordination.k8s.io/v1",
        "kind": "Lease",
        "metadata": {"name": name, "namespace": NAMESPACE},
        "spec": {"holderIdentity": "a"},
    });
    if let Some(cluster) = cluster {
        lease["metadata"]["labels"] = json!({"mci.dev/cluster": cluster});
    }
    lease
}

fn cache(name: &str, cluster: &str, label: Option<&str>) -> Value {
    let mut cache = json!({
        "apiVersion": format!("{VECC}/v1alpha"),
        "kind": "ClusterCache",
        "metadata": {"name": name, "namespace": NAMESPACE},
        "cluster": cluster,
        "shard": 1,
    });
    if let Some(label) = label {
        cache["metadata"]["labels"] = json!({"mci.dev/cluster": label});
    }
    cache
}

/// Allowed, or why not.
fn outcome(answer: Answer) -> Result<(), (u16, String)> {
    answer.map(drop).map_err(|refused| (refused.code, refused.message))
}

#[test]
fn each_component_may_do_what_it_has_to_and_nothing_more() {
    if !require::present(&[Component::Kubernetes, Component::Helm]) {
        return;
    }
    let clusters = installed();
    let cluster = clusters.cluster(0);
    let (everybody, paths) = rules(&cluster.api_of(NAMESPACE, "nobody"), NAMESPACE);
    assert!(everybody.values().flatten().all(|verb| verb == "create"), "{everybody:?}");
    let rows: [(&str, &[Rights], &[Rights]); 4] = [
        ("mci-operator", &[OPERATOR_EVERYWHERE, OPERATOR], &[OPERATOR_EVERYWHERE]),
        ("mci-orchestrator", &[ORCHESTRATOR], &[]),
        ("mci-front-end", &[FRONT_END], &[]),
        ("mci-dns-server", &[DNS_SERVER], &[]),
    ];
    for (account, own, other) in rows {
        let api = cluster.api_of(NAMESPACE, account);
        for (namespace, rights) in [(NAMESPACE, own), (OTHER, other)] {
            let allowed = rules(&api, namespace);
            assert_eq!(allowed, (expected(rights, &everybody), paths.clone()), "{account} in {namespace}");
        }
    }
}

#[test]
fn the_api_server_decides_so_for_each_account_verb_resource_and_namespace() {
    if !require::present(&[Component::Kubernetes, Component::Helm]) {
        return;
    }
    let clusters = installed();
    // Which of operator, orchestrator, front end and dns-server (o, r, f, d) may; the others may not.
    let mut rows: Vec<(String, String, &str, &str)> = vec![
        ("list".into(), "services".into(), OTHER, "o"),
        ("watch".into(), "endpointslices.discovery.k8s.io".into(), "", "o"),
        ("update".into(), "services".into(), NAMESPACE, ""),
        ("create".into(), format!("hostnamecaches.{VECC}"), NAMESPACE, "r"),
        ("patch".into(), format!("hostnamecaches.{VECC}"), NAMESPACE, "r"),
        ("create".into(), format!("clustercaches.{VECC}"), NAMESPACE, "of"),
        ("create".into(), format!("clustercaches.{VECC}"), OTHER, ""),
        ("delete".into(), format!("clustercaches.{VECC}"), NAMESPACE, "orf"),
        ("patch".into(), format!("clustercaches.{VECC}"), NAMESPACE, ""),
        ("watch".into(), format!("hostnamecaches.{VECC}"), NAMESPACE, "rfd"),
        ("watch".into(), format!("hostnamecaches.{VECC}"), OTHER, ""),
        ("update".into(), format!("clusters.{VECC}"), NAMESPACE, ""),
        ("create".into(), format!("clusters.{VECC}"), NAMESPACE, "r"),
        ("update".into(), format!("clusters/status.{VECC}"), NAMESPACE, "r"),
        ("patch".into(), format!("gslbs/status.{VECC}"), OTHER, "o"),
        ("update".into(), format!("gslbs.{VECC}"), NAMESPACE, ""),
        ("update".into(), "leases.coordination.k8s.io".into(), NAMESPACE, "orf"),
        ("list".into(), "leases.coordination.k8s.io".into(), NAMESPACE, "or"),
        ("delete".into(), "leases.coordination.k8s.io".into(), NAMESPACE, "or"),
        ("get".into(), "leases.coordination.k8s.io".into(), OTHER, ""),
        ("create".into(), "events".into(), NAMESPACE, ""),
        ("create".into(), "events.events.k8s.io".into(), NAMESPACE, "ord"),
        ("create".into(), "events.events.k8s.io".into(), OTHER, "o"),
        ("create".into(), "pods/exec".into(), NAMESPACE, ""),
        ("create".into(), "serviceaccounts/token".into(), NAMESPACE, ""),
        ("escalate".into(), "roles.rbac.authorization.k8s.io".into(), NAMESPACE, ""),
        ("impersonate".into(), "serviceaccounts".into(), NAMESPACE, ""),
    ];
    for cache in ["clustercaches", "hostnamecaches", "resourcecaches", "servicecaches"] {
        rows.push(("deletecollection".into(), format!("{cache}.{VECC}"), NAMESPACE, ""));
    }
    for verb in ["get", "list", "watch", "create", "update", "patch", "delete"] {
        for namespace in [NAMESPACE, OTHER, ""] {
            rows.push((verb.into(), "secrets".into(), namespace, ""));
            rows.push((verb.into(), "configmaps".into(), namespace, ""));
        }
    }
    let mut wrong = Vec::new();
    for (account, letter) in COMPONENTS.into_iter().zip(['o', 'r', 'f', 'd']) {
        let api = clusters.cluster(0).api_of(NAMESPACE, account);
        for (verb, resource, namespace, allowed) in &rows {
            let (name, group) = resource.split_once('.').unwrap_or((resource, ""));
            let (name, subresource) = name.split_once('/').unwrap_or((name, ""));
            let review = json!({
                "apiVersion": "authorization.k8s.io/v1",
                "kind": "SelfSubjectAccessReview",
                "spec": {"resourceAttributes": {
                    "verb": verb,
                    "group": group,
                    "resource": name,
                    "subresource": subresource,
                    "namespace": namespace,
                }},
            });
            let path = "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews";
            let said = api.request(Method::POST, path, None, Some(&review)).unwrap();
            let may = said["status"]["allowed"].as_bool().unwrap();
            if may != allowed.contains(letter) {
                wrong.push(format!("{account}: {verb} {resource} in {namespace:?}: {may}"));
            }
        }
    }
    assert_eq!(wrong, Vec::<String>::new());
}

#[test]
fn what_is_not_granted_is_refused_to_real_requests() {
    if !require::present(&[Component::Kubernetes, Component::Helm]) {
        return;
    }
    let clusters = installed();
    let cluster = clusters.cluster(0);
    let api = |account| cluster.api_of(NAMESPACE, account);
    let hostname_cache = json!({
        "apiVersion": format!("{VECC}/v1alpha"),
        "kind": "HostnameCache",
        "metadata": {"name": "h-refused", "namespace": NAMESPACE},
        "hostname": "app.example.com",
    });
    let code = |answer: Answer| answer.map_or_else(|refused| refused.code, |_| 200);
    assert_eq!(code(api("mci-operator").create(&hostname_cache)), 403);
    assert_eq!(code(api("mci-dns-server").create(&hostname_cache)), 403);
    assert_eq!(code(api("mci-orchestrator").create(&hostname_cache)), 200);
    let caches = format!("hostnamecaches.{VECC}");
    assert_eq!(code(api("mci-orchestrator").delete_all(&caches, NAMESPACE)), 403);
    assert_eq!(code(api("mci-orchestrator").delete(&caches, NAMESPACE, "h-refused")), 200);
    for account in COMPONENTS {
        assert_eq!(api(account).list("secrets", NAMESPACE).unwrap_err().code, 403, "{account}");
    }
}

#[test]
fn the_front_end_writes_what_peers_send_and_nothing_in_its_own_cluster_s_name() {
    if !require::present(&[Component::Kubernetes, Component::Helm]) {
        return;
    }
    let clusters = installed();
    let cluster = clusters.cluster(0);
    let front_end = cluster.api_of(NAMESPACE, "mci-front-end");
    let operator = cluster.api_of(NAMESPACE, "mci-operator");
    let denied = |message: &str| {
        let policy =
            "ValidatingAdmissionPolicy 'mci-mci-front-end' with binding 'mci-mci-front-end' denied request";
        Err((403, format!("{policy}: {message}")))
    };
    let own_label =
        denied("the front end may not write what carries this cluster's own label, mci.dev/cluster=west");
    let own_cache = denied("the front end may not write a cache of this cluster itself, west");
    let own_heartbeat =
        denied("the front end may not write the heartbeat of this cluster itself, mci-heartbeat-west");
    let reasonless = |outcome: Result<(), (u16, String)>| {
        // Before it comes which object, in words of the API server.
        outcome.map_err(|(code, message)| {
            let from = message.find("ValidatingAdmissionPolicy").unwrap_or(0);
            (code, message[from..].to_owned())
        })
    };
    let try_to = |answer: Answer| reasonless(outcome(answer));

    // A peer's: created, changed, deleted.
    let mut peers = front_end.create(&cache("c-peer", "east", Some("east"))).unwrap();
    peers["seq"] = 2.into();
    front_end.replace(&peers).unwrap();
    let caches = format!("clustercaches.{VECC}");
    assert_eq!(outcome(front_end.delete(&caches, NAMESPACE, "c-peer")), Ok(()));

    // The own: none of it, with the label or without.
    assert_eq!(try_to(front_end.create(&cache("c-own", OWN, Some(OWN)))), own_label);
    assert_eq!(try_to(front_end.create(&cache("c-own", "east", Some(OWN)))), own_label);
    assert_eq!(try_to(front_end.create(&cache("c-own", OWN, None))), own_cache);
    assert_eq!(try_to(front_end.create(&cache("c-own", OWN, Some("east")))), own_cache);
    let mut own = operator.create(&cache("c-own", OWN, Some(OWN))).unwrap();
    own["seq"] = 2.into();
    assert_eq!(try_to(front_end.replace(&own)), own_label);
    // Nor is it made a peer's first.
    own["metadata"]["labels"] = json!({"mci.dev/cluster": "east"});
    own["cluster"] = "east".into();
    assert_eq!(try_to(front_end.replace(&own)), own_label);
    assert_eq!(try_to(front_end.delete(&caches, NAMESPACE, "c-own")), own_label);
    operator.delete(&caches, NAMESPACE, "c-own").unwrap();

    // Nor a peer's made the own.
    let mut turned = front_end.create(&cache("c-turned", "east", Some("east"))).unwrap();
    turned["cluster"] = OWN.into();
    assert_eq!(try_to(front_end.replace(&turned)), own_cache);
    front_end.delete(&caches, NAMESPACE, "c-turned").unwrap();

    // Heartbeats are Leases.
    assert_eq!(outcome(front_end.create(&lease("mci-heartbeat-east", Some("east")))), Ok(()));
    assert_eq!(outcome(front_end.create(&lease("mci-receiver-pod", None))), Ok(()));
    assert_eq!(try_to(front_end.create(&lease("mci-heartbeat-west", None))), own_heartbeat);
    assert_eq!(try_to(front_end.create(&lease("mci-heartbeat-x", Some(OWN)))), own_label);
    // The policy is about the front end alone.
    assert_eq!(outcome(operator.create(&lease("mci-heartbeat-west", Some(OWN)))), Ok(()));
}

#[test]
fn two_releases_in_two_namespaces_do_not_meet() {
    if !require::present(&[Component::Kubernetes, Component::Helm]) {
        return;
    }
    let clusters = installed();
    let cluster = clusters.cluster(0);
    cluster.install_chart("second", &["clusterIdentifier=second"]);
    let first = cluster.api_of(NAMESPACE, "mci-orchestrator");
    let second = cluster.api_of("second", "mci-orchestrator");
    let leases = "leases.coordination.k8s.io";
    let codes = |api: &Api| {
        [NAMESPACE, "second"].map(|namespace| api.list(leases, namespace).map_or_else(|no| no.code, |_| 200))
    };
    assert_eq!((codes(&first), codes(&second)), ([200, 403], [403, 200]));
}

#[test]
fn an_identifier_that_is_none_is_refused_by_the_chart() {
    if !require::present(&[Component::Kubernetes, Component::Helm]) {
        return;
    }
    let clusters = installed();
    let cluster = clusters.cluster(0);
    let said = cluster.try_install_chart("third", &["clusterIdentifier=No_Identifier"]).unwrap_err();
    assert!(said.contains("clusterIdentifier") && said.contains("does not match pattern"), "{said}");
}
