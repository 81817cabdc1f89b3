//! S12: what operator and orchestrator hold in memory with many hostnames that several clusters publish.

use std::collections::BTreeMap;

use anyhow::Result;
use serde::Deserialize;

use super::report::{Report, Unit};
use super::{Bench, Held, cluster_bench};

#[derive(Deserialize)]
struct Measured {
    sizes: Vec<Sized>,
}

#[derive(Deserialize)]
struct Sized {
    clusters: usize,
    hostnames: usize,
    memory: BTreeMap<String, Held>,
}

pub(super) fn measure(bench: &Bench, report: &mut Report) -> Result<()> {
    let Measured { sizes } = cluster_bench::run(bench, "s12")?;
    for Sized { clusters, hostnames, memory } in sizes {
        for (program, held) in memory {
            report.add(
                &format!("S12/{clusters}/{program}"),
                &format!("resident 10 s after all is written, {hostnames} hostnames × {clusters} clusters: {program}"),
                held.resident,
                Unit::Mebibytes,
                format!("at the most {:.0} MiB", held.peak),
            );
        }
    }
    Ok(())
}
