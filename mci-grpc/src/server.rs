//! The server: listeners, their connections, and an end that loses no query.

use std::future::Future;
use std::io;
use std::sync::Arc;
use std::time::Duration;

use futures_util::FutureExt as _;
use mci_core::{Live, Observe};
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tonic::service::Routes;

use crate::backend::Backend;
use crate::config::{Config, Listen};
use crate::connection;
use crate::error::Error;
use crate::health;
use crate::listen::{Accepted, Listener};
use crate::service::Service;

/// Waited after an accept that fails for want of file descriptors or memory.
const BREATH: Duration = Duration::from_millis(50);

/// A server whose sockets listen already; [`serve`](Self::serve) answers.
#[derive(Debug)]
pub struct Server {
    listeners: Vec<(Listen, Listener)>,
    backend: Arc<Backend>,
    config: Arc<Config>,
}

impl Server {
    /// Listens on every address of `config`, or on none. Connections wait in the kernel until the server is served.
    ///
    /// # Panics
    ///
    /// Outside a tokio runtime with I/O and time.
    pub fn bind(config: Config, live: Arc<Live>, observe: Arc<dyn Observe>) -> Result<Self, Error> {
        if config.listen.is_empty() {
            return Err(Error::NoListener);
        }
        let mut listeners = Vec::with_capacity(config.listen.len());
        for listen in &config.listen {
            let listener = Listener::bind(listen, config.socket_mode)?;
            let listening =
                listener.listening().map_err(|source| Error::Bind { listen: listen.clone(), source })?;
            listeners.push((listening, listener));
        }
        let backend = Arc::new(Backend::new(live, observe, config.max_in_flight));
        Ok(Self { listeners, backend, config: Arc::new(config) })
    }

    /// Where it listens, with the ports that were taken for port 0.
    pub fn listening(&self) -> impl Iterator<Item = &Listen> {
        self.listeners.iter().map(|(listen, _)| listen)
    }

    /// Answers until `shutdown` ends.
    ///
    /// Then it takes the connections that the kernel already holds, tells every client to go elsewhere (GOAWAY), answers
    /// what is in flight, and ends; what is left after [`Config::drain_timeout`] is closed. Dropping the future closes
    /// everything at once.
    pub async fn serve(self, shutdown: impl Future<Output = ()>) -> Result<(), Error> {
        let Self { listeners, backend, config } = self;
        let stopping = CancellationToken::new();
        let closing = CancellationToken::new();
        let _closed_when_dropped = closing.clone().drop_guard();
        let connections = TaskTracker::new();
        let routes = health::routes(&backend, &stopping);

        let mut accepting = JoinSet::new();
        for (listen, listener) in listeners {
            let acceptor = Acceptor {
                backend: Arc::clone(&backend),
                routes: routes.clone(),
                config: Arc::clone(&config),
                stopping: stopping.clone(),
                closing: closing.clone(),
                connections: connections.clone(),
            };
            accepting.spawn(async move { (listen, acceptor.accept(listener).await) });
        }

        let ended = tokio::select! {
            () = shutdown => None,
            ended = accepting.join_next() => ended,
        };
        stopping.cancel();
        if let Some(ended) = ended {
            // Only a panic ends a listener early: what it fails to accept it tries again.
            let (listen, problem) = match ended {
                Ok((listen, ())) => (listen.to_string(), "nobody asked it to".to_owned()),
                Err(error) => ("a listener".to_owned(), error.to_string()),
            };
            let listen = listen.parse().unwrap_or_else(|_| Listen::Unix(listen.into()));
            return Err(Error::Ended { listen, problem });
        }
        while accepting.join_next().await.is_some() {}
        connections.close();
        if timeout(config.drain_timeout, connections.wait()).await.is_err() {
            tracing::warn!(connections = connections.len(), "Connections closed with requests in flight");
            closing.cancel();
            connections.wait().await;
        }
        Ok(())
    }
}

/// What one listener's task needs.
struct Acceptor {
    backend: Arc<Backend>,
    routes: Routes,
    config: Arc<Config>,
    stopping: CancellationToken,
    closing: CancellationToken,
    connections: TaskTracker,
}

impl Acceptor {
    async fn accept(self, listener: Listener) {
        loop {
            tokio::select! {
                biased;
                () = self.stopping.cancelled() => break,
                accepted = listener.accept() => self.take(accepted).await,
            }
        }
        // Clients that the kernel has already let in may have asked: they are answered, and told to go.
        while let Some(accepted) = listener.accept().now_or_never() {
            if accepted.is_err() {
                break;
            }
            self.take(accepted).await;
        }
    }

    async fn take(&self, accepted: io::Result<Accepted>) {
        match accepted {
            Ok(_) if self.connections.len() >= self.config.max_connections => {
                tracing::debug!(limit = self.config.max_connections, "Connection refused: too many");
            }
            Ok(accepted) => self.spawn(accepted),
            // The client is gone already.
            Err(error)
                if matches!(
                    error.kind(),
                    io::ErrorKind::ConnectionAborted
                        | io::ErrorKind::ConnectionReset
                        | io::ErrorKind::InvalidInput
                ) => {}
            Err(error) => {
                tracing::warn!(%error, "Connection not accepted");
                sleep(BREATH).await;
            }
        }
    }

    fn spawn(&self, accepted: Accepted) {
        let service = Service {
            backend: Arc::clone(&self.backend),
            routes: self.routes.clone(),
            client: None,
            request_timeout: self.config.request_timeout,
        };
        let (config, stopping, closing) =
            (Arc::clone(&self.config), self.stopping.clone(), self.closing.clone());
        self.connections.spawn(async move {
            tokio::select! {
                () = connection::serve(accepted, service, &config, &stopping) => {}
                () = closing.cancelled() => {}
            }
        });
    }
}
