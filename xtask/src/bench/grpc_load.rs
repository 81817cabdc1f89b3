//! Load over gRPC, by `grpc-load` of the tests' package: one connection, as `CoreDNS` has it.

use std::path::Path;
use std::process::Command;
use std::time::Duration;

use anyhow::{Context as _, Result};
use serde::Deserialize;

use super::Bench;
use super::process::{Core, on};
use crate::shell;

/// What became of the queries. Each had an answer, or the run failed.
#[derive(Clone, Copy, Debug, Deserialize)]
pub(super) struct Load {
    pub(super) requests: f64,
}

/// Keeps so many streams busy.
pub(super) fn run(bench: &Bench, target: &str, queries: &Path, streams: u32, time: Duration) -> Result<Load> {
    let mut command = Command::new(&bench.programs.grpc_load);
    command.args(["--target", target, "--streams", &streams.to_string()]);
    command.args(["--seconds", &time.as_secs_f64().to_string(), "--queries"]).arg(queries);
    let said = shell::output(&mut on(Core::Load, &command))?;
    serde_json::from_str(&said).with_context(|| format!("grpc-load said {said:?}"))
}
