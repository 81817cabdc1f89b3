//! Runs each fuzz target for a while: random octets at messages, state files and policy files.

use std::process::Command;

use anyhow::{Context as _, Result, bail};

use crate::components::{self, Purpose};
use crate::shell;

/// cargo-fuzz needs the sanitizers of nightly.
const TOOLCHAIN: &str = "nightly";

/// Arguments of `cargo xtask fuzz`.
#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// Targets to run; all, where none is named
    targets: Vec<String>,
    /// How long to run each target, in seconds
    #[arg(long, default_value_t = 60, value_parser = clap::value_parser!(u32).range(1..))]
    seconds: u32,
}

/// Runs the targets one after the other, and stops at the first that finds something.
pub(crate) fn run(arguments: &Arguments) -> Result<()> {
    let folder = shell::repository().join("fuzz");
    if !folder.join("Cargo.toml").exists() {
        bail!("there are no fuzz targets: {} is missing", folder.join("Cargo.toml").display());
    }
    components::ensure(&[Purpose::Fuzzing])?;
    let all = shell::output(cargo_fuzz()?.arg("list")).with_context(|| {
        format!("the {TOOLCHAIN} toolchain is needed: `rustup toolchain install {TOOLCHAIN}`")
    })?;
    let all: Vec<&str> = all.lines().collect();
    for target in &arguments.targets {
        if !all.contains(&target.as_str()) {
            bail!("there is no fuzz target `{target}`; the targets are {}", all.join(", "));
        }
    }
    let chosen = all.iter().filter(|target| {
        arguments.targets.is_empty() || arguments.targets.iter().any(|wanted| wanted == *target)
    });
    for target in chosen {
        eprintln!("\n== {target}: {} s", arguments.seconds);
        let limit = format!("-max_total_time={}", arguments.seconds);
        shell::run(cargo_fuzz()?.args(["run", target, "--", &limit])).with_context(|| {
            format!("fuzz/artifacts/{target} holds the input; `cargo xtask fuzz {target}` goes on")
        })?;
    }
    Ok(())
}

/// `cargo fuzz`, run by the nightly toolchain.
fn cargo_fuzz() -> Result<Command> {
    let mut command = Command::new("rustup");
    command.args(["run", TOOLCHAIN]).arg(components::executable("cargo-fuzz")?);
    // Else it would build with the cargo and the toolchain that run this task.
    command.env_remove("CARGO").env_remove("RUSTUP_TOOLCHAIN").current_dir(shell::repository());
    Ok(command)
}
