//! S7: from a cluster's death until nobody is sent there, and what that costs in writes.

use std::collections::BTreeMap;

use anyhow::Result;
use serde::Deserialize;

use super::report::{Report, Unit};
use super::statistics::Quantiles;
use super::{Bench, cluster_bench};

#[derive(Deserialize)]
struct Measured {
    hostnames: usize,
    /// From the death, one for each hostname that was asked for, over all rounds.
    seconds: Vec<f64>,
    /// One for each round.
    writes: Vec<BTreeMap<String, f64>>,
    queries: usize,
    failed: usize,
}

pub(super) fn measure(bench: &Bench, report: &mut Report) -> Result<()> {
    let Measured { hostnames, seconds, writes, queries, failed } = cluster_bench::run(bench, "s7")?;
    let took = Quantiles::of(&seconds);
    let what = format!("a cluster of {hostnames} hostnames dies, heartbeats 1 s, timeout 3 s");
    report.add(
        "S7/p99",
        &format!("{what}: its addresses are no longer answered, p99"),
        took.p99,
        Unit::Seconds,
        format!("p50 {:.2} s, maximum {:.2} s; {} deaths", took.median, took.maximum, writes.len()),
    );
    // Leases are renewed whoever lives.
    let other = |round: &BTreeMap<String, f64>| -> f64 {
        round.iter().filter(|(kind, _)| *kind != "leases").map(|(_, count)| count).sum()
    };
    let most = writes.iter().map(other).fold(0.0, f64::max);
    let last: Vec<String> =
        writes.last().into_iter().flatten().map(|(kind, count)| format!("{kind} {count:.0}")).collect();
    report.add(
        "S7/writes",
        &format!("{what}: writes in a cluster that lives, but Leases"),
        most,
        Unit::Count,
        format!("the most of {} deaths; of the last one {}", writes.len(), last.join(", ")),
    );
    let beside = format!("of {queries}, through CoreDNS");
    report.add("S7/failed", &format!("{what}: queries that failed"), as_float(failed), Unit::Count, beside);
    Ok(())
}

#[expect(clippy::cast_precision_loss, reason = "counts fit into 53 bits")]
fn as_float(count: usize) -> f64 {
    count as f64
}
