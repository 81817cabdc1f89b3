//! Two of everything under load: leaders that die, sleep and are replaced (R28).

use std::time::{Duration, Instant};

use mci_tests::checker::Checker;
use mci_tests::cluster::Mode;
use mci_tests::load::Answer;
use mci_tests::wait;
use mci_tests::world::{CALM, GSLBS, LEADERLESS, World, lasts, total};

use crate::here;

const TEAM: &str = "team";
const NAME: &str = "app.gslb.example.com";
const OTHER: &str = "other.gslb.example.com";

/// The lease and some: a leader that has slept so long has lost it.
const PAST_THE_LEASE: Duration = Duration::from_secs(8);

/// What the rules give for a withdrawal to settle, here and there (R26).
const SETTLED: Duration = Duration::from_secs(4);

fn ready() -> Answer {
    Answer::addresses(["192.0.2.1"])
}

fn world() -> World {
    published(World::options().replicas_of_all(2).start())
}

fn published(world: World) -> World {
    world.publish(TEAM, "app", NAME, "192.0.2.1");
    world.publish(TEAM, "other", OTHER, "192.0.2.2");
    world.answers(NAME, "A", "192.0.2.1");
    world.answers(OTHER, "A", "192.0.2.2");
    world
}

/// Scales to 0 or to 1 and waits for the answer: the table with that phase.
fn turn(world: &World, table: Checker, on: bool) -> Checker {
    let changed = Instant::now();
    world.cluster().scale(TEAM, "app", u32::from(on));
    world.answers(NAME, "A", if on { "192.0.2.1" } else { "NODATA" });
    if on {
        table.phase("ready", changed, [ready()])
    } else {
        table.phase("unready", changed, [Answer::NoData])
    }
}

#[test]
fn r28_leaders_are_killed_while_readiness_changes() {
    if !here() {
        return;
    }
    let mut world = world();
    let load = world.load(NAME);
    let mut table = Checker::new(CALM).phase("ready", load.began(), [ready()]);
    for mode in [Mode::Operator, Mode::Orchestrator] {
        let leader = world.leader(mode);
        let killed = Instant::now();
        world.replicas_mut(mode)[leader].process.kill();
        table = table.delay(killed, LEADERLESS);
        table = turn(&world, table, false);
        table = table.delay(Instant::now(), CALM);
        table = turn(&world, table, true);
        world.revive(mode, leader);
    }
    load.none_failed_none_wrong(&table);
}

#[test]
fn dns_servers_are_killed_one_after_the_other() {
    if !here() {
        return;
    }
    let mut world = world();
    let load = world.load_past_servfail(NAME);
    let mut table = Checker::new(CALM).phase("ready", load.began(), [ready()]);
    for index in 0..2 {
        world.dns_servers[index].process.kill();
        lasts(Duration::from_secs(1));
        world.revive(Mode::DnsServer, index);
        world.wait_until_asked(index);
        table = turn(&world, table, false);
        table = turn(&world, table, true);
    }
    load.none_failed_none_wrong(&table);
}

#[test]
fn r28_a_leader_that_slept_past_its_lease_does_not_bring_back_what_was_deleted_meanwhile() {
    if !here() {
        return;
    }
    let world = world();
    for mode in [Mode::Operator, Mode::Orchestrator] {
        let (load, deleted) = (world.load(NAME), world.load(OTHER));
        let table = Checker::new(CALM).phase("ready", load.began(), [ready()]);
        let other = Checker::new(CALM).phase("there", deleted.began(), [Answer::addresses(["192.0.2.2"])]);
        let leader = world.leader(mode);
        let sleeper = &world.replicas(mode)[leader];
        sleeper.process.freeze();
        let frozen = Instant::now();
        world.delete(GSLBS, TEAM, "other");
        let table = turn(&world, table.delay(frozen, LEADERLESS), false);
        world.answers(OTHER, "A", "NXDOMAIN");
        let gone = Instant::now();
        // In all cases past the lease, however quickly the other one took over.
        lasts(PAST_THE_LEASE.saturating_sub(frozen.elapsed()));
        sleeper.process.thaw();
        // It hears of the change that it missed, and of one more: what it writes in error, it has written by then.
        wait::until_true("it answers again", || sleeper.is_ready());
        let table = turn(&world, table.delay(Instant::now(), CALM), true);
        lasts(Duration::from_secs(3));
        assert_ne!(world.leader(mode), leader, "the sleeper leads again");
        let other = other.delay(frozen, LEADERLESS + SETTLED).phase("deleted", frozen, [Answer::NxDomain]);
        // Once it is gone it does not come back, not for one answer.
        deleted.none_failed_none_wrong(&other.delay(gone, CALM).phase("gone", gone, [Answer::NxDomain]));
        load.none_failed_none_wrong(&table);

        world.publish(TEAM, "other", OTHER, "192.0.2.2");
        world.answers(OTHER, "A", "192.0.2.2");
    }
}

#[test]
fn r28_a_write_that_a_leader_decided_on_and_that_arrives_when_it_leads_no_more_changes_nothing() {
    if !here() {
        return;
    }
    let world = published(World::options().replicas_of_all(2).behind_proxies().start());
    for mode in [Mode::Operator, Mode::Orchestrator] {
        let (load, deleted) = (world.load(NAME), world.load(OTHER));
        let table = Checker::new(CALM).phase("ready", load.began(), [ready()]);
        let other = Checker::new(CALM).phase("there", deleted.began(), [Answer::addresses(["192.0.2.2"])]);
        let leader = world.leader(mode);
        let kind = if mode == Mode::Operator { "ClusterCache" } else { "HostnameCache" };
        // Writes that nobody knows the end of, or that were refused.
        let late = || {
            let metrics = world.replicas(mode)[leader].metrics();
            let of = |outcome| total(&metrics, "mci_writes_total", &[("kind", kind), ("outcome", outcome)]);
            of("unknown") + of("conflict")
        };
        let before = late();
        // It hears of the change and decides; what it writes is on its way for longer than its lease.
        let proxy = world.proxy(mode, leader);
        let held = Instant::now();
        proxy.hold_requests();
        world.cluster().scale(TEAM, "other", 0);
        world.cluster().wait_for_ready(TEAM, "other", 0);
        lasts(Duration::from_secs(1));
        world.delete(GSLBS, TEAM, "other");
        let table = turn(&world, table.delay(held, LEADERLESS), false);
        world.answers(OTHER, "A", "NXDOMAIN");
        let gone = Instant::now();
        lasts(PAST_THE_LEASE.saturating_sub(held.elapsed()));
        proxy.pass();
        wait::until_true("a write was under way", || late() > before);
        lasts(Duration::from_secs(1));
        let table = turn(&world, table.delay(Instant::now(), CALM), true);
        let either = [Answer::NoData, Answer::NxDomain];
        let other = other.delay(held, LEADERLESS + SETTLED).phase("unready, and deleted", held, either);
        deleted.none_failed_none_wrong(&other.delay(gone, CALM).phase("gone", gone, [Answer::NxDomain]));
        load.none_failed_none_wrong(&table);

        world.publish(TEAM, "other", OTHER, "192.0.2.2");
        world.answers(OTHER, "A", "192.0.2.2");
    }
}

#[test]
fn everything_is_replaced_one_by_one_and_no_query_notices() {
    if !here() {
        return;
    }
    let mut world = world();
    let load = world.load_past_servfail(NAME);
    let mut table = Checker::new(CALM).phase("ready", load.began(), [ready()]);
    for mode in [Mode::Operator, Mode::Orchestrator, Mode::DnsServer] {
        for index in 0..2 {
            world.replace(mode, index);
            if mode == Mode::DnsServer {
                world.wait_until_asked(index);
            }
            table = turn(&world, table, false);
            table = turn(&world, table, true);
        }
    }
    load.none_failed_none_wrong(&table);
}
