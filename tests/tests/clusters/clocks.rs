//! R20: clocks that differ, and that jump.

use std::fs;
use std::path::Path;

use k8s_openapi::jiff::Timestamp;
use mci_tests::checker::Checker;
use mci_tests::cluster::Mode;
use mci_tests::require::{self, Component};
use mci_tests::wait;
use mci_tests::world::{CALM, NAMESPACE, World, lasts};
use tempfile::TempDir;

use crate::{TIMEOUT, all_of, expose, here, nothing, patient};

const NAME: &str = "app.gslb.example.com";
const WEST: &str = "192.0.2.1";
const EAST: &str = "198.51.100.1";
const HOUR: i64 = 3_600;

#[test]
fn r20_an_hour_of_skew_and_jumps_in_the_middle_change_nothing() {
    if !here() || !require::present(&[Component::Faketime]) {
        return;
    }
    let folder = TempDir::with_prefix("mci-test-").unwrap();
    let clock = folder.path().join("clock");
    set(&clock, "+1h");
    // Those who write heartbeats; who judges them has the right time.
    let fleet = patient(2)
        .worlds(|world| world.clock_file(Mode::Operator, &clock).clock_file(Mode::FrontEnd, &clock))
        .start();
    for world in &fleet.worlds {
        expose(world, "team", NAME, &nothing());
    }
    fleet.draws(NAME, "A", &[WEST, EAST]);
    let west = fleet.world("west");
    wait::until_true("heartbeats are written an hour ahead", || ahead(west, "east") > HOUR - 60);

    let load = fleet.load(NAME);
    let mut table = Checker::new(CALM).phase("both", load.began(), all_of([WEST, EAST]));
    for (offset, jumped) in [("-1h", -HOUR + 60), ("+1h", HOUR - 60)] {
        set(&clock, offset);
        let there = |ahead: i64| if jumped < 0 { ahead < jumped } else { ahead > jumped };
        wait::until_true("the clocks have jumped", || there(ahead(west, "east")));
        lasts(TIMEOUT + CALM);
        for world in &fleet.worlds {
            for of in ["west", "east"] {
                assert_eq!(world.state_of(of).as_deref(), Some("alive"), "{of} at {}", world.identifier());
            }
        }
    }
    // What changes still arrives.
    let changed = std::time::Instant::now();
    west.cluster().scale("team", "app", 0);
    fleet.draws(NAME, "A", &[EAST]);
    table = table.phase("west's is gone", changed, all_of([EAST]));
    load.none_failed_none_wrong(&table);
}

fn set(clock: &Path, offset: &str) {
    let new = clock.with_extension("new");
    fs::write(&new, format!("{offset}\n")).unwrap();
    fs::rename(new, clock).unwrap();
}

/// By how many seconds the last heartbeat of a cluster was written ahead of time.
fn ahead(world: &World, of: &str) -> i64 {
    let lease = world.api().get("leases.coordination.k8s.io", NAMESPACE, &format!("mci-heartbeat-{of}"));
    let renewed = lease.ok().and_then(|lease| lease["spec"]["renewTime"].as_str()?.parse::<Timestamp>().ok());
    renewed.map_or(0, |renewed| renewed.as_second() - Timestamp::now().as_second())
}
