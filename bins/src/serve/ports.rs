//! Everything that listens: bound before anything is said or served, so that a port that cannot be had is an error.

use std::io::Write;
use std::net::SocketAddr;
use std::sync::Arc;

use anyhow::{anyhow, bail};
use axum::Router;
use mci_core::{Live, Snapshot};
use mci_dns::{Listeners, RateLimit};
use mci_grpc::{Listen, Server, Tls, TlsFiles};
use mci_http::{Exposition, Metrics, Observers, QueryLog, QueryLogConfig};
use tracing::{error, info};

use super::health::Health;
use super::listen::{refused, refused_grpc};
use super::options::ServeOptions;
use super::{CERTIFICATES, HTTP, OVERRIDES, STATE_FILES, try_it};
use crate::facts::summary;
use crate::files::{Fingerprint, Sources};
use crate::follow::Following;
use crate::holder::Protocol;
use crate::supervise::Supervisor;

/// What listens.
pub(super) struct Ports {
    dns: Option<Listeners<Observers>>,
    grpc: Option<Server>,
    tls: Option<Certificates>,
    http: Option<mci_http::Server>,
    routes: Router,
}

impl Ports {
    /// Binds every address, or says which cannot be had and why.
    pub(super) fn bind(
        options: &ServeOptions,
        live: &Arc<Live>,
        metrics: &Arc<Metrics>,
        health: &Arc<Health>,
    ) -> anyhow::Result<Self> {
        let query_log = Arc::new(QueryLog::new(Arc::clone(live)));
        let rules = (options.log.queries > 0).then(|| QueryLogConfig::every(options.log.queries));
        query_log.set(rules.as_ref());
        let observers = Arc::new(Observers { metrics: Arc::clone(metrics), query_log });

        let tls = tls(options)?;
        let dns = dns(options, live, &observers)?;
        let grpc = grpc(options, tls.as_ref().map(|files| Arc::clone(&files.tls)), live, &observers)?;
        if dns.is_none() && grpc.is_none() {
            bail!("--dns and --grpc are both off: nothing would be answered");
        }
        let mut tasks = vec![STATE_FILES, OVERRIDES, HTTP];
        tasks.extend(tls.is_some().then_some(CERTIFICATES));
        let readiness = health.readiness(Arc::clone(live), &tasks);
        let routes = mci_http::routes(readiness, Some(Exposition::of_queries(Arc::clone(metrics))));
        let http = options.http().map(|address| http(address, routes.clone())).transpose()?;
        Ok(Self { dns, grpc, tls, http, routes })
    }

    /// Says what is served where, and what to try.
    pub(super) fn announce(
        &self,
        sources: &Sources,
        snapshot: &Snapshot,
        out: &mut dyn Write,
    ) -> anyhow::Result<()> {
        writeln!(out, "Serving {sources}: {}", summary(snapshot))?;
        let dns: Vec<SocketAddr> = self.dns.iter().flat_map(Listeners::local_addrs).collect();
        let grpc: Vec<String> = self.grpc.iter().flat_map(Server::listening).map(Listen::to_string).collect();
        for address in &dns {
            writeln!(out, "  DNS   {address} (UDP and TCP)")?;
        }
        for listen in &grpc {
            let zone = snapshot.zones().iter().next().filter(|_| self.tls.is_none());
            match zone {
                Some(zone) => writeln!(out, "  gRPC  {listen} (in a Corefile: grpc {} {listen})", zone.name)?,
                None => writeln!(out, "  gRPC  {listen}{}", if self.tls.is_some() { " (TLS)" } else { "" })?,
            }
        }
        if let Some(server) = &self.http {
            writeln!(out, "  HTTP  http://{}/metrics (and /healthz, /readyz)", server.listening())?;
        }
        let questions = try_it::questions(snapshot);
        if !questions.is_empty() {
            writeln!(out, "\nTry:")?;
        }
        for (name, record_type) in questions {
            match (dns.first(), grpc.iter().find(|listen| !listen.starts_with("unix:"))) {
                (Some(address), _) => writeln!(out, "  {}", try_it::dig(*address, &name, record_type))?,
                (None, Some(listen)) => {
                    writeln!(out, "  mci resolve {name} {record_type} --server grpc://{listen}")?;
                }
                (None, None) => writeln!(out, "  mci resolve {name} {record_type} --file {sources}")?,
            }
        }
        if sources.can_be_followed() {
            writeln!(out, "then edit the file and ask again. Ctrl-C ends it.")?;
        }
        out.flush()?;
        Ok(())
    }

    /// Answers from now on.
    pub(super) fn run(self, supervisor: &mut Supervisor) {
        let Self { dns, grpc, tls, http, routes } = self;
        if let Some(listeners) = dns {
            let shutdown = supervisor.shutdown();
            supervisor.vital("DNS", async move { Ok(listeners.run(shutdown).await?) });
        }
        if let Some(server) = grpc {
            let shutdown = supervisor.shutdown();
            supervisor.vital("gRPC", async move { Ok(server.serve(shutdown.cancelled_owned()).await?) });
        }
        if let Some(tls) = tls {
            follow_certificates(supervisor, tls);
        }
        if let Some(server) = http {
            keep_up_http(supervisor, server, routes);
        }
    }
}

/// Answers probes and scrapes; should it end, it listens anew at the same address.
fn keep_up_http(supervisor: &mut Supervisor, server: mci_http::Server, routes: Router) {
    let (address, shutdown) = (server.listening(), supervisor.shutdown());
    let mut bound = Some(server);
    supervisor.keep_up(HTTP, move || {
        let server = bound.take().map_or_else(|| http(address, routes.clone()), Ok);
        let shutdown = shutdown.clone();
        async move {
            server?.serve(shutdown.cancelled_owned()).await;
            Ok(())
        }
    });
}

/// Takes new certificates without a restart; bad ones change nothing.
fn follow_certificates(supervisor: &mut Supervisor, certificates: Certificates) {
    let Certificates { tls, sources, taken } = certificates;
    let (mut taken, shutdown) = (Some(taken), supervisor.shutdown());
    supervisor.keep_up(CERTIFICATES, move || {
        let (tls, shutdown) = (Arc::clone(&tls), shutdown.clone());
        let following = Following::new(sources.clone(), taken.take().unwrap_or_default());
        async move {
            let renew = move |_| match tls.reload() {
                Ok(()) => info!("Certificates taken"),
                Err(error) => error!(%error, "Certificates refused: those before stay"),
            };
            Ok(following.run(renew, shutdown).await?)
        }
    });
}

/// Certificates, the files they come from, and the look at these that belongs to them.
struct Certificates {
    tls: Arc<Tls>,
    sources: Sources,
    taken: Fingerprint,
}

fn tls(options: &ServeOptions) -> anyhow::Result<Option<Certificates>> {
    let (Some(certificate), Some(key)) = (&options.grpc_tls_cert, &options.grpc_tls_key) else {
        return Ok(None);
    };
    let files = TlsFiles::new(certificate, key);
    let files = match &options.grpc_tls_client_ca {
        Some(roots) => files.client_ca(roots),
        None => files,
    };
    let sources = Sources::new([certificate, key].into_iter().chain(&options.grpc_tls_client_ca).cloned());
    // Looked at before they are read: what changes in between is news.
    let taken = sources.look();
    let tls = Arc::new(Tls::load(files).map_err(|error| anyhow!("--grpc-tls: {error}"))?);
    Ok(Some(Certificates { tls, sources, taken }))
}

fn dns(
    options: &ServeOptions,
    live: &Arc<Live>,
    observers: &Arc<Observers>,
) -> anyhow::Result<Option<Listeners<Observers>>> {
    let mut config = mci_dns::Config::new(options.dns()?);
    config.rate_limit = options.rate_limit().map(RateLimit::new);
    config.cookies = options.cookie_secrets()?;
    if config.addresses.is_empty() {
        return Ok(None);
    }
    match Listeners::bind(config, Arc::clone(live), Arc::clone(observers)) {
        Ok(listeners) => Ok(Some(listeners)),
        Err(error) => {
            let protocol = match error.protocol {
                mci_dns::Protocol::Udp => Protocol::Udp,
                mci_dns::Protocol::Tcp => Protocol::Tcp,
            };
            Err(refused("--dns", &[protocol], error.address, &error.source))
        }
    }
}

fn grpc(
    options: &ServeOptions,
    tls: Option<Arc<Tls>>,
    live: &Arc<Live>,
    observers: &Arc<Observers>,
) -> anyhow::Result<Option<Server>> {
    let mut config = mci_grpc::Config::default();
    config.listen = options.grpc()?;
    config.tls = tls;
    config.max_in_flight = usize::try_from(options.grpc_concurrency)?;
    if config.listen.is_empty() {
        return Ok(None);
    }
    match Server::bind(config, Arc::clone(live), Arc::<Observers>::clone(observers)) {
        Ok(server) => Ok(Some(server)),
        Err(mci_grpc::Error::Bind { listen, source }) => Err(refused_grpc(&listen, &source)),
        Err(error) => Err(anyhow!("--grpc: {error}")),
    }
}

fn http(address: SocketAddr, routes: Router) -> anyhow::Result<mci_http::Server> {
    mci_http::Server::bind(mci_http::Config::new(address), routes).map_err(|error| match error {
        mci_http::Error::Bind { listen, source } => refused("--http", &[Protocol::Tcp], listen, &source),
        error => anyhow!("--http: {error}"),
    })
}
