//! What is assumed.

use core::fmt;
use core::str::FromStr;

use crate::cluster::{ClusterId, ClusterState, OverrideState};
use crate::hostname::Hostname;
use crate::simulate::is_match;
use crate::snapshot::Snapshot;
use crate::state_file::nearest;

/// What is assumed beside what a snapshot says.
///
/// ```
/// use mci_core::{Family, simulate::Given, state_file::StateFile};
/// let snapshot = StateFile::parse("
/// hostnames:
///   - hostname: app.example.com
///     endpoints: [{cluster: west, addresses: [192.0.2.1]}, {cluster: east, addresses: [192.0.2.2]}]
/// ").unwrap().into_snapshot();
/// let given = Given { unready: vec!["*.example.com@west".parse().unwrap()], ..Given::default() };
/// let world = given.apply(&snapshot).unwrap();
/// let query = mci_core::Query::new("app.example.com".parse().unwrap(), mci_core::RecordType::A);
/// assert_eq!(world.possible(&query).to_string(), "east");
///
/// let given = Given { down: vec!["wets".into()], ..Given::default() };
/// assert_eq!(given.apply(&snapshot).unwrap_err()[0].to_string(), "no cluster \"wets\"; did you mean \"west\"?");
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Given {
    /// Clusters whose heartbeat is heard (R20).
    pub alive: Vec<ClusterPattern>,
    /// Clusters whose heartbeat is lost: stale (R20).
    pub down: Vec<ClusterPattern>,
    /// Clusters that said goodbye or were removed (R20a).
    pub gone: Vec<ClusterPattern>,
    /// Clusters that an operator drained (R24).
    pub drained: Vec<ClusterPattern>,
    /// Endpoints that are ready (R14).
    pub ready: Vec<EndpointPattern>,
    /// Endpoints that are not ready (R14).
    pub unready: Vec<EndpointPattern>,
}

/// A cluster's name, or a pattern with `*` and `?`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClusterPattern(String);

impl From<&str> for ClusterPattern {
    fn from(text: &str) -> Self {
        Self(text.to_owned())
    }
}

impl From<String> for ClusterPattern {
    fn from(text: String) -> Self {
        Self(text)
    }
}

impl fmt::Display for ClusterPattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Endpoints: `HOST@CLUSTER`, both with `*` and `?`; `HOST` alone is at every cluster.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EndpointPattern {
    hostname: String,
    cluster: String,
}

/// Why a text is no [`EndpointPattern`].
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} names no endpoint: write HOST@CLUSTER, such as app.example.com@west")]
pub struct EndpointPatternError(String);

impl FromStr for EndpointPattern {
    type Err = EndpointPatternError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (hostname, cluster) = text.split_once('@').unwrap_or((text, "*"));
        let hostname = hostname.strip_suffix('.').unwrap_or(hostname).to_ascii_lowercase();
        if hostname.is_empty() || cluster.is_empty() || cluster.contains('@') {
            return Err(EndpointPatternError(text.to_owned()));
        }
        Ok(Self { hostname, cluster: cluster.to_owned() })
    }
}

impl fmt::Display for EndpointPattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}@{}", self.hostname, self.cluster)
    }
}

/// A name that means nothing in a snapshot, probably misspelt.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum NothingMeant {
    /// There is no such cluster.
    #[error("no cluster {name:?}{}", hint(.nearest.as_deref()))]
    Cluster {
        /// As it was written.
        name: String,
        /// A cluster of nearly that name.
        nearest: Option<String>,
    },
    /// There is no such hostname.
    #[error("no hostname {name:?}{}", hint(.nearest.as_deref()))]
    Hostname {
        /// As it was written.
        name: String,
        /// A hostname of nearly that name.
        nearest: Option<String>,
    },
    /// There are such hostnames, and none of them has an endpoint at such a cluster.
    #[error("{hostname} has no endpoint at {cluster}")]
    Endpoint {
        /// As it was written.
        hostname: String,
        /// As it was written.
        cluster: String,
    },
}

fn hint(nearest: Option<&str>) -> String {
    nearest.map(|near| format!("; did you mean {near:?}?")).unwrap_or_default()
}

impl Given {
    /// Whether nothing is assumed.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// The snapshot with what is assumed, or the names that mean nothing in it.
    ///
    /// What is `alive` keeps an operator's override. Where two patterns mean the same, the one with more letters
    /// holds, and of equals the worse: so `unready: ["*@*"], ready: ["app.example.com@west"]` leaves one.
    pub fn apply(&self, snapshot: &Snapshot) -> Result<Snapshot, Vec<NothingMeant>> {
        let Self { alive, down, gone, drained, ready, unready } = self;
        let mut unknown = Vec::new();
        let mut states = Vec::new();
        for (patterns, state) in
            [(alive, ClusterState::Alive), (down, ClusterState::Stale), (gone, ClusterState::Gone)]
        {
            for pattern in patterns {
                states.push((letters(&pattern.0), pattern.of(snapshot), state));
            }
        }
        let mut readiness = Vec::new();
        for (patterns, ready) in [(ready, true), (unready, false)] {
            for pattern in patterns {
                let letters = letters(&pattern.hostname) + letters(&pattern.cluster);
                readiness.push((letters, pattern.of(snapshot), ready));
            }
        }
        // The sort is stable: of equals the later, worse one stays behind.
        states.sort_by_key(|(letters, ..)| *letters);
        readiness.sort_by_key(|(letters, ..)| *letters);
        let after = snapshot.edited(|edit| {
            let mut known = |found| match found {
                Ok(found) => found,
                Err(nothing) => {
                    unknown.push(nothing);
                    Vec::new()
                }
            };
            for (_, clusters, state) in states {
                for cluster in known(clusters) {
                    edit.set_cluster(&cluster, state);
                }
            }
            for cluster in drained.iter().flat_map(|pattern| known(pattern.of(snapshot))) {
                edit.override_cluster(&cluster, Some(OverrideState::Drained.into()));
            }
            for (_, endpoints, ready) in readiness {
                match endpoints {
                    Ok(endpoints) => {
                        for (hostname, cluster) in endpoints {
                            edit.set_ready(&hostname, &cluster, ready);
                        }
                    }
                    Err(nothing) => unknown.push(nothing),
                }
            }
        });
        if unknown.is_empty() { Ok(after) } else { Err(unknown) }
    }
}

/// How much of a pattern is no wildcard.
fn letters(pattern: &str) -> usize {
    pattern.chars().filter(|c| !matches!(c, '*' | '?')).count()
}

/// `down: west; unready: app.example.com@east`
impl fmt::Display for Given {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { alive, down, gone, drained, ready, unready } = self;
        let mut parts = Vec::new();
        let mut list = |what: &str, names: Vec<String>| {
            if !names.is_empty() {
                parts.push(format!("{what}: {}", names.join(", ")));
            }
        };
        for (what, clusters) in [("alive", alive), ("down", down), ("gone", gone), ("drained", drained)] {
            list(what, clusters.iter().map(ToString::to_string).collect());
        }
        for (what, endpoints) in [("ready", ready), ("unready", unready)] {
            list(what, endpoints.iter().map(ToString::to_string).collect());
        }
        f.write_str(&parts.join("; "))
    }
}

impl ClusterPattern {
    /// The clusters that are meant; at least one.
    pub(crate) fn of(&self, snapshot: &Snapshot) -> Result<Vec<ClusterId>, NothingMeant> {
        let found: Vec<ClusterId> =
            snapshot.clusters().filter(|cluster| is_match(&self.0, cluster.as_str())).cloned().collect();
        if found.is_empty() { Err(no_cluster(&self.0, snapshot)) } else { Ok(found) }
    }
}

pub(crate) fn no_cluster(name: &str, snapshot: &Snapshot) -> NothingMeant {
    let nearest = nearest(name, snapshot.clusters().map(ClusterId::as_str)).map(str::to_owned);
    NothingMeant::Cluster { name: name.to_owned(), nearest }
}

pub(crate) fn no_hostname(name: &str, snapshot: &Snapshot) -> NothingMeant {
    if name.contains(['*', '?']) {
        return NothingMeant::Hostname { name: name.to_owned(), nearest: None };
    }
    let names: Vec<String> = snapshot.hostnames().map(|hostname| hostname.to_string()).collect();
    let nearest = nearest(name, names.iter().map(String::as_str)).map(str::to_owned);
    NothingMeant::Hostname { name: name.to_owned(), nearest }
}

impl EndpointPattern {
    /// The endpoints that are meant; at least one.
    pub(crate) fn of(&self, snapshot: &Snapshot) -> Result<Vec<(Hostname, ClusterId)>, NothingMeant> {
        let hostnames = hostnames(&self.hostname, snapshot);
        if hostnames.is_empty() {
            return Err(no_hostname(&self.hostname, snapshot));
        }
        ClusterPattern(self.cluster.clone()).of(snapshot)?;
        let mut found = Vec::new();
        for hostname in hostnames {
            let state = snapshot.hostname_state(&hostname);
            for endpoint in state.iter().flat_map(|state| &state.endpoints) {
                if is_match(&self.cluster, endpoint.cluster.as_str()) {
                    found.push((hostname.clone(), endpoint.cluster.clone()));
                }
            }
        }
        if found.is_empty() {
            let (hostname, cluster) = (self.hostname.clone(), self.cluster.clone());
            return Err(NothingMeant::Endpoint { hostname, cluster });
        }
        Ok(found)
    }
}

/// The hostnames that a pattern means, by name; a wildcard's own name means itself, and all others that it matches.
pub(crate) fn hostnames(pattern: &str, snapshot: &Snapshot) -> Vec<Hostname> {
    if !pattern.contains(['*', '?']) {
        // One look-up, however many there are.
        let name = pattern.parse::<Hostname>().ok();
        return name.filter(|name| snapshot.hostname_state(name).is_some()).into_iter().collect();
    }
    let mut found: Vec<Hostname> =
        snapshot.hostnames().filter(|hostname| is_match(pattern, &hostname.to_string())).collect();
    found.sort_by_cached_key(ToString::to_string);
    found
}
