//! `cargo xtask bench`: MCI beside other servers, in one run, as one table of ratios.
//!
//! ```text
//!   build ──► mci, grpc-stub, grpc-load, cluster-bench: static musl, mimalloc, profile `dist`
//!   world ──► 100,000 hostnames as state file, zone file, hosts file and queries
//!                │
//!                ▼
//!   s1 … s5, s8, s9: servers on the first core, load on the second, rounds in turn ──► Figures
//!   s6 … s12, sync: cluster-bench in a cluster of its own, on both ────────────────────►   │
//!                                                                                      │
//!                 target/bench/report.json, report.md, the table ◄── Report ◄──────────┘
//!                        └──► --check: bars ──► exit code
//! ```
//!
//! It measures and reports; what the figures have to be stands in [`bars`], and `--check` alone judges by it.
//! Servers are compared by their own user and system time for each query, and never by queries per second: the
//! load generator reaches its limit first.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail};

mod bars;
mod build;
mod cluster_bench;
mod criterion;
mod dnsperf;
mod grpc_load;
mod machine;
mod network;
mod process;
mod report;
mod s1;
mod s10;
mod s11;
mod s12;
mod s2;
mod s3;
mod s4;
mod s5;
mod s6;
mod s7;
mod s8;
mod s9;
mod servers;
mod statistics;
mod sync;
mod world;

use self::build::{Build, Programs};
use self::report::Report;
use crate::components::{self, Purpose};
use crate::shell;

/// Arguments of `cargo xtask bench`.
#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// Measure these alone, such as S3,S5
    #[arg(long, value_name = "S", value_delimiter = ',', ignore_case = true)]
    only: Vec<Number>,
    /// Short rounds and few: shows that everything runs, and measures nothing
    #[arg(long)]
    quick: bool,
    /// With --quick: the debug build, as `cargo build` makes it, which is at hand sooner
    #[arg(long, requires = "quick")]
    debug: bool,
    /// Compare a report with the bars, and measure nothing
    #[arg(long, value_name = "REPORT", num_args = 0..=1, default_missing_value = REPORT, conflicts_with_all = ["only", "quick"])]
    check: Option<PathBuf>,
}

/// Where the report is written, below the repository's root.
const REPORT: &str = "target/bench/report.json";
const TABLE: &str = "target/bench/report.md";

/// What is measured, by its number in the list of bars.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
enum Number {
    S1,
    S2,
    S3,
    S4,
    S5,
    S6,
    S7,
    S8,
    S9,
    S10,
    S11,
    S12,
    /// The first sync of a new peer, which has no bar.
    Sync,
}

impl Number {
    const ALL: [Number; 13] = [
        Number::S1,
        Number::S2,
        Number::S3,
        Number::S4,
        Number::S5,
        Number::S6,
        Number::S7,
        Number::S8,
        Number::S9,
        Number::S10,
        Number::S11,
        Number::S12,
        Number::Sync,
    ];

    /// What it is, for the line of progress.
    fn about(self) -> &'static str {
        match self {
            Number::S1 => "resolve",
            Number::S2 => "message in, message out",
            Number::S3 => "gRPC on one connection",
            Number::S4 => "through CoreDNS",
            Number::S5 => "direct over UDP",
            Number::S6 => "from a slice's change to the answer's",
            Number::S7 => "from a cluster's death until nobody is sent there",
            Number::S8 => "resident memory",
            Number::S9 => "start to ready",
            Number::S10 => "what one change costs",
            Number::S11 => "idle",
            Number::S12 => "memory of operator, orchestrator and front end",
            Number::Sync => "the first sync of a new peer",
        }
    }

    /// Measures it.
    fn measure(self, bench: &Bench, report: &mut Report) -> Result<()> {
        match self {
            Number::S1 => s1::measure(bench, report),
            Number::S2 => s2::measure(bench, report),
            Number::S3 => s3::measure(bench, report),
            Number::S4 => s4::measure(bench, report),
            Number::S5 => s5::measure(bench, report),
            Number::S6 => s6::measure(bench, report),
            Number::S7 => s7::measure(bench, report),
            Number::S8 => s8::measure(bench, report),
            Number::S9 => s9::measure(bench, report),
            Number::S10 => s10::measure(bench, report),
            Number::S11 => s11::measure(bench, report),
            Number::S12 => s12::measure(bench, report),
            Number::Sync => sync::measure(bench, report),
        }
    }
}

/// What a program holds in memory, in MiB, as `cluster-bench` tells it.
#[derive(Clone, Copy, serde::Deserialize)]
struct Held {
    resident: f64,
    peak: f64,
}

/// What every measurement needs.
struct Bench {
    /// Everything that is written, below `target/bench`; a folder for each number.
    folder: PathBuf,
    quick: bool,
    programs: Programs,
}

impl Bench {
    /// A folder of this name, empty.
    fn folder(&self, name: &str) -> Result<PathBuf> {
        let folder = self.folder.join(name);
        if folder.exists() {
            fs::remove_dir_all(&folder).with_context(|| format!("emptying {}", folder.display()))?;
        }
        fs::create_dir_all(&folder).with_context(|| format!("making {}", folder.display()))?;
        Ok(folder)
    }

    /// How long one measurement of a round takes.
    fn time(&self, full: f64) -> Duration {
        Duration::from_secs_f64(if self.quick { full.min(0.5) } else { full })
    }

    /// How many rounds there are.
    fn rounds(&self, full: usize) -> usize {
        if self.quick { full.min(2) } else { full }
    }
}

/// Measures what is asked for and writes the report; or checks one.
pub(crate) fn run(arguments: &Arguments) -> Result<()> {
    if let Some(report) = &arguments.check {
        return bars::check(&Report::read(report)?);
    }
    machine::two_cores()?;
    components::ensure(&[Purpose::Tests, Purpose::Benchmarks])?;
    let started = Instant::now();
    let repository = shell::repository();
    let bench = Bench {
        folder: repository.join("target").join("bench"),
        quick: arguments.quick,
        programs: build::run(if arguments.debug { Build::Debug } else { Build::Shipped })?,
    };
    fs::create_dir_all(&bench.folder).with_context(|| format!("making {}", bench.folder.display()))?;
    network::leave()?;
    let mut report = Report::new(machine::describe(&bench)?, arguments.quick);
    let chosen: Vec<Number> = Number::ALL
        .into_iter()
        .filter(|number| arguments.only.is_empty() || arguments.only.contains(number))
        .collect();
    let mut failed = Vec::new();
    for (index, number) in chosen.iter().enumerate() {
        eprintln!(
            "\n== {}/{} {number:?}: {} ({} s so far)",
            index + 1,
            chosen.len(),
            number.about(),
            started.elapsed().as_secs()
        );
        // What others measured is worth reporting.
        if let Err(error) = number.measure(&bench, &mut report) {
            eprintln!("{number:?} could not be measured: {error:#}");
            failed.push(format!("{number:?}: {error:#}"));
        }
        write(&repository, &report)?;
    }
    println!("\n{}", report.table());
    eprintln!("written to {REPORT} and {TABLE}; `cargo xtask bench --check` compares it with the bars");
    if !failed.is_empty() {
        bail!("not measured:\n{}", failed.join("\n"));
    }
    Ok(())
}

fn write(repository: &Path, report: &Report) -> Result<()> {
    fs::write(repository.join(REPORT), report.json()?).with_context(|| format!("writing {REPORT}"))?;
    fs::write(repository.join(TABLE), report.markdown()).with_context(|| format!("writing {TABLE}"))
}
