//! Generates `mci-grpc/src/generated/` from `proto/`, and says when it is stale.
//!
//! What is generated is committed, so that nobody needs `protoc`, and a build of the product needs no generator.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::{env, fs};

use anyhow::{Context as _, Result, bail, ensure};
use prost::Message as _;

/// The interface definitions, below `proto/`.
const DEFINITIONS: [&str; 1] = ["coredns/dns.proto"];
/// Where the generated files are, below the repository's root.
const GENERATED: &str = "mci-grpc/src/generated";
/// What reflection tells clients.
const DESCRIPTORS: &str = "descriptors.bin";

/// Writes the generated files; with `check`, changes nothing and fails where they differ.
pub(crate) fn run(check: bool) -> Result<()> {
    let root = root()?;
    let committed = root.join(GENERATED);
    let fresh = tempfile::tempdir().context("a folder for the generated files")?;
    generate(&root.join("proto"), fresh.path())?;
    if check {
        return compare(fresh.path(), &committed);
    }
    fs::create_dir_all(&committed).with_context(|| format!("making {}", committed.display()))?;
    for name in names(&committed)? {
        fs::remove_file(committed.join(&name))?;
    }
    for name in names(fresh.path())? {
        fs::copy(fresh.path().join(&name), committed.join(&name))?;
        println!("{GENERATED}/{name}");
    }
    Ok(())
}

/// The repository's root: the folder that holds this package.
fn root() -> Result<PathBuf> {
    let package = Path::new(env!("CARGO_MANIFEST_DIR"));
    Ok(package.parent().context("xtask is a folder of the repository")?.to_path_buf())
}

fn generate(proto: &Path, out: &Path) -> Result<()> {
    let descriptors = protox::compile(DEFINITIONS, [proto]).context("reading proto/")?;
    fs::write(out.join(DESCRIPTORS), descriptors.encode_to_vec())?;
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
        .arg(root()?)
        .arg(file)
        .status()
        .context("rustfmt does not start: install it with `rustup component add rustfmt`")?;
    ensure!(status.success(), "rustfmt fails on {}", file.display());
    Ok(())
}

fn compare(fresh: &Path, committed: &Path) -> Result<()> {
    const FIX: &str = "run `cargo xtask proto` and commit what it writes";
    let (expected, found) = (names(fresh)?, names(committed).context(FIX)?);
    ensure!(expected == found, "{GENERATED} holds {found:?}, and should hold {expected:?}: {FIX}");
    for name in expected {
        if fs::read(fresh.join(&name))? != fs::read(committed.join(&name))? {
            bail!("{GENERATED}/{name} is stale: {FIX}");
        }
    }
    Ok(())
}

/// The names of the files in a folder, sorted.
fn names(folder: &Path) -> Result<Vec<String>> {
    let mut names = Vec::new();
    for entry in fs::read_dir(folder).with_context(|| format!("reading {}", folder.display()))? {
        let name = entry?.file_name().into_string();
        names.push(name.ok().context("a file's name is not UTF-8")?);
    }
    names.sort();
    Ok(names)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn generated_code_is_current() {
        run(true).expect("current");
    }

    #[test]
    fn stale_code_is_told_with_the_command_that_renews_it() {
        let (fresh, committed) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        fs::write(fresh.path().join("a.rs"), "new").unwrap();
        fs::write(committed.path().join("a.rs"), "old").unwrap();
        let error = compare(fresh.path(), committed.path()).unwrap_err().to_string();
        assert_eq!(
            error,
            "mci-grpc/src/generated/a.rs is stale: run `cargo xtask proto` and commit what it writes"
        );
    }
}
