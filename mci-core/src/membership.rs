//! Which clusters belong here, and when one is gone (R20a).

use core::time::Duration;
use std::collections::{BTreeMap, BTreeSet};

use crate::cluster::{ClusterId, ClusterState};

/// How long the state of a cluster whose entry was removed is kept: it is stale for so long, then gone.
pub const REMOVAL_GRACE: Duration = Duration::from_mins(10);

/// Every peer would be removed at once, which only an explicit *forget* does (R20a).
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "this would remove all {count} peers at once; if that is meant, run `mci cluster forget` for them: nothing was changed"
)]
pub struct RemovesAllPeers {
    /// How many there are.
    pub count: usize,
}

/// The clusters that belong here, and what each said of leaving (R20a).
#[derive(Clone, Debug, Default)]
pub struct Roster {
    members: BTreeMap<ClusterId, Member>,
}

#[derive(Clone, Debug, Default)]
struct Member {
    /// The highest term heard, and whether the cluster had left in it.
    goodbye: Option<(u64, bool)>,
    /// When its entry was removed.
    removed: Option<Duration>,
}

impl Roster {
    /// Says which peers are configured now; `now` is the caller's monotonic clock.
    ///
    /// A peer that is no longer there becomes stale at once and gone after [`REMOVAL_GRACE`]; one that comes back before
    /// that never left. Removing all of several peers at once is refused.
    pub fn configure(&mut self, peers: &BTreeSet<ClusterId>, now: Duration) -> Result<(), RemovesAllPeers> {
        let present = || self.members.iter().filter(|(_, member)| member.removed.is_none()).map(|(id, _)| id);
        let count = present().count();
        if count > 0 && !present().any(|id| peers.contains(id)) {
            return Err(RemovesAllPeers { count });
        }
        for (id, member) in &mut self.members {
            if peers.contains(id) {
                member.removed = None;
            } else {
                member.removed.get_or_insert(now);
            }
        }
        for id in peers {
            self.members.entry(id.clone()).or_default();
        }
        Ok(())
    }

    /// Removes a peer at an operator's explicit word, the last one too.
    pub fn forget(&mut self, cluster: &ClusterId, now: Duration) {
        if let Some(member) = self.members.get_mut(cluster) {
            member.removed.get_or_insert(now);
        }
    }

    /// A heartbeat says whether its sender has left; the highest term decides, whatever order they come in.
    pub fn hear(&mut self, cluster: &ClusterId, term: u64, left: bool) {
        if let Some(member) = self.members.get_mut(cluster)
            && member.goodbye.is_none_or(|(known, _)| term > known)
        {
            member.goodbye = Some((term, left));
        }
    }

    /// Another installation speaks under this identifier from now on: what the one before said does not bind it, whatever
    /// its terms are.
    pub fn begin_anew(&mut self, cluster: &ClusterId) {
        if let Some(member) = self.members.get_mut(cluster) {
            member.goodbye = None;
        }
    }

    /// What a cluster is, given what liveness says of it (R20): a goodbye makes it gone, a removal stale and then gone.
    pub fn state(&self, cluster: &ClusterId, liveness: ClusterState, now: Duration) -> ClusterState {
        let Some(member) = self.members.get(cluster) else { return ClusterState::Gone };
        let said_goodbye = matches!(member.goodbye, Some((_, true)));
        match member.removed {
            Some(at) if now.saturating_sub(at) >= REMOVAL_GRACE => ClusterState::Gone,
            _ if said_goodbye => ClusterState::Gone,
            Some(_) => ClusterState::Stale,
            None => liveness,
        }
    }

    /// The clusters whose removal is complete: only now is their state deleted.
    pub fn take_gone(&mut self, now: Duration) -> Vec<ClusterId> {
        let over = |member: &Member| member.removed.is_some_and(|at| now.saturating_sub(at) >= REMOVAL_GRACE);
        let gone: Vec<_> =
            self.members.iter().filter(|(_, member)| over(member)).map(|(id, _)| id.clone()).collect();
        self.members.retain(|_, member| !over(member));
        gone
    }
}
