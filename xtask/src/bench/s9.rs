//! S9: from the start of the process to the first 200 of `/readyz`, with 100,000 hostnames in a file, and with those that
//! an API server lists.
//!
//! Both cores are the server's, as where it is deployed.

use anyhow::Result;
use serde::Deserialize;

use super::process::Core;
use super::report::{Report, Unit};
use super::servers;
use super::statistics::median;
use super::world::{self, Format, MANY};
use super::{Bench, cluster_bench};

const FORMATS: [(Format, &str, usize); 3] =
    [(Format::Json, "json", 5), (Format::Snapshot, "snapshot", 5), (Format::Yaml, "yaml", 3)];

/// What `cluster-bench` saw.
#[derive(Deserialize)]
struct Listed {
    hostnames: usize,
    seconds: Vec<f64>,
}

pub(super) fn measure(bench: &Bench, report: &mut Report) -> Result<()> {
    from_files(bench, report)?;
    let Listed { hostnames, seconds } = cluster_bench::run(bench, "s9")?;
    add(report, "api-server", &format!("{hostnames} hostnames × 3 clusters from the API server"), &seconds);
    Ok(())
}

fn from_files(bench: &Bench, report: &mut Report) -> Result<()> {
    let folder = bench.folder("s9")?;
    for (format, name, rounds) in FORMATS {
        let state = folder.join(if format == Format::Yaml { "state.yaml" } else { "state.json" });
        world::state(&state, format, MANY, false)?;
        let mut times = Vec::new();
        // Once more than is counted: then the file is in memory.
        for round in 0..=bench.rounds(rounds) {
            let grpc = [servers::grpc_address()?];
            let mci = servers::mci(bench, &state, Core::Any, &grpc, &folder)?;
            if round > 0 {
                times.push(mci.ready.as_secs_f64());
            }
        }
        add(report, name, &format!("100,000 hostnames × 3 clusters, {name} file"), &times);
    }
    Ok(())
}

fn add(report: &mut Report, id: &str, with: &str, times: &[f64]) {
    let shown: Vec<String> = times.iter().map(|time| format!("{time:.2}")).collect();
    report.add(
        &format!("S9/{id}"),
        &format!("start to ready, {with}"),
        median(times),
        Unit::Seconds,
        format!("{} s", shown.join(", ")),
    );
}
