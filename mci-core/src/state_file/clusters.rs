//! One of `clusters`, and overrides (R24).

use core::fmt;

use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use crate::cluster::{ClusterId, ClusterState, Override, OverrideState};
use crate::hostname::Hostname;
use crate::state_file::names;
use crate::state_file::node::{Node, Place, Value};
use crate::state_file::reader::{Given, Path, Reader, keys};

keys!(ClusterKey { Name = "name", State = "state", Override = "override" });

keys!(OverrideKey { State = "state", Reason = "reason", By = "by", Until = "until" });

keys!(HostnameOverrideKey {
    Hostname = "hostname",
    Cluster = "cluster",
    State = "state",
    Reason = "reason",
    By = "by",
    Until = "until",
});

pub(crate) const CLUSTER_STATES: &[(&str, ClusterState)] =
    &[("alive", ClusterState::Alive), ("stale", ClusterState::Stale), ("gone", ClusterState::Gone)];

pub(crate) const OVERRIDE_STATES: &[(&str, OverrideState)] =
    &[("drained", OverrideState::Drained), ("down", OverrideState::Down)];

/// A cluster as its file gives it.
#[derive(Clone, Debug)]
pub(crate) struct ClusterEntry {
    pub(crate) name: ClusterId,
    pub(crate) at: Place,
    pub(crate) state: ClusterState,
    pub(crate) held_back: Option<Override>,
    pub(crate) given: Given,
}

pub(crate) fn cluster(reader: &mut Reader<'_>, node: &Node<'_>, path: &Path<'_>) -> Option<ClusterEntry> {
    if let Value::Text(_) = &node.value {
        // `clusters: [west, east]`
        let name = names::cluster_id(reader, node, path)?;
        let state = ClusterState::default();
        return Some(ClusterEntry { name, at: node.at, state, held_back: None, given: Given::default() });
    }
    let mut name = None;
    let mut at = node.at;
    let mut state = ClusterState::default();
    let mut held_back = None;
    let given = reader.map(node, path, |reader, key, node, path| match key {
        ClusterKey::Name => {
            at = node.at;
            name = names::cluster_id(reader, node, path);
        }
        ClusterKey::State => state = reader.word(node, path, CLUSTER_STATES).unwrap_or_default(),
        ClusterKey::Override => held_back = override_of(reader, node, path),
    })?;
    if !ClusterKey::Name.is_in(given) {
        reader.problem(path, node.at, "the key \"name\" is missing");
    }
    Some(ClusterEntry { name: name?, at, state, held_back, given })
}

/// `drained`, `down`, or `{state, reason, by, until}`; nothing is no override.
pub(crate) fn override_of(reader: &mut Reader<'_>, node: &Node<'_>, path: &Path<'_>) -> Option<Override> {
    match &node.value {
        Value::Null => return None,
        Value::Text(_) => return reader.word(node, path, OVERRIDE_STATES).map(Override::from),
        _ => {}
    }
    let mut state = None;
    let mut reason = None;
    let mut by = None;
    let mut until = None;
    let given = reader.map(node, path, |reader, key, node, path| match key {
        OverrideKey::State => state = reader.word(node, path, OVERRIDE_STATES),
        OverrideKey::Reason => reason = reader.text(node, path, "a reason as text").map(Into::into),
        OverrideKey::By => by = reader.text(node, path, "a name as text").map(Into::into),
        OverrideKey::Until => until = time_of(reader, node, path),
    })?;
    if !OverrideKey::State.is_in(given) {
        reader.problem(path, node.at, "the key \"state\" is missing: drained or down");
    }
    Some(Override { state: state?, reason, by, until })
}

/// An override of one hostname at one cluster, where the hostname's own endpoints have no place for it.
#[derive(Clone, Debug)]
pub(crate) struct HostnameOverride {
    pub(crate) hostname: Hostname,
    pub(crate) cluster: ClusterId,
    pub(crate) held_back: Override,
}

/// One of `overrides`.
pub(crate) fn hostname_override(
    reader: &mut Reader<'_>,
    node: &Node<'_>,
    path: &Path<'_>,
) -> Option<HostnameOverride> {
    let mut hostname = None;
    let mut cluster = None;
    let mut state = None;
    let mut reason = None;
    let mut by = None;
    let mut until = None;
    reader
        .map(node, path, |reader, key, node, path| match key {
            HostnameOverrideKey::Hostname => hostname = names::hostname(reader, node, path),
            HostnameOverrideKey::Cluster => cluster = names::cluster_id(reader, node, path),
            HostnameOverrideKey::State => state = reader.word(node, path, OVERRIDE_STATES),
            HostnameOverrideKey::Reason => {
                reason = reader.text(node, path, "a reason as text").map(Into::into);
            }
            HostnameOverrideKey::By => by = reader.text(node, path, "a name as text").map(Into::into),
            HostnameOverrideKey::Until => until = time_of(reader, node, path),
        })
        .filter(|given| {
            let required = [
                (HostnameOverrideKey::Hostname, "hostname"),
                (HostnameOverrideKey::Cluster, "cluster"),
                (HostnameOverrideKey::State, "state"),
            ];
            let missing = required.into_iter().find(|(key, _)| !key.is_in(*given));
            if let Some((_, text)) = missing {
                reader.problem(path, node.at, format_args!("the key {text:?} is missing"));
            }
            missing.is_none()
        })?;
    let held_back = Override { state: state?, reason, by, until };
    Some(HostnameOverride { hostname: hostname?, cluster: cluster?, held_back })
}

/// RFC 3339 or Unix seconds.
pub fn time_of(reader: &mut Reader<'_>, node: &Node<'_>, path: &Path<'_>) -> Option<u64> {
    let Value::Text(text) = &node.value else {
        return reader.integer(
            node,
            path,
            (0, u64::MAX.into()),
            "Unix seconds, or a time like 2030-01-31T12:00:00Z",
        );
    };
    let time = OffsetDateTime::parse(text, &Rfc3339).ok().map(OffsetDateTime::unix_timestamp);
    let seconds = time.and_then(|seconds| u64::try_from(seconds).ok());
    if seconds.is_none() {
        let message = format_args!(
            "expected a time since 1970 as RFC 3339 has it (2030-01-31T12:00:00Z, 2030-01-31T13:00:00+01:00) or in Unix seconds, found {}",
            node.value
        );
        reader.problem(path, node.at, message);
    }
    seconds
}

/// A time as RFC 3339, as far as it has years of four digits; else Unix seconds.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Time(pub(crate) u64);

impl Time {
    fn rfc3339(self) -> Option<String> {
        let time = OffsetDateTime::from_unix_timestamp(i64::try_from(self.0).ok()?).ok()?;
        time.format(&Rfc3339).ok()
    }
}

impl fmt::Display for Time {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.rfc3339() {
            Some(text) => f.write_str(&text),
            None => write!(f, "{}", self.0),
        }
    }
}

impl serde::Serialize for Time {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self.rfc3339() {
            Some(text) => serializer.serialize_str(&text),
            None => serializer.serialize_u64(self.0),
        }
    }
}
