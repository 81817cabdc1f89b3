//! S9: from the start of a dns-server until `/readyz` is 200, everything listed from the API server.

use std::thread;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::crowd;
use super::{PATIENCE, Size, say};
use crate::cluster::{Mode, Replica};
use crate::world::World;

pub(super) fn measure(size: Size) -> Value {
    let hostnames = size.of(10_000, 500);
    let world = world_of(hostnames);
    // Once more than is counted: then the program is in memory, and the API server's cache is filled.
    let mut times = (0..=size.of(5, 2)).map(|_| start(&world).1.as_secs_f64()).collect::<Vec<_>>();
    times.remove(0);
    json!({"hostnames": hostnames, "seconds": times})
}

/// A cluster with so many `HostnameCache`s, which nobody looks at or after.
pub(super) fn world_of(hostnames: usize) -> World {
    let mut world = World::options().replicas(Mode::Operator, 0).replicas(Mode::Orchestrator, 0).start();
    for server in &mut world.dns_servers {
        server.process.kill();
    }
    say(&format!("creating {hostnames} HostnameCaches"));
    crowd::create(world.api(), crowd::hostname_caches(0..hostnames));
    world
}

/// Starts another dns-server, and tells how long it was until it was ready.
#[track_caller]
pub(super) fn start(world: &World) -> (Replica, Duration) {
    let setup = world.setup(Mode::DnsServer);
    let began = Instant::now();
    let mut server = setup.spawn();
    while !server.is_ready() {
        let ended = server.process.ended();
        assert!(ended.is_none() && began.elapsed() < PATIENCE, "{} is not ready: {ended:?}", server.name());
        thread::sleep(Duration::from_millis(1));
    }
    (server, began.elapsed())
}
