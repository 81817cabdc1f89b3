//! Benchmarks of the parts, by criterion: run on the core of the servers, their estimates read.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use anyhow::{Context as _, Result, bail};
use serde_json::Value;

use super::Bench;
use super::build::{PROFILE, TARGET};
use super::process::{Core, on};
use crate::shell::{self, cargo};

/// A mean with its 95 % interval, in nanoseconds.
#[derive(Clone, Copy, Debug)]
pub(super) struct Mean {
    pub(super) value: f64,
    low: f64,
    high: f64,
}

impl Mean {
    /// The interval, for people.
    pub(super) fn interval(self) -> String {
        format!("95 %: {:.0} to {:.0} ns", self.low, self.high)
    }
}

/// Runs the benchmarks of `mci-core` in one of its files whose names match `filter`, and returns their means.
pub(super) fn run(bench: &Bench, file: &str, filter: &str) -> Result<BTreeMap<String, Mean>> {
    let home = bench.folder(&format!("criterion-{file}"))?;
    let command = || {
        let mut command = cargo(["bench", "--locked", "--package", "mci-core", "--profile", PROFILE]);
        command.args(["--target", TARGET, "--bench", file]);
        command
    };
    shell::run_with_progress("the benchmark", command().arg("--no-run"))?;
    let mut command = command();
    command.env("CRITERION_HOME", &home).env_remove("MCI_BENCH_HOSTNAMES").args(["--", filter, "--noplot"]);
    if bench.quick {
        command.args(["--warm-up-time", "0.5", "--measurement-time", "1", "--sample-size", "10"]);
    }
    shell::run_with_progress("the benchmark", &mut on(Core::Server, &command))?;
    let mut means = BTreeMap::new();
    read(&home, &mut means)?;
    if means.is_empty() {
        bail!("criterion measured nothing that matches {filter:?}");
    }
    Ok(means)
}

/// The mean of a benchmark, by its name in the code: `GROUP/FUNCTION`.
pub(super) fn mean(means: &BTreeMap<String, Mean>, name: &str) -> Result<Mean> {
    means.get(name).copied().with_context(|| format!("there is no benchmark {name:?}: {:?}", means.keys()))
}

/// Criterion writes a folder `new` for each benchmark, with its name and its estimates in two files.
fn read(folder: &Path, means: &mut BTreeMap<String, Mean>) -> Result<()> {
    let (name, estimates) = (folder.join("benchmark.json"), folder.join("estimates.json"));
    if folder.ends_with("new") && name.exists() {
        let (name, estimates) = (json(&name)?, json(&estimates)?);
        let number = |path: &str| {
            let value = estimates.pointer(path).and_then(Value::as_f64);
            value.with_context(|| format!("criterion's estimates have no {path}"))
        };
        let mean = Mean {
            value: number("/mean/point_estimate")?,
            low: number("/mean/confidence_interval/lower_bound")?,
            high: number("/mean/confidence_interval/upper_bound")?,
        };
        let name =
            name.get("full_id").and_then(Value::as_str).context("criterion's benchmark has no full_id")?;
        means.insert(name.to_owned(), mean);
    }
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        if path.is_dir() {
            read(&path, means)?;
        }
    }
    Ok(())
}

fn json(path: &Path) -> Result<Value> {
    let text = fs::read_to_string(path).with_context(|| format!("reading {}", path.display()))?;
    serde_json::from_str(&text).with_context(|| format!("{} is no JSON", path.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn estimates_are_found_by_the_name_in_the_code() {
        let home = tempfile::tempdir().unwrap();
        let new = home.path().join("S1_100000").join("uniform").join("new");
        fs::create_dir_all(&new).unwrap();
        fs::write(new.join("benchmark.json"), r#"{"group_id":"S1/100000","full_id":"S1/100000/uniform"}"#)
            .unwrap();
        let estimates =
            r#"{"mean":{"confidence_interval":{"lower_bound":90.6,"upper_bound":95},"point_estimate":92.5}}"#;
        fs::write(new.join("estimates.json"), estimates).unwrap();
        let mut means = BTreeMap::new();
        read(home.path(), &mut means).unwrap();
        let found = mean(&means, "S1/100000/uniform").unwrap();
        assert_eq!((found.value, found.interval().as_str()), (92.5, "95 %: 91 to 95 ns"));
        assert!(mean(&means, "S1/1").is_err());
    }
}
