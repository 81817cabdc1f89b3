//! S12: what operator, orchestrator and front end hold in memory, with many hostnames that many clusters publish.
//!
//! The own cluster publishes all of them. The others' shards are written while no orchestrator runs, which would write
//! every `HostnameCache` once for each of them; then one starts, and merges all at once.

use std::thread;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::{PATIENCE, Size, crowd, say, usage};
use crate::cluster::Mode;
use crate::wait;
use crate::world::{Peer, World, lasts};

/// Hostnames of one GSLB.
const EACH: usize = 100;

/// After everything is written.
const REST: Duration = Duration::from_secs(10);

pub(super) fn measure(size: Size) -> Value {
    let hostnames = size.of(50_000, 500);
    let clusters = [3, 20];
    let peers: Vec<Peer> = (1..clusters[1]).map(|number| Peer::new(&format!("peer-{number}"))).collect();
    // Nobody speaks to it: it holds what was written for others.
    let options = World::options().replicas(Mode::FrontEnd, 1).variable("MCI_LISTEN_INSECURE", "true");
    let mut world = options.variable("MCI_PEERS", configured(&peers).as_str()).start();
    crowd::expose(&world, 0..hostnames / EACH, EACH);
    let mut published = 0;
    let mut sizes = Vec::new();
    for clusters in clusters {
        let mut orchestrator = world.orchestrators.remove(0);
        orchestrator.process.kill();
        drop(orchestrator);
        say(&format!("writing {hostnames} hostnames of each of {} other clusters", clusters - 1));
        for peer in peers.get(published..clusters - 1).expect("there are as many peers") {
            crowd::create(world.api(), crowd::shards(peer, 0..hostnames));
        }
        published = clusters - 1;
        restart(&mut world);
        wait_until_merged(&world, hostnames);
        crowd::wait_until_quiet(&world, size);
        lasts(size.of(REST, Duration::from_secs(1)));
        sizes.push(json!({
            "clusters": clusters,
            "hostnames": hostnames,
            "memory": usage::memories(&world),
        }));
    }
    json!({"sizes": sizes})
}

/// Starts an orchestrator, however long it takes to list a million endpoints.
#[track_caller]
fn restart(world: &mut World) {
    let began = Instant::now();
    let mut orchestrator = world.setup(Mode::Orchestrator).spawn();
    while !orchestrator.is_ready() {
        let ended = orchestrator.process.ended();
        assert!(ended.is_none() && began.elapsed() < PATIENCE, "the orchestrator is not ready: {ended:?}");
        thread::sleep(Duration::from_millis(50));
    }
    say(&format!("the orchestrator was ready after {:.1} s", began.elapsed().as_secs_f64()));
    world.orchestrators.push(orchestrator);
}

/// Waits until the orchestrator has written each hostname since it was started.
#[track_caller]
fn wait_until_merged(world: &World, hostnames: usize) {
    let labels = [("kind", "HostnameCache"), ("outcome", "done")];
    let mut written = 0;
    let found = wait::within(PATIENCE, || {
        thread::sleep(Duration::from_millis(250));
        written = crowd::gauge(world.orchestrators[0].http(), "mci_writes_total", &labels);
        (written >= hostnames as u64).then_some(())
    });
    assert!(found.is_some(), "{written} of {hostnames} HostnameCaches were written");
}

/// As `MCI_PEERS` has them.
fn configured(peers: &[Peer]) -> String {
    let each: Vec<String> = peers
        .iter()
        .map(|peer| format!("{{identifier: {}, url: 'http://127.0.0.1:9', insecure: true}}", peer.name()))
        .collect();
    format!("[{}]", each.join(", "))
}
