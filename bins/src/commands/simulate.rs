//! `mci simulate`.

use std::process::ExitCode;

use anyhow::{anyhow, bail};
use mci_core::simulate::{Difference, Given, differences};
use mci_core::{Query, RecordType, Snapshot};
use serde_json::json;

use super::{Out, say_origin, write_data};
use crate::cli::{Asked, OutputFormat, Simulate};
use crate::colour::verdicts;
use crate::facts::{Facts, gather, hint_at_nearest, hostname, load};
use crate::files::Sources;
use crate::progress::during;

/// How many hostnames are listed for people; programs get all.
const LISTED: usize = 1_000;

/// Says what would be answered if.
pub(crate) fn simulate(arguments: &Simulate, out: Out<'_>) -> anyhow::Result<ExitCode> {
    let asked = Asked::new(arguments.name.as_ref(), arguments.record_type, &arguments.source)?;
    let given = given(arguments)?;
    if given.is_empty() && arguments.to.is_empty() {
        bail!("nothing is assumed: say --down, --gone, --drain, --ready, --unready, or --to FILE…");
    }
    let source = asked.source.of_whole_state("simulate")?;
    let name = asked.name.as_deref().map(hostname).transpose()?;
    let Facts { snapshot: now, origin, .. } = gather(&source)?;
    let to = (!arguments.to.is_empty()).then(|| Sources::new(arguments.to.iter().cloned()));
    let then = to.as_ref().map_or_else(|| Ok(now.clone()), load)?;
    let then = given
        .apply(&then)
        .map_err(|unknown| anyhow!(unknown.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n")))?;
    let assumed = match (&to, given.is_empty()) {
        (None, _) => format!("if {given}"),
        (Some(to), true) => format!("if the state were {to}"),
        (Some(to), false) => format!("if the state were {to}, and {given}"),
    };

    let format = arguments.output.format;
    say_origin(out, format.is_data(), "", &origin.and(&assumed))?;
    if let Some(name) = name {
        let types = asked.record_type.map_or(vec![RecordType::A, RecordType::AAAA], |one| vec![one]);
        let queries: Vec<Query> = types.into_iter().map(|of| Query::new(name.clone(), of)).collect();
        if format.is_data() {
            one_as_data(out, format, &queries, &now, &then)?;
        } else {
            one(out, &queries, &now, &then)?;
        }
        if now.hostname_state(&name).is_none()
            && queries.iter().all(|query| !now.possible(query).is_answered())
        {
            hint_at_nearest(&now, &name);
        }
        return Ok(ExitCode::SUCCESS);
    }
    let changes = during("Comparing the answers", || differences(&now, &then));
    if format.is_data() {
        let changes: Vec<&Difference> = changes.iter().collect();
        write_data(out, format, &json!({ "assumed": assumed, "changes": changes }))?;
    } else {
        writeln!(out)?;
        for difference in changes.iter().take(LISTED) {
            writeln!(out, "{}", verdicts(&difference.to_string()))?;
        }
        if changes.len() > LISTED {
            writeln!(out, "… and {} more: -o json lists all", changes.len() - LISTED)?;
        }
        let without = changes.unanswerable().count();
        match (changes.len(), without) {
            (0, _) => writeln!(out, "Every hostname is answered as before.")?,
            (1, 0) => writeln!(out, "1 hostname is answered differently.")?,
            (count, 0) => writeln!(out, "{count} hostnames are answered differently.")?,
            (count, without) => {
                writeln!(out, "Hostnames answered differently: {count}; with no answer left: {without}.")?;
            }
        }
    }
    Ok(if changes.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn given(arguments: &Simulate) -> anyhow::Result<Given> {
    let clusters = |names: &[String]| names.iter().map(|name| name.as_str().into()).collect();
    let endpoints = |texts: &[String]| texts.iter().map(|text| text.parse()).collect::<Result<Vec<_>, _>>();
    Ok(Given {
        alive: Vec::new(),
        down: clusters(&arguments.down),
        gone: clusters(&arguments.gone),
        drained: clusters(&arguments.drain),
        ready: endpoints(&arguments.ready)?,
        unready: endpoints(&arguments.unready)?,
    })
}

fn one(out: Out<'_>, queries: &[Query], now: &Snapshot, then: &Snapshot) -> anyhow::Result<()> {
    for query in queries {
        let [before, after] = [now, then].map(|snapshot| snapshot.possible(query));
        writeln!(out, "\n{} {}", query.name(), query.record_type())?;
        writeln!(out, "  now:  {before}")?;
        writeln!(out, "  then: {after}{}", if before == after { " (the same)" } else { "" })?;
    }
    for query in queries {
        write!(out, "\n{}", then.explain(query))?;
    }
    Ok(())
}

fn one_as_data(
    out: Out<'_>,
    format: OutputFormat,
    queries: &[Query],
    now: &Snapshot,
    then: &Snapshot,
) -> anyhow::Result<()> {
    let answers: Vec<_> = queries
        .iter()
        .map(|query| {
            let [before, after] = [now, then].map(|snapshot| snapshot.possible(query));
            json!({
                "name": query.name().to_string(),
                "type": query.record_type().to_string(),
                "changes": before != after,
                "before": before,
                "after": after,
                "explanation": then.explain(query),
            })
        })
        .collect();
    write_data(out, format, &json!({ "answers": answers }))
}
