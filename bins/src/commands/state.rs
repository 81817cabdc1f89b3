//! `mci state`.

use std::process::ExitCode;

use anyhow::Result;
use mci_core::state_file::StateFile;

use super::{Out, say_source};
use crate::cli::{State, StateFormat};
use crate::facts::load;
use crate::source::Source;

/// Prints the state file of what is served.
pub(crate) fn state(arguments: &State, out: Out<'_>) -> Result<ExitCode> {
    let sources = arguments.source.files("the state file")?;
    let snapshot = load(&sources)?;
    let json = arguments.output == StateFormat::Json;
    say_source(out, json, "# ", &Source::Files(sources))?;
    let text = if json { StateFile::write_json(&snapshot) } else { StateFile::write_yaml(&snapshot) };
    writeln!(out, "{}", text.trim_end())?;
    Ok(ExitCode::SUCCESS)
}
