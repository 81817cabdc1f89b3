//! R20a: when a cluster is gone.

use std::collections::BTreeSet;
use std::time::Duration;

use mci_core::{ClusterId, ClusterState, REMOVAL_GRACE, Roster};

use crate::world::cluster;

fn peers(of: &[&str]) -> BTreeSet<ClusterId> {
    of.iter().map(|id| cluster(id)).collect()
}

fn at(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

fn roster(of: &[&str]) -> Roster {
    let mut roster = Roster::default();
    roster.configure(&peers(of), at(0)).unwrap();
    roster
}

#[test]
fn r20a_a_goodbye_makes_a_cluster_gone_and_the_highest_term_decides() {
    let mut roster = roster(&["east", "west"]);
    let west = cluster("west");
    roster.hear(&west, 5, true);
    assert_eq!(roster.state(&west, ClusterState::Alive, at(1)), ClusterState::Gone);
    roster.hear(&west, 4, false);
    assert_eq!(roster.state(&west, ClusterState::Alive, at(1)), ClusterState::Gone, "an older word, late");
    roster.hear(&west, 6, false);
    assert_eq!(roster.state(&west, ClusterState::Alive, at(1)), ClusterState::Alive, "it joined again");
    assert_eq!(roster.state(&cluster("east"), ClusterState::Stale, at(1)), ClusterState::Stale);
}

#[test]
fn r20a_a_removed_entry_is_stale_at_once_and_gone_after_ten_minutes() {
    let mut roster = roster(&["east", "west"]);
    let west = cluster("west");
    roster.configure(&peers(&["east"]), at(100)).unwrap();
    assert_eq!(roster.state(&west, ClusterState::Alive, at(100)), ClusterState::Stale);
    assert_eq!(roster.take_gone(at(699)), []);
    assert_eq!(roster.state(&west, ClusterState::Alive, at(100) + REMOVAL_GRACE), ClusterState::Gone);
    assert_eq!(roster.take_gone(at(700)), [west]);
}

#[test]
fn r20a_an_entry_that_returns_in_time_never_left() {
    let mut roster = roster(&["east", "west"]);
    roster.configure(&peers(&["east"]), at(100)).unwrap();
    roster.configure(&peers(&["east", "west"]), at(650)).unwrap();
    assert_eq!(roster.state(&cluster("west"), ClusterState::Alive, at(10_000)), ClusterState::Alive);
}

#[test]
fn r20a_all_peers_at_once_want_an_explicit_word() {
    let mut roster = roster(&["east", "west"]);
    assert_eq!(roster.configure(&peers(&[]), at(1)).unwrap_err().count, 2);
    assert_eq!(
        roster.state(&cluster("west"), ClusterState::Alive, at(2)),
        ClusterState::Alive,
        "nothing was changed"
    );
    roster.forget(&cluster("west"), at(3));
    roster.forget(&cluster("east"), at(3));
    assert_eq!(roster.state(&cluster("west"), ClusterState::Alive, at(3)), ClusterState::Stale);
}
