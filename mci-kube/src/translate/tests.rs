//! Objects as the API server has them, translated.

use core::net::IpAddr;

use gateway_api::httproutes::HttpRoute;
use k8s_openapi::api::core::v1::Service as K8sService;
use k8s_openapi::api::discovery::v1::EndpointSlice as K8sSlice;
use k8s_openapi::api::networking::v1::Ingress as K8sIngress;
use mci_core::publish::{
    EndpointSlice, Gateway, Gslb, Ingress, IngressBackend, ObjectName, ReferenceGrant, Referent, Route,
    RouteParent, Service, ServiceType, SliceEndpoint,
};
use mci_core::{AnswerMode, Ttl};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use super::*;

fn translated(kind: Kind, object: &Value) -> Object {
    let text = serde_json::value::to_raw_value(object).unwrap();
    decode(kind, &text).unwrap()
}

/// The object, after a library's own type has read and written it: what it holds is what that kind has.
fn through<T: DeserializeOwned + Serialize>(object: &Value) -> Value {
    let typed: T = serde_json::from_value(object.clone()).unwrap();
    serde_json::to_value(typed).unwrap()
}

fn ip(text: &str) -> IpAddr {
    text.parse().unwrap()
}

#[test]
fn every_type_of_service_is_told_apart() {
    for (spec, expected) in [
        (json!({}), ServiceType::ClusterIp),
        (json!({"type": "ClusterIP", "clusterIP": "10.1.0.1"}), ServiceType::ClusterIp),
        (json!({"type": "ClusterIP", "clusterIP": "None"}), ServiceType::Headless),
        (json!({"type": "NodePort", "clusterIP": "10.1.0.1"}), ServiceType::NodePort),
        (json!({"type": "LoadBalancer"}), ServiceType::LoadBalancer),
        (json!({"type": "ExternalName", "externalName": "x.example.net"}), ServiceType::ExternalName),
        (json!({"type": "Tomorrow"}), ServiceType::ClusterIp),
    ] {
        let object = json!({"metadata": {"namespace": "shop", "name": "app"}, "spec": spec});
        let Object::Service(service) = translated(Kind::Service, &object) else { panic!("no Service") };
        assert_eq!(service.kind, expected, "{spec}");
    }
}

#[test]
fn a_service_brings_its_addresses_and_names() {
    let object = through::<K8sService>(&json!({
        "metadata": {"namespace": "shop", "name": "app", "resourceVersion": "7"},
        "spec": {"type": "LoadBalancer", "externalIPs": ["203.0.113.1"], "ports": [{"port": 80}]},
        "status": {"loadBalancer": {"ingress": [{"ip": "192.0.2.1"}, {"hostname": "lb.example.net", "ip": "192.0.2.2"}]}},
    }));
    let expected = Service {
        name: ObjectName::new("shop", "app"),
        version: "7".into(),
        kind: ServiceType::LoadBalancer,
        load_balancer: vec!["192.0.2.1".into(), "192.0.2.2".into(), "lb.example.net".into()],
        external_ips: vec!["203.0.113.1".into()],
        external_name: None,
    };
    assert_eq!(translated(Kind::Service, &object), Object::Service(expected));
}

#[test]
fn an_ingress_brings_each_backend_once() {
    let service = |name: &str, port: Value| json!({"service": {"name": name, "port": port}});
    let path = |backend: Value| json!({"path": "/", "pathType": "Prefix", "backend": backend});
    let object = through::<K8sIngress>(&json!({
        "metadata": {"namespace": "shop", "name": "web", "resourceVersion": "8"},
        "spec": {
            "defaultBackend": service("fallback", json!({"name": "http"})),
            "rules": [
                {"host": "a.example", "http": {"paths": [
                    path(service("app", json!({"number": 80}))), path(service("app", json!({"name": "admin"}))),
                ]}},
                {"host": "b.example"},
                {"http": {"paths": [path(json!({"resource": {"apiGroup": "x.example", "kind": "Bucket", "name": "b"}}))]}},
            ],
        },
        "status": {"loadBalancer": {"ingress": [{"ip": "192.0.2.1"}]}},
    }));
    let expected = Ingress {
        name: ObjectName::new("shop", "web"),
        version: "8".into(),
        addresses: vec!["192.0.2.1".into()],
        backends: vec![
            IngressBackend::Service("app".into()),
            IngressBackend::Service("fallback".into()),
            IngressBackend::Resource("Bucket/b".into()),
        ],
    };
    assert_eq!(translated(Kind::Ingress, &object), Object::Ingress(expected));
}

#[test]
fn a_slice_brings_conditions_as_they_are_and_no_names() {
    let object = through::<K8sSlice>(&json!({
        "metadata": {"namespace": "shop", "name": "app-1", "labels": {"kubernetes.io/service-name": "app"}},
        "addressType": "IPv4",
        "endpoints": [
            {"addresses": ["10.0.0.1"], "conditions": {"ready": true}, "nodeName": "n1"},
            {"addresses": ["10.0.0.2"], "conditions": {"ready": false, "serving": true, "terminating": true}},
            {"addresses": ["name.example"]},
        ],
    }));
    let endpoint = |addresses: &[&str]| SliceEndpoint {
        addresses: addresses.iter().map(|text| ip(text)).collect(),
        ..SliceEndpoint::default()
    };
    let expected = EndpointSlice {
        name: ObjectName::new("shop", "app-1"),
        service: Some("app".into()),
        endpoints: vec![
            SliceEndpoint { ready: Some(true), node: Some("n1".into()), ..endpoint(&["10.0.0.1"]) },
            SliceEndpoint {
                ready: Some(false),
                serving: Some(true),
                terminating: Some(true),
                ..endpoint(&["10.0.0.2"])
            },
            endpoint(&[]),
        ],
    };
    assert_eq!(translated(Kind::EndpointSlice, &object), Object::EndpointSlice(expected));
}

#[test]
fn a_node_brings_its_external_and_internal_addresses() {
    let object = json!({
        "metadata": {"name": "n1"},
        "status": {"addresses": [
            {"type": "Hostname", "address": "n1"},
            {"type": "InternalIP", "address": "10.0.0.1"},
            {"type": "ExternalIP", "address": "2001:db8::1"},
        ]},
    });
    let expected = mci_core::publish::Node {
        name: "n1".into(),
        external_ips: vec![ip("2001:db8::1")],
        internal_ips: vec![ip("10.0.0.1")],
    };
    assert_eq!(translated(Kind::Node, &object), Object::Node(expected));
}

#[test]
fn a_gateway_is_programmed_when_its_condition_says_so() {
    let gateway = |status: &str| {
        let object = json!({
            "metadata": {"namespace": "infra", "name": "edge", "resourceVersion": "9"},
            "status": {
                "addresses": [{"type": "IPAddress", "value": "192.0.2.1"}, {"type": "Hostname", "value": "lb.example"}],
                "conditions": [{"type": "Accepted", "status": "True"}, {"type": "Programmed", "status": status}],
            },
        });
        translated(Kind::Gateway, &object)
    };
    let expected = |programmed| {
        Object::Gateway(Gateway {
            name: ObjectName::new("infra", "edge"),
            version: "9".into(),
            addresses: vec!["192.0.2.1".into(), "lb.example".into()],
            programmed,
        })
    };
    assert_eq!(gateway("True"), expected(true));
    assert_eq!(gateway("Unknown"), expected(false));
}

#[test]
fn a_route_brings_the_gateways_that_it_asks_for_and_whether_they_took_it() {
    let object = through::<HttpRoute>(&json!({
        "metadata": {"namespace": "shop", "name": "app", "resourceVersion": "5"},
        "spec": {
            "parentRefs": [
                {"name": "edge", "namespace": "infra", "sectionName": "https"},
                {"name": "edge", "namespace": "infra", "sectionName": "http"},
                {"name": "local"},
                {"group": "", "kind": "Service", "name": "mesh"},
            ],
            "rules": [
                {"backendRefs": [{"name": "app", "port": 80}, {"name": "canary", "port": 80, "weight": 0}]},
                {"backendRefs": [{"name": "other", "namespace": "elsewhere", "port": 80}, {"name": "app", "port": 81}]},
                {"backendRefs": [{"group": "x.example", "kind": "Bucket", "name": "b"}]},
            ],
        },
        "status": {"parents": [
            {"controllerName": "c.example/x", "parentRef": {"name": "edge", "namespace": "infra", "sectionName": "https"},
             "conditions": [{"type": "Accepted", "status": "True", "reason": "Accepted", "message": "", "lastTransitionTime": "2026-01-01T00:00:00Z"}]},
            {"controllerName": "c.example/x",
             "parentRef": {"group": GATEWAY_GROUP, "kind": "Gateway", "namespace": "shop", "name": "local"},
             "conditions": [{"type": "Accepted", "status": "True", "reason": "Accepted", "message": "", "lastTransitionTime": "2026-01-01T00:00:00Z"}]},
        ]},
    }));
    let parent = |namespace: &str, name: &str, accepted| RouteParent {
        gateway: ObjectName::new(namespace, name),
        accepted,
    };
    let expected = Route {
        kind: RouteKind::Http,
        name: ObjectName::new("shop", "app"),
        version: "5".into(),
        parents: vec![
            parent("infra", "edge", true),
            parent("infra", "edge", false),
            parent("shop", "local", true),
        ],
        backends: vec![ObjectName::new("elsewhere", "other"), ObjectName::new("shop", "app")],
    };
    assert_eq!(translated(Kind::Route(RouteKind::Http), &object), Object::Route(expected));
}

#[test]
fn what_a_newer_gateway_api_brings_keeps_no_route_from_being_used() {
    let object = json!({
        "metadata": {"namespace": "shop", "name": "app"},
        "spec": {"rules": [{"filters": [{"type": "FromTheFuture"}], "backendRefs": [{"name": "app"}]}], "retry": 7},
    });
    let Object::Route(route) = translated(Kind::Route(RouteKind::Http), &object) else { panic!("no route") };
    assert_eq!(route.backends, [ObjectName::new("shop", "app")]);
}

#[test]
fn a_grant_brings_what_it_allows_routes() {
    let object = json!({
        "metadata": {"namespace": "elsewhere", "name": "grant"},
        "spec": {
            "from": [
                {"group": GATEWAY_GROUP, "kind": "HTTPRoute", "namespace": "shop"},
                {"group": "x.example", "kind": "HTTPRoute", "namespace": "shop"},
            ],
            "to": [{"group": "", "kind": "Service", "name": "other"}, {"group": "", "kind": "Secret"}, {"group": "", "kind": "Service"}],
        },
    });
    let expected = ReferenceGrant {
        name: ObjectName::new("elsewhere", "grant"),
        from: vec![(RouteKind::Http, "shop".into())],
        to: vec![Some("other".into()), None],
    };
    assert_eq!(translated(Kind::ReferenceGrant, &object), Object::ReferenceGrant(expected));
}

fn gslb(group: Group, object: &Value) -> Gslb {
    let Object::Gslb(gslb) = translated(Kind::Gslb(group), object) else { panic!("no GSLB") };
    gslb
}

#[test]
fn a_gslb_reads_the_same_in_every_form() {
    let metadata = json!({
        "namespace": "shop", "name": "app", "generation": 3, "creationTimestamp": "2026-01-02T03:04:05Z",
    });
    let fields = json!({
        "objectReference": {"kind": "HTTPRoute", "name": "web"},
        "hostnames": ["app.gslb.example.com"],
        "ipOverrides": null,
        "priority": 10,
        "weight": 0,
        "ttl": 30,
        "answerMode": "all",
        "whenAllDown": "static",
        "fallback": ["192.0.2.9"],
        "backendPolicy": "all",
    });
    let mut flat = fields.clone();
    flat["metadata"] = metadata.clone();
    flat["apiVersion"] = json!("multicluster.veccsolutions.io/v1alpha");
    let under_spec = json!({"metadata": metadata, "spec": fields});
    let expected = |group| Gslb {
        created: 1_767_323_045,
        generation: 3,
        hostnames: vec!["app.gslb.example.com".into()],
        priority: 10,
        weight: 0,
        ttl: Some(Ttl::new(30).unwrap()),
        answer_mode: Some(AnswerMode::All),
        when_all_down: Some(mci_core::WhenAllDown::Static),
        fallback: vec!["192.0.2.9".into()],
        backend_policy: mci_core::publish::BackendPolicy::All,
        ..Gslb::new(
            mci_core::publish::GslbName::new(group, "shop", "app"),
            Referent::Route(RouteKind::Http),
            "web",
        )
    };
    assert_eq!(gslb(Group::Mci, &flat), expected(Group::Mci));
    assert_eq!(gslb(Group::Mci, &under_spec), expected(Group::Mci));
    assert_eq!(gslb(Group::Cyclops, &under_spec), expected(Group::Cyclops));
}

#[test]
fn r19_each_mistake_is_named_and_the_rest_is_used() {
    let object = json!({
        "metadata": {"namespace": "shop", "name": "app"},
        "spec": {
            "objectReference": {"kind": "Deployment", "name": "web"},
            "hostnames": ["a.example", 7],
            "weight": -1,
            "priority": "high",
            "ttl": 604_801,
            "answerMode": "some",
        },
    });
    let read = gslb(Group::Mci, &object);
    assert_eq!((read.hostnames.as_slice(), read.weight), (["a.example".to_owned()].as_slice(), 50));
    assert_eq!(
        read.faults,
        [
            "objectReference.kind: \"Deployment\" is no kind that a GSLB can refer to: write Ingress, Service, Gateway, HTTPRoute, GRPCRoute or TLSRoute",
            "hostnames[1]: 7 is no text",
            "priority: invalid type: string \"high\", expected i64",
            "weight: -1 is out of range: 0 to 2147483647; 50 is used instead",
            "ttl: 604801 s is out of range: 0 to 604800 (one week)",
            "answerMode: unknown variant `some`, expected one of `cluster`, `single`, `all`",
        ]
    );
}

#[test]
fn a_gslb_of_the_wrong_shape_publishes_nothing_and_says_why() {
    for (object, expected) in [
        (json!({"hostnames": ["a.example"], "spec": {"hostnames": []}}), vec![ShapeErrorText::BOTH]),
        (json!({}), vec![ShapeErrorText::REFERENCE, ShapeErrorText::HOSTNAMES]),
        (json!({"spec": "x"}), vec!["spec: \"x\" is no object"]),
    ] {
        let read = gslb(Group::Mci, &object);
        assert_eq!(read.faults, expected, "{object}");
        assert_eq!((read.reference, read.hostnames.len()), (None, 0), "{object}");
    }
}

struct ShapeErrorText;

impl ShapeErrorText {
    const BOTH: &str = "the fields stand on the top level or under spec, never both";
    const REFERENCE: &str =
        "objectReference is required: the kind and the name of the object that is exposed";
    const HOSTNAMES: &str = "hostnames is required: the DNS names to answer";
}

#[test]
fn what_is_no_object_of_the_kind_says_so() {
    let text = serde_json::value::to_raw_value(&json!({"metadata": 7})).unwrap();
    let error = decode(Kind::Service, &text).unwrap_err();
    assert!(error.starts_with("invalid type: integer `7`"), "{error}");
}

#[test]
fn a_manifest_names_its_kind() {
    assert_eq!(kind_of("v1", "Service"), Some(Kind::Service));
    assert_eq!(kind_of("networking.k8s.io/v1", "Ingress"), Some(Kind::Ingress));
    assert_eq!(kind_of("gateway.networking.k8s.io/v1alpha2", "TLSRoute"), Some(Kind::Route(RouteKind::Tls)));
    assert_eq!(kind_of("multicluster.cyclops.io/v1alpha", "GSLB"), Some(Kind::Gslb(Group::Cyclops)));
    assert_eq!(kind_of("apps/v1", "Deployment"), None);
}
