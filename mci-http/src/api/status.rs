//! How the process is, in one document.

use mci_core::{ClusterState, Override, OverrideState, Snapshot};
use serde::Serialize;

/// What a process knows of itself beside its snapshot.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Details {
    /// The program and its version.
    pub program: String,
    /// Where the state comes from.
    pub sources: Vec<SourceDetail>,
    /// The snapshot on the disk.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub snapshot_file: Option<SnapshotFileDetail>,
    /// Hostnames whose withdrawal is held (R26).
    pub withdrawals_held: Vec<String>,
    /// What is known of clusters beside what answers depend on.
    #[serde(skip)]
    pub clusters: Vec<ClusterDetail>,
}

/// A source of the state, as a watch.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct SourceDetail {
    /// What is watched.
    pub name: String,
    /// Whether everything was seen once.
    pub synced: bool,
    /// Seconds since the source was last heard; absent where it never was.
    pub heard_seconds_ago: Option<u64>,
    /// Why it is not heard now.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub why: Option<String>,
}

/// The snapshot on the disk.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct SnapshotFileDetail {
    /// Where it lies.
    pub path: String,
    /// Seconds since it was written; absent where there is none.
    pub age_seconds: Option<u64>,
    /// Whether answers come from it now, as the source has not been heard since the start.
    pub serving: bool,
}

/// What is known of one cluster beside what answers depend on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClusterDetail {
    /// Its identifier.
    pub name: String,
    /// Since when it is in its state: RFC 3339.
    pub since: Option<String>,
    /// Why.
    pub reason: Option<String>,
}

/// The document.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Status {
    #[serde(flatten)]
    details: Details,
    ready: bool,
    digest: String,
    hostnames: usize,
    zones: Vec<String>,
    clusters: Vec<Cluster>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Cluster {
    name: String,
    state: ClusterState,
    #[serde(skip_serializing_if = "Option::is_none")]
    since: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<String>,
    #[serde(rename = "override", skip_serializing_if = "Option::is_none")]
    held_back: Option<HeldBack>,
}

/// An operator's override (R24).
#[derive(Serialize)]
struct HeldBack {
    state: OverrideState,
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    by: Option<String>,
    /// Unix seconds.
    #[serde(skip_serializing_if = "Option::is_none")]
    until: Option<u64>,
}

impl Status {
    pub(super) fn new(snapshot: &Snapshot, details: Details) -> Self {
        let clusters = snapshot.clusters().map(|id| {
            let status = snapshot.cluster_status(id).cloned().unwrap_or_default();
            let detail = details.clusters.iter().find(|detail| detail.name == id.as_str());
            Cluster {
                name: id.to_string(),
                state: status.state,
                since: detail.and_then(|detail| detail.since.clone()),
                reason: detail.and_then(|detail| detail.reason.clone()),
                held_back: status.held_back.map(HeldBack::from),
            }
        });
        Self {
            ready: snapshot.is_ready(),
            digest: format!("{:016x}", snapshot.digest()),
            hostnames: snapshot.hostname_count(),
            zones: snapshot.zones().iter().map(|zone| zone.name.to_string()).collect(),
            clusters: clusters.collect(),
            details,
        }
    }
}

impl From<Override> for HeldBack {
    fn from(held_back: Override) -> Self {
        let Override { state, reason, by, until } = held_back;
        let text = |text: Option<std::sync::Arc<str>>| text.map(|text| text.to_string());
        Self { state, reason: text(reason), by: text(by), until }
    }
}
