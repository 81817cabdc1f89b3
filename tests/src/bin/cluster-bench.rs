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
    /// What a dns-server holds in memory
    S8,
    /// From the start of a dns-server until it is ready
    S9,
    /// What one change of readiness costs
    S10,
    /// What everything costs while nothing changes
    S11,
    /// What operator and orchestrator hold in memory
    S12,
}

fn main() {
    let Arguments { number, quick } = Arguments::parse();
    let number = match number {
        Number::S6 => cluster_bench::Number::S6,
        Number::S8 => cluster_bench::Number::S8,
        Number::S9 => cluster_bench::Number::S9,
        Number::S10 => cluster_bench::Number::S10,
        Number::S11 => cluster_bench::Number::S11,
        Number::S12 => cluster_bench::Number::S12,
    };
    println!("{}", number.measure(if quick { Size::Quick } else { Size::Full }));
}
