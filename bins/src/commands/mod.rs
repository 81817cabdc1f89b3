//! The commands that answer and end.
//!
//! Each takes what was written on the command line, writes to `out` what was asked for, and returns the exit code; an error
//! is what keeps it from doing so.

mod auth;
mod cluster;
mod crds;
mod doctor;
mod drain;
mod explain;
mod init;
mod peer;
mod resolve;
mod simulate;
mod state;
mod status;
mod test;
mod undrain;
mod validate;
mod withdraw;

use std::io::{self, Write};

pub(crate) use self::auth::auth;
pub(crate) use self::cluster::cluster;
pub(crate) use self::crds::crds;
pub(crate) use self::doctor::doctor;
pub(crate) use self::drain::drain;
pub(crate) use self::explain::explain;
pub(crate) use self::init::init;
pub(crate) use self::peer::peer;
pub(crate) use self::resolve::resolve;
pub(crate) use self::simulate::simulate;
pub(crate) use self::state::state;
pub(crate) use self::status::status;
pub(crate) use self::test::test;
pub(crate) use self::undrain::undrain;
pub(crate) use self::validate::validate;
pub(crate) use self::withdraw::withdraw;

use anyhow::Context;

use crate::cli::OutputFormat;
use crate::facts::Origin;

/// Where the output goes: stdout, or a buffer in tests.
pub(crate) type Out<'a> = &'a mut dyn Write;

/// Writes data for programs.
fn write_data(out: Out<'_>, format: OutputFormat, value: &impl serde::Serialize) -> anyhow::Result<()> {
    if format == OutputFormat::Yaml {
        let text = serde_saphyr::to_string(value).context("what is written for programs is data")?;
        write!(out, "{text}")?;
        return Ok(());
    }
    serde_json::to_writer_pretty(&mut *out, value).map_err(io::Error::from)?;
    writeln!(out)?;
    Ok(())
}

/// Says where the facts come from: first of all for people, beside the data for programs.
fn say_origin(out: Out<'_>, data: bool, comment: &str, origin: &Origin) -> io::Result<()> {
    for line in origin.lines() {
        if data {
            eprintln!("{line}");
        } else {
            writeln!(out, "{comment}{line}")?;
        }
    }
    Ok(())
}
