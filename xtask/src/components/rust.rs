//! The targets of the Rust toolchain that is pinned by `rust-toolchain.toml`.

use std::process::Command;

use anyhow::{Context as _, Result};

use super::Purpose;
use crate::shell;

const TARGETS: &[(&str, Purpose)] =
    &[("wasm32-unknown-unknown", Purpose::Tests), ("x86_64-unknown-linux-musl", Purpose::Benchmarks)];

/// Adds the targets of these purposes that are not installed.
pub(super) fn ensure_targets(purposes: &[Purpose]) -> Result<()> {
    let installed = installed()?;
    for (target, purpose) in TARGETS {
        if purposes.contains(purpose) && !installed.iter().any(|other| other == target) {
            shell::run(rustup().args(["target", "add", target]))?;
        }
    }
    Ok(())
}

/// Each target with whether it is installed.
pub(super) fn places() -> Result<Vec<(String, Option<String>)>> {
    let installed = installed()?;
    Ok(TARGETS
        .iter()
        .map(|(target, _)| {
            let there = installed.iter().any(|other| other == target);
            ((*target).to_owned(), there.then(|| "installed by rustup".to_owned()))
        })
        .collect())
}

fn installed() -> Result<Vec<String>> {
    let said = shell::output(rustup().args(["target", "list", "--installed"]))
        .context("rustup is needed: https://rustup.rs")?;
    Ok(said.lines().map(str::to_owned).collect())
}

/// `rustup` in the repository, where it reads which toolchain is meant.
fn rustup() -> Command {
    let mut command = Command::new("rustup");
    command.current_dir(shell::repository());
    command
}
