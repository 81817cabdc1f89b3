//! Builds one program into its folder, atomically: what is there is always whole.

use std::fs;
use std::path::Path;
use std::process::{self, Command};
use std::time::Instant;

use anyhow::{Context as _, Result, bail};
use serde_json::Value;

use super::{Program, Source, golang};
use crate::shell;

/// Builds into a folder beside the final one and renames it, so that a build that is interrupted leaves
/// nothing that looks finished.
pub(super) fn build(program: &Program, root: &Path) -> Result<()> {
    let what = format!("{} {}", program.name, program.version);
    eprintln!("Building {what}, once for this machine (a few minutes)");
    let started = Instant::now();
    let unfinished = root.join(format!(".building-{}-{}", program.name, process::id()));
    let built = compile(program, &what, &unfinished).and_then(|()| put_in_place(program, root, &unfinished));
    if built.is_err() {
        // The reason of the failure matters more than what is left of it.
        let _ = fs::remove_dir_all(&unfinished);
    }
    built.with_context(|| format!("cannot build {what}"))?;
    eprintln!("Built {what} in {} s", started.elapsed().as_secs());
    Ok(())
}

fn compile(program: &Program, what: &str, folder: &Path) -> Result<()> {
    fs::create_dir_all(folder)?;
    match program.source {
        Source::Go { package } => {
            let mut command = golang::toolchain()?.command();
            command.args(["install", &format!("{package}@v{}", program.version)]).env("GOBIN", folder);
            shell::run_with_progress(what, &mut command)
        }
        Source::GoModule { module, package, stamp } => {
            let mut command = golang::toolchain()?.command();
            let stamps: String = stamp.iter().flat_map(|variable| [" -X ", variable]).collect();
            command.current_dir(shell::repository().join("xtask/tools").join(module));
            command.args(["build", "-mod=readonly", "-trimpath", "-ldflags", &format!("-s -w{stamps}")]);
            command.arg("-o").arg(folder.join(program.name)).arg(package);
            shell::run_with_progress(what, &mut command)
        }
        Source::GoFiles { module, folder: files } => {
            let mut command = golang::toolchain()?.command();
            command.args(["mod", "download", "-json", &format!("{module}@v{}", program.version)]);
            let said: Value = serde_json::from_str(&shell::output(&mut command)?)?;
            let downloaded = said.get("Dir").and_then(Value::as_str).context("go said no folder")?;
            copy_files(&Path::new(downloaded).join(files), &folder.join(program.name))
        }
        Source::Cargo => {
            let mut command =
                shell::cargo(["install", "--locked", program.name, "--version", program.version]);
            command.arg("--root").arg(folder);
            // Its intermediate files go where they are thrown away, and not among those of the repository.
            command.env("CARGO_TARGET_DIR", folder.join("target"));
            shell::run_with_progress(what, &mut command)?;
            Ok(fs::remove_dir_all(folder.join("target"))?)
        }
    }
}

/// The files of a folder, and not those of folders in it.
fn copy_files(from: &Path, to: &Path) -> Result<()> {
    fs::create_dir(to)?;
    for entry in fs::read_dir(from).with_context(|| format!("cannot read {}", from.display()))? {
        let entry = entry?;
        if entry.file_type()?.is_file() {
            // Not copied with its rights: Go's cache is read-only.
            fs::write(to.join(entry.file_name()), fs::read(entry.path())?)?;
        }
    }
    Ok(())
}

fn put_in_place(program: &Program, root: &Path, unfinished: &Path) -> Result<()> {
    let folder = program.folder(root);
    if folder.exists() {
        // Without its executable, or nobody would be building it.
        fs::remove_dir_all(&folder)?;
    }
    fs::rename(unfinished, &folder)
        .with_context(|| format!("cannot rename {} to {}", unfinished.display(), folder.display()))?;
    let executable = program.executable(root);
    if !executable.exists() {
        bail!("the build ended well, but {} is not there", executable.display());
    }
    if matches!(program.source, Source::GoFiles { .. }) {
        return Ok(());
    }
    // A version that cannot even be asked for help is broken: better known now than in the middle of a test.
    shell::output(Command::new(&executable).arg("--help").stderr(process::Stdio::null()))
        .map(drop)
        .or_else(|_| shell::output(Command::new(&executable).arg("-version")).map(drop))
}
