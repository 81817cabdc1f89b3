//! `mci explain`.

use std::process::ExitCode;

use mci_core::{Query, Rcode, RecordType};
use serde_json::json;

use super::{Out, say_source, write_json};
use crate::cli::{Asked, Explain, OutputFormat};
use crate::facts::{hint_at_nearest, hostname, load};
use crate::source::Source;

/// Says why a name is answered as it is.
pub(crate) fn explain(arguments: &Explain, out: Out<'_>) -> anyhow::Result<ExitCode> {
    let asked = Asked::new(arguments.name.as_ref(), arguments.record_type, &arguments.source)?;
    let sources = asked.source.files("explain")?;
    let name = hostname(asked.name()?)?;
    let snapshot = load(&sources)?;
    let json = arguments.output.format == OutputFormat::Json;
    say_source(out, json, "", &Source::Files(sources))?;

    let types = asked.record_type.map_or(vec![RecordType::A, RecordType::AAAA], |one| vec![one]);
    let explanations: Vec<_> = types
        .into_iter()
        .map(|record_type| snapshot.explain(&Query::new(name.clone(), record_type)))
        .collect();
    if json {
        write_json(out, &json!({ "explanations": explanations }))?;
    } else {
        for explanation in &explanations {
            write!(out, "\n{explanation}")?;
        }
    }
    if explanations.iter().all(|explanation| explanation.answer.rcode != Rcode::NOERROR) {
        hint_at_nearest(&snapshot, &name);
    }
    Ok(ExitCode::SUCCESS)
}
