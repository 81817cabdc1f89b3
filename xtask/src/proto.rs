//! Generates `mci-grpc/src/generated/` from `proto/`, and says when it is stale.
//!
//! What is generated is committed, so that nobody needs `protoc`, and a build of the product needs no generator.

use std::path::Path;
use std::process::Command;
use std::{env, fs};

use anyhow::{Context as _, Result, ensure};
use prost::Message as _;

use crate::generated::{Generated, names};
use crate::shell::repository;

/// The interface definitions that reflection tells of, below `proto/`.
const REFLECTED: &str = "coredns/dns.proto";
/// The others.
const DEFINITIONS: [&str; 1] = ["mci/peer/v1/peer_sync.proto"];
/// Where the generated files are, below the repository's root.
const GENERATED: Generated = Generated { folder: "mci-grpc/src/generated", command: "cargo xtask proto" };
/// What reflection tells clients.
const DESCRIPTORS: &str = "descriptors.bin";

/// Writes the generated files; with `check`, changes nothing and fails where they differ.
pub(crate) fn run(check: bool) -> Result<()> {
    let fresh = tempfile::tempdir().context("a folder for the generated files")?;
    generate(&repository().join("proto"), fresh.path())?;
    GENERATED.settle(fresh.path(), check)
}

fn generate(proto: &Path, out: &Path) -> Result<()> {
    let reflected = protox::compile([REFLECTED], [proto]).context("reading proto/")?;
    fs::write(out.join(DESCRIPTORS), reflected.encode_to_vec())?;
    let all = DEFINITIONS.into_iter().chain([REFLECTED]);
    let descriptors = protox::compile(all, [proto]).context("reading proto/")?;
    tonic_prost_build::configure()
        // DNS messages are slices of the buffer that was received.
        .bytes(".")
        .out_dir(out)
        .compile_fds(descriptors)
        .context("generating code")?;
    for name in names(out)?.iter().filter(|name| *name != DESCRIPTORS) {
        format(&out.join(name))?;
    }
    Ok(())
}

/// Formats as the rest of the repository is, so that `cargo fmt --check` agrees.
fn format(file: &Path) -> Result<()> {
    let status = Command::new(env::var_os("RUSTFMT").unwrap_or_else(|| "rustfmt".into()))
        .args(["--edition", "2024", "--config-path"])
        .arg(repository())
        .arg(file)
        .status()
        .context("rustfmt does not start: install it with `rustup component add rustfmt`")?;
    ensure!(status.success(), "rustfmt fails on {}", file.display());
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn generated_code_is_current() {
        run(true).expect("current");
    }
}
