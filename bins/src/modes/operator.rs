//! `mci operator`: publishes what this cluster exposes.

use std::process::ExitCode;

use crate::cli;

/// Runs until a signal comes.
pub(crate) fn operator(_arguments: &cli::Operator) -> anyhow::Result<ExitCode> {
    anyhow::bail!("not yet")
}
