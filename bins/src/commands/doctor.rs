//! `mci doctor`.

use std::process::ExitCode;

use anyhow::Context;
use serde_json::json;

use super::{Out, write_data};
use crate::cli;
use crate::colour::verdicts;
use crate::dig::plain;
use crate::doctor::{Examination, Finding, Verdict, examine, system_resolvers};
use crate::facts::runtime;
use crate::progress::during;

/// Examines everything that was named, and says what to do.
pub(crate) fn doctor(arguments: &cli::Doctor, out: Out<'_>) -> anyhow::Result<ExitCode> {
    let zone = arguments.zone.as_deref().map(crate::facts::hostname).transpose()?;
    let resolvers = match (&zone, arguments.resolver.as_slice()) {
        (Some(_), []) => system_resolvers().context("--resolver IP says who resolves names for ZONE")?,
        (_, named) => named.to_vec(),
    };
    let examination = Examination {
        kube: (!arguments.no_cluster).then(|| arguments.kube.clone()),
        servers: arguments.server.clone(),
        zone: zone.map(|zone| plain(&zone.to_string())),
        resolvers,
        port: arguments.name_server_port,
    };
    let findings = during("Examining", || anyhow::Ok(runtime()?.block_on(examine(&examination))))?;
    let format = arguments.output.format;
    let failed = findings.iter().filter(|finding| finding.is_failure()).count();
    if format.is_data() {
        write_data(out, format, &json!({ "ok": failed == 0, "findings": findings }))?;
    } else {
        write_findings(out, &findings)?;
    }
    Ok(if failed == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// For people: a line each, and what they come to.
pub(super) fn write_findings(out: Out<'_>, findings: &[Finding]) -> anyhow::Result<()> {
    for finding in findings {
        writeln!(out, "{}", verdicts(&finding.to_string()))?;
    }
    let checked = findings.iter().filter(|finding| finding.verdict != Verdict::Unknown).count();
    let failed = findings.iter().filter(|finding| finding.is_failure()).count();
    writeln!(out, "{}", summary(checked, failed, findings))?;
    Ok(())
}

fn summary(checked: usize, failed: usize, findings: &[Finding]) -> String {
    let unknown = findings.len() - checked;
    let unknown = if unknown == 0 { String::new() } else { format!("; {unknown} could not be examined") };
    match failed {
        0 => format!("{checked} examined, nothing to do{unknown}."),
        failed => format!("{checked} examined, {failed} not ok{unknown}."),
    }
}
