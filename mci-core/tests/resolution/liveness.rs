//! R20, R22: who is alive, judged by ages that grow only while a cluster could have been heard.

use std::time::Duration;

use mci_core::{ClusterId, ClusterState, Liveness, LivenessLimits};
use proptest::prelude::*;

use crate::world::cluster;

/// An observer in `east`, with a front end `front` and the peer `west`, whose clocks are stepped by a check.
struct Observer {
    liveness: Liveness,
    now: Duration,
    receives: bool,
    contact: bool,
    counter: u64,
}

impl Observer {
    /// Everybody has just been heard.
    fn new() -> Self {
        let mut liveness = Liveness::new(cluster("east"), LivenessLimits::default());
        for id in ["east", "west"] {
            liveness.watch(&cluster(id), None);
            liveness.heard(&cluster(id), 1);
        }
        let mut observer =
            Self { liveness, now: Duration::from_secs(1_000), receives: true, contact: true, counter: 1 };
        observer.pass(2, &["east", "west"]);
        observer
    }

    /// Time passes, in checks of a second, in which these clusters beat; returns who became stale.
    fn pass(&mut self, seconds: u64, beating: &[&str]) -> Vec<ClusterId> {
        let mut stale = Vec::new();
        for _ in 0..seconds {
            self.now += Duration::from_secs(1);
            self.counter += 1;
            if self.contact {
                for id in beating {
                    self.liveness.heard(&cluster(id), self.counter);
                }
                if self.receives {
                    self.liveness.received("front", self.counter, self.now);
                }
            }
            stale.extend(self.liveness.tick(self.now, self.contact));
        }
        stale
    }

    fn state(&self, id: &str) -> ClusterState {
        self.liveness.state(&cluster(id)).unwrap()
    }
}

#[test]
fn r20_a_cluster_that_is_not_heard_for_the_timeout_is_stale() {
    let mut observer = Observer::new();
    assert_eq!(observer.pass(89, &["east"]), []);
    assert_eq!(observer.state("west"), ClusterState::Alive);
    assert_eq!(observer.pass(1, &["east"]), [cluster("west")]);
    assert_eq!(observer.pass(100, &["east"]), [], "it is said once");
}

#[test]
fn r20_the_own_cluster_is_judged_like_any_other_and_needs_no_front_end() {
    let mut observer = Observer::new();
    observer.receives = false;
    assert_eq!(observer.pass(90, &[]), [cluster("east")]);
}

#[test]
fn r20_a_deaf_cluster_judges_nobody() {
    let mut observer = Observer::new();
    observer.receives = false;
    assert_eq!(observer.pass(300, &["east"]), []);
    assert!(observer.liveness.is_frozen());
    observer.receives = true;
    // The counter of the front end moves again: from here a full timeout.
    assert_eq!(observer.pass(90, &["east"]), []);
    assert_eq!(observer.pass(1, &["east"]), [cluster("west")]);
    assert!(!observer.liveness.is_frozen());
}

#[test]
fn r20_what_was_received_counts_for_two_intervals() {
    let mut observer = Observer::new();
    observer.receives = false;
    observer.pass(19, &["east"]);
    assert!(!observer.liveness.is_frozen());
    observer.pass(1, &["east"]);
    assert!(observer.liveness.is_frozen());
}

#[test]
fn r20_the_first_sight_of_a_front_ends_counter_proves_nothing() {
    let mut liveness = Liveness::new(cluster("east"), LivenessLimits::default());
    let at = Duration::from_secs;
    liveness.received("front", 7, at(1));
    liveness.tick(at(1), true);
    assert!(liveness.is_frozen());
    liveness.received("front", 8, at(2));
    liveness.tick(at(2), true);
    assert!(!liveness.is_frozen());
    liveness.receiver_gone("front");
    liveness.tick(at(3), true);
    assert!(liveness.is_frozen());
}

#[test]
fn r20_an_outage_of_the_api_server_makes_nobody_stale_and_everyone_gets_a_full_timeout_afterwards() {
    let mut observer = Observer::new();
    observer.pass(80, &["east"]);
    observer.contact = false;
    assert_eq!(observer.pass(600, &[]), []);
    observer.contact = true;
    assert_eq!(observer.pass(90, &["east"]), [], "not the ten seconds that were left");
    assert_eq!(observer.pass(1, &["east"]), [cluster("west")]);
}

#[test]
fn r20_a_process_that_slept_gives_everyone_a_full_timeout() {
    let mut observer = Observer::new();
    observer.pass(80, &["east"]);
    observer.now += Duration::from_hours(1);
    assert_eq!(observer.pass(90, &["east"]), []);
    assert_eq!(observer.pass(1, &["east"]), [cluster("west")]);
}

#[test]
fn r20_a_busy_moment_counts_as_two_checks() {
    let mut observer = Observer::new();
    observer.now += Duration::from_secs(9);
    // The step of ten seconds counts as two, so 88 are left.
    assert_eq!(observer.pass(88, &["east"]), []);
    assert_eq!(observer.pass(1, &["east"]), [cluster("west")]);
}

#[test]
fn r20_when_an_observer_starts_the_living_get_a_full_timeout_and_the_stale_stay_stale() {
    let mut liveness = Liveness::new(cluster("east"), LivenessLimits::default());
    liveness.watch(&cluster("west"), Some(ClusterState::Stale));
    liveness.watch(&cluster("north"), Some(ClusterState::Alive));
    assert!(!liveness.heard(&cluster("west"), 41), "the first sight of a counter is no evidence");
    assert_eq!(liveness.state(&cluster("west")), Some(ClusterState::Stale));
    assert_eq!(liveness.state(&cluster("north")), Some(ClusterState::Alive));
    assert!(liveness.heard(&cluster("west"), 42));
    assert_eq!(liveness.state(&cluster("west")), Some(ClusterState::Alive));
}

#[test]
fn r20_a_standby_follows_what_the_leader_judged() {
    let mut observer = Observer::new();
    let west = cluster("west");
    observer.liveness.adopt(&west, ClusterState::Stale);
    assert_eq!(observer.state("west"), ClusterState::Stale);
    observer.pass(80, &["east"]);
    observer.liveness.adopt(&west, ClusterState::Alive);
    assert_eq!(observer.pass(89, &["east"]), [], "a full timeout");
    assert_eq!(observer.liveness.greatest_age(), Duration::from_secs(89));
    assert_eq!(observer.pass(1, &["east"]), [west]);
}

#[test]
fn r22_a_cluster_whose_heartbeat_returns_is_alive_at_once() {
    let mut observer = Observer::new();
    observer.pass(90, &["east"]);
    assert_eq!(observer.state("west"), ClusterState::Stale);
    assert!(observer.liveness.heard(&cluster("west"), 999));
    assert_eq!(observer.state("west"), ClusterState::Alive);
    assert!(!observer.liveness.heard(&cluster("west"), 999), "the same counter says nothing new");
}

#[test]
fn r21_whichever_replica_beats_the_counter_moves() {
    // Replicas write one counter by turns; its value means nothing, only that it differs.
    let mut observer = Observer::new();
    for counter in [500, 3, 500, 4] {
        observer.pass(60, &["east"]);
        observer.liveness.heard(&cluster("west"), counter);
    }
    assert_eq!(observer.state("west"), ClusterState::Alive);
}

proptest! {
    /// However contact and front ends come and go: nobody is judged stale before a whole timeout of undisturbed
    /// hearing has passed without a beat.
    #[test]
    fn r20_nobody_is_stale_before_a_whole_timeout_of_hearing(
        steps in prop::collection::vec((any::<bool>(), any::<bool>(), 0_u64..8, 1_u64..40), 1..80),
    ) {
        let mut observer = Observer::new();
        let mut silent_and_hearing = 0;
        for (contact, receives, sleep, seconds) in steps {
            (observer.contact, observer.receives) = (contact, receives);
            if sleep == 7 {
                observer.now += Duration::from_secs(500);
                silent_and_hearing = 0;
            }
            for _ in 0..seconds {
                let stale = observer.pass(1, &["east"]);
                silent_and_hearing = if observer.liveness.is_frozen() { 0 } else { silent_and_hearing + 1 };
                if stale.contains(&cluster("west")) {
                    prop_assert!(silent_and_hearing >= 90, "{silent_and_hearing}");
                    return Ok(());
                }
            }
        }
    }
}
