//! What other clusters see of a change, and of a cluster that joins or dies: S6, S7 and S10 between two clusters.
//!
//! ```text
//!   s6   a slice turns unready in west ──► east's answer is another one
//!   s7   east dies ──► west answers with itself alone; how many writes that took
//!   s10  a change in west ──► what east's API server is written, and what its programs use
//!   sync west has 50,000 hostnames ──► the link to east passes ──► east answers them
//! ```

use std::thread;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::asker::Asker;
use super::chain::Chain;
use super::crowd::{self, TEAM, headless, slice};
use super::s6::Way;
use super::usage::{self, Writes};
use super::{PATIENCE, Size, s10, say};
use crate::checker::Checker;
use crate::cluster::Mode;
use crate::fleet::Fleet;
use crate::load::{Answer, Load, Plan};
use crate::wait;
use crate::world::{World, ZONE, gslb, lasts};

/// The Service that changes.
const NAME: &str = "changing";
const ADDRESS: &str = "10.63.0.1";

/// The hostnames of one GSLB, where there are many.
const EACH: usize = 100;

/// S6, seen from another cluster.
pub(super) fn changes(size: Size) -> Value {
    let gslbs = size.of(1_000, 50);
    let count = size.of(200, 5);
    let fleet = Fleet::start(2);
    let (west, east) = (fleet.world("west"), fleet.world("east"));
    crowd::expose(west, 0..gslbs - 1, 1);
    let hostname = format!("{NAME}.{ZONE}");
    crowd::create(
        west.api(),
        [
            headless(NAME),
            slice(NAME, &[(ADDRESS, true)]),
            gslb(TEAM, NAME, ("Service", NAME), &[hostname.as_str()]),
        ],
    );
    crowd::wait_until_answered(east, gslbs);
    crowd::wait_until_quiet(west, size);
    crowd::wait_until_quiet(east, size);
    let mut chain = Chain::start(west.cluster());
    say(&format!("{count} changes among {gslbs} GSLBs, seen from another cluster"));
    let mut way = Way::new(Asker::new(east.dns_servers[0].dns(), &hostname));
    let mut bare = Vec::new();
    // The first round warms up.
    for round in 0..=count {
        way.turn(west);
        bare.push(chain.round().as_secs_f64());
        if round == 0 {
            way = Way::new(way.asker);
            bare.clear();
        }
    }
    json!({"gslbs": gslbs, "unready": way.unready, "ready": way.ready, "chain": bare})
}

/// S7: a cluster dies outright, again and again.
pub(super) fn death(size: Size) -> Value {
    let hostnames = size.of(10_000, 200);
    let rounds = size.of(5, 1);
    let asked = size.of(200, 10);
    let mut fleet = Fleet::start(2);
    for name in ["west", "east"] {
        crowd::expose_at(fleet.world(name), 0..hostnames / EACH, EACH, name);
    }
    for world in &fleet.worlds {
        crowd::wait_until_answered(world, hostnames);
        crowd::wait_until_quiet(world, size);
    }
    let (of_west, of_east) = (crowd::address_at("west", 0), crowd::address_at("east", 0));
    // All of one GSLB have one address.
    let name = crowd::hostname(0);
    fleet.world("west").draws(&name, "A", &[&of_west, &of_east]);
    let mut took = Vec::new();
    let mut writes = Vec::new();
    let mut failed = 0;
    let mut queries = 0;
    for round in 0..rounds {
        say(&format!("a cluster of {hostnames} hostnames dies, {} of {rounds}", round + 1));
        let west = fleet.world("west");
        let before = Writes::now(west);
        let began = Instant::now();
        let load =
            Plan { pause: Duration::from_millis(2), ..Plan::new(vec![west.coredns.dns()], &name) }.start();
        let dead = kill(fleet.world_mut("east"));
        let west = fleet.world("west");
        for number in 0..asked {
            took.push(gone(west, number * (hostnames / asked), dead));
        }
        writes.push(Writes::now(west).since(&before, 1.0));
        let (all, bad) = judge(load, began, dead, (&of_west, &of_east));
        queries += all;
        failed += bad;
        revive(fleet.world_mut("east"));
        fleet.wait_until_all_alive();
        fleet.world("west").draws(&name, "A", &[&of_west, &of_east]);
    }
    json!({"hostnames": hostnames, "seconds": took, "writes": writes, "queries": queries, "failed": failed})
}

/// Ends everything that a cluster consists of but its DNS; when that was done.
fn kill(world: &mut World) -> Instant {
    for mode in [Mode::Operator, Mode::FrontEnd, Mode::Orchestrator] {
        for replica in world.replicas_mut(mode) {
            replica.process.kill();
        }
    }
    world.cluster().api_server().kill();
    Instant::now()
}

fn revive(world: &mut World) {
    world.cluster().api_server().start_again();
    for mode in [Mode::Orchestrator, Mode::FrontEnd, Mode::Operator] {
        world.revive(mode, 0);
    }
}

/// How long after a moment a hostname was seen to be answered without the cluster that died, in seconds.
#[track_caller]
fn gone(world: &World, number: usize, dead: Instant) -> f64 {
    let (name, address) = (crowd::hostname(number), crowd::address_at("east", number / EACH));
    let server = world.dns_servers[0].dns();
    let last = loop {
        // It is drawn half the time while it is there: 20 answers without it say that it is not.
        let began = Instant::now();
        let answered = (0..20).any(|_| crate::world::ask(server, &name, "A").contains(&address));
        if !answered {
            break began;
        }
        assert!(dead.elapsed() < PATIENCE, "{name} is answered with {address} for ever");
        thread::sleep(Duration::from_millis(5));
    };
    last.saturating_duration_since(dead).as_secs_f64()
}

/// How many were asked, and how many of them failed or were wrong.
fn judge(load: Load, began: Instant, dead: Instant, (west, east): (&str, &str)) -> (usize, usize) {
    lasts(Duration::from_millis(200));
    let exchanges = load.stop();
    let answer = |text: &str| Answer::Addresses([text.parse().expect("an address")].into());
    let table = Checker::new(Duration::from_millis(4_500))
        .phase("both", began, [answer(west), answer(east)])
        .phase("one", dead, [answer(west)]);
    let verdict = table.judge(&exchanges);
    (exchanges.len(), verdict.failed.len() + verdict.wrong.len())
}

/// S10, in the other cluster.
pub(super) fn cost(size: Size) -> Value {
    let changes = size.of(50, 5);
    let hostnames = size.of(50_000, 1_000);
    let fleet = Fleet::start(2);
    let (west, east) = (fleet.world("west"), fleet.world("east"));
    west.cluster().namespace(TEAM);
    for number in 0..changes {
        s10::balanced(west, number);
    }
    crowd::expose(west, 0..hostnames / EACH, EACH);
    crowd::wait_until_answered(east, hostnames + changes);
    crowd::wait_until_quiet(west, size);
    crowd::wait_until_quiet(east, size);
    say(&format!("{changes} changes among {hostnames} hostnames, as another cluster has to write them"));
    let tail = size.of(s10::TAIL, Duration::from_millis(500));
    let idle = s10::window(east, changes, tail, &|_| {});
    let unready = s10::window(east, changes, tail, &|number| s10::write(west, number, [false, false]));
    let ready = s10::window(east, changes, tail, &|number| s10::write(west, number, [true, false]));
    json!({"hostnames": hostnames, "changes": changes, "idle": idle, "unready": unready, "ready": ready})
}

/// The first sync of a new peer.
pub(super) fn sync(size: Size) -> Value {
    let hostnames = size.of(50_000, 1_000);
    let fleet = Fleet::start(2);
    let (west, east) = (fleet.world("west"), fleet.world("east"));
    let link = fleet.link("west", "east");
    link.cut();
    crowd::expose(west, 0..hostnames / EACH, EACH);
    crowd::wait_until_answered(west, hostnames);
    crowd::wait_until_quiet(west, size);
    let (before, octets) = (usage::memories_of(&[west, east]), link.carried());
    say(&format!("a peer that knows nothing is sent {hostnames} hostnames"));
    let began = Instant::now();
    link.pass();
    let stored = wait::within(PATIENCE, || {
        thread::sleep(Duration::from_millis(100));
        let held = crowd::gauge(west.operators[0].http(), "mci_peer_shards_unsent", &[("peer", "east")]);
        (held == 0 && crowd::gauge(east.dns_servers[0].http(), "mci_hostnames", &[]) > 0)
            .then(|| began.elapsed())
    });
    crowd::wait_until_answered(east, hostnames);
    let answered = began.elapsed();
    json!({
        "hostnames": hostnames,
        "stored": stored.map(|time| time.as_secs_f64()),
        "answered": answered.as_secs_f64(),
        "octets": link.carried() - octets,
        "before": before,
        "after": usage::memories_of(&[west, east]),
    })
}
