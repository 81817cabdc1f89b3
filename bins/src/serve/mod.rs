//! Serving state files: everything composed over one snapshot.
//!
//! ```text
//!  files ──follow──► Served ──edit──► Live ──┬─► mci-dns    UDP, TCP
//!                       ▲                    ├─► mci-grpc   CoreDNS
//!         overrides end ┘                    └─► mci-http   health, metrics
//! ```

pub(crate) mod change_log;
pub(crate) mod health;
mod listen;
mod options;
pub(crate) mod ports;
mod state;
mod try_it;

use std::io::Write;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;

use mci_core::{Live, Snapshot};
use mci_http::api::{Details, api};
use mci_http::{Exposition, Metrics, Observers, QueryLog, QueryLogConfig};
use tracing::{debug, error, info};

use self::health::Health;
pub(crate) use self::options::{ServeOptions, cookie_secrets, socket_address};
use self::ports::{Listening, Ports, Told};
use self::state::Served;
use crate::facts::wrong;
use crate::files::{Fingerprint, Sources};
use crate::follow::{Following, read_at_rest};
use crate::supervise::{End, Signals, Supervisor};
use crate::telemetry;

/// The tasks that are started again, as readiness and logs name them.
const STATE_FILES: &str = "following the state files";
pub(crate) const CERTIFICATES: &str = "following the certificates";
const OVERRIDES: &str = "ending overrides";
pub(crate) const HTTP: &str = "HTTP";

/// Serves `files` until a signal comes; what keeps it from beginning is an error.
pub(crate) fn serve(
    files: Vec<PathBuf>,
    options: &ServeOptions,
    out: &mut dyn Write,
) -> anyhow::Result<ExitCode> {
    telemetry::install(&options.log);
    let sources = Sources::new(files);
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    let ended = runtime.block_on(async {
        let signals = Signals::new()?;
        let supervisor = begin(sources, options, out)?;
        anyhow::Ok(supervisor.run(signals).await)
    });
    // What still reads a file is not waited for.
    runtime.shutdown_background();
    match ended? {
        Ok(End::Graceful) => Ok(ExitCode::SUCCESS),
        Ok(End::Forced) => Ok(ExitCode::FAILURE),
        Err(reason) => {
            error!(reason = format!("{reason:#}"), "Ended");
            Ok(ExitCode::FAILURE)
        }
    }
}

/// Reads the files, listens, says so, and answers from then on.
fn begin(sources: Sources, options: &ServeOptions, out: &mut dyn Write) -> anyhow::Result<Supervisor> {
    let (contents, taken) = read_at_rest(&sources)?;
    let live = Arc::new(Live::new(Snapshot::unready()));
    let metrics = Arc::new(Metrics::new(Arc::clone(&live), env!("CARGO_PKG_VERSION")));
    let health = Arc::new(Health::new(Arc::clone(&metrics)));
    let served = Served::new(Arc::clone(&live), Arc::clone(&health));
    let changes = served.take(contents).map_err(|problems| wrong(&sources, &problems))?;
    metrics.count_hostnames(&options.metrics_hostnames);
    let query_log = Arc::new(QueryLog::new(Arc::clone(&live)));
    let rules = (options.log.queries > 0).then(|| QueryLogConfig::every(options.log.queries));
    query_log.set(rules.as_ref());
    let observers = Arc::new(Observers { metrics: Arc::clone(&metrics), query_log });
    let mut tasks = vec![STATE_FILES, OVERRIDES, HTTP];
    let listening = Listening::of(options)?;
    tasks.extend(listening.tls.is_some().then_some(CERTIFICATES));
    let told = Told {
        readiness: health.readiness(Arc::clone(&live), &tasks),
        exposition: Exposition::of_queries(Arc::clone(&metrics)),
        api: api(Arc::clone(&live), Arc::new(details)),
    };
    let ports = Ports::bind(&listening, &live, &observers, told)?;
    info!(files = %sources, hostnames = changes.after().hostname_count(), "Serving");
    if let Err(error) = ports.announce(&sources, changes.after(), out) {
        debug!(%error, "Nobody reads what is said at the start");
    }

    let mut supervisor = Supervisor::new(health);
    ports.run(&mut supervisor);
    follow(&mut supervisor, served, sources, taken);
    Ok(supervisor)
}

/// What a standalone server knows of itself beside its snapshot.
fn details() -> Details {
    Details { program: concat!("mci ", env!("CARGO_PKG_VERSION")).to_owned(), ..Details::default() }
}

/// Keeps what is served as the files have it, and overrides as the clock has it.
fn follow(supervisor: &mut Supervisor, served: Served, sources: Sources, taken: Fingerprint) {
    let (shutdown, renewing) = (supervisor.shutdown(), served.clone());
    // A follower that had to be started again reads the files once more: what was taken then may be older.
    let mut taken = Some(taken);
    if sources.can_be_followed() {
        supervisor.keep_up(STATE_FILES, move || {
            let (served, of, shutdown) = (renewing.clone(), sources.clone(), shutdown.clone());
            let following = Following::new(sources.clone(), taken.take().unwrap_or_default());
            async move { Ok(following.run(move |contents| served.renew(&of, contents), shutdown).await?) }
        });
    } else {
        info!(files = %sources, "Not followed: a pipe is read once");
    }
    let shutdown = supervisor.shutdown();
    supervisor.keep_up(OVERRIDES, move || served.clone().expire_overrides(shutdown.clone()));
}
