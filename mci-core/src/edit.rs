//! Changes of a snapshot: by hand, one hostname or one cluster at a time, or as a whole.

use std::collections::BTreeSet;
use std::sync::Arc;

use crate::changes::Changes;
use crate::cluster::{ClusterId, ClusterState, Override};
use crate::entry::{self, Entry, TooLarge};
use crate::hostname::{Hostname, parent, suffixes};
use crate::hostname_state::HostnameState;
use crate::names::{Names, Node};
use crate::settings::Settings;
use crate::snapshot::{OutsideNames, Snapshot};
use crate::zones::{NO_ZONE, Taken, Zones};

/// Why a hostname is not held.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Refused {
    /// A static record has the name (D34).
    #[error("{0} has static records: a name is either a hostname or has records of its own")]
    StaticRecord(Hostname),
    /// A name server has the name (D8).
    #[error("{0} is a name server of its zone: a name server cannot be a hostname too")]
    NameServer(Hostname),
    /// The name lies at or below a delegation (D34).
    #[error("{0} lies at or below {1}, which is delegated to other name servers")]
    Delegated(Hostname, Hostname),
    /// A target is a wildcard.
    #[error("{0}: the target {1} is a wildcard; a CNAME points to one name")]
    WildcardTarget(Hostname, Hostname),
    /// Too many addresses, endpoints or clusters.
    #[error("{0} has too many endpoints, or more than 65,535 addresses of one family at one of them")]
    TooManyAddresses(Hostname),
    /// Too many target names.
    #[error("{0} has more than 255 target names at one endpoint")]
    TooManyTargets(Hostname),
}

/// One batch of edits, published together.
#[derive(Debug)]
pub struct Edit {
    pub(crate) before: Snapshot,
    pub(crate) after: Snapshot,
    touched: Touched,
    refused: Vec<Refused>,
    stamp: Option<u32>,
}

/// Where answers may have changed.
#[derive(Clone, Debug, Default)]
pub(crate) struct Touched {
    pub(crate) names: BTreeSet<Hostname>,
    pub(crate) clusters: BTreeSet<u16>,
    /// Zones, settings or the whole: any name.
    pub(crate) all: bool,
}

impl Touched {
    fn any(&self) -> bool {
        self.all || !self.names.is_empty() || !self.clusters.is_empty()
    }
}

impl Snapshot {
    pub(crate) fn edited_with_changes(&self, edits: impl FnOnce(&mut Edit)) -> (Self, Changes) {
        let mut edit = Edit {
            before: self.clone(),
            after: self.clone(),
            touched: Touched::default(),
            refused: Vec::new(),
            stamp: None,
        };
        edits(&mut edit);
        edit.stamp_serials();
        let any = edit.touched.any();
        let after = edit.after.clone();
        (after, Changes::new(edit.before, edit.after, edit.touched, edit.refused, any))
    }
}

impl Edit {
    /// Puts a hostname in, or in the place of what had its name; clusters that are not known yet are alive.
    ///
    /// A hostname that cannot be held is left out, and listed by [`Changes::refused`].
    pub fn upsert(&mut self, state: HostnameState) {
        match self.after.hold(&state) {
            Ok(true) => {
                self.touched.names.insert(state.hostname);
            }
            Ok(false) => {}
            Err(refused) => self.refused.push(refused),
        }
    }

    /// Answers from now on: the first sync has finished (D27).
    pub fn answer(&mut self) {
        if !self.after.ready {
            self.after.ready = true;
            self.touched.all = true;
        }
    }

    /// Takes a hostname out.
    pub fn remove(&mut self, hostname: &Hostname) {
        if self.after.release(hostname.wire()) {
            self.touched.names.insert(hostname.clone());
        }
    }

    /// Turns one endpoint ready or unready (R14); nothing where there is no such endpoint.
    pub fn set_ready(&mut self, hostname: &Hostname, cluster: &ClusterId, ready: bool) {
        if let Some(mut state) = self.after.hostname_state(hostname)
            && let Some(endpoint) = state.endpoints.iter_mut().find(|endpoint| endpoint.cluster == *cluster)
        {
            endpoint.ready = ready;
            self.upsert(state);
        }
    }

    /// Says that a cluster is alive, stale or gone (R20): O(1), whatever it holds, but for *gone*, after which the
    /// names that nobody publishes any more are looked for.
    pub fn set_cluster(&mut self, cluster: &ClusterId, state: ClusterState) {
        let Some(position) = self.after.clusters.add(cluster) else { return };
        let mut status = self.after.clusters.status(position).cloned().unwrap_or_default();
        let from_or_to_gone = (status.state == ClusterState::Gone) != (state == ClusterState::Gone);
        status.state = state;
        if self.after.clusters.set(position, Some(status)) {
            self.touched.clusters.insert(position);
            if from_or_to_gone {
                self.after.rebuild_names();
            }
        }
    }

    /// Sets or lifts an operator's override of a cluster (R24): O(1), whatever it holds.
    pub fn override_cluster(&mut self, cluster: &ClusterId, held_back: Option<Override>) {
        let Some(position) = self.after.clusters.add(cluster) else { return };
        let mut status = self.after.clusters.status(position).cloned().unwrap_or_default();
        status.held_back = held_back;
        if self.after.clusters.set(position, Some(status)) {
            self.touched.clusters.insert(position);
        }
    }

    /// Sets or lifts an operator's override of one hostname at one cluster (R24).
    pub fn override_hostname(
        &mut self,
        hostname: &Hostname,
        cluster: &ClusterId,
        held_back: Option<Override>,
    ) {
        let Some(position) = self.after.clusters.add(cluster) else { return };
        if self.after.overrides.set(hostname, position, held_back) {
            self.touched.names.insert(hostname.clone());
        }
    }

    /// Lifts every override whose end has come (R24), by the clock of whoever answers: Unix seconds.
    pub fn expire(&mut self, now: u64) {
        let over = |held_back: &Override| held_back.until.is_some_and(|until| until <= now);
        let clusters: Vec<ClusterId> = self
            .after
            .clusters
            .iter()
            .filter(|(.., status)| status.held_back.as_ref().is_some_and(over))
            .map(|(id, ..)| id.clone())
            .collect();
        for cluster in clusters {
            self.override_cluster(&cluster, None);
        }
        let ended = self.after.overrides.iter().filter(|(.., held_back)| over(held_back));
        let ended: Vec<_> = ended.map(|(hostname, at, _)| (hostname.clone(), at)).collect();
        for (hostname, position) in ended {
            self.after.overrides.set(&hostname, position, None);
            self.touched.names.insert(hostname);
        }
    }

    /// Replaces the zones. Hostnames that the new ones have no place for are taken out and listed as refused.
    pub fn set_zones(&mut self, zones: &Zones) {
        if *zones == self.after.zones {
            return;
        }
        self.after.zones = zones.placed_like(&self.after.zones);
        Arc::make_mut(&mut self.after.serials).resize(self.after.zones.positions(), 0);
        self.touched.all = true;
        for hostname in self.after.hostnames().collect::<Vec<_>>() {
            if let Some(taken) = self.after.zones.taken(&hostname) {
                self.after.release(hostname.wire());
                self.refused.push(refuse(&hostname, taken));
            }
        }
        self.after.rebuild_names();
    }

    /// Replaces what holds where nothing else is set.
    pub fn set_settings(&mut self, settings: Settings) {
        if settings != *self.after.settings {
            self.after.outside_names = Arc::new(OutsideNames::of(&settings));
            self.after.settings = Arc::new(settings);
            self.touched.all = true;
        }
    }

    /// Replaces everything. Clusters and zones keep the positions that they have.
    pub fn replace(&mut self, new: &Snapshot) {
        let zones = new.zones.placed_like(&self.after.zones);
        let old_serials = core::mem::take(&mut self.after.serials);
        let mut clusters = self.after.clusters.clone();
        for position in self.after.clusters.iter().map(|(_, position, _)| position) {
            clusters.set(position, None);
        }
        let mut in_place =
            zones.iter().all(|zone| zones.at_apex(zone.name.wire()) == new.zones.at_apex(zone.name.wire()));
        let mut places = Vec::new();
        for (id, there, status) in new.clusters.iter() {
            let Some(here) = clusters.add(id) else { continue };
            clusters.set(here, Some(status.clone()));
            in_place &= here == there;
            places.push((there, here));
        }
        let mut overrides = crate::overrides::HostnameOverrides::default();
        for (hostname, there, held_back) in new.overrides.iter() {
            if let Some((_, here)) = places.iter().find(|(place, _)| *place == there) {
                overrides.set(hostname, *here, Some(held_back.clone()));
            }
        }
        let mut after = Snapshot { clusters, overrides, zones, ..new.clone() };
        if !in_place {
            after.names = Names::default();
            after.held = 0;
            for hostname in new.hostnames() {
                let state = new.hostname_state(&hostname).expect("a hostname that is listed is held");
                if let Err(refused) = after.hold(&state) {
                    self.refused.push(refused);
                }
            }
        }
        let positions = after.zones.positions().max(old_serials.len());
        let serials = (0..positions).map(|at| {
            let old = old_serials.get(at).copied().unwrap_or(0);
            let zone = u16::try_from(at).ok().and_then(|at| after.zones.at(at));
            let new = zone
                .and_then(|zone| new.zones.at_apex(zone.name.wire()))
                .map_or(0, |at| new.serial(Some(at)));
            newest(old, new)
        });
        after.serials = Arc::new(serials.collect());
        after.outside_serial = newest(self.after.outside_serial, new.outside_serial);
        self.after = after;
        self.touched.all = true;
    }

    /// Says when this batch happened, in Unix seconds: the serial of every zone in which a hostname changes rises to
    /// it (D7).
    pub fn stamp(&mut self, unix_seconds: u32) {
        self.stamp = Some(unix_seconds);
    }

    fn stamp_serials(&mut self) {
        let Some(stamp) = self.stamp else { return };
        let mut names = core::mem::take(&mut self.touched.names);
        let everything = self.touched.all.then(|| {
            let [before, after] = [&self.before, &self.after];
            let differs = |name: &[u8]| {
                before.names.get(name).map(Node::packed) != after.names.get(name).map(Node::packed)
            };
            let both = after.names.differing(&before.names).chain(before.names.differing(&after.names));
            both.filter(|node| node.is_held() && differs(node.entry().name()))
                .map(|node| Hostname::from_stored(node.entry().name()))
                .collect::<BTreeSet<_>>()
        });
        for hostname in names.iter().chain(everything.iter().flatten()) {
            self.after.raise_serial(self.after.zones.containing(hostname.wire()), stamp);
        }
        self.touched.names.append(&mut names);
    }
}

/// The later of two serials (RFC 1982): a number that is ahead by less than half the circle.
pub(crate) const fn newest(old: u32, new: u32) -> u32 {
    if old == 0 || (new != 0 && new.wrapping_sub(old) < 1 << 31) { new } else { old }
}

fn refuse(hostname: &Hostname, taken: Taken) -> Refused {
    match taken {
        Taken::NameServer => Refused::NameServer(hostname.clone()),
        Taken::StaticRecord => Refused::StaticRecord(hostname.clone()),
        Taken::Delegated(at) => Refused::Delegated(hostname.clone(), at),
    }
}

/// The steps that both an [`Edit`] and a [`Builder`](crate::Builder) take.
impl Snapshot {
    /// Holds a hostname; says whether that changed anything.
    pub(crate) fn hold(&mut self, state: &HostnameState) -> Result<bool, Refused> {
        let hostname = &state.hostname;
        if let Some(taken) = self.zones.taken(hostname) {
            return Err(refuse(hostname, taken));
        }
        let mut targets = state.endpoints.iter().flat_map(|endpoint| &endpoint.targets);
        if let Some(target) = targets.find(|target| target.is_wildcard()) {
            return Err(Refused::WildcardTarget(hostname.clone(), target.clone()));
        }
        let clusters = &mut self.clusters;
        let packed = entry::pack(state, |id| clusters.add(id)).map_err(|too_large| match too_large {
            TooLarge::Addresses => Refused::TooManyAddresses(hostname.clone()),
            TooLarge::Targets => Refused::TooManyTargets(hostname.clone()),
        })?;
        let zone = self.zones.containing(hostname.wire()).unwrap_or(NO_ZONE);
        let changed = Entry(&packed).changed();
        let mut node = Node::new(packed, zone, false);
        if let Some(old) = self.names.get(hostname.wire()) {
            if old.packed() == node.packed() {
                return Ok(false);
            }
            node.below = old.below;
        }
        node.published = self.is_published(&node);
        let published = node.published;
        let old = self.names.put(node);
        let (was_held, was_published) = old.map_or((false, false), |old| (old.is_held(), old.published));
        self.held += usize::from(!was_held);
        if published != was_published {
            self.count_below(hostname.wire(), zone, published);
        }
        self.raise_serial((zone != NO_ZONE).then_some(zone), changed);
        Ok(true)
    }

    /// Lets a hostname go; says whether it was held.
    pub(crate) fn release(&mut self, name: &[u8]) -> bool {
        let Some(node) = self.names.get(name).filter(|node| node.is_held()).cloned() else { return false };
        self.names.take(name);
        if node.below > 0 {
            let mut empty = Node::new(entry::empty_non_terminal(name), node.zone, false);
            empty.below = node.below;
            self.names.put(empty);
        }
        self.held -= 1;
        if node.published {
            self.count_below(name, node.zone, false);
        }
        true
    }

    /// Whether a cluster that is not gone publishes it (R12); a hostname without any endpoint exists by itself.
    fn is_published(&self, node: &Node) -> bool {
        let mut records = node.entry().records();
        node.is_held()
            && (records.len() == 0 || records.any(|record| !self.clusters.standing(record.cluster()).gone))
    }

    /// Counts one hostname more or less at each name above it, up to its zone's apex (R2).
    fn count_below(&mut self, name: &[u8], zone: u16, more: bool) {
        let apex = self.zones.at(zone).map(|zone| zone.name.clone());
        let apex = apex.as_ref().map(Hostname::wire);
        if apex == Some(name) {
            return;
        }
        let above = suffixes(name).skip(1).take_while(|suffix| Some(*suffix) != apex);
        for suffix in above {
            if self.names.get(suffix).is_none() {
                self.names.put(Node::new(entry::empty_non_terminal(suffix), zone, false));
            }
            let node = self.names.get_mut(suffix).expect("the node was just put there");
            node.below = if more { node.below + 1 } else { node.below.saturating_sub(1) };
            if node.below == 0 && !node.is_held() {
                self.names.take(suffix);
            }
        }
        debug_assert!(parent(name).is_some() || name == [0], "names end with the root");
    }

    /// Builds the table anew: what is published, and what lies below what, after zones or *gone* clusters changed.
    pub(crate) fn rebuild_names(&mut self) {
        let old = core::mem::take(&mut self.names);
        for node in old.iter().filter(|node| node.is_held()) {
            let name = node.entry().name();
            let zone = self.zones.containing(name).unwrap_or(NO_ZONE);
            let mut node = Node::new(Arc::clone(node.packed()), zone, false);
            node.below = self.names.get(name).map_or(0, |there| there.below);
            node.published = self.is_published(&node);
            let published = node.published;
            self.names.put(node);
            if published {
                self.count_below(name, zone, true);
            }
        }
    }

    /// Raises a serial, never lowers it (D7).
    pub(crate) fn raise_serial(&mut self, zone: Option<u16>, stamp: u32) {
        match zone {
            None => self.outside_serial = newest(self.outside_serial, stamp),
            Some(zone) => {
                let zone = usize::from(zone);
                if self.serials.get(zone).is_some_and(|serial| newest(*serial, stamp) != *serial)
                    && let Some(serial) = Arc::make_mut(&mut self.serials).get_mut(zone)
                {
                    *serial = stamp;
                }
            }
        }
    }
}
