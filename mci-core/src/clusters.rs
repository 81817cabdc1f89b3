//! The table of clusters: identifiers, states and overrides, replaced alone.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::cluster::{ClusterId, ClusterState, Override, OverrideState};

/// How a cluster counts in a decision: what the draw reads for every endpoint, in one octet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Standing {
    /// Alive and not overridden `down`.
    pub(crate) live: bool,
    /// Overridden: counts as weight 0.
    pub(crate) drained: bool,
    /// Publishes nothing.
    pub(crate) gone: bool,
}

impl Standing {
    /// Of a cluster that is in no table.
    const UNKNOWN: Self = Self { live: false, drained: false, gone: true };

    fn of(status: &ClusterStatus) -> Self {
        let held_back = status.held_back.as_ref().map(|held_back| held_back.state);
        Self {
            gone: status.state == ClusterState::Gone,
            live: status.state == ClusterState::Alive,
            drained: false,
        }
        .with(held_back)
    }

    /// With an operator's override on top: the stronger holds (R24).
    pub(crate) fn with(self, held_back: Option<OverrideState>) -> Self {
        match held_back {
            None => self,
            Some(OverrideState::Drained) => Self { drained: true, ..self },
            Some(OverrideState::Down) => Self { live: false, ..self },
        }
    }
}

/// What is known of one cluster.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ClusterStatus {
    /// What liveness says (R20).
    pub state: ClusterState,
    /// What an operator says (R24).
    pub held_back: Option<Override>,
}

/// The clusters of a snapshot. A position, once given, stays.
#[derive(Clone, Debug, Default)]
pub(crate) struct Clusters {
    ids: Arc<Ids>,
    statuses: Arc<Vec<Option<ClusterStatus>>>,
    standings: Arc<[Standing]>,
}

#[derive(Clone, Debug, Default)]
struct Ids {
    by_position: Vec<ClusterId>,
    positions: BTreeMap<ClusterId, u16>,
}

impl Clusters {
    pub(crate) fn position(&self, id: &ClusterId) -> Option<u16> {
        self.ids.positions.get(id).copied()
    }

    pub(crate) fn id(&self, position: u16) -> Option<&ClusterId> {
        self.ids.by_position.get(usize::from(position))
    }

    pub(crate) fn status(&self, position: u16) -> Option<&ClusterStatus> {
        self.statuses.get(usize::from(position))?.as_ref()
    }

    pub(crate) fn standing(&self, position: u16) -> Standing {
        self.standings.get(usize::from(position)).copied().unwrap_or(Standing::UNKNOWN)
    }

    /// Every cluster that is known now, by identifier.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (&ClusterId, u16, &ClusterStatus)> {
        self.ids.positions.iter().filter_map(|(id, at)| Some((id, *at, self.status(*at)?)))
    }

    /// The cluster's position; a new one is alive. `None` once 65,535 are known.
    pub(crate) fn add(&mut self, id: &ClusterId) -> Option<u16> {
        let position = if let Some(position) = self.position(id) {
            position
        } else {
            let position = u16::try_from(self.ids.by_position.len()).ok().filter(|at| *at != u16::MAX)?;
            let ids = Arc::make_mut(&mut self.ids);
            ids.by_position.push(id.clone());
            ids.positions.insert(id.clone(), position);
            Arc::make_mut(&mut self.statuses).push(None);
            position
        };
        if self.status(position).is_none() {
            self.set(position, Some(ClusterStatus::default()));
        }
        Some(position)
    }

    /// Sets what is known of a cluster, or forgets it; says whether that changed anything.
    pub(crate) fn set(&mut self, position: u16, status: Option<ClusterStatus>) -> bool {
        if self.statuses.get(usize::from(position)).is_none_or(|old| *old == status) {
            return false;
        }
        if let Some(slot) = Arc::make_mut(&mut self.statuses).get_mut(usize::from(position)) {
            *slot = status;
        }
        let standing =
            |status: &Option<ClusterStatus>| status.as_ref().map_or(Standing::UNKNOWN, Standing::of);
        self.standings = self.statuses.iter().map(standing).collect();
        true
    }
}
