//! S11: what everything holds, uses and writes while nothing changes but heartbeats.
//!
//! Three clusters publish the same hostnames; the heartbeats of two of them are written here, as front ends would.

use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::crowd;
use super::usage::{self, Times, Writes};
use super::{Size, say};
use crate::world::{Peer, World, lasts};

/// How often a cluster's heartbeat is written.
const HEARTBEAT: Duration = Duration::from_secs(10);

const PEERS: &str = "[{identifier: east, url: 'http://127.0.0.1:9', insecure: true}, \
                     {identifier: north, url: 'http://127.0.0.1:9', insecure: true}]";

pub(super) fn measure(size: Size) -> Value {
    let world = World::options().variable("MCI_PEERS", PEERS).start();
    let mut peers = ["east", "north"].map(Peer::new);
    let time = Duration::from_secs(size.of(60, 5));
    let mut exposed = 0;
    let mut sizes = Vec::new();
    for gslbs in [size.of(100, 10), size.of(10_000, 100)] {
        crowd::expose(&world, exposed..gslbs, 1);
        exposed = gslbs;
        // First by the own cluster: with the others' shards they are answered whether or not it publishes them.
        crowd::wait_until_answered(&world, gslbs);
        for peer in &mut peers {
            peer.beat(&world);
            // As a front end replaces shards: those of the smaller crowd are there.
            world.api().apply_all(&crowd::shards(peer, 0..gslbs)).expect("shards are taken");
        }
        crowd::wait_until_quiet(&world, size);
        say(&format!("{} s of nothing with {gslbs} GSLBs", time.as_secs()));
        sizes.push(json!({"gslbs": gslbs, "idle": idle(&world, &mut peers, time)}));
    }
    json!({"heartbeat": HEARTBEAT.as_secs(), "sizes": sizes})
}

/// What is used and written in that time, for each second.
#[track_caller]
fn idle(world: &World, peers: &mut [Peer], time: Duration) -> Value {
    let writes = Writes::now(world);
    let times = Times::now(world);
    let began = Instant::now();
    while began.elapsed() < time {
        for peer in &mut *peers {
            peer.beat(world);
        }
        lasts(HEARTBEAT.min(time.saturating_sub(began.elapsed())));
    }
    let seconds = began.elapsed().as_secs_f64();
    let cpu = Times::now(world).since(&times, seconds);
    json!({
        "seconds": seconds,
        "memory": usage::memories(world),
        "cpu": cpu,
        // All of them, for they are few.
        "writes": Writes::now(world).since(&writes, 1.0),
    })
}
