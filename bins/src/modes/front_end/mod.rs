//! `mci front-end`: hears what other clusters say.
//!
//! ```text
//!   TCP ──► TLS ──► Gate ──► REST ──────────► Store ──► ClusterCaches, heartbeat Leases
//!                     ├────► PeerSync ────────►  ▲
//!                     └────► health, metrics     │
//!   REST peers ◄── GET /Host ── polls ───────────┘
//!   its own listener ◄── GET /healthz ── hearing ──► receiver Lease
//! ```

mod hearing;
mod polls;
mod told;

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use axum::Router;
use mci_core::ClusterId;
use mci_core::peer::{Admission, KeyRing};
use mci_grpc::peer::{CAPABILITIES, PeerServerConfig, router};
use mci_grpc::{Tls, TlsFiles};
use mci_http::families::Families;
use mci_http::rest::{RestCounters, RestOptions, rest};
use mci_http::{Exposition, Gate, Server, TlsSource};
use mci_kube::front::{Options, Settings, Store};
use tokio::sync::watch;
use tracing::{info, warn};

use self::hearing::Hearing;
use self::polls::Polls;
use self::told::{Calls, families};
use super::{CONFIGURATION, Start, run, watched};
use crate::cli;
use crate::config::Config;
use crate::modes::peers::PeerSettings;
use crate::serve::health::Health;
use crate::serve::ports::{certificates, follow_certificates, http_with};
use crate::serve::{CERTIFICATES, HTTP};
use crate::supervise::Supervisor;

const STORE: &str = "following what is stored";
const HEARING: &str = "proving that it hears";
const POLLS: &str = "asking REST peers";

/// Connections at once: a few of each replica of each peer, and room for strangers.
const CONNECTIONS: usize = 1024;
/// How long a connection may stay without a valid key.
const STRANGER: Duration = Duration::from_mins(1);
/// How long a connection may take to say what it wants.
const HEADER: Duration = Duration::from_secs(10);

/// Runs until a signal comes.
pub(crate) fn front_end(arguments: &cli::FrontEnd) -> anyhow::Result<ExitCode> {
    run("mci-front-end", &arguments.cluster, &arguments.written, begin)
}

/// What may change while it runs.
#[derive(Clone, PartialEq)]
struct Live {
    keys: Arc<KeyRing>,
    settings: Settings,
    unauthenticated: u32,
    peers: Vec<PeerSettings>,
}

fn live(config: &Config) -> Live {
    let peers: BTreeMap<ClusterId, Admission> = config.admissions();
    let limits = config.limits.peer;
    Live {
        keys: Arc::new(config.key_ring()),
        settings: Settings {
            peers,
            others: Admission { limits, ..Admission::default() },
            interval: config.heartbeat.set,
            old: config.heartbeat.timeout,
        },
        unauthenticated: config.limits.unauthenticated,
        peers: PeerSettings::of(config),
    }
}

/// The same, each part to whoever wants it.
struct Parts {
    keys: watch::Receiver<Arc<KeyRing>>,
    settings: watch::Receiver<Settings>,
    rate: watch::Receiver<u32>,
    peers: watch::Receiver<Vec<PeerSettings>>,
}

impl Parts {
    fn of(mut live: watch::Receiver<Live>, supervisor: &mut Supervisor) -> Self {
        let Live { keys, settings, unauthenticated, peers } = live.borrow_and_update().clone();
        let (to_keys, keys) = watch::channel(keys);
        let (to_settings, settings) = watch::channel(settings);
        let (to_rate, rate) = watch::channel(unauthenticated);
        let (to_peers, peers) = watch::channel(peers);
        let stop = supervisor.shutdown();
        supervisor.vital("telling the front end", async move {
            while let Some(Ok(())) = stop.run_until_cancelled(live.changed()).await {
                let Live { keys, settings, unauthenticated, peers } = live.borrow_and_update().clone();
                renew(&to_keys, keys);
                renew(&to_settings, settings);
                renew(&to_rate, unauthenticated);
                renew(&to_peers, peers);
            }
            stop.cancelled().await;
            Ok(())
        });
        Self { keys, settings, rate, peers }
    }
}

fn renew<T: PartialEq>(sender: &watch::Sender<T>, new: T) {
    sender.send_if_modified(|old| {
        let differs = *old != new;
        *old = new;
        differs
    });
}

fn begin(start: &Start) -> anyhow::Result<Supervisor> {
    let config = &start.config;
    let health = Arc::new(Health::of_component());
    let mut supervisor = Supervisor::new(Arc::<Health>::clone(&health));
    let live = start.follow(&mut supervisor, &health, live);
    let Parts { keys, settings, rate, peers } = Parts::of(live, &mut supervisor);
    if config.api_keys.is_empty() {
        warn!("No cluster has a key here (apiKeys): nobody can be heard");
    }

    let options = Options {
        namespace: start.namespace.clone(),
        cluster: config.cluster_identifier.clone(),
        pod: start.pod.clone(),
        timing: start.timing(),
    };
    let store = Store::new(start.client.clone(), options, settings.clone());
    let hearing = Arc::new(Hearing::default());
    let calls = Arc::new(Calls::default());
    let rest_counters = RestCounters::default();
    let needs_certificate = config.http_tls.as_ref().is_some_and(|files| files.client_ca.is_some());
    let gate = Arc::new(Gate::new(keys.clone(), rate, needs_certificate));

    let mut readiness = health.tasks(&[CONFIGURATION, HTTP, CERTIFICATES, STORE, HEARING, POLLS]);
    for watch in store.watches() {
        readiness = watched(readiness, watch);
    }
    let hears = Arc::clone(&hearing);
    readiness = readiness.detail("hears itself", move || hears.state());
    let exposition = Exposition::of_process(env!("CARGO_PKG_VERSION"))
        .and(Families::new(families(
            store.clone(),
            Arc::clone(&gate),
            Arc::clone(&hearing),
            Arc::clone(&calls),
        )))
        .and(rest_counters.families())
        .and(health.families());

    let rest_options =
        RestOptions::new(config.cluster_identifier.clone()).capabilities(CAPABILITIES.iter().copied());
    let shared = Arc::new(store.clone());
    let of_rest = rest(Arc::clone(&shared), keys.clone(), readiness.clone(), rest_options, rest_counters);
    let of_stream = router(shared, keys, PeerServerConfig::default(), calls, supervisor.shutdown());
    let routes = mci_http::routes(readiness, Some(exposition)).merge(of_rest).merge(of_stream);
    let routes = gate.before(routes);

    let address = config.listen.http.context("`listen.http` is off: a front end hears nobody without it")?;
    let tls = config
        .http_tls
        .as_ref()
        .map(|files| certificates(files, "--http-tls", TlsFiles::of_http))
        .transpose()?;
    let is_tls = tls.is_some();
    if !is_tls {
        warn!(
            "Peers are heard over plain HTTP (`listen.insecure`): everybody on the way can read their keys"
        );
    }
    let server = server(address, tls.as_ref().map(|certificates| &certificates.tls), routes.clone())?;
    let listening = server.listening();
    info!(http = %listening, tls = is_tls, "Listening");
    serve(&mut supervisor, server, tls.as_ref().map(|certificates| Arc::clone(&certificates.tls)), routes);
    if let Some(tls) = tls {
        follow_certificates(&mut supervisor, tls);
    }

    let (of_store, stop) = (store.clone(), supervisor.shutdown());
    supervisor.keep_up(STORE, move || {
        let (store, stop) = (of_store.clone(), stop.clone());
        async move {
            store.run(stop).await;
            Ok(())
        }
    });
    let (of_hearing, stop) = (store.clone(), supervisor.shutdown());
    supervisor.keep_up(HEARING, move || {
        let (hearing, store, settings) = (Arc::clone(&hearing), of_hearing.clone(), settings.clone());
        let stop = stop.clone();
        async move {
            stop.run_until_cancelled(hearing.prove(listening, is_tls, &store, settings)).await;
            Ok(())
        }
    });
    let stop = supervisor.shutdown();
    supervisor.keep_up(POLLS, move || {
        let (polls, stop) = (Polls::new(store.clone(), peers.clone()), stop.clone());
        async move {
            stop.run_until_cancelled(polls.run()).await;
            Ok(())
        }
    });
    Ok(supervisor)
}

fn server(address: SocketAddr, tls: Option<&Arc<Tls>>, routes: Router) -> anyhow::Result<Server> {
    let mut config = mci_http::Config::new(address);
    config.max_connections = CONNECTIONS;
    config.header_timeout = HEADER;
    config.http2 = true;
    config.stranger_timeout = Some(STRANGER);
    config.tls = tls.map(|tls| {
        let tls = Arc::clone(tls);
        TlsSource::new(move || tls.current())
    });
    http_with(config, routes)
}

/// Hears; should it end, it listens anew at the same address.
fn serve(supervisor: &mut Supervisor, server: Server, tls: Option<Arc<Tls>>, routes: Router) {
    let (address, shutdown) = (server.listening(), supervisor.shutdown());
    let mut bound = Some(server);
    supervisor.keep_up(HTTP, move || {
        let server = bound.take().map_or_else(|| self::server(address, tls.as_ref(), routes.clone()), Ok);
        let shutdown = shutdown.clone();
        async move {
            server?.serve(shutdown.cancelled_owned()).await;
            Ok(())
        }
    });
}
