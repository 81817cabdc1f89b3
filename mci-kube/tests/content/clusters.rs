//! Cluster.

use std::collections::BTreeMap;

use mci_core::{ClusterState, Override, OverrideState, Overrides};
use mci_kube::content::cluster::{self, ClusterView};
use mci_kube::resources::Cluster;
use serde_json::{Value, json};

use crate::world::hostname;

const NOON: u64 = 1_782_907_200;

fn read(spec: &Value, status: &Value) -> (ClusterView, Vec<String>) {
    let object: Cluster = serde_json::from_value(json!({
        "metadata": {"name": "west", "namespace": "mci"}, "spec": spec, "status": status,
    }))
    .unwrap();
    let read = cluster::read(&object).unwrap();
    (read.content, read.faults.iter().map(ToString::to_string).collect())
}

#[test]
fn a_cluster_of_which_nothing_is_said_is_alive() {
    let expected = ClusterView {
        id: "west".parse().unwrap(),
        state: ClusterState::Alive,
        overrides: Overrides::default(),
        hostname_overrides: BTreeMap::new(),
        left: false,
        withdrawal_confirmed_at: None,
        since: None,
        reason: None,
    };
    assert_eq!(read(&Value::Null, &Value::Null), (expected, vec![]));
}

#[test]
fn r24_of_several_overrides_the_stronger_holds_until_it_ends_and_then_the_other() {
    let (view, faults) = read(
        &json!({"override": {"state": "drained", "reason": "upgrade", "by": "ann"}}),
        &json!({"state": "stale", "ownOverride": {"state": "down", "until": "2026-07-01T14:00:00+02:00"}}),
    );
    assert_eq!((view.state, faults), (ClusterState::Stale, vec![]));
    let drained = Override {
        reason: Some("upgrade".into()),
        by: Some("ann".into()),
        ..Override::from(OverrideState::Drained)
    };
    let down = Override { until: Some(NOON), ..Override::from(OverrideState::Down) };
    assert_eq!(view.overrides.at(NOON - 1), Some(&down));
    assert_eq!(view.overrides.next_end(NOON - 1), Some(NOON));
    assert_eq!(view.overrides.at(NOON), Some(&drained));
    assert_eq!(view.overrides.next_end(NOON), None);
}

#[test]
fn r24_single_hostnames_are_held_back_from_either_side() {
    let (view, _) = read(
        &json!({"hostnameOverrides": [{"hostname": "App.example.", "state": "drained"}]}),
        &json!({"ownHostnameOverrides": [{"hostname": "app.example", "state": "down"}]}),
    );
    let states: Vec<_> = view
        .hostname_overrides
        .iter()
        .map(|(name, all)| (name.clone(), all.at(NOON).map(|one| one.state), all.iter().count()))
        .collect();
    assert_eq!(states, [(hostname("app.example"), Some(OverrideState::Down), 2)]);
}

#[test]
fn an_override_whose_end_cannot_be_read_holds_on_and_one_without_a_state_is_none() {
    let (view, faults) = read(
        &json!({
            "override": {"state": "drained", "until": "tomorrow"},
            "hostnameOverrides": [{"hostname": "app.example", "state": "drian"}, {"hostname": "a..b", "state": "down"}],
            "withdrawalConfirmedAt": "now",
        }),
        &json!({"ownOverride": "down"}),
    );
    assert_eq!(view.overrides.at(u64::MAX - 1), Some(&Override::from(OverrideState::Drained)));
    assert_eq!(view.hostname_overrides, BTreeMap::new());
    assert_eq!(
        faults,
        [
            "Cluster mci/west: spec.override.until: \"tomorrow\" is no time since 1970 as RFC 3339 has it \
             (2026-07-01T18:00:00Z)",
            "Cluster mci/west: status.ownOverride: invalid type: string \"down\", expected struct OverrideFields",
            "Cluster mci/west: spec.hostnameOverrides[0]: unknown variant `drian`, expected `drained` or `down`",
            "Cluster mci/west: spec.hostnameOverrides[1].hostname: \"a..b\" has an empty label: two dots in a row, or a \
             dot at the beginning",
            "Cluster mci/west: spec.withdrawalConfirmedAt: \"now\" is no time since 1970 as RFC 3339 has it \
             (2026-07-01T18:00:00Z)",
        ]
    );
}

#[test]
fn times_come_back_as_they_were() {
    assert_eq!(cluster::rfc3339(NOON).as_deref(), Some("2026-07-01T12:00:00Z"));
    assert_eq!(cluster::unix_seconds("2026-07-01T12:00:00Z"), Ok(NOON));
    assert_eq!(cluster::rfc3339(u64::MAX), None);
}
