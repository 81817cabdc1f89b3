//! The commands that answer and end.
//!
//! Each takes what was written on the command line, writes to `out` what was asked for, and returns the exit code; an error
//! is what keeps it from doing so.

mod crds;
mod explain;
mod init;
mod resolve;
mod simulate;
mod state;
mod test;
mod validate;

use std::fmt;
use std::io::{self, Write};

pub(crate) use self::crds::crds;
pub(crate) use self::explain::explain;
pub(crate) use self::init::init;
pub(crate) use self::resolve::resolve;
pub(crate) use self::simulate::simulate;
pub(crate) use self::state::state;
pub(crate) use self::test::test;
pub(crate) use self::validate::validate;

/// Where the output goes: stdout, or a buffer in tests.
pub(crate) type Out<'a> = &'a mut dyn Write;

/// Writes data for programs.
fn write_json(out: Out<'_>, value: &impl serde::Serialize) -> anyhow::Result<()> {
    serde_json::to_writer_pretty(&mut *out, value).map_err(io::Error::from)?;
    writeln!(out)?;
    Ok(())
}

/// Says where the facts come from: first of all for people, beside the data for programs.
fn say_source(out: Out<'_>, json: bool, comment: &str, source: &impl fmt::Display) -> io::Result<()> {
    if json {
        eprintln!("{source}");
        Ok(())
    } else {
        writeln!(out, "{comment}{source}")
    }
}
