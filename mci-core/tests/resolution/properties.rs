//! The properties at the end of `docs/resolution.md`.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

use mci_core::{
    AnswerMode, ClusterState, Endpoint, HostnameState, Outcome, OverrideState, Policy, Snapshot, Ttl,
    WhenAllDown,
};
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;
use rand::SeedableRng;
use rand::rngs::{SmallRng, StdRng};

use crate::world::{a, aaaa, cluster, endpoint, hostname, name, shares, world};

const CLUSTERS: [&str; 5] = ["east", "north", "south", "up", "west"];

/// What one cluster offers, with what is known of it.
#[derive(Clone, Debug)]
struct Offer {
    cluster: &'static str,
    v4: u8,
    v6: u8,
    target: bool,
    priority: i64,
    weight: u32,
    ready: bool,
    ttl: Option<u32>,
    state: ClusterState,
    held_back: Option<OverrideState>,
}

impl Offer {
    fn addresses(&self) -> Vec<IpAddr> {
        let number = CLUSTERS.iter().position(|c| *c == self.cluster).unwrap();
        let v4 = (0..self.v4).map(|i| format!("192.0.{number}.{i}").parse().unwrap());
        v4.chain((0..self.v6).map(|i| format!("2001:db8:{number}::{i}").parse().unwrap())).collect()
    }

    fn endpoint(&self) -> Endpoint {
        let targets = self.target.then(|| name(&format!("lb.{}.example.net", self.cluster)));
        Endpoint::new(cluster(self.cluster), self.addresses())
            .targets(targets)
            .priority(self.priority)
            .weight(self.weight)
            .ready(self.ready)
            .policy(Policy { ttl: self.ttl.map(|ttl| Ttl::new(ttl).unwrap()), ..Policy::default() })
    }
}

fn offers() -> impl Strategy<Value = Vec<Offer>> {
    let one =
        |cluster: &'static str| {
            let weight = prop_oneof![Just(0), Just(50), 1..=100_u32, any::<u32>()];
            let state = prop_oneof![
                4 => Just(ClusterState::Alive),
                1 => Just(ClusterState::Stale),
                1 => Just(ClusterState::Gone)
            ];
            let held_back = prop_oneof![
                5 => Just(None),
                1 => Just(Some(OverrideState::Drained)),
                1 => Just(Some(OverrideState::Down))
            ];
            (
                0..4_u8,
                0..3_u8,
                prop::bool::weighted(0.2),
                -1..2_i64,
                weight,
                prop::bool::weighted(0.7),
                state,
                held_back,
            )
                .prop_map(move |(v4, v6, target, priority, weight, ready, state, held_back)| {
                    Offer { cluster, v4, v6, target, priority, weight, ready, ttl: None, state, held_back }
                })
        };
    select(&[0_usize, 1, 2, 3, 5][..])
        .prop_flat_map(move |count| CLUSTERS.into_iter().take(count).map(one).collect::<Vec<_>>())
}

fn policy() -> impl Strategy<Value = Policy> {
    let mode =
        select(&[None, Some(AnswerMode::Cluster), Some(AnswerMode::Single), Some(AnswerMode::All)][..]);
    let when =
        select(&[None, Some(WhenAllDown::Nodata), Some(WhenAllDown::Any), Some(WhenAllDown::Static)][..]);
    (mode, when).prop_map(|(answer_mode, when_all_down)| Policy {
        ttl: None,
        answer_mode,
        when_all_down,
        fallback: vec!["203.0.113.1".parse().unwrap()],
    })
}

fn built(offers: &[Offer], policy: &Policy) -> Snapshot {
    let state = hostname("app.z.example", offers.iter().map(Offer::endpoint)).policy(policy.clone());
    world([state]).edited(|edit| {
        for offer in offers {
            edit.set_cluster(&cluster(offer.cluster), offer.state);
            edit.override_cluster(&cluster(offer.cluster), offer.held_back.map(Into::into));
        }
    })
}

/// R3 to R7 and R11 once more, written the long way round: the clusters that may answer, with their weights.
fn expected(offers: &[Offer], policy: &Policy, v4: bool) -> BTreeMap<String, u32> {
    let here: Vec<&Offer> = offers
        .iter()
        .filter(|offer| offer.state != ClusterState::Gone && (offer.v4 + offer.v6 > 0 || offer.target))
        .collect();
    let live =
        |offer: &&&Offer| offer.state == ClusterState::Alive && offer.held_back != Some(OverrideState::Down);
    let mut used: Vec<&Offer> = here.iter().filter(|o| o.ready).filter(live).copied().collect();
    if used.is_empty() {
        used = here.iter().filter(|offer| offer.ready).copied().collect();
    }
    if used.is_empty() && policy.when_all_down == Some(WhenAllDown::Any) {
        used = here;
    }
    let drained = |offer: &Offer| offer.weight == 0 || offer.held_back == Some(OverrideState::Drained);
    let all_drained = used.iter().all(|offer| drained(offer));
    if !all_drained {
        used.retain(|offer| !drained(offer));
    }
    let Some(highest) = used.iter().map(|offer| offer.priority).max() else { return BTreeMap::new() };
    let has_family = |offer: &&Offer| {
        let count = if v4 { offer.v4 } else { offer.v6 };
        count > 0 || (offer.v4 + offer.v6 == 0 && offer.target)
    };
    used.into_iter()
        .filter(|offer| offer.priority == highest)
        .filter(has_family)
        .map(|offer| (offer.cluster.to_owned(), if all_drained { 1 } else { offer.weight }))
        .collect()
}

proptest! {
    #[test]
    fn r05_shares_are_those_of_the_rules_written_the_long_way_round(offers in offers(), policy in policy()) {
        let world = built(&offers, &policy);
        for (query, v4) in [(a("app.z.example"), true), (aaaa("app.z.example"), false)] {
            let weights = expected(&offers, &policy, v4);
            let sum: u64 = weights.values().map(|weight| u64::from(*weight)).sum();
            let expected: BTreeMap<_, _> = weights
                .into_iter()
                .map(|(cluster, weight)| (cluster, mci_core::Share::new(weight.into(), sum)))
                .collect();
            prop_assert_eq!(shares(&world, &query), expected);
        }
    }

    #[test]
    fn r08_the_answer_is_part_of_what_may_be_answered(offers in offers(), policy in policy(), seed in any::<u64>()) {
        let world = built(&offers, &policy);
        let mut rng = StdRng::seed_from_u64(seed);
        for query in [a("app.z.example"), aaaa("app.z.example")] {
            let possible = world.possible(&query);
            match world.resolve(&query, &mut rng) {
                Outcome::Addresses(addresses) => {
                    let list: Vec<_> = addresses.iter().collect();
                    let distinct: BTreeSet<_> = list.iter().copied().collect();
                    prop_assert_eq!(distinct.len(), list.len(), "no address twice");
                    prop_assert!(distinct.is_subset(&possible.addresses));
                    prop_assert!(!list.is_empty());
                    prop_assert_eq!(Some(addresses.ttl()), possible.ttl);
                    if let mci_core::Origin::Cluster(drawn) = addresses.cluster() {
                        prop_assert!(possible.share(drawn) > mci_core::Share::NONE);
                    } else {
                        prop_assert!(possible.fallback);
                    }
                }
                Outcome::Target(target) => prop_assert!(possible.targets.contains(&target.name())),
                Outcome::NoData(_) | Outcome::NxDomain => prop_assert!(!possible.is_answered(), "{}", possible),
                other => prop_assert!(false, "{}", other),
            }
        }
    }

    #[test]
    fn r03_no_address_of_an_unready_endpoint_unless_r11_says_so(offers in offers(), seed in any::<u64>()) {
        let world = built(&offers, &Policy::default());
        let mut rng = StdRng::seed_from_u64(seed);
        let ready: BTreeSet<IpAddr> =
            offers.iter().filter(|offer| offer.ready).flat_map(Offer::addresses).collect();
        if let Outcome::Addresses(addresses) = world.resolve(&a("app.z.example"), &mut rng) {
            prop_assert!(addresses.iter().all(|address| ready.contains(&address)));
        }
    }

    #[test]
    fn r03_another_unready_endpoint_changes_nothing_where_something_is_eligible(
        offers in offers(),
        policy in policy(),
        weight in any::<u32>(),
        priority in -5..5_i64,
    ) {
        let world = built(&offers, &policy);
        let query = a("app.z.example");
        let eligible = offers.iter().any(|offer| {
            offer.ready
                && offer.state == ClusterState::Alive
                && offer.held_back != Some(OverrideState::Down)
                && (offer.v4 + offer.v6 > 0 || offer.target)
        });
        prop_assume!(eligible);
        let state = world.hostname_state(&name("app.z.example")).unwrap();
        let unready = endpoint("zz", &["198.51.100.9"]).weight(weight).priority(priority).ready(false);
        let with = world.edited(|edit| edit.upsert(state.endpoint(unready)));
        prop_assert_eq!(world.possible(&query), with.possible(&query));
        prop_assert_eq!(
            world.resolve(&query, &mut StdRng::seed_from_u64(3)).to_string(),
            with.resolve(&query, &mut StdRng::seed_from_u64(3)).to_string()
        );
    }

    #[test]
    fn r13_explain_agrees_with_the_decision(offers in offers(), policy in policy()) {
        let world = built(&offers, &policy);
        for query in [a("app.z.example"), aaaa("app.z.example")] {
            let explained: BTreeMap<String, mci_core::Share> = world
                .explain(&query)
                .endpoints
                .into_iter()
                .filter(|endpoint| endpoint.taken)
                .map(|endpoint| (endpoint.cluster, endpoint.share))
                .collect();
            prop_assert_eq!(explained, shares(&world, &query));
        }
    }

    #[test]
    fn r23_merging_is_commutative_associative_and_idempotent(lists in vec((offers(), 0..3_u32), 3)) {
        let states: Vec<HostnameState> = lists
            .iter()
            .map(|(offers, changed)| {
                hostname("app.z.example", offers.iter().map(|offer| offer.endpoint().changed(*changed)))
            })
            .collect();
        let [x, y, z] = [0, 1, 2].map(|i| states[i].clone());
        prop_assert_eq!(x.clone().merge(y.clone()), y.clone().merge(x.clone()));
        prop_assert_eq!(x.clone().merge(y.clone()).merge(z.clone()), x.clone().merge(y.merge(z)));
        let sorted = x.clone().merge(HostnameState::new(name("app.z.example")));
        prop_assert_eq!(sorted.clone().merge(sorted.clone()), sorted);
    }

    #[test]
    fn r26_nothing_is_lost_and_nothing_is_released_twice(
        steps in vec((0..4_u8, 0..30_usize, 0..5_u64), 0..200),
    ) {
        let limits = mci_core::WithdrawalLimits { count: 5, ..mci_core::WithdrawalLimits::default() };
        let mut withdrawals = mci_core::Withdrawals::new(limits);
        let mut going = BTreeSet::new();
        let mut now = std::time::Duration::ZERO;
        for (what, which, wait) in steps {
            now += std::time::Duration::from_secs(wait);
            let hostname = name(&format!("n{which}.z.example"));
            match what {
                0 | 1 => {
                    withdrawals.goes(hostname.clone(), now);
                    going.insert(hostname);
                }
                2 => {
                    withdrawals.returns(&hostname);
                    going.remove(&hostname);
                }
                _ => {
                    for released in withdrawals.due(now, 30).released {
                        prop_assert!(going.remove(&released), "{} was not going", released);
                    }
                }
            }
        }
        let far = now + std::time::Duration::from_secs(10_000);
        for _ in 0..2 {
            for released in withdrawals.due(far, 30).released {
                prop_assert!(going.remove(&released));
            }
            for released in withdrawals.confirm() {
                prop_assert!(going.remove(&released));
            }
        }
        prop_assert!(going.is_empty(), "{:?} never went", going);
    }
}

/// The 99.9 % point of the chi-squared distribution with 1 to 4 degrees of freedom.
const CHI_SQUARED: [f64; 4] = [10.83, 13.82, 16.27, 18.47];

#[test]
#[expect(clippy::cast_precision_loss, reason = "expected counts of a million draws")]
fn r05_observed_shares_fit_the_weights() {
    const DRAWS: u32 = 1_000_000;
    for weights in
        [vec![70, 30], vec![1, 1, 1], vec![1, 999], vec![u32::MAX, 1 << 30, 1], vec![5, 10, 15, 20, 50]]
    {
        let endpoints = weights.iter().zip(CLUSTERS).enumerate().map(|(i, (weight, cluster))| {
            endpoint(cluster, &[format!("192.0.2.{i}").as_str()]).weight(*weight)
        });
        let world = world([hostname("app.z.example", endpoints)]);
        let query = a("app.z.example");
        let mut rng = SmallRng::seed_from_u64(7);
        let mut seen = vec![0_u32; weights.len()];
        for _ in 0..DRAWS {
            let Outcome::Addresses(addresses) = world.resolve(&query, &mut rng) else { panic!("no answer") };
            let Some(IpAddr::V4(address)) = addresses.iter().next() else { panic!("no address") };
            seen[usize::from(address.octets()[3])] += 1;
        }
        let sum: u64 = weights.iter().map(|weight| u64::from(*weight)).sum();
        // A category that is expected less than five times is too small for the test.
        let terms: Vec<f64> = weights
            .iter()
            .zip(&seen)
            .map(|(weight, seen)| (f64::from(DRAWS) * f64::from(*weight) / sum as f64, f64::from(*seen)))
            .filter(|(expected, _)| *expected >= 5.0)
            .map(|(expected, seen)| (seen - expected).powi(2) / expected)
            .collect();
        let statistic: f64 = terms.iter().sum();
        assert!(statistic < CHI_SQUARED[terms.len().saturating_sub(2)], "{weights:?}: {seen:?}, {statistic}");
    }
}
