//! What a status says as a whole.

use mci_core::publish::{
    Condition, ConditionType, Config, Gslb, Kind, Reason, Referent, ServiceType, SliceEndpoint, Status,
};
use mci_core::{AnswerMode, Endpoint, Policy, Ttl, WhenAllDown};

use crate::world::{
    APP, World, at, gslb, gslb_name, ip, load_balancer, name, not_ready, object, service, slice, texts, west,
};

fn condition(kind: ConditionType, holds: bool, reason: Reason, message: &str) -> Condition {
    Condition { kind, holds, reason, message: message.to_owned() }
}

#[test]
fn r12_everything_that_a_gslb_sets_is_published() {
    let mut world = World::new();
    world
        .apply(Gslb {
            priority: 7,
            weight: 3,
            ttl: Some(Ttl::new(30).unwrap()),
            answer_mode: Some(AnswerMode::All),
            when_all_down: Some(WhenAllDown::Static),
            fallback: texts(&["203.0.113.9"]),
            ..gslb("app", Referent::Service, "web")
        })
        .apply(load_balancer("web", &["192.0.2.1", "2001:db8::1"]))
        .apply(slice("web-1", "web", [at("10.0.0.1")]));
    let expected = Endpoint::new(west(), [ip("192.0.2.1"), ip("2001:db8::1")])
        .priority(7)
        .weight(3)
        .policy(Policy {
            ttl: Some(Ttl::new(30).unwrap()),
            answer_mode: Some(AnswerMode::All),
            when_all_down: Some(WhenAllDown::Static),
            fallback: vec![ip("203.0.113.9")],
        })
        .changed(1000);
    assert_eq!(world.update().hostnames, [(name(APP), Some(expected))]);
}

#[test]
fn r14_the_status_of_a_gslb_that_works_and_of_one_that_waits() {
    let mut world = World::new();
    world
        .apply(Gslb { generation: 4, ..gslb("app", Referent::Service, "web") })
        .apply(load_balancer("web", &["192.0.2.1", "2001:db8::1"]))
        .apply(slice("web-1", "web", [at("10.0.0.1")]));
    let there = condition(
        ConditionType::ResolvedRefs,
        true,
        Reason::ResolvedRefs,
        "Service shop/web and what it refers to are there",
    );
    let accepted =
        condition(ConditionType::Accepted, true, Reason::Accepted, "every hostname and address is accepted");
    let published =
        condition(ConditionType::Published, true, Reason::Published, "1 of 1 hostnames are published");
    let working = Status {
        observed_generation: 4,
        conditions: vec![accepted.clone(), there.clone(), published],
        addresses: vec![ip("192.0.2.1"), ip("2001:db8::1")],
        targets: Vec::new(),
        hostnames: vec![name(APP)],
        ready: true,
    };
    assert_eq!(world.update().gslbs, [(gslb_name("app"), Some(working.clone()))]);

    world.apply(slice("web-1", "web", [not_ready("10.0.0.1")]));
    let waits = condition(
        ConditionType::Published,
        false,
        Reason::NoReadyEndpoints,
        "the Service has no ready endpoint",
    );
    let waiting = Status { conditions: vec![accepted, there, waits], ready: false, ..working };
    assert_eq!(world.update().gslbs, [(gslb_name("app"), Some(waiting))]);
    world.remove(Kind::Gslb(gslb_name("app").group), "app");
    assert_eq!(world.update().gslbs, [(gslb_name("app"), None)]);
}

#[test]
fn r09_a_target_name_at_an_apex_and_names_beside_addresses_are_said() {
    let mut world = World::with(Config { zones: vec![name("g.example")], ..Config::new(west()) });
    world
        .apply(Gslb { hostnames: texts(&["g.example", APP]), ..gslb("app", Referent::Service, "web") })
        .apply(load_balancer("web", &["lb.example.net"]))
        .apply(slice("web-1", "web", [at("10.0.0.1")]));
    assert_eq!(world.conditions("app"), ["CnameAtApex=True CnameAtApex"]);
    world.apply(load_balancer("web", &["lb.example.net", "192.0.2.1"]));
    assert_eq!(world.conditions("app"), ["NamesIgnored=True NamesIgnored"]);
    world.apply(load_balancer("web", &["192.0.2.1"]));
    assert_eq!(world.conditions("app"), [""; 0]);
}

#[test]
fn r14_more_than_can_be_held_for_a_hostname_is_refused_and_said() {
    let mut world = World::new();
    let names: Vec<String> = (0..256).map(|number| format!("lb-{number}.example.net")).collect();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    world.apply(gslb("app", Referent::Service, "web")).apply(load_balancer("web", &names)).apply(slice(
        "web-1",
        "web",
        [at("10.0.0.1")],
    ));
    assert_eq!(world.app(), "nothing (not ready)");
    assert_eq!(world.conditions("app"), ["Published=False TooLarge"]);
    world.apply(load_balancer("web", &names[1..]));
    assert!(world.status("app").ready);

    let endpoint = |number: u32| SliceEndpoint {
        addresses: vec![std::net::Ipv4Addr::from_bits(0x0a00_0000 + number).into()],
        ..SliceEndpoint::default()
    };
    let all: Vec<_> = (0..65_536).map(endpoint).collect();
    world.apply(service("web", ServiceType::Headless)).apply(slice("web-1", "web", &all[1..]));
    assert_eq!(world.status("app").addresses.len(), 65_535);
    world.apply(slice("web-1", "web", all));
    assert_eq!(world.conditions("app"), ["Published=False TooLarge"]);
}

#[test]
fn r19_a_gslb_without_hostnames_or_without_a_reference_says_so() {
    let mut world = World::new();
    let bare = Gslb { reference: None, hostnames: Vec::new(), ..gslb("app", Referent::Service, "web") };
    world.apply(bare);
    assert_eq!(
        world.message("app", ConditionType::Accepted),
        "objectReference is missing: it names the object, as {kind, name}; hostnames is empty: it lists the names to \
         answer"
    );
    assert_eq!(
        world.conditions("app"),
        [
            "Accepted=False InvalidReference",
            "ResolvedRefs=False InvalidReference",
            "Published=False NoHostname"
        ]
    );
}

#[test]
fn r19_of_many_problems_the_first_few_are_named() {
    let mut world = World::new();
    let bad: Vec<String> = (0..9).map(|number| format!("bad {number}")).collect();
    world.apply(Gslb { hostnames: bad, ..gslb("app", Referent::Service, "web") });
    let message = world.message("app", ConditionType::Accepted);
    assert!(message.ends_with(" and 4 more"), "{message}");
    assert_eq!(message.matches("not allowed").count(), 5);
}

#[test]
fn r14_what_others_decide_takes_its_place_among_the_conditions() {
    let mut world = World::new();
    world.apply(gslb("app", Referent::Service, "web"));
    let mut status = world.status("app");
    let mismatch = condition(ConditionType::PolicyMismatch, true, Reason::PolicyMismatch, "east says so");
    let too_large = condition(ConditionType::Published, false, Reason::TooLarge, "the shard is full");
    status.put(mismatch.clone());
    status.put(too_large.clone());
    status.put(mismatch.clone());
    let kinds: Vec<_> = status.conditions.iter().map(|condition| condition.kind.as_str()).collect();
    assert_eq!(kinds, ["Accepted", "ResolvedRefs", "Published", "PolicyMismatch"]);
    assert_eq!(status.condition(ConditionType::Published), Some(&too_large));
    assert_eq!(status.condition(ConditionType::PolicyMismatch), Some(&mismatch));
}

#[test]
fn r14_kinds_and_reasons_are_spelt_as_in_kubernetes() {
    for kind in Referent::ALL {
        assert_eq!(kind.as_str().parse(), Ok(kind));
    }
    assert_eq!(
        "Httproute".parse::<Referent>().unwrap_err().to_string(),
        "\"Httproute\" is no kind that a GSLB can refer to: write Ingress, Service, Gateway, HTTPRoute, GRPCRoute or \
         TLSRoute"
    );
    for reason in Reason::ALL {
        assert!(reason.as_str().bytes().all(|octet| octet.is_ascii_alphabetic()), "{reason}");
    }
    assert_eq!(object("a/b").to_string(), "a/b");
}
