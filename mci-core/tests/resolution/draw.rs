//! R8 and R10: the answer that is drawn, and how long it lasts.

use std::collections::BTreeMap;

use mci_core::{AnswerMode, HostnameState, Outcome, Policy, Settings, Snapshot, Ttl, WhenAllDown};

use crate::world::{a, answer, chance, endpoint, hostname, ip, with_state, world, world_in, zone};

fn lists(world: &Snapshot, draws: usize) -> BTreeMap<Vec<String>, usize> {
    let mut rng = chance();
    let mut seen = BTreeMap::new();
    for _ in 0..draws {
        let Outcome::Addresses(addresses) = world.resolve(&a("app.z.example"), &mut rng) else {
            panic!("no addresses")
        };
        *seen.entry(addresses.iter().map(|address| address.to_string()).collect()).or_default() += 1;
    }
    seen
}

#[test]
fn r08_every_address_of_the_cluster_once_and_in_every_order() {
    let world = world([hostname(
        "app.z.example",
        [endpoint("west", &["192.0.2.1", "192.0.2.2", "192.0.2.3", "192.0.2.1"])],
    )]);
    let seen = lists(&world, 6_000);
    assert_eq!(seen.len(), 6, "{seen:?}");
    assert!(seen.keys().all(|list| list.len() == 3), "{seen:?}");
    assert!(seen.values().all(|count| (850..1_150).contains(count)), "{seen:?}");
}

#[test]
fn r08_single_gives_one_of_them() {
    let state = hostname("app.z.example", [endpoint("west", &["192.0.2.1", "192.0.2.2"])]);
    let seen = lists(&world([state.answer_mode(AnswerMode::Single)]), 1_000);
    assert_eq!(seen.len(), 2);
    assert!(seen.keys().all(|list| list.len() == 1));
}

#[test]
fn r08_all_gives_every_cluster_in_an_order_by_weight() {
    let endpoints = [
        endpoint("east", &["192.0.2.1"]).weight(80),
        endpoint("north", &["192.0.2.2"]).weight(20),
        endpoint("west", &["192.0.2.3"]).weight(0),
        endpoint("south", &["192.0.2.4"]).priority(-1),
    ];
    let seen = lists(&world([hostname("app.z.example", endpoints).answer_mode(AnswerMode::All)]), 10_000);
    let first = |address: &str| {
        seen.iter().filter(|(list, _)| list[0] == address).map(|(_, count)| count).sum::<usize>()
    };
    assert!(seen.keys().all(|list| list.len() == 2), "{seen:?}");
    assert!((7_850..8_150).contains(&first("192.0.2.1")), "{seen:?}");
}

#[test]
fn r08_all_leaves_names_out_unless_a_name_comes_first() {
    let state = || {
        hostname("app.z.example", [endpoint("east", &["192.0.2.1"]), endpoint("west", &["lb.example.net"])])
    };
    let world = world([state().answer_mode(AnswerMode::All)]);
    let mut rng = chance();
    let mut seen = BTreeMap::<String, usize>::new();
    for _ in 0..1_000 {
        let text = match world.resolve(&a("app.z.example"), &mut rng) {
            Outcome::Addresses(addresses) => addresses.iter().map(|address| address.to_string()).collect(),
            Outcome::Target(target) => target.name().to_string(),
            other => panic!("{other}"),
        };
        *seen.entry(text).or_default() += 1;
    }
    assert_eq!(seen.keys().collect::<Vec<_>>(), ["192.0.2.1", "lb.example.net"]);
}

#[test]
fn r08_an_answer_has_at_most_max_addresses_drawn_at_random() {
    let many: Vec<String> = (0..=255).map(|i| format!("192.0.2.{i}")).collect();
    let many: Vec<&str> = many.iter().map(String::as_str).collect();
    for mode in [AnswerMode::Cluster, AnswerMode::All] {
        let settings = Settings { max_addresses: 10, ..Settings::default() };
        let state = hostname("app.z.example", [endpoint("west", &many)]).answer_mode(mode);
        let seen = lists(&world_in(vec![zone("z.example")], settings, [state]), 300);
        assert!(seen.keys().all(|list| list.len() == 10));
        let distinct: std::collections::BTreeSet<_> = seen.keys().flatten().collect();
        assert_eq!(distinct.len(), 256, "every address has its turn");
    }
}

#[test]
fn r08_an_address_of_two_clusters_is_given_once() {
    let state = hostname(
        "app.z.example",
        [endpoint("east", &["192.0.2.1"]), endpoint("west", &["192.0.2.1", "192.0.2.2"])],
    );
    let world = world([state.answer_mode(AnswerMode::All)]);
    assert_eq!(answer(&world, &a("app.z.example")), "192.0.2.1 192.0.2.2");
}

fn publishes(of: &str, address: &str, policy: Policy) -> mci_core::Endpoint {
    endpoint(of, &[address]).policy(policy)
}

fn ttl(seconds: u32) -> Policy {
    Policy { ttl: Some(Ttl::new(seconds).unwrap()), ..Policy::default() }
}

#[test]
fn r10_the_smallest_ttl_that_clusters_publish_whichever_is_drawn() {
    let endpoints = || {
        [
            publishes("east", "192.0.2.1", ttl(30)),
            publishes("north", "192.0.2.2", Policy::default()),
            publishes("west", "192.0.2.3", ttl(10)),
        ]
    };
    let two = world([hostname("app.z.example", endpoints())]);
    assert_eq!(two.possible(&a("app.z.example")).ttl, Some(10));
    let gone = with_state(&two, "west", mci_core::ClusterState::Gone);
    assert_eq!(gone.possible(&a("app.z.example")).ttl, Some(30), "one that sets none does not count");
    let own = world([hostname("app.z.example", endpoints()).ttl(Ttl::new(77).unwrap())]);
    assert_eq!(own.possible(&a("app.z.example")).ttl, Some(77), "the hostname's own");
    let none = world([hostname("app.z.example", [endpoint("east", &["192.0.2.1"])])]);
    assert_eq!(none.possible(&a("app.z.example")).ttl, Some(5), "the default");
}

#[test]
fn r10_a_ttl_is_at_most_one_week() {
    assert_eq!(Ttl::new(604_800).map(Ttl::seconds), Ok(604_800));
    assert!(Ttl::new(604_801).is_err());
}

#[test]
fn r10_policies_come_from_the_smallest_identifier_that_sets_one() {
    let mode = |mode| Policy { answer_mode: Some(mode), ..Policy::default() };
    let state: HostnameState = hostname(
        "app.z.example",
        [
            publishes("west", "192.0.2.3", mode(AnswerMode::Cluster)),
            publishes("east", "192.0.2.1", Policy::default()),
            publishes("north", "192.0.2.2", mode(AnswerMode::All)),
        ],
    );
    let world = world([state]);
    assert_eq!(answer(&world, &a("app.z.example")).split(' ').count(), 3, "north's comes before west's");
    let warnings = world.explain(&a("app.z.example")).warnings;
    assert!(warnings.iter().any(|warning| warning.condition == "PolicyMismatch"), "{warnings:?}");
}

#[test]
fn r10_a_fallback_that_a_cluster_publishes_answers() {
    let policy = Policy {
        when_all_down: Some(WhenAllDown::Static),
        fallback: vec![ip("203.0.113.9")],
        ..Policy::default()
    };
    let world = world([hostname("app.z.example", [publishes("east", "192.0.2.1", policy).ready(false)])]);
    assert_eq!(answer(&world, &a("app.z.example")), "203.0.113.9");
}
