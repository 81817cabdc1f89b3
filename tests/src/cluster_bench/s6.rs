//! S6: from the moment at which a slice's change is acknowledged until the answer is another one.
//!
//! One change after the other, all of one headless Service whose hostname is one of many; turning ready again is timed
//! too. The same Service is asked of `CoreDNS`'s own `kubernetes` plugin, and the bare chain goes a round after each
//! change, so that a slow minute of the machine touches all of them. Who is not asked just then gets no queries.

use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use http::Method;
use serde_json::{Value, json};

use super::asker::Asker;
use super::chain::Chain;
use super::crowd::{self, TEAM, headless, slice};
use super::{Size, say};
use crate::cluster::request;
use crate::coredns::CoreDns;
use crate::runtime::{block_on, runtime};
use crate::world::{Peer, World, ZONE, gslb, lasts};

/// The Service that changes.
const NAME: &str = "changing";
const ADDRESS: &str = "10.63.0.1";

/// Between two changes: what follows one off the path of the answer is not to be in the way of the next.
const REST: Duration = Duration::from_millis(50);

/// One way to the answer, and how long it took.
pub(super) struct Way {
    pub(super) asker: Asker,
    pub(super) unready: Vec<f64>,
    pub(super) ready: Vec<f64>,
}

impl Way {
    pub(super) fn new(asker: Asker) -> Self {
        Way { asker, unready: Vec::new(), ready: Vec::new() }
    }

    /// Takes the endpoint away and gives it back.
    #[track_caller]
    pub(super) fn turn(&mut self, world: &World) {
        self.unready.push(change(world, &mut self.asker, false));
        lasts(REST);
        self.ready.push(change(world, &mut self.asker, true));
        lasts(REST);
    }
}

pub(super) fn measure(size: Size) -> Value {
    let gslbs = size.of(1_000, 50);
    let changes = size.of(200, 5);
    let joining = size.of(50_000, 1_000);

    let world = World::options()
        .variable("MCI_PEERS", "[{identifier: peer, url: 'http://127.0.0.1:9', insecure: true}]")
        .start();
    crowd::expose(&world, 0..gslbs - 1, 1);
    let hostname = format!("{NAME}.{ZONE}");
    crowd::create(
        world.api(),
        [
            headless(NAME),
            slice(NAME, &[(ADDRESS, true)]),
            gslb(TEAM, NAME, ("Service", NAME), &[hostname.as_str()]),
        ],
    );
    let coredns = kubernetes_plugin(&world);
    crowd::wait_until_answered(&world, gslbs);
    crowd::wait_until_quiet(&world, size);
    let mut chain = Chain::start(world.cluster());

    say(&format!("{changes} changes among {gslbs} GSLBs"));
    let asker = || Asker::new(world.dns_servers[0].dns(), &hostname);
    let mut mci = Way::new(asker());
    let mut plugin = Way::new(Asker::new(coredns.dns(), &format!("{NAME}.{TEAM}.svc.cluster.local")));
    let mut bare = Vec::new();
    // The first round warms up.
    for round in 0..=changes {
        mci.turn(&world);
        plugin.turn(&world);
        bare.push(chain.round().as_secs_f64());
        if round == 0 {
            mci = Way::new(mci.asker);
            plugin = Way::new(plugin.asker);
            bare.clear();
        }
    }
    let calm = json!({
        "unready": mci.unready,
        "ready": mci.ready,
        "plugin": {"unready": plugin.unready, "ready": plugin.ready},
        "chain": bare,
    });

    say(&format!("{changes} changes more while {joining} hostnames of a peer are written"));
    let mut mci = Way::new(mci.asker);
    let mut bare = Vec::new();
    let joined = AtomicBool::new(false);
    let hostnames = gslbs + joining;
    let (calm_at, took) = thread::scope(|scope| {
        let writer = scope.spawn(|| {
            let began = Instant::now();
            let mut peer = Peer::new("peer");
            peer.beat(&world);
            crowd::create(world.api(), crowd::shards(&peer, gslbs..hostnames));
            crowd::wait_until_answered(&world, hostnames);
            joined.store(true, Ordering::Relaxed);
            began.elapsed()
        });
        // Those that come after it are calm again, and not counted.
        let mut calm_at = None;
        for _ in 0..changes {
            mci.turn(&world);
            bare.push(chain.round().as_secs_f64());
            if joined.load(Ordering::Relaxed) {
                calm_at = Some(bare.len());
                break;
            }
        }
        (calm_at, writer.join().expect("the peer was written"))
    });
    json!({
        "gslbs": gslbs,
        "calm": calm,
        "joining": {
            "hostnames": joining,
            "seconds": took.as_secs_f64(),
            "endedAfter": calm_at,
            "unready": mci.unready,
            "ready": mci.ready,
            "chain": bare,
        },
    })
}

/// Writes the slice, and waits until the answer says so: in seconds, and 0 where it did before the acknowledgement.
#[track_caller]
fn change(world: &World, asker: &mut Asker, ready: bool) -> f64 {
    // Whoever is asked next may still have to hear of the last change.
    asker.until(!ready);
    let client = world.api().client();
    let path = format!("/apis/discovery.k8s.io/v1/namespaces/{TEAM}/endpointslices/{NAME}");
    let write = request(Method::PUT, &path, None, Some(&slice(NAME, &[(ADDRESS, ready)])));
    let written =
        runtime().spawn(async move { client.request::<Value>(write).await.map(|_| Instant::now()) });
    let changed = asker.until(ready);
    let acknowledged = block_on(written).expect("a write does not panic").expect("a slice is taken");
    changed.saturating_duration_since(acknowledged).as_secs_f64()
}

/// `CoreDNS` with the plugin that watches Services and slices itself.
fn kubernetes_plugin(world: &World) -> CoreDns {
    let cluster = world.cluster();
    let plugin = format!(
        "kubernetes cluster.local {{\n        kubeconfig {} {}\n        ttl 0\n    }}",
        cluster.kubeconfig().display(),
        cluster.name()
    );
    CoreDns::start_alone(&["errors", &plugin])
}
