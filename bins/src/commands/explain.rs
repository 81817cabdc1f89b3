//! `mci explain`.

use std::process::ExitCode;

use mci_core::{Query, Rcode, RecordType};
use serde_json::json;

use super::{Out, say_origin, write_data};
use crate::cli::{Asked, Explain};
use crate::facts::{Facts, gather, hint_at_nearest, hostname};

/// Says why a name is answered as it is.
pub(crate) fn explain(arguments: &Explain, out: Out<'_>) -> anyhow::Result<ExitCode> {
    let asked = Asked::new(arguments.name.as_ref(), arguments.record_type, &arguments.source)?;
    let source = asked.source.of_whole_state("explain")?;
    let name = hostname(asked.name()?)?;
    let Facts { snapshot, origin } = gather(&source)?;
    let format = arguments.output.format;
    say_origin(out, format.is_data(), "", &origin)?;

    let types = asked.record_type.map_or(vec![RecordType::A, RecordType::AAAA], |one| vec![one]);
    let explanations: Vec<_> = types
        .into_iter()
        .map(|record_type| snapshot.explain(&Query::new(name.clone(), record_type)))
        .collect();
    if format.is_data() {
        write_data(out, format, &json!({ "explanations": explanations }))?;
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
