//! `mci test`.

use std::fs;
use std::process::ExitCode;

use anyhow::{Context, anyhow, bail};
use mci_core::policy::{Report, Suite};
use serde_json::json;

use super::{Out, write_data};
use crate::cli::Test;
use crate::colour::verdicts;
use crate::policy::{files, suite};
use crate::progress::during;

/// Runs unit tests of resolution policies: 0 all passed, 1 a test failed; a wrong file is an error.
pub(crate) fn test(arguments: &Test, out: Out<'_>) -> anyhow::Result<ExitCode> {
    let junit = match arguments.report.as_deref() {
        None => None,
        Some([format, file]) if format == "junit" => Some(file),
        Some(other) => bail!("--output {}: write --output junit FILE", other.join(" ")),
    };
    let (mut suites, mut wrong): (Vec<Suite>, Vec<String>) = Default::default();
    for file in files(&arguments.files)? {
        match suite(&file) {
            Ok(suite) => suites.push(suite),
            Err(problems) => wrong.push(problems.to_string()),
        }
    }
    if !wrong.is_empty() {
        return Err(anyhow!("no test was run: a file is wrong\n{}", wrong.join("\n")));
    }
    let reports: Vec<Report> = during("Running the tests", || suites.iter().map(Suite::run).collect());
    let failed: usize = reports.iter().map(Report::failed).sum();
    if arguments.format.is_data() {
        write_data(out, arguments.format, &json!({ "passed": failed == 0, "files": reports }))?;
    } else {
        for report in &reports {
            writeln!(out, "{}:\n{}\n", report.file, verdicts(&report.to_string()))?;
        }
        if reports.len() > 1 {
            let tests: usize = reports.iter().map(|report| report.cases.len()).sum();
            writeln!(out, "Files: {}, tests: {tests}, failed: {failed}", reports.len())?;
        }
    }
    if let Some(file) = junit {
        fs::write(file, Report::junit_of(&reports)).with_context(|| format!("{file} cannot be written"))?;
    }
    Ok(if failed == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}
