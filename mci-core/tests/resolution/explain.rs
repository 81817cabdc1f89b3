//! R13: the same decision as data.

use mci_core::{ClusterState, OverrideState, Share};

use crate::world::{a, cluster, endpoint, hostname, name, world};

#[test]
fn r13_explain_names_the_rule_for_every_endpoint() {
    let world = world([hostname(
        "app.z.example",
        [
            endpoint("down", &["192.0.2.1"]).priority(10),
            endpoint("drained", &["192.0.2.2"]).priority(10).weight(0),
            endpoint("empty", &[]).priority(10),
            endpoint("gone", &["192.0.2.3"]).priority(10),
            endpoint("lower", &["192.0.2.4"]).priority(1),
            endpoint("six", &["2001:db8::1"]).priority(10),
            endpoint("stale", &["192.0.2.5"]).priority(10),
            endpoint("taken", &["192.0.2.6"]).priority(10).weight(30),
            endpoint("unready", &["192.0.2.7"]).priority(10).ready(false),
        ],
    )])
    .edited(|edit| {
        edit.override_cluster(&cluster("down"), Some(OverrideState::Down.into()));
        edit.set_cluster(&cluster("gone"), ClusterState::Gone);
        edit.set_cluster(&cluster("stale"), ClusterState::Stale);
    });
    let explanation = world.explain(&a("app.z.example"));
    let rules: Vec<(&str, &str)> =
        explanation.endpoints.iter().map(|e| (e.cluster.as_str(), e.rule)).collect();
    let expected = [
        ("down", "R24"),
        ("drained", "R6"),
        ("empty", "R14"),
        ("gone", "R3"),
        ("lower", "R4"),
        ("six", "R7"),
        ("stale", "R20"),
        ("taken", "R5"),
        ("unready", "R3"),
    ];
    assert_eq!(rules, expected);
    let taken: Vec<_> =
        explanation.endpoints.iter().filter(|e| e.taken).map(|e| (e.cluster.as_str(), e.share)).collect();
    assert_eq!(taken, [("taken", Share::ALL)]);
    assert!(explanation.to_string().contains("R4"), "{explanation}");
}

#[test]
fn r13_explain_takes_exactly_what_may_be_answered() {
    let world = world([hostname(
        "app.z.example",
        [endpoint("west", &["192.0.2.1"]).weight(70), endpoint("east", &["192.0.2.2"]).weight(30)],
    )]);
    let explanation = world.explain_name(&name("app.z.example"));
    let explained: Vec<_> = explanation.endpoints.iter().map(|e| (e.cluster.clone(), e.share)).collect();
    let possible = world.possible(&a("app.z.example"));
    assert_eq!(
        explained,
        possible.shares.iter().map(|s| (s.cluster.to_string(), s.share)).collect::<Vec<_>>()
    );
    assert_eq!(explanation.endpoints[0].share_a, Share::new(3, 10));
    assert_eq!(explanation.endpoints[0].share_aaaa, Share::NONE);
}

#[test]
fn r13_explain_says_why_there_is_no_hostname() {
    let world = world([hostname("deep.ent.z.example", [endpoint("west", &["192.0.2.1"])])]);
    let because = |of: &str| world.explain(&a(of)).because;
    assert!(because("ent.z.example").contains("D5"));
    assert!(because("nothing.z.example").contains("D4"));
    assert!(because("elsewhere.example").contains("D11"));
    assert!(because("ns1.z.example").contains("D8"));
}
