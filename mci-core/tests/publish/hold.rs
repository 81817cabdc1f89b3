//! Loss of addresses is not unreadiness (R25).

use core::time::Duration;

use mci_core::Endpoint;
use mci_core::publish::{Config, Gateway, Gslb, Kind, Referent, Service, ServiceType};

use crate::world::{
    APP, World, at, gateway, gslb, gslb_name, ingress, ip, load_balancer, name, not_ready, service, slice,
    texts, west,
};

/// GSLB `app` of an Ingress `web` with an address and a ready backend `one`.
fn world() -> World {
    let mut world = World::new();
    world
        .apply(gslb("app", Referent::Ingress, "web"))
        .apply(ingress("web", &["192.0.2.1", "lb.example.net"], &["one"]))
        .apply(service("one", ServiceType::ClusterIp))
        .apply(slice("one-1", "one", [at("10.0.0.1")]));
    assert_eq!(world.app(), "192.0.2.1 lb.example.net");
    world
}

#[test]
fn r25_the_last_addresses_stay_until_the_hold_is_over() {
    let mut world = world();
    assert_eq!(world.publisher.next_due(), None);
    world.now += 10;
    world.apply(ingress("web", &[], &["one"]));
    let update = world.update();
    assert_eq!(update.hostnames, [], "nothing changed for those who ask");
    assert_eq!(update.gslbs.len(), 1);
    assert_eq!(world.conditions("app"), ["AddressHeld=True AddressesLost", "NamesIgnored=True NamesIgnored"]);
    assert_eq!(world.status("app").addresses, [ip("192.0.2.1")]);
    assert_eq!(world.publisher.next_due(), Some(Duration::from_secs(1310)));

    assert!(world.after(299).is_empty());
    assert_eq!(world.app(), "192.0.2.1 lb.example.net");
    world.now += 1;
    assert_eq!(world.app(), "nothing (not ready)");
    assert_eq!(world.conditions("app"), ["Published=False NoAddress"]);
    assert_eq!(world.publisher.next_due(), None);
}

#[test]
fn r25_addresses_that_return_end_the_hold() {
    let mut world = world();
    world.apply(ingress("web", &[], &["one"])).update();
    world.now += 200;
    world.apply(ingress("web", &["192.0.2.2"], &["one"]));
    assert_eq!(world.app(), "192.0.2.2");
    assert_eq!(world.conditions("app"), [""; 0]);
    assert_eq!(world.publisher.next_due(), None);
    // The next loss is held for the whole time again, with the new address.
    world.now += 200;
    world.apply(ingress("web", &[], &["one"]));
    assert_eq!(world.app(), "192.0.2.2");
    world.now += 299;
    assert_eq!(world.app(), "192.0.2.2");
}

#[test]
fn r25_backends_that_are_not_ready_act_at_once_and_for_good() {
    let mut world = world();
    world.apply(ingress("web", &[], &["one"])).update();
    world.apply(slice("one-1", "one", [not_ready("10.0.0.1")]));
    assert_eq!(world.app(), "nothing (not ready)");
    assert_eq!(world.publisher.next_due(), None);
    world.apply(slice("one-1", "one", [at("10.0.0.1")]));
    assert_eq!(world.app(), "nothing (not ready)");
}

#[test]
fn r25_addresses_that_were_lost_while_not_ready_do_not_come_back() {
    let mut world = world();
    world.apply(slice("one-1", "one", [not_ready("10.0.0.1")])).update();
    world.apply(ingress("web", &[], &["one"])).update();
    world.apply(slice("one-1", "one", [at("10.0.0.1")]));
    assert_eq!(world.app(), "nothing (not ready)");
}

#[test]
fn r25_backends_that_become_ready_as_the_addresses_go_did_not_stay_ready() {
    let mut world = world();
    world.apply(slice("one-1", "one", [not_ready("10.0.0.1")])).update();
    world.apply(ingress("web", &[], &["one"])).apply(slice("one-1", "one", [at("10.0.0.1")]));
    assert_eq!(world.app(), "nothing (not ready)");
}

#[test]
fn r25_a_new_gslb_does_not_inherit_the_addresses_of_the_one_whose_hostname_it_takes() {
    let mut world = world();
    world
        .remove(Kind::Gslb(gslb_name("app").group), "app")
        .apply(gslb("new", Referent::Ingress, "bare"))
        .apply(ingress("bare", &[], &["one"]));
    assert_eq!(world.app(), "nothing (not ready)");
}

#[test]
fn r25_deletion_acts_at_once() {
    let mut world = world();
    world.remove(Kind::Ingress, "web");
    assert_eq!(world.app(), "nothing (not ready)");
    // It is there again before anybody has looked, and has no address yet.
    let mut world = self::world();
    world.remove(Kind::Ingress, "web").apply(ingress("web", &[], &["one"]));
    assert_eq!(world.app(), "nothing (not ready)");
    // It goes while its addresses are held.
    let mut world = self::world();
    world.apply(ingress("web", &[], &["one"])).update();
    world.remove(Kind::Ingress, "web");
    assert_eq!(world.app(), "nothing (not ready)");
    assert_eq!(world.publisher.next_due(), None);
    // The GSLB goes.
    let mut world = self::world();
    world.apply(ingress("web", &[], &["one"])).update();
    world.remove(Kind::Gslb(gslb_name("app").group), "app");
    assert_eq!(world.endpoint(APP), None);
    assert_eq!(world.publisher.next_due(), None);
}

#[test]
fn r25_another_object_does_not_inherit_the_addresses_of_the_first() {
    let mut world = world();
    world.apply(ingress("new", &[], &["one"])).apply(gslb("app", Referent::Ingress, "new"));
    assert_eq!(world.app(), "nothing (not ready)");
}

#[test]
fn r25_load_balancers_gateways_and_nodes_are_held_too() {
    let mut world = World::new();
    world
        .apply(gslb("app", Referent::Service, "web"))
        .apply(load_balancer("web", &["192.0.2.1"]))
        .apply(slice("web-1", "web", [at("10.0.0.1")]));
    world.update();
    world.apply(load_balancer("web", &[]));
    assert_eq!(world.app(), "192.0.2.1");

    let mut world = World::new();
    world.apply(gslb("app", Referent::Gateway, "web")).apply(gateway("web", &["192.0.2.1"]));
    world.update();
    world.apply(gateway("web", &[]));
    assert_eq!(world.app(), "192.0.2.1");
    world.apply(Gateway { programmed: false, ..gateway("web", &[]) });
    assert_eq!(world.app(), "nothing (not ready)");
}

#[test]
fn r25_what_a_person_changed_is_no_loss() {
    let balanced = || {
        let mut world = World::new();
        world
            .apply(gslb("app", Referent::Service, "web"))
            .apply(load_balancer("web", &["192.0.2.1"]))
            .apply(slice("web-1", "web", [at("10.0.0.1")]));
        assert_eq!(world.app(), "192.0.2.1");
        world
    };
    let mut world = balanced();
    world.apply(service("web", ServiceType::ClusterIp));
    assert_eq!(world.app(), "nothing (not ready)");

    let mut world = balanced();
    let external = Service { external_ips: texts(&["198.51.100.1"]), ..load_balancer("web", &[]) };
    world.apply(external);
    assert_eq!(world.app(), "198.51.100.1");
    world.apply(load_balancer("web", &[]));
    assert_eq!(world.app(), "nothing (not ready)");

    let mut world = balanced();
    world.apply(load_balancer("web", &[]));
    let bad = Gslb { ip_overrides: texts(&["203.0.113"]), ..gslb("app", Referent::Service, "web") };
    world.apply(bad);
    assert_eq!(world.app(), "nothing (not ready)");
}

#[test]
fn r25_a_hold_of_zero_holds_nothing_and_a_new_one_counts_from_the_loss() {
    let mut world = world();
    world.apply(ingress("web", &[], &["one"])).update();
    world.publisher.configure(Config { address_hold: Duration::from_mins(1), ..Config::new(west()) });
    world.now += 59;
    assert_eq!(world.app(), "192.0.2.1 lb.example.net");
    world.now += 1;
    assert_eq!(world.app(), "nothing (not ready)");

    let mut world = self::world();
    world.publisher.configure(Config { address_hold: Duration::ZERO, ..Config::new(west()) });
    world.apply(ingress("web", &[], &["one"]));
    assert_eq!(world.app(), "nothing (not ready)");
}

/// What a predecessor published, and the objects as they are now, with these addresses.
fn after_a_restart(published: Endpoint, addresses: &[&str]) -> World {
    let mut world = World::new();
    world.publisher.seed([(name(APP), published)]);
    world
        .apply(gslb("app", Referent::Ingress, "web"))
        .apply(ingress("web", addresses, &["one"]))
        .apply(service("one", ServiceType::ClusterIp))
        .apply(slice("one-1", "one", [at("10.0.0.1")]));
    world
}

#[test]
fn r25_a_new_leader_holds_what_the_last_one_published() {
    let published = Endpoint::new(west(), [ip("192.0.2.1")]).changed(77);
    let mut world = after_a_restart(published.clone(), &[]);
    assert_eq!(world.update().hostnames, []);
    assert_eq!(world.endpoint(APP), Some(published.clone()), "to the octet, stamp and all");
    assert_eq!(world.conditions("app"), ["AddressHeld=True AddressesLost"]);
    world.now += 300;
    assert_eq!(world.app(), "nothing (not ready)");

    let mut world = after_a_restart(published.ready(false), &[]);
    assert_eq!(world.app(), "nothing (not ready)", "what was not ready was not lost");
}

#[test]
fn r25_a_new_leader_that_finds_nothing_changed_publishes_nothing() {
    let published = Endpoint::new(west(), [ip("192.0.2.1")]).changed(77);
    let mut world = after_a_restart(published.clone(), &["192.0.2.1"]);
    assert_eq!(world.update().hostnames, []);
    assert_eq!(world.endpoint(APP), Some(published.clone()));

    // What differs is stamped anew, and what nobody claims goes.
    let mut world = after_a_restart(published.clone(), &["192.0.2.2"]);
    let other = (name("old.g.example"), published.clone());
    world.publisher.seed([(name(APP), published), other]);
    let expected = Endpoint::new(west(), [ip("192.0.2.2")]).changed(1000);
    assert_eq!(world.update().hostnames, [(name(APP), Some(expected)), (name("old.g.example"), None)]);
}

#[test]
fn r25_a_replica_that_was_warm_takes_over_the_stamps_of_the_last_leader() {
    let mut world = world();
    let own = world.endpoint(APP).unwrap();
    let leaders = own.clone().changed(77);
    world.publisher.seed([(name(APP), leaders.clone())]);
    world.now += 1;
    assert_eq!(world.update().hostnames, []);
    assert_eq!(world.endpoint(APP), Some(leaders));
    // What the last leader had not got round to is published now.
    world.publisher.seed([]);
    assert_eq!(world.update().hostnames, [(name(APP), Some(own.changed(1001)))]);
}
