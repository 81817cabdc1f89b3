//! The objects that GSLBs refer to, and what each offers (R15, R16, R17).

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use crate::publish::names::{GslbName, Kind, ObjectName, Reference, Referent, RouteKind};
use crate::publish::objects::{Gateway, Ingress, IngressBackend, ReferenceGrant, Route};
use crate::publish::places::{Places, Source};
use crate::publish::services::Services;
use crate::publish::update::ReferenceView;

/// What stands between an object that is there and its being ready, backends and addresses aside.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Gate {
    #[default]
    Open,
    /// No Gateway has accepted the route.
    NotAccepted,
    /// The Gateway is not programmed.
    NotProgrammed,
}

/// How many of an object's backends are ready.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum ReadyBackends {
    /// None, or there are none.
    #[default]
    None,
    /// Some, but not all.
    Some,
    /// All, and there is one at least.
    All,
}

/// What an object offers.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Offer {
    /// Whether it is there at all.
    pub(crate) exists: bool,
    /// Whether its kind is installed in the cluster (R17).
    pub(crate) not_installed: bool,
    pub(crate) gate: Gate,
    pub(crate) places: Places,
    pub(crate) backends: ReadyBackends,
    /// Backend Services that are not ready, the missing ones too.
    pub(crate) unready: Vec<ObjectName>,
    /// What it refers to that is not there, as `kind namespace/name`.
    pub(crate) missing: Vec<String>,
    /// Backends in other namespaces that no `ReferenceGrant` allows.
    pub(crate) forbidden: Vec<ObjectName>,
    /// Backends that are no Services.
    pub(crate) resources: Vec<Arc<str>>,
}

/// What an offer was worked out from.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Needs {
    services: BTreeSet<ObjectName>,
    gateways: BTreeSet<ObjectName>,
    /// The namespaces whose grants were asked for.
    grants: BTreeSet<Arc<str>>,
}

#[derive(Clone, Debug, Default)]
struct Used {
    by: BTreeSet<GslbName>,
    offer: Offer,
    needs: Needs,
}

/// All objects that can be referred to, and those that are.
#[derive(Clone, Debug, Default)]
pub(crate) struct References {
    ingresses: BTreeMap<ObjectName, Ingress>,
    gateways: BTreeMap<ObjectName, Gateway>,
    routes: BTreeMap<(RouteKind, ObjectName), Route>,
    grants: BTreeMap<ObjectName, ReferenceGrant>,
    not_installed: BTreeSet<Kind>,
    used: BTreeMap<Reference, Used>,
    by_gateway: BTreeMap<ObjectName, BTreeSet<Reference>>,
    by_grants: BTreeMap<Arc<str>, BTreeSet<Reference>>,
    dirty: BTreeSet<Reference>,
    touched: BTreeSet<Reference>,
    shown: BTreeMap<Reference, ReferenceView>,
}

impl References {
    pub(crate) fn apply_ingress(&mut self, mut ingress: Ingress) -> bool {
        ingress.backends.sort_unstable();
        ingress.backends.dedup();
        let name = ingress.name.clone();
        let changed = self.ingresses.get(&name) != Some(&ingress);
        if changed {
            self.ingresses.insert(name.clone(), ingress);
            self.mark(&Reference::new(Referent::Ingress, name));
        }
        changed
    }

    pub(crate) fn apply_gateway(&mut self, gateway: Gateway) -> bool {
        let name = gateway.name.clone();
        let changed = self.gateways.get(&name) != Some(&gateway);
        if changed {
            self.gateways.insert(name.clone(), gateway);
            self.mark_gateway(&name);
        }
        changed
    }

    pub(crate) fn apply_route(&mut self, mut route: Route) -> bool {
        route.backends.sort_unstable();
        route.backends.dedup();
        let key = (route.kind, route.name.clone());
        let changed = self.routes.get(&key) != Some(&route);
        if changed {
            self.mark(&Reference::new(Referent::Route(key.0), key.1.clone()));
            self.routes.insert(key, route);
        }
        changed
    }

    pub(crate) fn apply_grant(&mut self, grant: ReferenceGrant) -> bool {
        let name = grant.name.clone();
        let changed = self.grants.get(&name) != Some(&grant);
        if changed {
            self.mark_grants(&name.namespace);
            self.grants.insert(name, grant);
        }
        changed
    }

    pub(crate) fn remove_ingress(&mut self, name: &ObjectName) -> bool {
        self.mark(&Reference::new(Referent::Ingress, name.clone()));
        self.ingresses.remove(name).is_some()
    }

    pub(crate) fn remove_gateway(&mut self, name: &ObjectName) -> bool {
        self.mark_gateway(name);
        self.gateways.remove(name).is_some()
    }

    pub(crate) fn remove_route(&mut self, kind: RouteKind, name: &ObjectName) -> bool {
        self.mark(&Reference::new(Referent::Route(kind), name.clone()));
        self.routes.remove(&(kind, name.clone())).is_some()
    }

    pub(crate) fn remove_grant(&mut self, name: &ObjectName) -> bool {
        self.mark_grants(&name.namespace);
        self.grants.remove(name).is_some()
    }

    pub(crate) fn names_of(&self, kind: Kind) -> Vec<ObjectName> {
        match kind {
            Kind::Ingress => self.ingresses.keys().cloned().collect(),
            Kind::Gateway => self.gateways.keys().cloned().collect(),
            Kind::Route(kind) => {
                self.routes.keys().filter(|key| key.0 == kind).map(|(_, name)| name.clone()).collect()
            }
            Kind::ReferenceGrant => self.grants.keys().cloned().collect(),
            Kind::Gslb(_) | Kind::Service | Kind::EndpointSlice | Kind::Node => Vec::new(),
        }
    }

    pub(crate) fn set_installed(&mut self, kind: Kind, installed: bool) {
        let changed =
            if installed { self.not_installed.remove(&kind) } else { self.not_installed.insert(kind) };
        if changed {
            let of_kind = self.used.keys().filter(|reference| Kind::from(reference.kind) == kind);
            self.dirty.extend(of_kind.cloned());
        }
    }

    /// A GSLB refers to an object from now on.
    pub(crate) fn use_by(&mut self, reference: &Reference, gslb: &GslbName) {
        let used = self.used.entry(reference.clone()).or_default();
        if used.by.is_empty() {
            self.dirty.insert(reference.clone());
        }
        used.by.insert(gslb.clone());
    }

    /// A GSLB refers to an object no longer.
    pub(crate) fn unuse_by(&mut self, reference: &Reference, gslb: &GslbName, services: &mut Services) {
        let Some(used) = self.used.get_mut(reference) else { return };
        used.by.remove(gslb);
        if used.by.is_empty() {
            self.take_needs(reference, &Needs::default(), services);
            self.used.remove(reference);
            self.dirty.remove(reference);
            self.touched.insert(reference.clone());
        }
    }

    /// What an object that a GSLB refers to offers.
    pub(crate) fn offer(&self, reference: &Reference) -> Option<&Offer> {
        self.used.get(reference).map(|used| &used.offer)
    }

    /// The GSLBs that an object's deletion concerns.
    pub(crate) fn users_of(&self, kind: Kind, name: &ObjectName) -> Vec<GslbName> {
        let referent = match kind {
            Kind::Ingress => Referent::Ingress,
            Kind::Service => Referent::Service,
            Kind::Gateway => Referent::Gateway,
            Kind::Route(kind) => Referent::Route(kind),
            Kind::Gslb(_) | Kind::EndpointSlice | Kind::Node | Kind::ReferenceGrant => return Vec::new(),
        };
        let direct = Reference::new(referent, name.clone());
        let behind = self.by_gateway.get(name).filter(|_| kind == Kind::Gateway);
        let references = behind.into_iter().flatten().chain([&direct]);
        references
            .filter_map(|reference| self.used.get(reference))
            .flat_map(|used| &used.by)
            .cloned()
            .collect()
    }

    pub(crate) fn mark(&mut self, reference: &Reference) {
        if self.used.contains_key(reference) {
            self.dirty.insert(reference.clone());
        }
    }

    /// Works out what changed, and says which GSLBs may differ by it.
    pub(crate) fn settle(&mut self, services: &mut Services) -> BTreeSet<GslbName> {
        self.dirty.extend(services.settle());
        let mut gslbs = BTreeSet::new();
        for reference in core::mem::take(&mut self.dirty) {
            let needs = self.needs(&reference);
            self.take_needs(&reference, &needs, services);
            let offer = self.found(&reference, services);
            self.touched.insert(reference.clone());
            if let Some(used) = self.used.get_mut(&reference)
                && used.offer != offer
            {
                used.offer = offer;
                gslbs.extend(used.by.iter().cloned());
            }
        }
        gslbs
    }

    /// The views that differ from those shown last.
    pub(crate) fn take_views(&mut self, services: &Services) -> Vec<(Reference, Option<ReferenceView>)> {
        let mut views = Vec::new();
        for reference in core::mem::take(&mut self.touched) {
            let mut view = self.view(&reference, services);
            let shown = self.shown.get(&reference);
            if let (Some(view), Some(shown)) = (&mut view, shown) {
                let version = core::mem::replace(&mut view.version, shown.version.clone());
                if view == shown {
                    continue;
                }
                view.version = version;
            } else if view.is_none() && shown.is_none() {
                continue;
            }
            match &view {
                Some(view) => self.shown.insert(reference.clone(), view.clone()),
                None => self.shown.remove(&reference),
            };
            views.push((reference, view));
        }
        views
    }

    fn view(&self, reference: &Reference, services: &Services) -> Option<ReferenceView> {
        let offer = &self.used.get(reference)?.offer;
        let version = match reference.kind {
            Referent::Ingress => self.ingresses.get(&reference.object).map(|object| &object.version),
            Referent::Service => services.version(&reference.object),
            Referent::Gateway => self.gateways.get(&reference.object).map(|object| &object.version),
            Referent::Route(kind) => {
                self.routes.get(&(kind, reference.object.clone())).map(|object| &object.version)
            }
        };
        Some(ReferenceView {
            version: version?.clone(),
            addresses: offer.places.addresses.clone(),
            targets: offer.places.targets.clone(),
            ready: offer.exists
                && offer.gate == Gate::Open
                && offer.backends != ReadyBackends::None
                && !offer.places.is_empty(),
        })
    }

    fn mark_gateway(&mut self, name: &ObjectName) {
        self.mark(&Reference::new(Referent::Gateway, name.clone()));
        self.dirty.extend(self.by_gateway.get(name).into_iter().flatten().cloned());
    }

    fn mark_grants(&mut self, namespace: &Arc<str>) {
        self.dirty.extend(self.by_grants.get(namespace).into_iter().flatten().cloned());
    }

    /// Puts new needs in place of the old ones, in every table that leads back from them.
    fn take_needs(&mut self, reference: &Reference, needs: &Needs, services: &mut Services) {
        let Some(used) = self.used.get_mut(reference) else { return };
        let before = core::mem::replace(&mut used.needs, needs.clone());
        for service in needs.services.difference(&before.services) {
            services.use_by(service, reference);
        }
        for service in before.services.difference(&needs.services) {
            services.unuse_by(service, reference);
        }
        exchange(&mut self.by_gateway, reference, &before.gateways, &needs.gateways);
        exchange(&mut self.by_grants, reference, &before.grants, &needs.grants);
    }

    fn needs(&self, reference: &Reference) -> Needs {
        let mut needs = Needs::default();
        match reference.kind {
            Referent::Service => {
                needs.services.insert(reference.object.clone());
            }
            Referent::Ingress => {
                let backends = self.ingresses.get(&reference.object).into_iter().flat_map(|i| &i.backends);
                needs.services.extend(backends.filter_map(|backend| match backend {
                    IngressBackend::Service(name) => Some(reference.object.sibling(name.clone())),
                    IngressBackend::Resource(_) => None,
                }));
            }
            // It is by this name that deletions are noticed; the Gateway itself is found through the reference.
            Referent::Gateway => {}
            Referent::Route(kind) => {
                if let Some(route) = self.routes.get(&(kind, reference.object.clone())) {
                    needs.gateways.extend(route.parents.iter().map(|parent| parent.gateway.clone()));
                    for backend in &route.backends {
                        if backend.namespace != route.name.namespace {
                            needs.grants.insert(backend.namespace.clone());
                        }
                        if self.permits(route, backend) {
                            needs.services.insert(backend.clone());
                        }
                    }
                }
            }
        }
        needs
    }

    /// Whether a route may refer to a Service: of its own namespace, or where a `ReferenceGrant` says so.
    fn permits(&self, route: &Route, service: &ObjectName) -> bool {
        let grants = || {
            let first = ObjectName::new(service.namespace.clone(), "");
            self.grants
                .range(first..)
                .map(|(_, grant)| grant)
                .take_while(|grant| grant.name.namespace == service.namespace)
        };
        service.namespace == route.name.namespace
            || grants().any(|grant| {
                let from = grant
                    .from
                    .iter()
                    .any(|(kind, space)| *kind == route.kind && *space == route.name.namespace);
                from && grant.to.iter().any(|name| name.as_ref().is_none_or(|name| *name == service.name))
            })
    }

    fn found(&self, reference: &Reference, services: &Services) -> Offer {
        let offer = match reference.kind {
            Referent::Service => services.facts(&reference.object).map(|facts| Offer {
                exists: facts.exists,
                places: facts.places.clone(),
                backends: if facts.ready { ReadyBackends::All } else { ReadyBackends::None },
                ..Offer::default()
            }),
            Referent::Ingress => self.ingresses.get(&reference.object).map(|it| of_ingress(it, services)),
            Referent::Gateway => self.gateways.get(&reference.object).map(of_gateway),
            Referent::Route(kind) => {
                self.routes.get(&(kind, reference.object.clone())).map(|it| self.of_route(it, services))
            }
        };
        let not_installed = self.not_installed.contains(&reference.kind.into());
        Offer { not_installed, ..offer.unwrap_or_default() }
    }

    /// R17: the addresses of the Gateways that accepted it.
    fn of_route(&self, route: &Route, services: &Services) -> Offer {
        let mut offer = Offer { exists: true, gate: Gate::NotAccepted, ..Offer::default() };
        offer.places.source = Source::Gateways;
        let accepting: BTreeSet<&ObjectName> =
            route.parents.iter().filter(|parent| parent.accepted).map(|parent| &parent.gateway).collect();
        for name in accepting {
            offer.gate = Gate::Open;
            match self.gateways.get(name) {
                Some(gateway) => {
                    offer.places = offer.places.and(&Places::of_texts(Source::Gateways, &gateway.addresses));
                }
                None => offer.missing.push(format!("Gateway {name}")),
            }
        }
        let (permitted, forbidden): (Vec<_>, Vec<_>) =
            route.backends.iter().cloned().partition(|backend| self.permits(route, backend));
        offer.forbidden = forbidden;
        count_backends(&mut offer, permitted, services);
        offer
    }
}

/// R15.
fn of_ingress(ingress: &Ingress, services: &Services) -> Offer {
    let places = Places::of_texts(Source::Ingress, &ingress.addresses);
    let mut offer = Offer { exists: true, places, ..Offer::default() };
    let mut backends = Vec::new();
    for backend in &ingress.backends {
        match backend {
            IngressBackend::Service(name) => backends.push(ingress.name.sibling(name.clone())),
            IngressBackend::Resource(name) => offer.resources.push(name.clone()),
        }
    }
    count_backends(&mut offer, backends, services);
    offer
}

/// R17: what is behind a Gateway is not asked.
fn of_gateway(gateway: &Gateway) -> Offer {
    Offer {
        exists: true,
        gate: if gateway.programmed { Gate::Open } else { Gate::NotProgrammed },
        places: Places::of_texts(Source::Gateways, &gateway.addresses),
        backends: ReadyBackends::All,
        ..Offer::default()
    }
}

/// Asks each backend Service.
fn count_backends(offer: &mut Offer, backends: Vec<ObjectName>, services: &Services) {
    let mut any_ready = false;
    for backend in backends {
        let facts = services.facts(&backend);
        if facts.is_none_or(|facts| !facts.exists) {
            offer.missing.push(format!("Service {backend}"));
        }
        if facts.is_some_and(|facts| facts.ready) {
            any_ready = true;
        } else {
            offer.unready.push(backend);
        }
    }
    offer.backends = match (any_ready, offer.unready.is_empty() && offer.forbidden.is_empty()) {
        (false, _) => ReadyBackends::None,
        (true, false) => ReadyBackends::Some,
        (true, true) => ReadyBackends::All,
    };
}

/// Moves a reference from the old keys of a table that leads back to it, to the new ones.
fn exchange<K: Ord + Clone>(
    table: &mut BTreeMap<K, BTreeSet<Reference>>,
    reference: &Reference,
    before: &BTreeSet<K>,
    after: &BTreeSet<K>,
) {
    for key in before.difference(after) {
        if let Some(references) = table.get_mut(key) {
            references.remove(reference);
            if references.is_empty() {
                table.remove(key);
            }
        }
    }
    for key in after.difference(before) {
        table.entry(key.clone()).or_default().insert(reference.clone());
    }
}
