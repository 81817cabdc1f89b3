//! What an edit changed: what may be answered now, and before.

use core::fmt;
use std::collections::BTreeSet;

use crate::cluster::ClusterId;
use crate::clusters::ClusterStatus;
use crate::edit::{Refused, Touched};
use crate::hostname::Hostname;
use crate::names::Node;
use crate::outcome::Query;
use crate::possible::Possible;
use crate::record_type::RecordType;
use crate::snapshot::Snapshot;

/// What one batch of edits changed: the one source for change logs, events and counters.
///
/// The answers are compared when they are asked for: a change of one cluster's state costs nothing until then.
#[derive(Debug)]
pub struct Changes {
    before: Snapshot,
    after: Snapshot,
    touched: Touched,
    refused: Vec<Refused>,
    any: bool,
}

/// One hostname that is answered differently.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Change {
    /// The hostname; a wildcard stands for the names that it covers.
    pub hostname: Hostname,
    /// What could be answered.
    pub before: Answers,
    /// What may be answered now.
    pub after: Answers,
    /// What brought it about.
    pub because: Cause,
}

/// What may be answered for both families.
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
pub struct Answers {
    /// To a query for A.
    pub v4: Possible,
    /// To a query for AAAA.
    pub v6: Possible,
}

impl fmt::Display for Answers {
    /// Both families where they differ, the one that is answered where only one is.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [v4, v6] = [self.v4.to_string(), self.v6.to_string()];
        match (self.v4.is_answered(), self.v6.is_answered()) {
            _ if v4 == v6 => f.pad(&v4),
            (_, false) => f.pad(&v4),
            (false, true) => f.pad(&format!("AAAA only: {v6}")),
            (true, true) => f.pad(&format!("A: {v4}; AAAA: {v6}")),
        }
    }
}

/// What brought a change about.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Cause {
    /// What is published for the hostname changed (R3 to R10).
    Published,
    /// A cluster's state or its override changed (R20, R24).
    Cluster {
        /// The cluster.
        cluster: ClusterId,
        /// What was known of it.
        from: ClusterStatus,
        /// What is known of it now.
        to: ClusterStatus,
    },
    /// An override of this hostname at a cluster was set or lifted (R24).
    HostnameOverride,
    /// Zones or defaults changed.
    Configuration,
}

impl fmt::Display for Cause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Published => f.write_str("published"),
            Self::Cluster { cluster, from, to } if from.state != to.state => {
                write!(f, "cluster {cluster} {} (R20)", to.state)
            }
            Self::Cluster { cluster, to, .. } => match &to.held_back {
                Some(held_back) => write!(f, "cluster {cluster} overridden {} (R24)", held_back.state),
                None => write!(f, "override of cluster {cluster} lifted (R24)"),
            },
            Self::HostnameOverride => f.write_str("override of the hostname (R24)"),
            Self::Configuration => f.write_str("configuration"),
        }
    }
}

impl Changes {
    pub(crate) fn new(
        before: Snapshot,
        after: Snapshot,
        touched: Touched,
        refused: Vec<Refused>,
        any: bool,
    ) -> Self {
        Self { before, after, touched, refused, any }
    }

    /// Whether the snapshot differs from the one before; answers may still be the same.
    pub fn any(&self) -> bool {
        self.any
    }

    /// Hostnames that were not taken in, and why.
    pub fn refused(&self) -> &[Refused] {
        &self.refused
    }

    /// The snapshot before.
    pub fn before(&self) -> &Snapshot {
        &self.before
    }

    /// The snapshot after.
    pub fn after(&self) -> &Snapshot {
        &self.after
    }

    /// The hostnames that are answered differently, by name.
    pub fn iter(&self) -> impl Iterator<Item = Change> + '_ {
        self.candidates().into_iter().filter_map(|hostname| self.change(hostname))
    }

    fn candidates(&self) -> BTreeSet<Hostname> {
        let mut names = self.touched.names.clone();
        let configuration =
            self.before.zones() != self.after.zones() || self.before.settings() != self.after.settings();
        let mut add = |nodes: &mut dyn Iterator<Item = &Node>| {
            names.extend(
                nodes.filter(|node| node.is_held()).map(|node| Hostname::from_stored(node.entry().name())),
            );
        };
        if self.touched.all && configuration {
            add(&mut self.before.names.iter());
            add(&mut self.after.names.iter());
            return names;
        }
        if self.touched.all {
            add(&mut self.after.names.differing(&self.before.names));
            add(&mut self.before.names.differing(&self.after.names));
            let overridden = self.before.overrides.iter().chain(self.after.overrides.iter());
            names.extend(overridden.map(|(hostname, ..)| hostname.clone()));
        }
        let clusters = self.changed_clusters();
        if !clusters.is_empty() {
            let of_clusters = |node: &&Node| node.entry().records().any(|r| clusters.contains(&r.cluster()));
            names.extend(
                self.after
                    .names
                    .iter()
                    .filter(|node| node.is_held())
                    .filter(of_clusters)
                    .map(|node| Hostname::from_stored(node.entry().name())),
            );
        }
        names
    }

    fn changed_clusters(&self) -> BTreeSet<u16> {
        if !self.touched.all {
            return self.touched.clusters.clone();
        }
        let status = |snapshot: &Snapshot, at| snapshot.clusters.status(at).cloned();
        let positions = self.before.clusters.iter().chain(self.after.clusters.iter()).map(|(_, at, _)| at);
        positions.filter(|at| status(&self.before, *at) != status(&self.after, *at)).collect()
    }

    fn change(&self, hostname: Hostname) -> Option<Change> {
        let [before, after] = [&self.before, &self.after].map(|snapshot| Answers {
            v4: snapshot.possible(&Query::new(hostname.clone(), RecordType::A)),
            v6: snapshot.possible(&Query::new(hostname.clone(), RecordType::AAAA)),
        });
        (before != after).then(|| {
            let because = self.cause(&hostname);
            Change { hostname, before, after, because }
        })
    }

    fn cause(&self, hostname: &Hostname) -> Cause {
        let state = |snapshot: &Snapshot| snapshot.hostname_state(hostname);
        let [before, after] = [state(&self.before), state(&self.after)];
        if before != after {
            return Cause::Published;
        }
        for endpoint in after.iter().flat_map(|state| &state.endpoints) {
            let status =
                |snapshot: &Snapshot| snapshot.cluster_status(&endpoint.cluster).cloned().unwrap_or_default();
            let [from, to] = [status(&self.before), status(&self.after)];
            if from != to {
                return Cause::Cluster { cluster: endpoint.cluster.clone(), from, to };
            }
            let held_back =
                |snapshot: &Snapshot| snapshot.hostname_override(hostname, &endpoint.cluster).cloned();
            if held_back(&self.before) != held_back(&self.after) {
                return Cause::HostnameOverride;
            }
        }
        Cause::Configuration
    }
}
