//! `ipOverrides` (R18), and addresses that are rejected (R19).

use mci_core::publish::{
    ConditionType, Gateway, Gslb, Kind, Referent, Route, RouteKind, RouteParent, ServiceType,
};

use crate::world::{World, at, gateway, gslb, ingress, load_balancer, object, route, service, slice, texts};

fn overridden(kind: Referent, by: &[&str]) -> Gslb {
    Gslb { ip_overrides: texts(by), ..gslb("app", kind, "web") }
}

#[test]
fn r18_overrides_replace_the_addresses_whatever_they_are() {
    let mut world = World::new();
    world.apply(load_balancer("web", &["192.0.2.1"])).apply(slice("web-1", "web", [at("10.0.0.1")]));
    for (by, expected) in [
        (["203.0.113.2", "203.0.113.1"], "203.0.113.1 203.0.113.2"),
        (["2001:db8::2", "203.0.113.1"], "203.0.113.1 2001:db8::2"),
        (["Edge.Example.net.", "edge.example.net"], "edge.example.net"),
    ] {
        world.apply(overridden(Referent::Service, &by));
        assert_eq!(world.app(), expected);
        assert_eq!(world.conditions("app"), [""; 0]);
    }
    world.apply(gslb("app", Referent::Service, "web"));
    assert_eq!(world.app(), "192.0.2.1");
}

#[test]
fn r18_readiness_still_comes_from_the_backends() {
    let mut world = World::new();
    world
        .apply(overridden(Referent::Service, &["203.0.113.1"]))
        .apply(service("web", ServiceType::ClusterIp));
    assert_eq!(world.app(), "203.0.113.1 (not ready)");
    world.apply(slice("web-1", "web", [at("10.0.0.1")]));
    assert_eq!(world.app(), "203.0.113.1");
    world.remove(Kind::Service, "web");
    assert_eq!(world.app(), "203.0.113.1 (not ready)");
}

#[test]
fn r18_whether_the_object_has_an_address_of_its_own_is_not_asked() {
    let mut world = World::new();
    world
        .apply(overridden(Referent::Ingress, &["203.0.113.1"]))
        .apply(ingress("web", &[], &["one"]))
        .apply(service("one", ServiceType::ClusterIp))
        .apply(slice("one-1", "one", [at("10.0.0.1")]));
    assert_eq!(world.app(), "203.0.113.1");
}

#[test]
fn r18_whether_a_gateway_is_programmed_is_not_asked_but_it_must_exist() {
    let mut world = World::new();
    world.apply(overridden(Referent::Gateway, &["203.0.113.1"]));
    assert_eq!(world.app(), "203.0.113.1 (not ready)");
    world.apply(Gateway { programmed: false, ..gateway("web", &[]) });
    assert_eq!(world.app(), "203.0.113.1");
}

#[test]
fn r18_a_route_must_still_be_accepted() {
    let mut world = World::new();
    let web = route(RouteKind::Http, "web", &["gw"], &["one"]);
    let parents = vec![RouteParent { gateway: object("gw"), accepted: false }];
    world
        .apply(overridden(Referent::Route(RouteKind::Http), &["203.0.113.1"]))
        .apply(service("one", ServiceType::ClusterIp))
        .apply(slice("one-1", "one", [at("10.0.0.1")]))
        .apply(Route { parents, ..web.clone() });
    assert_eq!(world.app(), "203.0.113.1 (not ready)");
    world.apply(web);
    assert_eq!(world.conditions("app"), ["ResolvedRefs=False RefNotFound"], "its Gateway is not there");
    assert_eq!(world.app(), "203.0.113.1");
}

#[test]
fn r18_overrides_of_which_none_is_good_do_not_bring_the_own_addresses_back() {
    let mut world = World::new();
    world
        .apply(overridden(Referent::Service, &["203.0.113.1:443"]))
        .apply(load_balancer("web", &["192.0.2.1"]))
        .apply(slice("web-1", "web", [at("10.0.0.1")]));
    assert_eq!(world.app(), "nothing (not ready)");
    assert_eq!(world.conditions("app"), ["Accepted=False InvalidAddress", "Published=False NoAddress"]);
}

#[test]
fn r19_a_bad_address_is_rejected_and_the_others_work() {
    let mut world = World::new();
    world.apply(load_balancer("web", &["192.0.2.1"])).apply(slice("web-1", "web", [at("10.0.0.1")]));
    for (bad, message) in [
        (
            "203.0.113.1:443",
            "ipOverrides: \"203.0.113.1:443\" is no IPv4 or IPv6 address: write the address alone, without port, \
             length or zone",
        ),
        (
            "203.0.113.0/24",
            "ipOverrides: \"203.0.113.0/24\" is no IPv4 or IPv6 address: write the address alone, without port, \
             length or zone",
        ),
        (
            "192.0.2.256",
            "ipOverrides: \"192.0.2.256\" is no IPv4 or IPv6 address: write the address alone, without port, length \
             or zone",
        ),
        ("0.0.0.0", "ipOverrides: 0.0.0.0 is unspecified: no client could reach this cluster by it"),
        ("::", "ipOverrides: :: is unspecified: no client could reach this cluster by it"),
        (
            "127.0.0.1",
            "ipOverrides: 127.0.0.1 is a loopback address: no client could reach this cluster by it",
        ),
        ("::1", "ipOverrides: ::1 is a loopback address: no client could reach this cluster by it"),
        (
            "224.0.0.1",
            "ipOverrides: 224.0.0.1 is a multicast address: no client could reach this cluster by it",
        ),
        ("ff02::1", "ipOverrides: ff02::1 is a multicast address: no client could reach this cluster by it"),
        (
            "169.254.1.1",
            "ipOverrides: 169.254.1.1 is a link-local address: no client could reach this cluster by it",
        ),
        ("fe80::1", "ipOverrides: fe80::1 is a link-local address: no client could reach this cluster by it"),
        (
            "255.255.255.255",
            "ipOverrides: 255.255.255.255 is the broadcast address: no client could reach this cluster by it",
        ),
        (
            "::ffff:192.0.2.1",
            "ipOverrides: ::ffff:192.0.2.1 is an IPv4 address in IPv6 notation: write 192.0.2.1",
        ),
        (
            "localhost",
            "ipOverrides: localhost is neither an address nor a whole name: write all of it, such as lb.example.net",
        ),
        ("*.example.net", "ipOverrides: *.example.net is no target: a CNAME cannot point to a wildcard"),
        ("", "ipOverrides: the name is empty"),
    ] {
        world.apply(overridden(Referent::Service, &[bad, "203.0.113.1"]));
        assert_eq!(world.app(), "203.0.113.1", "{bad:?}");
        assert_eq!(world.conditions("app"), ["Accepted=False InvalidAddress"], "{bad:?}");
        assert_eq!(world.message("app", ConditionType::Accepted), message);
    }
}

#[test]
fn r19_a_bad_address_in_the_objects_own_status_is_rejected_too() {
    let mut world = World::new();
    world
        .apply(gslb("app", Referent::Service, "web"))
        .apply(load_balancer("web", &["127.0.0.1", "192.0.2.1"]))
        .apply(slice("web-1", "web", [at("10.0.0.1")]));
    assert_eq!(world.app(), "192.0.2.1");
    assert_eq!(
        world.message("app", ConditionType::Accepted),
        "Service shop/web: 127.0.0.1 is a loopback address: no client could reach this cluster by it"
    );
}

#[test]
fn r19_a_bad_fallback_is_rejected_and_the_others_work() {
    let mut world = World::new();
    world
        .apply(Gslb {
            fallback: texts(&["203.0.113.9", "edge.example.net", "203.0.113.9"]),
            ..gslb("app", Referent::Service, "web")
        })
        .apply(load_balancer("web", &["192.0.2.1"]))
        .apply(slice("web-1", "web", [at("10.0.0.1")]));
    assert_eq!(
        world.message("app", ConditionType::Accepted),
        "fallback: \"edge.example.net\" is no IPv4 or IPv6 address"
    );
    let endpoint = world.endpoint(crate::world::APP).unwrap();
    assert_eq!(endpoint.parts().policy.fallback, [crate::world::ip("203.0.113.9")]);
}
