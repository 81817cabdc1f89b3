//! S8: what a server holds in memory 10 s after it is ready, and at the most over its start and one reload; from a file,
//! and from an API server.

use std::fs;
use std::thread;
use std::time::Duration;

use anyhow::Result;
use serde::Deserialize;

use super::process::Core;
use super::report::{Report, Unit};
use super::servers;
use super::world::{self, FRESH, Format};
use super::{Bench, cluster_bench};

/// After it is ready.
const REST: Duration = Duration::from_secs(10);

const NOERROR: u8 = 0;

/// What `cluster-bench` saw, in MiB and seconds.
#[derive(Deserialize)]
struct Listed {
    hostnames: usize,
    resident: f64,
    peak: f64,
    ready: f64,
}

pub(super) fn measure(bench: &Bench, report: &mut Report) -> Result<()> {
    from_files(bench, report)?;
    from_an_api_server(bench, report)
}

/// The same of a dns-server that listed everything from an API server.
fn from_an_api_server(bench: &Bench, report: &mut Report) -> Result<()> {
    let Listed { hostnames, resident, peak, ready } = cluster_bench::run(bench, "s8")?;
    let with = format!("{hostnames} hostnames × 3 clusters from the API server");
    let ready = format!("ready after {ready:.2} s");
    report.add(
        "S8/api-server/resident",
        &format!("resident 10 s after ready, {with}"),
        resident,
        Unit::Mebibytes,
        ready,
    );
    report.add(
        "S8/api-server/peak",
        &format!("the most over the start, {with}"),
        peak,
        Unit::Mebibytes,
        format!("{:.2} × what is resident", peak / resident),
    );
    Ok(())
}

fn from_files(bench: &Bench, report: &mut Report) -> Result<()> {
    for (hostnames, shown) in [(100_000, "100,000"), (1_000_000, "1,000,000")] {
        let folder = bench.folder("s8")?;
        let (state, new) = (folder.join("state.json"), folder.join("new"));
        world::state(&state, Format::Json, hostnames, false)?;
        world::state(&new, Format::Json, hostnames, true)?;
        let rest = if bench.quick { Duration::from_secs(1) } else { REST };

        let grpc = [servers::grpc_address()?];
        let mut mci = servers::mci(bench, &state, Core::Server, &grpc, &folder)?;
        thread::sleep(rest);
        let ready = mci.server.memory()?;
        fs::rename(&new, &state)?;
        mci.server.wait_until(|| servers::code(mci.dns, FRESH) == Some(NOERROR))?;
        let reloaded = mci.server.memory()?;
        thread::sleep(rest);
        let after = mci.server.memory()?;
        drop(mci);

        let with = format!("{shown} hostnames × 3 clusters");
        report.add(
            &format!("S8/{hostnames}/resident"),
            &format!("resident 10 s after ready, {with}"),
            ready.resident,
            Unit::Mebibytes,
            format!("10 s after a reload {:.0} MiB", after.resident),
        );
        let peak = after.peak.max(reloaded.peak);
        report.add(
            &format!("S8/{hostnames}/peak"),
            &format!("the most over start and a reload, {with}"),
            peak,
            Unit::Mebibytes,
            format!(
                "over the start alone {:.0} MiB; {:.2} × what is resident",
                ready.peak,
                peak / ready.resident
            ),
        );
        // Hundreds of MiB that nobody reads again.
        fs::remove_dir_all(&folder)?;
    }
    Ok(())
}
