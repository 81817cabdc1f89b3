//! `mci explain`.

use std::process::ExitCode;

use mci_core::{Hostname, Query, Rcode, RecordType};
use serde_json::json;

use super::{Out, say_origin, write_data};
use crate::cli::{Asked, Explain};
use crate::facts::{Facts, gather, hint_at_nearest, hostname};

/// Says why a name is answered as it is.
pub(crate) fn explain(arguments: &Explain, out: Out<'_>) -> anyhow::Result<ExitCode> {
    let asked = Asked::new(arguments.name.as_ref(), arguments.record_type, &arguments.source)?;
    let source = asked.source.of_whole_state("explain")?;
    let name = hostname(asked.name()?)?;
    let Facts { snapshot, origin, notes } = gather(&source)?;
    let format = arguments.output.format;
    say_origin(out, format.is_data(), "", &origin)?;

    let types = asked.record_type.map_or(vec![RecordType::A, RecordType::AAAA], |one| vec![one]);
    let explanations: Vec<_> = types
        .into_iter()
        .map(|record_type| snapshot.explain(&Query::new(name.clone(), record_type)))
        .collect();
    // The name, or the wildcard that answers for it.
    let wildcard: Option<Hostname> = explanations.iter().find_map(|it| it.wildcard.as_ref()?.parse().ok());
    let notes = notes.of(|hostname| *hostname == name || Some(hostname) == wildcard.as_ref());
    if format.is_data() {
        let data = json!({
            "explanations": explanations,
            "assumed": notes.assumed_texts(),
            "warnings": notes.warning_texts(),
        });
        write_data(out, format, &data)?;
    } else {
        for explanation in &explanations {
            write!(out, "\n{explanation}")?;
        }
        if !notes.is_empty() {
            write!(out, "\n{notes}")?;
        }
    }
    if explanations.iter().all(|explanation| explanation.answer.rcode != Rcode::NOERROR) {
        hint_at_nearest(&snapshot, &name);
    }
    Ok(ExitCode::SUCCESS)
}
