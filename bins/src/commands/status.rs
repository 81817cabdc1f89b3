//! `mci status`.

use std::io::{self, IsTerminal};
use std::process::ExitCode;
use std::time::Duration;

use super::{Out, say_origin, write_data};
use crate::cli::{OutputFormat, StatusOf};
use crate::progress::during;
use crate::status::Looking;
use crate::unix;

/// Between two looks.
const PAUSE: Duration = Duration::from_secs(2);
/// Home, and nothing below.
const CLEAR: &str = "\u{1b}[H\u{1b}[2J\u{1b}[3J";

/// Says how things stand, once or until it is stopped.
pub(crate) fn status(arguments: &StatusOf, out: Out<'_>) -> anyhow::Result<ExitCode> {
    let mut looking =
        Looking::begin(arguments.source.of_whole_state("status")?, arguments.compare.as_deref())?;
    let format = arguments.output.format;
    loop {
        let (status, origin) = during("Looking", || looking.look())?;
        if arguments.watch && io::stdout().is_terminal() {
            write!(out, "{CLEAR}")?;
        }
        say_origin(out, format.is_data(), "", &origin)?;
        if format.is_data() {
            write_data(out, format, &status)?;
        } else {
            write!(out, "{}", status.page(unix::now(), format == OutputFormat::Wide))?;
        }
        if !arguments.watch {
            return Ok(ExitCode::SUCCESS);
        }
        out.flush()?;
        looking.wait(PAUSE);
    }
}
