//! The first sync of a new peer: time, octets, and memory at both ends.

use std::collections::BTreeMap;

use anyhow::Result;
use serde::Deserialize;

use super::report::{Report, Unit};
use super::{Bench, Held, cluster_bench};

#[derive(Deserialize)]
struct Measured {
    hostnames: usize,
    /// Seconds until everything is acknowledged.
    stored: Option<f64>,
    /// Seconds until everything is answered.
    answered: f64,
    octets: u64,
    before: Memories,
    after: Memories,
}

/// By cluster and program.
type Memories = BTreeMap<String, BTreeMap<String, Held>>;

pub(super) fn measure(bench: &Bench, report: &mut Report) -> Result<()> {
    let Measured { hostnames, stored, answered, octets, before, after } = cluster_bench::run(bench, "sync")?;
    let what = format!("a new peer is sent {hostnames} hostnames");
    let stored = stored.map_or("not seen".to_owned(), |time| format!("{time:.1} s"));
    report.add(
        "sync/answered",
        &format!("{what}: until all are answered there"),
        answered,
        Unit::Seconds,
        format!("all acknowledged after {stored}; {:.1} MiB over the link", mebibytes(octets)),
    );
    for (id, cluster, program) in [("sender", "west", "operator"), ("receiver", "east", "front-end")] {
        let of = |memories: &Memories| memories.get(cluster).and_then(|each| each.get(program)).copied();
        let (Some(before), Some(after)) = (of(&before), of(&after)) else { continue };
        report.add(
            &format!("sync/{id}"),
            &format!("{what}: the {program} at its {id}, at the most"),
            after.peak,
            Unit::Mebibytes,
            format!("resident {:.0} MiB before, {:.0} MiB after", before.resident, after.resident),
        );
    }
    Ok(())
}

#[expect(clippy::cast_precision_loss, reason = "octets of one sync fit into 53 bits")]
fn mebibytes(octets: u64) -> f64 {
    octets as f64 / f64::from(1 << 20)
}
