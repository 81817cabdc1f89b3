//! Each kind of object that a GSLB may name, from its manifest to the answer.

use mci_tests::world::{INGRESSES, NODE, World, gslb, ingress, service};
use serde_json::json;

use crate::here;

#[test]
fn r15_an_ingress_is_answered_while_a_backend_is_ready() {
    if !here() {
        return;
    }
    let world = World::shared();
    let name = "app.ingress.gslb.example.com";
    world.publish("team-ingress", "app", name, "192.0.2.1");
    world.answers(name, "A", "192.0.2.1");
    world.answers(name, "AAAA", "NODATA");
    world.answers("other.ingress.gslb.example.com", "A", "NXDOMAIN");

    world.cluster().scale("team-ingress", "app", 0);
    world.answers(name, "A", "NODATA");
    world.cluster().scale("team-ingress", "app", 2);
    world.answers(name, "A", "192.0.2.1");

    // Every address and name of its load balancer.
    world.cluster().set_addresses(
        INGRESSES,
        "team-ingress",
        "app",
        &["192.0.2.2", "192.0.2.3", "2001:db8::1"],
    );
    world.answers(name, "A", "192.0.2.2 192.0.2.3");
    world.answers(name, "AAAA", "2001:db8::1");
    world.cluster().set_addresses(INGRESSES, "team-ingress", "app", &["lb.example.net"]);
    world.answers(name, "A", "CNAME lb.example.net.");
}

#[test]
fn r15_an_ingress_with_every_backend_asked_for_is_ready_with_all_of_them() {
    if !here() {
        return;
    }
    let world = World::shared();
    let (team, name) = ("team-all", "app.all.gslb.example.com");
    world.deploy(team, "one", 1);
    world.deploy(team, "two", 1);
    let mut object = ingress(team, "app", "one");
    let path = json!({"path": "/two", "pathType": "Prefix", "backend": {"service": {"name": "two", "port": {"name": "http"}}}});
    object["spec"]["rules"] = json!([{"host": "app.example.net", "http": {"paths": [path]}}]);
    world.apply(&object);
    world.cluster().set_addresses(INGRESSES, team, "app", &["192.0.2.9"]);
    let mut claim = gslb(team, "app", ("Ingress", "app"), &[name]);
    claim["spec"]["backendPolicy"] = "all".into();
    world.apply(&claim);
    world.answers(name, "A", "192.0.2.9");
    world.cluster().scale(team, "two", 0);
    world.answers(name, "A", "NODATA");
    world.wait_for_condition(team, "app", "Published", "False NoReadyEndpoints");
    claim["spec"]["backendPolicy"] = "any".into();
    world.apply(&claim);
    world.answers(name, "A", "192.0.2.9");
}

#[test]
fn r16_a_load_balancer_service_is_answered_with_its_addresses() {
    if !here() {
        return;
    }
    let world = World::shared();
    let (team, name) = ("team-lb", "app.lb.gslb.example.com");
    world.deploy(team, "app", 1);
    world.apply(&service(team, "lb", "app", &json!({"type": "LoadBalancer"})));
    world.apply(&gslb(team, "lb", ("Service", "lb"), &[name]));
    world.answers(name, "A", "NODATA");
    world.wait_for_condition(team, "lb", "Published", "False NoAddress");
    world.cluster().set_addresses("services", team, "lb", &["192.0.2.11", "2001:db8::11"]);
    world.answers(name, "A", "192.0.2.11");
    world.answers(name, "AAAA", "2001:db8::11");
    world.wait_for_condition(team, "lb", "Published", "True Published");
    world.cluster().scale(team, "app", 0);
    world.answers(name, "A", "NODATA");
    world.answers(name, "AAAA", "NODATA");
}

#[test]
fn r16_a_node_port_service_is_answered_with_the_nodes_of_its_endpoints() {
    if !here() {
        return;
    }
    let world = World::shared();
    let (team, name) = ("team-np", "app.np.gslb.example.com");
    world.deploy(team, "app", 2);
    world.apply(&service(team, "np", "app", &json!({"type": "NodePort"})));
    world.apply(&gslb(team, "np", ("Service", "np"), &[name]));
    // Its address from outside, and not the other.
    world.answers(name, "A", NODE.1);
    world.cluster().scale(team, "app", 0);
    world.answers(name, "A", "NODATA");
}

#[test]
fn r16_a_headless_service_is_answered_with_its_ready_endpoints() {
    if !here() {
        return;
    }
    let world = World::shared();
    let (team, name) = ("team-headless", "app.headless.gslb.example.com");
    world.deploy(team, "app", 3);
    world.apply(&service(team, "headless", "app", &json!({"clusterIP": "None"})));
    world.apply(&gslb(team, "headless", ("Service", "headless"), &[name]));
    for replicas in [3, 1, 2] {
        world.cluster().scale(team, "app", u32::try_from(replicas).unwrap());
        world.cluster().wait_for_ready(team, "headless", replicas);
        let addresses: Vec<String> = world.cluster().ready_addresses(team, "headless").into_iter().collect();
        world.answers(name, "A", &addresses.join(" "));
    }
}

#[test]
fn r16_an_external_name_service_is_answered_with_its_name() {
    if !here() {
        return;
    }
    let world = World::shared();
    let (team, name) = ("team-external", "app.external.gslb.example.com");
    world.cluster().namespace(team);
    let external = json!({"type": "ExternalName", "externalName": "elsewhere.example.net", "selector": null, "ports": null});
    world.apply(&service(team, "external", "app", &external));
    world.apply(&gslb(team, "external", ("Service", "external"), &[name]));
    world.answers(name, "A", "CNAME elsewhere.example.net.");
    world.answers(name, "TXT", "CNAME elsewhere.example.net.");
}

#[test]
fn r17_a_gateway_and_its_route_are_answered_once_the_gateway_api_is_installed() {
    if !here() || !mci_tests::require::present(&[mci_tests::require::Component::GatewayApi]) {
        return;
    }
    let world = World::shared();
    let (team, routed, whole) = ("team-gateway", "route.gw.gslb.example.com", "all.gw.gslb.example.com");
    world.deploy(team, "app", 1);
    world.apply(&gslb(team, "route", ("HTTPRoute", "app"), &[routed]));
    world.apply(&gslb(team, "gateway", ("Gateway", "gateway"), &[whole]));
    world.wait_for_condition(team, "route", "ResolvedRefs", "False RefNotFound");
    world.answers(routed, "A", "NODATA");

    world.cluster().apply_gateway_api();
    let listeners = json!([{"name": "http", "port": 80, "protocol": "HTTP"}]);
    world.apply(&json!({
        "apiVersion": "gateway.networking.k8s.io/v1",
        "kind": "Gateway",
        "metadata": {"name": "gateway", "namespace": team},
        "spec": {"gatewayClassName": "test", "listeners": listeners},
    }));
    world.apply(&json!({
        "apiVersion": "gateway.networking.k8s.io/v1",
        "kind": "HTTPRoute",
        "metadata": {"name": "app", "namespace": team},
        "spec": {
            "parentRefs": [{"name": "gateway"}],
            "rules": [{"backendRefs": [{"name": "app", "port": 80}]}],
        },
    }));
    world.wait_for_condition(team, "route", "Published", "False NotAccepted");
    world.cluster().set_gateway_addresses(team, "gateway", &["192.0.2.21", "2001:db8::21"]);
    let http_routes = "httproutes.gateway.networking.k8s.io";
    world.cluster().set_route_accepted(http_routes, team, "app", "gateway", true);
    for name in [routed, whole] {
        world.answers(name, "A", "192.0.2.21");
        world.answers(name, "AAAA", "2001:db8::21");
    }
    // The other kinds of routes; one backend is another team's, which has to allow it.
    world.deploy("team-backend", "app", 1);
    for (kind, resource, version) in [("GRPCRoute", "grpcroutes", "v1"), ("TLSRoute", "tlsroutes", "v1")] {
        let (name, backend) =
            (kind.to_lowercase(), json!({"name": "app", "namespace": "team-backend", "port": 80}));
        let mut spec = json!({"parentRefs": [{"name": "gateway"}], "rules": [{"backendRefs": [backend]}]});
        if kind == "TLSRoute" {
            spec["hostnames"] = json!(["app.example.net"]);
        }
        world.apply(&json!({
            "apiVersion": format!("gateway.networking.k8s.io/{version}"),
            "kind": kind,
            "metadata": {"name": name, "namespace": team},
            "spec": spec,
        }));
        let resource = format!("{resource}.gateway.networking.k8s.io");
        world.cluster().set_route_accepted(&resource, team, &name, "gateway", true);
        let hostname = format!("{name}.gw.gslb.example.com");
        world.apply(&gslb(team, &name, (kind, &name), &[&hostname]));
        world.wait_for_condition(team, &name, "ResolvedRefs", "False RefNotPermitted");
        world.answers(&hostname, "A", "NODATA");
        world.apply(&json!({
            "apiVersion": "gateway.networking.k8s.io/v1beta1",
            "kind": "ReferenceGrant",
            "metadata": {"name": name, "namespace": "team-backend"},
            "spec": {
                "from": [{"group": "gateway.networking.k8s.io", "kind": kind, "namespace": team}],
                "to": [{"group": "", "kind": "Service"}],
            },
        }));
        world.answers(&hostname, "A", "192.0.2.21");
        world.delete("referencegrants.gateway.networking.k8s.io", "team-backend", &name);
        world.answers(&hostname, "A", "NODATA");
    }

    world.cluster().set_route_accepted(http_routes, team, "app", "gateway", false);
    world.answers(routed, "A", "NODATA");
    world.cluster().set_route_accepted(http_routes, team, "app", "gateway", true);
    world.answers(routed, "A", "192.0.2.21");
    world.cluster().scale(team, "app", 0);
    world.answers(routed, "A", "NODATA");
}

#[test]
fn r18_overrides_take_the_place_of_the_addresses_and_not_of_readiness() {
    if !here() {
        return;
    }
    let world = World::shared();
    let (team, name) = ("team-overrides", "app.overrides.gslb.example.com");
    world.deploy(team, "app", 1);
    let mut claim = gslb(team, "app", ("Service", "app"), &[name]);
    // A ClusterIP Service has no address of its own.
    world.apply(&claim);
    world.wait_for_condition(team, "app", "Published", "False NoAddress");
    for (overrides, v4, v6) in [
        (json!(["192.0.2.31"]), "192.0.2.31", "NODATA"),
        (json!(["2001:db8::31", "2001:db8::32"]), "NODATA", "2001:db8::31 2001:db8::32"),
        (json!(["192.0.2.32", "2001:db8::33"]), "192.0.2.32", "2001:db8::33"),
        (json!(["cdn.example.net"]), "CNAME cdn.example.net.", "CNAME cdn.example.net."),
    ] {
        claim["spec"]["ipOverrides"] = overrides;
        world.apply(&claim);
        world.answers(name, "A", v4);
        world.answers(name, "AAAA", v6);
    }
    world.cluster().scale(team, "app", 0);
    world.answers(name, "A", "NODATA");
    world.cluster().scale(team, "app", 1);
    world.answers(name, "A", "CNAME cdn.example.net.");
}

#[test]
fn gslbs_of_both_groups_with_their_fields_below_spec_and_beside_it() {
    if !here() {
        return;
    }
    let world = World::shared();
    let team = "team-groups";
    world.deploy(team, "app", 1);
    world.apply(&ingress(team, "app", "app"));
    world.cluster().set_addresses(INGRESSES, team, "app", &["192.0.2.41"]);
    let names = ["spec", "flat", "cyclops"].map(|way| format!("{way}.groups.gslb.example.com"));
    world.apply(&gslb(team, "spec", ("Ingress", "app"), &[&names[0]]));
    let mut flat = gslb(team, "flat", ("Ingress", "app"), &[]);
    flat.as_object_mut().unwrap().remove("spec");
    flat["objectReference"] = json!({"kind": "Ingress", "name": "app"});
    flat["hostnames"] = json!([&names[1]]);
    world.apply(&flat);
    // The same name in another group is another object.
    let mut cyclops = gslb(team, "spec", ("Ingress", "app"), &[&names[2]]);
    cyclops["apiVersion"] = "multicluster.cyclops.io/v1alpha".into();
    world.apply(&cyclops);
    for name in &names {
        world.answers(name, "A", "192.0.2.41");
    }
}

#[test]
fn r02_a_wildcard_answers_what_no_other_name_hides() {
    if !here() {
        return;
    }
    let world = World::shared();
    let team = "team-wild";
    world.publish(team, "app", "*.wild.gslb.example.com", "192.0.2.51");
    world.deploy(team, "exact", 0);
    let exact = gslb(team, "exact", ("Service", "exact"), &["exact.wild.gslb.example.com"]);
    world.apply(&exact);
    world.answers("any.wild.gslb.example.com", "A", "192.0.2.51");
    world.answers("exact.wild.gslb.example.com", "A", "NODATA");
    world.answers("wild.gslb.example.com", "A", "NODATA");
}
