//! S6: from a slice's change to the answer's, in the own cluster and in another one; beside it the bare chain and
//! `CoreDNS`'s own plugin.
//!
//! What p99 may be depends on the machine: 100 ms (200 ms in another cluster), or five times what three hops of write and watch take in the same run.
//! So the figure that has a bar is its ratio to the larger of both.

use anyhow::Result;
use serde::Deserialize;

use super::report::{Report, Unit};
use super::statistics::Quantiles;
use super::{Bench, cluster_bench};

/// What p99 may be on any machine, in milliseconds: in the own cluster, and in another one.
const ALLOWED: [f64; 2] = [100.0, 200.0];

/// What p99 may be on a slow one: so many times the bare chain's.
const TIMES_THE_CHAIN: f64 = 5.0;

/// What others say of themselves, for comparison: the figures that bound how soon another cluster follows a change.
const DOCUMENTED: [(&str, &str, f64); 3] = [
    ("S6/k8gb/requeue", "k8gb: between two looks at the other clusters, by default", 30.0),
    ("S6/k8gb/ttl", "k8gb: TTL of its records, by default", 30.0),
    (
        "S6/dotnet/timeout",
        "the .NET application: age of a heartbeat at which a cluster is taken for dead, by default",
        30.0,
    ),
];

/// All in seconds.
#[derive(Deserialize)]
struct Measured {
    gslbs: usize,
    calm: Calm,
    joining: Joining,
}

#[derive(Deserialize)]
struct Calm {
    unready: Vec<f64>,
    ready: Vec<f64>,
    plugin: Turns,
    chain: Vec<f64>,
}

/// From another cluster.
#[derive(Deserialize)]
struct Other {
    gslbs: usize,
    unready: Vec<f64>,
    ready: Vec<f64>,
    chain: Vec<f64>,
}

#[derive(Deserialize)]
struct Turns {
    unready: Vec<f64>,
    ready: Vec<f64>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Joining {
    hostnames: usize,
    seconds: f64,
    /// After how many changes everything was written.
    ended_after: Option<usize>,
    unready: Vec<f64>,
    ready: Vec<f64>,
    chain: Vec<f64>,
}

pub(super) fn measure(bench: &Bench, report: &mut Report) -> Result<()> {
    let Measured { gslbs, calm, joining } = cluster_bench::run(bench, "s6")?;
    let with = format!("a slice turns unready → no address, {gslbs} GSLBs");
    let [own, other] = ALLOWED;
    add(report, ("calm", own), &with, &calm.unready, &calm.ready, &calm.chain);
    let plugin = Quantiles::of(&calm.plugin.unready);
    report.add(
        "S6/calm/plugin",
        &format!("{with}: CoreDNS's plugin kubernetes, p50"),
        plugin.median * 1e3,
        Unit::Milliseconds,
        format!("{}; ready again {}", plugin.show(), Quantiles::of(&calm.plugin.ready).show()),
    );

    let Joining { hostnames, seconds, ended_after, unready, ready, chain } = joining;
    let with = format!("{with}, while {hostnames} hostnames of a peer are written");
    add(report, ("joining", own), &with, &unready, &ready, &chain);
    let ended = ended_after.map_or("all changes fell into that time".to_owned(), |count| {
        format!("{count} changes fell into that time")
    });
    report.add(
        "S6/joining/time",
        &format!("{hostnames} hostnames of a peer, from its first shard until all are answered"),
        seconds,
        Unit::Seconds,
        ended,
    );

    let Other { gslbs, unready, ready, chain } = cluster_bench::run(bench, "s6-other")?;
    let with = format!("a slice turns unready → no address in another cluster, {gslbs} GSLBs");
    add(report, ("other", other), &with, &unready, &ready, &chain);
    for (id, what, seconds) in DOCUMENTED {
        report.add(id, what, seconds, Unit::Seconds, "documented, and not measured here".to_owned());
    }
    Ok(())
}

fn add(
    report: &mut Report,
    (id, allowed): (&str, f64),
    what: &str,
    unready: &[f64],
    ready: &[f64],
    chain: &[f64],
) {
    let (measured, bare) = (Quantiles::of(unready), Quantiles::of(chain));
    let beside = format!("ready again {}; {} changes each way", Quantiles::of(ready).show(), unready.len());
    let milliseconds = |report: &mut Report, name: &str, shown: &str, value: f64, beside: String| {
        report.add(
            &format!("S6/{id}/{name}"),
            &format!("{what}: {shown}"),
            value * 1e3,
            Unit::Milliseconds,
            beside,
        );
    };
    milliseconds(report, "p50", "p50", measured.median, beside);
    milliseconds(report, "max", "maximum", measured.maximum, String::new());
    milliseconds(report, "chain", "the bare chain of three hops, p50", bare.median, bare.show());
    let (p99, at_least) = (measured.p99 * 1e3, allowed);
    let allowed = at_least.max(TIMES_THE_CHAIN * bare.p99 * 1e3);
    report.add(
        &format!("S6/{id}/p99"),
        &format!("{what}: p99 ÷ what it may be"),
        p99 / allowed,
        Unit::Ratio,
        format!(
            "p99 {p99:.1} ms; it may be {allowed:.0} ms, the larger of {at_least:.0} ms and {TIMES_THE_CHAIN:.0} × \
             the chain's p99"
        ),
    );
}
