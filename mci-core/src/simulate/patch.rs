//! A state file's keys on top of a snapshot, merged by hostname and cluster.

use crate::hostname_state::{Endpoint, HostnameState, Policy};
use crate::settings::Settings;
use crate::simulate::given::no_hostname;
use crate::snapshot::Snapshot;
use crate::state_file::clusters::ClusterKey;
use crate::state_file::document::{DefaultsKey, Head, TopKey};
use crate::state_file::hostnames::{self, EndpointEntry, EndpointKey, HostnameEntry, HostnameKey};
use crate::state_file::names::Clusters;
use crate::state_file::node::{Node, Value};
use crate::state_file::reader::{Path, Reader};
use crate::zone::Zone;
use crate::zones::Zones;

/// The snapshot with what `patch` says on top: of a hostname, an endpoint or a cluster only the keys that are given
/// change, a zone is replaced as a whole, and what is new is added.
pub(crate) fn patched(
    reader: &mut Reader<'_>,
    node: &Node<'_>,
    path: &Path<'_>,
    before: &Snapshot,
) -> Option<Snapshot> {
    let Value::Map(entries) = &node.value else {
        reader.unexpected(path, node, "a map with the keys of a state file");
        return None;
    };
    let mut head = Head::default();
    let list = head.read(reader, entries, path, 0);
    let mut clusters = Clusters::default();
    for cluster in before.clusters().chain(head.clusters.iter().map(|entry| &entry.name)) {
        clusters.declare(cluster.clone());
    }
    let mut entries = Vec::new();
    if let Some(list) = list {
        reader.list(list, &path.key("hostnames"), "a list of hostnames", |reader, node, path| {
            if let Some(entry) = hostnames::hostname(reader, node, path, &mut clusters)
                && is_known(reader, &entry, path, before)
            {
                entries.push(entry);
            }
        });
    }
    let zones = zones(reader, node, path, &head, before);
    let (after, changes) = before.edited_with_changes(|edit| {
        edit.set_settings(settings(&head, before.settings()));
        if let Some(zones) = &zones {
            edit.set_zones(zones);
        }
        for entry in &head.clusters {
            if ClusterKey::State.is_in(entry.given) || before.cluster_status(&entry.name).is_none() {
                edit.set_cluster(&entry.name, entry.state);
            }
            if ClusterKey::Override.is_in(entry.given) {
                edit.override_cluster(&entry.name, entry.held_back.clone());
            }
        }
        for held_back in &head.overrides {
            edit.override_hostname(
                &held_back.hostname,
                &held_back.cluster,
                Some(held_back.held_back.clone()),
            );
        }
        for entry in entries {
            let hostname = entry.hostname.clone();
            for endpoint in &entry.endpoints {
                if EndpointKey::Override.is_in(endpoint.given) {
                    edit.override_hostname(&hostname, &endpoint.endpoint.cluster, endpoint.held_back.clone());
                }
            }
            let state = before.hostname_state(&hostname).unwrap_or_else(|| HostnameState::new(hostname));
            edit.upsert(merged(state, entry));
        }
    });
    for refused in changes.refused() {
        reader.problem(path, node.at, refused);
    }
    Some(after)
}

/// A hostname that is not in the state has to be a whole one; else it is misspelt.
fn is_known(reader: &mut Reader<'_>, entry: &HostnameEntry, path: &Path<'_>, before: &Snapshot) -> bool {
    let known = HostnameKey::Endpoints.is_in(entry.given) || before.hostname_state(&entry.hostname).is_some();
    if !known {
        reader.problem(&path.key("hostname"), entry.at, no_hostname(&entry.hostname.to_string(), before));
    }
    known
}

fn settings(head: &Head, before: &Settings) -> Settings {
    let Settings { ttl, answer_mode, when_all_down, outside_zones, dns_server_name, max_addresses } =
        head.settings.clone();
    let mut settings = before.clone();
    if head.has_default(DefaultsKey::Ttl) {
        settings.ttl = ttl;
    }
    if head.has_default(DefaultsKey::AnswerMode) {
        settings.answer_mode = answer_mode;
    }
    if head.has_default(DefaultsKey::WhenAllDown) {
        settings.when_all_down = when_all_down;
    }
    if head.has(TopKey::OutsideZones) {
        settings.outside_zones = outside_zones;
    }
    if head.has(TopKey::DnsServerName) {
        settings.dns_server_name = dns_server_name;
    }
    if head.has(TopKey::MaxAddresses) {
        settings.max_addresses = max_addresses;
    }
    settings
}

/// The zones with those of the patch, each in the place of the one that had its name.
fn zones(
    reader: &mut Reader<'_>,
    node: &Node<'_>,
    path: &Path<'_>,
    head: &Head,
    before: &Snapshot,
) -> Option<Zones> {
    if head.zones.is_empty() && !head.has(TopKey::DnsServerName) {
        return None;
    }
    let new = || head.zones.iter().map(|zone| &zone.entry.zone);
    let kept = before.zones().iter().filter(|old| new().all(|zone| zone.name != old.name));
    let zones: Vec<Zone> = kept.chain(new()).cloned().collect();
    match Zones::new(zones, settings(head, before.settings()).dns_server_name.as_ref()) {
        Ok(zones) => Some(zones),
        Err(problems) => {
            for problem in problems {
                reader.problem(&path.key("zones"), node.at, problem);
            }
            None
        }
    }
}

/// A hostname with the keys of `entry` in the place of its own.
fn merged(mut state: HostnameState, entry: HostnameEntry) -> HostnameState {
    let HostnameEntry { hostname: _, at: _, policy, given, endpoints } = entry;
    merge_policy(
        &mut state.policy,
        policy,
        [
            HostnameKey::Ttl.is_in(given),
            HostnameKey::AnswerMode.is_in(given),
            HostnameKey::WhenAllDown.is_in(given),
            HostnameKey::Fallback.is_in(given),
        ],
    );
    for EndpointEntry { endpoint, held_back: _, given } in endpoints {
        let Some(old) = state.endpoints.iter_mut().find(|old| old.cluster == endpoint.cluster) else {
            state.endpoints.push(endpoint);
            continue;
        };
        let Endpoint { cluster: _, addresses, targets, priority, weight, ready, policy, changed } = endpoint;
        // Names may stand among the addresses: one key says both.
        if EndpointKey::Addresses.is_in(given) {
            old.addresses = addresses;
        }
        if EndpointKey::Addresses.is_in(given) || EndpointKey::Targets.is_in(given) {
            old.targets = targets;
        }
        if EndpointKey::Priority.is_in(given) {
            old.priority = priority;
        }
        if EndpointKey::Weight.is_in(given) {
            old.weight = weight;
        }
        if EndpointKey::Ready.is_in(given) {
            old.ready = ready;
        }
        if EndpointKey::Changed.is_in(given) {
            old.changed = changed;
        }
        merge_policy(
            &mut old.policy,
            policy,
            [
                EndpointKey::Ttl.is_in(given),
                EndpointKey::AnswerMode.is_in(given),
                EndpointKey::WhenAllDown.is_in(given),
                EndpointKey::Fallback.is_in(given),
            ],
        );
    }
    state
}

fn merge_policy(old: &mut Policy, new: Policy, [ttl, answer_mode, when_all_down, fallback]: [bool; 4]) {
    if ttl {
        old.ttl = new.ttl;
    }
    if answer_mode {
        old.answer_mode = new.answer_mode;
    }
    if when_all_down {
        old.when_all_down = new.when_all_down;
    }
    if fallback {
        old.fallback = new.fallback;
    }
}
