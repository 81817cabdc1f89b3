//! The connection to a peer: TCP, TLS by rustls, HTTP/2.

use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::str::FromStr;
use std::sync::Arc;
use std::time::Duration;

use http::Uri;
use hyper_util::rt::TokioIo;
use rand::TryRng as _;
use rand::rngs::SysRng;
use rustls::pki_types::ServerName;
use rustls::{ClientConfig, RootCertStore};
use socket2::SockRef;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpStream, lookup_host};
use tokio_rustls::TlsConnector;
use tonic::Request;
use tonic::metadata::{Ascii, MetadataValue};
use tonic::transport::{Channel, Endpoint};

use crate::peer::KEY_HEADER;
use crate::peer::client::PeerError;
use crate::peer::pb::peer_sync_client::PeerSyncClient;
use crate::tls;

/// The key that a peer knows the own cluster by. It is shown nowhere.
#[derive(Clone)]
pub struct ApiKey(MetadataValue<Ascii>);

/// The text can be no key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "an API key is printable ASCII without spaces around it, and not empty: is there a line end in its file?"
)]
pub struct BadApiKey;

impl FromStr for ApiKey {
    type Err = BadApiKey;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        if text.is_empty() || text.trim() != text {
            return Err(BadApiKey);
        }
        let mut value = MetadataValue::try_from(text).map_err(|_| BadApiKey)?;
        value.set_sensitive(true);
        Ok(Self(value))
    }
}

impl ApiKey {
    /// A text from the other side, which knows the key, without it.
    pub(super) fn hide_in(&self, text: &str) -> String {
        self.0.to_str().map_or_else(|_| String::new(), |key| text.replace(key, "(the key)"))
    }
}

impl fmt::Debug for ApiKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ApiKey(..)")
    }
}

/// Where a peer is, and how to speak to it.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct PeerTarget {
    /// The URL of its front end: scheme, host and perhaps a port. A path is left out.
    pub url: Uri,
    /// The key to use there.
    pub key: ApiKey,
    /// Speak without TLS where the URL says `http`.
    pub insecure: bool,
    /// A PEM file of certificates that are trusted beside the system's.
    pub ca: Option<PathBuf>,
    /// PEM files of a certificate and its key, for peers that ask for one.
    pub identity: Option<(PathBuf, PathBuf)>,
    /// How long a connection may take until it speaks HTTP/2.
    pub connect_timeout: Duration,
    /// How often a silent connection is asked whether it is alive…
    pub keepalive_interval: Duration,
    /// … and how long it may take to answer.
    pub keepalive_timeout: Duration,
    /// How long the peer may take to say what it holds, and to acknowledge any of what is on its way: its writes may wait
    /// for an API server that limits them.
    pub patience: Duration,
}

impl PeerTarget {
    /// With TLS and what the system trusts.
    pub const fn new(url: Uri, key: ApiKey) -> Self {
        Self {
            url,
            key,
            insecure: false,
            ca: None,
            identity: None,
            connect_timeout: Duration::from_secs(5),
            keepalive_interval: Duration::from_secs(10),
            keepalive_timeout: Duration::from_secs(5),
            patience: Duration::from_secs(30),
        }
    }
}

/// A connection to a peer. Cheap to clone; all clones are the same.
#[derive(Clone, Debug)]
pub struct Connection {
    client: PeerSyncClient<Channel>,
    key: ApiKey,
    patience: Duration,
}

impl Connection {
    pub(super) const fn key(&self) -> &ApiKey {
        &self.key
    }

    pub(super) const fn patience(&self) -> Duration {
        self.patience
    }

    pub(super) fn client(&self) -> PeerSyncClient<Channel> {
        self.client.clone()
    }

    pub(super) fn request<T>(&self, message: T) -> Request<T> {
        let mut request = Request::new(message);
        request.metadata_mut().insert(KEY_HEADER, self.key.0.clone());
        request
    }
}

/// Makes a connection. Certificates are read anew each time.
pub async fn connect(target: &PeerTarget) -> Result<Connection, PeerError> {
    let url = address(&target.url)?;
    let tls = match url.scheme_str() {
        Some("https") => Some(trust(target)?),
        Some("http") if target.insecure => None,
        Some("http") => {
            return Err(PeerError::Configuration(format!(
                "{url} is not encrypted: write https, or allow it with `insecure: true`"
            )));
        }
        _ => return Err(PeerError::Configuration(format!("{url} is no URL of a peer: write https://HOST"))),
    };
    let keepalive = (target.keepalive_interval, target.keepalive_timeout);
    let endpoint = Endpoint::from(url.clone())
        .connect_timeout(target.connect_timeout)
        .http2_keep_alive_interval(keepalive.0)
        .keep_alive_timeout(keepalive.1)
        .keep_alive_while_idle(true);
    let connector = tower::service_fn(move |url: Uri| {
        let tls = tls.clone();
        async move { dial(&url, tls, keepalive.0 + keepalive.1).await.map(TokioIo::new) }
    });
    let channel = endpoint
        .connect_with_connector(connector)
        .await
        .map_err(|error| PeerError::Connect { url: url.to_string(), problem: causes(&error) })?;
    Ok(Connection {
        client: PeerSyncClient::new(channel),
        key: target.key.clone(),
        patience: target.patience,
    })
}

/// The URL without a path.
fn address(url: &Uri) -> Result<Uri, PeerError> {
    let (Some(scheme), Some(host)) = (url.scheme(), url.host()) else {
        return Err(PeerError::Configuration(
            "the URL of a peer has a scheme and a host: write https://HOST".into(),
        ));
    };
    if url.authority().is_some_and(|authority| authority.as_str().contains('@')) {
        let problem = "the URL of a peer has no user and no password: the key says who speaks";
        return Err(PeerError::Configuration(problem.to_owned()));
    }
    let port = url.port().map(|port| format!(":{port}")).unwrap_or_default();
    let built =
        Uri::builder().scheme(scheme.clone()).authority(format!("{host}{port}")).path_and_query("/").build();
    built.map_err(|error| PeerError::Configuration(format!("the URL of a peer is none: {error}")))
}

fn trust(target: &PeerTarget) -> Result<TlsConnector, PeerError> {
    let mut config = client_tls(target)?;
    config.alpn_protocols = vec![b"h2".to_vec()];
    Ok(TlsConnector::from(Arc::new(config)))
}

/// Whom to trust at a peer, and as whom to come, in whatever protocol: its files are read now.
pub fn client_tls(target: &PeerTarget) -> Result<ClientConfig, PeerError> {
    let configuration = |problem: String| PeerError::Configuration(problem);
    let mut roots = RootCertStore::empty();
    // One of the system's that cannot be read is passed over: another may do.
    roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
    if let Some(file) = &target.ca {
        tls::add_roots(&mut roots, file).map_err(|error| configuration(error.to_string()))?;
    }
    if roots.is_empty() {
        let problem =
            "the system trusts no certificates, and none are configured for this peer: name a `ca` file";
        return Err(configuration(problem.to_owned()));
    }
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let builder = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .expect("ring supports TLS 1.2 and 1.3")
        .with_root_certificates(roots);
    Ok(match &target.identity {
        None => builder.with_no_client_auth(),
        Some((certificate, key)) => {
            let (chain, secret) =
                tls::identity(certificate, key).map_err(|error| configuration(error.to_string()))?;
            builder.with_client_auth_cert(chain, secret).map_err(|error| {
                configuration(format!(
                    "{} does not go with {}: {error}",
                    key.display(),
                    certificate.display()
                ))
            })?
        }
    })
}

/// What a connection is made of.
trait Octets: AsyncRead + AsyncWrite + Send + Unpin {}

impl<T: AsyncRead + AsyncWrite + Send + Unpin> Octets for T {}

async fn dial(url: &Uri, tls: Option<TlsConnector>, patience: Duration) -> io::Result<Box<dyn Octets>> {
    let host = url.host().unwrap_or_default();
    let host = host.strip_prefix('[').and_then(|host| host.strip_suffix(']')).unwrap_or(host);
    let port = url.port_u16().unwrap_or(if tls.is_some() { 443 } else { 80 });
    let mut addresses: Vec<SocketAddr> = lookup_host((host, port)).await?.collect();
    if !addresses.is_empty() {
        // One that does not answer uses up the time: the next try begins at another.
        let chance = SysRng.try_next_u32().unwrap_or_default();
        let turn = usize::try_from(chance).unwrap_or_default() % addresses.len();
        addresses.rotate_left(turn);
    }
    let stream = TcpStream::connect(&*addresses).await?;
    stream.set_nodelay(true)?;
    // What was sent and is not acknowledged for so long is lost, and the connection with it.
    #[cfg(target_os = "linux")]
    SockRef::from(&stream).set_tcp_user_timeout(Some(patience))?;
    let Some(tls) = tls else { return Ok(Box::new(stream)) };
    let name = ServerName::try_from(host.to_owned()).map_err(io::Error::other)?;
    let stream = tls.connect(name, stream).await?;
    if stream.get_ref().1.alpn_protocol() != Some(b"h2") {
        return Err(io::Error::other(
            "the other side does not offer HTTP/2 over TLS: is there a proxy without it?",
        ));
    }
    Ok(Box::new(stream))
}

/// An error with what caused it: tonic's own says only `transport error`.
fn causes(error: &dyn std::error::Error) -> String {
    let mut texts: Vec<String> = Vec::new();
    let mut next = error.source().or(Some(error));
    while let Some(error) = next {
        let text = error.to_string();
        if texts.last() != Some(&text) {
            texts.push(text);
        }
        next = error.source();
    }
    texts.join(": ")
}
