//! The HTTP server: small, bounded, and never in the way of queries.
//!
//! ```text
//!   TCP ──► a place among the connections ──► TLS, where there is any ──► h2 (ALPN, or its preface) ──► routes
//!                                                                     └─► HTTP/1.1 ──────────────────►
//! ```
//!
//! Memory is bounded by the number of connections and by what each may have on its way: windows of HTTP/2, heads of
//! HTTP/1.1. How large a body may be is the routes' to say.

use std::fmt;
use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::time::Duration;

use axum::{Extension, Router};
use hyper::server::conn::{http1, http2};
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use rustls::ServerConfig;
use socket2::{Domain, Protocol, SockRef, Socket, Type};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::{sleep, timeout};
use tokio_rustls::TlsAcceptor;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::connection::{Connection, Connections, Place};
use crate::error::Error;

/// Connections that the kernel keeps until they are accepted.
const BACKLOG: i32 = 128;
/// What a request's head may take: probes and scrapes send a few hundred octets.
const MAX_HEAD: u32 = 16 * 1024;
/// Waited after an accept that fails for want of file descriptors or memory.
const BREATH: Duration = Duration::from_millis(50);
/// What a stream of HTTP/2 may have on its way: enough for several megabytes a second over a continent.
const STREAM_WINDOW: u32 = 256 * 1024;
/// What all streams of a connection may have on their way.
const CONNECTION_WINDOW: u32 = 1024 * 1024;
/// Requests of one connection at a time.
const MAX_STREAMS: u32 = 128;
/// How often an HTTP/2 connection is asked whether it lives, and how long it may take to answer.
const PING: Duration = Duration::from_secs(20);

/// Where the configuration of TLS comes from, for each connection anew: certificates change while a server runs.
#[derive(Clone)]
pub struct TlsSource(Arc<dyn Fn() -> Arc<ServerConfig> + Send + Sync>);

impl TlsSource {
    /// What `current` says when a connection comes. Its ALPN should name `h2` and `http/1.1`.
    pub fn new(current: impl Fn() -> Arc<ServerConfig> + Send + Sync + 'static) -> Self {
        Self(Arc::new(current))
    }
}

impl fmt::Debug for TlsSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TlsSource").finish_non_exhaustive()
    }
}

/// Where the server listens, and its limits.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Config {
    /// The address. Port 0 takes a free one.
    pub listen: SocketAddr,
    /// Connections that may be open at once; one more is closed at once, unless a stranger makes way.
    pub max_connections: usize,
    /// TLS; plain where absent.
    pub tls: Option<TlsSource>,
    /// Whether HTTP/2 is spoken: by ALPN, and in the clear to who begins with its preface.
    pub http2: bool,
    /// How long a connection may stay on which no valid key was shown ([`Connection::make_known`]), where there are keys:
    /// such strangers make way, too, when there are too many connections.
    pub stranger_timeout: Option<Duration>,
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
            tls: None,
            http2: false,
            stranger_timeout: None,
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
        let tasks = TaskTracker::new();
        let connections = Arc::new(Connections::default());
        let mut shutdown = pin!(shutdown);
        loop {
            let accepted = tokio::select! {
                biased;
                () = &mut shutdown => break,
                accepted = listener.accept() => accepted,
            };
            match accepted {
                Ok((stream, client)) => {
                    let connection = Connection::from(client);
                    let evicts = config.stranger_timeout.is_some();
                    let Some(place) = connections.open(&connection, config.max_connections, evicts) else {
                        tracing::debug!(limit = config.max_connections, "HTTP connection refused: too many");
                        continue;
                    };
                    let speaker = Speaker {
                        routes: routes.clone(),
                        connection,
                        config: config.clone(),
                        stopping: stopping.clone(),
                    };
                    let closing = closing.clone();
                    tasks.spawn(async move {
                        let Place { evicted, .. } = &place;
                        tokio::select! {
                            () = speaker.serve(stream) => {}
                            () = evicted.cancelled() => {}
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
        tasks.close();
        if timeout(config.drain_timeout, tasks.wait()).await.is_err() {
            closing.cancel();
            tasks.wait().await;
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

/// One connection, and what serves it.
struct Speaker {
    routes: Router,
    connection: Connection,
    config: Config,
    stopping: CancellationToken,
}

impl Speaker {
    async fn serve(self, stream: TcpStream) {
        // A client that reads nothing is closed by the kernel; neither option is worth failing for.
        let socket = SockRef::from(&stream);
        let _ = socket.set_tcp_nodelay(true);
        #[cfg(target_os = "linux")]
        let _ = socket.set_tcp_user_timeout(Some(self.config.write_timeout));
        let client = self.connection.client();
        let Some(TlsSource(current)) = &self.config.tls else {
            if !self.config.http2 {
                return self.speak(stream, false).await;
            }
            let begun = timeout(self.config.header_timeout, begins_with_preface(&stream)).await;
            let Ok(Ok(is_http2)) = begun else {
                return tracing::debug!(%client, "HTTP connection without a request");
            };
            return self.speak(stream, is_http2).await;
        };
        let handshake = TlsAcceptor::from(current()).accept(stream);
        match timeout(self.config.header_timeout, handshake).await {
            Ok(Ok(stream)) => {
                let (_, session) = stream.get_ref();
                if session.peer_certificates().is_some() {
                    self.connection.showed_certificate();
                }
                let is_http2 = self.config.http2 && session.alpn_protocol() == Some(b"h2");
                self.speak(stream, is_http2).await;
            }
            // A probe that only connects.
            Ok(Err(error)) if error.kind() == io::ErrorKind::UnexpectedEof => {
                tracing::debug!(%client, %error, "TLS handshake failed");
            }
            Ok(Err(error)) => tracing::info!(%client, %error, "TLS handshake failed"),
            Err(_) => tracing::debug!(%client, "TLS handshake timed out"),
        }
    }

    async fn speak(self, stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static, is_http2: bool) {
        let Self { routes, connection, config, stopping } = self;
        let service = TowerToHyperService::new(routes.layer(Extension(connection.clone())));
        let stream = TokioIo::new(stream);
        let ended = if is_http2 {
            let spoken = http2::Builder::new(TokioExecutor::new())
                .timer(TokioTimer::new())
                .initial_stream_window_size(STREAM_WINDOW)
                .initial_connection_window_size(CONNECTION_WINDOW)
                .max_concurrent_streams(MAX_STREAMS)
                .max_header_list_size(MAX_HEAD)
                .keep_alive_interval(PING)
                .keep_alive_timeout(PING)
                .serve_connection(stream, service);
            drive(spoken, &connection, &config, &stopping, http2::Connection::graceful_shutdown).await
        } else {
            let spoken = http1::Builder::new()
                .timer(TokioTimer::new())
                .header_read_timeout(config.header_timeout)
                .max_buf_size(usize::try_from(MAX_HEAD).unwrap_or(usize::MAX))
                .serve_connection(stream, service);
            drive(spoken, &connection, &config, &stopping, http1::Connection::graceful_shutdown).await
        };
        if let Err(error) = ended {
            tracing::debug!(%error, "HTTP connection ended");
        }
    }
}

/// Serves a connection until it ends by itself. When the server stops, or a stranger has stayed for long enough, it takes no
/// more requests; a stranger then has as long again as a client may leave an answer unread.
async fn drive<C: Future<Output = Result<(), hyper::Error>>>(
    spoken: C,
    connection: &Connection,
    config: &Config,
    stopping: &CancellationToken,
    end: impl Fn(Pin<&mut C>),
) -> Result<(), hyper::Error> {
    let mut spoken = pin!(spoken);
    let stayed = async {
        match config.stranger_timeout {
            Some(patience) => sleep(patience).await,
            None => std::future::pending().await,
        }
        if connection.is_known() {
            std::future::pending::<()>().await;
        }
    };
    tokio::select! {
        ended = spoken.as_mut() => return ended,
        () = stopping.cancelled() => {
            end(spoken.as_mut());
            return spoken.await;
        }
        () = stayed => end(spoken.as_mut()),
    }
    // What is under way may be the first request with a key, of someone who was slow.
    match timeout(config.write_timeout, spoken).await {
        Ok(ended) => ended,
        Err(_) => Ok(()),
    }
}

/// Whether a client begins as those of HTTP/2 do (RFC 9113 §3.4), and no method of HTTP/1.1 does.
async fn begins_with_preface(stream: &TcpStream) -> io::Result<bool> {
    const BEGINNING: &[u8] = b"PRI";
    let mut heard = [0; BEGINNING.len()];
    loop {
        let length = stream.peek(&mut heard).await?;
        let said = heard.get(..length).unwrap_or_default();
        if length == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        if !BEGINNING.starts_with(said) {
            return Ok(false);
        }
        if length == BEGINNING.len() {
            return Ok(true);
        }
        // The rest of three octets is on its way; to peek says at once what is there already.
        sleep(BREATH).await;
    }
}
