//! Several clusters with their manifests, and the facts of all of them as one.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use mci_core::publish::{self, Kind};
use mci_core::state_file::reading::{Collected, Text, did_you_mean};
use mci_core::state_file::{Problem, StateFile};
use mci_core::{ClusterId, ClusterState, Hostname, Live, Publications, Shard, Snapshot};
use mci_kube::offline::Offline;

use super::check::Checked;
use super::objects::Objects;
use super::placeholders::Placeholders;
use super::publish::{Published, publish};
use super::{Note, Notes, text};
use crate::config;
use crate::files::{Content, Owner};
use crate::policy::has_keys;

/// The clusters whose manifests were read.
#[derive(Default)]
pub(crate) struct Fleet {
    clusters: BTreeMap<ClusterId, Cluster>,
    /// What came of each file, in the order of the files.
    pub(crate) checked: Vec<(String, Checked)>,
    /// Files below a directory that hold nothing that is read.
    pub(crate) passed_over: Vec<String>,
}

struct Cluster {
    objects: Objects,
    /// The file that says how it publishes, where one does.
    config: Option<(String, config::Config)>,
}

/// One cluster in numbers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct ClusterSummary {
    pub(crate) cluster: ClusterId,
    pub(crate) objects: usize,
    pub(crate) hostnames: usize,
    /// How many objects of which kinds nothing is read of.
    pub(crate) passed_over: BTreeMap<String, usize>,
}

impl std::fmt::Display for ClusterSummary {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { cluster, objects, hostnames, passed_over } = self;
        let (objects, hostnames) = (counted(*objects, "object"), counted(*hostnames, "hostname"));
        write!(f, "{cluster}: {hostnames} of {objects}")?;
        if !passed_over.is_empty() {
            let kinds: Vec<String> =
                passed_over.iter().map(|(kind, count)| format!("{count} {kind}")).collect();
            write!(f, "; passed over: {}", kinds.join(", "))?;
        }
        Ok(())
    }
}

/// `1 object`, `2 objects`.
pub(super) fn counted(count: usize, one: &str) -> String {
    format!("{count} {one}{}", if count == 1 { "" } else { "s" })
}

/// What came of adding clusters to a state.
pub(crate) struct Added {
    pub(crate) snapshot: Snapshot,
    pub(crate) notes: Notes,
    pub(crate) clusters: Vec<ClusterSummary>,
}

impl Fleet {
    /// Takes what is manifests out of `contents`: what is left is state files.
    pub(crate) fn read<'c>(contents: &'c [Content], problems: &mut Collected) -> (Self, Vec<&'c Content>) {
        let mut fleet = Self::default();
        let offline = Offline::new();
        let (mut states, mut configs) = (Vec::new(), Vec::new());
        // Each directory with manifests right in it, and those with manifests below.
        let (mut direct, mut with_clusters) = (Vec::new(), BTreeSet::new());
        for content in contents {
            let text = text(content);
            match (&content.owner, text) {
                (Owner::Unsaid | Owner::Directory { .. }, None) => states.push(content),
                (Owner::Below { name, .. } | Owner::Said(name), None) => {
                    match Text::from_bytes(&content.name, &content.octets) {
                        Err(problem) => problems.push(|| problem),
                        Ok(_) if is_own_config(content) => configs.push((name, content)),
                        Ok(_) => fleet.passed_over.push(content.name.clone()),
                    }
                }
                (Owner::Unsaid, Some(_)) => problems.push(|| {
                    let message = "a manifest, and it is not said of which cluster";
                    let hint = format!("write CLUSTER=FILE: west={}", content.name);
                    Problem::of(&content.name, "", message).hint(hint)
                }),
                (Owner::Directory { directory, name }, Some(text)) => {
                    direct.push((directory, content));
                    fleet.take(&offline, name, content, text, problems);
                }
                (Owner::Below { directory, name }, Some(text)) => {
                    with_clusters.insert(directory);
                    fleet.take(&offline, name, content, text, problems);
                }
                (Owner::Said(name), Some(text)) => fleet.take(&offline, name, content, text, problems),
            }
        }
        for content in contents {
            if let Owner::Said(name) = &content.owner
                && !fleet.clusters.keys().any(|id| id.as_str() == name)
                && name.parse::<ClusterId>().is_ok()
            {
                let message = format!("no manifest, and {name}= says that it is one");
                problems.push(|| {
                    Problem::of(&content.name, "", message).hint("an object has apiVersion and kind")
                });
            }
        }
        for (directory, content) in direct {
            if with_clusters.contains(directory) {
                problems.push(|| in_no_cluster(directory, content));
            }
        }
        for cluster in fleet.clusters.values_mut() {
            cluster.objects.settle(problems);
        }
        for (name, content) in configs {
            fleet.configure(name, content, problems);
        }
        (fleet, states)
    }

    /// Whether there is no cluster.
    pub(crate) fn is_empty(&self) -> bool {
        self.clusters.is_empty()
    }

    fn take(
        &mut self,
        offline: &Offline,
        name: &str,
        content: &Content,
        text: &str,
        problems: &mut Collected,
    ) {
        let id: ClusterId = match name.parse() {
            Ok(id) => id,
            Err(error) => {
                problems.push(|| {
                    let hint = "rename the directory, or write CLUSTER=PATH";
                    Problem::of(&content.name, "", format!("{error}")).hint(hint)
                });
                return;
            }
        };
        let cluster = self
            .clusters
            .entry(id.clone())
            .or_insert_with(|| Cluster { objects: Objects::new(id), config: None });
        let checked = cluster.objects.read(offline, &content.name, text);
        for problem in &checked.problems {
            problems.push(|| problem.clone());
        }
        self.checked.push((content.name.clone(), checked));
    }

    /// A configuration in the directory of a cluster says how that one publishes.
    fn configure(&mut self, name: &str, content: &Content, problems: &mut Collected) {
        let Some(cluster) = name.parse().ok().and_then(|id: ClusterId| self.clusters.get_mut(&id)) else {
            self.passed_over.push(content.name.clone());
            return;
        };
        let id = &cluster.objects.cluster;
        match config::parse(Path::new(&content.name), content) {
            Err(wrong) => problems.extend(wrong),
            Ok(config) => {
                if config.origin("clusterIdentifier").is_some() && config.cluster_identifier != *id {
                    let message = format!("{} here, in the manifests of {id}", config.cluster_identifier);
                    problems.push(|| Problem::of(&content.name, "clusterIdentifier", message));
                }
                if let Some((other, _)) = &cluster.config {
                    let message = format!("a second configuration of {id}: the other is {other}");
                    problems.push(|| Problem::of(&content.name, "", message));
                } else {
                    cluster.config = Some((content.name.clone(), config));
                }
            }
        }
    }

    /// What the clusters publish, on top of a state.
    pub(crate) fn add_to(&self, state: StateFile, problems: &mut Collected) -> Option<Added> {
        let listed = state.lists_clusters();
        let base = state.into_snapshot();
        let before = problems.count();
        if listed {
            self.check_names(&base, problems);
        }
        let zones: Vec<Hostname> = base.zones().iter().map(|zone| zone.name.clone()).collect();
        let mut placeholders = Placeholders::default();
        let mut publications = Publications::new();
        let (mut notes, mut clusters) = (Notes::default(), Vec::new());
        let mut origins: BTreeMap<Hostname, Vec<Problem>> = BTreeMap::new();
        for (id, cluster) in &self.clusters {
            let config = cluster.publishing(&zones);
            let Published { endpoints, origins: of_cluster, notes: more } =
                publish(&cluster.objects, config, &mut placeholders);
            check_places(&base, id, &of_cluster, problems);
            clusters.push(ClusterSummary {
                cluster: id.clone(),
                objects: cluster.objects.found.len(),
                hostnames: endpoints.len(),
                passed_over: cluster.objects.passed_over.clone(),
            });
            if !cluster.objects.found.keys().any(|key| matches!(key.kind, Kind::Gslb(_))) {
                let message =
                    format!("there is no GSLB in the manifests of cluster {id}: it publishes nothing");
                notes.warnings.push(Note { text: Problem::of("", "", message), hostnames: Vec::new() });
            }
            notes.assumed.extend(more.assumed);
            notes.warnings.extend(more.warnings);
            for (hostname, origin) in of_cluster {
                origins.entry(hostname).or_default().push(origin);
            }
            let mut shards: BTreeMap<Shard, Vec<_>> = BTreeMap::new();
            for (hostname, endpoint) in endpoints {
                shards.entry(Shard::of(&hostname)).or_default().push((hostname, endpoint));
            }
            for (shard, entries) in shards {
                publications.put(id, shard, entries);
            }
        }
        if problems.count() > before {
            return None;
        }
        let snapshot = self.merged(&base, &publications);
        notes.warnings.extend(of_names(&snapshot, &zones, &origins));
        // As they are read.
        for notes in [&mut notes.assumed, &mut notes.warnings] {
            notes.sort_by(|a, b| (&a.text.file, a.text.line).cmp(&(&b.text.file, b.text.line)));
        }
        Some(Added { snapshot, notes, clusters })
    }

    /// Where the state lists its clusters, these are among them.
    fn check_names(&self, base: &Snapshot, problems: &mut Collected) {
        let known: Vec<&str> = base.clusters().map(ClusterId::as_str).collect();
        for (id, cluster) in &self.clusters {
            if known.contains(&id.as_str()) {
                continue;
            }
            let place = cluster.objects.found.values().next();
            let problem = |message: String| match place {
                Some(found) => found.place.problem("", message),
                None => Problem::of("", "", message),
            };
            let hint = did_you_mean(id.as_str(), known.iter().copied())
                .unwrap_or_else(|| "the directory or CLUSTER= says which cluster it is".to_owned());
            let message =
                format!("these are manifests of cluster {id:?}, which `clusters` of the state does not list");
            problems.push(|| problem(message).hint(hint));
        }
    }

    fn merged(&self, base: &Snapshot, publications: &Publications) -> Snapshot {
        let live = Live::new(base.clone());
        let known: BTreeSet<&ClusterId> = base.clusters().collect();
        let changes = live.edit(|edit| {
            for id in self.clusters.keys().filter(|id| !known.contains(id)) {
                edit.set_cluster(id, ClusterState::Alive);
            }
            let mut hostnames: Vec<&Hostname> = publications.hostnames().collect();
            hostnames.sort_unstable();
            for hostname in hostnames {
                let Some(state) = publications.state(hostname) else { continue };
                edit.upsert(match base.hostname_state(hostname) {
                    Some(given) => given.merge(state),
                    None => state,
                });
            }
        });
        changes.after().clone()
    }
}

impl Cluster {
    fn publishing(&self, zones: &[Hostname]) -> publish::Config {
        let mut publishing = match &self.config {
            Some((_, config)) => config.publishing(),
            None => publish::Config::new(self.objects.cluster.clone()),
        };
        publishing.cluster = self.objects.cluster.clone();
        publishing.zones.extend_from_slice(zones);
        publishing
    }
}

/// Whether a file says how its cluster publishes. Values of a chart have many of a configuration's other keys.
fn is_own_config(content: &Content) -> bool {
    let keys = ["clusterIdentifier", "hostnamePolicy"];
    str::from_utf8(&content.octets).is_ok_and(|text| has_keys(text, |key| keys.contains(&key)))
}

fn in_no_cluster(directory: &PathBuf, content: &Content) -> Problem {
    let directory = directory.display();
    let message =
        format!("a manifest right in {directory}, whose directories are clusters: it is of none of them");
    let hint = format!("move it into one of them, or write CLUSTER={directory} if all of it is one cluster");
    Problem::of(&content.name, "", message).hint(hint)
}

/// A cluster speaks of a hostname once: in its manifests or in the state.
fn check_places(
    base: &Snapshot,
    cluster: &ClusterId,
    origins: &BTreeMap<Hostname, Problem>,
    problems: &mut Collected,
) {
    for (hostname, origin) in origins {
        let given = base.hostname_state(hostname);
        if given.is_some_and(|state| state.endpoints().iter().any(|it| it.cluster() == cluster)) {
            let message = format!("{hostname}: a state file has an endpoint of {cluster} for it too");
            let hint = "keep one of them; a policy test changes it with `given: {patch: …}`";
            problems.push(|| said(origin, message).hint(hint));
        }
    }
}

/// What is to be said of names once all clusters are one: those that cannot be held, and those outside all zones.
fn of_names(
    snapshot: &Snapshot,
    zones: &[Hostname],
    origins: &BTreeMap<Hostname, Vec<Problem>>,
) -> Vec<Note> {
    let mut notes = Vec::new();
    for (hostname, origins) in origins {
        let message = if snapshot.hostname_state(hostname).is_none() {
            format!(
                "{hostname} is not answered: a zone has the name for a name server, a record or a delegation"
            )
        } else if !zones.is_empty() && !zones.iter().any(|zone| hostname.is_within(zone)) {
            format!("{hostname} lies in none of the zones: it is answered, and nothing around it is (D12)")
        } else {
            continue;
        };
        notes.extend(
            origins.iter().map(|origin| Note {
                text: said(origin, message.clone()),
                hostnames: vec![hostname.clone()],
            }),
        );
    }
    notes
}

fn said(origin: &Problem, message: String) -> Problem {
    let mut problem = origin.clone();
    problem.message = message;
    problem
}
