//! Services, their slices and their nodes (R14, R16).

use mci_core::publish::{EndpointSlice, Kind, Referent, Service, ServiceType, ServiceView, SliceEndpoint};

use crate::world::{World, at, gslb, ip, load_balancer, node, not_ready, object, on, service, slice};

/// GSLB `app` of a Service `web`.
fn world(web: Service) -> World {
    let mut world = World::new();
    world.apply(gslb("app", Referent::Service, "web")).apply(web);
    world
}

/// Behind a load balancer, with these endpoints in one slice.
fn balanced(endpoints: impl Into<Vec<SliceEndpoint>>) -> World {
    let mut world = world(load_balancer("web", &["192.0.2.1"]));
    world.apply(slice("web-1", "web", endpoints));
    world
}

#[test]
fn r14_an_endpoint_counts_when_ready_is_true_or_absent_and_nothing_else_is_asked() {
    let says = |ready, serving, terminating| SliceEndpoint { ready, serving, terminating, ..at("10.0.0.1") };
    for (endpoint, expected) in [
        (says(None, None, None), "192.0.2.1"),
        (says(Some(true), None, None), "192.0.2.1"),
        (says(Some(true), Some(true), Some(false)), "192.0.2.1"),
        // A Service that publishes what is not ready has ready endpoints that terminate.
        (says(Some(true), Some(true), Some(true)), "192.0.2.1"),
        (says(Some(false), None, None), "192.0.2.1 (not ready)"),
        (says(Some(false), Some(true), Some(true)), "192.0.2.1 (not ready)"),
        (says(Some(false), Some(true), Some(false)), "192.0.2.1 (not ready)"),
    ] {
        assert_eq!(balanced([endpoint.clone()]).app(), expected, "{endpoint:?}");
    }
}

#[test]
fn r14_an_address_alone_makes_nothing_ready() {
    let mut world = world(load_balancer("web", &["192.0.2.1"]));
    assert_eq!(world.app(), "192.0.2.1 (not ready)");
    assert_eq!(world.conditions("app"), ["Published=False NoReadyEndpoints"]);
    world.apply(slice("web-1", "web", []));
    assert_eq!(world.app(), "192.0.2.1 (not ready)");
}

#[test]
fn r14_a_service_is_ready_while_any_of_its_slices_has_a_ready_endpoint() {
    let mut world = balanced([not_ready("10.0.0.1")]);
    assert_eq!(world.app(), "192.0.2.1 (not ready)");
    world.apply(slice("web-2", "web", [not_ready("10.0.0.2"), at("10.0.0.3")]));
    assert_eq!(world.app(), "192.0.2.1");
    world.remove(Kind::EndpointSlice, "web-2");
    assert_eq!(world.app(), "192.0.2.1 (not ready)");
}

#[test]
fn r14_slices_are_found_by_their_label_in_the_same_namespace() {
    let mut world = world(load_balancer("web", &["192.0.2.1"]));
    world
        .apply(slice("other/web-1", "web", [at("10.0.0.1")]))
        .apply(slice("web-2", "webb", [at("10.0.0.2")]))
        .apply(EndpointSlice { service: None, ..slice("web-3", "", [at("10.0.0.3")]) });
    assert_eq!(world.app(), "192.0.2.1 (not ready)");
    // The same slice gets the label, and loses it again.
    world.apply(slice("web-3", "web", [at("10.0.0.3")]));
    assert_eq!(world.app(), "192.0.2.1");
    world.apply(slice("web-3", "webb", [at("10.0.0.3")]));
    assert_eq!(world.app(), "192.0.2.1 (not ready)");
}

#[test]
fn r14_a_service_that_is_deleted_is_not_ready_at_once() {
    let mut world = balanced([at("10.0.0.1")]);
    assert_eq!(world.app(), "192.0.2.1");
    world.remove(Kind::Service, "web");
    assert_eq!(world.app(), "nothing (not ready)");
    assert_eq!(world.conditions("app"), ["ResolvedRefs=False RefNotFound", "Published=False RefNotFound"]);
    world.apply(load_balancer("web", &["192.0.2.2"]));
    assert_eq!(world.app(), "192.0.2.2", "the slices were there all the time");
}

#[test]
fn r14_an_endpoint_that_is_in_two_slices_or_in_both_families_counts_once() {
    let view = |world: &mut World| world.update().services;
    let mut world = balanced([at("10.0.0.1"), at("10.0.0.2")]);
    let counted =
        |ready_endpoints| [(object("web"), Some(ServiceView { ready_endpoints, addresses: Vec::new() }))];
    assert_eq!(view(&mut world), counted(2));
    world.apply(slice("web-2", "web", [at("10.0.0.2")]));
    assert_eq!(view(&mut world), []);
    world.apply(slice("web-v6", "web", [at("2001:db8::1"), at("2001:db8::2")]));
    assert_eq!(view(&mut world), []);
    world.apply(slice("web-v6", "web", [at("2001:db8::1"), at("2001:db8::2"), at("2001:db8::3")]));
    assert_eq!(view(&mut world), counted(3));
}

#[test]
fn r16_a_load_balancer_has_every_address_of_its_status() {
    let mut world = world(load_balancer("web", &["192.0.2.2", "2001:db8::1", "192.0.2.1", "192.0.2.2"]));
    world.apply(slice("web-1", "web", [at("10.0.0.1")]));
    assert_eq!(world.app(), "192.0.2.1 192.0.2.2 2001:db8::1");
}

#[test]
fn r16_a_load_balancer_may_have_a_name() {
    let mut world = world(load_balancer("web", &["LB-1.Example.net."]));
    world.apply(slice("web-1", "web", [at("10.0.0.1")]));
    assert_eq!(world.app(), "lb-1.example.net");
    assert_eq!(world.conditions("app"), [""; 0]);
}

#[test]
fn r16_external_addresses_stand_in_place_of_the_status() {
    let mut world = balanced([at("10.0.0.1")]);
    let web = load_balancer("web", &["192.0.2.1"]);
    world.apply(Service { external_ips: vec!["198.51.100.1".to_owned()], ..web });
    assert_eq!(world.app(), "198.51.100.1");
}

#[test]
fn r16_a_load_balancer_without_an_address_is_not_ready() {
    let mut world = world(load_balancer("web", &[]));
    world.apply(slice("web-1", "web", [at("10.0.0.1")]));
    assert_eq!(world.app(), "nothing (not ready)");
    assert_eq!(world.conditions("app"), ["Published=False NoAddress"]);
}

#[test]
fn r16_an_external_name_is_a_target_and_always_ready() {
    let named = |name: &str| Service {
        external_name: Some(name.into()),
        ..service("web", ServiceType::ExternalName)
    };
    let mut world = world(named("app.example.net"));
    assert_eq!(world.app(), "app.example.net");
    assert_eq!(world.conditions("app"), [""; 0]);
    // Kubernetes takes it for a name of digits, which no resolver finds.
    world.apply(named("192.0.2.1"));
    assert_eq!(world.app(), "nothing (not ready)");
    assert_eq!(world.conditions("app"), ["Accepted=False InvalidAddress", "Published=False NoAddress"]);
}

#[test]
fn r16_a_node_port_has_the_nodes_that_hold_a_ready_endpoint() {
    let mut world = world(service("web", ServiceType::NodePort));
    world
        .apply(node("a", &["198.51.100.1", "2001:db8::1"], &["10.1.0.1"]))
        .apply(node("b", &[], &["10.1.0.2"]))
        .apply(node("c", &["198.51.100.3"], &["10.1.0.3"]))
        .apply(node("idle", &["198.51.100.4"], &[]));
    let held_back = SliceEndpoint { ready: Some(false), ..on("c", "10.0.0.3") };
    world.apply(slice(
        "web-1",
        "web",
        [on("a", "10.0.0.1"), on("a", "10.0.0.9"), on("b", "10.0.0.2"), held_back],
    ));
    assert_eq!(world.app(), "10.1.0.2 198.51.100.1 2001:db8::1");

    world.apply(node("b", &["198.51.100.2"], &["10.1.0.2"]));
    assert_eq!(world.app(), "198.51.100.1 198.51.100.2 2001:db8::1");
    world.remove(Kind::Node, "/a");
    assert_eq!(world.app(), "198.51.100.2");
    world.apply(slice("web-1", "web", [on("idle", "10.0.0.4")]));
    assert_eq!(world.app(), "198.51.100.4");
    world.apply(slice("web-1", "web", []));
    assert_eq!(world.app(), "nothing (not ready)");
    assert_eq!(world.conditions("app"), ["Published=False NoReadyEndpoints"]);
}

#[test]
fn r16_a_node_port_whose_nodes_are_unknown_has_no_address() {
    let mut world = world(service("web", ServiceType::NodePort));
    world.apply(slice("web-1", "web", [on("a", "10.0.0.1"), at("10.0.0.2")]));
    assert_eq!(world.app(), "nothing (not ready)");
    assert_eq!(world.conditions("app"), ["Published=False NoAddress"]);
    world.apply(node("a", &[], &["10.1.0.1"]));
    assert_eq!(world.app(), "10.1.0.1");
}

#[test]
fn r16_a_headless_service_has_its_ready_endpoints_own_addresses() {
    let mut world = world(service("web", ServiceType::Headless));
    world.apply(slice("web-1", "web", [at("10.0.0.2"), at("10.0.0.1"), not_ready("10.0.0.3")])).apply(slice(
        "web-2",
        "web",
        [at("10.0.0.2"), at("2001:db8::1")],
    ));
    assert_eq!(world.app(), "10.0.0.1 10.0.0.2 2001:db8::1");
    world.apply(slice("web-1", "web", [at("10.0.0.2")]));
    let view = ServiceView { ready_endpoints: 1, addresses: vec![ip("10.0.0.2"), ip("2001:db8::1")] };
    assert_eq!(world.update().services, [(object("web"), Some(view))]);
}

#[test]
fn r16_a_cluster_ip_has_no_address_of_its_own() {
    let mut world = world(service("web", ServiceType::ClusterIp));
    world.apply(slice("web-1", "web", [at("10.0.0.1")]));
    assert_eq!(world.app(), "nothing (not ready)");
    assert_eq!(world.conditions("app"), ["Published=False NoAddress"]);
}
