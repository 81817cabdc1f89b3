//! S8: what a dns-server holds in memory some time after it is ready, with `HostnameCache`s of three clusters.

use std::time::Duration;

use serde_json::{Value, json};

use super::usage::{Memory, memory};
use super::{Size, s9, say};
use crate::world::lasts;

pub(super) fn measure(size: Size) -> Value {
    let hostnames = size.of(100_000, 1_000);
    let rest = Duration::from_secs(size.of(10, 1));
    let world = s9::world_of(hostnames);
    let (server, ready) = s9::start(&world);
    say(&format!("ready after {:.2} s", ready.as_secs_f64()));
    lasts(rest);
    let Memory { resident, peak } = memory(server.process.id());
    json!({"hostnames": hostnames, "resident": resident, "peak": peak, "ready": ready.as_secs_f64()})
}
