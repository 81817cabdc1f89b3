//! Services: which are ready, and where they are reached (R14, R16).
//!
//! Every Service, slice and node is kept, because a GSLB may name it at any time, but trimmed to what is ready.
//! Only Services that are used are worked out, and again only when something of theirs changed.

use core::net::IpAddr;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use smallvec::SmallVec;

use crate::publish::names::{ObjectName, Reference};
use crate::publish::objects::{EndpointSlice, Node, Service, ServiceType, SliceEndpoint};
use crate::publish::places::{Places, Source};
use crate::publish::update::ServiceView;
use crate::text::answerable;

/// What is known of a Service that is used.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Facts {
    /// Whether it is there at all.
    pub(crate) exists: bool,
    /// Whether it has a ready endpoint, or needs none (R14, R16).
    pub(crate) ready: bool,
    /// Where it is reached from outside.
    pub(crate) places: Places,
}

/// An endpoint that counts (R14).
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct ReadyEndpoint {
    addresses: SmallVec<[IpAddr; 1]>,
    node: Option<Arc<str>>,
}

#[derive(Clone, Debug, Default)]
struct Used {
    by: BTreeSet<Reference>,
    facts: Facts,
    view: Option<ServiceView>,
    /// The nodes that its addresses come from.
    nodes: BTreeSet<Arc<str>>,
}

/// All Services with their slices, and the nodes.
#[derive(Clone, Debug, Default)]
pub(crate) struct Services {
    objects: BTreeMap<ObjectName, Service>,
    /// The slices of each Service, by their own names: the namespace is the Service's.
    slices: BTreeMap<ObjectName, BTreeMap<Arc<str>, Vec<ReadyEndpoint>>>,
    /// The Service of each slice.
    service_of: BTreeMap<ObjectName, ObjectName>,
    /// What `NodePort` Services use of each node.
    nodes: BTreeMap<Arc<str>, Vec<IpAddr>>,
    used: BTreeMap<ObjectName, Used>,
    /// The used Services that have addresses of each node.
    on_node: BTreeMap<Arc<str>, BTreeSet<ObjectName>>,
    /// Used Services to work out again.
    dirty: BTreeSet<ObjectName>,
    /// Services whose view may differ from what was last shown.
    touched: BTreeSet<ObjectName>,
    shown: BTreeMap<ObjectName, ServiceView>,
}

impl Services {
    pub(crate) fn apply_service(&mut self, service: Service) -> bool {
        let name = service.name.clone();
        let changed = self.objects.get(&name) != Some(&service);
        if changed {
            self.objects.insert(name.clone(), service);
            self.mark(&name);
        }
        changed
    }

    pub(crate) fn remove_service(&mut self, name: &ObjectName) -> bool {
        let removed = self.objects.remove(name).is_some();
        if removed {
            self.mark(name);
        }
        removed
    }

    pub(crate) fn apply_slice(&mut self, slice: EndpointSlice) -> bool {
        let EndpointSlice { name, service, endpoints } = slice;
        let service = service.map(|service| name.sibling(service));
        let moved = self.service_of.get(&name) != service.as_ref();
        if moved {
            self.remove_slice(&name);
        }
        let Some(service) = service else { return moved };
        let ready: Vec<ReadyEndpoint> = endpoints
            .into_iter()
            .filter(SliceEndpoint::counts)
            .map(|endpoint| self.trimmed(endpoint))
            .collect();
        let slices = self.slices.entry(service.clone()).or_default();
        let changed = slices.get(&name.name) != Some(&ready);
        if changed {
            slices.insert(name.name.clone(), ready);
            self.service_of.insert(name, service.clone());
            self.mark(&service);
        }
        changed
    }

    pub(crate) fn remove_slice(&mut self, name: &ObjectName) -> bool {
        let Some(service) = self.service_of.remove(name) else { return false };
        if let Some(slices) = self.slices.get_mut(&service) {
            slices.remove(&name.name);
            if slices.is_empty() {
                self.slices.remove(&service);
            }
        }
        self.mark(&service);
        true
    }

    pub(crate) fn apply_node(&mut self, node: Node) -> bool {
        let Node { name, external_ips, internal_ips } = node;
        let mut addresses = if external_ips.is_empty() { internal_ips } else { external_ips };
        addresses.sort_unstable();
        addresses.dedup();
        let changed = self.nodes.get(&name) != Some(&addresses);
        if changed {
            self.mark_node(&name);
            self.nodes.insert(name, addresses);
        }
        changed
    }

    pub(crate) fn remove_node(&mut self, name: &Arc<str>) -> bool {
        let removed = self.nodes.remove(name).is_some();
        if removed {
            self.mark_node(name);
        }
        removed
    }

    pub(crate) fn service_names(&self) -> Vec<ObjectName> {
        self.objects.keys().cloned().collect()
    }

    pub(crate) fn slice_names(&self) -> Vec<ObjectName> {
        self.service_of.keys().cloned().collect()
    }

    pub(crate) fn node_names(&self) -> Vec<ObjectName> {
        self.nodes.keys().map(|name| ObjectName::new("", name.clone())).collect()
    }

    /// The `resourceVersion` of a Service.
    pub(crate) fn version(&self, name: &ObjectName) -> Option<&Arc<str>> {
        self.objects.get(name).map(|service| &service.version)
    }

    /// A Service is used from now on.
    pub(crate) fn use_by(&mut self, name: &ObjectName, reference: &Reference) {
        let used = self.used.entry(name.clone()).or_default();
        let first = used.by.is_empty();
        used.by.insert(reference.clone());
        if first {
            self.work_out(name);
        }
    }

    /// A Service is used by this reference no longer.
    pub(crate) fn unuse_by(&mut self, name: &ObjectName, reference: &Reference) {
        let Some(used) = self.used.get_mut(name) else { return };
        used.by.remove(reference);
        if used.by.is_empty() {
            let nodes = core::mem::take(&mut used.nodes);
            self.used.remove(name);
            for node in &nodes {
                self.leave_node(node, name);
            }
            self.dirty.remove(name);
            self.touched.insert(name.clone());
        }
    }

    /// What is known of a Service that is used.
    pub(crate) fn facts(&self, name: &ObjectName) -> Option<&Facts> {
        self.used.get(name).map(|used| &used.facts)
    }

    /// Works out what changed, and says which references may differ by it.
    pub(crate) fn settle(&mut self) -> BTreeSet<Reference> {
        let mut users = BTreeSet::new();
        for name in core::mem::take(&mut self.dirty) {
            if self.work_out(&name)
                && let Some(used) = self.used.get(&name)
            {
                users.extend(used.by.iter().cloned());
            }
        }
        users
    }

    /// The views that differ from those shown last.
    pub(crate) fn take_views(&mut self) -> Vec<(ObjectName, Option<ServiceView>)> {
        let mut views = Vec::new();
        for name in core::mem::take(&mut self.touched) {
            let view = self.used.get(&name).and_then(|used| used.view.clone());
            if self.shown.get(&name) == view.as_ref() {
                continue;
            }
            match &view {
                Some(view) => self.shown.insert(name.clone(), view.clone()),
                None => self.shown.remove(&name),
            };
            views.push((name, view));
        }
        views
    }

    fn mark(&mut self, name: &ObjectName) {
        if self.used.contains_key(name) {
            self.dirty.insert(name.clone());
        }
    }

    fn mark_node(&mut self, node: &Arc<str>) {
        self.dirty.extend(self.on_node.get(node).into_iter().flatten().cloned());
    }

    fn leave_node(&mut self, node: &Arc<str>, service: &ObjectName) {
        if let Some(services) = self.on_node.get_mut(node) {
            services.remove(service);
            if services.is_empty() {
                self.on_node.remove(node);
            }
        }
    }

    /// An endpoint as it is kept: the node's name is shared, for there are many endpoints and few nodes.
    fn trimmed(&self, endpoint: SliceEndpoint) -> ReadyEndpoint {
        let SliceEndpoint { addresses, node, .. } = endpoint;
        let node = node.map(|node| self.nodes.get_key_value(&node).map_or(node, |(known, _)| known.clone()));
        ReadyEndpoint { addresses: addresses.into(), node }
    }

    /// Whether the facts of a used Service differ from before.
    fn work_out(&mut self, name: &ObjectName) -> bool {
        let (facts, view, nodes) = self.found(name);
        self.touched.insert(name.clone());
        let Some(used) = self.used.get_mut(name) else { return false };
        used.view = view;
        let changed = used.facts != facts;
        used.facts = facts;
        let before = core::mem::replace(&mut used.nodes, nodes.clone());
        for node in before.difference(&nodes) {
            self.leave_node(node, name);
        }
        for node in nodes.difference(&before) {
            self.on_node.entry(node.clone()).or_default().insert(name.clone());
        }
        changed
    }

    fn found(&self, name: &ObjectName) -> (Facts, Option<ServiceView>, BTreeSet<Arc<str>>) {
        let Some(service) = self.objects.get(name) else { return Default::default() };
        // A slice that is being replaced and its successor may both hold an endpoint.
        let endpoints: BTreeSet<&ReadyEndpoint> =
            self.slices.get(name).into_iter().flat_map(BTreeMap::values).flatten().collect();
        let mut nodes = BTreeSet::new();
        let mut view = ServiceView { ready_endpoints: count(&endpoints), addresses: Vec::new() };
        let places = match service.kind {
            ServiceType::ClusterIp => Places::default(),
            ServiceType::Headless => {
                let addresses = endpoints.iter().flat_map(|endpoint| endpoint.addresses.iter().copied());
                let places = Places::of_addresses(Source::Endpoints, addresses.map(answerable));
                view.addresses.clone_from(&places.addresses);
                places
            }
            ServiceType::NodePort => {
                nodes.extend(endpoints.iter().filter_map(|endpoint| endpoint.node.clone()));
                let addresses = nodes.iter().filter_map(|node| self.nodes.get(node)).flatten().copied();
                Places::of_addresses(Source::Nodes, addresses.map(answerable))
            }
            ServiceType::LoadBalancer if service.external_ips.is_empty() => {
                Places::of_texts(Source::LoadBalancer, &service.load_balancer)
            }
            ServiceType::LoadBalancer => Places::of_texts(Source::ExternalIps, &service.external_ips),
            ServiceType::ExternalName => Places::of_texts(Source::ExternalName, &service.external_name),
        };
        let ready = service.kind == ServiceType::ExternalName || !endpoints.is_empty();
        (Facts { exists: true, ready, places }, Some(view), nodes)
    }
}

/// The number of endpoints. A dual-stack Service has each in a slice of either family.
fn count(endpoints: &BTreeSet<&ReadyEndpoint>) -> usize {
    let of = |wanted: fn(&IpAddr) -> bool| {
        endpoints.iter().filter(|endpoint| endpoint.addresses.first().is_some_and(wanted)).count()
    };
    let nameless = endpoints.iter().filter(|endpoint| endpoint.addresses.is_empty()).count();
    of(IpAddr::is_ipv4).max(of(IpAddr::is_ipv6)) + nameless
}
