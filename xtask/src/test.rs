//! `cargo xtask test`: every check there is, in steps, from the quickest to find something to the slowest.
//!
//! It skips nothing: a component that is missing is built, or the task fails and says what to install.

use std::process::Command;

use anyhow::{Context as _, Result, bail};
use serde_json::Value;

use crate::components::{self, Purpose};
use crate::crds;
use crate::proto;
use crate::shell::{self, cargo};
use crate::steps::{self, Step};

/// Arguments of `cargo xtask test`.
#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// Run this step alone (repeatable)
    #[arg(long, value_name = "STEP")]
    only: Vec<String>,
    /// Print the steps and run none
    #[arg(long)]
    list: bool,
}

const STEPS: &[Step] = &[
    Step { name: "components", about: "the real servers and tools are there", run: components },
    Step { name: "format", about: "cargo fmt changes nothing", run: format },
    Step {
        name: "generated",
        about: "what is committed is what `cargo xtask proto` and `crds` write",
        run: generated,
    },
    Step { name: "clippy", about: "no warnings in any target", run: clippy },
    Step { name: "features", about: "each feature of mci-core alone, none, and WebAssembly", run: features },
    Step { name: "deny", about: "licences, sources and duplicates of the dependencies", run: deny },
    Step { name: "build", about: "every test and program of the workspace", run: build },
    Step { name: "unit", about: "unit and property tests", run: unit },
    Step { name: "e2e", about: "integration and end-to-end tests, with the real CoreDNS", run: end_to_end },
    Step { name: "doc", about: "the examples in the documentation", run: doc },
];

/// Runs the steps.
pub(crate) fn run(arguments: &Arguments) -> Result<()> {
    if arguments.list {
        for step in STEPS {
            println!("{:<11} {}", step.name, step.about);
        }
        return Ok(());
    }
    steps::run(STEPS, &arguments.only)
}

fn components() -> Result<()> {
    components::ensure(&[Purpose::Tests])
}

fn format() -> Result<()> {
    shell::run(&mut cargo(["fmt", "--all", "--check"])).context("`cargo fmt --all` puts it right")
}

fn generated() -> Result<()> {
    proto::run(true)?;
    crds::run(true)
}

fn clippy() -> Result<()> {
    shell::run(&mut cargo([
        "clippy",
        "--workspace",
        "--all-targets",
        "--all-features",
        "--locked",
        "--",
        "-Dwarnings",
    ]))
}

/// `mci-core` is there to be embedded: with none of its features, with each alone, and in a browser.
fn features() -> Result<()> {
    let lint = |arguments: &[&str]| {
        let mut command = cargo(["clippy", "--package", "mci-core", "--lib", "--locked"]);
        // What only another feature uses is no dead code.
        shell::run(command.args(arguments).args(["--", "-Dwarnings", "-Adead_code"]))
    };
    lint(&["--no-default-features"])?;
    for feature in features_of("mci-core")? {
        lint(&["--no-default-features", "--features", &feature])?;
    }
    lint(&["--target", "wasm32-unknown-unknown"])
}

/// The features that a package declares, `default` aside.
fn features_of(package: &str) -> Result<Vec<String>> {
    let metadata = shell::output(&mut cargo(["metadata", "--format-version=1", "--no-deps", "--locked"]))?;
    let metadata: Value = serde_json::from_str(&metadata).context("cargo metadata printed no JSON")?;
    let features = metadata
        .get("packages")
        .and_then(Value::as_array)
        .and_then(|packages| {
            packages.iter().find(|found| found.get("name").is_some_and(|name| name == package))
        })
        .and_then(|package| package.get("features"))
        .and_then(Value::as_object)
        .with_context(|| format!("cargo metadata tells nothing of the features of {package}"))?;
    Ok(features.keys().filter(|feature| *feature != "default").cloned().collect())
}

/// Without the database of advisories, which has to be fetched: a build must not depend on that.
fn deny() -> Result<()> {
    let deny = components::executable("cargo-deny")?;
    if !deny.exists() {
        bail!("cargo-deny is missing: `cargo xtask components` builds it");
    }
    let check = |arguments: &[&str]| {
        let mut command = Command::new(&deny);
        command.args(["--workspace", "--locked"]).args(arguments).current_dir(shell::repository());
        shell::run(&mut command)
    };
    check(&["check", "licenses", "sources"])?;
    // Two versions of one package cost something where they are shipped.
    check(&["--exclude", "xtask", "--exclude", "mci-tests", "check", "bans"])
}

// The steps below choose among the targets of one and the same selection of packages: what `build` builds
// serves them all.

fn build() -> Result<()> {
    shell::run(&mut cargo(["test", "--workspace", "--no-run", "--locked"]))
}

fn unit() -> Result<()> {
    shell::run(&mut cargo(["test", "--workspace", "--locked", "--lib", "--bins", "--examples"]))
}

fn end_to_end() -> Result<()> {
    // One program of tests that fails does not hide what the others say.
    let mut command = cargo(["test", "--workspace", "--locked", "--no-fail-fast", "--test", "*"]);
    // What the tests would skip for want of a component, they fail for.
    command.env("MCI_TEST_REQUIRE", "all").env("MCI_COMPONENTS", components::root()?);
    shell::run(&mut command)
}

fn doc() -> Result<()> {
    shell::run(&mut cargo(["test", "--workspace", "--locked", "--doc"]))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_features_of_the_core_are_read_from_its_manifest() {
        let features = features_of("mci-core").unwrap();
        assert!(features.contains(&"wire".to_owned()), "{features:?}");
        assert!(!features.contains(&"default".to_owned()), "{features:?}");
    }
}
