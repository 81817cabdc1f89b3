//! The one index of a cluster's objects.

use core::time::Duration;
use std::collections::{BTreeMap, BTreeSet};

use crate::hostname::Hostname;
use crate::hostname_state::Endpoint;
use crate::publish::claims::{Claim, Claims};
use crate::publish::config::Config;
use crate::publish::hold::Hold;
use crate::publish::judge::{Case, Content, is_serving, judge};
use crate::publish::names::{GslbName, Key, Kind, ObjectName, Reference, Referent};
use crate::publish::objects::{Gslb, Object};
use crate::publish::places::Places;
use crate::publish::reading::{Reading, read};
use crate::publish::references::{Offer, References};
use crate::publish::services::Services;
use crate::publish::status::Status;
use crate::publish::update::Update;

/// The one index of a cluster's objects: fed by watches, asked for what changed.
///
/// What it says depends only on the objects, the configuration and – for stamps (D7) and held addresses (R25) – on what
/// was published before; never on the order in which objects came.
///
/// ```
/// use core::time::Duration;
/// use mci_core::publish::{
///     Config, EndpointSlice, Group, Gslb, GslbName, Object, ObjectName, Publisher, Referent, Service, ServiceType,
///     SliceEndpoint,
/// };
///
/// let mut publisher = Publisher::new(Config::new("west".parse()?));
/// publisher.apply(Object::Gslb(Gslb {
///     hostnames: vec!["app.gslb.example.com".to_owned()],
///     ..Gslb::new(GslbName::new(Group::Mci, "shop", "app"), Referent::Service, "web")
/// }));
/// publisher.apply(Object::Service(Service {
///     name: ObjectName::new("shop", "web"),
///     version: "1".into(),
///     kind: ServiceType::LoadBalancer,
///     load_balancer: vec!["192.0.2.10".to_owned()],
///     external_ips: Vec::new(),
///     external_name: None,
/// }));
/// publisher.apply(Object::EndpointSlice(EndpointSlice {
///     name: ObjectName::new("shop", "web-x7k2p"),
///     service: Some("web".into()),
///     endpoints: vec![SliceEndpoint { addresses: vec!["10.0.0.7".parse()?], ..SliceEndpoint::default() }],
/// }));
///
/// let update = publisher.update(Duration::ZERO, 1_700_000_000);
/// let (hostname, endpoint) = &update.hostnames[0];
/// assert_eq!(hostname.to_string(), "app.gslb.example.com");
/// assert!(endpoint.as_ref().is_some_and(|endpoint| endpoint.is_ready()));
/// assert!(publisher.update(Duration::ZERO, 1_700_000_001).is_empty(), "nothing changed since");
/// # Ok::<(), Box<dyn core::error::Error>>(())
/// ```
#[derive(Clone, Debug)]
pub struct Publisher {
    config: Config,
    services: Services,
    references: References,
    claims: Claims,
    gslbs: BTreeMap<GslbName, Held>,
    published: BTreeMap<Hostname, Endpoint>,
    statuses: BTreeMap<GslbName, Status>,
    /// GSLBs to decide about again.
    dirty: BTreeSet<GslbName>,
    /// Hostnames whose endpoint may differ.
    dirty_hostnames: BTreeSet<Hostname>,
    /// The GSLBs whose addresses are held, by when that began (R25).
    holds: BTreeSet<(Duration, GslbName)>,
    /// No update has been asked for yet: what is published comes from a predecessor.
    fresh: bool,
}

/// A GSLB with what came of it.
#[derive(Clone, Debug)]
struct Held {
    gslb: Gslb,
    reading: Reading,
    hold: Hold,
    content: Content,
}

impl Held {
    fn claim(&self) -> Claim {
        Claim { created: self.gslb.created, gslb: self.gslb.name.clone() }
    }
}

impl Publisher {
    /// An index without objects.
    pub fn new(config: Config) -> Self {
        Self {
            config,
            services: Services::default(),
            references: References::default(),
            claims: Claims::default(),
            gslbs: BTreeMap::new(),
            published: BTreeMap::new(),
            statuses: BTreeMap::new(),
            dirty: BTreeSet::new(),
            dirty_hostnames: BTreeSet::new(),
            holds: BTreeSet::new(),
            fresh: true,
        }
    }

    /// Says what is published at this moment, as a new leader finds it.
    ///
    /// Stamps of what stays the same are kept; what differs is in the next update, hostnames that nobody claims any
    /// more too. Addresses that a predecessor published for an object that has just lost them are held from now on
    /// (R25), by an index that has not been asked for an update yet; one that has knows better.
    pub fn seed(&mut self, published: impl IntoIterator<Item = (Hostname, Endpoint)>) {
        let own =
            published.into_iter().filter(|(_, endpoint)| endpoint.cluster == self.config.cluster).collect();
        let before = core::mem::replace(&mut self.published, own);
        self.dirty_hostnames.extend(before.into_keys());
        self.dirty_hostnames.extend(self.published.keys().cloned());
    }

    /// Replaces the configuration, while running.
    pub fn configure(&mut self, config: Config) {
        if self.config == config {
            return;
        }
        self.config = config;
        let names: Vec<GslbName> = self.gslbs.keys().cloned().collect();
        for name in names {
            if let Some(held) = self.gslbs.get(&name) {
                let reading = read(&held.gslb, &self.config);
                self.take_reading(&name, reading);
            }
        }
        self.dirty_hostnames.extend(self.published.keys().cloned());
    }

    /// Says whether a kind of the Gateway API is installed (R17); each is, until this says otherwise. The objects of a
    /// kind that is not are gone.
    pub fn set_installed(&mut self, kind: Kind, installed: bool) {
        if !installed {
            self.reset(kind, []);
        }
        self.references.set_installed(kind, installed);
    }

    /// An object is there, new or changed. Whether anything that is read of it differs from before.
    pub fn apply(&mut self, object: Object) -> bool {
        match object {
            Object::Gslb(gslb) => self.apply_gslb(gslb),
            Object::Service(service) => {
                let reference = Reference::new(Referent::Service, service.name.clone());
                let changed = self.services.apply_service(service);
                if changed {
                    self.references.mark(&reference);
                }
                changed
            }
            Object::EndpointSlice(slice) => self.services.apply_slice(slice),
            Object::Node(node) => self.services.apply_node(node),
            Object::Ingress(ingress) => self.references.apply_ingress(ingress),
            Object::Gateway(gateway) => self.references.apply_gateway(gateway),
            Object::Route(route) => self.references.apply_route(route),
            Object::ReferenceGrant(grant) => self.references.apply_grant(grant),
        }
    }

    /// An object was deleted. Whether it was there.
    pub fn remove(&mut self, key: &Key) -> bool {
        let Key { kind, object } = key;
        // Deletion acts at once, even if an object of the same name is there again before the next update (R25).
        for user in self.references.users_of(*kind, object) {
            self.forget_hold(&user);
            self.dirty.insert(user);
        }
        match kind {
            Kind::Gslb(group) => self.remove_gslb(&GslbName { object: object.clone(), group: *group }),
            Kind::Service => {
                self.references.mark(&Reference::new(Referent::Service, object.clone()));
                self.services.remove_service(object)
            }
            Kind::EndpointSlice => self.services.remove_slice(object),
            Kind::Node => self.services.remove_node(&object.name),
            Kind::Ingress => self.references.remove_ingress(object),
            Kind::Gateway => self.references.remove_gateway(object),
            Kind::Route(kind) => self.references.remove_route(*kind, object),
            Kind::ReferenceGrant => self.references.remove_grant(object),
        }
    }

    /// All objects of a kind, as a list gave them: what is not among them was deleted. One batch: nothing is worked out
    /// before the next update. Whether anything changed. Objects of other kinds are taken as [`apply`](Self::apply)
    /// takes them.
    pub fn reset(&mut self, kind: Kind, objects: impl IntoIterator<Item = Object>) -> bool {
        let mut gone: BTreeSet<ObjectName> = self.names_of(kind).into_iter().collect();
        let mut changed = false;
        for object in objects {
            let key = object.key();
            if key.kind == kind {
                gone.remove(&key.object);
            }
            changed |= self.apply(object);
        }
        for object in gone {
            changed |= self.remove(&Key::new(kind, object));
        }
        changed
    }

    /// Works out what the changes since the last update come to.
    ///
    /// `now` is the caller's monotonic clock, as a duration since any fixed moment; `unix` stamps what changed (D7). To be
    /// asked only once every watch has its first list: what has not been listed yet looks deleted.
    pub fn update(&mut self, now: Duration, unix: u32) -> Update {
        let over =
            self.holds.iter().take_while(|(since, _)| now.saturating_sub(*since) >= self.config.address_hold);
        self.dirty.extend(over.map(|(_, name)| name.clone()));
        self.dirty.extend(self.references.settle(&mut self.services));
        let mut update = Update::default();
        for name in core::mem::take(&mut self.dirty) {
            let status = self.decide(&name, now);
            if self.statuses.get(&name) != status.as_ref() {
                match &status {
                    Some(status) => self.statuses.insert(name.clone(), status.clone()),
                    None => self.statuses.remove(&name),
                };
                update.gslbs.push((name, status));
            }
        }
        for hostname in core::mem::take(&mut self.dirty_hostnames) {
            if let Some(endpoint) = self.publish(&hostname, unix) {
                update.hostnames.push((hostname, endpoint));
            }
        }
        update.services = self.services.take_views();
        update.references = self.references.take_views(&self.services);
        self.fresh = false;
        update
    }

    /// When [`update`](Self::update) is worth asking without a change: the next hold ends then (R25).
    pub fn next_due(&self) -> Option<Duration> {
        self.holds.first().map(|(since, _)| *since + self.config.address_hold)
    }

    /// Every hostname that is published, with its endpoint, as of the last update.
    pub fn hostnames(&self) -> impl ExactSizeIterator<Item = (&Hostname, &Endpoint)> {
        self.published.iter()
    }

    /// The status of every GSLB, as of the last update.
    pub fn statuses(&self) -> impl ExactSizeIterator<Item = (&GslbName, &Status)> {
        self.statuses.iter()
    }

    /// The status of one GSLB, as of the last update.
    pub fn status(&self, gslb: &GslbName) -> Option<&Status> {
        self.statuses.get(gslb)
    }

    /// The GSLB that a hostname is published for, and those that would like to have it too.
    pub fn claimants(&self, hostname: &Hostname) -> impl Iterator<Item = &GslbName> {
        self.claims.claimants(hostname)
    }

    /// The names of all objects of a kind that are known.
    pub fn names_of(&self, kind: Kind) -> Vec<ObjectName> {
        match kind {
            Kind::Gslb(group) => {
                let of_group = self.gslbs.keys().filter(|name| name.group == group);
                of_group.map(|name| name.object.clone()).collect()
            }
            Kind::Service => self.services.service_names(),
            Kind::EndpointSlice => self.services.slice_names(),
            Kind::Node => self.services.node_names(),
            Kind::Ingress | Kind::Gateway | Kind::Route(_) | Kind::ReferenceGrant => {
                self.references.names_of(kind)
            }
        }
    }

    fn apply_gslb(&mut self, gslb: Gslb) -> bool {
        let name = gslb.name.clone();
        let reference = gslb.referent();
        let reading = read(&gslb, &self.config);
        let Some(held) = self.gslbs.get_mut(&name) else {
            if let Some(reference) = &reference {
                self.references.use_by(reference, &name);
            }
            let (hold, content) = (Hold::default(), Content::default());
            self.gslbs.insert(name.clone(), Held { gslb, reading: Reading::default(), hold, content });
            self.take_reading(&name, reading);
            return true;
        };
        if held.gslb == gslb {
            return false;
        }
        if held.gslb.created != gslb.created {
            // Another object of the same name: its claims are as old as it is, and nothing of the first stays.
            self.remove_gslb(&name);
            return self.apply_gslb(gslb);
        }
        let before = core::mem::replace(&mut held.gslb, gslb).referent();
        if before != reference {
            self.forget_hold(&name);
            if let Some(reference) = &reference {
                self.references.use_by(reference, &name);
            }
            if let Some(before) = &before {
                self.references.unuse_by(before, &name, &mut self.services);
            }
        }
        self.take_reading(&name, reading);
        true
    }

    fn remove_gslb(&mut self, name: &GslbName) -> bool {
        self.forget_hold(name);
        self.take_reading(name, Reading::default());
        let Some(held) = self.gslbs.remove(name) else { return false };
        if let Some(reference) = held.gslb.referent() {
            self.references.unuse_by(&reference, name, &mut self.services);
        }
        true
    }

    /// Nothing stays of the addresses that a GSLB's object had.
    fn forget_hold(&mut self, name: &GslbName) {
        if let Some(held) = self.gslbs.get_mut(name) {
            if let Some(since) = held.hold.since() {
                self.holds.remove(&(since, name.clone()));
            }
            held.hold.forget();
        }
    }

    /// Puts a new reading of a GSLB in place of the old one, with its claims.
    fn take_reading(&mut self, name: &GslbName, reading: Reading) {
        self.dirty.insert(name.clone());
        let Some(held) = self.gslbs.get_mut(name) else { return };
        let claim = held.claim();
        let before = core::mem::replace(&mut held.reading, reading);
        let after = &held.reading;
        for hostname in before.claims.iter().filter(|hostname| after.claims.binary_search(hostname).is_err())
        {
            if self.claims.withdraw(hostname, &claim) {
                self.dirty.extend(self.claims.claimants(hostname).cloned());
                self.dirty_hostnames.insert(hostname.clone());
            }
        }
        for hostname in after.claims.iter().filter(|hostname| before.claims.binary_search(hostname).is_err())
        {
            if self.claims.add(hostname, &claim) {
                self.dirty.extend(self.claims.claimants(hostname).cloned());
                self.dirty_hostnames.insert(hostname.clone());
            }
        }
    }

    /// Decides about one GSLB; nothing if there is no such object.
    fn decide(&mut self, name: &GslbName, now: Duration) -> Option<Status> {
        let held = self.gslbs.get_mut(name)?;
        let nothing = Offer::default();
        let reference = held.gslb.referent();
        let offer = reference.and_then(|reference| self.references.offer(&reference)).unwrap_or(&nothing);
        let (won, lost): (Vec<_>, Vec<_>) = held
            .reading
            .claims
            .iter()
            .filter_map(|hostname| Some((hostname, self.claims.winner(hostname)?)))
            .partition(|(_, winner)| *winner == name);

        if self.fresh && held.hold.is_new() {
            let ready = |(hostname, _): &(&Hostname, _)| self.published.get(*hostname).filter(|it| it.ready);
            if let Some(endpoint) = won.iter().find_map(ready) {
                let (addresses, targets) = (endpoint.addresses.clone(), endpoint.targets.clone());
                held.hold.inherit(Places { addresses, targets, ..Places::default() });
            }
        }
        if let Some(since) = held.hold.since() {
            self.holds.remove(&(since, name.clone()));
        }
        let kept = if held.reading.overrides.is_some() {
            held.hold.forget();
            None
        } else {
            let serving = is_serving(&held.gslb, false, offer);
            held.hold.look(&offer.places, serving, self.config.address_hold, now)
        };
        if let Some(since) = held.hold.since() {
            self.holds.insert((since, name.clone()));
        }

        let case = Case {
            gslb: &held.gslb,
            reading: &held.reading,
            offer,
            held: kept.as_ref(),
            won: won.into_iter().map(|(hostname, _)| hostname.clone()).collect(),
            lost: lost.into_iter().map(|(hostname, winner)| (hostname.clone(), winner.clone())).collect(),
            zones: &self.config.zones,
        };
        let (content, status) = judge(&case);
        if held.content != content {
            self.dirty_hostnames.extend(case.won);
            held.content = content;
        }
        Some(status)
    }

    /// What is published for a hostname now, if that differs from before.
    #[expect(clippy::option_option, reason = "nothing new, or a new nothing")]
    fn publish(&mut self, hostname: &Hostname, unix: u32) -> Option<Option<Endpoint>> {
        let before = self.published.get(hostname);
        let content =
            self.claims.winner(hostname).and_then(|name| self.gslbs.get(name)).map(|held| &held.content);
        let Some(content) = content else { return self.published.remove(hostname).map(|_| None) };
        let stamp = before.map_or(unix, |before| before.changed);
        let mut endpoint = content.endpoint(&self.config.cluster, stamp);
        if before == Some(&endpoint) {
            return None;
        }
        endpoint.changed = unix;
        self.published.insert(hostname.clone(), endpoint.clone());
        Some(Some(endpoint))
    }
}
