//! The machine that measured, and what it measured with.

use std::fmt;
use std::fs;
use std::process::Command;
use std::thread;

use anyhow::{Result, bail};
use serde::{Deserialize, Serialize};

use super::Bench;
use crate::shell;

/// What a reader needs to know to compare.
#[derive(Debug, Default, Serialize, Deserialize)]
pub(super) struct Machine {
    processor: String,
    cores: usize,
    memory_gib: u64,
    kernel: String,
    date: String,
    commit: String,
    programs: Vec<String>,
}

impl fmt::Display for Machine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Machine { processor, cores, memory_gib, kernel, date, commit, programs } = self;
        write!(f, "{date}, commit {commit}: {processor}, {cores} cores, {memory_gib} GiB, {kernel}; ")?;
        write!(f, "{}.", programs.join(", "))
    }
}

/// Fails where server and load cannot each have a core.
pub(super) fn two_cores() -> Result<()> {
    let cores = cores();
    if cores < 2 {
        bail!(
            "benchmarks need two cores, one for the server and one for the load; this process may use {cores}"
        );
    }
    Ok(())
}

/// Reads it from the system.
pub(super) fn describe(bench: &Bench) -> Result<Machine> {
    let first = |command: &mut Command| -> Result<String> {
        Ok(shell::output(command)?.lines().next().unwrap_or_default().trim().to_owned())
    };
    let commit =
        first(Command::new("git").args(["describe", "--always", "--dirty"]).current_dir(shell::repository()));
    Ok(Machine {
        processor: field("/proc/cpuinfo", "model name").unwrap_or_default(),
        cores: cores(),
        memory_gib: field("/proc/meminfo", "MemTotal")
            .and_then(|text| text.split_whitespace().next()?.parse::<u64>().ok())
            .map_or(0, |kib| (kib + (1 << 19)) >> 20),
        kernel: first(Command::new("uname").args(["-s", "-r", "-m"]))?,
        date: first(Command::new("date").args(["-u", "+%Y-%m-%d %H:%M UTC"]))?,
        // A tree without its history measures as well.
        commit: commit.unwrap_or_else(|_| "unknown".to_owned()),
        programs: vec![
            first(Command::new(&bench.programs.mci).arg("--version"))?,
            first(Command::new(&bench.programs.coredns).arg("-version"))?,
            // Both tell their versions on standard error, beside an error.
            said(&bench.programs.gdnsd, "version").replace(" version", ""),
            said(&bench.programs.dnsperf, "Version").replace("Version", "dnsperf"),
        ],
    })
}

fn cores() -> usize {
    thread::available_parallelism().map_or(1, std::num::NonZeroUsize::get)
}

/// The value of the first `name : value` of a file below `/proc`.
fn field(path: &str, name: &str) -> Option<String> {
    let text = fs::read_to_string(path).ok()?;
    text.lines().find_map(|line| {
        let (key, value) = line.split_once(':')?;
        (key.trim() == name).then(|| value.trim().to_owned())
    })
}

/// The first line with a word in it, of what a program says to `-h`.
fn said(program: &std::path::Path, word: &str) -> String {
    let output = Command::new(program).arg("-h").output();
    let text = output.map(|output| [output.stdout, output.stderr].concat()).unwrap_or_default();
    let text = String::from_utf8_lossy(&text);
    text.lines().find(|line| line.contains(word)).unwrap_or_default().trim().to_owned()
}
