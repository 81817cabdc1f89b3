//! The one index: what the watches saw, taken in burst by burst, and what is known besides.
//!
//! It takes in and remembers; what follows from it is worked out once a burst, by `effects`.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;
use std::time::Duration;

use mci_core::publish::{Condition, Group, GslbName, Key, Kind, Object, ObjectName, Publisher, Status};
use mci_core::{ClusterId, ClusterState, Endpoint, Hostname, Shard};
use tokio::time::Instant;
use tracing::{info, warn};

use super::Settings;
use super::absences::{self, Absences, Over};
use super::batches::{only_own, split, within};
use super::book::Book;
use super::caches::{CacheItem, ClusterItem, GslbItem};
use super::definitions::{Definitions, Presence};
use super::desks::Desks;
use super::feed::{Message, News};
use super::gauges::Gauges;
use super::notices::Notices;
use super::outgoing::Feeding;
use super::own_cluster::OwnCluster;
use super::pulse;
use super::versions::Versions;
use crate::lease::Claim;
use crate::shards::{ShardItem, Shards};
use crate::translate;
use crate::watch::{Batch, Change, Listing, ObjectKey, Observed, Relist};

/// What has to be listed before anything is decided: what was not listed yet looks deleted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum First {
    Definitions,
    Shards,
    Clusters,
    Objects(Kind),
}

/// All that is known.
pub(super) struct Index {
    pub(super) own: ClusterId,
    pub(super) namespace: Arc<str>,
    pub(super) settings: Settings,
    pub(super) claim: Claim,
    pub(super) desks: Desks,
    pub(super) gauges: Arc<Gauges>,
    pub(super) notices: Notices,
    pub(super) beats: tokio::sync::watch::Sender<pulse::Due>,
    pub(super) began: Instant,
    pub(super) publisher: Publisher,
    pub(super) waiting: BTreeSet<First>,
    pub(super) synced: bool,
    /// Everything was said once: from then on differences are written.
    pub(super) begun: bool,
    pub(super) definitions: Definitions,
    pub(super) absences: Absences,
    /// The kinds that were listed at some time, and are not known to be gone for good.
    pub(super) there: BTreeSet<Kind>,
    /// The kinds that the API server knows, as far as their watches saw.
    pub(super) followed: BTreeSet<Kind>,
    /// The watch of each kind of the Gateway API: what an earlier one still says is of no concern.
    pub(super) epochs: BTreeMap<Kind, u64>,
    /// What every cluster publishes, as it stands in the API server.
    pub(super) shards: Shards,
    pub(super) versions: Versions,
    /// What peers are sent of the own shards.
    pub(super) feeding: Feeding,
    /// What this replica publishes while it leads, and in which term.
    pub(super) book: Option<(u64, Book)>,
    /// Hostnames of which other clusters said something else.
    pub(super) reconsidered: BTreeSet<Hostname>,
    pub(super) differences: HashMap<Hostname, Vec<Condition>>,
    pub(super) too_large: HashMap<Hostname, String>,
    /// The status of each GSLB as it was last said.
    pub(super) said: BTreeMap<GslbName, Status>,
    pub(super) unsaid: BTreeSet<GslbName>,
    pub(super) states: BTreeMap<ClusterId, ClusterState>,
    pub(super) itself: OwnCluster,
    pub(super) next_beat: Instant,
    /// As whom this replica contends for leadership.
    pub(super) identity: String,
    /// It leads, or led last as far as it knows: so it is the one who says how old our view of the API server is.
    pub(super) speaks: bool,
    /// When the oldest change came that was not worked out yet.
    pub(super) since: Option<Instant>,
}

/// What the index is made with.
pub(super) struct Parts {
    pub(super) own: ClusterId,
    pub(super) namespace: Arc<str>,
    pub(super) settings: Settings,
    pub(super) claim: Claim,
    pub(super) desks: Desks,
    pub(super) gauges: Arc<Gauges>,
    pub(super) notices: Notices,
    pub(super) beats: tokio::sync::watch::Sender<pulse::Due>,
    pub(super) versions: Versions,
    pub(super) feeding: Feeding,
    pub(super) identity: String,
}

/// The kinds of the Gateway API.
pub(super) fn optional_kinds() -> impl Iterator<Item = Kind> {
    translate::KINDS.into_iter().filter(|kind| translate::built_in_path(*kind).is_none())
}

/// The kinds that have a definition, which somebody may delete.
fn defined_kinds() -> impl Iterator<Item = Kind> {
    let gslbs = [Group::Mci, Group::Cyclops].map(Kind::Gslb);
    gslbs.into_iter().chain(optional_kinds())
}

fn object_name(key: &ObjectKey) -> ObjectName {
    ObjectName::new(&*key.namespace, &*key.name)
}

impl Index {
    pub(super) fn new(parts: Parts) -> Self {
        let Parts {
            own,
            namespace,
            settings,
            claim,
            desks,
            gauges,
            notices,
            beats,
            versions,
            feeding,
            identity,
        } = parts;
        let mut publisher = Publisher::new(settings.publish.clone());
        for kind in optional_kinds() {
            publisher.set_installed(kind, false);
        }
        let built_in = translate::KINDS.into_iter().filter(|kind| translate::built_in_path(*kind).is_some());
        let waiting =
            built_in.map(First::Objects).chain([First::Definitions, First::Shards, First::Clusters]);
        let now = Instant::now();
        Self {
            own,
            namespace,
            settings,
            claim,
            desks,
            gauges,
            notices,
            beats,
            began: now,
            publisher,
            waiting: waiting.collect(),
            synced: false,
            begun: false,
            definitions: Definitions::default(),
            absences: Absences::default(),
            there: BTreeSet::new(),
            followed: BTreeSet::new(),
            epochs: BTreeMap::new(),
            shards: Shards::default(),
            versions,
            feeding,
            book: None,
            reconsidered: BTreeSet::new(),
            differences: HashMap::new(),
            too_large: HashMap::new(),
            said: BTreeMap::new(),
            unsaid: BTreeSet::new(),
            states: BTreeMap::new(),
            itself: OwnCluster::default(),
            next_beat: now,
            identity,
            speaks: false,
            since: None,
        }
    }

    pub(super) fn now(&self) -> Duration {
        self.began.elapsed()
    }

    /// Takes in what a watch saw.
    pub(super) fn take(&mut self, message: Message) {
        let Message { at, news } = message;
        self.since = Some(self.since.map_or(at, |since| since.min(at)));
        match news {
            News::Definitions(batch) => self.take_definitions(batch),
            News::Gslbs(group, batch) => self.take_gslbs(group, batch),
            News::Objects(kind, epoch, batch) => {
                if epoch == self.epochs.get(&kind).copied().unwrap_or_default() {
                    self.take_objects(kind, batch);
                }
            }
            News::Shards(batch) => self.take_shards(batch),
            News::Resources(batch) => self.desks.resources.observe(within('r', batch)),
            News::Services(batch) => self.desks.services.observe(within('s', batch)),
            News::Clusters(batch) => self.take_clusters(batch),
        }
    }

    /// Where each kind of the Gateway API is to be watched; one that is not named stays as it is.
    pub(super) fn plan(&self) -> Vec<(Kind, Option<String>)> {
        let place = |kind| match self.definitions.presence(kind) {
            Presence::Served(path) => Some((kind, Some(path))),
            Presence::Unusable | Presence::Terminating | Presence::Missing if self.there.contains(&kind) => {
                None
            }
            Presence::Unusable | Presence::Terminating | Presence::Missing => Some((kind, None)),
        };
        if self.waiting.contains(&First::Definitions) {
            return Vec::new();
        }
        optional_kinds().filter_map(place).collect()
    }

    fn take_definitions(&mut self, batch: Batch<super::definitions::Definition>) {
        self.definitions.take(batch);
        for kind in defined_kinds() {
            match self.definitions.presence(kind) {
                Presence::Terminating | Presence::Missing if self.there.contains(&kind) => self.is_away(kind),
                // It goes before it was ever listed.
                Presence::Terminating | Presence::Missing if !matches!(kind, Kind::Gslb(_)) => {
                    self.waiting.remove(&First::Objects(kind));
                }
                // Its watch was faster.
                Presence::Served(_) if self.followed.contains(&kind) => self.absences.back(kind),
                Presence::Served(_) | Presence::Unusable | Presence::Terminating | Presence::Missing => {}
            }
        }
        if self.waiting.contains(&First::Definitions) {
            for kind in optional_kinds() {
                if matches!(self.definitions.presence(kind), Presence::Served(_)) {
                    self.waiting.insert(First::Objects(kind));
                }
            }
            self.waiting.remove(&First::Definitions);
        }
    }

    fn take_gslbs(&mut self, group: Group, batch: Batch<GslbItem>) {
        let notices = self.notices.clone();
        let (objects, statuses) = split(batch, |key, uid, item: GslbItem| {
            notices.knows(GslbName { object: object_name(key), group }, uid.into());
            (item.object, item.status)
        });
        match group {
            Group::Mci => self.desks.gslbs.observe(statuses),
            Group::Cyclops => self.desks.cyclops.observe(statuses),
        }
        self.take_objects(Kind::Gslb(group), objects);
    }

    fn take_objects(&mut self, kind: Kind, batch: Batch<Object>) {
        match batch {
            Batch::Replace(listing) => self.list(kind, listing),
            Batch::Changes(changes) => {
                for change in changes {
                    match change {
                        Change::Applied(observed) => self.apply(kind, observed),
                        Change::Deleted { key, .. } => self.delete(kind, &object_name(&key)),
                        // It is there: what it said before stays. It is logged and counted by now.
                        Change::Malformed(_) => {}
                    }
                }
            }
            Batch::Absent => {
                self.followed.remove(&kind);
                if self.there.contains(&kind) {
                    self.is_away(kind);
                }
            }
        }
        self.waiting.remove(&First::Objects(kind));
    }

    fn list(&mut self, kind: Kind, listing: Listing<Object>) {
        let Listing { version: _, reason, items, malformed, vanished } = listing;
        let missing: Vec<ObjectName> = match reason {
            // The watch has forgotten what there was.
            Relist::Start => {
                let items = items.iter().map(|observed| object_name(&observed.key));
                let there: BTreeSet<ObjectName> =
                    items.chain(malformed.iter().map(|fault| object_name(&fault.key))).collect();
                let known = self.publisher.names_of(kind);
                known.into_iter().filter(|name| !there.contains(name)).collect()
            }
            _ => vanished.iter().map(object_name).collect(),
        };
        if optional_kinds().any(|optional| optional == kind) {
            self.publisher.set_installed(kind, true);
        }
        for name in missing {
            self.delete(kind, &name);
        }
        for observed in items {
            self.apply(kind, observed);
        }
        let is_going = matches!(self.definitions.presence(kind), Presence::Terminating);
        if !is_going {
            self.absences.back(kind);
        }
        self.there.insert(kind);
        self.followed.insert(kind);
    }

    /// The kind is not there, or about to go.
    fn is_away(&mut self, kind: Kind) {
        let now = self.now();
        if self.absences.begin(kind, now) {
            let (group, name, _) = translate::names(kind);
            warn!(group, kind = name, "A kind is gone: its objects stay for ten minutes");
            // Its objects may have been seen to go a moment before it was.
            if let (Kind::Gslb(_), Some((_, book))) = (kind, &mut self.book) {
                book.wait(now + absences::STAY);
            }
        }
    }

    fn apply(&mut self, kind: Kind, observed: Observed<Object>) {
        self.absences.applied(kind, &object_name(&observed.key));
        self.publisher.apply(observed.value);
    }

    fn delete(&mut self, kind: Kind, name: &ObjectName) {
        if !self.absences.keeps(kind, name) {
            self.publisher.remove(&Key::new(kind, name.clone()));
        }
    }

    /// Lets go of what was kept long enough after its kind vanished.
    pub(super) fn end_absences(&mut self) {
        for (kind, over) in self.absences.over(self.now()) {
            let gone = match over {
                Over::Without(gone) => gone.into_iter().collect(),
                Over::Gone => {
                    self.there.remove(&kind);
                    self.publisher.names_of(kind)
                }
            };
            info!(kind = translate::names(kind).2, objects = gone.len(), "Objects did not come back");
            for name in gone {
                self.publisher.remove(&Key::new(kind, name));
            }
            if !self.there.contains(&kind) && optional_kinds().any(|optional| optional == kind) {
                self.publisher.set_installed(kind, false);
            }
        }
    }

    fn take_shards(&mut self, mut batch: Batch<CacheItem>) {
        let listed = !matches!(batch, Batch::Changes(_));
        self.feeding.take(&mut batch);
        let mut strays = Vec::new();
        let (contents, seen) = split(batch, |key, _, item: CacheItem| {
            let CacheItem { content, seen, outgoing: _, is_stray } = item;
            if is_stray {
                strays.push(key.clone());
            }
            (ShardItem(content), seen)
        });
        self.desks.shards.observe(only_own(seen));
        for key in strays {
            self.desks.remove_stray(&self.own, key);
        }
        let changed = match contents {
            Batch::Changes(changes) => self.shards.change(changes),
            Batch::Replace(listing) => self.shards.list(listing),
            // The definition is gone: what was published was not withdrawn.
            Batch::Absent => BTreeSet::new(),
        };
        self.reconsidered.extend(changed);
        if listed {
            self.waiting.remove(&First::Shards);
        }
    }

    fn take_clusters(&mut self, batch: Batch<ClusterItem>) {
        let before = self.itself.confirmed_at;
        let first = self.waiting.contains(&First::Clusters);
        let listed = !matches!(batch, Batch::Changes(_));
        match batch {
            Batch::Replace(listing) => {
                for key in &listing.vanished {
                    self.forget_cluster(key);
                }
                for observed in listing.items {
                    self.take_cluster(observed);
                }
            }
            Batch::Changes(changes) => {
                for change in changes {
                    match change {
                        Change::Applied(observed) => self.take_cluster(observed),
                        Change::Deleted { key, .. } => self.forget_cluster(&key),
                        Change::Malformed(_) => {}
                    }
                }
            }
            Batch::Absent => {}
        }
        if listed {
            self.waiting.remove(&First::Clusters);
        }
        // What was confirmed before this replica began was about what was held then.
        if !first
            && self.itself.confirmed_at > before
            && let Some((_, book)) = &mut self.book
        {
            let hostnames = book.confirm();
            info!(hostnames, "Held withdrawals were confirmed");
        }
    }

    fn take_cluster(&mut self, observed: Observed<ClusterItem>) {
        let Observed { version, value: ClusterItem { view, overrides }, .. } = observed;
        if view.id == self.own {
            self.itself.take(version.0, view.left, overrides, view.withdrawal_confirmed_at);
        }
        let before = self.states.insert(view.id, view.state);
        let is_gone = |state: ClusterState| state == ClusterState::Gone;
        if is_gone(before.unwrap_or_default()) != is_gone(view.state) {
            self.reconsider_all();
        }
    }

    fn forget_cluster(&mut self, key: &ObjectKey) {
        if *key.name == *self.own.as_str() {
            self.itself.forget();
        }
        if let Ok(cluster) = key.name.parse::<ClusterId>() {
            self.states.remove(&cluster);
            self.reconsider_all();
        }
    }

    fn reconsider_all(&mut self) {
        let hostnames = self.publisher.hostnames().map(|(hostname, _)| hostname.clone());
        self.reconsidered.extend(hostnames);
    }

    /// What the own cluster publishes, as it stands in the API server.
    pub(super) fn own_entries(&self) -> Vec<(Hostname, Endpoint)> {
        let publications = self.shards.publications();
        let of = |hostname: &Hostname| {
            let state = publications.state(hostname)?;
            let endpoint = state.endpoints().iter().find(|endpoint| *endpoint.cluster() == self.own)?;
            Some((hostname.clone(), endpoint.clone()))
        };
        publications.hostnames().filter_map(of).collect()
    }

    /// The own cluster's shards, as they stand in the API server.
    pub(super) fn own_shards(&self) -> Vec<Shard> {
        let shards = self.shards.publications().shards();
        shards.filter(|(cluster, _)| **cluster == self.own).map(|(_, shard)| shard).collect()
    }
}
