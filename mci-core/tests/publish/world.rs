//! One cluster's objects, written short.

use core::time::Duration;
use std::net::IpAddr;

use mci_core::publish::{
    Config, EndpointSlice, Gateway, Group, Gslb, GslbName, Ingress, IngressBackend, Key, Kind, Node, Object,
    ObjectName, Publisher, ReferenceGrant, Referent, Route, RouteKind, RouteParent, Service, ServiceType,
    SliceEndpoint, Status, Update,
};
use mci_core::{ClusterId, Endpoint, Hostname};

/// The hostname that most tests publish.
pub(crate) const APP: &str = "app.g.example";

pub(crate) fn name(text: &str) -> Hostname {
    text.parse().unwrap()
}

pub(crate) fn ip(text: &str) -> IpAddr {
    text.parse().unwrap()
}

pub(crate) fn west() -> ClusterId {
    "west".parse().unwrap()
}

pub(crate) fn texts(of: &[&str]) -> Vec<String> {
    of.iter().map(|text| (*text).to_owned()).collect()
}

/// `namespace/name`, or a name in the namespace `shop`.
pub(crate) fn object(text: &str) -> ObjectName {
    let (namespace, name) = text.split_once('/').unwrap_or(("shop", text));
    ObjectName::new(namespace, name)
}

pub(crate) fn key(kind: Kind, of: &str) -> Key {
    Key::new(kind, object(of))
}

pub(crate) fn gslb_name(of: &str) -> GslbName {
    GslbName { object: object(of), group: Group::Mci }
}

/// A GSLB that publishes [`APP`].
pub(crate) fn gslb(of: &str, kind: Referent, referent: &str) -> Gslb {
    Gslb { hostnames: texts(&[APP]), ..Gslb::new(gslb_name(of), kind, referent) }
}

pub(crate) fn service(of: &str, kind: ServiceType) -> Service {
    Service {
        name: object(of),
        version: "1".into(),
        kind,
        load_balancer: Vec::new(),
        external_ips: Vec::new(),
        external_name: None,
    }
}

pub(crate) fn load_balancer(of: &str, addresses: &[&str]) -> Service {
    Service { load_balancer: texts(addresses), ..service(of, ServiceType::LoadBalancer) }
}

/// An endpoint whose readiness is not said.
pub(crate) fn at(address: &str) -> SliceEndpoint {
    SliceEndpoint { addresses: vec![ip(address)], ..SliceEndpoint::default() }
}

pub(crate) fn not_ready(address: &str) -> SliceEndpoint {
    SliceEndpoint { ready: Some(false), ..at(address) }
}

pub(crate) fn on(node: &str, address: &str) -> SliceEndpoint {
    SliceEndpoint { node: Some(node.into()), ..at(address) }
}

/// A slice of a Service: `web-1` of `web` in `shop`.
pub(crate) fn slice(of: &str, service: &str, endpoints: impl Into<Vec<SliceEndpoint>>) -> EndpointSlice {
    EndpointSlice { name: object(of), service: Some(service.into()), endpoints: endpoints.into() }
}

pub(crate) fn node(of: &str, external: &[&str], internal: &[&str]) -> Node {
    let ips = |texts: &[&str]| texts.iter().map(|text| ip(text)).collect();
    Node { name: of.into(), external_ips: ips(external), internal_ips: ips(internal) }
}

pub(crate) fn ingress(of: &str, addresses: &[&str], services: &[&str]) -> Ingress {
    Ingress {
        name: object(of),
        version: "1".into(),
        addresses: texts(addresses),
        backends: services.iter().map(|service| IngressBackend::Service((*service).into())).collect(),
    }
}

pub(crate) fn gateway(of: &str, addresses: &[&str]) -> Gateway {
    Gateway { name: object(of), version: "1".into(), addresses: texts(addresses), programmed: true }
}

/// A route that these Gateways have accepted.
pub(crate) fn route(kind: RouteKind, of: &str, gateways: &[&str], services: &[&str]) -> Route {
    let parent = |gateway: &&str| RouteParent { gateway: object(gateway), accepted: true };
    Route {
        kind,
        name: object(of),
        version: "1".into(),
        parents: gateways.iter().map(parent).collect(),
        backends: services.iter().map(|service| object(service)).collect(),
    }
}

/// In the first namespace, for `HTTPRoutes` of the second.
pub(crate) fn grant(of: &str, from: &str, to: Option<&str>) -> ReferenceGrant {
    ReferenceGrant {
        name: object(of),
        from: vec![(RouteKind::Http, from.into())],
        to: vec![to.map(Into::into)],
    }
}

/// Anything that is an [`Object`].
pub(crate) trait IntoObject {
    fn object(self) -> Object;
}

macro_rules! objects {
    ($($kind:ident),*) => {
        $(impl IntoObject for $kind {
            fn object(self) -> Object {
                Object::$kind(self)
            }
        })*
    };
}

objects!(Gslb, Ingress, Service, EndpointSlice, Node, Gateway, Route, ReferenceGrant);

/// A publisher with a clock.
#[derive(Debug)]
pub(crate) struct World {
    pub(crate) publisher: Publisher,
    /// Seconds, on both clocks.
    pub(crate) now: u32,
}

impl World {
    pub(crate) fn new() -> Self {
        Self::with(Config::new(west()))
    }

    pub(crate) fn with(config: Config) -> Self {
        Self { publisher: Publisher::new(config), now: 1000 }
    }

    pub(crate) fn apply(&mut self, object: impl IntoObject) -> &mut Self {
        self.publisher.apply(object.object());
        self
    }

    #[track_caller]
    pub(crate) fn remove(&mut self, kind: Kind, of: &str) -> &mut Self {
        assert!(self.publisher.remove(&key(kind, of)), "there is no {kind:?} {of}");
        self
    }

    pub(crate) fn update(&mut self) -> Update {
        self.publisher.update(Duration::from_secs(self.now.into()), self.now)
    }

    pub(crate) fn after(&mut self, seconds: u32) -> Update {
        self.now += seconds;
        self.update()
    }

    /// What is published for a hostname, after an update.
    pub(crate) fn endpoint(&mut self, hostname: &str) -> Option<Endpoint> {
        self.update();
        let hostname = name(hostname);
        self.publisher
            .hostnames()
            .find(|(known, _)| **known == hostname)
            .map(|(_, endpoint)| endpoint.clone())
    }

    /// What [`APP`] is published with, its stamp and policy aside: addresses, names, and `not ready` where it is not.
    #[track_caller]
    pub(crate) fn app(&mut self) -> String {
        let endpoint = self.endpoint(APP).expect("the hostname is published");
        shown(&endpoint)
    }

    #[track_caller]
    pub(crate) fn status(&mut self, of: &str) -> Status {
        self.update();
        let gslb = gslb_name(of);
        self.publisher.statuses().find(|(known, _)| **known == gslb).expect("the GSLB has a status").1.clone()
    }

    /// The conditions that are not as one would wish, and those that come and go: `Published=False NoAddress`.
    #[track_caller]
    pub(crate) fn conditions(&mut self, of: &str) -> Vec<String> {
        let status = self.status(of);
        let remarkable = status.conditions.iter().filter(|condition| {
            let always = ["Accepted", "ResolvedRefs", "Published"].contains(&condition.kind.as_str());
            !(always && condition.holds)
        });
        remarkable
            .map(|it| format!("{}={} {}", it.kind, if it.holds { "True" } else { "False" }, it.reason))
            .collect()
    }

    /// The message of a condition.
    #[track_caller]
    pub(crate) fn message(&mut self, of: &str, kind: mci_core::publish::ConditionType) -> String {
        self.status(of).condition(kind).expect("the condition is there").message.clone()
    }
}

/// An endpoint's addresses, its names, and `(not ready)` where it is not.
pub(crate) fn shown(endpoint: &Endpoint) -> String {
    let parts = endpoint.parts();
    let addresses = parts.addresses.iter().map(ToString::to_string);
    let mut shown: Vec<String> = addresses.chain(parts.targets.iter().map(ToString::to_string)).collect();
    if shown.is_empty() {
        shown.push("nothing".to_owned());
    }
    if !parts.ready {
        shown.push("(not ready)".to_owned());
    }
    shown.join(" ")
}
