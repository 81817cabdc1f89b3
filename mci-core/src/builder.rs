//! Making a snapshot from nothing, each hostname packed at once.

use std::sync::Arc;

use crate::cluster::{ClusterId, ClusterState, Override};
use crate::clusters::ClusterStatus;
use crate::edit::Refused;
use crate::hostname::Hostname;
use crate::hostname_state::HostnameState;
use crate::settings::Settings;
use crate::snapshot::{OutsideNames, Snapshot};
use crate::zones::Zones;

/// Makes a snapshot from nothing: what is put in is packed at once and need not be kept.
#[derive(Debug)]
pub struct Builder {
    snapshot: Snapshot,
}

impl Builder {
    /// Begins with zones, which say what may be a hostname.
    pub fn new(settings: Settings, zones: Zones) -> Self {
        let serials = Arc::new(vec![0; zones.positions()]);
        let outside_names = Arc::new(OutsideNames::of(&settings));
        let settings = Arc::new(settings);
        Self { snapshot: Snapshot { zones, settings, outside_names, serials, ..Snapshot::default() } }
    }

    /// Adds a cluster. Say which are *gone* before the hostnames come: it decides which names exist (R12).
    pub fn cluster(&mut self, id: &ClusterId, state: ClusterState, held_back: Option<Override>) {
        if let Some(position) = self.snapshot.clusters.add(id) {
            self.snapshot.clusters.set(position, Some(ClusterStatus { state, held_back }));
        }
    }

    /// Adds a hostname; one of the same name is replaced. A cluster that was not added is alive.
    pub fn insert(&mut self, state: &HostnameState) -> Result<(), Refused> {
        self.snapshot.hold(state).map(drop)
    }

    /// Adds an operator's override of one hostname at one cluster (R24).
    pub fn override_hostname(&mut self, hostname: &Hostname, cluster: &ClusterId, held_back: Override) {
        if let Some(position) = self.snapshot.clusters.add(cluster) {
            self.snapshot.overrides.set(hostname, position, Some(held_back));
        }
    }

    /// Whether a hostname was added.
    pub fn contains(&self, hostname: &Hostname) -> bool {
        self.snapshot.names.get(hostname.wire()).is_some_and(crate::names::Node::is_held)
    }

    /// Raises every zone's serial to this Unix time, where what was added is older (D7).
    pub fn stamp(&mut self, unix_seconds: u32) {
        for zone in 0..self.snapshot.zones.positions() {
            self.snapshot.raise_serial(u16::try_from(zone).ok(), unix_seconds);
        }
        self.snapshot.raise_serial(None, unix_seconds);
    }

    /// The snapshot, ready to answer.
    pub fn build(self) -> Snapshot {
        self.snapshot
    }
}
