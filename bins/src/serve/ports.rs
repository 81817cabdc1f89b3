//! Everything that listens: bound before anything is said or served, so that a port that cannot be had is an error.

use std::io::Write;
use std::net::SocketAddr;
use std::num::NonZeroU32;
use std::sync::Arc;

use anyhow::{anyhow, bail};
use axum::Router;
use mci_core::wire::CookieSecrets;
use mci_core::{Live, Snapshot};
use mci_dns::{Listeners, RateLimit};
use mci_grpc::{Listen, Server, Tls, TlsFiles};
use mci_http::{Exposition, Observers, Readiness};
use tracing::{error, info};

use super::listen::{refused, refused_grpc};
use super::options::ServeOptions;
use super::{CERTIFICATES, HTTP, try_it};
use crate::config::CertificateFiles;
use crate::facts::summary;
use crate::files::{Fingerprint, Sources};
use crate::follow::Following;
use crate::holder::Protocol;
use crate::supervise::Supervisor;

/// Where to listen and with which limits, wherever that was said.
pub(crate) struct Listening {
    pub(crate) dns: Vec<SocketAddr>,
    pub(crate) grpc: Vec<Listen>,
    pub(crate) http: Option<SocketAddr>,
    pub(crate) tls: Option<CertificateFiles>,
    /// gRPC requests that may be unfinished at once.
    pub(crate) grpc_concurrency: u32,
    pub(crate) rate_limit: Option<NonZeroU32>,
    /// Random ones where absent.
    pub(crate) cookies: Option<CookieSecrets>,
}

impl Listening {
    pub(super) fn of(options: &ServeOptions) -> anyhow::Result<Self> {
        let tls = options.grpc_tls_cert.clone().zip(options.grpc_tls_key.clone());
        Ok(Self {
            dns: options.dns()?,
            grpc: options.grpc()?,
            http: options.http(),
            tls: tls.map(|(certificate, key)| CertificateFiles {
                certificate,
                key,
                client_ca: options.grpc_tls_client_ca.clone(),
            }),
            grpc_concurrency: options.grpc_concurrency,
            rate_limit: options.rate_limit(),
            cookies: options.cookie_secrets()?,
        })
    }
}

/// What is told over HTTP.
pub(crate) struct Told {
    pub(crate) readiness: Readiness,
    pub(crate) exposition: Exposition,
    /// Routes beside health and metrics.
    pub(crate) api: Router,
}

/// What listens.
pub(crate) struct Ports {
    dns: Option<Listeners<Observers>>,
    grpc: Option<Server>,
    tls: Option<Certificates>,
    http: Option<mci_http::Server>,
    routes: Router,
}

impl Ports {
    /// Binds every address, or says which cannot be had and why.
    pub(crate) fn bind(
        listening: &Listening,
        live: &Arc<Live>,
        observers: &Arc<Observers>,
        told: Told,
    ) -> anyhow::Result<Self> {
        let tls = listening.tls.as_ref().map(tls).transpose()?;
        let dns = dns(listening, live, observers)?;
        let grpc = grpc(listening, tls.as_ref().map(|files| Arc::clone(&files.tls)), live, observers)?;
        if dns.is_none() && grpc.is_none() {
            bail!("--dns and --grpc are both off: nothing would be answered");
        }
        let routes = mci_http::routes(told.readiness, Some(told.exposition)).merge(told.api);
        let http = listening.http.map(|address| http(address, routes.clone())).transpose()?;
        Ok(Self { dns, grpc, tls, http, routes })
    }

    /// Where each listens, for the log.
    pub(crate) fn addresses(&self) -> String {
        let dns = self.dns.iter().flat_map(Listeners::local_addrs).map(|address| format!("DNS {address}"));
        let grpc = self.grpc.iter().flat_map(Server::listening).map(|listen| format!("gRPC {listen}"));
        let http = self.http.iter().map(|server| format!("HTTP {}", server.listening()));
        dns.chain(grpc).chain(http).collect::<Vec<_>>().join(", ")
    }

    /// Says what is served where, and what to try.
    pub(crate) fn announce(
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
    pub(crate) fn run(self, supervisor: &mut Supervisor) {
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
pub(crate) fn keep_up_http(supervisor: &mut Supervisor, server: mci_http::Server, routes: Router) {
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
pub(crate) fn follow_certificates(supervisor: &mut Supervisor, certificates: Certificates) {
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
pub(crate) struct Certificates {
    pub(crate) tls: Arc<Tls>,
    sources: Sources,
    taken: Fingerprint,
}

fn tls(files: &CertificateFiles) -> anyhow::Result<Certificates> {
    certificates(files, "--grpc-tls", |files| files)
}

/// Reads certificates, which `flag` and its like name; `kind` says what they are for.
pub(crate) fn certificates(
    files: &CertificateFiles,
    flag: &str,
    kind: impl FnOnce(TlsFiles) -> TlsFiles,
) -> anyhow::Result<Certificates> {
    let CertificateFiles { certificate, key, client_ca } = files;
    let files = kind(TlsFiles::new(certificate, key));
    let files = match client_ca {
        Some(roots) => files.client_ca(roots),
        None => files,
    };
    let sources = Sources::new([certificate, key].into_iter().chain(client_ca).cloned());
    // Looked at before they are read: what changes in between is news.
    let taken = sources.look();
    let tls = Arc::new(Tls::load(files).map_err(|error| anyhow!("{flag}: {error}"))?);
    Ok(Certificates { tls, sources, taken })
}

fn dns(
    listening: &Listening,
    live: &Arc<Live>,
    observers: &Arc<Observers>,
) -> anyhow::Result<Option<Listeners<Observers>>> {
    let mut config = mci_dns::Config::new(listening.dns.clone());
    config.rate_limit = listening.rate_limit.map(RateLimit::new);
    config.cookies.clone_from(&listening.cookies);
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
    listening: &Listening,
    tls: Option<Arc<Tls>>,
    live: &Arc<Live>,
    observers: &Arc<Observers>,
) -> anyhow::Result<Option<Server>> {
    let mut config = mci_grpc::Config::default();
    config.listen.clone_from(&listening.grpc);
    config.tls = tls;
    config.max_in_flight = usize::try_from(listening.grpc_concurrency)?;
    if config.listen.is_empty() {
        return Ok(None);
    }
    match Server::bind(config, Arc::clone(live), Arc::<Observers>::clone(observers)) {
        Ok(server) => Ok(Some(server)),
        Err(mci_grpc::Error::Bind { listen, source }) => Err(refused_grpc(&listen, &source)),
        Err(error) => Err(anyhow!("--grpc: {error}")),
    }
}

pub(crate) fn http(address: SocketAddr, routes: Router) -> anyhow::Result<mci_http::Server> {
    http_with(mci_http::Config::new(address), routes)
}

pub(crate) fn http_with(config: mci_http::Config, routes: Router) -> anyhow::Result<mci_http::Server> {
    mci_http::Server::bind(config, routes).map_err(|error| match error {
        mci_http::Error::Bind { listen, source } => refused("--http", &[Protocol::Tcp], listen, &source),
        error => anyhow!("--http: {error}"),
    })
}
