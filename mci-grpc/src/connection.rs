//! One connection: TLS, HTTP/2's preface, requests, the end.

use std::future::poll_fn;
use std::io;
use std::pin::{Pin, pin};
use std::task::{Context, Poll};
use std::time::Duration;

use hyper::server::conn::http2;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, ReadBuf};
use tokio::time::timeout;
use tokio_rustls::TlsAcceptor;
use tokio_util::sync::CancellationToken;

use crate::config::Config;
use crate::executor::{self, Batched};
use crate::listen::Accepted;
use crate::service::Service;

/// What every HTTP/2 client says first (RFC 9113 §3.4).
const PREFACE: &[u8; 24] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
/// A request of gRPC has a handful of short headers.
const MAX_HEADERS: u32 = 8 * 1024;

/// Serves a connection until the client ends it, or `stopping` and then its last request does.
pub(crate) async fn serve(
    accepted: Accepted,
    mut service: Service,
    config: &Config,
    stopping: &CancellationToken,
) {
    let patience = config.handshake_timeout;
    match accepted {
        Accepted::Unix(stream) => speak(stream, service, config, stopping).await,
        Accepted::Tcp(stream, client) => {
            service.client = Some(client);
            let Some(tls) = &config.tls else { return speak(stream, service, config, stopping).await };
            match timeout(patience, TlsAcceptor::from(tls.current()).accept(stream)).await {
                Ok(Ok(stream)) => speak(stream, service, config, stopping).await,
                // A probe that only connects.
                Ok(Err(error)) if error.kind() == io::ErrorKind::UnexpectedEof => {
                    tracing::debug!(%client, %error, "TLS handshake failed");
                }
                Ok(Err(error)) => tracing::info!(%client, %error, "TLS handshake failed"),
                Err(_) => tracing::debug!(%client, "TLS handshake timed out"),
            }
        }
    }
}

async fn speak(
    mut stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static,
    service: Service,
    config: &Config,
    stopping: &CancellationToken,
) {
    let client = service.client;
    match preface(&mut stream, config.handshake_timeout).await {
        Ok(()) => {}
        Err(error) if error.kind() == io::ErrorKind::InvalidData => {
            tracing::info!(?client, %error, "Connection refused");
            return;
        }
        Err(error) => {
            tracing::debug!(?client, %error, "Connection without a request");
            return;
        }
    }
    let connection = http2::Builder::new(Batched)
        .timer(TokioTimer::new())
        .max_concurrent_streams(config.max_streams())
        // After a pause of this process, everything that waits has been given up by its client. That is no attack, and
        // h2's default, 20, would end the connection.
        .max_pending_accept_reset_streams(config.max_in_flight)
        .max_header_list_size(MAX_HEADERS)
        .keep_alive_interval(config.keepalive_interval)
        .keep_alive_timeout(config.keepalive_timeout)
        .auto_date_header(false)
        .serve_connection(TokioIo::new(Rewound { stream, told: 0 }), service);
    let mut connection = pin!(connection);
    let ended = tokio::select! {
        ended = poll_fn(|context| executor::poll(connection.as_mut(), context)) => ended,
        () = stopping.cancelled() => {
            // GOAWAY: streams that the client opened before it hears of it are still answered.
            connection.as_mut().graceful_shutdown();
            poll_fn(|context| executor::poll(connection.as_mut(), context)).await
        }
    };
    if let Err(error) = ended {
        tracing::debug!(?client, %error, "Connection ended");
    }
}

/// Reads the preface, so that a client which says nothing, or speaks another protocol, is not kept.
async fn preface(stream: &mut (impl AsyncRead + Unpin), patience: Duration) -> io::Result<()> {
    let read = async {
        let mut heard = [0; PREFACE.len()];
        let mut length = 0;
        while let Some(room) = heard.get_mut(length..).filter(|room| !room.is_empty()) {
            let more = stream.read(room).await?;
            if more == 0 {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
            length += more;
            if heard.get(..length) != PREFACE.get(..length) {
                let hint = "the client does not speak HTTP/2 in the clear: is TLS on at one side only?";
                return Err(io::Error::new(io::ErrorKind::InvalidData, hint));
            }
        }
        Ok(())
    };
    timeout(patience, read).await.map_err(|_| io::Error::from(io::ErrorKind::TimedOut))?
}

/// A stream whose preface has been read already, and is told again.
struct Rewound<S> {
    stream: S,
    told: usize,
}

impl<S: AsyncRead + Unpin> AsyncRead for Rewound<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let Some(rest) = PREFACE.get(self.told..).filter(|rest| !rest.is_empty()) else {
            return Pin::new(&mut self.stream).poll_read(context, buffer);
        };
        let (now, _) = rest.split_at(rest.len().min(buffer.remaining()));
        buffer.put_slice(now);
        self.told += now.len();
        Poll::Ready(Ok(()))
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Rewound<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        octets: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(context, octets)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write_vectored(context, slices)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_client_that_says_nothing_or_something_else_is_not_kept() {
        let patience = Duration::from_secs(1);
        for (said, kind) in [
            (&PREFACE[..], None),
            (b"GET / HTTP/1.1\r\n", Some(io::ErrorKind::InvalidData)),
            (b"\x16\x03\x01", Some(io::ErrorKind::InvalidData)),
            (b"PRI * ", Some(io::ErrorKind::TimedOut)),
            (b"", Some(io::ErrorKind::TimedOut)),
        ] {
            let (mut client, mut server) = tokio::io::duplex(64);
            tokio::io::AsyncWriteExt::write_all(&mut client, said).await.unwrap();
            let heard = preface(&mut server, patience).await;
            assert_eq!(heard.err().map(|error| error.kind()), kind, "{said:?}");
        }
    }

    #[tokio::test]
    async fn the_preface_is_told_again_in_pieces_of_any_size() {
        let (mut client, server) = tokio::io::duplex(64);
        tokio::io::AsyncWriteExt::write_all(&mut client, b"rest").await.unwrap();
        drop(client);
        let mut all = Vec::new();
        let mut rewound = Rewound { stream: server, told: 0 };
        let mut piece = [0; 7];
        loop {
            let length = rewound.read(&mut piece).await.unwrap();
            if length == 0 {
                break;
            }
            all.extend_from_slice(&piece[..length]);
        }
        assert_eq!(all, [&PREFACE[..], b"rest"].concat());
    }
}
