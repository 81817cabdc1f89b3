//! The programs that are measured and those that measure, as they are shipped: static, mimalloc, profile `dist`.

use std::env;
use std::path::PathBuf;

use anyhow::{Context as _, Result};

use crate::components;
use crate::shell::{self, cargo};

pub(super) const TARGET: &str = "x86_64-unknown-linux-musl";
pub(super) const PROFILE: &str = "dist";

/// Where every program is.
pub(super) struct Programs {
    pub(super) mci: PathBuf,
    /// A tonic server that copies bytes.
    pub(super) grpc_stub: PathBuf,
    /// A load generator for gRPC.
    pub(super) grpc_load: PathBuf,
    /// What measures a whole cluster.
    pub(super) cluster_bench: PathBuf,
    pub(super) coredns: PathBuf,
    pub(super) gdnsd: PathBuf,
    pub(super) dnsperf: PathBuf,
}

/// How what is ours is built.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Build {
    /// As it is shipped.
    Shipped,
    /// As `cargo build` does: quickly, and a hundred times slower.
    Debug,
}

/// Builds what is ours, and finds the others.
pub(super) fn run(how: Build) -> Result<Programs> {
    // Nothing is fetched any more once the measurements have a network of their own.
    shell::run(&mut cargo(["fetch", "--locked"]))?;
    // In two builds: what the helpers want of a library is not to be in the product.
    build(how, "the product", &["--package", "mci", "--bin", "mci"])?;
    let helpers =
        ["--package", "mci-tests", "--bin", "grpc-stub", "--bin", "grpc-load", "--bin", "cluster-bench"];
    build(how, "the helpers", &helpers)?;
    let target =
        env::var_os("CARGO_TARGET_DIR").map_or_else(|| shell::repository().join("target"), PathBuf::from);
    let built = match how {
        Build::Shipped => target.join(TARGET).join(PROFILE),
        Build::Debug => target.join("debug"),
    };
    let installed =
        |program: &str| shell::find(program).with_context(|| format!("{program} is not to be found"));
    Ok(Programs {
        mci: built.join("mci"),
        grpc_stub: built.join("grpc-stub"),
        grpc_load: built.join("grpc-load"),
        cluster_bench: built.join("cluster-bench"),
        coredns: components::executable("coredns")?,
        gdnsd: installed("gdnsd")?,
        dnsperf: installed("dnsperf")?,
    })
}

fn build(how: Build, what: &str, selection: &[&str]) -> Result<()> {
    let mut command = cargo(["build", "--locked"]);
    if how == Build::Shipped {
        command.args(["--profile", PROFILE, "--target", TARGET]);
    }
    shell::run_with_progress(what, command.args(selection))
}
