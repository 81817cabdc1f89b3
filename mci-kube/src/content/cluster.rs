//! What is said of a cluster: `Cluster` → state and overrides.

use std::collections::BTreeMap;

use mci_core::{ClusterId, ClusterState, Hostname, Override, Overrides};
use serde::{Deserialize, Serialize};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use crate::content::endpoint;
use crate::content::fault::{Fault, Faults, Read};
use crate::resources::{Cluster, HostnameOverride, Item, OverrideFields};

/// What is said of a cluster, by people here and by itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClusterView {
    /// Who it is.
    pub id: ClusterId,
    /// What liveness says (R20); a cluster of which nothing is said yet is alive: unknown is not unhealthy.
    pub state: ClusterState,
    /// Every override of the whole cluster, ended ones included (R24).
    pub overrides: Overrides,
    /// Every override of single hostnames at it (R24).
    pub hostname_overrides: BTreeMap<Hostname, Overrides>,
    /// It says goodbye (R20a).
    pub left: bool,
    /// What is held at this Unix time is released (R26).
    pub withdrawal_confirmed_at: Option<u64>,
    /// Since when it is in its state, for people: RFC 3339.
    pub since: Option<String>,
    /// Why it is in its state, for people.
    pub reason: Option<String>,
}

/// What an object says. `Err` where its name is no cluster's identifier.
pub fn read(object: &Cluster) -> Result<Read<ClusterView>, Fault> {
    let mut faults = Faults::of(object);
    let name = object.metadata.name.as_deref().unwrap_or_default();
    let id: ClusterId = name.parse().map_err(|what| faults.one("metadata.name", what))?;
    let status = object.status.clone().unwrap_or_default();

    let mut overrides = Overrides::default();
    let whole = [("spec.override", &object.spec.held_back), ("status.ownOverride", &status.own_override)];
    for (place, item) in whole {
        let Some(item) = item else { continue };
        if let Some(fields) = faults.check(|| place.to_owned(), item.read()) {
            overrides.add(of_cluster(fields, &mut faults, place));
        }
    }

    let mut hostname_overrides: BTreeMap<Hostname, Overrides> = BTreeMap::new();
    let single = [
        ("spec.hostnameOverrides", &object.spec.hostname_overrides),
        ("status.ownHostnameOverrides", &status.own_hostname_overrides),
    ];
    for (list, items) in single {
        for (index, item) in items.iter().enumerate() {
            let place = format!("{list}[{index}]");
            if let Some((hostname, one)) = of_hostname(item, &mut faults, &place) {
                hostname_overrides.entry(hostname).or_default().add(one);
            }
        }
    }

    let confirmed = object.spec.withdrawal_confirmed_at.as_deref();
    let withdrawal_confirmed_at = confirmed
        .and_then(|text| faults.check(|| "spec.withdrawalConfirmedAt".to_owned(), unix_seconds(text)));
    let state = status.state.unwrap_or_default();
    let left = object.spec.left.unwrap_or_default();
    let (since, reason) = (status.since, status.reason);
    Ok(faults.with(ClusterView {
        id,
        state,
        overrides,
        hostname_overrides,
        left,
        withdrawal_confirmed_at,
        since,
        reason,
    }))
}

fn of_cluster(fields: &OverrideFields, faults: &mut Faults, place: &str) -> Override {
    let OverrideFields { state, reason, by, until } = fields;
    Override {
        state: *state,
        reason: reason.as_deref().map(Into::into),
        by: by.as_deref().map(Into::into),
        until: end(until.as_deref(), faults, place),
    }
}

fn of_hostname(
    item: &Item<HostnameOverride>,
    faults: &mut Faults,
    place: &str,
) -> Option<(Hostname, Override)> {
    let item = faults.check(|| place.to_owned(), item.read())?;
    let HostnameOverride { hostname, state, reason, by, until } = item;
    let hostname = faults.check(|| format!("{place}.hostname"), endpoint::hostname(hostname))?;
    let fields =
        OverrideFields { state: *state, reason: reason.clone(), by: by.clone(), until: until.clone() };
    Some((hostname, of_cluster(&fields, faults, place)))
}

/// One whose end cannot be read holds until somebody lifts it: what was held back on purpose does not return by a typo.
fn end(until: Option<&str>, faults: &mut Faults, place: &str) -> Option<u64> {
    until.and_then(|text| faults.check(|| format!("{place}.until"), unix_seconds(text)))
}

/// What a cluster says of its own overrides, as its heartbeats carry it (R24).
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct OwnOverrides {
    /// Of the whole cluster.
    #[serde(rename = "override", skip_serializing_if = "Option::is_none")]
    pub held_back: Option<OverrideFields>,
    /// Of single hostnames at it.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub hostname_overrides: Vec<HostnameOverride>,
}

impl OwnOverrides {
    /// Those that stand in a cluster's own object. What cannot be read is left out: the object's reader names it.
    pub fn of(object: &Cluster) -> Self {
        Self {
            held_back: object.spec.held_back.as_ref().and_then(|item| item.read().ok()).cloned(),
            hostname_overrides: object
                .spec
                .hostname_overrides
                .iter()
                .filter_map(|item| item.read().ok())
                .cloned()
                .collect(),
        }
    }

    /// From the text of a heartbeat; one that cannot be read says nothing.
    pub fn read(text: &str) -> Self {
        serde_json::from_str(text).unwrap_or_default()
    }

    /// As the text of a heartbeat; empty for none.
    pub fn write(&self) -> String {
        if *self == Self::default() {
            return String::new();
        }
        serde_json::to_string(self).expect("overrides are texts and words")
    }
}

/// A time of RFC 3339 in Unix seconds.
pub fn unix_seconds(text: &str) -> Result<u64, String> {
    let time = OffsetDateTime::parse(text, &Rfc3339).ok();
    time.and_then(|time| u64::try_from(time.unix_timestamp()).ok())
        .ok_or_else(|| format!("{text:?} is no time since 1970 as RFC 3339 has it (2026-07-01T18:00:00Z)"))
}

/// Unix seconds as RFC 3339 has them.
pub fn rfc3339(unix_seconds: u64) -> Option<String> {
    let time = OffsetDateTime::from_unix_timestamp(i64::try_from(unix_seconds).ok()?).ok()?;
    time.format(&Rfc3339).ok()
}
