//! Measures MCI in a whole cluster, and prints what it measured as one JSON document.
//!
//! ```text
//! cluster-bench s6           what `cargo xtask bench --only S6` runs
//! cluster-bench s6 --quick   shows that it runs, and measures nothing
//! ```
//!
//! The program that is measured is `$MCI_BIN`. It says what it does on standard error.

use clap::{Parser, ValueEnum};
use mci_tests::cluster_bench::{self, Size};

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Measures MCI in a whole cluster.
#[derive(Parser)]
struct Arguments {
    /// What is measured
    number: Number,
    /// Few of everything: shows that it runs, and measures nothing
    #[arg(long)]
    quick: bool,
}

/// The numbers of the list of bars.
#[derive(Clone, Copy, ValueEnum)]
enum Number {
    /// From a slice's change to the answer's
    S6,
    /// The same, seen from another cluster
    S6Other,
    /// From a cluster's death until nobody is sent there
    S7,
    /// What a dns-server holds in memory
    S8,
    /// From the start of a dns-server until it is ready
    S9,
    /// What one change of readiness costs
    S10,
    /// What that costs another cluster
    S10Other,
    /// What everything costs while nothing changes
    S11,
    /// What operator, orchestrator and front end hold in memory
    S12,
    /// How long a new peer takes to hold everything
    Sync,
}

fn main() {
    let Arguments { number, quick } = Arguments::parse();
    let number = match number {
        Number::S6 => cluster_bench::Number::S6,
        Number::S6Other => cluster_bench::Number::S6Other,
        Number::S7 => cluster_bench::Number::S7,
        Number::S8 => cluster_bench::Number::S8,
        Number::S9 => cluster_bench::Number::S9,
        Number::S10 => cluster_bench::Number::S10,
        Number::S10Other => cluster_bench::Number::S10Other,
        Number::S11 => cluster_bench::Number::S11,
        Number::S12 => cluster_bench::Number::S12,
        Number::Sync => cluster_bench::Number::Sync,
    };
    println!("{}", number.measure(if quick { Size::Quick } else { Size::Full }));
}
