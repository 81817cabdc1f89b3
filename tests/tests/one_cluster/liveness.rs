//! R20, R21: which cluster is alive, from heartbeats alone.

use std::time::{Duration, Instant};

use mci_tests::checker::Checker;
use mci_tests::cluster::Mode;
use mci_tests::load::Answer;
use mci_tests::require::{self, Component};
use mci_tests::wait;
use mci_tests::world::{CALM, CLUSTER, NAMESPACE, Options, Peer, UNLIMITED, World, lasts};
use serde_json::Value;

use crate::here;

const TEAM: &str = "team";
const NAME: &str = "app.gslb.example.com";
const WEST: &str = "192.0.2.1";
const EAST: &str = "198.51.100.1";
const CLUSTERS: &str = "clusters.multicluster.veccsolutions.io";
const PEERS: &str = "[{identifier: east, url: 'http://127.0.0.1:9', insecure: true}]";

/// The timeout of heartbeats here.
const TIMEOUT: Duration = Duration::from_secs(6);

fn options() -> Options {
    World::options().variable("MCI_HEARTBEAT_SET", "1s").variable("MCI_HEARTBEAT_TIMEOUT", "6s")
}

fn published(world: World) -> World {
    world.publish(TEAM, "app", NAME, WEST);
    world.answers(NAME, "A", WEST);
    world
}

/// State, and since when.
fn state(world: &World) -> Option<[Value; 2]> {
    let cluster = world.api().get(CLUSTERS, NAMESPACE, CLUSTER).ok()?;
    let status = &cluster["status"];
    (!status["state"].is_null()).then(|| [status["state"].clone(), status["since"].clone()])
}

#[track_caller]
fn becomes(world: &World, expected: &str) {
    wait::until_true(&format!("{CLUSTER} is {expected}"), || {
        state(world).is_some_and(|[state, _]| state == expected)
    });
}

#[test]
fn r20_a_cluster_whose_operators_are_dead_is_stale_and_its_peer_answers_alone() {
    if !here() {
        return;
    }
    let mut world = published(options().replicas(Mode::Operator, 2).variable("MCI_PEERS", PEERS).start());
    let mut east = Peer::new("east");
    east.publish(&world, &[(NAME, EAST)]);
    east.beat(&world);
    world.draws(NAME, "A", &[WEST, EAST]);
    let load = world.load(NAME);
    let (west_alone, east_alone) = (Answer::addresses([WEST]), Answer::addresses([EAST]));
    let both = || [west_alone.clone(), east_alone.clone()];
    let table = Checker::new(CALM).phase("both", load.began(), both());

    let killed = Instant::now();
    for operator in &mut world.operators {
        operator.process.kill();
    }
    // The timeout and 1.5 s, and what a busy machine takes.
    let table = table.delay(killed, TIMEOUT + Duration::from_millis(1_500) + CALM);
    let table = table.phase("west is dead", killed, [east_alone.clone()]);
    world.draws(NAME, "A", &[EAST]);
    becomes(&world, "stale");

    let revived = Instant::now();
    for index in 0..2 {
        world.revive(Mode::Operator, index);
    }
    world.draws(NAME, "A", &[WEST, EAST]);
    becomes(&world, "alive");
    load.none_failed_none_wrong(&table.phase("both again", revived, both()));
}

#[test]
fn r11_a_lonely_cluster_goes_on_being_answered() {
    if !here() {
        return;
    }
    let mut world = published(options().start());
    becomes(&world, "alive");
    let load = world.load(NAME);
    let table = Checker::new(CALM).phase("all the time", load.began(), [Answer::addresses([WEST])]);
    world.operators[0].process.kill();
    becomes(&world, "stale");
    world.answers(NAME, "A", WEST);
    world.revive(Mode::Operator, 0);
    becomes(&world, "alive");
    load.none_failed_none_wrong(&table);
}

#[test]
fn r21_a_change_of_leader_is_no_death() {
    if !here() {
        return;
    }
    let mut world = published(options().replicas_of_all(2).start());
    becomes(&world, "alive");
    let before = state(&world);
    for mode in [Mode::Operator, Mode::Orchestrator] {
        let leader = world.leader(mode);
        world.replicas_mut(mode)[leader].process.kill();
        // Past the timeout, and past the lease.
        lasts(TIMEOUT + Duration::from_secs(3));
        assert_eq!(state(&world), before, "{} died", mode.name());
        world.leader(mode);
        world.revive(mode, leader);
    }
}

#[test]
fn r20_an_outage_of_the_api_server_longer_than_the_timeout_is_nobody_s_death() {
    if !here() {
        return;
    }
    let world = published(options().replicas(Mode::Orchestrator, 2).start());
    becomes(&world, "alive");
    let before = state(&world);
    let load = world.load(NAME);
    let right = [Answer::addresses([WEST])];
    let table = Checker::new(CALM).phase("all the time", load.began(), right).delay(load.began(), UNLIMITED);
    world.cluster().api_server().kill();
    lasts(TIMEOUT * 2);
    world.cluster().api_server().start_again();
    world.leader(Mode::Orchestrator);
    lasts(TIMEOUT);
    assert_eq!(state(&world), before);
    load.none_failed_none_wrong(&table);
}

#[test]
fn r28_nodes_whose_clocks_differ_by_hours_do_as_all_others() {
    if !here() || !require::present(&[Component::Faketime]) {
        return;
    }
    let world = options()
        .replicas_of_all(2)
        .clock(Mode::Operator, "+5h")
        .clock(Mode::Orchestrator, "-3d")
        .clock(Mode::DnsServer, "+400d");
    let mut world = published(world.start());
    // Beside them, replicas whose clocks are right.
    let right = |world: &World, mode| world.cluster().mci(mode, NAMESPACE, CLUSTER);
    let (operator, orchestrator) = (right(&world, Mode::Operator), right(&world, Mode::Orchestrator));
    let quick = |setup: mci_tests::cluster::Setup| {
        setup.variable("MCI_HEARTBEAT_SET", "1s").variable("MCI_HEARTBEAT_TIMEOUT", "6s").start()
    };
    world.operators.push(quick(operator));
    world.orchestrators.push(quick(orchestrator));
    becomes(&world, "alive");
    let before = state(&world);
    let load = world.load(NAME);
    let ready = || [Answer::addresses([WEST])];
    let mut table = Checker::new(CALM).phase("ready", load.began(), ready());
    for mode in [Mode::Operator, Mode::Orchestrator] {
        let leader = world.leader(mode);
        let killed = Instant::now();
        world.replicas_mut(mode)[leader].process.kill();
        table = table.delay(killed, mci_tests::world::LEADERLESS);
        world.cluster().scale(TEAM, "app", 0);
        world.answers(NAME, "A", "NODATA");
        table = table.phase("unready", killed, [Answer::NoData]).delay(Instant::now(), CALM);
        let changed = Instant::now();
        world.cluster().scale(TEAM, "app", 1);
        world.answers(NAME, "A", WEST);
        table = table.phase("ready again", changed, ready());
    }
    assert_eq!(state(&world), before);
    load.none_failed_none_wrong(&table);
}
