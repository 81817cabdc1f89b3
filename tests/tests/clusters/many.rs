//! Many hostnames come at once, and those that somebody waits for are not held up by them.

use std::time::{Duration, Instant};

use mci_tests::checker::Checker;
use mci_tests::proxy::Proxy;
use mci_tests::wait;
use mci_tests::world::{CALM, World, ask, gslb, total};
use serde_json::Value;

use crate::{all_of, expose, here, nothing, patient};

const TEAM: &str = "team";
const NAME: &str = "app.gslb.example.com";
const WEST: &str = "192.0.2.1";
const EAST: &str = "198.51.100.1";

/// So many that it takes a while, and a test's machine does it: a benchmark has 50,000.
const COUNT: usize = 10_000;

/// As many as one object may have.
const EACH: usize = 125;

/// How long that takes on a machine that does much else.
const LONG: Duration = Duration::from_mins(3);

fn hostname(number: usize) -> String {
    format!("app-{number}.many.gslb.example.com")
}

/// How many hostnames a cluster's DNS knows.
fn known(world: &World) -> u64 {
    let metrics = world.dns_servers[0].metrics();
    let of = |condition| total(&metrics, "mci_hostnames", &[("condition", condition)]);
    of("answered") + of("unanswerable")
}

#[test]
fn an_application_fails_over_while_thousands_of_hostnames_come_for_the_first_time() {
    if !here() {
        return;
    }
    let fleet = patient(2).start();
    for world in &fleet.worlds {
        expose(world, TEAM, NAME, &nothing());
    }
    fleet.draws(NAME, "A", &[WEST, EAST]);
    fleet.links_between("west", "east").into_iter().for_each(Proxy::cut);
    let (west, east) = (fleet.world("west"), fleet.world("east"));
    expose(west, "many", "many.gslb.example.com", &nothing());
    let objects: Vec<Value> = (0..COUNT / EACH)
        .map(|object| {
            let hostnames: Vec<String> = (object * EACH..(object + 1) * EACH).map(hostname).collect();
            let hostnames: Vec<&str> = hostnames.iter().map(String::as_str).collect();
            gslb("many", &format!("many-{object}"), ("Ingress", "app"), &hostnames)
        })
        .collect();
    west.api().apply_all(&objects).unwrap();
    let count = COUNT as u64 + 2;
    assert!(
        wait::within(LONG, || (known(west) == count).then_some(())).is_some(),
        "west knows {}",
        known(west)
    );
    assert_eq!(known(east), 1);

    fleet.links_between("west", "east").into_iter().for_each(Proxy::pass);
    fleet.wait_until_all_alive();
    fleet.draws(NAME, "A", &[WEST, EAST]);
    let load = fleet.load(NAME);
    let mut table = Checker::new(CALM).phase("both", load.began(), all_of([WEST, EAST]));
    let came = known(east);
    let mut turns = 0;
    while known(east) < count && turns < 20 {
        for (replicas, right) in [(0, [EAST].as_slice()), (1, &[WEST, EAST])] {
            let changed = Instant::now();
            west.cluster().scale(TEAM, "app", replicas);
            fleet.draws(NAME, "A", right);
            table = table.phase("west's changed", changed, all_of(right.iter().copied()));
        }
        turns += 1;
    }
    eprintln!(
        "{came} hostnames had come before the first turn of {turns}, and {} after the last",
        known(east)
    );
    assert!(turns > 0, "all of them had come before anything failed");
    assert!(
        wait::within(LONG, || (known(east) == count).then_some(())).is_some(),
        "east knows {}",
        known(east)
    );
    load.none_failed_none_wrong(&table);
    for number in (0..COUNT).step_by(COUNT / 50) {
        assert_eq!(ask(east.coredns.dns(), &hostname(number), "A"), WEST, "{}", hostname(number));
    }
    fleet.wait_until_equal();
}
