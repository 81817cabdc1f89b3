//! One of `hostnames`.

use crate::cluster::{ClusterId, Override};
use crate::hostname::Hostname;
use crate::hostname_state::{AnswerMode, Endpoint, HostnameState, Policy, Ttl, WhenAllDown};
use crate::state_file::clusters::override_of;
use crate::state_file::names::{self, Addresses, Clusters};
use crate::state_file::node::{Node, Place};
use crate::state_file::reader::{Given, Path, Reader, keys};

keys!(HostnameKey {
    Hostname = "hostname",
    Endpoints = "endpoints",
    Ttl = "ttl",
    AnswerMode = "answerMode",
    WhenAllDown = "whenAllDown",
    Fallback = "fallback",
    Changed = "changed",
});

keys!(EndpointKey {
    Cluster = "cluster",
    Addresses = "addresses",
    Targets = "targets",
    Priority = "priority",
    Weight = "weight",
    Ready = "ready",
    Override = "override",
    Ttl = "ttl",
    AnswerMode = "answerMode",
    WhenAllDown = "whenAllDown",
    Fallback = "fallback",
    Changed = "changed",
});

pub(crate) const ANSWER_MODES: &[(&str, AnswerMode)] =
    &[("cluster", AnswerMode::Cluster), ("single", AnswerMode::Single), ("all", AnswerMode::All)];

pub(crate) const WHEN_ALL_DOWN: &[(&str, WhenAllDown)] =
    &[("nodata", WhenAllDown::Nodata), ("any", WhenAllDown::Any), ("static", WhenAllDown::Static)];

/// A hostname as its file gives it: what is absent can be told from what is the default.
#[derive(Clone, Debug)]
pub(crate) struct HostnameEntry {
    pub(crate) hostname: Hostname,
    pub(crate) at: Place,
    pub(crate) policy: Policy,
    pub(crate) given: Given,
    pub(crate) endpoints: Vec<EndpointEntry>,
}

/// One endpoint as its file gives it.
#[derive(Clone, Debug)]
pub(crate) struct EndpointEntry {
    /// With defaults where nothing is given.
    pub(crate) endpoint: Endpoint,
    /// An operator's override of this hostname at this cluster (R24).
    pub(crate) held_back: Option<Override>,
    pub(crate) given: Given,
}

impl HostnameEntry {
    /// The overrides of its endpoints.
    pub(crate) fn overrides(&self) -> Vec<(ClusterId, Override)> {
        let with_cluster =
            |entry: &EndpointEntry| Some((entry.endpoint.cluster.clone(), entry.held_back.clone()?));
        self.endpoints.iter().filter_map(with_cluster).collect()
    }

    pub(crate) fn into_state(self) -> HostnameState {
        HostnameState {
            hostname: self.hostname,
            policy: self.policy,
            endpoints: self.endpoints.into_iter().map(|entry| entry.endpoint).collect(),
        }
    }
}

/// Reads one of `hostnames`; problems are reported, and nothing comes of an entry without a usable name.
pub(crate) fn hostname(
    reader: &mut Reader<'_>,
    node: &Node<'_>,
    path: &Path<'_>,
    clusters: &mut Clusters,
) -> Option<HostnameEntry> {
    let mut hostname = None;
    let mut at = node.at;
    let mut policy = Policy::default();
    let mut endpoints = Vec::new();
    let mut changed = None;
    let given = reader.map(node, path, |reader, key, node, path| match key {
        HostnameKey::Hostname => {
            at = node.at;
            hostname = names::hostname(reader, node, path);
        }
        HostnameKey::Endpoints => reader.list(node, path, "a list of endpoints", |reader, node, path| {
            if let Some(read) = endpoint(reader, node, path, clusters) {
                add(reader, &mut endpoints, read, node, path);
            }
        }),
        HostnameKey::Ttl => policy.ttl = ttl(reader, node, path),
        HostnameKey::AnswerMode => policy.answer_mode = reader.word(node, path, ANSWER_MODES),
        HostnameKey::WhenAllDown => policy.when_all_down = reader.word(node, path, WHEN_ALL_DOWN),
        HostnameKey::Fallback => policy.fallback = fallback(reader, node, path),
        HostnameKey::Changed => changed = stamp(reader, node, path),
    })?;
    if !HostnameKey::Hostname.is_in(given) {
        reader.problem(path, node.at, "the key \"hostname\" is missing");
    }
    if let Some(changed) = changed {
        // The stamp of all its endpoints that have none of their own.
        for entry in endpoints.iter_mut().filter(|entry| !EndpointKey::Changed.is_in(entry.given)) {
            entry.endpoint.changed = changed;
        }
    }
    Some(HostnameEntry { hostname: hostname?, at, policy, given, endpoints })
}

fn add(
    reader: &mut Reader<'_>,
    endpoints: &mut Vec<EndpointEntry>,
    read: EndpointEntry,
    node: &Node<'_>,
    path: &Path<'_>,
) {
    let same = endpoints.iter().position(|other| other.endpoint.cluster == read.endpoint.cluster);
    if let Some(same) = same {
        let message = format_args!(
            "a second endpoint of cluster \"{}\" (the first is endpoints[{same}]): one a cluster",
            read.endpoint.cluster
        );
        reader.problem_with(path, node.at, message, || {
            Some("put all its addresses into one endpoint".to_owned())
        });
    } else {
        endpoints.push(read);
    }
}

fn endpoint(
    reader: &mut Reader<'_>,
    node: &Node<'_>,
    path: &Path<'_>,
    clusters: &mut Clusters,
) -> Option<EndpointEntry> {
    let mut cluster = None;
    let mut found = Addresses::default();
    let mut priority = 0;
    let mut weight = crate::hostname_state::DEFAULT_WEIGHT;
    let mut ready = true;
    let mut held_back: Option<Override> = None;
    let mut policy = Policy::default();
    let mut changed = 0;
    let given = reader.map(node, path, |reader, key, node, path| match key {
        EndpointKey::Cluster => cluster = clusters.named(reader, node, path),
        EndpointKey::Addresses => reader.list(node, path, "a list of addresses", |reader, node, path| {
            names::address_or_target(reader, node, path, &mut found);
        }),
        EndpointKey::Targets => reader.list(node, path, "a list of names", |reader, node, path| {
            found.targets.extend(names::target(reader, node, path));
        }),
        EndpointKey::Priority => {
            let range = (i64::MIN.into(), i64::MAX.into());
            priority = reader.integer(node, path, range, "a priority").unwrap_or_default();
        }
        EndpointKey::Weight => {
            let range = (0, u32::MAX.into());
            weight = reader.integer(node, path, range, "a weight").unwrap_or_default();
        }
        EndpointKey::Ready => ready = reader.boolean(node, path).unwrap_or_default(),
        EndpointKey::Override => held_back = override_of(reader, node, path),
        EndpointKey::Ttl => policy.ttl = ttl(reader, node, path),
        EndpointKey::AnswerMode => policy.answer_mode = reader.word(node, path, ANSWER_MODES),
        EndpointKey::WhenAllDown => policy.when_all_down = reader.word(node, path, WHEN_ALL_DOWN),
        EndpointKey::Fallback => policy.fallback = fallback(reader, node, path),
        EndpointKey::Changed => changed = stamp(reader, node, path).unwrap_or_default(),
    })?;
    if !EndpointKey::Cluster.is_in(given) {
        reader.problem(path, node.at, "the key \"cluster\" is missing");
    }
    let endpoint = Endpoint::new(cluster?, found.addresses)
        .targets(found.targets)
        .priority(priority)
        .weight(weight)
        .ready(ready)
        .policy(policy)
        .changed(changed);
    Some(EndpointEntry { endpoint, held_back, given })
}

/// A TTL in seconds (R10).
pub fn ttl(reader: &mut Reader<'_>, node: &Node<'_>, path: &Path<'_>) -> Option<Ttl> {
    let range = (0, Ttl::MAX.seconds().into());
    let seconds = reader.integer(node, path, range, "seconds")?;
    Ttl::new(seconds).ok()
}

/// A change stamp: Unix seconds.
fn stamp(reader: &mut Reader<'_>, node: &Node<'_>, path: &Path<'_>) -> Option<u32> {
    reader.integer(node, path, (0, u32::MAX.into()), "Unix seconds")
}

fn fallback(reader: &mut Reader<'_>, node: &Node<'_>, path: &Path<'_>) -> Vec<core::net::IpAddr> {
    let mut addresses = Vec::new();
    reader.list(node, path, "a list of addresses", |reader, node, path| {
        if let Some(address) = names::address(reader, node, path)
            && !addresses.contains(&address)
        {
            addresses.push(address);
        }
    });
    addresses
}
