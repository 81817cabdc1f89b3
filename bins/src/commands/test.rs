//! `mci test`.

use std::fs;
use std::process::ExitCode;

use anyhow::{Context, anyhow, bail};
use mci_core::policy::Report;
use serde_json::json;

use super::{Out, write_data};
use crate::cli::Test;
use crate::colour::verdicts;
use crate::manifests::Notes;
use crate::policy::{Read, files, suite};
use crate::progress::during;

/// Runs unit tests of resolution policies: 0 all passed, 1 a test failed; a wrong file is an error.
pub(crate) fn test(arguments: &Test, out: Out<'_>) -> anyhow::Result<ExitCode> {
    let junit = match arguments.report.as_deref() {
        None => None,
        Some([format, file]) if format == "junit" => Some(file),
        Some(other) => bail!("--output {}: write --output junit FILE", other.join(" ")),
    };
    let (mut suites, mut wrong): (Vec<Read>, Vec<String>) = Default::default();
    for file in files(&arguments.files)? {
        match suite(&file) {
            Ok(suite) => suites.push(suite),
            Err(problems) => wrong.push(problems.to_string()),
        }
    }
    if !wrong.is_empty() {
        return Err(anyhow!("no test was run: a file is wrong\n{}", wrong.join("\n")));
    }
    let reports: Vec<Report> =
        during("Running the tests", || suites.iter().map(|it| it.suite.run()).collect());
    let failed: usize = reports.iter().map(Report::failed).sum();
    if arguments.format.is_data() {
        let notes = Notes::all(suites.iter().map(|it| &it.notes));
        let data = json!({
            "passed": failed == 0,
            "files": reports,
            "assumed": notes.assumed_texts(),
            "warnings": notes.warning_texts(),
        });
        write_data(out, arguments.format, &data)?;
    } else {
        for (report, Read { notes, .. }) in reports.iter().zip(&suites) {
            writeln!(out, "{}:\n{}", report.file, verdicts(&report.to_string()))?;
            // All of it where it may be why a test failed.
            if report.failed() > 0 {
                write!(out, "{notes}")?;
            } else if !notes.is_empty() {
                let Notes { assumed, warnings } = notes;
                let (assumed, warnings) = (assumed.len(), warnings.len());
                writeln!(
                    out,
                    "of the manifests: assumed {assumed}, warnings {warnings}: mci validate tells them"
                )?;
            }
            writeln!(out)?;
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
