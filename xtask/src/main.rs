//! Tasks of the repository.
mod proto;

use anyhow::{Result, bail};

fn main() -> Result<()> {
    match std::env::args().nth(1).as_deref() {
        Some("proto") => proto::run(std::env::args().nth(2).as_deref() == Some("--check")),
        _ => bail!("proto [--check]"),
    }
}
