//! Commands while all of MCI runs.

use mci_tests::cluster::Mode;
use mci_tests::mci::mci;
use mci_tests::require::{self, Component};
use mci_tests::wait;
use mci_tests::world::{Peer, World};
use serde_json::json;

use crate::world::{APP, NAMESPACE, run};

#[test]
fn r24_a_drain_moves_the_answers_of_all_that_runs_and_a_doctor_finds_nothing_to_do() {
    if !require::present(&[Component::Kubernetes, Component::Helm, Component::CoreDns]) {
        return;
    }
    let peers = "[{identifier: east, url: 'http://127.0.0.1:9', insecure: true}]";
    let world = World::options().replicas(Mode::DnsServer, 2).variable("MCI_PEERS", peers).start();
    world.publish("default", "app", APP.0, "192.0.2.1");
    let mut east = Peer::new("east");
    east.publish(&world, &[(APP.0, "198.51.100.1")]);
    east.beat(&world);
    world.draws(APP.0, "A", &["192.0.2.1", "198.51.100.1"]);
    // The orchestrator makes their objects, and answers do not wait for that.
    for cluster in ["west", "east"] {
        wait::until_true(&format!("{cluster} is known"), || world.state_of(cluster).is_some());
    }
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
    let world = World::options().replicas(Mode::Operator, 0).start();
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
