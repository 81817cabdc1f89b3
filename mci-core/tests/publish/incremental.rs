//! A change costs what it touches, and only what differs leaves.

use mci_core::publish::{
    Group, Gslb, GslbName, IngressBackend, Key, Kind, Object, Reference, ReferenceView, Referent, Service,
    ServiceType, ServiceView, Update,
};

use crate::world::{
    APP, IntoObject as _, World, at, gslb, ingress, ip, key, load_balancer, name, node, not_ready, object,
    on, service, slice, texts,
};

/// GSLB `app` of an Ingress `web` with a ready backend `one`, looked at.
fn world() -> World {
    let mut world = World::new();
    world
        .apply(gslb("app", Referent::Ingress, "web"))
        .apply(ingress("web", &["192.0.2.1"], &["one"]))
        .apply(service("one", ServiceType::ClusterIp))
        .apply(slice("one-1", "one", [at("10.0.0.1")]));
    world.update();
    world
}

#[test]
fn r14_what_did_not_change_does_not_leave() {
    let mut world = world();
    assert_eq!(world.after(10), Update::default());
    assert!(!world.publisher.apply(ingress("web", &["192.0.2.1"], &["one"]).object()));
    assert!(!world.publisher.apply(slice("one-1", "one", [at("10.0.0.1"), not_ready("10.0.0.2")]).object()));
    assert!(!world.publisher.remove(&key(Kind::Ingress, "other")));
    assert_eq!(world.after(10), Update::default());
}

#[test]
fn r14_a_count_that_changes_without_readiness_changes_nothing_but_the_count() {
    let mut world = world();
    world.apply(slice("one-1", "one", [at("10.0.0.1"), at("10.0.0.2")]));
    let view = ServiceView { ready_endpoints: 2, addresses: Vec::new() };
    assert_eq!(world.after(10), Update { services: vec![(object("one"), Some(view))], ..Update::default() });
}

#[test]
fn r14_a_change_touches_no_gslb_but_those_that_use_the_object() {
    let mut world = world();
    world
        .apply(Gslb { hostnames: texts(&["other.g.example"]), ..gslb("other", Referent::Service, "lb") })
        .apply(load_balancer("lb", &["192.0.2.2"]))
        .apply(slice("lb-1", "lb", [at("10.0.0.3")]));
    world.update();
    world.apply(slice("one-1", "one", [not_ready("10.0.0.1")]));
    let update = world.after(10);
    let touched: Vec<_> = update.hostnames.iter().map(|(hostname, _)| hostname.to_string()).collect();
    assert_eq!(touched, [APP]);
    assert_eq!(update.gslbs.len(), 1);
    // The stamp is of the last change of that hostname, not of the last update.
    let stamps: Vec<u32> =
        world.publisher.hostnames().map(|(_, endpoint)| endpoint.parts().changed).collect();
    assert_eq!(stamps, [1010, 1000]);
}

#[test]
fn r14_what_is_not_used_is_not_shown() {
    let mut world = World::new();
    world
        .apply(service("idle", ServiceType::ClusterIp))
        .apply(slice("idle-1", "idle", [at("10.0.0.1")]))
        .apply(ingress("idle", &["192.0.2.1"], &["idle"]));
    assert_eq!(world.update(), Update::default());
    let mut world = self::world();
    world.remove(Kind::Gslb(Group::Mci), "app");
    let update = world.update();
    assert_eq!(update.services, [(object("one"), None)]);
    assert_eq!(update.references, [(Reference::new(Referent::Ingress, object("web")), None)]);
}

#[test]
fn r15_a_referent_is_shown_with_the_version_at_which_it_last_changed() {
    let mut world = world();
    let shown = |world: &mut World, version: &str, address: &str| {
        let changed = ingress("web", &[address], &["one"]);
        world
            .publisher
            .apply(Object::Ingress(mci_core::publish::Ingress { version: version.into(), ..changed }));
        world.update().references
    };
    assert_eq!(shown(&mut world, "2", "192.0.2.1"), [], "nothing that it offers differs");
    let view = ReferenceView {
        version: "3".into(),
        addresses: vec![ip("192.0.2.2")],
        targets: Vec::new(),
        ready: true,
    };
    let web = Reference::new(Referent::Ingress, object("web"));
    assert_eq!(shown(&mut world, "3", "192.0.2.2"), [(web, Some(view))]);
}

#[test]
fn r14_a_relist_is_one_batch_that_replaces_what_was_there() {
    let mut world = world();
    world.apply(service("two", ServiceType::ClusterIp)).apply(slice("two-1", "two", [at("10.0.0.2")]));
    // The list lacks `one`, and has a Service that is new.
    let list = [service("two", ServiceType::ClusterIp), service("three", ServiceType::ClusterIp)];
    assert!(world.publisher.reset(Kind::Service, list.map(Object::Service)));
    assert_eq!(world.app(), "192.0.2.1 (not ready)");
    world.apply(ingress("web", &["192.0.2.1"], &["two"]));
    assert_eq!(world.app(), "192.0.2.1");
    let same = [service("three", ServiceType::ClusterIp), service("two", ServiceType::ClusterIp)];
    assert!(!world.publisher.reset(Kind::Service, same.map(Object::Service)));
    assert!(world.publisher.reset(Kind::Gslb(Group::Mci), []));
    assert_eq!(world.endpoint(APP), None);
    for kind in [Kind::EndpointSlice, Kind::Ingress] {
        assert!(world.publisher.reset(kind, []), "{kind:?}");
        assert!(!world.publisher.reset(kind, []), "{kind:?}");
    }
}

#[test]
fn r14_a_relist_that_brings_everything_back_changes_nothing() {
    let mut world = world();
    let relisted = gslb("app", Referent::Ingress, "web");
    assert!(!world.publisher.reset(Kind::Gslb(Group::Mci), [Object::Gslb(relisted)]));
    assert!(!world.publisher.reset(Kind::Gslb(Group::Cyclops), []), "each group has a list of its own");
    assert_eq!(world.update(), Update::default());
}

#[test]
fn r19_a_gslb_that_is_renamed_keeps_its_hostname() {
    let mut world = world();
    world.remove(Kind::Gslb(Group::Mci), "app").apply(gslb("renamed", Referent::Ingress, "web"));
    let update = world.update();
    assert_eq!(update.hostnames, [], "the same content");
    let statuses: Vec<_> =
        update.gslbs.iter().map(|(name, status)| (name.to_string(), status.is_some())).collect();
    let group = "(multicluster.veccsolutions.io)";
    assert_eq!(statuses, [(format!("shop/app {group}"), false), (format!("shop/renamed {group}"), true)]);
}

#[test]
fn r16_a_node_touches_only_services_that_have_its_addresses() {
    let mut world = World::new();
    world
        .apply(gslb("app", Referent::Service, "web"))
        .apply(service("web", ServiceType::NodePort))
        .apply(node("a", &["198.51.100.1"], &[]))
        .apply(slice("web-1", "web", [on("a", "10.0.0.1")]));
    assert_eq!(world.app(), "198.51.100.1");
    world.apply(node("b", &["198.51.100.2"], &[]));
    assert_eq!(world.update(), Update::default());
    // Of another type, it no longer follows the node.
    world
        .apply(Service { load_balancer: texts(&["192.0.2.1"]), ..service("web", ServiceType::LoadBalancer) });
    assert_eq!(world.app(), "192.0.2.1");
    world.apply(node("a", &["198.51.100.9"], &[]));
    assert_eq!(world.update(), Update::default());
}

#[test]
fn r23_another_cluster_identifier_changes_every_endpoint() {
    let mut world = world();
    world.publisher.configure(mci_core::publish::Config::new("east".parse().unwrap()));
    let update = world.after(5);
    assert_eq!(update.gslbs, []);
    let [(hostname, Some(endpoint))] = &update.hostnames[..] else { panic!("{update:?}") };
    assert_eq!((hostname, endpoint.cluster().as_str()), (&name(APP), "east"));
    assert_eq!(endpoint.parts().changed, 1005);
}

#[test]
fn r19_many_gslbs_of_one_object_all_follow_it() {
    let mut world = World::new();
    for number in 0..500 {
        let name = GslbName::new(Group::Mci, "shop", format!("n{number}"));
        let hostnames = vec![format!("n{number}.g.example")];
        world.apply(Gslb { hostnames, ..Gslb::new(name, Referent::Ingress, "web") });
    }
    let web = ingress("web", &["192.0.2.1"], &[]);
    let backends = vec![IngressBackend::Service("one".into())];
    world
        .apply(mci_core::publish::Ingress { backends, ..web })
        .apply(service("one", ServiceType::ClusterIp))
        .apply(slice("one-1", "one", [at("10.0.0.1")]));
    assert_eq!(world.update().hostnames.len(), 500);
    assert!(world.publisher.remove(&Key::new(Kind::EndpointSlice, object("one-1"))));
    assert_eq!(world.update().hostnames.len(), 500);
    assert!(world.publisher.hostnames().all(|(_, endpoint)| !endpoint.is_ready()));
}
