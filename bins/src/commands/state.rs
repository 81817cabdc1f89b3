//! `mci state`.

use std::process::ExitCode;

use anyhow::Result;
use mci_core::state_file::StateFile;

use super::{Out, say_origin};
use crate::cli::{State, StateFormat};
use crate::facts::{Facts, gather};

/// Prints the state file of what is served.
pub(crate) fn state(arguments: &State, out: Out<'_>) -> Result<ExitCode> {
    let Facts { snapshot, origin, .. } = gather(&arguments.source.of_whole_state("the state file")?)?;
    let json = arguments.output == StateFormat::Json;
    say_origin(out, json, "# ", &origin)?;
    let text = if json { StateFile::write_json(&snapshot) } else { StateFile::write_yaml(&snapshot) };
    writeln!(out, "{}", text.trim_end())?;
    Ok(ExitCode::SUCCESS)
}
