//! What one cluster publishes from its manifests.
//!
//! ```text
//!  objects ──► Publisher ──► statuses ──► assume ──► what a cluster adds ──► Publisher …
//!                                │
//!                                └──► endpoints, warnings        once nothing is missing that a cluster would add
//! ```

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use mci_core::publish::{
    Condition, ConditionType, Config, Gslb, GslbName, IngressBackend, Key, Kind, Object, ObjectName,
    Publisher, Reference, Status,
};
use mci_core::state_file::Problem;
use mci_core::{Endpoint, Hostname};

use super::objects::Objects;
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
pub(super) struct World<'o> {
    pub(super) objects: &'o Objects,
    pub(super) current: BTreeMap<Key, Object>,
    pub(super) publisher: Publisher,
    pub(super) placeholders: &'o mut Placeholders,
    /// What is assumed, and of which object.
    pub(super) assumed: Vec<(Problem, Key)>,
}

/// Publishes what one cluster's objects say.
pub(super) fn publish(objects: &Objects, config: Config, placeholders: &mut Placeholders) -> Published {
    let mut world = World {
        objects,
        current: objects.found.iter().map(|(key, found)| (key.clone(), found.object.clone())).collect(),
        publisher: Publisher::new(config),
        placeholders,
        assumed: Vec::new(),
    };
    for object in world.current.values() {
        world.publisher.apply(object.clone());
    }
    world.assume_endpoints();
    for _ in 0..ROUNDS {
        // No time passes, and nothing has a stamp: the same manifests are always the same facts.
        world.publisher.update(Duration::ZERO, 0);
        if !world.assume_what_is_missing() {
            break;
        }
    }
    world.finish()
}

impl World<'_> {
    pub(super) fn gslbs(&self) -> impl Iterator<Item = &Gslb> {
        self.current.values().filter_map(|object| match object {
            Object::Gslb(gslb) => Some(gslb),
            _ => None,
        })
    }

    pub(super) fn gslb(&self, name: &GslbName) -> Option<&Gslb> {
        match self.current.get(&key_of(name)) {
            Some(Object::Gslb(gslb)) => Some(gslb),
            _ => None,
        }
    }

    pub(super) fn put(&mut self, object: Object) {
        self.publisher.apply(object.clone());
        self.current.insert(object.key(), object);
    }

    /// The Services that stand behind what a GSLB refers to.
    pub(super) fn services_of(&self, reference: &Reference) -> Vec<ObjectName> {
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

    /// Every object that decides what a GSLB comes to.
    fn objects_of(&self, gslb: &Gslb) -> BTreeSet<Key> {
        let Some(reference) = gslb.referent() else { return BTreeSet::new() };
        let referent = Key::new(reference.kind.into(), reference.object.clone());
        let services =
            self.services_of(&reference).into_iter().map(|service| Key::new(Kind::Service, service));
        let gateways = match self.current.get(&referent) {
            Some(Object::Route(route)) => route.parents.as_slice(),
            _ => &[],
        };
        let gateways = gateways.iter().map(|parent| Key::new(Kind::Gateway, parent.gateway.clone()));
        services.chain(gateways).chain([referent.clone()]).collect()
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
        let mut concerned: BTreeMap<Key, BTreeSet<Hostname>> = BTreeMap::new();
        for gslb in self.gslbs() {
            for key in self.objects_of(gslb) {
                concerned.entry(key).or_default().extend(claimed(gslb));
            }
        }
        for (text, of) in &self.assumed {
            let hostnames = concerned.get(of).into_iter().flatten().cloned().collect();
            notes.assumed.push(Note { text: text.clone(), hostnames });
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
