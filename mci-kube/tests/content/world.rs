//! Endpoints and hostnames of every kind.

use std::net::IpAddr;

use mci_core::{AnswerMode, ClusterId, Endpoint, Hostname, Policy, Ttl, WhenAllDown};
use proptest::collection::{btree_set, vec};
use proptest::prelude::*;

pub(crate) fn hostname(text: &str) -> Hostname {
    text.parse().unwrap()
}

pub(crate) fn cluster(text: &str) -> ClusterId {
    text.parse().unwrap()
}

pub(crate) fn west(addresses: &[&str]) -> Endpoint {
    Endpoint::new(cluster("west"), addresses.iter().map(|address| address.parse().unwrap()))
}

pub(crate) fn any_hostname() -> impl Strategy<Value = Hostname> {
    "(\\*\\.)?[a-z0-9_]{1,9}(\\.[a-z0-9]{1,9}){0,3}".prop_map(|text| hostname(&text))
}

/// With its lists sorted, as the API server holds them.
pub(crate) fn any_endpoint(of: &'static str) -> impl Strategy<Value = Endpoint> {
    let addresses = || btree_set(any::<IpAddr>(), 0..4);
    let names = btree_set("[a-z]{1,9}\\.example", 0..3);
    let policy = (
        proptest::option::of(0..=604_800_u32),
        proptest::option::of(prop_oneof![
            Just(AnswerMode::Cluster),
            Just(AnswerMode::Single),
            Just(AnswerMode::All)
        ]),
        proptest::option::of(prop_oneof![
            Just(WhenAllDown::Nodata),
            Just(WhenAllDown::Any),
            Just(WhenAllDown::Static)
        ]),
        addresses(),
    );
    let policy = policy.prop_map(|(ttl, answer_mode, when_all_down, fallback)| Policy {
        ttl: ttl.map(|seconds| Ttl::new(seconds).unwrap()),
        answer_mode,
        when_all_down,
        fallback: fallback.into_iter().collect(),
    });
    (addresses(), names, any::<i64>(), any::<u32>(), any::<bool>(), policy, any::<u32>()).prop_map(
        move |(addresses, names, priority, weight, ready, policy, changed)| {
            Endpoint::new(cluster(of), addresses)
                .targets(names.iter().map(|name| hostname(name)))
                .priority(priority)
                .weight(weight)
                .ready(ready)
                .policy(policy)
                .changed(changed)
        },
    )
}

pub(crate) fn any_entries() -> impl Strategy<Value = Vec<(Hostname, Endpoint)>> {
    vec((any_hostname(), any_endpoint("west")), 1..6)
}
