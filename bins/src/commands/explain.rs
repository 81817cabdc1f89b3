//! `mci explain`.

use std::process::ExitCode;

use mci_core::{Query, Rcode, RecordType};
use serde_json::json;

use super::{Out, say_source, write_json};
use crate::cli::{Explain, OutputFormat};
use crate::facts::{hostname, load, nearest_hostname};
use crate::source::Source;

/// Says why a name is answered as it is.
pub(crate) fn explain(arguments: &Explain, out: Out<'_>) -> anyhow::Result<ExitCode> {
    let sources = arguments.source.files("explain")?;
    let name = hostname(&arguments.name)?;
    let snapshot = load(&sources)?;
    let json = arguments.output.format == OutputFormat::Json;
    say_source(out, json, "", &Source::Files(sources))?;

    let types = arguments.record_type.map_or(vec![RecordType::A, RecordType::AAAA], |one| vec![one]);
    let explanations: Vec<_> =
        types.into_iter().map(|record_type| snapshot.explain(&Query::new(name.clone(), record_type))).collect();
    if json {
        write_json(out, &json!({ "explanations": explanations }))?;
    } else {
        for explanation in &explanations {
            write!(out, "\n{explanation}")?;
        }
    }
    if explanations.iter().all(|explanation| explanation.answer.rcode != Rcode::NOERROR) {
        if let Some(near) = nearest_hostname(&snapshot, &arguments.name) {
            eprintln!("There is no {name}; did you mean {near}?");
        }
    }
    Ok(ExitCode::SUCCESS)
}
