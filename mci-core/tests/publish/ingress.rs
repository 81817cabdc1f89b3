//! Ingresses (R15).

use mci_core::publish::{
    BackendPolicy, ConditionType, Gslb, Ingress, IngressBackend, Kind, Referent, ServiceType,
};

use crate::world::{World, at, gslb, ingress, not_ready, service, slice};

/// GSLB `app` of an Ingress `web`, and Services `one` and `two`, of which the first is ready.
fn world(web: Ingress) -> World {
    let mut world = World::new();
    world.apply(gslb("app", Referent::Ingress, "web")).apply(web);
    for name in ["one", "two"] {
        world.apply(service(name, ServiceType::ClusterIp));
    }
    world.apply(slice("one-1", "one", [at("10.0.0.1")])).apply(slice(
        "two-1",
        "two",
        [not_ready("10.0.0.2")],
    ));
    world
}

fn asking_all() -> Gslb {
    Gslb { backend_policy: BackendPolicy::All, ..gslb("app", Referent::Ingress, "web") }
}

#[test]
fn r15_an_ingress_has_every_address_and_name_of_its_status() {
    let mut world = world(ingress("web", &["192.0.2.1", "2001:db8::1"], &["one"]));
    assert_eq!(world.app(), "192.0.2.1 2001:db8::1");
    world.apply(ingress("web", &["lb.example.net"], &["one"]));
    assert_eq!(world.app(), "lb.example.net");
    assert_eq!(world.conditions("app"), [""; 0]);
}

#[test]
fn r15_one_ready_backend_is_enough() {
    let mut world = world(ingress("web", &["192.0.2.1"], &["two", "one", "one"]));
    assert_eq!(world.app(), "192.0.2.1");
    world.apply(slice("one-1", "one", [not_ready("10.0.0.1")]));
    assert_eq!(world.app(), "192.0.2.1 (not ready)");
    assert_eq!(world.conditions("app"), ["Published=False NoReadyEndpoints"]);
    // It is the rules' backends as well as the default one: any Service that is named.
    world.apply(slice("two-1", "two", [at("10.0.0.2")]));
    assert_eq!(world.app(), "192.0.2.1");
}

#[test]
fn r15_backend_policy_all_asks_that_every_backend_is_ready() {
    let mut world = world(ingress("web", &["192.0.2.1"], &["one", "two"]));
    world.apply(asking_all());
    assert_eq!(world.app(), "192.0.2.1 (not ready)");
    assert_eq!(
        world.message("app", ConditionType::Published),
        "backendPolicy is all, and these have no ready endpoint: shop/two"
    );
    world.apply(slice("two-1", "two", [at("10.0.0.2")]));
    assert_eq!(world.app(), "192.0.2.1");
    world.remove(Kind::Service, "two");
    assert_eq!(world.app(), "192.0.2.1 (not ready)");
}

#[test]
fn r15_a_backend_that_does_not_exist_is_said_and_others_work() {
    let mut world = world(ingress("web", &["192.0.2.1"], &["one", "three"]));
    assert_eq!(world.app(), "192.0.2.1");
    assert_eq!(world.conditions("app"), ["ResolvedRefs=False RefNotFound"]);
    assert_eq!(
        world.message("app", ConditionType::ResolvedRefs),
        "Ingress shop/web refers to what does not exist: Service shop/three"
    );
    world.apply(service("three", ServiceType::ClusterIp));
    assert_eq!(world.conditions("app"), [""; 0]);
}

#[test]
fn r15_a_backend_that_is_no_service_never_counts() {
    let bucket = || IngressBackend::Resource("StorageBucket/static".into());
    let only = Ingress { backends: vec![bucket()], ..ingress("web", &["192.0.2.1"], &[]) };
    let mut world = world(only.clone());
    assert_eq!(world.app(), "192.0.2.1 (not ready)");
    assert_eq!(
        world.message("app", ConditionType::Published),
        "it has no backend Service; whether a backend that is no Service is ready cannot be known: \
         StorageBucket/static"
    );
    // Beside Services it neither helps nor harms, with `all` too.
    let both = Ingress { backends: vec![bucket(), IngressBackend::Service("one".into())], ..only };
    world.apply(both);
    assert_eq!(world.app(), "192.0.2.1");
    world.apply(asking_all());
    assert_eq!(world.app(), "192.0.2.1");
}

#[test]
fn r15_an_ingress_without_backends_is_not_ready() {
    // What is left of rules without `http`.
    let mut world = world(ingress("web", &["192.0.2.1"], &[]));
    assert_eq!(world.app(), "192.0.2.1 (not ready)");
    world.apply(asking_all());
    assert_eq!(world.app(), "192.0.2.1 (not ready)");
    assert_eq!(world.message("app", ConditionType::Published), "it has no backend Service");
}

#[test]
fn r15_an_ingress_without_an_address_is_not_ready() {
    let mut world = world(ingress("web", &[], &["one"]));
    assert_eq!(world.app(), "nothing (not ready)");
    assert_eq!(world.conditions("app"), ["Published=False NoAddress"]);
    world.apply(ingress("web", &["192.0.2.1"], &["one"]));
    assert_eq!(world.app(), "192.0.2.1");
}

#[test]
fn r15_an_ingress_that_is_missing_is_found_once_it_is_made() {
    let mut world = World::new();
    world
        .apply(gslb("app", Referent::Ingress, "web"))
        .apply(service("one", ServiceType::ClusterIp))
        .apply(slice("one-1", "one", [at("10.0.0.1")]))
        .apply(ingress("other/web", &["192.0.2.9"], &["one"]));
    assert_eq!(world.app(), "nothing (not ready)", "a reference stays in its own namespace");
    assert_eq!(world.conditions("app"), ["ResolvedRefs=False RefNotFound", "Published=False RefNotFound"]);
    world.apply(ingress("web", &["192.0.2.1"], &["one"]));
    assert_eq!(world.app(), "192.0.2.1");
    world.remove(Kind::Ingress, "web");
    assert_eq!(world.app(), "nothing (not ready)");
}
