//! What one cluster publishes from its manifests, and what is assumed for it.
//!
//! ```text
//!  objects ──► Publisher ──► statuses: not accepted, not programmed, no address
//!                 ▲                           │
//!                 └──── what a cluster adds ◄─┘   until nothing is missing that a cluster would add
//! ```
//!
//! The publisher says what is missing, so that nothing is assumed which is not asked for. An object that an API server
//! gave out is complete: nothing is assumed of it.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use mci_core::publish::{
    Condition, ConditionType, Config, EndpointSlice, Gslb, GslbName, IngressBackend, Key, Kind, Node, Object,
    ObjectName, Publisher, Reason, Reference, Referent, ServiceType, SliceEndpoint, Status,
};
use mci_core::state_file::Problem;
use mci_core::{Endpoint, Hostname};
use serde_json::Value;

use super::objects::{Found, Objects};
use super::placeholders::Placeholders;
use super::{Note, Notes};

/// What one cluster publishes.
pub(super) struct Published {
    pub(super) endpoints: Vec<(Hostname, Endpoint)>,
    /// The GSLB that each hostname is published for, as a problem names it.
    pub(super) origins: BTreeMap<Hostname, Problem>,
    pub(super) notes: Notes,
}

/// How often the publisher is asked again: a route may need its acceptance, then its Gateway's address.
const ROUNDS: usize = 8;

/// The objects of one cluster with what is assumed beside them.
struct World<'o> {
    objects: &'o Objects,
    current: BTreeMap<Key, Object>,
    publisher: Publisher,
    placeholders: &'o mut Placeholders,
    /// What is assumed, and the GSLBs for which it is.
    assumed: Vec<(Problem, BTreeSet<GslbName>)>,
    /// The Services that count as ready.
    ready: BTreeMap<ObjectName, usize>,
}

/// Publishes what one cluster's objects say.
pub(super) fn publish(objects: &Objects, config: Config, placeholders: &mut Placeholders) -> Published {
    let mut world = World {
        objects,
        current: objects.found.iter().map(|(key, found)| (key.clone(), found.object.clone())).collect(),
        publisher: Publisher::new(config),
        placeholders,
        assumed: Vec::new(),
        ready: BTreeMap::new(),
    };
    for object in world.current.values() {
        world.publisher.apply(object.clone());
    }
    world.assume_endpoints();
    for _ in 0..ROUNDS {
        world.update();
        if !world.assume_what_is_missing() {
            break;
        }
    }
    world.finish()
}

impl World<'_> {
    fn update(&mut self) {
        // No time passes, and nothing has a stamp: the same manifests are always the same facts.
        self.publisher.update(Duration::ZERO, 0);
    }

    fn gslbs(&self) -> impl Iterator<Item = &Gslb> {
        self.current.values().filter_map(|object| match object {
            Object::Gslb(gslb) => Some(gslb),
            _ => None,
        })
    }

    fn gslb(&self, name: &GslbName) -> Option<&Gslb> {
        match self.current.get(&key_of(name)) {
            Some(Object::Gslb(gslb)) => Some(gslb),
            _ => None,
        }
    }

    fn found(&self, kind: Kind, name: &ObjectName) -> Option<&Found> {
        self.objects.found.get(&Key::new(kind, name.clone()))
    }

    fn put(&mut self, object: Object) {
        self.publisher.apply(object.clone());
        self.current.insert(object.key(), object);
    }

    fn note(&mut self, key: &Key, gslb: &GslbName, message: String, hint: &str) -> usize {
        let reference = match key.kind {
            Kind::Ingress => format!("Ingress {}", key.object),
            Kind::Gateway => format!("Gateway {}", key.object),
            Kind::Route(kind) => format!("{} {}", Referent::Route(kind), key.object),
            _ => format!("Service {}", key.object),
        };
        let path = self.objects.path(&reference);
        let mut problem = match self.objects.found.get(key) {
            Some(found) => found.place.problem(path, message),
            None => Problem::of("", path, message),
        };
        if !hint.is_empty() {
            problem = problem.hint(hint);
        }
        self.assumed.push((problem, BTreeSet::from([gslb.clone()])));
        self.assumed.len() - 1
    }

    /// `EndpointSlices` are made by a cluster: a Service without any counts as ready.
    fn assume_endpoints(&mut self) {
        let slices_are_whole = self
            .objects
            .found
            .iter()
            .any(|(key, found)| key.kind == Kind::EndpointSlice && found.is_of_an_api_server());
        let wanted: Vec<(GslbName, ObjectName)> = self
            .gslbs()
            .filter_map(|gslb| Some((gslb, gslb.referent()?)))
            .flat_map(|(gslb, reference)| {
                let services = self.services_of(&reference);
                services.into_iter().map(|service| (gslb.name.clone(), service))
            })
            .collect();
        let with_slices: BTreeSet<ObjectName> = self
            .current
            .values()
            .filter_map(|object| match object {
                Object::EndpointSlice(slice) => Some(slice.name.sibling(slice.service.clone()?)),
                _ => None,
            })
            .collect();
        for (gslb, name) in wanted {
            if let Some((_, users)) = self.ready.get(&name).and_then(|at| self.assumed.get_mut(*at)) {
                users.insert(gslb);
                continue;
            }
            let Some(found) = self.found(Kind::Service, &name) else { continue };
            let Object::Service(service) = &found.object else { continue };
            let whole = slices_are_whole && found.is_of_an_api_server();
            if whole || service.kind == ServiceType::ExternalName || with_slices.contains(&name) {
                continue;
            }
            let nodes: Vec<Arc<str>> = match service.kind {
                ServiceType::NodePort => self.nodes(),
                _ => Vec::new(),
            };
            self.put(Object::EndpointSlice(EndpointSlice {
                name: assumed_slice(&name),
                service: Some(name.name.clone()),
                endpoints: if nodes.is_empty() {
                    vec![SliceEndpoint::default()]
                } else {
                    let on = |node| SliceEndpoint { node: Some(node), ..SliceEndpoint::default() };
                    nodes.into_iter().map(on).collect()
                },
            }));
            let key = Key::new(Kind::Service, name.clone());
            let message = "it has no EndpointSlice here: it counts as ready".to_owned();
            let hint = "`given: {unready: …}` or an EndpointSlice says otherwise";
            let at = self.note(&key, &gslb, message, hint);
            self.ready.insert(name, at);
        }
    }

    /// The Services that stand behind what a GSLB refers to.
    fn services_of(&self, reference: &Reference) -> Vec<ObjectName> {
        let key = Key::new(reference.kind.into(), reference.object.clone());
        match self.current.get(&key) {
            Some(Object::Service(service)) => vec![service.name.clone()],
            Some(Object::Route(route)) => route.backends.clone(),
            Some(Object::Ingress(ingress)) => {
                let services = ingress.backends.iter().filter_map(|backend| match backend {
                    IngressBackend::Service(name) => Some(ingress.name.sibling(name.clone())),
                    IngressBackend::Resource(_) => None,
                });
                services.collect()
            }
            _ => Vec::new(),
        }
    }

    fn nodes(&self) -> Vec<Arc<str>> {
        let nodes = self.current.values().filter_map(|object| match object {
            Object::Node(node) => Some(node.name.clone()),
            _ => None,
        });
        nodes.collect()
    }

    /// Adds what a cluster would add to what the statuses complain of; whether anything was.
    fn assume_what_is_missing(&mut self) -> bool {
        let missing: Vec<(GslbName, Reason)> = self
            .publisher
            .statuses()
            .filter_map(|(name, status)| {
                let published = status.condition(ConditionType::Published).filter(|it| !it.holds)?;
                Some((name.clone(), published.reason))
            })
            .collect();
        let mut any = false;
        for (name, reason) in missing {
            let Some(reference) = self.gslb(&name).and_then(Gslb::referent) else { continue };
            any |= match reason {
                Reason::NotAccepted => self.accept(&name, &reference),
                Reason::NotProgrammed => self.program(&name, &reference),
                Reason::NoAddress => self.address(&name, &reference),
                _ => false,
            };
        }
        any
    }

    /// A Gateway accepts a route, unless the status of the route says something.
    fn accept(&mut self, gslb: &GslbName, reference: &Reference) -> bool {
        let key = Key::new(reference.kind.into(), reference.object.clone());
        let Some(Object::Route(route)) = self.current.get(&key) else { return false };
        let Some(found) = self.objects.found.get(&key) else { return false };
        let judged = list(&found.json, "/status/parents").next().is_some();
        if judged || found.is_of_an_api_server() || route.parents.iter().all(|parent| parent.accepted) {
            return false;
        }
        let mut route = route.clone();
        let mut gateways = BTreeSet::new();
        for parent in &mut route.parents {
            parent.accepted = true;
            gateways.insert(format!("Gateway {}", parent.gateway));
        }
        let gateways: Vec<String> = gateways.into_iter().collect();
        let message =
            format!("no Gateway speaks in its status: it counts as accepted by {}", gateways.join(", "));
        self.note(&key, gslb, message, "status.parents says otherwise");
        self.put(Object::Route(route));
        true
    }

    /// A Gateway is programmed, unless its status says something.
    fn program(&mut self, gslb: &GslbName, reference: &Reference) -> bool {
        let key = Key::new(Kind::Gateway, reference.object.clone());
        let Some(Object::Gateway(gateway)) = self.current.get(&key) else { return false };
        let Some(found) = self.objects.found.get(&key) else { return false };
        let is_programmed =
            |condition: &Value| condition.get("type").is_some_and(|kind| kind == "Programmed");
        let judged = list(&found.json, "/status/conditions").any(is_programmed);
        if judged || found.is_of_an_api_server() || gateway.programmed {
            return false;
        }
        let mut gateway = gateway.clone();
        gateway.programmed = true;
        let message = "its status does not say Programmed: it counts as programmed".to_owned();
        self.note(&key, gslb, message, "the condition Programmed in its status says otherwise");
        self.put(Object::Gateway(gateway));
        true
    }

    /// What a GSLB refers to gets an address.
    fn address(&mut self, gslb: &GslbName, reference: &Reference) -> bool {
        let key = Key::new(reference.kind.into(), reference.object.clone());
        match self.current.get(&key).cloned() {
            Some(Object::Ingress(mut ingress)) if ingress.addresses.is_empty() => {
                let Some(address) = self.address_for(&key, gslb, "", "status.loadBalancer.ingress") else {
                    return false;
                };
                ingress.addresses = address;
                self.put(Object::Ingress(ingress));
                true
            }
            Some(Object::Gateway(gateway)) => self.address_of_gateway(gslb, &gateway.name),
            Some(Object::Route(route)) => {
                let accepting = route.parents.iter().filter(|parent| parent.accepted);
                let gateways: BTreeSet<&ObjectName> = accepting.map(|parent| &parent.gateway).collect();
                let mut any = false;
                for gateway in gateways {
                    any |= self.address_of_gateway(gslb, gateway);
                }
                any
            }
            Some(Object::Service(mut service)) => match service.kind {
                ServiceType::LoadBalancer if service.load_balancer.is_empty() => {
                    let asked = "/spec/loadBalancerIP";
                    let Some(address) = self.address_for(&key, gslb, asked, "status.loadBalancer.ingress")
                    else {
                        return false;
                    };
                    service.load_balancer = address;
                    self.put(Object::Service(service));
                    true
                }
                ServiceType::NodePort => self.nodes_for(&key, gslb),
                ServiceType::Headless => self.pods_for(&key, gslb),
                ServiceType::LoadBalancer | ServiceType::ClusterIp | ServiceType::ExternalName => false,
            },
            _ => false,
        }
    }

    fn address_of_gateway(&mut self, gslb: &GslbName, name: &ObjectName) -> bool {
        let key = Key::new(Kind::Gateway, name.clone());
        let Some(Object::Gateway(mut gateway)) = self.current.get(&key).cloned() else { return false };
        if !gateway.addresses.is_empty() {
            return false;
        }
        let Some(addresses) = self.address_for(&key, gslb, "/spec/addresses", "status.addresses") else {
            return false;
        };
        gateway.addresses = addresses;
        self.put(Object::Gateway(gateway));
        true
    }

    /// What the spec asks for at `asked`, else a placeholder; nothing for what an API server gave out.
    fn address_for(&mut self, key: &Key, gslb: &GslbName, asked: &str, told: &str) -> Option<Vec<String>> {
        let found = self.objects.found.get(key)?;
        if found.is_of_an_api_server() {
            return None;
        }
        let asked_for: Vec<String> = match found.json.pointer(asked) {
            Some(Value::String(address)) if !address.is_empty() => vec![address.clone()],
            Some(Value::Array(addresses)) => {
                let values = addresses.iter().filter_map(|it| it.get("value").and_then(Value::as_str));
                values.filter(|value| !value.is_empty()).map(str::to_owned).collect()
            }
            _ => Vec::new(),
        };
        if !asked_for.is_empty() {
            let field = asked.trim_start_matches('/').replace('/', ".");
            let message = format!("{} of {field} counts as its address", asked_for.join(", "));
            self.note(key, gslb, message, &format!("{told} says otherwise"));
            return Some(asked_for);
        }
        let address = self.placeholder(key);
        let message = format!("it has no address before a cluster gives it one: {address} stands for it");
        self.note(key, gslb, message, &format!("{told} says which it is"));
        Some(vec![address.to_string()])
    }

    fn placeholder(&mut self, key: &Key) -> std::net::Ipv4Addr {
        self.placeholders.of(&self.objects.cluster, &format!("{:?} {}", key.kind, key.object))
    }

    /// The nodes that hold a NodePort Service's endpoints.
    fn nodes_for(&mut self, key: &Key, gslb: &GslbName) -> bool {
        let mut slices = self.slices_of(&key.object);
        let known: BTreeSet<Arc<str>> = self.nodes().into_iter().collect();
        let stand_in: Arc<str> = format!("the node of {}", key.object).into();
        let mut wanted = BTreeSet::new();
        for slice in &mut slices {
            let is_assumed = slice.name == assumed_slice(&key.object);
            for endpoint in &mut slice.endpoints {
                if is_assumed && endpoint.node.is_none() {
                    endpoint.node = Some(stand_in.clone());
                }
                wanted
                    .extend(endpoint.node.clone().filter(|node| endpoint.counts() && !known.contains(node)));
            }
        }
        if wanted.is_empty() {
            return false;
        }
        for slice in slices {
            self.put(Object::EndpointSlice(slice));
        }
        for node in wanted {
            let address = self.placeholders.of(&self.objects.cluster, &format!("Node {node}"));
            let named = if node == stand_in {
                "no Node is here".to_owned()
            } else {
                format!("Node {node} is not here")
            };
            let message =
                format!("{named}: {address} stands for the address of the node that holds its endpoint");
            self.note(key, gslb, message, "a Node with status.addresses says which it is");
            self.put(Object::Node(Node {
                name: node,
                external_ips: vec![address.into()],
                internal_ips: Vec::new(),
            }));
        }
        true
    }

    /// The endpoint of a headless Service that counts as ready.
    fn pods_for(&mut self, key: &Key, gslb: &GslbName) -> bool {
        let slices = self.slices_of(&key.object);
        let Some(mut slice) = slices.into_iter().find(|slice| slice.name == assumed_slice(&key.object))
        else {
            return false;
        };
        let Some(endpoint) = slice.endpoints.first_mut().filter(|it| it.addresses.is_empty()) else {
            return false;
        };
        let address = self.placeholder(key);
        endpoint.addresses = vec![address.into()];
        let message = format!("it is headless: {address} stands for the address of its endpoint");
        self.note(key, gslb, message, "an EndpointSlice says which it is");
        self.put(Object::EndpointSlice(slice));
        true
    }

    fn slices_of(&self, service: &ObjectName) -> Vec<EndpointSlice> {
        let slices = self.current.values().filter_map(|object| match object {
            Object::EndpointSlice(slice)
                if slice.name.namespace == service.namespace
                    && slice.service.as_ref() == Some(&service.name) =>
            {
                Some(slice.clone())
            }
            _ => None,
        });
        slices.collect()
    }

    fn finish(self) -> Published {
        let mut notes = Notes::default();
        let mut origins = BTreeMap::new();
        for (name, status) in self.publisher.statuses() {
            let Some(found) = self.objects.found.get(&key_of(name)) else { continue };
            let path = self.objects.path(&format!("GSLB {}", name.object));
            let claimed = self.gslb(name).map(claimed).unwrap_or_default();
            for message in complaints(status) {
                let text = found.place.problem(path.clone(), message);
                notes.warnings.push(Note { text, hostnames: claimed.clone() });
            }
            for hostname in &status.hostnames {
                origins.insert(hostname.clone(), found.place.problem(path.clone(), ""));
                if let Some(other) = self.same_age(name, hostname) {
                    let message = format!(
                        "{hostname} is claimed by GSLB {other} too: which of them is older is not known, and this one \
                         comes first by name"
                    );
                    let hint = "metadata.creationTimestamp says which is older (R19)";
                    let text = found.place.problem(path.clone(), message).hint(hint);
                    notes.assumed.push(Note { text, hostnames: vec![hostname.clone()] });
                }
            }
        }
        let of = |gslbs: &BTreeSet<GslbName>| -> BTreeSet<Hostname> {
            gslbs.iter().filter_map(|name| self.gslb(name)).flat_map(claimed).collect()
        };
        for (text, gslbs) in &self.assumed {
            notes.assumed.push(Note { text: text.clone(), hostnames: of(gslbs).into_iter().collect() });
        }
        let all: BTreeSet<Hostname> = self.gslbs().flat_map(claimed).collect();
        let all: Vec<Hostname> = all.into_iter().collect();
        let of_all = |texts: &[Problem]| -> Vec<Note> {
            texts.iter().map(|text| Note { text: text.clone(), hostnames: all.clone() }).collect()
        };
        notes.assumed.extend(of_all(&self.objects.assumed));
        notes.warnings.extend(of_all(&self.objects.warnings));
        let endpoints =
            self.publisher.hostnames().map(|(hostname, endpoint)| (hostname.clone(), endpoint.clone()));
        Published { endpoints: endpoints.collect(), origins, notes }
    }

    /// Another GSLB that claims the hostname, where the manifests do not say which is older (R19).
    fn same_age(&self, winner: &GslbName, hostname: &Hostname) -> Option<GslbName> {
        // What has no creationTimestamp is the youngest.
        let unknown = |name: &GslbName| self.gslb(name).is_some_and(|gslb| gslb.created == u64::MAX);
        let mut others = self.publisher.claimants(hostname).filter(|name| *name != winner);
        others.find(|name| unknown(name) && unknown(winner)).cloned()
    }
}

fn key_of(gslb: &GslbName) -> Key {
    Key::new(Kind::Gslb(gslb.group), gslb.object.clone())
}

fn assumed_slice(service: &ObjectName) -> ObjectName {
    // No object can be called so: a name has no blank.
    service.sibling(format!("{} assumed", service.name))
}

/// The elements of a list in JSON; none where there is none.
fn list<'j>(json: &'j Value, pointer: &str) -> impl Iterator<Item = &'j Value> + use<'j> {
    json.pointer(pointer).and_then(Value::as_array).into_iter().flatten()
}

/// The hostnames that a GSLB asks for, whether or not it gets them.
fn claimed(gslb: &Gslb) -> Vec<Hostname> {
    gslb.hostnames.iter().filter_map(|text| text.parse().ok()).collect()
}

/// What a status complains of, a sentence for each reason.
fn complaints(status: &Status) -> Vec<String> {
    let mut told = BTreeSet::new();
    let is_complaint = |condition: &&Condition| match condition.kind {
        ConditionType::Accepted | ConditionType::ResolvedRefs | ConditionType::Published => !condition.holds,
        _ => condition.holds,
    };
    status
        .conditions
        .iter()
        .filter(is_complaint)
        // What keeps it from being published has often been told by another condition.
        .filter(|condition| told.insert(condition.reason))
        .map(|condition| format!("{}: {}", condition.reason, condition.message))
        .collect()
}
