//! Everything that is true at a moment, immutable.

use core::fmt;
use std::sync::Arc;

use crate::chance::Chance;
use crate::cluster::{ClusterId, Override};
use crate::clusters::{ClusterStatus, Clusters};
use crate::edit::Edit;
use crate::hostname::Hostname;
use crate::hostname_state::HostnameState;
use crate::names::Names;
use crate::outcome::{Outcome, Query};
use crate::overrides::HostnameOverrides;
use crate::settings::Settings;
use crate::zone::Zone;
use crate::zones::Zones;

/// The mname of a name that is held outside every zone, where no `dnsServerName` is set (D12).
const DEFAULT_SERVER_NAME: &str = "dns.vecck8smulticlusteringress.com";

/// Zones, cluster states, and all hostnames with their endpoints, at one moment. A clone costs a few counters.
#[derive(Clone)]
pub struct Snapshot {
    pub(crate) clusters: Clusters,
    pub(crate) overrides: HostnameOverrides,
    pub(crate) zones: Zones,
    pub(crate) settings: Arc<Settings>,
    pub(crate) outside_names: Arc<OutsideNames>,
    pub(crate) names: Names,
    /// The number of hostnames held.
    pub(crate) held: usize,
    /// SOA serials by the zones' positions (D7).
    pub(crate) serials: Arc<Vec<u32>>,
    /// The serial of what is held outside every zone.
    pub(crate) outside_serial: u32,
    pub(crate) ready: bool,
}

/// The names in the SOA of what is held outside every zone (D12).
#[derive(Clone, Debug)]
pub(crate) struct OutsideNames {
    pub(crate) mname: Hostname,
    pub(crate) rname: Box<[u8]>,
}

impl OutsideNames {
    pub(crate) fn of(settings: &Settings) -> Self {
        let default = || DEFAULT_SERVER_NAME.parse().expect("the default name is a name");
        let mname: Hostname = settings.dns_server_name.clone().unwrap_or_else(default);
        let rname = mname.child("hostmaster").unwrap_or_else(|_| mname.clone());
        Self { rname: rname.wire().into(), mname }
    }
}

/// An empty snapshot that is ready: no zones, no clusters, no hostnames.
impl Default for Snapshot {
    fn default() -> Self {
        let settings = Settings::default();
        Self {
            clusters: Clusters::default(),
            overrides: HostnameOverrides::default(),
            zones: Zones::default(),
            outside_names: Arc::new(OutsideNames::of(&settings)),
            settings: Arc::new(settings),
            names: Names::default(),
            held: 0,
            serials: Arc::default(),
            outside_serial: 0,
            ready: true,
        }
    }
}

impl fmt::Debug for Snapshot {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Snapshot")
            .field("clusters", &self.clusters().count())
            .field("hostnames", &self.held)
            .field("zones", &self.zones.iter().count())
            .field("ready", &self.ready)
            .finish_non_exhaustive()
    }
}

impl Snapshot {
    /// A snapshot of nothing before the first sync: every query is told so (D27).
    pub fn unready() -> Self {
        Self { ready: false, ..Self::default() }
    }

    /// Whether the first sync has finished (D27).
    pub fn is_ready(&self) -> bool {
        self.ready
    }

    /// What the query is answered with (R1 to R11).
    pub fn resolve(&self, query: &Query, chance: &mut (impl Chance + ?Sized)) -> Outcome<'_> {
        self.decide(query.name.wire(), query.record_type, chance).into()
    }

    /// The hostnames that are held, in no particular order.
    pub fn hostnames(&self) -> impl Iterator<Item = Hostname> + '_ {
        self.names.iter().filter(|node| node.is_held()).map(|node| Hostname::from_stored(node.entry().name()))
    }

    /// How many hostnames are held.
    pub fn hostname_count(&self) -> usize {
        self.held
    }

    /// A hostname as it was put in.
    pub fn hostname_state(&self, hostname: &Hostname) -> Option<HostnameState> {
        let node = self.names.get(hostname.wire()).filter(|node| node.is_held())?;
        let id = |at| self.clusters.id(at).cloned().expect("an entry's clusters are in the table");
        Some(node.entry().unpack(id))
    }

    /// The clusters, by identifier.
    pub fn clusters(&self) -> impl Iterator<Item = &ClusterId> {
        self.clusters.iter().map(|(id, ..)| id)
    }

    /// The cluster at a position; positions stay while a process runs.
    pub fn cluster_at(&self, position: u16) -> Option<&ClusterId> {
        self.clusters.id(position).filter(|_| self.clusters.status(position).is_some())
    }

    /// What is known of a cluster.
    pub fn cluster_status(&self, cluster: &ClusterId) -> Option<&ClusterStatus> {
        self.clusters.status(self.clusters.position(cluster)?)
    }

    /// An operator's override of one hostname at one cluster (R24).
    pub fn hostname_override(&self, hostname: &Hostname, cluster: &ClusterId) -> Option<&Override> {
        self.overrides.get(hostname.wire(), self.clusters.position(cluster)?)
    }

    /// Every override of one hostname at one cluster (R24).
    pub fn hostname_overrides(&self) -> impl Iterator<Item = (Hostname, ClusterId, Override)> + '_ {
        self.overrides.iter().filter_map(|(hostname, at, held_back)| {
            Some((hostname.clone(), self.clusters.id(at)?.clone(), held_back.clone()))
        })
    }

    /// The zones.
    pub fn zones(&self) -> &Zones {
        &self.zones
    }

    /// The zone at a position; positions stay while a process runs.
    pub fn zone_at(&self, position: u16) -> Option<&Zone> {
        self.zones.at(position)
    }

    /// What holds where nothing else is set.
    pub fn settings(&self) -> &Settings {
        &self.settings
    }

    /// The serial of a zone's SOA, or of what is held outside every zone (D7).
    pub fn serial(&self, zone: Option<u16>) -> u32 {
        match zone {
            Some(zone) => self.serials.get(usize::from(zone)).copied().unwrap_or(0),
            None => self.outside_serial,
        }
    }

    /// A copy with edits; this one stays as it is.
    pub fn edited(&self, edits: impl FnOnce(&mut Edit)) -> Self {
        self.edited_with_changes(edits).0
    }

    /// A hash of everything that answers depend on, to compare replicas: equal content, equal digest, whatever the
    /// order it came in.
    pub fn digest(&self) -> u64 {
        crate::digest::digest(self)
    }
}
