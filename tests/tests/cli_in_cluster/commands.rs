//! Each command by itself, against objects that were written by hand.

use std::fs;

use mci_tests::cluster::Mode;
use mci_tests::mci::mci;
use mci_tests::process::Process;
use serde_json::{Value, json};

use crate::world::{APP, CLUSTERS, NAMESPACE, OFF, ONLY, VERSION, World, here, object};

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

    let setup = world.cluster().mci(Mode::DnsServer, NAMESPACE, "west");
    let server = setup.argument(format!("--config={config}")).start();
    let url = format!("http://{}", server.http());
    let answered = world.run(&["state", "--server", &url, "-o", "json"]);
    let listed = world.run(&["state", "--config", config, "-o", "json"]);
    assert_eq!((answered.code, listed.code), (Some(0), Some(0)), "{answered}\n{listed}");
    assert_eq!(answered.json(), listed.json());
    assert_eq!(listed.json()["zones"][0]["name"], "gslb.example.com");

    // And so can be tested: the state of what runs is a state file.
    let yaml = world.run(&["state", "--server", &url]);
    fs::write(world.folder.path().join("answered.yaml"), &yaml.stdout).unwrap();
    let same = world.run(&["simulate", "--config", config, "--to", "answered.yaml"]);
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
