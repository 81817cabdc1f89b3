//! The HTTP server: small, bounded, and never in the way of queries.

use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::pin::pin;
use std::time::Duration;

use axum::Router;
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use socket2::{Domain, Protocol, SockRef, Socket, Type};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::{sleep, timeout};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::error::Error;

/// Connections that the kernel keeps until they are accepted.
const BACKLOG: i32 = 128;
/// What a request's head may take: probes and scrapes send a few hundred octets.
const MAX_HEAD: usize = 16 * 1024;
/// Waited after an accept that fails for want of file descriptors or memory.
const BREATH: Duration = Duration::from_millis(50);

/// Where the server listens, and its limits.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Config {
    /// The address. Port 0 takes a free one.
    pub listen: SocketAddr,
    /// Connections that may be open at once; one more is closed at once.
    pub max_connections: usize,
    /// How long a connection may take to send the head of a request, the first or the next: idle ones go.
    pub header_timeout: Duration,
    /// How long a client may leave a response unread.
    pub write_timeout: Duration,
    /// How long a shutdown waits for requests in flight.
    pub drain_timeout: Duration,
}

impl Config {
    /// The limits that suit probes and scrapes.
    pub const fn new(listen: SocketAddr) -> Self {
        Self {
            listen,
            max_connections: 256,
            header_timeout: Duration::from_secs(30),
            write_timeout: Duration::from_secs(30),
            drain_timeout: Duration::from_secs(5),
        }
    }
}

/// A server whose socket listens already; [`serve`](Self::serve) answers.
#[derive(Debug)]
pub struct Server {
    listener: TcpListener,
    listening: SocketAddr,
    config: Config,
    routes: Router,
}

impl Server {
    /// Listens. Connections wait in the kernel until the server is served.
    ///
    /// # Panics
    ///
    /// Outside a tokio runtime with I/O and time.
    pub fn bind(config: Config, routes: Router) -> Result<Self, Error> {
        let bound = bind(config.listen).and_then(|listener| Ok((listener.local_addr()?, listener)));
        let (listening, listener) = bound.map_err(|source| Error::Bind { listen: config.listen, source })?;
        Ok(Self { listener, listening, config, routes })
    }

    /// Where it listens, with the port that was taken for port 0.
    pub const fn listening(&self) -> SocketAddr {
        self.listening
    }

    /// Answers until `shutdown` ends; then what is in flight is answered, for [`Config::drain_timeout`] at most.
    /// Dropping the future closes everything at once.
    pub async fn serve(self, shutdown: impl Future<Output = ()>) {
        let Self { listener, listening: _, config, routes } = self;
        let stopping = CancellationToken::new();
        let closing = CancellationToken::new();
        let _closed_when_dropped = closing.clone().drop_guard();
        let connections = TaskTracker::new();
        let mut shutdown = pin!(shutdown);
        loop {
            let accepted = tokio::select! {
                biased;
                () = &mut shutdown => break,
                accepted = listener.accept() => accepted,
            };
            match accepted {
                Ok(_) if connections.len() >= config.max_connections => {
                    tracing::debug!(limit = config.max_connections, "HTTP connection refused: too many");
                }
                Ok((stream, _)) => {
                    let connection = speak(stream, routes.clone(), config.clone(), stopping.clone());
                    let closing = closing.clone();
                    connections.spawn(async move {
                        tokio::select! {
                            () = connection => {}
                            () = closing.cancelled() => {}
                        }
                    });
                }
                Err(error) => {
                    tracing::warn!(%error, "HTTP connection not accepted");
                    sleep(BREATH).await;
                }
            }
        }
        drop(listener);
        stopping.cancel();
        connections.close();
        if timeout(config.drain_timeout, connections.wait()).await.is_err() {
            closing.cancel();
            connections.wait().await;
        }
    }
}

fn bind(address: SocketAddr) -> io::Result<TcpListener> {
    let socket = Socket::new(Domain::for_address(address), Type::STREAM, Some(Protocol::TCP))?;
    // A restart must not wait for the connections of the process before to be forgotten.
    socket.set_reuse_address(true)?;
    socket.set_nonblocking(true)?;
    socket.bind(&address.into())?;
    socket.listen(BACKLOG)?;
    TcpListener::from_std(socket.into())
}

async fn speak(stream: TcpStream, routes: Router, config: Config, stopping: CancellationToken) {
    // A client that reads nothing is closed by the kernel; neither option is worth failing for.
    let socket = SockRef::from(&stream);
    let _ = socket.set_tcp_nodelay(true);
    #[cfg(target_os = "linux")]
    let _ = socket.set_tcp_user_timeout(Some(config.write_timeout));
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(config.header_timeout)
        .max_buf_size(MAX_HEAD)
        .serve_connection(TokioIo::new(stream), TowerToHyperService::new(routes));
    let mut connection = pin!(connection);
    let ended = tokio::select! {
        ended = connection.as_mut() => ended,
        () = stopping.cancelled() => {
            connection.as_mut().graceful_shutdown();
            connection.await
        }
    };
    if let Err(error) = ended {
        tracing::debug!(%error, "HTTP connection ended");
    }
}
