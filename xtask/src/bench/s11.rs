//! S11: what each program holds, uses and writes while nothing changes.

use std::collections::BTreeMap;

use anyhow::Result;
use serde::Deserialize;

use super::cluster_bench::{self, ByName};
use super::report::{Report, Unit};
use super::{Bench, Held};

/// Heartbeats and leaders are nothing but Leases.
const ALLOWED: &str = "leases";

#[derive(Deserialize)]
struct Measured {
    /// Seconds.
    heartbeat: u64,
    /// Few GSLBs, which have bars, and many.
    sizes: [Sized; 2],
}

#[derive(Deserialize)]
struct Sized {
    gslbs: usize,
    idle: Idle,
}

#[derive(Deserialize)]
struct Idle {
    seconds: f64,
    memory: BTreeMap<String, Held>,
    /// Of a core.
    cpu: ByName,
    /// In all that time.
    writes: ByName,
}

pub(super) fn measure(bench: &Bench, report: &mut Report) -> Result<()> {
    let Measured { heartbeat, sizes } = cluster_bench::run(bench, "s11")?;
    for (id, Sized { gslbs, idle }) in ["few", "many"].into_iter().zip(sizes) {
        let Idle { seconds, memory, cpu, writes } = idle;
        let with = format!("idle, {gslbs} GSLBs, 3 clusters, heartbeats every {heartbeat} s");
        for (program, held) in &memory {
            report.add(
                &format!("S11/{id}/{program}/resident"),
                &format!("{with}: {program}"),
                held.resident,
                Unit::Mebibytes,
                format!("at the most {:.0} MiB", held.peak),
            );
            let share = cpu.get(program).copied().unwrap_or(f64::NAN);
            report.add(
                &format!("S11/{id}/{program}/cpu"),
                &format!("{with}: {program}, of a core"),
                share * 100.0,
                Unit::Percent,
                format!("over {seconds:.0} s"),
            );
        }
        let others: Vec<(&String, &f64)> = writes.iter().filter(|(kind, _)| *kind != ALLOWED).collect();
        let shown: Vec<String> = writes.iter().map(|(kind, count)| format!("{kind} {count:.0}")).collect();
        report.add(
            &format!("S11/{id}/writes"),
            &format!("{with}: writes in {seconds:.0} s but Leases"),
            others.iter().map(|(_, count)| **count).fold(0.0, |sum, count| sum + count),
            Unit::Count,
            format!("{}, those of the rig's node and API server included", shown.join(", ")),
        );
        let beside = |program: &str| cpu.get(program).map_or(f64::NAN, |share| share * 100.0);
        report.add(
            &format!("S11/{id}/api-server"),
            &format!("{with}: the API server, of a core"),
            beside("kube-apiserver"),
            Unit::Percent,
            format!("etcd {:.2} %; what watches it besides MCI included", beside("etcd")),
        );
    }
    Ok(())
}
