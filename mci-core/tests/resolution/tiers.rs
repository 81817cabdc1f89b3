//! R3 to R7, R9, R11 and R12: who takes part.

use mci_core::{
    AnswerMode, ClusterState, HostnameState, Override, OverrideState, Policy, Settings, WhenAllDown,
};

use crate::world::{
    a, aaaa, answer, chance, cluster, endpoint, hostname, ip, name, share_list, shares, with_state, world,
    world_in, zone,
};

fn two(west: mci_core::Endpoint, east: mci_core::Endpoint) -> mci_core::Snapshot {
    world([hostname("app.z.example", [west, east])])
}

#[test]
fn r03_only_ready_endpoints_of_living_clusters_are_eligible() {
    let world = two(endpoint("west", &["192.0.2.1"]).ready(false), endpoint("east", &["192.0.2.2"]));
    assert_eq!(answer(&world, &a("app.z.example")), "192.0.2.2");
    let stale = with_state(
        &two(endpoint("west", &["192.0.2.1"]), endpoint("east", &["192.0.2.2"])),
        "west",
        ClusterState::Stale,
    );
    assert_eq!(shares(&stale, &a("app.z.example")), share_list(&[("east", 1, 1)]));
}

#[test]
fn r03_a_gone_cluster_publishes_nothing_even_where_any_endpoint_may_answer() {
    let any = Policy { when_all_down: Some(WhenAllDown::Any), ..Policy::default() };
    let state = hostname(
        "app.z.example",
        [endpoint("west", &["192.0.2.1"]), endpoint("east", &["192.0.2.2"]).ready(false)],
    );
    let world = with_state(&world([state.policy(any)]), "west", ClusterState::Gone);
    assert_eq!(answer(&world, &a("app.z.example")), "192.0.2.2");
    let world = with_state(&world, "east", ClusterState::Gone);
    assert_eq!(answer(&world, &a("app.z.example")), "NXDOMAIN");
}

#[test]
fn r04_the_highest_priority_that_is_eligible_answers() {
    let tiers = |first: bool, second: bool| {
        world([hostname(
            "app.z.example",
            [
                endpoint("first", &["192.0.2.1"]).priority(10).ready(first),
                endpoint("second", &["192.0.2.2"]).priority(5).ready(second),
                endpoint("third", &["192.0.2.3"]).priority(-5),
            ],
        )])
    };
    assert_eq!(answer(&tiers(true, true), &a("app.z.example")), "192.0.2.1");
    assert_eq!(answer(&tiers(false, true), &a("app.z.example")), "192.0.2.2");
    assert_eq!(answer(&tiers(false, false), &a("app.z.example")), "192.0.2.3");
}

#[test]
fn r05_a_share_is_the_weight_over_the_sum_however_many_addresses_there_are() {
    let world = two(
        endpoint("west", &["192.0.2.1", "192.0.2.2", "192.0.2.3"]).weight(70),
        endpoint("east", &["192.0.2.9"]).weight(30),
    );
    assert_eq!(shares(&world, &a("app.z.example")), share_list(&[("east", 3, 10), ("west", 7, 10)]));
}

#[test]
fn r05_the_default_weight_is_fifty() {
    let world = two(endpoint("west", &["192.0.2.1"]), endpoint("east", &["192.0.2.2"]).weight(150));
    assert_eq!(shares(&world, &a("app.z.example")), share_list(&[("east", 3, 4), ("west", 1, 4)]));
}

#[test]
fn r05_the_largest_weights_of_many_clusters_do_not_overflow() {
    let endpoints = (0..3_000).map(|i| endpoint(&format!("c{i}"), &["192.0.2.1"]).weight(u32::MAX));
    let world = world([hostname("app.z.example", endpoints)]);
    assert_eq!(shares(&world, &a("app.z.example")).get("c17"), Some(&mci_core::Share::new(1, 3_000)));
    assert_eq!(answer(&world, &a("app.z.example")), "192.0.2.1");
}

#[test]
fn r05_shares_hold_for_each_family_and_a_mismatch_is_a_warning() {
    let world = two(endpoint("west", &["192.0.2.1", "2001:db8::1"]), endpoint("east", &["192.0.2.2"]));
    assert_eq!(shares(&world, &a("app.z.example")), share_list(&[("east", 1, 2), ("west", 1, 2)]));
    assert_eq!(shares(&world, &aaaa("app.z.example")), share_list(&[("west", 1, 1)]));
    let warnings = world.explain(&a("app.z.example")).warnings;
    assert_eq!(warnings.iter().map(|warning| warning.condition).collect::<Vec<_>>(), ["FamilyMismatch"]);
}

#[test]
fn r06_weight_zero_gets_nothing_while_any_priority_has_a_weight() {
    let world = two(
        endpoint("west", &["192.0.2.1"]).priority(10).weight(0),
        endpoint("east", &["192.0.2.2"]).priority(1),
    );
    assert_eq!(shares(&world, &a("app.z.example")), share_list(&[("east", 1, 1)]));
}

#[test]
fn r06_where_only_drained_endpoints_remain_the_highest_priority_shares_equally() {
    let world = world([hostname(
        "app.z.example",
        [
            endpoint("west", &["192.0.2.1"]).priority(10).weight(0),
            endpoint("north", &["192.0.2.3"]).priority(10).weight(0),
            endpoint("east", &["192.0.2.2"]).weight(0),
        ],
    )]);
    assert_eq!(shares(&world, &a("app.z.example")), share_list(&[("north", 1, 2), ("west", 1, 2)]));
}

#[test]
fn r07_the_tier_is_chosen_before_the_family() {
    let world = two(endpoint("west", &["192.0.2.1"]).priority(10), endpoint("east", &["2001:db8::2"]));
    assert_eq!(answer(&world, &aaaa("app.z.example")), "NODATA", "no client is drawn to a lower priority");
    assert_eq!(answer(&world, &a("app.z.example")), "192.0.2.1");
}

#[test]
fn r07_inside_the_tier_only_clusters_with_the_family_or_a_name_take_part() {
    let world = world([hostname(
        "app.z.example",
        [
            endpoint("west", &["192.0.2.1"]),
            endpoint("east", &["2001:db8::2"]),
            endpoint("north", &["lb.example.net"]),
        ],
    )]);
    assert_eq!(shares(&world, &aaaa("app.z.example")), share_list(&[("east", 1, 2), ("north", 1, 2)]));
}

#[test]
fn r09_an_endpoint_with_addresses_and_names_uses_its_addresses() {
    let world = world([hostname("app.z.example", [endpoint("west", &["192.0.2.1", "lb.example.net"])])]);
    assert_eq!(answer(&world, &a("app.z.example")), "192.0.2.1");
    assert_eq!(answer(&world, &aaaa("app.z.example")), "NODATA");
    assert_eq!(world.explain(&a("app.z.example")).warnings[0].condition, "NamesIgnored");
}

#[test]
fn r09_a_cname_is_illegal_at_an_apex() {
    let world = world([hostname(
        "z.example",
        [endpoint("west", &["lb.example.net"]).priority(9), endpoint("east", &["192.0.2.2"])],
    )]);
    assert_eq!(answer(&world, &a("z.example")), "192.0.2.2");
    assert!(world.explain(&a("z.example")).warnings.iter().any(|warning| warning.condition == "CnameAtApex"));
}

#[test]
fn r09_other_types_get_the_cname_only_where_every_cluster_has_one() {
    let mx = mci_core::Query::new(name("app.z.example"), "MX".parse().unwrap());
    let both = two(endpoint("west", &["lb.example.net"]), endpoint("east", &["lb.example.org"]));
    assert!(answer(&both, &mx).starts_with("CNAME lb.example."));
    let mixed = two(endpoint("west", &["lb.example.net"]), endpoint("east", &["192.0.2.2"]));
    assert_eq!(answer(&mixed, &mx), "NODATA");
    assert!(mixed.explain(&mx).warnings.iter().any(|warning| warning.condition == "MixedTargets"));
}

#[test]
fn r09_a_target_that_is_held_is_followed_at_most_eight_steps_and_without_loops() {
    let link = |from: String, to: String| hostname(&from, [endpoint("west", &[to.as_str()])]);
    let chain = |length: usize| {
        let mut hostnames: Vec<_> =
            (0..length).map(|i| link(format!("n{i}.z.example"), format!("n{}.z.example", i + 1))).collect();
        hostnames.push(hostname(&format!("n{length}.z.example"), [endpoint("west", &["192.0.2.1"])]));
        world(hostnames)
    };
    let ends = |world: &mci_core::Snapshot, of: &str| match world.resolve(&a(of), &mut chance()) {
        mci_core::Outcome::Target(target) => {
            let addresses = target.addresses().map(|addresses| addresses.iter().collect::<Vec<_>>());
            (target.names().count(), addresses, target.is_cut())
        }
        other => panic!("{other}"),
    };
    assert_eq!(ends(&chain(8), "n0.z.example"), (8, Some(vec![ip("192.0.2.1")]), false));
    assert_eq!(ends(&chain(9), "n0.z.example"), (8, None, true));
    let looped = world([
        link("x.z.example".into(), "y.z.example".into()),
        link("y.z.example".into(), "x.z.example".into()),
    ]);
    assert_eq!(ends(&looped, "x.z.example"), (2, None, true));
}

#[test]
fn r09_of_several_names_one_is_drawn() {
    let world = world([hostname("app.z.example", [endpoint("west", &["a.example.net", "b.example.net"])])]);
    let mut rng = chance();
    let mut seen = std::collections::BTreeMap::<String, u32>::new();
    for _ in 0..1_000 {
        *seen.entry(world.resolve(&a("app.z.example"), &mut rng).to_string()).or_default() += 1;
    }
    assert_eq!(seen.len(), 2, "{seen:?}");
    assert!(seen.values().all(|count| (420..580).contains(count)), "{seen:?}");
}

#[test]
fn r11_ready_endpoints_of_stale_clusters_answer_where_nothing_is_eligible() {
    let alive = two(endpoint("west", &["192.0.2.1"]), endpoint("east", &["192.0.2.2"]).ready(false));
    let world = with_state(&alive, "west", ClusterState::Stale);
    let possible = world.possible(&a("app.z.example"));
    assert!(possible.stale);
    assert_eq!(possible.to_string(), "west (stale)");
    assert_eq!(answer(&world, &a("app.z.example")), "192.0.2.1");
}

#[test]
fn r11_priority_and_weight_apply_among_the_stale() {
    let mut world =
        two(endpoint("west", &["192.0.2.1"]).weight(30), endpoint("east", &["192.0.2.2"]).weight(70));
    for of in ["west", "east"] {
        world = with_state(&world, of, ClusterState::Stale);
    }
    assert_eq!(shares(&world, &a("app.z.example")), share_list(&[("east", 7, 10), ("west", 3, 10)]));
}

#[test]
fn r11_when_all_down_is_nodata_any_or_static() {
    let down = |policy: Policy| {
        let endpoints = [
            endpoint("west", &["192.0.2.1"]).ready(false),
            endpoint("east", &["192.0.2.2"]).ready(false).weight(0),
        ];
        world([hostname("app.z.example", endpoints).policy(policy)])
    };
    let policy = |when| Policy { when_all_down: Some(when), ..Policy::default() };
    assert_eq!(answer(&down(Policy::default()), &a("app.z.example")), "NODATA");
    assert_eq!(
        answer(&down(policy(WhenAllDown::Any)), &a("app.z.example")),
        "192.0.2.1",
        "weights hold among any"
    );
    let fallback =
        Policy { fallback: vec![ip("203.0.113.9"), ip("203.0.113.8")], ..policy(WhenAllDown::Static) };
    let world = down(fallback);
    assert_eq!(answer(&world, &a("app.z.example")), "203.0.113.8 203.0.113.9");
    assert_eq!(answer(&world, &aaaa("app.z.example")), "NODATA");
    assert_eq!(world.possible(&a("app.z.example")).to_string(), "fallback");
}

#[test]
fn r12_a_hostname_exists_while_any_cluster_that_is_not_gone_publishes_it() {
    let world =
        two(endpoint("west", &["192.0.2.1"]).ready(false), endpoint("east", &["192.0.2.2"]).ready(false));
    assert_eq!(answer(&world, &a("app.z.example")), "NODATA");
    let world = with_state(&world, "west", ClusterState::Gone);
    assert_eq!(answer(&world, &a("app.z.example")), "NODATA");
    let world = with_state(&world, "east", ClusterState::Gone);
    assert_eq!(answer(&world, &a("app.z.example")), "NXDOMAIN");
    let world = with_state(&world, "east", ClusterState::Alive);
    assert_eq!(answer(&world, &a("app.z.example")), "NODATA");
}

#[test]
fn r12_what_only_a_gone_cluster_publishes_makes_no_empty_non_terminal() {
    let world = world([hostname("deep.ent.z.example", [endpoint("west", &["192.0.2.1"])])]);
    assert_eq!(answer(&world, &a("ent.z.example")), "NODATA");
    let world = with_state(&world, "west", ClusterState::Gone);
    assert_eq!(answer(&world, &a("ent.z.example")), "NXDOMAIN");
}

#[test]
fn r24_an_override_drains_a_cluster_or_takes_it_down() {
    let world = two(endpoint("west", &["192.0.2.1"]), endpoint("east", &["192.0.2.2"]));
    let held = |of: &str, state: OverrideState| {
        world.edited(|edit| edit.override_cluster(&cluster(of), Some(Override::from(state))))
    };
    assert_eq!(answer(&held("west", OverrideState::Drained), &a("app.z.example")), "192.0.2.2");
    assert_eq!(answer(&held("west", OverrideState::Down), &a("app.z.example")), "192.0.2.2");
    let both = held("west", OverrideState::Drained)
        .edited(|edit| edit.override_cluster(&cluster("east"), Some(OverrideState::Down.into())));
    let possible = both.possible(&a("app.z.example"));
    assert_eq!(
        (possible.to_string().as_str(), possible.stale),
        ("west", false),
        "drained is still eligible, down is not"
    );
}

#[test]
fn r24_an_override_of_one_hostname_leaves_the_others() {
    let same = |of: &str| hostname(of, [endpoint("west", &["192.0.2.1"]), endpoint("east", &["192.0.2.2"])]);
    let world = world([same("app.z.example"), same("shop.z.example")]).edited(|edit| {
        edit.override_hostname(&name("app.z.example"), &cluster("west"), Some(OverrideState::Drained.into()));
    });
    assert_eq!(shares(&world, &a("app.z.example")), share_list(&[("east", 1, 1)]));
    assert_eq!(shares(&world, &a("shop.z.example")).len(), 2);
}

#[test]
fn r24_the_stronger_of_two_overrides_holds() {
    let drained = OverrideState::Drained;
    let world =
        two(endpoint("west", &["192.0.2.1"]), endpoint("east", &["192.0.2.2"]).weight(0)).edited(|edit| {
            edit.override_cluster(&cluster("west"), Some(drained.into()));
            edit.override_hostname(
                &name("app.z.example"),
                &cluster("west"),
                Some(OverrideState::Down.into()),
            );
        });
    assert_eq!(world.possible(&a("app.z.example")).to_string(), "east");
    assert_eq!(world.explain(&a("app.z.example")).endpoints[1].held_back, Some(OverrideState::Down));
}

#[test]
fn r24_an_override_ends_by_itself() {
    let until = Override { until: Some(1_000), ..OverrideState::Drained.into() };
    let world = two(endpoint("west", &["192.0.2.1"]), endpoint("east", &["192.0.2.2"])).edited(|edit| {
        edit.override_cluster(&cluster("west"), Some(until.clone()));
        edit.override_hostname(&name("app.z.example"), &cluster("east"), Some(until.clone()));
    });
    let early = world.edited(|edit| edit.expire(999));
    assert_eq!(
        early.explain(&a("app.z.example")).endpoints.iter().filter(|e| e.held_back.is_some()).count(),
        2
    );
    let late = world.edited(|edit| edit.expire(1_000));
    assert_eq!(
        late.explain(&a("app.z.example")).endpoints.iter().filter(|e| e.held_back.is_some()).count(),
        0
    );
}

#[test]
fn an_endpoint_without_an_address_is_not_ready_whatever_it_says() {
    let world = two(endpoint("west", &[]).priority(10), endpoint("east", &["192.0.2.2"]));
    assert_eq!(answer(&world, &a("app.z.example")), "192.0.2.2");
}

#[test]
fn settings_hold_where_a_hostname_sets_nothing() {
    let settings = Settings {
        answer_mode: AnswerMode::Single,
        when_all_down: WhenAllDown::Any,
        ttl: mci_core::Ttl::new(60).unwrap(),
        ..Settings::default()
    };
    let state: HostnameState =
        hostname("app.z.example", [endpoint("west", &["192.0.2.1", "192.0.2.2"]).ready(false)]);
    let world = world_in(vec![zone("z.example")], settings, [state]);
    assert_eq!(world.possible(&a("app.z.example")).ttl, Some(60));
    assert_eq!(answer(&world, &a("app.z.example")).split(' ').count(), 1);
}
