//! The way to one URL: its name, its addresses, TLS, and whether it carries HTTP/2.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use http::{Request, Uri};
use hyper::client::conn::http2;
use hyper_util::rt::{TokioExecutor, TokioIo};
use rustls::ClientConfig;
use rustls::pki_types::ServerName;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpStream, lookup_host};
use tokio::time::timeout;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use super::certificate;
use crate::doctor::Finding;

/// How long each step may take.
const PATIENCE: Duration = Duration::from_secs(5);

/// Whether the way carries HTTP/2.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Http2 {
    Passes,
    /// And why not.
    Not(String),
}

/// Examines the way to the URL at this key of the configuration; nothing where it ends before a request could be made.
pub(super) async fn examine(
    key: &str,
    url: &Uri,
    tls: &ClientConfig,
    findings: &mut Vec<Finding>,
) -> Option<Http2> {
    let is_tls = url.scheme_str() == Some("https");
    let host = url.host()?.trim_start_matches('[').trim_end_matches(']');
    let port = url.port_u16().unwrap_or(if is_tls { 443 } else { 80 });
    let addresses = resolve(key, host, port, findings).await?;
    let stream = connect(&addresses, findings).await?;
    let http2 = if is_tls {
        let stream = handshake(host, tls.clone(), stream, findings).await?;
        if stream.get_ref().1.alpn_protocol() == Some(b"h2") {
            ask(url, stream).await
        } else {
            Err("TLS agreed on HTTP/1.1 alone (ALPN)".to_owned())
        }
    } else {
        findings.push(Finding::ok("plain HTTP: everybody on the way can read the key (`insecure: true`)"));
        ask(url, stream).await
    };
    Some(match http2 {
        Ok(()) => {
            findings.push(Finding::ok("HTTP/2 passes"));
            Http2::Passes
        }
        Err(why) => {
            // Whether that matters depends on what the peer speaks.
            findings.push(Finding::unknown(format!("HTTP/2 does not pass: {why}")));
            Http2::Not(why)
        }
    })
}

async fn resolve(key: &str, host: &str, port: u16, findings: &mut Vec<Finding>) -> Option<Vec<SocketAddr>> {
    let found = match timeout(PATIENCE, lookup_host((host, port))).await {
        Ok(Ok(found)) => found.collect::<Vec<_>>(),
        Ok(Err(error)) => {
            let fix = format!("correct `{key}`, or the name");
            findings.push(Finding::fail(format!("{host} is not resolved: {error}"), fix));
            return None;
        }
        Err(_) => {
            let what = format!("{host} is not resolved within {} s", PATIENCE.as_secs());
            findings.push(Finding::fail(what, "look at this machine's resolver"));
            return None;
        }
    };
    if found.is_empty() {
        findings
            .push(Finding::fail(format!("{host} has no address"), format!("correct `{key}`, or the name")));
        return None;
    }
    let ips: Vec<String> = found.iter().map(|address| address.ip().to_string()).collect();
    findings.push(Finding::ok(format!("{key}: {host} is {}", ips.join(", "))));
    Some(found)
}

/// Tries each address; gives the first connection.
async fn connect(addresses: &[SocketAddr], findings: &mut Vec<Finding>) -> Option<TcpStream> {
    let mut first = None;
    for address in addresses {
        let why = match timeout(PATIENCE, TcpStream::connect(address)).await {
            Ok(Ok(stream)) => {
                findings.push(Finding::ok(format!("{address} accepts a connection")));
                first.get_or_insert(stream);
                continue;
            }
            Ok(Err(error)) => error.to_string(),
            Err(_) => format!("nothing came within {} s", PATIENCE.as_secs()),
        };
        let fix =
            "does its front end listen there, and does every firewall and NetworkPolicy on the way allow it?";
        findings.push(Finding::fail(format!("{address} accepts no connection: {why}"), fix));
    }
    first
}

async fn handshake(
    host: &str,
    mut tls: ClientConfig,
    stream: TcpStream,
    findings: &mut Vec<Finding>,
) -> Option<TlsStream<TcpStream>> {
    tls.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    let name = match ServerName::try_from(host.to_owned()) {
        Ok(name) => name,
        Err(error) => {
            findings
                .push(Finding::fail(format!("{host} can be no name for TLS: {error}"), "correct the URL"));
            return None;
        }
    };
    let shaken = timeout(PATIENCE, TlsConnector::from(Arc::new(tls)).connect(name, stream)).await;
    let why = match shaken {
        Ok(Ok(stream)) => {
            let shown = stream.get_ref().1.peer_certificates().and_then(|chain| chain.first().cloned());
            findings.push(certificate::finding(shown.as_deref()));
            return Some(stream);
        }
        Ok(Err(error)) => error.to_string(),
        Err(_) => format!("nothing came within {} s", PATIENCE.as_secs()),
    };
    let fix = format!(
        "its certificate has to be for {host}, in date, and of an authority that is trusted: `ca` of this peer names a file \
         of others than this machine's"
    );
    findings.push(Finding::fail(format!("no TLS with {host}: {why}"), fix));
    None
}

/// Asks for health over HTTP/2, which needs no key.
async fn ask(url: &Uri, stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static) -> Result<(), String> {
    let asked = async {
        let opened = http2::handshake(TokioExecutor::new(), TokioIo::new(stream)).await;
        let (mut sender, connection) = opened.map_err(|error| error.to_string())?;
        let path = format!("{}/Healthz/Liveness", url.to_string().trim_end_matches('/'));
        let request = Request::get(path).body(Body::empty()).map_err(|error| error.to_string())?;
        let answer = async { sender.send_request(request).await.map_err(|error| error.to_string()) };
        // The connection lives as long as it is asked; that it ended says more than that nothing came.
        tokio::select! {
            answer = answer => answer.map(drop),
            ended = connection => Err(ended.err().map_or_else(|| "it was closed".to_owned(), |error| error.to_string())),
        }
    };
    timeout(PATIENCE, asked)
        .await
        .unwrap_or_else(|_| Err(format!("nothing came within {} s", PATIENCE.as_secs())))
}
