//! The Gateway API (R17).

use mci_core::publish::{
    BackendPolicy, ConditionType, Gateway, Gslb, Kind, Referent, Route, RouteKind, RouteParent, ServiceType,
};

use crate::world::{World, at, gateway, grant, gslb, not_ready, object, route, service, slice};

const HTTP: Referent = Referent::Route(RouteKind::Http);

/// GSLB `app` of an object `web`, Gateways `gw` and `infra/gw`, and Services `one`, ready, and `two`.
fn world(kind: Referent) -> World {
    let mut world = World::new();
    world
        .apply(gslb("app", kind, "web"))
        .apply(gateway("gw", &["192.0.2.1", "2001:db8::1"]))
        .apply(gateway("infra/gw", &["192.0.2.2"]));
    for name in ["one", "two", "data/one"] {
        world.apply(service(name, ServiceType::ClusterIp));
    }
    world
        .apply(slice("one-1", "one", [at("10.0.0.1")]))
        .apply(slice("two-1", "two", [not_ready("10.0.0.2")]))
        .apply(slice("data/one-1", "one", [at("10.0.0.3")]));
    world
}

#[test]
fn r17_a_gateway_is_ready_when_it_is_programmed() {
    let mut world = world(Referent::Gateway);
    let web = gateway("web", &["192.0.2.3", "gw.example.net"]);
    world.apply(Gateway { programmed: false, ..web.clone() });
    assert_eq!(world.app(), "192.0.2.3 gw.example.net (not ready)");
    assert_eq!(world.conditions("app"), ["Published=False NotProgrammed", "NamesIgnored=True NamesIgnored"]);
    world.apply(web);
    assert_eq!(world.app(), "192.0.2.3 gw.example.net");
}

#[test]
fn r17_a_route_of_each_kind_has_the_addresses_of_its_gateway() {
    for kind in [RouteKind::Http, RouteKind::Grpc, RouteKind::Tls] {
        let mut world = world(Referent::Route(kind));
        world.apply(route(kind, "web", &["gw"], &["two", "one"]));
        assert_eq!(world.app(), "192.0.2.1 2001:db8::1", "{kind:?}");
        assert_eq!(world.conditions("app"), [""; 0], "{kind:?}");
        world.apply(gateway("gw", &["192.0.2.7"]));
        assert_eq!(world.app(), "192.0.2.7", "{kind:?}");
    }
}

#[test]
fn r17_routes_of_different_kinds_do_not_stand_for_each_other() {
    let mut world = world(HTTP);
    world.apply(route(RouteKind::Grpc, "web", &["gw"], &["one"]));
    assert_eq!(world.conditions("app"), ["ResolvedRefs=False RefNotFound", "Published=False RefNotFound"]);
}

#[test]
fn r17_a_route_is_not_ready_without_a_ready_backend() {
    let mut world = world(HTTP);
    world.apply(route(RouteKind::Http, "web", &["gw"], &["two"]));
    assert_eq!(world.app(), "192.0.2.1 2001:db8::1 (not ready)");
    assert_eq!(world.conditions("app"), ["Published=False NoReadyEndpoints"]);
    world.apply(route(RouteKind::Http, "web", &["gw"], &[]));
    assert_eq!(world.message("app", ConditionType::Published), "it has no backend Service");
}

#[test]
fn r17_a_route_of_several_parents_has_the_addresses_of_those_that_accepted_it() {
    let mut world = world(HTTP);
    let parents = |first, second| {
        let parent = |gateway, accepted| RouteParent { gateway: object(gateway), accepted };
        Route {
            parents: vec![parent("gw", first), parent("infra/gw", second)],
            ..route(RouteKind::Http, "web", &[], &["one"])
        }
    };
    world.apply(parents(true, true));
    assert_eq!(world.app(), "192.0.2.1 192.0.2.2 2001:db8::1");
    world.apply(parents(false, true));
    assert_eq!(world.app(), "192.0.2.2");
    world.apply(parents(false, false));
    assert_eq!(world.app(), "nothing (not ready)");
    assert_eq!(world.conditions("app"), ["Published=False NotAccepted"]);
    // Two sections of one Gateway, of which one accepted it.
    let sections = vec![
        RouteParent { gateway: object("gw"), accepted: false },
        RouteParent { gateway: object("gw"), accepted: true },
    ];
    world.apply(Route { parents: sections, ..parents(true, true) });
    assert_eq!(world.app(), "192.0.2.1 2001:db8::1");
}

#[test]
fn r17_a_gateway_that_is_gone_takes_its_addresses_with_it() {
    let mut world = world(HTTP);
    world.apply(route(RouteKind::Http, "web", &["gw", "infra/gw"], &["one"]));
    assert_eq!(world.app(), "192.0.2.1 192.0.2.2 2001:db8::1");
    world.remove(Kind::Gateway, "gw");
    assert_eq!(world.app(), "192.0.2.2");
    assert_eq!(world.conditions("app"), ["ResolvedRefs=False RefNotFound"]);
    world.remove(Kind::Gateway, "infra/gw");
    assert_eq!(world.app(), "nothing (not ready)", "deletion acts at once");
    assert_eq!(world.conditions("app"), ["ResolvedRefs=False RefNotFound", "Published=False NoAddress"]);
}

#[test]
fn r17_a_backend_of_another_namespace_counts_only_with_a_grant() {
    let granted = [
        (grant("data/g", "shop", None), true),
        (grant("data/g", "shop", Some("one")), true),
        (grant("data/g", "shop", Some("two")), false),
        (grant("data/g", "elsewhere", None), false),
        // A grant is for the namespace that it is in.
        (grant("shop/g", "shop", None), false),
        (grant("data-2/g", "shop", None), false),
    ];
    for (grant, expected) in granted {
        let mut world = world(HTTP);
        world.apply(route(RouteKind::Http, "web", &["gw"], &["data/one"]));
        assert_eq!(world.app(), "192.0.2.1 2001:db8::1 (not ready)");
        assert_eq!(
            world.conditions("app"),
            ["ResolvedRefs=False RefNotPermitted", "Published=False NoReadyEndpoints"]
        );
        let name = grant.name.to_string();
        world.apply(grant.clone());
        let ready = world.app() == "192.0.2.1 2001:db8::1";
        assert_eq!(ready, expected, "{grant:?}");
        world.remove(Kind::ReferenceGrant, &name);
        assert_eq!(world.app(), "192.0.2.1 2001:db8::1 (not ready)", "{grant:?}");
    }
}

#[test]
fn r17_a_grant_is_for_the_kind_of_route_that_it_names() {
    let mut world = world(Referent::Route(RouteKind::Grpc));
    world.apply(route(RouteKind::Grpc, "web", &["gw"], &["data/one"])).apply(grant("data/g", "shop", None));
    assert_eq!(world.app(), "192.0.2.1 2001:db8::1 (not ready)");
}

#[test]
fn r17_a_backend_that_is_not_permitted_is_said_and_others_work() {
    let mut world = world(HTTP);
    world.apply(route(RouteKind::Http, "web", &["gw"], &["one", "data/one"]));
    assert_eq!(world.app(), "192.0.2.1 2001:db8::1");
    assert_eq!(world.conditions("app"), ["ResolvedRefs=False RefNotPermitted"]);
    world.apply(Gslb { backend_policy: BackendPolicy::All, ..gslb("app", HTTP, "web") });
    assert_eq!(world.app(), "192.0.2.1 2001:db8::1 (not ready)");
    world.apply(grant("data/g", "shop", None));
    assert_eq!(world.app(), "192.0.2.1 2001:db8::1");
}

#[test]
fn r17_without_the_resource_types_everything_else_works() {
    let mut world = world(HTTP);
    world.apply(route(RouteKind::Http, "web", &["gw"], &["one"]));
    assert_eq!(world.app(), "192.0.2.1 2001:db8::1");
    for kind in [Kind::Gateway, Kind::Route(RouteKind::Http), Kind::ReferenceGrant] {
        world.publisher.set_installed(kind, false);
    }
    assert_eq!(world.app(), "nothing (not ready)");
    assert_eq!(
        world.message("app", ConditionType::ResolvedRefs),
        "HTTPRoute shop/web cannot be found: HTTPRoute is not installed in this cluster"
    );
    // They are installed later, and listed.
    for kind in [Kind::Gateway, Kind::Route(RouteKind::Http), Kind::ReferenceGrant] {
        world.publisher.set_installed(kind, true);
    }
    assert_eq!(world.message("app", ConditionType::ResolvedRefs), "HTTPRoute shop/web does not exist");
    world.apply(gateway("gw", &["192.0.2.1"])).apply(route(RouteKind::Http, "web", &["gw"], &["one"]));
    assert_eq!(world.app(), "192.0.2.1");
}
