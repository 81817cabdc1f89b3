//! S10: what one change of readiness costs: writes, and processor time of each process.
//!
//! Each change is of another Service, so that nothing is spared by being written once for several: a `ServiceCache` is
//! written once in 5 s. From both windows what an idle one of the same length holds is taken off.

use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::crowd::{self, TEAM, address, slice};
use super::usage::{Times, Writes};
use super::{Size, say};
use crate::world::{World, ZONE, gslb, lasts};

/// Hostnames of one GSLB of the crowd.
const EACH: usize = 100;

/// Between two changes.
const PAUSE: Duration = Duration::from_millis(200);

/// After the last one, so that everything is written that follows it: at most one `ServiceCache` in 5 s.
pub(super) const TAIL: Duration = Duration::from_secs(6);

pub(super) fn measure(size: Size) -> Value {
    let changes = size.of(50, 5);
    let world = World::options().start();
    world.cluster().namespace(TEAM);
    for number in 0..changes {
        balanced(&world, number);
    }
    let mut exposed = 0;
    let mut sizes = Vec::new();
    for hostnames in [size.of(1_000, 200), size.of(50_000, 1_000)] {
        crowd::expose(&world, exposed / EACH..hostnames / EACH, EACH);
        exposed = hostnames;
        crowd::wait_until_answered(&world, hostnames + changes);
        crowd::wait_until_quiet(&world, size);
        say(&format!("{changes} changes among {hostnames} hostnames"));
        let tail = size.of(TAIL, Duration::from_millis(500));
        let window = |change: &dyn Fn(usize)| window(&world, changes, tail, change);
        let idle = window(&|_| {});
        // Turns every one unready and, in the next window, ready again.
        let unready = window(&|number| write(&world, number, [false, false]));
        let ready = window(&|number| write(&world, number, [true, false]));
        // One endpoint more of a Service that was ready and is ready.
        let count = window(&|number| write(&world, number, [true, true]));
        sizes.push(json!({
            "hostnames": hostnames,
            "changes": changes,
            "idle": idle,
            "unready": unready,
            "ready": ready,
            "count": count,
        }));
        for number in 0..changes {
            write(&world, number, [true, false]);
        }
        crowd::wait_until_quiet(&world, size);
    }
    json!({"sizes": sizes})
}

/// What is used and written while a number of changes are made, for each of them.
#[track_caller]
pub(super) fn window(world: &World, changes: usize, tail: Duration, change: &dyn Fn(usize)) -> Value {
    let writes = Writes::now(world);
    // To read the API server's metrics costs it more than what is measured.
    let times = Times::now(world);
    let began = Instant::now();
    for number in 0..changes {
        change(number);
        lasts(PAUSE);
    }
    lasts(tail);
    #[expect(clippy::cast_precision_loss, reason = "counts fit into 53 bits")]
    let divisor = changes as f64;
    let cpu = Times::now(world).since(&times, divisor);
    let seconds = began.elapsed().as_secs_f64();
    json!({"seconds": seconds, "cpu": cpu, "writes": Writes::now(world).since(&writes, divisor)})
}

/// A Service with an address from outside, whose readiness alone depends on its endpoints.
pub(super) fn balanced(world: &World, number: usize) {
    let name = name(number);
    let service = json!({
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {"name": name, "namespace": TEAM},
        "spec": {"type": "LoadBalancer", "ports": [{"name": "http", "port": 80}]},
    });
    let hostname = format!("{name}.{ZONE}");
    let claim = gslb(TEAM, &name, ("Service", &name), &[hostname.as_str()]);
    crowd::create(world.api(), [service, slice(&name, &endpoints(number, [true, false]).each()), claim]);
    world.cluster().set_addresses("services", TEAM, &name, &[&address((1 << 18) + number)]);
}

pub(super) fn write(world: &World, number: usize, ready: [bool; 2]) {
    let slice = slice(&name(number), &endpoints(number, ready).each());
    world.api().replace(&slice).expect("a slice is taken");
}

fn name(number: usize) -> String {
    format!("balanced-{number}")
}

/// The endpoints of one Service.
struct Endpoints(Vec<(String, bool)>);

impl Endpoints {
    fn each(&self) -> Vec<(&str, bool)> {
        self.0.iter().map(|(address, ready)| (address.as_str(), *ready)).collect()
    }
}

fn endpoints(number: usize, ready: [bool; 2]) -> Endpoints {
    let each = ready.iter().zip([0, 1 << 17]);
    Endpoints(each.map(|(ready, from)| (address((1 << 19) + from + number), *ready)).collect())
}
