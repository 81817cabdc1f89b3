//! The programs that run in a cluster: one file each, and what they share.
//!
//! ```text
//!  flags, environment, file ──► Config ──► client of the API server ──► component, under supervision
//!                                  └──(reload)──► the settings that may change while it runs
//! ```

mod dns_server;
mod families;
mod front_end;
mod leader;
mod operator;
mod orchestrator;
mod peers;
mod snapshot_file;

use std::process::ExitCode;
use std::sync::Arc;

use axum::Router;
use mci_http::{Exposition, Readiness, Reload};
use mci_kube::client::{self, ClusterClient};
use mci_kube::watch::{Progress, Timing};
use tokio::sync::watch;
use tracing::{error, info, warn};

pub(crate) use self::dns_server::dns_server;
pub(crate) use self::front_end::front_end;
pub(crate) use self::operator::operator;
pub(crate) use self::orchestrator::orchestrator;
use crate::cli::ClusterOptions;
use crate::config::{self, Config, ConfigFollower, Environment, Written};
use crate::facts::wrong;
use crate::serve::health::Health;
use crate::serve::ports::{http, keep_up_http};
use crate::supervise::{End, Signals, Supervisor};
use crate::telemetry::Levels;

/// The task that follows the configuration's file, as readiness and logs name it.
const CONFIGURATION: &str = "following the configuration";
const EVENTS: &str = "writing events";

/// What a mode begins with.
struct Start {
    config: Arc<Config>,
    follower: ConfigFollower,
    levels: Levels,
    client: ClusterClient,
    namespace: String,
    /// Which pod this is, for people.
    pod: String,
}

/// Reads the configuration, connects and runs what `begin` composes, until a signal comes.
fn run<const OF: u8>(
    component: &'static str,
    options: &ClusterOptions,
    written: &Written<OF>,
    begin: impl FnOnce(&Start) -> anyhow::Result<Supervisor>,
) -> anyhow::Result<ExitCode> {
    let (config, follower) = config::load(options.config.as_deref(), written, Environment::of_process())
        .map_err(|problems| wrong(&"the configuration", &problems))?;
    let levels = Levels::install(config.log.level.clone(), config.log.format);
    for warning in config.warnings() {
        warn!(%warning, "The configuration is allowed, but look at this");
    }
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    let ended = runtime.block_on(async {
        let signals = Signals::new()?;
        let client = client::connect(&client::Options {
            kubeconfig: options.kubeconfig.clone(),
            context: options.context.clone(),
            component: component.to_owned(),
        })
        .await?;
        let namespace = config.namespace.clone().unwrap_or_else(|| client.namespace().to_owned());
        info!(
            component,
            cluster = %config.cluster_identifier,
            namespace,
            api_server = client.origin(),
            version = env!("CARGO_PKG_VERSION"),
            "Starting"
        );
        let start = Start { config, follower, levels, client, namespace, pod: pod() };
        anyhow::Ok(begin(&start)?.run(signals).await)
    });
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

impl Start {
    /// Follows the configuration, and has `settings` told to whoever wants what may change.
    fn follow<T: Clone + Send + Sync + PartialEq + 'static>(
        &self,
        supervisor: &mut Supervisor,
        health: &Arc<Health>,
        settings: impl Fn(&Config) -> T + Send + 'static,
    ) -> watch::Receiver<T> {
        let levels = self.levels.clone();
        let receiver = self.tell(supervisor, "telling settings", move |config| {
            levels.set(config.log.level.clone());
            settings(config)
        });
        self.follow_file(supervisor, health);
        receiver
    }

    /// Has `settings` told to whoever wants what may change.
    fn tell<T: Clone + Send + Sync + PartialEq + 'static>(
        &self,
        supervisor: &mut Supervisor,
        name: &'static str,
        settings: impl Fn(&Config) -> T + Send + 'static,
    ) -> watch::Receiver<T> {
        let (sender, receiver) = watch::channel(settings(&self.config));
        let mut news = self.follower.subscribe();
        let stop = supervisor.shutdown();
        supervisor.vital(name, async move {
            while let Some(Ok(())) = stop.run_until_cancelled(news.changed()).await {
                let config = Arc::clone(&news.borrow_and_update());
                let new = settings(&config);
                sender.send_if_modified(|old| {
                    let differs = *old != new;
                    *old = new;
                    differs
                });
            }
            // The file is not followed any more: what holds stays.
            stop.cancelled().await;
            Ok(())
        });
        receiver
    }

    fn follow_file(&self, supervisor: &mut Supervisor, health: &Arc<Health>) {
        let (follower, shutdown, health) = (self.follower.clone(), supervisor.shutdown(), Arc::clone(health));
        supervisor.keep_up(CONFIGURATION, move || {
            let health = Arc::clone(&health);
            let on_reload = move |reload| match reload {
                Reload::Applied => health.renewed(true),
                Reload::Unchanged => health.renewed(false),
                Reload::Refused => health.refused(1),
            };
            follower.clone().run(on_reload, shutdown.clone())
        });
    }

    /// Timings of watches; proofs are as often as they are configured to be.
    fn timing(&self) -> Timing {
        Timing { proof: self.config.dns_refresh_interval, ..Timing::default() }
    }
}

/// Health and metrics of a component that answers no DNS.
fn serve_http(
    supervisor: &mut Supervisor,
    config: &Config,
    readiness: Readiness,
    exposition: Exposition,
) -> anyhow::Result<()> {
    let Some(address) = config.listen.http else { return Ok(()) };
    let routes: Router = mci_http::routes(readiness, Some(exposition));
    let server = http(address, routes.clone())?;
    info!(http = %server.listening(), "Listening");
    keep_up_http(supervisor, server, routes);
    Ok(())
}

/// Ready is who has seen everything once; that a watch does not follow now is shown, and decides nothing.
fn watched(readiness: Readiness, watch: Arc<Progress>) -> Readiness {
    let (name, of_detail) = (watch.name(), Arc::clone(&watch));
    readiness
        .require(name, move || if watch.is_synced() { Ok(()) } else { Err(watch.state().to_string()) })
        .detail(format!("{name} now"), move || current(&of_detail))
}

/// Why a watch does not follow now.
fn current(progress: &Progress) -> Result<(), String> {
    let state = progress.state();
    if state.is_current() {
        return Ok(());
    }
    match progress.since_contact() {
        Some(since) => Err(format!("{state} (last heard {} s ago)", since.as_secs())),
        None => Err(state.to_string()),
    }
}

/// This pod, or this machine.
fn pod() -> String {
    let named = |name| std::env::var(name).ok().filter(|name| !name.is_empty());
    named("POD_NAME").or_else(|| named("HOSTNAME")).unwrap_or_else(|| "mci".to_owned())
}
