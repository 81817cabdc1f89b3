//! What would be answered if.
#![cfg(feature = "policy")]
#![allow(clippy::unwrap_used, reason = "what a helper of a test does not expect is a failed test")]

use mci_core::simulate::{Given, differences};
use mci_core::state_file::StateFile;
use mci_core::{ClusterState, Snapshot};

fn example() -> Snapshot {
    StateFile::parse(include_str!("../../examples/standalone.yaml")).unwrap().into_snapshot()
}

#[test]
fn the_loss_of_a_cluster_shows_every_hostname_whose_answer_changes() {
    let before = example();
    let after = Given { gone: vec!["west".into()], ..Given::default() }.apply(&before).unwrap();
    let differences = differences(&before, &after);
    assert_eq!(
        differences.to_string(),
        "\
cdn.gslb.example.com: west -> NXDOMAIN   NO ANSWER LEFT
*.apps.gslb.example.com: east 50%, west 50% -> east
app.gslb.example.com: east 50%, west 50% -> east
db.gslb.example.com: west -> east
shop.gslb.example.com: east 30%, west 70% -> east
www.gslb.example.com: east 50%, west 50% -> east
6 answered differently, 1 of them not at all"
    );
    assert_eq!(differences.unanswerable().count(), 1);
    let data = serde_json::to_value(&differences).unwrap();
    assert_eq!(data["differences"][0]["hostname"], "cdn.gslb.example.com");
    assert_eq!(data["differences"][0]["unanswerable"], true);
}

#[test]
fn what_nothing_changes_is_no_difference() {
    let before = example();
    assert!(differences(&before, &before).is_empty());
    // Another snapshot of the same content, with other positions.
    let again = StateFile::parse(&StateFile::write_json(&before)).unwrap().into_snapshot();
    assert!(differences(&before, &again).is_empty());
    assert_eq!(differences(&before, &again).to_string(), "every hostname is answered as before");
}

#[test]
fn hostnames_of_either_side_count_and_so_does_what_an_alias_leads_to() {
    let state = |address: &str| {
        let text = format!(
            "
zones: [{{name: gslb.example, nameservers: [ns1.example.net, ns2.example.net]}}]
hostnames:
  - {{hostname: a.gslb.example, endpoints: [{{cluster: west, addresses: [b.gslb.example]}}]}}
  - {{hostname: b.gslb.example, endpoints: [{{cluster: west, addresses: [{address}]}}]}}
"
        );
        StateFile::parse(&text).unwrap().into_snapshot()
    };
    let changed = differences(&state("192.0.2.1"), &state("192.0.2.2"));
    let names: Vec<String> = changed.iter().map(|difference| difference.hostname.to_string()).collect();
    assert_eq!(names, ["a.gslb.example", "b.gslb.example"]);
    assert_eq!(differences(&Snapshot::default(), &state("192.0.2.1")).len(), 2);
    assert_eq!(differences(&state("192.0.2.1"), &Snapshot::default()).unanswerable().count(), 2);
}

#[test]
fn names_that_mean_nothing_are_all_listed() {
    let given = Given {
        down: vec!["wset".into(), "s*".into()],
        unready: vec![
            "ap.gslb.example.com@west".parse().unwrap(),
            "db.gslb.example.com@north".parse().unwrap(),
        ],
        ..Given::default()
    };
    let unknown: Vec<String> = given.apply(&example()).unwrap_err().iter().map(ToString::to_string).collect();
    assert_eq!(
        unknown,
        [
            "no cluster \"s*\"",
            "no cluster \"wset\"; did you mean \"west\"?",
            "no hostname \"ap.gslb.example.com\"; did you mean \"api.gslb.example.com\"?",
            "db.gslb.example.com has no endpoint at north",
        ]
    );
    assert!("@west".parse::<mci_core::simulate::EndpointPattern>().is_err());
}

#[test]
fn an_assumption_leaves_the_snapshot_as_it_was() {
    let before = example();
    let digest = before.digest();
    let after = Given { alive: vec!["*".into()], down: vec!["west".into()], ..Given::default() }
        .apply(&before)
        .unwrap();
    assert_eq!(before.digest(), digest);
    assert_eq!(after.cluster_status(&"west".parse().unwrap()).unwrap().state, ClusterState::Stale);
    assert!(Given::default().is_empty());
}
