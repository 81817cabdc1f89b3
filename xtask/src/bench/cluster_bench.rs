//! Measurements in a whole cluster, by `cluster-bench` of the tests' package: it starts one, and tells what it saw.

use std::collections::BTreeMap;
use std::process::Command;

use anyhow::{Context as _, Result};
use serde::de::DeserializeOwned;

use super::Bench;
use crate::components;
use crate::shell;

/// Something by name: of a process, or of a kind of object.
pub(super) type ByName = BTreeMap<String, f64>;

/// Measures a number in a cluster of its own.
pub(super) fn run<T: DeserializeOwned>(bench: &Bench, number: &str) -> Result<T> {
    let mut command = Command::new(&bench.programs.cluster_bench);
    command.arg(number).args(bench.quick.then_some("--quick"));
    command.env("MCI_BIN", &bench.programs.mci).env("MCI_COMPONENTS", components::root()?);
    let said = shell::output(&mut command)?;
    serde_json::from_str(&said).with_context(|| format!("cluster-bench {number} said {said:?}"))
}
