//! Generates `charts/multicluster-ingress/crds/` from the Rust types, and says when it is stale.
//!
//! The definitions are made by an example of `mci-kube`, so that this package depends on none of the product's.

use anyhow::{Context as _, Result};

use crate::generated::Generated;
use crate::shell::{self, cargo};

const GENERATED: Generated =
    Generated { folder: "charts/multicluster-ingress/crds", command: "cargo xtask crds" };

/// Writes the definitions; with `check`, changes nothing and fails where they differ.
pub(crate) fn run(check: bool) -> Result<()> {
    let fresh = tempfile::tempdir().context("a folder for the definitions")?;
    let mut command =
        cargo(["run", "--quiet", "--locked", "--package", "mci-kube", "--example", "crds", "--"]);
    shell::run(command.arg(fresh.path()))?;
    GENERATED.settle(fresh.path(), check)
}
