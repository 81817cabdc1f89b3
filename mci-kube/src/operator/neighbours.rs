//! What other clusters say of the hostnames that this one publishes: whether it fits together (R5, R9, R10), and whether a
//! hostname was theirs first (R27).

use std::collections::BTreeMap;

use mci_core::publish::{Condition, ConditionType, Reason};
use mci_core::{Builder, ClusterId, ClusterState, Hostname, Publications, Settings, Zones};

/// What clusters differ in at one hostname, as conditions that hold.
pub(super) fn differences(
    hostname: &Hostname,
    publications: &Publications,
    states: &BTreeMap<ClusterId, ClusterState>,
    own: &ClusterId,
) -> Vec<Condition> {
    let others = others(hostname, publications, own);
    if others.is_empty() {
        return Vec::new();
    }
    let Some(state) = publications.state(hostname) else { return Vec::new() };
    let mut builder = Builder::new(Settings::default(), Zones::default());
    for (cluster, state) in states {
        builder.cluster(cluster, *state, None);
    }
    // What cannot be held is said where it is taken in.
    if builder.insert(&state).is_err() {
        return Vec::new();
    }
    let warnings = builder.build().explain_name(hostname).warnings;
    let mut conditions: Vec<Condition> = Vec::new();
    for warning in warnings {
        let (kind, reason) = match warning.condition {
            "PolicyMismatch" => (ConditionType::PolicyMismatch, Reason::PolicyMismatch),
            "MixedTargets" => (ConditionType::MixedTargets, Reason::MixedTargets),
            "FamilyMismatch" => (ConditionType::FamilyMismatch, Reason::FamilyMismatch),
            // Of one cluster alone: its own publisher says them.
            _ => continue,
        };
        let message = warning.message;
        match conditions.iter_mut().find(|other| other.kind == kind) {
            Some(other) => {
                other.message.push_str("; ");
                other.message.push_str(&message);
            }
            None => conditions.push(Condition { kind, holds: true, reason, message }),
        }
    }
    let others: Vec<&str> = others.iter().map(ClusterId::as_str).collect();
    for condition in &mut conditions {
        condition.message = format!("{hostname}, also of {}: {}", others.join(", "), condition.message);
    }
    conditions
}

/// The other clusters that publish a hostname, in order.
pub(super) fn others(hostname: &Hostname, publications: &Publications, own: &ClusterId) -> Vec<ClusterId> {
    let state = publications.state(hostname);
    let endpoints = state.iter().flat_map(mci_core::HostnameState::endpoints);
    endpoints.map(mci_core::Endpoint::cluster).filter(|cluster| *cluster != own).cloned().collect()
}

#[cfg(test)]
mod tests {
    use mci_core::{Endpoint, Policy, Shard, Ttl};

    use super::*;

    fn with(endpoints: Vec<Endpoint>) -> Publications {
        let app: Hostname = "app.example".parse().unwrap();
        let mut publications = Publications::new();
        for endpoint in endpoints {
            let cluster = endpoint.cluster().clone();
            publications.put(&cluster, Shard::of(&app), [(app.clone(), endpoint)]);
        }
        publications
    }

    fn of(cluster: &str, address: &str) -> Endpoint {
        Endpoint::new(cluster.parse().unwrap(), [address.parse().unwrap()])
    }

    fn differ(publications: &Publications, states: &[(&str, ClusterState)]) -> Vec<(ConditionType, String)> {
        let states = states.iter().map(|(cluster, state)| (cluster.parse().unwrap(), *state)).collect();
        let own = "west".parse().unwrap();
        let found = differences(&"app.example".parse().unwrap(), publications, &states, &own);
        found.into_iter().map(|condition| (condition.kind, condition.message)).collect()
    }

    #[test]
    fn clusters_that_agree_differ_in_nothing() {
        let publications = with(vec![of("west", "192.0.2.1"), of("east", "192.0.2.2")]);
        assert_eq!(differ(&publications, &[]), []);
    }

    #[test]
    fn r10_another_policy_names_the_other() {
        let ttl = |seconds| Policy { ttl: Some(Ttl::new(seconds).unwrap()), ..Policy::default() };
        let publications =
            with(vec![of("west", "192.0.2.1").policy(ttl(5)), of("east", "192.0.2.2").policy(ttl(30))]);
        let message = "app.example, also of east: clusters publish different values of ttl (R10)".to_owned();
        assert_eq!(differ(&publications, &[]), [(ConditionType::PolicyMismatch, message)]);
        assert_eq!(differ(&publications, &[("east", ClusterState::Gone)]), []);
    }

    #[test]
    fn r05_different_families_are_said_once() {
        let publications = with(vec![of("west", "192.0.2.1"), of("east", "2001:db8::1")]);
        let found = differ(&publications, &[]);
        assert_eq!(found.len(), 1);
        assert_eq!(found[0].0, ConditionType::FamilyMismatch);
    }
}
