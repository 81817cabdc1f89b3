//! `mci validate`.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{anyhow, bail};
use mci_core::ClusterId;
use mci_core::state_file::Problem;
use mci_core::state_file::reading::Collected;
use mci_kube::offline::Offline;
use serde_json::json;

use super::{Out, write_data};
use crate::cli::Validate;
use crate::config;
use crate::facts::{headline, summary};
use crate::file_facts::{FileFacts, together};
use crate::files::{Content, Owner, Sources, Unreadable, read, tests_of};
use crate::manifests::{self, Fleet};
use crate::policy::{self, is_policy};
use crate::progress::during;

/// What came of the check.
#[derive(Default)]
struct Findings {
    /// What is right, a line each.
    right: Vec<String>,
    warnings: Vec<Problem>,
    /// What manifests do not say, and what counts instead.
    assumed: Vec<Problem>,
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
    let Findings { right, warnings, assumed, problems, count, unreadable } = &findings;
    let wrong = count + unreadable.len();
    if arguments.output.format.is_data() {
        let data = json!({
            "valid": wrong == 0,
            "right": right,
            "warnings": warnings,
            "assumed": assumed,
            "problems": problems,
            "unreadable": unreadable,
        });
        write_data(out, arguments.output.format, &data)?;
        return Ok(ExitCode::from(if wrong == 0 { 0 } else { 2 }));
    }
    for line in right {
        writeln!(out, "{line}")?;
    }
    for assumed in assumed {
        writeln!(out, "assumed: {assumed}")?;
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
    let (mut facts, mut tests) = (Vec::new(), Vec::new());
    let (mut configs, mut loose) = (Vec::new(), Vec::new());
    // Each file is read once, so that pipes can be checked too.
    let (contents, unreadable) = Sources::new(named.iter().cloned()).read_each();
    findings.unreadable = unreadable;
    for content in contents {
        let is_manifest = manifests::text(&content).is_some();
        match &content.owner {
            Owner::Unsaid | Owner::Directory { .. }
                if is_policy(Path::new(&content.name), &content.octets) =>
            {
                tests.push(content);
            }
            Owner::Unsaid if is_manifest => loose.push(content),
            // By itself it can be judged wherever it lies.
            Owner::Directory { name, .. } if is_manifest && name.parse::<ClusterId>().is_err() => {
                loose.push(content);
            }
            Owner::Unsaid | Owner::Directory { .. } if !is_manifest && config::is_config(&content.octets) => {
                configs.push(content);
            }
            _ => facts.push(content),
        }
    }
    for directory in named.iter().filter(|path| path.is_dir()) {
        for path in tests_of(directory)? {
            match read(&path) {
                Ok(content) => tests.push(content),
                Err(Unreadable(problems)) => findings.unreadable.extend(problems),
            }
        }
    }
    let nothing = [&facts, &tests, &configs, &loose].iter().all(|contents| contents.is_empty());
    if nothing && findings.unreadable.is_empty() {
        bail!(
            "{} holds nothing that MCI reads: files that end in .yaml, .yml or .json count",
            Sources::new(named.iter().cloned())
        );
    }
    if !facts.is_empty() {
        check_facts(&mut findings, &facts);
    }
    for content in configs {
        match config::check(Path::new(&content.name), &content) {
            Ok(warnings) => {
                findings.warnings.extend(warnings);
                findings.right.push(format!("{}: ok: a configuration", content.name));
            }
            Err(problems) => findings.wrong(&problems),
        }
    }
    if !loose.is_empty() {
        check_manifests(&mut findings, &loose);
    }
    for content in tests {
        match policy::parse(Path::new(&content.name), &content) {
            Ok(_) => findings.right.push(format!("{}: ok: a policy test", content.name)),
            Err(policy::Problems::Unreadable(Unreadable(problems))) => findings.unreadable.extend(problems),
            Err(policy::Problems::Wrong(problems)) => findings.wrong(&problems),
        }
    }
    Ok(findings)
}

/// State files, and the manifests of clusters: together, as they would be read together.
fn check_facts(findings: &mut Findings, contents: &[Content]) {
    let mut problems = Collected::default();
    let (fleet, states) = Fleet::read(contents, &mut problems);
    for (file, checked) in fleet.checked.iter().filter(|(_, checked)| checked.problems.is_empty()) {
        findings.right.push(format!("{file}: ok: a manifest with {}", checked.summary()));
    }
    let passed_over = fleet.passed_over.iter().map(|file| format!("{file}: passed over: it is no manifest"));
    findings.right.extend(passed_over.filter(|_| !fleet.is_empty()));
    match together(&fleet, &states, problems) {
        Err(problems) => findings.wrong(&problems),
        Ok(FileFacts { snapshot, warnings, notes, clusters }) => {
            let mut names: Vec<&str> = states.iter().map(|content| content.name.as_str()).collect();
            if !fleet.is_empty() {
                names.push("manifests");
            }
            findings.right.extend(clusters.iter().map(|cluster| format!("cluster {cluster}")));
            findings.right.push(format!("{}: ok: {}", names.join(", "), summary(&snapshot)));
            findings.warnings.extend(warnings);
            findings.warnings.extend(notes.warnings.into_iter().map(|note| note.text));
            findings.assumed.extend(notes.assumed.into_iter().map(|note| note.text));
        }
    }
}

/// Manifests of which it is not said whose they are: each object by itself.
fn check_manifests(findings: &mut Findings, contents: &[Content]) {
    let offline = Offline::new();
    for content in contents {
        let Some(text) = manifests::text(content) else { continue };
        let checked = manifests::check(&offline, &content.name, text, |_, _| {});
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
