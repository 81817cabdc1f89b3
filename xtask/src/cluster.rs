//! `cargo xtask cluster` and `cargo xtask demo`: the clusters of the tests for a person.
//!
//! What they do is in the crate of the tests, in its programs `cluster` and `demo`; here is only what those need to be
//! there.

use std::os::unix::process::CommandExt as _;
use std::process::Command;

use anyhow::{Context as _, Result};

use crate::components::{self, Purpose};
use crate::shell;

/// Arguments of `cargo xtask cluster`.
#[derive(clap::Args)]
pub(crate) struct Arguments {
    #[command(subcommand)]
    action: Action,
}

#[derive(clap::Subcommand)]
enum Action {
    /// Start clusters, print their kubeconfigs, and end them at Ctrl-C
    Up {
        /// How many, up to four
        #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u8).range(1..=4))]
        clusters: u8,
        /// Return once they are ready, and leave them running
        #[arg(long)]
        detach: bool,
        /// Install the chart, and run operator, orchestrator and dns-server in each
        #[arg(long)]
        mci: bool,
    },
    /// End those that were started with `up --detach`
    Down,
}

/// Becomes that program.
pub(crate) fn run(arguments: &Arguments) -> Result<()> {
    let mut command = program("cluster");
    match arguments.action {
        Action::Up { clusters, detach, mci } => {
            components::ensure(&[Purpose::Tests])?;
            command.env("MCI_COMPONENTS", components::root()?);
            command.args(["up", "--clusters", &clusters.to_string()]);
            command.args(detach.then_some("--detach")).args(mci.then_some("--mci"));
        }
        Action::Down => {
            command.arg("down");
        }
    }
    become_it(command)
}

/// The same for two clusters that are each other's peers.
pub(crate) fn demo() -> Result<()> {
    components::ensure(&[Purpose::Tests])?;
    let mut command = program("demo");
    command.env("MCI_COMPONENTS", components::root()?);
    become_it(command)
}

fn program(name: &str) -> Command {
    shell::cargo(["run", "--quiet", "--locked", "--package", "mci-tests", "--bin", name, "--"])
}

fn become_it(mut command: Command) -> Result<()> {
    // In this process's place: Ctrl-C is for it alone, and who waits for this waits until it has put away everything.
    Err(command.exec()).context("cannot start cargo")
}
