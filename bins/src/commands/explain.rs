//! `mci explain`.

use std::process::ExitCode;

use mci_core::state_file::Problem;
use mci_core::{Hostname, Query, Rcode, RecordType};
use serde_json::json;

use super::{Out, say_source, write_json};
use crate::cli::{Asked, Explain, OutputFormat};
use crate::facts::{Facts, hint_at_nearest, hostname, read};
use crate::manifests::Note;
use crate::source::Source;

/// Says why a name is answered as it is.
pub(crate) fn explain(arguments: &Explain, out: Out<'_>) -> anyhow::Result<ExitCode> {
    let asked = Asked::new(arguments.name.as_ref(), arguments.record_type, &arguments.source)?;
    let sources = asked.source.files("explain")?;
    let name = hostname(asked.name()?)?;
    let Facts { snapshot, notes, .. } = read(&sources)?;
    let json = arguments.output.format == OutputFormat::Json;
    say_source(out, json, "", &Source::Files(sources))?;

    let types = asked.record_type.map_or(vec![RecordType::A, RecordType::AAAA], |one| vec![one]);
    let explanations: Vec<_> = types
        .into_iter()
        .map(|record_type| snapshot.explain(&Query::new(name.clone(), record_type)))
        .collect();
    // The name, or the wildcard that answers for it.
    let wildcard: Option<Hostname> = explanations.iter().find_map(|it| it.wildcard.as_ref()?.parse().ok());
    let concerns =
        |note: &&Note| note.hostnames.iter().any(|it| *it == name || Some(it) == wildcard.as_ref());
    let of = |notes: &[Note]| -> Vec<Problem> {
        notes.iter().filter(concerns).map(|note| note.text.clone()).collect()
    };
    let (assumed, warnings) = (of(&notes.assumed), of(&notes.warnings));
    if json {
        let data = json!({ "explanations": explanations, "assumed": assumed, "warnings": warnings });
        write_json(out, &data)?;
    } else {
        for explanation in &explanations {
            write!(out, "\n{explanation}")?;
        }
        if !assumed.is_empty() || !warnings.is_empty() {
            writeln!(out)?;
        }
        for text in assumed {
            writeln!(out, "assumed: {text}")?;
        }
        for text in warnings {
            writeln!(out, "warning: {text}")?;
        }
    }
    if explanations.iter().all(|explanation| explanation.answer.rcode != Rcode::NOERROR) {
        hint_at_nearest(&snapshot, &name);
    }
    Ok(ExitCode::SUCCESS)
}
