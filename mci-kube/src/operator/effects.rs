//! What follows from what was taken in, worked out once a burst: what is to be written, told and shown.
//!
//! ```text
//!  Publisher::update ──┬─► hostnames ──► Book ──► shards ──────────┐        (only while this replica leads)
//!                      ├─► services, references ──► caches ────────┼─► desks ──► writers
//!                      └─► statuses ─┬─► status of each GSLB ──────┘
//!      what other clusters publish ──┘
//! ```
//!
//! Each step costs as much as there is in the update.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use mci_core::publish::{
    Condition, ConditionType, Group, GslbName, Kind, ObjectName, Reason, Reference, ReferenceView,
    ServiceView, Status, Update,
};
use mci_core::{Endpoint, Hostname};
use tokio::time::Instant;
use tracing::{debug, info, warn};

use super::absences::STAY;
use super::book::Book;
use super::caches::{ContentHash, SeenShard};
use super::index::{First, Index};
use super::wanted::{OwnShard, Resource, Says, Service};
use super::{Settings, neighbours, pulse, status};
use crate::names;
use crate::resources::{self, GslbStatus, ResourceCache, ServiceCache};
use crate::unix;
use crate::watch::{ObjectKey, Progress};
use crate::write::Lane;

impl Index {
    /// Works out what follows from what was taken in, and from the time that has passed.
    pub(super) fn settle(&mut self) {
        if !self.synced && !self.sync() {
            return;
        }
        let began = Instant::now();
        let (now, unix) = (self.now(), unix::stamp());
        self.end_absences();
        let leads = self.lead();
        let update = self.publisher.update(now, unix);
        let is_empty = update.is_empty();
        let Update { hostnames, gslbs, services, references } = update;
        let counts = (hostnames.len(), gslbs.len());
        self.keep(hostnames, now);
        self.offer(services, references);
        self.compare();
        self.rise();
        if leads {
            self.write_shards();
        }
        self.unsaid.extend(gslbs.into_iter().map(|(name, _)| name));
        self.say(leads, unix);
        self.beat();

        let (published, held) = match &self.book {
            Some((_, book)) => (book.len(), book.held()),
            None => (self.publisher.hostnames().len(), 0),
        };
        self.gauges.set_hostnames(published, held);
        let since = self.since.take();
        if !is_empty {
            self.gauges.updated(began.elapsed());
            if let Some(since) = since {
                self.gauges.decided(since);
            }
            let (hostnames, gslbs) = counts;
            debug!(hostnames, gslbs, took = ?began.elapsed(), "Decided");
        }
    }

    /// When it is worth asking again, if nothing comes.
    pub(super) fn next_due(&self) -> Instant {
        if !self.synced {
            // Nothing is due before the first sync is whole, and that comes with a message.
            return Instant::now() + Duration::from_secs(1);
        }
        let book = self.book.as_ref().and_then(|(_, book)| book.next_due());
        let due = [self.publisher.next_due(), book, self.absences.next_due()];
        let due = due.into_iter().flatten().min().map(|due| self.began + due);
        due.map_or(self.next_beat, |due| due.min(self.next_beat))
    }

    /// Another configuration.
    pub(super) fn configure(&mut self, settings: Settings) {
        self.publisher.configure(settings.publish.clone());
        if let Some((_, book)) = &mut self.book {
            book.configure(settings.withdrawal);
        }
        if settings.heartbeat < self.settings.heartbeat {
            self.next_beat = Instant::now();
        }
        self.settings = settings;
    }

    /// Whether everything was listed: from then on something is decided.
    fn sync(&mut self) -> bool {
        if !self.waiting.is_empty() {
            return false;
        }
        // Stamps and held addresses go on from what is published.
        let own = self.own_entries();
        info!(published = own.len(), gslbs = self.publisher.names_of(Kind::Gslb(Group::Mci)).len(), "Synced");
        self.publisher.seed(own);
        self.synced = true;
        self.gauges.set_synced();
        true
    }

    /// Takes up leadership, or lays it down; whether this replica leads.
    fn lead(&mut self) -> bool {
        let term = self.claim.term();
        if self.book.as_ref().map(|(term, _)| *term) == term {
            return term.is_some();
        }
        self.gauges.forget_writes();
        self.too_large.clear();
        let Some(term) = term else {
            self.book = None;
            info!("Another replica publishes now");
            return false;
        };
        let own = self.own_entries();
        let shards = self.own_shards();
        info!(term, hostnames = own.len(), shards = shards.len(), "Publishing from what is there");
        self.publisher.seed(own.iter().cloned());
        self.book = Some((term, Book::new(self.own.clone(), self.settings.withdrawal, shards, own)));
        true
    }

    /// Puts what is published now into the book.
    fn keep(&mut self, hostnames: Vec<(Hostname, Option<Endpoint>)>, now: Duration) {
        let Some((_, book)) = &mut self.book else { return };
        // A GSLB whose kind is not there may be only away: what a predecessor published for it stays for a while.
        let away =
            [Group::Mci, Group::Cyclops].into_iter().any(|group| !self.there.contains(&Kind::Gslb(group)));
        for (hostname, endpoint) in hostnames {
            match endpoint {
                Some(endpoint) => {
                    if !book.has(&hostname)
                        && let Some(gslb) = self.publisher.claimants(&hostname).next()
                    {
                        let others = neighbours::others(&hostname, self.shards.publications(), &self.own);
                        if !others.is_empty() {
                            self.gauges.count_joined();
                            self.notices.joined(gslb, &hostname, &others);
                        }
                    }
                    book.publish(hostname, endpoint);
                }
                None if away && now < STAY => book.orphan(hostname, STAY),
                None => book.withdraw(hostname, now),
            }
        }
        let due = book.due(now);
        if !due.newly_held.is_empty() {
            let hostnames = due.newly_held.len();
            warn!(
                hostnames,
                "Too many hostnames would go at once: they stay (R26); `mci withdraw --confirm` lets them go"
            );
            self.notices.held(&due.newly_held);
        }
    }

    /// What is shown of Services and of referenced objects.
    fn offer(
        &self,
        services: Vec<(ObjectName, Option<ServiceView>)>,
        references: Vec<(Reference, Option<ReferenceView>)>,
    ) {
        for (name, view) in services {
            let object = named("Service", &name);
            let key = ObjectKey::new(&self.namespace, &names::service_cache(&object));
            let Some(ServiceView { ready_endpoints, addresses }) = view else {
                self.desks.services.want_nothing(key, Lane::Bulk);
                continue;
            };
            let mut cache = ServiceCache::named(&key.name);
            cache.metadata.namespace = Some(self.namespace.to_string());
            cache.object = Some(object);
            cache.ready_endpoints = u32::try_from(ready_endpoints).unwrap_or(u32::MAX);
            cache.addresses = addresses.iter().map(ToString::to_string).collect();
            self.desks.services.want(key, Service(cache), Lane::Bulk);
        }
        for (Reference { kind, object: name }, view) in references {
            let object = named(kind.as_str(), &name);
            let key = ObjectKey::new(&self.namespace, &names::resource_cache(&object));
            let Some(ReferenceView { version, addresses, targets, ready }) = view else {
                self.desks.resources.want_nothing(key, Lane::Bulk);
                continue;
            };
            let mut cache = ResourceCache::named(&key.name);
            cache.metadata.namespace = Some(self.namespace.to_string());
            cache.object = Some(object);
            cache.object_resource_version = Some(version.to_string()).filter(|version| !version.is_empty());
            cache.ready = ready;
            cache.addresses = addresses.iter().map(ToString::to_string).collect();
            cache.targets = targets.iter().map(ToString::to_string).collect();
            self.desks.resources.want(key, Resource(cache), Lane::Bulk);
        }
    }

    /// Whether what other clusters say of our hostnames fits to what we say.
    fn compare(&mut self) {
        for hostname in std::mem::take(&mut self.reconsidered) {
            let winner = self.publisher.claimants(&hostname).next();
            let found = match winner {
                Some(_) => {
                    neighbours::differences(&hostname, self.shards.publications(), &self.states, &self.own)
                }
                None => Vec::new(),
            };
            let before = match found.as_slice() {
                [] => self.differences.remove(&hostname).unwrap_or_default(),
                found => self.differences.insert(hostname, found.to_vec()).unwrap_or_default(),
            };
            if before != found {
                self.unsaid.extend(winner.cloned());
            }
        }
    }

    /// Where peers hold more than we do, because our store was restored from an older copy, the shards are written above
    /// that: what holds is what this cluster publishes now. What was never here is written there as an empty shard.
    fn rise(&mut self) {
        let outdone = self.feeding.outbox().take_outdone();
        // Only who leads can tell a store that was restored from a watch that lags; the next leader is told again.
        let Some((term, book)) = &mut self.book else { return };
        let mut above = 0;
        for held in outdone {
            match self.versions.outdone(&held, *term) {
                Ok(true) => {
                    book.touch(held.shard, Lane::Bulk);
                    above += 1;
                }
                Ok(false) => {}
                Err(problem) => warn!(shard = %held.shard, %problem, "A peer's word is not believed"),
            }
        }
        if above > 0 {
            warn!(
                shards = above,
                "Peers hold newer versions than the API server here: written anew, above them"
            );
        }
    }

    /// The shards that changed, to whoever writes them.
    fn write_shards(&mut self) {
        let Some((term, book)) = &mut self.book else { return };
        for (shard, lane) in book.take_touched() {
            let (mut object, refused) = book.write(shard);
            let name = names::cluster_cache(&self.own, shard);
            let key = ObjectKey::new(&self.namespace, &name);
            object.metadata.namespace = Some(self.namespace.to_string());
            let hash = ContentHash::of_shard(&object);
            let stays = |seen: Option<&SeenShard>| seen.is_some_and(|seen| seen.hash == hash);
            if !self.desks.shards.with_seen(&key, stays) {
                self.gauges.write_wanted(&key, self.since.unwrap_or_else(Instant::now));
            }
            let (versions, object) = (self.versions.clone(), Arc::new(object));
            let wanted = OwnShard { term: *term, shard, versions, hash, object };
            self.desks.shards.want(key, wanted, lane);

            let refused: BTreeMap<Hostname, String> =
                refused.into_iter().map(|one| (one.hostname.clone(), one.to_string())).collect();
            let mut changed: Vec<Hostname> = Vec::new();
            self.too_large.retain(|hostname, _| {
                let stays = mci_core::Shard::of(hostname) != shard || refused.contains_key(hostname);
                if !stays {
                    changed.push(hostname.clone());
                }
                stays
            });
            for (hostname, problem) in refused {
                if self.too_large.insert(hostname.clone(), problem.clone()).is_none() {
                    warn!(%hostname, problem, "A hostname finds no room");
                    if let Some(gslb) = self.publisher.claimants(&hostname).next() {
                        self.notices.too_large(gslb, problem);
                    }
                    changed.push(hostname);
                }
            }
            for hostname in changed {
                self.unsaid.extend(self.publisher.claimants(&hostname).next().cloned());
            }
        }
    }

    /// The statuses that changed, to whoever writes them.
    fn say(&mut self, leads: bool, unix: u32) {
        for name in std::mem::take(&mut self.unsaid) {
            let key = ObjectKey::new(&name.object.namespace, &name.object.name);
            let Some(status) = self.status(&name) else {
                let before = self.said.remove(&name);
                self.gauges.gslb_changed(before.as_ref(), None);
                self.notices.forgets(&name);
                match name.group {
                    Group::Mci => self.desks.gslbs.forget(&key),
                    Group::Cyclops => self.desks.cyclops.forget(&key),
                }
                continue;
            };
            let before = self.said.insert(name.clone(), status.clone());
            self.gauges.gslb_changed(before.as_ref(), Some(&status));
            let object = name.object.clone();
            let written = status::write(&status, unix);
            if leads {
                let said = |seen: Option<&GslbStatus>| {
                    seen.is_some_and(|seen| status::accepts_alike(seen, &written))
                };
                let was_said = match name.group {
                    Group::Mci => self.desks.gslbs.with_seen(&key, said),
                    Group::Cyclops => self.desks.cyclops.with_seen(&key, said),
                };
                self.notices.changed(&name, before.as_ref(), &status, was_said);
            }
            // It is in the way of no answer.
            match name.group {
                Group::Mci => self.desks.gslbs.want(key, Says::new(object, written), Lane::Bulk),
                Group::Cyclops => self.desks.cyclops.want(key, Says::new(object, written), Lane::Bulk),
            }
        }
        if !self.begun {
            self.begun = true;
            self.desks.begin();
        }
    }

    /// A GSLB's status, with what concerns its hostnames besides.
    fn status(&self, name: &GslbName) -> Option<Status> {
        let mut status = self.publisher.status(name)?.clone();
        let mut found: BTreeMap<ConditionType, Condition> = BTreeMap::new();
        for hostname in &status.hostnames {
            let of_others = self.differences.get(hostname).into_iter().flatten().cloned();
            let of_room = self.too_large.get(hostname).map(|problem| Condition {
                kind: ConditionType::Published,
                holds: false,
                reason: Reason::TooLarge,
                message: problem.clone(),
            });
            for condition in of_others.chain(of_room) {
                match found.get_mut(&condition.kind) {
                    Some(other) => {
                        other.message.push_str("; ");
                        other.message.push_str(&condition.message);
                    }
                    None => {
                        found.insert(condition.kind, condition);
                    }
                }
            }
        }
        status.hostnames.retain(|hostname| !self.too_large.contains_key(hostname));
        for (_, mut condition) in found {
            shorten(&mut condition.message);
            status.put(condition);
        }
        Some(status)
    }

    /// Says when a heartbeat is due (R21): once an interval, and when what it says changes.
    fn beat(&mut self) {
        if self.waiting.contains(&First::Clusters) {
            return;
        }
        let now = Instant::now();
        let view_age = self.view_age();
        let leads = self.claim.term().is_some() && view_age == Some(Duration::ZERO);
        let itself = &self.itself;
        let interval = self.settings.heartbeat;
        let is_due = now >= self.next_beat;
        let mut next = self.next_beat;
        self.beats.send_if_modified(|due| {
            let number = due.number + 1;
            let (term, left, overrides) = (itself.version, itself.left, itself.overrides.clone());
            let news = pulse::Due { number, interval, term, left, overrides, view_age, leads };
            let differs = (due.left, &due.overrides) != (news.left, &news.overrides);
            if due.number > 0 && !is_due && !differs {
                return false;
            }
            *due = news;
            next = now + interval;
            true
        });
        self.next_beat = next;
    }
}

impl Index {
    /// How long ago the API server was last seen to be followed; nothing of a replica that is not the one to say so.
    fn view_age(&mut self) -> Option<Duration> {
        if self.claim.term().is_some() {
            self.speaks = true;
        } else if self.claim.holder().is_some_and(|holder| holder != self.identity) {
            // Who lost the API server lost the lead with it: it goes on to say so until somebody else leads.
            self.speaks = false;
        }
        let age = |watch: Arc<Progress>| {
            if watch.state().is_current() {
                Duration::ZERO
            } else {
                watch.since_contact().unwrap_or(self.now())
            }
        };
        self.speaks.then(|| self.gauges.watches().into_iter().map(age).max().unwrap_or_default())
    }
}

fn named(kind: &str, name: &ObjectName) -> resources::ObjectName {
    resources::ObjectName {
        kind: kind.to_owned(),
        name: name.name.to_string(),
        namespace: name.namespace.to_string(),
    }
}

/// No condition's message may be longer, by its schema.
const LONGEST_MESSAGE: usize = 32_768;

fn shorten(message: &mut String) {
    if message.len() > LONGEST_MESSAGE {
        message.truncate(message.floor_char_boundary(LONGEST_MESSAGE));
    }
}
