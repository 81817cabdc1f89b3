//! `mci validate`.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{anyhow, bail};
use mci_core::state_file::Problem;
use mci_kube::offline::Offline;
use serde_json::json;

use super::{Out, write_data};
use crate::cli::Validate;
use crate::config;
use crate::facts::{headline, parse, summary};
use crate::files::{Content, Sources, Unreadable, read, states_of, tests_of};
use crate::manifests;
use crate::policy::{self, is_policy};
use crate::progress::during;

/// What came of the check.
#[derive(Default)]
struct Findings {
    /// What is right, a line each.
    right: Vec<String>,
    warnings: Vec<Problem>,
    /// What is wrong, with a place.
    problems: Vec<Problem>,
    /// How many there are, those included that were too many to keep.
    count: usize,
    /// Files that cannot be read.
    unreadable: Vec<String>,
}

/// Checks anything that MCI reads.
pub(crate) fn validate(arguments: &Validate, out: Out<'_>) -> anyhow::Result<ExitCode> {
    let findings = during("Checking", || check(&arguments.files))?;
    let Findings { right, warnings, problems, count, unreadable } = &findings;
    let wrong = count + unreadable.len();
    if arguments.output.format.is_data() {
        let data = json!({
            "valid": wrong == 0, "right": right, "warnings": warnings, "problems": problems, "unreadable": unreadable,
        });
        write_data(out, arguments.output.format, &data)?;
        return Ok(ExitCode::from(if wrong == 0 { 0 } else { 2 }));
    }
    for line in right {
        writeln!(out, "{line}")?;
    }
    for warning in warnings {
        writeln!(out, "warning: {warning}")?;
    }
    if wrong == 0 {
        return Ok(ExitCode::SUCCESS);
    }
    out.flush()?;
    let lines: Vec<String> =
        unreadable.iter().cloned().chain(problems.iter().map(ToString::to_string)).collect();
    let more = wrong - lines.len();
    let more = if more > 0 { format!("\nand {more} more") } else { String::new() };
    let what = Sources::new(arguments.files.iter().cloned());
    Err(anyhow!("{}\n{}{more}", headline(&what, wrong), lines.join("\n")))
}

fn check(named: &[PathBuf]) -> anyhow::Result<Findings> {
    let mut findings = Findings::default();
    let (mut states, mut tests) = (Vec::new(), Vec::new());
    let (mut configs, mut objects) = (Vec::new(), Vec::new());
    // Each file is read once, so that pipes can be checked too.
    for path in named {
        let files = if path.is_dir() { of_directory(path)? } else { vec![path.clone()] };
        for path in files {
            match read(&path) {
                Ok(content) if is_policy(&path, &content.octets) => tests.push((path, content)),
                Ok(content) if manifests::text(&content).is_some() => objects.push(content),
                Ok(content) if config::is_config(&content.octets) => configs.push((path, content)),
                Ok(content) => states.push(content),
                Err(Unreadable(problems)) => findings.unreadable.extend(problems),
            }
        }
    }
    if !states.is_empty() {
        check_state(&mut findings, &states);
    }
    for (path, content) in configs {
        match config::check(&path, &content) {
            Ok(warnings) => {
                findings.warnings.extend(warnings);
                findings.right.push(format!("{}: ok: a configuration", content.name));
            }
            Err(problems) => findings.wrong(&problems),
        }
    }
    if !objects.is_empty() {
        check_manifests(&mut findings, &objects);
    }
    for (path, content) in tests {
        match policy::parse(&path, &content) {
            Ok(_) => findings.right.push(format!("{}: ok: a policy test", content.name)),
            Err(policy::Problems::Unreadable(Unreadable(problems))) => findings.unreadable.extend(problems),
            Err(policy::Problems::Wrong(problems)) => findings.wrong(&problems),
        }
    }
    Ok(findings)
}

fn of_directory(directory: &Path) -> anyhow::Result<Vec<PathBuf>> {
    let files = [states_of(directory)?, tests_of(directory)?].concat();
    if files.is_empty() {
        bail!(
            "{} holds nothing that MCI reads: files that end in .yaml, .yml or .json count",
            directory.display()
        );
    }
    Ok(files)
}

fn check_state(findings: &mut Findings, contents: &[Content]) {
    let names: Vec<&str> = contents.iter().map(|content| content.name.as_str()).collect();
    match parse(contents) {
        Err(problems) => findings.wrong(&problems),
        Ok(file) => {
            findings.warnings.extend_from_slice(file.warnings());
            findings.right.push(format!("{}: ok: {}", names.join(", "), summary(&file.into_snapshot())));
        }
    }
}

fn check_manifests(findings: &mut Findings, contents: &[Content]) {
    let offline = Offline::new();
    for content in contents {
        let Some(text) = manifests::text(content) else { continue };
        let checked = manifests::check(&offline, &content.name, text);
        if checked.problems.is_empty() {
            findings.right.push(format!("{}: ok: a manifest with {}", content.name, checked.summary()));
        }
        findings.count += checked.problems.len();
        findings.problems.extend(checked.problems);
    }
}

impl Findings {
    fn wrong(&mut self, problems: &mci_core::state_file::Problems) {
        self.problems.extend(problems.iter().cloned());
        self.count += problems.count();
    }
}
