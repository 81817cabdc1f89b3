//! The command line against a real API server: it reads what a dns-server reads, and writes what people say.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a panic is how a test fails")]

use std::fmt;
use std::fs;
use std::net::Ipv4Addr;
use std::path::{Path, PathBuf};
use std::process::Command;

use mci_tests::cluster::{Cluster, Clusters, Mode};
use mci_tests::coredns::Corefile;
use mci_tests::mci::mci;
use mci_tests::port::Port;
use mci_tests::process::Process;
use mci_tests::require::{self, Component};
use mci_tests::wait;
use mci_tests::world::{Peer, World as Whole};
use serde_json::{Value, json};
use tempfile::TempDir;

const NAMESPACE: &str = "mci";
const VERSION: &str = "multicluster.veccsolutions.io/v1alpha";
const CLUSTERS: &str = "clusters.multicluster.veccsolutions.io";

/// Hostnames, and the names of their HostnameCaches: SHA-256 of the hostname.
const APP: (&str, &str) = ("app.gslb.example.com", "h-app-gslb-example-com-5319b5d545af95debd5ee593833d2b7c");
const ONLY: (&str, &str) =
    ("only.gslb.example.com", "h-only-gslb-example-com-00a00b43feb302375f617ce1e5d92133");
const OFF: (&str, &str) = ("off.gslb.example.com", "h-off-gslb-example-com-efef6e892bfe6e29bad2b4d6e6c5b66d");

const ZONES: &str = "
zones:
  - name: gslb.example.com
    nameservers: [{name: ns1.gslb.example.com, addresses: [127.0.0.2]}]
    responsibleEmail: hostmaster@example.com
";

/// What a run printed, and how it ended.
struct Ran {
    stdout: String,
    stderr: String,
    code: Option<i32>,
}

impl fmt::Display for Ran {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}--- stderr\n{}--- exit code {:?}", self.stdout, self.stderr, self.code)
    }
}

impl Ran {
    #[track_caller]
    fn json(&self) -> Value {
        serde_json::from_str(&self.stdout).unwrap_or_else(|error| panic!("{error}: {self}"))
    }

    /// What was printed below the lines that say where the facts come from.
    fn below(&self) -> Vec<&str> {
        self.stdout
            .lines()
            .skip_while(|line| line.starts_with("Facts") || line.starts_with("Zones"))
            .collect()
    }
}

fn run(command: &mut Command) -> Ran {
    let output = command.output().expect("mci can be started");
    let text = |octets: Vec<u8>| String::from_utf8(octets).expect("it prints UTF-8");
    Ran { stdout: text(output.stdout), stderr: text(output.stderr), code: output.status.code() }
}

/// Clusters west and east, of which west is this one, and three hostnames.
struct World {
    clusters: Clusters,
    folder: TempDir,
}

impl World {
    fn start() -> Self {
        let clusters = Clusters::start(1);
        let cluster = clusters.cluster(0);
        cluster.install_chart(NAMESPACE, &["clusterIdentifier=west"]);
        let own = cluster.api().get("namespaces", "", NAMESPACE).unwrap()["metadata"]["uid"].clone();
        for (name, instance) in [("west", own), ("east", "another".into())] {
            object(cluster, "Cluster", name, &json!({}));
            let status = json!({"state": "alive", "since": "2026-07-01T12:00:00Z", "instance": instance});
            cluster.api().merge_status(CLUSTERS, NAMESPACE, name, &status).unwrap();
        }
        let endpoint = |cluster: &str, address: &str, ready: bool| json!({"clusterIdentifier": cluster, "addresses": [{"ipAddress": address}], "ready": ready});
        let west = endpoint("west", "192.0.2.1", true);
        for ((hostname, name), endpoints) in [
            (APP, json!([west, endpoint("east", "198.51.100.1", true)])),
            (ONLY, json!([west])),
            (OFF, json!([endpoint("east", "198.51.100.1", false)])),
        ] {
            let content = json!({"hostname": hostname, "endpoints": endpoints});
            object(cluster, "HostnameCache", name, &content);
        }
        let folder = TempDir::with_prefix("mci-test-").unwrap();
        fs::write(folder.path().join("mci.yaml"), ZONES).unwrap();
        Self { clusters, folder }
    }

    fn cluster(&self) -> &Cluster {
        self.clusters.cluster(0)
    }

    fn config(&self) -> PathBuf {
        self.folder.path().join("mci.yaml")
    }

    /// Runs it as the administrator, where no kubeconfig is named.
    fn run(&self, arguments: &[&str]) -> Ran {
        self.run_as(self.cluster().kubeconfig(), arguments)
    }

    fn run_as(&self, kubeconfig: &Path, arguments: &[&str]) -> Ran {
        let mut command = mci();
        command.env("KUBECONFIG", kubeconfig).current_dir(self.folder.path());
        run(command.args(arguments))
    }

    fn spec(&self, cluster: &str) -> Value {
        self.cluster().api().get(CLUSTERS, NAMESPACE, cluster).unwrap()["spec"].clone()
    }
}

fn object(cluster: &Cluster, kind: &str, name: &str, content: &Value) {
    let mut object = json!({
        "apiVersion": VERSION,
        "kind": kind,
        "metadata": {"name": name, "namespace": NAMESPACE},
    });
    object.as_object_mut().unwrap().extend(content.as_object().unwrap().clone());
    cluster.api().create(&object).unwrap_or_else(|refused| panic!("{kind} {name}: {refused:?}"));
}

fn here() -> bool {
    require::present(&[Component::Kubernetes, Component::Helm])
}

#[test]
fn a_context_is_read_as_the_dns_server_reads_it() {
    if !here() {
        return;
    }
    let world = World::start();
    let config = world.config();
    let config = config.to_str().unwrap();

    // The namespace is found, though the context names another.
    let short = world.run(&["resolve", ONLY.0, "--short"]);
    assert_eq!(short.stdout, "192.0.2.1\n", "{short}");
    let said = world.run(&["resolve", ONLY.0]);
    let first = said.stdout.lines().next().unwrap();
    assert!(
        first.starts_with(";; Facts from context c1 of ") && first.ends_with(", namespace mci"),
        "{said}"
    );
    assert!(said.stdout.contains("Zones are not known here"), "{said}");

    let explained = world.run(&["explain", APP.0, "A", "-o", "json"]).json();
    let rules: Vec<_> = explained["explanations"][0]["endpoints"].as_array().unwrap().iter().collect();
    assert_eq!((&rules[0]["rule"], &rules[1]["rule"]), (&"R5".into(), &"R5".into()), "{explained}");

    let simulated = world.run(&["simulate", "--context", "c1", "--config", config, "--gone", "west"]);
    assert_eq!(simulated.code, Some(1), "{simulated}");
    assert_eq!(
        simulated.below()[1..],
        [
            "only.gslb.example.com: west -> NXDOMAIN   NO ANSWER LEFT",
            "app.gslb.example.com: east 50%, west 50% -> east",
            "Hostnames answered differently: 2; with no answer left: 1.",
        ],
        "{simulated}"
    );

    let server = world.cluster().mci(Mode::DnsServer, NAMESPACE, "west");
    let server = server.argument(format!("--config={config}")).start();
    let url = format!("http://{}", server.http());
    let served = world.run(&["state", "--server", &url, "-o", "json"]);
    let read = world.run(&["state", "--config", config, "-o", "json"]);
    assert_eq!((served.code, read.code), (Some(0), Some(0)), "{served}\n{read}");
    assert_eq!(served.json(), read.json());
    assert_eq!(read.json()["zones"][0]["name"], "gslb.example.com");

    // And so can be tested: the state of what runs is a state file.
    let yaml = world.run(&["state", "--server", &url]);
    fs::write(world.folder.path().join("served.yaml"), &yaml.stdout).unwrap();
    let same = world.run(&["simulate", "--config", config, "--to", "served.yaml"]);
    assert_eq!(
        (same.code, same.below().last()),
        (Some(0), Some(&"Every hostname is answered as before.")),
        "{same}"
    );
    for source in [format!("dns://{}", server.dns()), format!("grpc://{}", server.grpc()), url] {
        let answer = world.run(&["resolve", ONLY.0, "--short", "--server", &source]);
        assert_eq!(answer.stdout, "192.0.2.1\n", "{source}: {answer}");
    }
}

#[test]
fn who_may_not_look_is_told_and_what_cannot_be_used_is_named() {
    if !here() {
        return;
    }
    let world = World::start();
    let cluster = world.cluster();
    let nobody = cluster.token_kubeconfig("default", "default");
    let refused = world.run_as(&nobody, &["state"]);
    assert_eq!(refused.code, Some(2), "{refused}");
    assert!(refused.stderr.contains("403 Forbidden") && refused.stderr.contains("-n NAMESPACE"), "{refused}");
    // With the rights of a dns-server everything can be read, and only there.
    let reader = cluster.token_kubeconfig(NAMESPACE, "mci-dns-server");
    assert_eq!(world.run_as(&reader, &["resolve", ONLY.0, "--short"]).stdout, "192.0.2.1\n");
    let status = world.run_as(&reader, &["status"]);
    assert!(status.stdout.contains("Leaders and heartbeats are not known: 403 Forbidden"), "{status}");

    object(cluster, "HostnameCache", "h-stranger", &json!({"hostname": "x.example", "endpoints": []}));
    let warned = world.run(&["state"]);
    assert!(
        warned.stdout.contains(
            "# Passed over: HostnameCache mci/h-stranger: its name is not the one of its content, so it is nobody's\n"
        ),
        "{warned}"
    );
    cluster.namespace("second");
    let second = json!({
        "apiVersion": VERSION, "kind": "Cluster", "metadata": {"name": "west", "namespace": "second"},
    });
    cluster.api().create(&second).unwrap();
    let several = world.run(&["state"]);
    assert!(
        several.stderr.contains("mci, second each hold Clusters: say which is meant by -n NAMESPACE"),
        "{several}"
    );
    assert_eq!(world.run(&["resolve", ONLY.0, "--short", "-n", "mci"]).stdout, "192.0.2.1\n");
}

#[test]
fn r24_a_drain_says_who_would_be_left_alone_and_is_lifted_again() {
    if !here() {
        return;
    }
    let world = World::start();
    let drain = |more: &[&str]| world.run(&[&["drain", "west", "--reason", "upgrade"], more].concat());

    let unforced = drain(&[]);
    assert_eq!(unforced.code, Some(1), "{unforced}");
    assert_eq!(
        unforced.below(),
        [
            "west alone answers these; without it they have no answer left:",
            "  only.gslb.example.com",
            "Nothing was written. Give these hostnames another cluster first, or say --force.",
        ],
        "{unforced}"
    );
    assert_eq!(world.spec("west"), Value::Null);

    // One hostname that another cluster answers needs no force.
    let one = drain(&["--hostname", APP.0, "--down", "-o", "json"]);
    assert_eq!(one.code, Some(0), "{one}");
    let said = one.json();
    assert_eq!(
        (&said["written"], &said["changes"][0]["after"]["v4"]["shares"][0]["cluster"]),
        (&true.into(), &"east".into()),
        "{one}"
    );
    let by = "admin";
    let written = json!({"hostnameOverrides": [
        {"hostname": APP.0, "state": "down", "reason": "upgrade", "by": by},
    ]});
    assert_eq!(world.spec("west"), written);

    let forced = drain(&["--for", "2h", "--force"]);
    assert_eq!(forced.code, Some(0), "{forced}");
    let spec = world.spec("west");
    let until = spec["override"]["until"].as_str().unwrap();
    assert!(until.ends_with('Z') && until.len() == 20, "{until}");
    assert_eq!((&spec["override"]["state"], &spec["override"]["by"]), (&"drained".into(), &by.into()));
    assert_eq!(spec["hostnameOverrides"], written["hostnameOverrides"]);
    let status = world.run(&["status", "-o", "json"]).json();
    assert_eq!(status["clusters"][1]["override"]["state"], "drained", "{status}");
    // It holds at once for who answers.
    assert_eq!(world.run(&["resolve", APP.0, "--short"]).stdout, "198.51.100.1\n");

    let lifted = world.run(&["undrain", "west"]);
    assert_eq!(
        lifted.below(),
        [
            "west is held back no longer.",
            "app.gslb.example.com is still down: mci undrain west --hostname app.gslb.example.com",
        ],
        "{lifted}"
    );
    let last = world.run(&["undrain", "west", "--hostname", "APP.gslb.example.com"]);
    assert_eq!(last.below(), ["app.gslb.example.com at west is held back no longer."], "{last}");
    assert_eq!(world.spec("west"), json!({}));
    let again = world.run(&["undrain", "west"]);
    assert_eq!(again.below(), ["west was not held back here: nothing was written."], "{again}");
    let misspelt = world.run(&["undrain", "wets"]);
    assert_eq!(misspelt.code, Some(2), "{misspelt}");
    assert!(misspelt.stderr.contains("there is no Cluster wets; did you mean west?"), "{misspelt}");
    let refused = drain(&["--hostname", "ap.gslb.example.com"]);
    assert!(refused.stderr.contains("did you mean app.gslb.example.com?"), "{refused}");
}

#[test]
fn a_status_that_is_watched_follows_and_an_api_server_that_is_gone_is_named() {
    if !here() {
        return;
    }
    let world = World::start();
    let mut command = mci();
    command.env("KUBECONFIG", world.cluster().kubeconfig()).args(["status", "--watch"]);
    let mut watching = Process::start("status", &command);
    watching.wait_for_log("Hostnames: 3; answered 2");
    let (hostname, name) = OFF;
    let ready = json!({"hostname": hostname, "endpoints": [
        {"clusterIdentifier": "east", "addresses": [{"ipAddress": "198.51.100.1"}], "ready": true},
    ]});
    let caches = "hostnamecaches.multicluster.veccsolutions.io";
    world.cluster().api().merge(caches, NAMESPACE, name, &ready).unwrap();
    watching.wait_for_log("Hostnames: 3; answered 3");
    let drained = world.run(&["drain", "east", "--reason", "upgrade", "--force"]);
    assert_eq!(drained.code, Some(0), "{drained}");
    watching.wait_for_log("drained, by admin: upgrade");
    watching.kill();

    world.cluster().api_server().kill();
    let gone = world.run(&["state", "-n", NAMESPACE]);
    assert_eq!((gone.code, gone.stdout.as_str()), (Some(2), ""), "{gone}");
    assert!(gone.stderr.contains("the API server cannot be reached"), "{gone}");
    let doctor = world.run(&["doctor"]);
    assert!(doctor.stdout.starts_with("FAIL  the API server cannot be asked: "), "{doctor}");
}

#[test]
fn r26_a_confirmation_goes_into_the_own_cluster() {
    if !here() {
        return;
    }
    let world = World::start();
    let confirmed = world.run(&["withdraw", "--confirm"]);
    assert_eq!(confirmed.code, Some(0), "{confirmed}");
    assert!(
        confirmed
            .stdout
            .ends_with("said in Cluster west, the own one (its operator runs in this namespace).\n"),
        "{confirmed}"
    );
    assert!(world.spec("west")["withdrawalConfirmedAt"].is_string());
    assert_eq!(world.spec("east"), Value::Null);
    // Nobody tells which: it is asked for, and not guessed.
    world.cluster().api().merge_status(CLUSTERS, NAMESPACE, "west", &json!({"instance": "unknown"})).unwrap();
    let unknown = world.run(&["withdraw", "--confirm"]);
    assert!(unknown.stderr.contains("which of east, west is this cluster?"), "{unknown}");
    let named = world.run(&["withdraw", "--confirm", "--cluster", "east"]);
    assert_eq!(named.code, Some(0), "{named}");
    assert!(world.spec("east")["withdrawalConfirmedAt"].is_string());
}

#[test]
fn status_shows_leaders_heartbeats_and_what_clusters_publish() {
    if !here() {
        return;
    }
    let world = World::start();
    let cluster = world.cluster();
    let heartbeat = json!({
        "apiVersion": "coordination.k8s.io/v1",
        "kind": "Lease",
        "metadata": {
            "name": "mci-heartbeat-west", "namespace": NAMESPACE,
            "annotations": {"mci.dev/counter": "7", "mci.dev/instance": "x", "mci.dev/term": "1"},
        },
        "spec": {"renewTime": "2026-07-01T12:00:00.000000Z"},
    });
    cluster.api().create(&heartbeat).unwrap();
    // The shard of one hostname: the first 10 bits of its SHA-256.
    let shard = json!({
        "cluster": "west", "shard": 0x14c, "term": 3, "seq": 9, "digest": "d1",
        "hostnames": [{"hostname": APP.0, "hostIPs": [{"ipAddress": "192.0.2.1"}]}],
    });
    object(cluster, "ClusterCache", "c-west-76a796208b71779c0331e79e8ac17df9-s14c", &shard);
    let status = world.run(&["status", "--compare", "-o", "json"]).json();
    let west = &status["clusters"][1];
    assert_eq!((&west["name"], &west["state"]), (&"west".into(), &"alive".into()), "{status}");
    assert_eq!(west["heartbeat"], 1_782_907_200, "{status}");
    assert_eq!(
        status["hostnames"],
        json!({
            "count": 3, "answered": 2, "singleCluster": 1, "drained": 0,
            "unanswerable": [OFF.0], "stale": [],
        })
    );
    let published = &status["published"][0];
    assert_eq!((&published["cluster"], &published["hostnames"]), (&"west".into(), &1.into()), "{status}");
    let shards = json!([{"shard": "14c", "term": 3, "seq": 9, "digest": "d1", "hostnames": 1}]);
    assert_eq!(published["shards"], shards);
    let nobody: Vec<_> = status["leaders"].as_array().unwrap().iter().map(|one| &one["lease"]).collect();
    assert_eq!(nobody, ["mci-operator", "mci-orchestrator"], "{status}");
    let text = world.run(&["status", "--compare", "-o", "wide"]);
    assert!(text.stdout.contains("\nmci-operator      nobody  0     -\n"), "{text}");
    assert!(text.stdout.contains("\nNothing answers:\n  off.gslb.example.com\n"), "{text}");
}

#[test]
fn r24_a_drain_moves_the_answers_of_all_that_runs_and_a_doctor_finds_nothing_to_do() {
    if !require::present(&[Component::Kubernetes, Component::Helm, Component::CoreDns]) {
        return;
    }
    let peers = "[{identifier: east, url: 'http://127.0.0.1:9', insecure: true}]";
    let world = Whole::options().replicas(Mode::DnsServer, 2).variable("MCI_PEERS", peers).start();
    world.publish("default", "app", APP.0, "192.0.2.1");
    let mut east = Peer::new("east");
    east.publish(&world, &[(APP.0, "198.51.100.1")]);
    east.beat(&world);
    world.draws(APP.0, "A", &["192.0.2.1", "198.51.100.1"]);
    let here = |arguments: &[&str]| {
        let mut command = mci();
        run(command.env("KUBECONFIG", world.cluster().kubeconfig()).args(arguments))
    };

    let drained = here(&["drain", "west", "--reason", "upgrade"]);
    assert_eq!(drained.code, Some(0), "{drained}");
    world.draws(APP.0, "A", &["198.51.100.1"]);
    let status = here(&["status"]);
    assert!(status.stdout.contains("drained, by admin: upgrade"), "{status}");
    let undrained = here(&["undrain", "west"]);
    assert_eq!(undrained.code, Some(0), "{undrained}");
    world.draws(APP.0, "A", &["192.0.2.1", "198.51.100.1"]);
    let confirmed = here(&["withdraw", "--confirm"]);
    assert!(
        confirmed.stdout.contains("Cluster west, the own one (its operator runs in this namespace)"),
        "{confirmed}"
    );

    let servers = world.dns_servers.iter().map(|server| format!("http://{}", server.http()));
    let answering = [
        format!("dns://{}", world.dns_servers[0].dns()),
        format!("grpc://{}", world.dns_servers[1].grpc()),
        format!("dns://{}", world.coredns.dns()),
    ];
    let servers: Vec<String> = servers.chain(answering).map(|url| format!("--server={url}")).collect();
    let arguments: Vec<&str> = std::iter::once("doctor").chain(servers.iter().map(String::as_str)).collect();
    let healthy = here(&arguments);
    assert_eq!(healthy.code, Some(0), "{healthy}");
    assert!(healthy.stdout.contains("ok    mci-operator is led by "), "{healthy}");
    assert!(healthy.stdout.contains("ok    2 dns-servers hold the same, digest "), "{healthy}");
    assert!(healthy.stdout.ends_with(" examined, nothing to do.\n"), "{healthy}");
}

#[test]
fn r26_held_withdrawals_are_shown_by_who_holds_them_and_go_when_that_is_confirmed() {
    if !require::present(&[Component::Kubernetes, Component::Helm, Component::CoreDns]) {
        return;
    }
    let world = Whole::options().replicas(Mode::Operator, 0).start();
    let names: Vec<String> = (10..35).map(|number| format!("n{number}.gslb.example.com")).collect();
    let published: Vec<_> = names.iter().map(|name| (name.as_str(), "192.0.2.1")).collect();
    Peer::new("west").publish(&world, &published);
    world.answers(&names[24], "A", "192.0.2.1");
    let url = format!("http://{}", world.dns_servers[0].http());
    let here = |arguments: &[&str]| {
        let mut command = mci();
        run(command.env("KUBECONFIG", world.cluster().kubeconfig()).args(arguments))
    };
    let held = || here(&["status", "--server", &url, "-o", "json"]).json()["withdrawalsHeld"].clone();
    assert_eq!(held(), json!([]));

    world.api().delete_all("clustercaches.multicluster.veccsolutions.io", NAMESPACE).unwrap();
    wait::until_true("all of them are held", || {
        held().as_array().is_some_and(|held| held.len() == names.len())
    });
    world.answers(&names[24], "A", "192.0.2.1");
    let ill = here(&["doctor", "--no-cluster", "--server", &url]);
    let held_line = format!(
        "FAIL  {url} holds the withdrawal of 25 hostnames (R26): if it is meant: mci withdraw --confirm"
    );
    assert!(ill.stdout.lines().any(|line| line == held_line), "{ill}");

    let confirmed = here(&["withdraw", "--confirm"]);
    assert_eq!(confirmed.code, Some(0), "{confirmed}");
    world.answers(&names[24], "A", "NXDOMAIN");
    assert_eq!(held(), json!([]));
}

/// The parent zone, which delegates to MCI, and a resolver of both; all on one port of different loopback addresses.
fn parent_zone(folder: &Path, glue: &str) -> PathBuf {
    let file = folder.join("example.com.zone");
    let text = format!(
        "$ORIGIN example.com.\n@ 60 IN SOA ns.example.com. h.example.com. 1 60 60 60 60\n@ 60 IN NS ns.example.com.\n\
         ns 60 IN A 127.0.0.1\ngslb 60 IN NS ns1.gslb.example.com.\n{glue}\n"
    );
    fs::write(&file, text).unwrap();
    file
}

#[test]
fn a_doctor_finds_what_is_wrong_and_nothing_where_nothing_is() {
    if !require::present(&[Component::Kubernetes, Component::Helm, Component::CoreDns]) {
        return;
    }
    let world = World::start();
    let config = world.config();
    let config = config.to_str().unwrap();
    let child = Port::reserve().number();
    let dns = format!("{}:{child}", Ipv4Addr::new(127, 0, 0, 2));
    let server = world.cluster().mci(Mode::DnsServer, NAMESPACE, "west");
    let server = server.argument(format!("--config={config}")).argument(format!("--dns={dns}")).start();
    let url = format!("http://{}", server.http());
    let direct = format!("dns://{dns}");

    let ran = world.run(&["doctor", "--config", config, "--server", &url, "--server", &direct]);
    let lines: Vec<_> = ran.stdout.lines().collect();
    assert!(lines[0].starts_with("ok    the API server answers: v1.36.3, context c1 of "), "{ran}");
    for line in [
        "ok    the API server's clock and this machine's agree within 3 s",
        "ok    7 definitions of resources are those of mci 0.1.0",
        "ok    cluster east is alive since 2026-07-01T12:00:00Z",
        "ok    namespace mci holds 3 hostnames, 1 of them without an answer now (mci status names them)",
        &format!("ok    {url} is ready"),
        &format!("ok    {direct} answers 2 hostnames as it should"),
        &format!("ok    {direct} answers with no TTL above what is published"),
        &format!("ok    {direct} answers over UDP and TCP"),
    ] {
        assert!(lines.contains(&line), "{line}: {ran}");
    }
    // Neither an operator nor an orchestrator runs.
    let failed: Vec<_> = lines.iter().filter(|line| line.starts_with("FAIL")).collect();
    assert_eq!((failed.len(), ran.code), (2, Some(1)), "{ran}");
    assert!(failed.iter().all(|line| line.starts_with("FAIL  nobody leads as mci-")), "{ran}");

    // A definition of another version, a stale cluster, and an answer that is another one.
    let crd = "hostnamecaches.multicluster.veccsolutions.io";
    let shortened = json!({"spec": {"names": {"shortNames": ["other"]}}});
    world
        .cluster()
        .api()
        .merge("customresourcedefinitions.apiextensions.k8s.io", "", crd, &shortened)
        .unwrap();
    world.cluster().api().merge_status(CLUSTERS, NAMESPACE, "east", &json!({"state": "stale"})).unwrap();
    let ill = world.run(&["doctor", "--config", config]);
    for text in [
        "FAIL  the definition hostnamecaches.multicluster.veccsolutions.io is not that of mci 0.1.0 (spec.names.shortNames[0])",
        "FAIL  cluster east is stale since 2026-07-01T12:00:00Z: no heartbeat is heard from it",
    ] {
        assert!(ill.stdout.contains(text), "{text}: {ill}");
    }
}

#[test]
fn a_doctor_follows_the_delegation_of_a_zone() {
    if !require::present(&[Component::CoreDns]) {
        return;
    }
    let folder = TempDir::with_prefix("mci-test-").unwrap();
    let state = folder.path().join("state.yaml");
    let hostname =
        "hostnames: [{hostname: app.gslb.example.com, endpoints: [{cluster: west, addresses: [192.0.2.1]}]}]";
    fs::write(&state, format!("{ZONES}{hostname}\n")).unwrap();

    let examine = |glue: &str| {
        let file = parent_zone(folder.path(), glue);
        let none = Port::reserve();
        let parent = Corefile::new([none.v4()])
            .zone("unused.invalid")
            .plugin(&format!("file {} example.com", file.display()))
            .start();
        let port = parent.dns().port();
        let (grpc, http) = (Port::reserve(), Port::reserve());
        let mut command = mci();
        command.args(["standalone", state.to_str().unwrap()]);
        command.args([
            format!("--dns=127.0.0.2:{port}"),
            format!("--grpc={}", grpc.v4()),
            format!("--http={}", http.v4()),
        ]);
        let mut server = Process::start("mci", &command);
        server.wait_until("it is ready", |_| {
            mci_tests::http::get(http.v4(), "/readyz").is_some_and(|response| response.status == 200)
        });
        let resolver = Corefile::new([grpc.v4()])
            .zone("gslb.example.com")
            .plugin(&format!("forward . 127.0.0.1:{port} {{\n        except gslb.example.com\n    }}"))
            .start();
        let mut doctor = mci();
        doctor.args([
            "doctor",
            "gslb.example.com",
            "--no-cluster",
            "--server",
            &format!("http://{}", http.v4()),
        ]);
        doctor.args(["--resolver", &resolver.dns().to_string(), "--name-server-port", &port.to_string()]);
        run(&mut doctor)
    };

    let well = examine("ns1.gslb 60 IN A 127.0.0.2");
    for text in [
        "finds gslb.example.com at ns1.gslb.example.com\n",
        "ok    example.com delegates gslb.example.com to ns1.gslb.example.com\n",
        "ok    example.com gives the address of ns1.gslb.example.com: 127.0.0.2\n",
        "ok    ns1.gslb.example.com at 127.0.0.2 answers for gslb.example.com over UDP and TCP\n",
        "ok    the NS records of gslb.example.com are the same at the parent and in it\n",
        "gives app.gslb.example.com a TTL of 5 s of 5 s\n",
    ] {
        assert!(well.stdout.contains(text), "{text}: {well}");
    }
    assert_eq!(well.code, Some(0), "{well}");

    let gluefree = examine("");
    assert_eq!(gluefree.code, Some(1), "{gluefree}");
    assert!(
        gluefree.stdout.contains(
            "FAIL  example.com gives no address of ns1.gslb.example.com, which is in gslb.example.com itself"
        ),
        "{gluefree}"
    );
    let astray = examine("ns1.gslb 60 IN A 127.0.0.1");
    assert!(
        astray.stdout.contains(
            "FAIL  ns1.gslb.example.com at 127.0.0.1 is no authority for gslb.example.com over UDP"
        ),
        "{astray}"
    );
    assert_eq!(astray.code, Some(1), "{astray}");
}
