//! Serving state files: everything composed over one snapshot.
//!
//! ```text
//!  files ──follow──► Served ──edit──► Live ──┬─► mci-dns    UDP, TCP
//!                       ▲                    ├─► mci-grpc   CoreDNS
//!         overrides end ┘                    └─► mci-http   health, metrics
//! ```

mod change_log;
mod listen;
mod options;
mod state;
mod try_it;

use std::io::{self, Write};
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;

use anyhow::{Context, anyhow, bail};
use mci_core::{Live, Snapshot};
use mci_dns::Listeners;
use mci_grpc::{Server, Tls, TlsFiles};
use tracing::{error, info};

use self::listen::{refused, refused_grpc};
pub(crate) use self::options::ServeOptions;
use self::state::Served;
use crate::facts::{parse, wrong};
use crate::files::Sources;
use crate::follow::{Following, read_at_rest};
use crate::holder::Protocol;
use crate::supervise::{End, Supervisor};
use crate::telemetry;

/// Serves `files` until a signal comes; what keeps it from beginning is an error.
pub(crate) fn serve(files: Vec<PathBuf>, options: &ServeOptions, out: &mut dyn Write) -> anyhow::Result<ExitCode> {
    telemetry::install(&options.log);
    let sources = Sources::new(files);
    let (contents, taken) = read_at_rest(&sources)?;
    let file = parse(&contents).map_err(|problems| wrong(&sources, &problems))?;
    drop(contents);

    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    let ended = runtime.block_on(async {
        let live = Arc::new(Live::new(Snapshot::unready()));
        let ports = Ports::bind(options, &live)?;
        let served = Served::new(Arc::clone(&live), Arc::clone(&ports.metrics));
        served.take(file);
        ports.announce(&sources, &live.snapshot(), out)?;
        run(ports, served, sources, taken).await
    });
    // What still reads a file or asks for a name is not waited for.
    runtime.shutdown_background();
    match ended? {
        End::Graceful => Ok(ExitCode::SUCCESS),
        End::Forced => Ok(ExitCode::FAILURE),
    }
}
