//! What a cluster adds to manifests: `EndpointSlices`, and what controllers write into statuses.
//!
//! The publisher says what is missing, so that nothing is assumed which is not asked for. An object that an API server
//! gave out is complete: nothing is assumed of it.

use std::collections::BTreeSet;
use std::net::Ipv4Addr;
use std::sync::Arc;

use mci_core::publish::{
    ConditionType, EndpointSlice, Gslb, Key, Kind, Node, Object, ObjectName, Reason, Reference, Referent,
    ServiceType, SliceEndpoint,
};
use mci_core::state_file::Problem;
use serde_json::Value;

use super::publish::World;

impl World<'_> {
    fn note(&mut self, key: &Key, message: String, hint: &str) {
        let path = self.objects.path(&named(key));
        let problem = match self.objects.found.get(key) {
            Some(found) => found.place.problem(path, message),
            None => Problem::of("", path, message),
        };
        self.assumed.push((problem.hint(hint), key.clone()));
    }

    /// `EndpointSlices` are made by a cluster: a Service without any counts as ready.
    pub(super) fn assume_endpoints(&mut self) {
        let slices_are_whole = self
            .objects
            .found
            .iter()
            .any(|(key, found)| key.kind == Kind::EndpointSlice && found.is_of_an_api_server());
        let used: BTreeSet<ObjectName> =
            self.gslbs().filter_map(Gslb::referent).flat_map(|it| self.services_of(&it)).collect();
        let with_slices: BTreeSet<ObjectName> = self
            .current
            .values()
            .filter_map(|object| match object {
                Object::EndpointSlice(slice) => Some(slice.name.sibling(slice.service.clone()?)),
                _ => None,
            })
            .collect();
        for name in used {
            let key = Key::new(Kind::Service, name.clone());
            let Some(found) = self.objects.found.get(&key) else { continue };
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
            let message = "it has no EndpointSlice here: it counts as ready".to_owned();
            let hint = "`given: {unready: …}` or an EndpointSlice says otherwise";
            self.note(&key, message, hint);
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
    pub(super) fn assume_what_is_missing(&mut self) -> bool {
        let missing: Vec<(Reference, Reason)> = self
            .publisher
            .statuses()
            .filter_map(|(name, status)| {
                let published = status.condition(ConditionType::Published).filter(|it| !it.holds)?;
                Some((self.gslb(name)?.referent()?, published.reason))
            })
            .collect();
        let mut any = false;
        for (reference, reason) in missing {
            any |= match reason {
                Reason::NotAccepted => self.accept(&reference),
                Reason::NotProgrammed => self.program(&reference),
                Reason::NoAddress => self.address(&reference),
                _ => false,
            };
        }
        any
    }

    /// A Gateway accepts a route, unless the status of the route says something.
    fn accept(&mut self, reference: &Reference) -> bool {
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
        self.note(&key, message, "status.parents says otherwise");
        self.put(Object::Route(route));
        true
    }

    /// A Gateway is programmed, unless its status says something.
    fn program(&mut self, reference: &Reference) -> bool {
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
        self.note(&key, message, "the condition Programmed in its status says otherwise");
        self.put(Object::Gateway(gateway));
        true
    }

    /// What a GSLB refers to gets an address.
    fn address(&mut self, reference: &Reference) -> bool {
        let key = Key::new(reference.kind.into(), reference.object.clone());
        match self.current.get(&key).cloned() {
            Some(Object::Ingress(mut ingress)) if ingress.addresses.is_empty() => {
                let Some(address) = self.address_for(&key, None, "status.loadBalancer.ingress") else {
                    return false;
                };
                ingress.addresses = address;
                self.put(Object::Ingress(ingress));
                true
            }
            Some(Object::Gateway(gateway)) => self.address_of_gateway(&gateway.name),
            Some(Object::Route(route)) => {
                let accepting = route.parents.iter().filter(|parent| parent.accepted);
                let gateways: BTreeSet<&ObjectName> = accepting.map(|parent| &parent.gateway).collect();
                let mut any = false;
                for gateway in gateways {
                    any |= self.address_of_gateway(gateway);
                }
                any
            }
            Some(Object::Service(mut service)) => match service.kind {
                ServiceType::LoadBalancer if service.load_balancer.is_empty() => {
                    let asked = Some("/spec/loadBalancerIP");
                    let Some(address) = self.address_for(&key, asked, "status.loadBalancer.ingress") else {
                        return false;
                    };
                    service.load_balancer = address;
                    self.put(Object::Service(service));
                    true
                }
                ServiceType::NodePort => self.nodes_for(&key),
                ServiceType::Headless => self.pods_for(&key),
                ServiceType::LoadBalancer | ServiceType::ClusterIp | ServiceType::ExternalName => false,
            },
            _ => false,
        }
    }

    fn address_of_gateway(&mut self, name: &ObjectName) -> bool {
        let key = Key::new(Kind::Gateway, name.clone());
        let Some(Object::Gateway(mut gateway)) = self.current.get(&key).cloned() else { return false };
        if !gateway.addresses.is_empty() {
            return false;
        }
        let Some(addresses) = self.address_for(&key, Some("/spec/addresses"), "status.addresses") else {
            return false;
        };
        gateway.addresses = addresses;
        self.put(Object::Gateway(gateway));
        true
    }

    /// What the spec asks for at `asked`, else a placeholder; nothing for what an API server gave out.
    fn address_for(&mut self, key: &Key, asked: Option<&str>, told: &str) -> Option<Vec<String>> {
        let found = self.objects.found.get(key)?;
        if found.is_of_an_api_server() {
            return None;
        }
        let asked_for: Vec<String> = match asked.and_then(|asked| found.json.pointer(asked)) {
            Some(Value::String(address)) if !address.is_empty() => vec![address.clone()],
            Some(Value::Array(addresses)) => {
                let values = addresses.iter().filter_map(|it| it.get("value").and_then(Value::as_str));
                values.filter(|value| !value.is_empty()).map(str::to_owned).collect()
            }
            _ => Vec::new(),
        };
        if !asked_for.is_empty() {
            let field = asked.unwrap_or_default().trim_start_matches('/').replace('/', ".");
            let message = format!("{field} counts as its address: {}", asked_for.join(", "));
            self.note(key, message, &format!("{told} says otherwise"));
            return Some(asked_for);
        }
        let address = self.placeholder(key);
        let message = format!("it has no address before a cluster gives it one: {address} stands for it");
        self.note(key, message, &format!("{told} says which it is"));
        Some(vec![address.to_string()])
    }

    fn placeholder(&mut self, key: &Key) -> Ipv4Addr {
        self.placeholders.of(&self.objects.cluster, &named(key))
    }

    /// The nodes that hold a NodePort Service's endpoints.
    fn nodes_for(&mut self, key: &Key) -> bool {
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
            self.note(key, message, "a Node with status.addresses says which it is");
            self.put(Object::Node(Node {
                name: node,
                external_ips: vec![address.into()],
                internal_ips: Vec::new(),
            }));
        }
        true
    }

    /// The endpoint of a headless Service that counts as ready.
    fn pods_for(&mut self, key: &Key) -> bool {
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
        self.note(key, message, "an EndpointSlice says which it is");
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
}

/// `Ingress shop/web`.
fn named(key: &Key) -> String {
    let kind = match key.kind {
        Kind::Gslb(_) => "GSLB",
        Kind::Ingress => Referent::Ingress.as_str(),
        Kind::Service => Referent::Service.as_str(),
        Kind::EndpointSlice => "EndpointSlice",
        Kind::Node => "Node",
        Kind::Gateway => Referent::Gateway.as_str(),
        Kind::Route(kind) => Referent::Route(kind).as_str(),
        Kind::ReferenceGrant => "ReferenceGrant",
    };
    format!("{kind} {}", key.object)
}

fn assumed_slice(service: &ObjectName) -> ObjectName {
    // No object can be called so: a name has no blank.
    service.sibling(format!("{} assumed", service.name))
}

/// The elements of a list in JSON; none where there is none.
fn list<'j>(json: &'j Value, pointer: &str) -> impl Iterator<Item = &'j Value> + use<'j> {
    json.pointer(pointer).and_then(Value::as_array).into_iter().flatten()
}
