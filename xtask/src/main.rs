//! The tasks of this repository: `cargo xtask TASK`.
//!
//! Everything that is generated, assembled or checked has its task here, so that a person and CI run the same
//! thing. A task prints each command before it runs it, and stops at the first that fails.

use std::process::ExitCode;

use clap::{Parser, Subcommand};

mod bench;
mod cluster;
mod components;
mod crds;
mod fuzz;
mod generated;
mod proto;
mod shell;
mod steps;
mod test;

/// Tasks of the repository.
#[derive(Parser)]
#[command(name = "cargo xtask", bin_name = "cargo xtask")]
struct Arguments {
    #[command(subcommand)]
    task: Task,
}

#[derive(Subcommand)]
enum Task {
    /// Run every check there is: format, lints, features, all tests with the real components, licences
    Test(test::Arguments),
    /// Build or install what tests and benchmarks run against, where it is missing
    Components(components::Arguments),
    /// Whole Kubernetes clusters on this machine, as the tests have them
    Cluster(cluster::Arguments),
    /// Two clusters with an application in both, and a page that says what to try: until Ctrl-C
    Demo,
    /// Generate the code of the gRPC services from `proto/`
    Proto {
        /// Only say whether what is committed is current
        #[arg(long)]
        check: bool,
    },
    /// Generate the CustomResourceDefinitions of the chart from the Rust types
    Crds {
        /// Only say whether what is committed is current
        #[arg(long)]
        check: bool,
    },
    /// Measure MCI beside other servers and print one table of ratios; with --check, judge a report
    Bench(bench::Arguments),
    /// Run each fuzz target for a while, with the nightly toolchain
    Fuzz(fuzz::Arguments),
}

fn main() -> ExitCode {
    let result = match Arguments::parse().task {
        Task::Test(arguments) => test::run(&arguments),
        Task::Components(arguments) => components::run(&arguments),
        Task::Cluster(arguments) => cluster::run(&arguments),
        Task::Demo => cluster::demo(),
        Task::Proto { check } => proto::run(check),
        Task::Crds { check } => crds::run(check),
        Task::Bench(arguments) => bench::run(&arguments),
        Task::Fuzz(arguments) => fuzz::run(&arguments),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("\nerror: {error:#}");
            ExitCode::FAILURE
        }
    }
}
