//! How a hostname stands, in a few words: for metrics and for people.

use crate::cluster::ClusterState;
use crate::hostname::Hostname;
use crate::outcome::Query;
use crate::possible::Possible;
use crate::record_type::RecordType;
use crate::snapshot::Snapshot;

/// What is so of one hostname. Each is said beside the others.
#[expect(clippy::struct_excessive_bools, reason = "they are independent of each other: that is the point")]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize), serde(rename_all = "camelCase"))]
pub struct Condition {
    /// An A or AAAA query gets an address or a name. A hostname that is not answered is unanswerable.
    pub answered: bool,
    /// One cluster is all that answers.
    pub single_cluster: bool,
    /// Only stale clusters, or those overridden `down`, answer (R11).
    pub stale: bool,
    /// A cluster that offers it has weight 0 (R6) or is held back by an operator (R24).
    pub drained: bool,
}

impl Snapshot {
    /// How a hostname stands. Nothing where it does not exist, or not until a cluster that is gone comes back (R12).
    pub fn condition(&self, hostname: &Hostname) -> Option<Condition> {
        let explained = self.explain(&Query::new(hostname.clone(), RecordType::A));
        if explained.endpoints.iter().all(|endpoint| endpoint.state == ClusterState::Gone) {
            return None;
        }
        let is_drained = explained.endpoints.iter().any(|endpoint| {
            endpoint.state != ClusterState::Gone && (endpoint.weight == 0 || endpoint.held_back.is_some())
        });
        let possible = [explained.answer, self.possible(&Query::new(hostname.clone(), RecordType::AAAA))];
        let answered = possible.iter().any(Possible::is_answered);
        let mut clusters: Vec<_> =
            possible.iter().flat_map(|possible| &possible.shares).map(|share| &share.cluster).collect();
        clusters.sort_unstable();
        clusters.dedup();
        Some(Condition {
            answered,
            single_cluster: answered && clusters.len() == 1,
            stale: answered && possible.iter().any(|possible| possible.stale),
            drained: is_drained,
        })
    }
}
