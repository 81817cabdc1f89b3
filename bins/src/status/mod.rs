//! How things stand: clusters, hostnames, who leads, what is held; as data, and as a page for people.
//!
//! ```text
//!  cluster: Clusters, Leases, caches ──┐
//!  dns-server: /api/v1/status, state ──┼──► Status ──► page, JSON, YAML
//!  state files ────────────────────────┘
//! ```
//!
//! It judges nothing: states are the orchestrator's, and answers are what `mci-core` makes of them.

mod page;
mod sources;

use std::collections::{BTreeMap, BTreeSet};

use mci_core::{ClusterId, ClusterState, Hostname, OverrideState, Snapshot};
use mci_kube::inspect::Published;
use serde::Serialize;
use serde_json::Value;

pub(crate) use self::sources::Looking;

/// Everything.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Status {
    pub(crate) clusters: Vec<ClusterRow>,
    pub(crate) hostnames: Hostnames,
    /// Where some clusters are heard by REST alone, and would answer otherwise than this one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) mixed: Option<Mixed>,
    /// Of a cluster alone.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) leaders: Option<Vec<LeaderRow>>,
    /// What each cluster publishes as it is stored here, where it was asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) published: Option<Vec<PublishedRow>>,
    /// What other clusters hold of each, where that was asked for.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) compared: Vec<ComparedRow>,
    /// What a dns-server says of itself.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) server: Option<Value>,
    /// Hostnames whose withdrawal is held (R26), where that is known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) withdrawals_held: Option<Vec<String>>,
}

/// One cluster.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct ClusterRow {
    pub(crate) name: String,
    pub(crate) state: ClusterState,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) since: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) reason: Option<String>,
    /// When its heartbeat was counted last, in Unix seconds, by the clock of who counted.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) heartbeat: Option<u64>,
    /// How it is heard here: `stream` or `rest`; absent for the own cluster, and where nothing was heard yet.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) protocol: Option<String>,
    /// It lives, and what it publishes is as old as its last view of its own API server.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub(crate) degraded: bool,
    /// What holds now (R24).
    #[serde(rename = "override", skip_serializing_if = "Option::is_none")]
    pub(crate) held_back: Option<HeldBack>,
    /// Hostnames that are held back at it.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) hostname_overrides: Vec<HostnameRow>,
}

/// An override.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub(crate) struct HeldBack {
    pub(crate) state: OverrideState,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) reason: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) by: Option<String>,
    /// RFC 3339.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) until: Option<String>,
}

/// An override of one hostname.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub(crate) struct HostnameRow {
    pub(crate) hostname: String,
    #[serde(flatten)]
    pub(crate) held_back: HeldBack,
}

/// How many hostnames there are, and which of them want a look.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Hostnames {
    pub(crate) count: usize,
    pub(crate) answered: usize,
    pub(crate) single_cluster: usize,
    pub(crate) drained: usize,
    /// Those that nothing answers.
    pub(crate) unanswerable: Vec<String>,
    /// Those that only stale clusters answer.
    pub(crate) stale: Vec<String>,
}

/// Clusters of both kinds, and hostnames that they answer differently: the .NET application takes the lowest priority.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Mixed {
    /// The clusters that are heard by REST.
    pub(crate) rest: Vec<String>,
    /// Hostnames whose clusters differ in priority.
    pub(crate) hostnames: Vec<String>,
}

/// A Lease of leadership.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct LeaderRow {
    pub(crate) lease: String,
    /// Nobody where it is absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) holder: Option<String>,
    pub(crate) term: u64,
    /// In Unix seconds, by the holder's clock.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) renewed: Option<u64>,
}

/// What one cluster publishes, as it is stored here.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct PublishedRow {
    pub(crate) cluster: String,
    pub(crate) hostnames: usize,
    /// The newest change of any shard.
    pub(crate) term: u64,
    pub(crate) seq: u64,
    /// Equal in two clusters that hold the same of it.
    pub(crate) digest: String,
    pub(crate) shards: Vec<ShardRow>,
}

/// What is stored in another cluster of what one publishes, beside what is stored here.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct ComparedRow {
    /// The context.
    pub(crate) at: String,
    /// Who publishes it.
    pub(crate) cluster: String,
    /// Shards whose content differs, or that only one of the two has, in three hexadecimal digits.
    pub(crate) different: Vec<String>,
}

impl ComparedRow {
    /// For each cluster that publishes something here or there.
    pub(crate) fn of(at: &str, here: &[PublishedRow], there: &[PublishedRow]) -> Vec<Self> {
        let of = |rows: &[PublishedRow], cluster: &str| -> BTreeMap<String, String> {
            let shards = rows.iter().filter(|row| row.cluster == cluster).flat_map(|row| &row.shards);
            // One that is empty says as much as one that is not there.
            shards
                .filter(|shard| shard.hostnames > 0)
                .map(|shard| (shard.shard.clone(), shard.digest.clone()))
                .collect()
        };
        let clusters: BTreeSet<&str> = here.iter().chain(there).map(|row| row.cluster.as_str()).collect();
        let compare = |cluster: &str| {
            let (here, there) = (of(here, cluster), of(there, cluster));
            let shards: BTreeSet<&String> = here.keys().chain(there.keys()).collect();
            let different = shards.into_iter().filter(|shard| here.get(*shard) != there.get(*shard));
            Self { at: at.to_owned(), cluster: cluster.to_owned(), different: different.cloned().collect() }
        };
        clusters.into_iter().map(compare).collect()
    }
}

/// One shard of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct ShardRow {
    pub(crate) shard: String,
    pub(crate) term: u64,
    pub(crate) seq: u64,
    pub(crate) digest: String,
    pub(crate) hostnames: usize,
}

impl Hostnames {
    fn of(snapshot: &Snapshot) -> Self {
        let mut all = Self::default();
        for hostname in snapshot.hostnames() {
            let Some(condition) = snapshot.condition(&hostname) else { continue };
            all.count += 1;
            all.answered += usize::from(condition.answered);
            all.single_cluster += usize::from(condition.single_cluster);
            all.drained += usize::from(condition.drained);
            if !condition.answered {
                all.unanswerable.push(hostname.to_string());
            }
            if condition.stale {
                all.stale.push(hostname.to_string());
            }
        }
        all.unanswerable.sort();
        all.stale.sort();
        all
    }
}

impl Mixed {
    /// Nothing where no cluster is heard by REST, or all agree.
    fn of(snapshot: &Snapshot, rows: &[ClusterRow]) -> Option<Self> {
        let is_rest =
            |row: &&ClusterRow| row.protocol.as_deref() == Some("rest") && row.state != ClusterState::Gone;
        let rest: Vec<String> = rows.iter().filter(is_rest).map(|row| row.name.clone()).collect();
        if rest.is_empty() {
            return None;
        }
        let is_gone = |cluster: &ClusterId| {
            snapshot.cluster_status(cluster).is_some_and(|status| status.state == ClusterState::Gone)
        };
        let differs = |hostname: &Hostname| {
            let Some(state) = snapshot.hostname_state(hostname) else { return false };
            let endpoints = state.endpoints().iter().filter(|endpoint| !is_gone(endpoint.cluster()));
            let priorities: BTreeSet<i64> = endpoints.map(|endpoint| endpoint.parts().priority).collect();
            priorities.len() > 1
        };
        let mut hostnames: Vec<String> =
            snapshot.hostnames().filter(differs).map(|hostname| hostname.to_string()).collect();
        hostnames.sort();
        (!hostnames.is_empty()).then_some(Self { rest, hostnames })
    }
}

impl From<Published> for PublishedRow {
    fn from(published: Published) -> Self {
        let newest = published.newest();
        Self {
            hostnames: published.hostnames(),
            term: newest.term,
            seq: newest.seq,
            digest: published.digest(),
            shards: published
                .shards
                .iter()
                .map(|shard| ShardRow {
                    shard: shard.shard.clone(),
                    term: shard.version.term,
                    seq: shard.version.seq,
                    digest: shard.digest.clone(),
                    hostnames: shard.hostnames,
                })
                .collect(),
            cluster: published.cluster,
        }
    }
}
