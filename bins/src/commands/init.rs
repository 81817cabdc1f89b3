//! `mci init`.

use std::process::ExitCode;

use super::Out;
use crate::cli::Init;

/// Writes a state file and its policy test.
pub(crate) fn init(arguments: &Init, out: Out<'_>) -> anyhow::Result<ExitCode> {
    let [state, test] = crate::init::write(&arguments.directory, &arguments.name)?;
    let (state, test) = (state.display(), test.display());
    writeln!(out, "Wrote {state} and {test}. Now:")?;
    writeln!(out, "  mci standalone {state}")?;
    writeln!(out, "  mci test {test}")?;
    Ok(ExitCode::SUCCESS)
}
