//! Hostnames that several GSLBs claim, and hostnames that are none (R19).

use mci_core::publish::{ConditionType, Group, Gslb, GslbName, Key, Kind, Object, Referent};

use crate::world::{APP, World, at, gslb, load_balancer, name, object, slice, texts};

/// A GSLB of `web`, told apart from others by its weight.
fn claim(of: &str, group: Group, created: u64, weight: u32) -> Gslb {
    let name = GslbName { object: object(of), group };
    Gslb { name, created, weight, ..gslb("any", Referent::Service, "web") }
}

fn winner(world: &mut World) -> Option<u32> {
    world.endpoint(APP).map(|endpoint| endpoint.parts().weight)
}

fn remove(world: &mut World, of: &str, group: Group) {
    assert!(world.publisher.remove(&Key::new(Kind::Gslb(group), object(of))));
}

#[test]
fn r19_the_older_of_two_claims_wins_then_the_smaller_name_then_the_smaller_group() {
    use Group::{Cyclops, Mci};
    // Each is before the one that follows it.
    let order = [
        claim("z/z", Mci, 1, 1),
        // By the text `namespace/name`: '-' comes before '/'.
        claim("a-b/a", Mci, 2, 2),
        claim("a/a", Mci, 2, 3),
        claim("a/b", Cyclops, 2, 4),
        claim("a/b", Mci, 2, 5),
        claim("a/a", Cyclops, 3, 6),
    ];
    for (position, first) in order.iter().enumerate() {
        for second in &order[position + 1..] {
            for pair in [[first, second], [second, first]] {
                let mut world = World::new();
                world.apply(pair[0].clone());
                world.update();
                world.apply(pair[1].clone());
                assert_eq!(winner(&mut world), Some(first.weight), "{} and {}", pair[0].name, pair[1].name);
            }
        }
    }
}

#[test]
fn r19_the_other_says_so_and_takes_over_when_the_first_is_gone() {
    let mut world = World::new();
    world
        .apply(Gslb { created: 1, weight: 1, ..gslb("first", Referent::Service, "web") })
        .apply(Gslb {
            created: 2,
            weight: 2,
            hostnames: texts(&[APP, "own.g.example"]),
            ..gslb("second", Referent::Service, "web")
        })
        .apply(load_balancer("web", &["192.0.2.1"]))
        .apply(slice("web-1", "web", [at("10.0.0.1")]));
    assert_eq!(world.conditions("first"), [""; 0]);
    assert_eq!(world.conditions("second"), ["Accepted=False HostnameConflict"]);
    assert_eq!(
        world.message("second", ConditionType::Accepted),
        "app.g.example: GSLB shop/first (multicluster.veccsolutions.io) has it, for it is older or comes first by name"
    );
    assert_eq!(world.message("second", ConditionType::Published), "1 of 2 hostnames are published");
    assert_eq!(world.status("second").hostnames, [name("own.g.example")]);
    assert_eq!(winner(&mut world), Some(1));

    remove(&mut world, "first", Group::Mci);
    let update = world.update();
    let changed: Vec<_> = update.hostnames.iter().map(|(hostname, _)| hostname.to_string()).collect();
    assert_eq!(changed, [APP], "it went from one to the other and was never gone");
    assert_eq!(winner(&mut world), Some(2));
    assert_eq!(world.conditions("second"), [""; 0]);
    assert_eq!(world.status("second").hostnames, [name(APP), name("own.g.example")]);
}

#[test]
fn r19_a_hostname_is_freed_when_the_first_no_longer_lists_it() {
    let mut world = World::new();
    let first = Gslb { created: 1, weight: 1, ..gslb("first", Referent::Service, "web") };
    let second = Gslb { created: 2, weight: 2, ..gslb("second", Referent::Service, "web") };
    world.apply(first.clone()).apply(second);
    assert_eq!(winner(&mut world), Some(1));
    world.apply(Gslb { hostnames: texts(&["moved.g.example"]), ..first.clone() });
    assert_eq!(winner(&mut world), Some(2));
    // The first comes back, and is still the older one.
    world.apply(first);
    assert_eq!(winner(&mut world), Some(1));
}

#[test]
fn r19_an_object_that_was_made_again_under_its_name_is_younger() {
    let mut world = World::new();
    let first = Gslb { created: 1, weight: 1, ..gslb("first", Referent::Service, "web") };
    world.apply(first.clone()).apply(Gslb {
        created: 2,
        weight: 2,
        ..gslb("second", Referent::Service, "web")
    });
    assert_eq!(winner(&mut world), Some(1));
    world.apply(Gslb { created: 3, ..first });
    assert_eq!(winner(&mut world), Some(2));
}

#[test]
fn r19_a_loser_of_many_names_the_one_that_has_it() {
    let mut world = World::new();
    for number in 1..5 {
        world.apply(Gslb { created: number, ..gslb(&format!("n{number}"), Referent::Service, "web") });
    }
    let holder = |world: &mut World| {
        let message = world.message("n4", ConditionType::Accepted);
        message.split("GSLB ").nth(1).and_then(|rest| rest.split(' ').next()).unwrap_or_default().to_owned()
    };
    assert_eq!(holder(&mut world), "shop/n1");
    remove(&mut world, "n1", Group::Mci);
    assert_eq!(holder(&mut world), "shop/n2");
    remove(&mut world, "n3", Group::Mci);
    assert_eq!(holder(&mut world), "shop/n2");
    remove(&mut world, "n2", Group::Mci);
    assert_eq!(world.status("n4").hostnames, [name(APP)]);
}

#[test]
fn r19_one_hostname_in_both_groups_is_published_once() {
    let mut world = World::new();
    let old = claim("shop/app", Group::Cyclops, 1, 1);
    let new = claim("shop/app", Group::Mci, 5, 2);
    world.apply(old).apply(new);
    assert_eq!(winner(&mut world), Some(1));
    assert_eq!(world.publisher.hostnames().len(), 1);
    remove(&mut world, "shop/app", Group::Cyclops);
    assert_eq!(winner(&mut world), Some(2));
}

#[test]
fn r19_a_bad_hostname_is_rejected_and_the_others_work() {
    for (bad, message) in [
        ("", "the name is empty"),
        ("a..b", "\"a..b\" has an empty label: two dots in a row, or a dot at the beginning"),
        ("a.*.b", "\"a.*.b\": '*' stands alone, as the leftmost label (*.example.com)"),
        (
            "https://app.g.example",
            "':' is not allowed in \"https://app.g.example\": a label has letters, digits, '-' and '_'",
        ),
        ("-a.g.example", "label \"-a\" begins or ends with '-'"),
    ] {
        let mut world = World::new();
        world.apply(Gslb { hostnames: texts(&[bad, APP]), ..gslb("app", Referent::Service, "web") });
        let update = world.update();
        assert_eq!(update.hostnames.len(), 1, "{bad:?}");
        assert_eq!(
            world.status("app").condition(ConditionType::Accepted).unwrap().reason.as_str(),
            "InvalidHostname"
        );
        assert_eq!(world.message("app", ConditionType::Accepted), message);
    }
}

#[test]
fn r19_a_hostname_of_any_length_gets_a_message_of_sensible_length() {
    let mut world = World::new();
    world.apply(Gslb {
        hostnames: vec!["ä".repeat(1 << 20), "x.".repeat(1 << 20), "x".repeat(300)],
        ..gslb("app", Referent::Service, "web")
    });
    assert!(world.update().hostnames.is_empty());
    assert!(world.message("app", ConditionType::Accepted).len() < 1500);
}

#[cfg(feature = "idna")]
#[test]
fn r01_international_names_become_a_labels_and_spellings_one_name() {
    let mut world = World::new();
    world.apply(Gslb {
        hostnames: texts(&["Bücher.g.example", "XN--bcher-kva.G.example.", "*.Bücher.g.example"]),
        ..gslb("app", Referent::Service, "web")
    });
    let hostnames: Vec<_> =
        world.update().hostnames.iter().map(|(hostname, _)| hostname.to_string()).collect();
    assert_eq!(hostnames, ["*.xn--bcher-kva.g.example", "xn--bcher-kva.g.example"]);
}

#[test]
fn r19_what_could_not_be_read_is_said_and_the_rest_works() {
    let mut world = World::new();
    let broken = Gslb {
        reference: None,
        faults: vec!["objectReference.kind: \"Pod\" is no kind that a GSLB can refer to".to_owned()],
        ..gslb("app", Referent::Service, "web")
    };
    world.publisher.apply(Object::Gslb(broken));
    assert_eq!(world.app(), "nothing (not ready)");
    assert_eq!(
        world.conditions("app"),
        [
            "Accepted=False InvalidField",
            "ResolvedRefs=False InvalidReference",
            "Published=False InvalidReference"
        ]
    );
}
