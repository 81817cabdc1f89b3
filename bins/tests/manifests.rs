//! Manifests of several clusters, from the files to the answer.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod common;

use std::fs;
use std::io::Write as _;
use std::path::Path;
use std::process::Stdio;

use common::{Ran, Standalone, mci, mci_in, program, wait_until};
use tempfile::TempDir;

const ZONES: &str = "zones: [{name: z.example, nameservers: [ns1.example.net, ns2.example.net]}]\n";

/// A folder with these files.
fn folder(files: &[(&str, &str)]) -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    for (name, text) in files {
        let path = folder.path().join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }
    folder
}

/// A GSLB of namespace `shop` that refers to an object of its own name, which is a name below `z.example` too.
fn gslb(kind: &str, name: &str) -> String {
    format!(
        "---\napiVersion: multicluster.veccsolutions.io/v1alpha\nkind: GSLB\nmetadata: {{name: {name}, namespace: shop}}\n\
         spec: {{objectReference: {{kind: {kind}, name: {name}}}, hostnames: [{name}.z.example]}}\n"
    )
}

/// An object of namespace `shop`, with more of it.
fn object(api_version: &str, kind: &str, name: &str, more: &str) -> String {
    format!(
        "---\napiVersion: {api_version}\nkind: {kind}\nmetadata: {{name: {name}, namespace: shop}}\n{more}\n"
    )
}

fn service(name: &str, spec: &str) -> String {
    object("v1", "Service", name, &format!("spec: {{{spec}}}"))
}

/// A GSLB with its LoadBalancer Service, which is reached at `address`.
fn published(name: &str, address: &str) -> String {
    let status = format!("status: {{loadBalancer: {{ingress: [{{ip: {address}}}]}}}}");
    gslb("Service", name) + &object("v1", "Service", name, &format!("spec: {{type: LoadBalancer}}\n{status}"))
}

/// What is answered for a name.
#[track_caller]
fn answer(folder: &Path, name: &str, files: &[&str]) -> Vec<String> {
    let arguments = [&["resolve", name, "--short", "--file"], files].concat();
    let ran = mci_in(folder, &arguments);
    assert_eq!(ran.code, Some(0), "{ran}");
    let mut lines: Vec<String> = ran.stdout.lines().map(str::to_owned).collect();
    lines.sort();
    lines
}

/// The lines of what was printed that begin so.
fn lines<'r>(ran: &'r Ran, start: &str) -> Vec<&'r str> {
    ran.stdout.lines().chain(ran.stderr.lines()).filter_map(|line| line.strip_prefix(start)).collect()
}

#[test]
fn the_example_passes_and_tells_what_it_assumes() {
    let examples = Path::new(env!("CARGO_MANIFEST_DIR")).join("../examples");
    let ran = mci_in(&examples, &["test", "manifests"]);
    assert_eq!(ran.code, Some(0), "{ran}");
    assert!(ran.stdout.contains("7 tests passed\n"), "{ran}");
    insta::assert_snapshot!("example_validated", mci_in(&examples, &["validate", "manifests"]));
    insta::assert_snapshot!(
        "example_explained",
        mci_in(&examples, &["explain", "pay.gslb.example.com", "A", "--file", "manifests"])
    );
}

#[test]
fn a_directory_a_cluster_is_merged_by_hostname() {
    let folder = folder(&[
        ("fleet/zones.yaml", ZONES),
        ("fleet/west/app.yaml", &published("app", "192.0.2.1")),
        ("fleet/east/deep/down/app.yaml", &published("app", "192.0.2.2")),
    ]);
    let drawn = |given: &[&str]| {
        let ran =
            mci_in(folder.path(), &[&["simulate", "app.z.example", "A", "--file", "fleet"], given].concat());
        assert_eq!(ran.code, Some(0), "{ran}");
        lines(&ran, "  then: ").join("")
    };
    assert_eq!(drawn(&["--ready", "*@*"]), "east 50%, west 50% (the same)");
    assert_eq!(drawn(&["--down", "west"]), "east");
    assert_eq!(drawn(&["--unready", "app.z.example@east"]), "west");
    assert_eq!(drawn(&["--drain", "west"]), "east");
}

#[test]
fn what_only_a_cluster_adds_is_assumed_and_told() {
    let gateway = "gateway.networking.k8s.io/v1";
    let all = [
        gslb("Ingress", "ingress"),
        object(
            "networking.k8s.io/v1",
            "Ingress",
            "ingress",
            "spec: {defaultBackend: {service: {name: back, port: {number: 80}}}}",
        ),
        service("back", "clusterIP: 10.0.0.1"),
        gslb("Service", "asked"),
        service("asked", "type: LoadBalancer, loadBalancerIP: 192.0.2.7"),
        gslb("Service", "ports"),
        service("ports", "type: NodePort"),
        gslb("Service", "pods"),
        service("pods", "clusterIP: None"),
        gslb("Service", "named"),
        service("named", "type: ExternalName, externalName: app.example.net"),
        gslb("HTTPRoute", "route"),
        object(
            gateway,
            "HTTPRoute",
            "route",
            "spec: {parentRefs: [{name: gate}], rules: [{backendRefs: [{name: back, port: 80}]}]}",
        ),
        gslb("Gateway", "gate"),
        object(gateway, "Gateway", "gate", "spec: {gatewayClassName: any, addresses: [{value: 192.0.2.8}]}"),
    ]
    .concat();
    let folder = folder(&[("west/all.yaml", &all)]);
    insta::assert_snapshot!("every_assumption", mci_in(folder.path(), &["validate", "west"]));
    assert_eq!(answer(folder.path(), "route.z.example", &["west"]), ["192.0.2.8"]);
    assert_eq!(answer(folder.path(), "asked.z.example", &["west"]), ["192.0.2.7"]);
    assert_eq!(answer(folder.path(), "named.z.example", &["west"]), ["app.example.net."]);
    for name in ["ingress", "ports", "pods"] {
        let found = answer(folder.path(), &format!("{name}.z.example"), &["west"]);
        assert!(found.len() == 1 && found[0].starts_with("198."), "{name}: {found:?}");
    }
}

#[test]
fn nothing_is_assumed_that_the_manifests_say() {
    let slices = "---\napiVersion: discovery.k8s.io/v1\nkind: EndpointSlice\n\
        metadata: {name: app-1, namespace: shop, labels: {kubernetes.io/service-name: app}}\n\
        endpoints: [{addresses: [10.0.0.1], conditions: {ready: false}}]\n";
    let folder = folder(&[("west/app.yaml", &(published("app", "192.0.2.1") + slices))]);
    let ran = mci_in(folder.path(), &["validate", "west"]);
    assert_eq!(lines(&ran, "assumed: "), [""; 0], "{ran}");
    assert_eq!(
        lines(&ran, "warning: "),
        ["west/app.yaml:2: GSLB shop/app at west: NoReadyEndpoints: the Service has no ready endpoint"]
    );
    assert_eq!(answer(folder.path(), "app.z.example", &["west"]), [""; 0]);
}

#[test]
fn nothing_is_assumed_of_what_an_api_server_gave_out() {
    let ingress = "---\napiVersion: networking.k8s.io/v1\nkind: Ingress\n\
        metadata: {name: app, namespace: shop, resourceVersion: '7'}\n\
        spec: {defaultBackend: {service: {name: back, port: {number: 80}}}}\nstatus: {loadBalancer: {}}\n";
    let all = gslb("Ingress", "app") + ingress + &service("back", "clusterIP: 10.0.0.1");
    let folder = folder(&[("west/app.yaml", &all)]);
    let ran = mci_in(folder.path(), &["validate", "west"]);
    assert_eq!(lines(&ran, "assumed: ").len(), 1, "that its Service is ready: {ran}");
    assert_eq!(
        lines(&ran, "warning: "),
        [
            "west/app.yaml:2: GSLB shop/app at west: NoAddress: Ingress shop/app has no address that can be answered"
        ]
    );
}

#[test]
fn a_status_alone_is_laid_over_its_object() {
    let status =
        |name: &str| object("v1", "Service", name, "status: {loadBalancer: {ingress: [{ip: 192.0.2.9}]}}");
    let folder = folder(&[
        ("deploy/app.yaml", &(gslb("Service", "app") + &service("app", "type: LoadBalancer"))),
        ("status/west.yaml", &status("app")),
        ("status/wrong.yaml", &(status("ap") + &status("app") + &status("app"))),
    ]);
    assert_eq!(
        answer(folder.path(), "app.z.example", &["west=deploy", "west=status/west.yaml"]),
        ["192.0.2.9"]
    );
    let wrong = mci_in(
        folder.path(),
        &["resolve", "app.z.example", "--file", "west=deploy", "west=status/wrong.yaml"],
    );
    assert_eq!(wrong.code, Some(2), "{wrong}");
    assert_eq!(
        lines(&wrong, "status/wrong.yaml:"),
        [
            "2: Service shop/ap at west: a status alone, of an object that no manifest here has; check namespace and \
             name, or add its spec",
            "12: Service shop/app at west: the object is also at status/wrong.yaml:7",
        ]
    );
}

#[test]
fn every_mistake_is_told_at_once() {
    let bad = "apiVersion: multicluster.veccsolutions.io/v1alpha\nkind: GSLB\nmetadata: {name: bad, namespace: shop}\n\
        spec: {objectReference: {kind: Pod, name: bad}, hostnames: [a..b]}\n---\napiVersion: v1\nkind: [\n";
    let folder = folder(&[
        ("fleet/zones.yaml", "clusters: [west, north]\n"),
        ("fleet/west/app.yaml", &published("app", "192.0.2.1")),
        ("fleet/west/again.yaml", &published("app", "192.0.2.1")),
        ("fleet/west/bad.yaml", bad),
        ("fleet/west/old.yaml", &object("extensions/v1beta1", "Ingress", "old", "")),
        ("fleet/west/type.yaml", &object("v1", "Service", "type", "spec: {type: [1]}")),
        ("fleet/West/app.yaml", &service("app", "")),
        ("app.yaml", &service("app", "")),
    ]);
    let ran = mci_in(folder.path(), &["resolve", "app.z.example", "--file", "fleet", "app.yaml"]);
    assert_eq!((ran.code, ran.stdout.as_str()), (Some(2), ""), "{ran}");
    insta::assert_snapshot!("every_mistake", ran.stderr);
}

#[test]
fn clusters_are_those_that_the_state_lists() {
    let folder = folder(&[
        ("fleet/zones.yaml", "clusters: [west, east]\n"),
        ("fleet/wset/app.yaml", &published("app", "192.0.2.1")),
    ]);
    let ran = mci_in(folder.path(), &["state", "--file", "fleet"]);
    assert_eq!(ran.code, Some(2), "{ran}");
    assert_eq!(
        lines(&ran, "fleet/wset/app.yaml:2: "),
        [
            "these are manifests of cluster \"wset\", which `clusters` of the state does not list; did you mean \"west\"?"
        ]
    );
}

#[test]
fn a_directory_is_one_cluster_or_holds_clusters() {
    let folder = folder(&[
        ("fleet/stray.yaml", &service("other", "")),
        ("fleet/west/app.yaml", &published("app", "192.0.2.1")),
    ]);
    let ran = mci_in(folder.path(), &["state", "--file", "fleet"]);
    assert_eq!(
        lines(&ran, "fleet/stray.yaml: "),
        [
            "a manifest right in fleet, whose directories are clusters: it is of none of them; move it into one of them, \
             or write CLUSTER=fleet if all of it is one cluster"
        ]
    );
    assert_eq!(answer(folder.path(), "app.z.example", &["west=fleet"]), ["192.0.2.1"]);
}

#[test]
fn a_cluster_speaks_of_a_hostname_once() {
    let state =
        "hostnames: [{hostname: app.z.example, endpoints: [{cluster: CLUSTER, addresses: [192.0.2.3]}]}]";
    let folder = folder(&[
        ("west/app.yaml", &published("app", "192.0.2.1")),
        ("west.yaml", &state.replace("CLUSTER", "west")),
        ("north.yaml", &state.replace("CLUSTER", "north")),
    ]);
    let ran = mci_in(folder.path(), &["state", "--file", "west", "west.yaml"]);
    assert_eq!(
        lines(&ran, "west/app.yaml:2: "),
        [
            "GSLB shop/app at west: app.z.example: a state file has an endpoint of west for it too; keep one of them; a \
             policy test changes it with `given: {patch: …}`"
        ]
    );
    let with_north = mci_in(
        folder.path(),
        &["simulate", "app.z.example", "A", "--file", "west", "north.yaml", "--drain", "west"],
    );
    assert_eq!(lines(&with_north, "  then: "), ["north"], "{with_north}");
}

#[test]
fn r19_a_conflict_is_a_warning_and_an_unknown_age_is_told() {
    let second = gslb("Service", "app").replace("name: app, namespace", "name: second, namespace");
    let older =
        second.replace("namespace: shop}", "namespace: shop, creationTimestamp: '2026-01-01T00:00:00Z'}");
    let first = published("app", "192.0.2.1");
    let of = |text: String| {
        let folder = folder(&[("west/app.yaml", &text)]);
        let ran = mci_in(folder.path(), &["validate", "west"]);
        let told = |start| lines(&ran, start).into_iter().map(str::to_owned).collect::<Vec<_>>();
        (told("assumed: "), told("warning: "))
    };
    let (assumed, warnings) = of(first.clone() + &second);
    assert_eq!(
        assumed[0],
        "west/app.yaml:2: GSLB shop/app at west: app.z.example is claimed by GSLB shop/second \
         (multicluster.veccsolutions.io) too: which of them is older is not known, and this one comes first by name; \
         metadata.creationTimestamp says which is older (R19)"
    );
    assert_eq!(
        warnings,
        [
            "west/app.yaml:13: GSLB shop/second at west: HostnameConflict: app.z.example: GSLB shop/app \
             (multicluster.veccsolutions.io) has it, for it is older or comes first by name",
            "west/app.yaml:13: GSLB shop/second at west: NoHostname: none of its hostnames is accepted",
        ]
    );
    let (assumed, warnings) = of(first + &older);
    assert_eq!(assumed.len(), 1, "that the Service is ready: {assumed:?}");
    assert!(
        warnings[0].starts_with("west/app.yaml:2: GSLB shop/app at west: HostnameConflict: "),
        "{warnings:?}"
    );
}

#[test]
fn r27_a_configuration_in_the_directory_says_who_may_publish_what() {
    let config = "clusterIdentifier: NAME\nhostnamePolicy: [{namespaces: [platform]}]\n";
    let folder = folder(&[
        ("fleet/zones.yaml", ZONES),
        ("fleet/west/app.yaml", &published("app", "192.0.2.1")),
        ("fleet/west/mci.yaml", &config.replace("NAME", "west")),
        ("fleet/east/app.yaml", &published("app", "192.0.2.2")),
        // Values of a chart are none of ours.
        ("fleet/east/values.yaml", "log: {level: 7}\nnamespace: shop\n"),
    ]);
    assert_eq!(answer(folder.path(), "app.z.example", &["fleet"]), ["192.0.2.2"]);
    let ran = mci_in(folder.path(), &["validate", "fleet"]);
    assert_eq!(
        lines(&ran, "warning: ")[0],
        "fleet/west/app.yaml:2: GSLB shop/app at west: HostnameNotAllowed: app.z.example: no entry of hostnamePolicy lets \
         namespace shop publish it"
    );
    assert_eq!(lines(&ran, "fleet/east/values.yaml: "), ["passed over: it is no manifest"]);
    fs::write(folder.path().join("fleet/west/mci.yaml"), config.replace("NAME", "east")).unwrap();
    let wrong = mci_in(folder.path(), &["validate", "fleet"]);
    assert_eq!(
        lines(&wrong, "fleet/west/mci.yaml: "),
        ["clusterIdentifier: east here, in the manifests of west"]
    );
}

#[test]
fn names_that_no_zone_can_hold_are_warnings() {
    let zones = "zones: [{name: z.example, nameservers: [{name: app.z.example, addresses: [192.0.2.53]}, ns2.example.net]}]\n";
    let outside = published("far", "192.0.2.2").replace("far.z.example", "far.example");
    let folder = folder(&[
        ("fleet/zones.yaml", zones),
        ("fleet/west/app.yaml", &(published("app", "192.0.2.1") + &outside)),
    ]);
    let ran = mci_in(folder.path(), &["validate", "fleet"]);
    assert_eq!(ran.code, Some(0), "{ran}");
    assert_eq!(
        lines(&ran, "warning: "),
        [
            "fleet/west/app.yaml:2: GSLB shop/app at west: app.z.example is not answered: a zone has the name for a name \
             server, a record or a delegation",
            "fleet/west/app.yaml:13: GSLB shop/far at west: far.example lies in none of the zones: it is answered, and \
             nothing around it is (D12)",
        ]
    );
}

#[test]
fn lists_json_and_pipes_are_manifests_too() {
    let list = r#"{"apiVersion": "v1", "kind": "List", "items": [
        {"apiVersion": "multicluster.veccsolutions.io/v1alpha", "kind": "GSLB", "metadata": {"name": "app"},
         "objectReference": {"kind": "Service", "name": "app"}, "hostnames": ["app.z.example"]},
        {"apiVersion": "v1", "kind": "Service", "metadata": {"name": "app"}, "spec": {"externalIPs": ["192.0.2.4"], "type": "LoadBalancer"}}
    ]}"#;
    let folder = folder(&[("app.json", list)]);
    assert_eq!(answer(folder.path(), "app.z.example", &["west=app.json"]), ["192.0.2.4"]);
    let mut command = program("mci");
    command.args(["state", "--file", "west=-", "-o", "json"]);
    let mut child =
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    child.stdin.take().unwrap().write_all(list.as_bytes()).unwrap();
    let output = child.wait_with_output().unwrap();
    let state: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(state["hostnames"][0]["endpoints"][0]["addresses"][0], "192.0.2.4");
    assert_eq!(
        String::from_utf8_lossy(&output.stderr),
        "Facts from west=/dev/stdin\nOf the manifests: 2 assumptions; mci validate west=/dev/stdin tells them\n",
        "ready, and in namespace default"
    );
}

#[test]
fn the_state_that_is_printed_is_the_same() {
    let folder = folder(&[
        ("fleet/zones.yaml", ZONES),
        ("fleet/west/app.yaml", &published("app", "192.0.2.1")),
        ("fleet/east/app.yaml", &published("app", "192.0.2.2")),
    ]);
    let printed = mci_in(folder.path(), &["state", "--file", "fleet"]);
    fs::write(folder.path().join("printed.yaml"), &printed.stdout).unwrap();
    let compared = mci_in(folder.path(), &["simulate", "--file", "fleet", "--to", "printed.yaml"]);
    assert_eq!(compared.code, Some(0), "{compared}");
}

#[test]
fn a_failed_policy_test_tells_what_was_assumed() {
    let test = "state: [zones.yaml, west]\n\
        tests: [{name: it is east, query: app.z.example A, expect: {clusters: []}}]\n";
    let folder = folder(&[
        ("zones.yaml", ZONES),
        ("west/app.yaml", &published("app", "192.0.2.1")),
        ("app.test.yaml", test),
        ("missing.test.yaml", "state: [zones.yaml, wset]\ntests: []\n"),
    ]);
    let ran = mci_in(folder.path(), &["test", "app.test.yaml", "-o", "json"]);
    assert_eq!(ran.code, Some(1), "{ran}");
    let data: serde_json::Value = serde_json::from_str(&ran.stdout).unwrap();
    assert_eq!(data["assumed"][0]["path"], "Service shop/app at west");
    let ran = mci_in(folder.path(), &["test", "app.test.yaml"]);
    assert_eq!(lines(&ran, "assumed: ").len(), 1, "{ran}");
    let missing = mci_in(folder.path(), &["test", "missing.test.yaml"]);
    assert!(
        missing.stderr.contains("missing.test.yaml:1:21: state[1]: cannot read wset: no such file"),
        "{missing}"
    );
}

#[test]
fn manifests_are_followed_while_they_are_served() {
    let folder =
        folder(&[("fleet/zones.yaml", ZONES), ("fleet/west/app.yaml", &published("app", "192.0.2.1"))]);
    let server = Standalone::start(&[folder.path().join("fleet")], &[]);
    assert_eq!(server.ask("app.z.example", "A"), "192.0.2.1");
    fs::write(folder.path().join("fleet/west/app.yaml"), published("app", "192.0.2.2")).unwrap();
    wait_until("the new address is answered", || server.ask("app.z.example", "A") == "192.0.2.2");
    fs::create_dir(folder.path().join("fleet/east")).unwrap();
    fs::write(folder.path().join("fleet/east/new.yaml"), published("new", "192.0.2.3")).unwrap();
    wait_until("the new cluster answers", || server.ask("new.z.example", "A") == "192.0.2.3");
    fs::write(folder.path().join("fleet/east/new.yaml"), "apiVersion: v1\nkind: [\n").unwrap();
    server.wait_for_log("State refused: what was served stays");
    assert_eq!(server.ask("new.z.example", "A"), "192.0.2.3");
}

#[test]
fn what_holds_nothing_says_what_would_be_read() {
    let folder = folder(&[("fleet/west/values.yaml", "replicas: 3\n"), ("values.yaml", "replicas: 3\n")]);
    let ran = mci_in(folder.path(), &["state", "--file", "fleet"]);
    assert_eq!(
        (ran.code, lines(&ran, "no state file")),
        (Some(2), vec![" and no manifest: passed over fleet/west/values.yaml"]),
        "{ran}"
    );
    let said = mci_in(folder.path(), &["state", "--file", "west=values.yaml"]);
    assert_eq!(
        lines(&said, "values.yaml: "),
        ["no manifest, and west= says that it is one; an object has apiVersion and kind"],
        "{said}"
    );
    let loose = mci(&["validate", folder.path().join("missing").to_str().unwrap()]);
    assert_eq!(loose.code, Some(2), "{loose}");
}
