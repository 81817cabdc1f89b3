//! The listener of a front end: TLS, HTTP/2, and strangers.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test")]

use std::io::{Read as _, Write as _};
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::extract::Extension;
use axum::routing::{get, post};
use http_body_util::BodyExt as _;
use hyper::{Request, Response};
use hyper_util::rt::{TokioExecutor, TokioIo};
use mci_core::peer::KeyRing;
use mci_http::{Config, Connection, Gate, Server, TlsSource, Turned, call_own};
use rcgen::{CertificateParams, CertifiedIssuer, Issuer, KeyPair};
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::WebPkiClientVerifier;
use rustls::{ClientConfig, RootCertStore, ServerConfig};
use tokio::net::TcpStream;
use tokio::sync::watch;
use tokio_rustls::TlsConnector;

const PATIENCE: Duration = Duration::from_secs(20);
const KEY: &str = "a-key-of-east";

fn config() -> Config {
    let mut config = Config::new(SocketAddr::from(([127, 0, 0, 1], 0)));
    config.http2 = true;
    config.stranger_timeout = Some(PATIENCE * 100);
    config
}

/// A server that is ended with its test.
fn start(config: Config, routes: Router) -> SocketAddr {
    let server = Server::bind(config, routes).unwrap();
    let address = server.listening();
    tokio::spawn(server.serve(std::future::pending()));
    address
}

fn keys() -> watch::Receiver<Arc<KeyRing>> {
    let ring = KeyRing::new(*b"salt").key("east".parse().unwrap(), KeyRing::hash(b"salt", KEY.as_bytes()));
    watch::channel(Arc::new(ring)).1
}

fn gate(rate: u32, needs_certificate: bool) -> Arc<Gate> {
    Arc::new(Gate::new(keys(), watch::channel(rate).1, needs_certificate))
}

/// Says which version of HTTP a request came by, and whether its connection is known.
fn routes() -> Router {
    let version = get(async |Extension(connection): Extension<Connection>, request: axum::extract::Request| {
        format!("{:?} {}", request.version(), connection.is_known())
    });
    Router::new()
        .route("/version", version)
        .route("/healthz", get(async || "ok"))
        .route("/mci.peer.v1.PeerSync/Sync", post(async || "streamed"))
}

fn request(method: &str, address: SocketAddr, path: &str, key: Option<&str>) -> Request<Body> {
    let uri = format!("http://{address}{path}");
    let mut request = Request::builder().method(method).uri(uri).header("host", "front-end.example");
    if let Some(key) = key {
        request = request.header("x-api-key", key);
    }
    request.body(Body::empty()).unwrap()
}

async fn text(response: Response<hyper::body::Incoming>) -> (u16, String) {
    let status = response.status().as_u16();
    let body = response.into_body().collect().await.unwrap().to_bytes();
    (status, String::from_utf8(body.to_vec()).unwrap())
}

async fn http1(
    stream: impl tokio::io::AsyncRead + tokio::io::AsyncWrite + Unpin + Send + 'static,
) -> hyper::client::conn::http1::SendRequest<Body> {
    let (sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream)).await.unwrap();
    tokio::spawn(connection);
    sender
}

async fn http2(
    stream: impl tokio::io::AsyncRead + tokio::io::AsyncWrite + Unpin + Send + 'static,
) -> hyper::client::conn::http2::SendRequest<Body> {
    let handshake = hyper::client::conn::http2::handshake(TokioExecutor::new(), TokioIo::new(stream));
    let (sender, connection) = handshake.await.unwrap();
    tokio::spawn(connection);
    sender
}

async fn connect(address: SocketAddr) -> TcpStream {
    TcpStream::connect(address).await.unwrap()
}

#[tokio::test]
async fn one_listener_speaks_both_versions_in_the_clear() {
    let address = start(config(), routes());
    let mut old = http1(connect(address).await).await;
    let answer = old.send_request(request("GET", address, "/version", None)).await.unwrap();
    assert_eq!(text(answer).await, (200, "HTTP/1.1 false".to_owned()));
    let mut new = http2(connect(address).await).await;
    let answer = new.send_request(request("GET", address, "/version", None)).await.unwrap();
    assert_eq!(text(answer).await, (200, "HTTP/2.0 false".to_owned()));
}

/// An authority, and a certificate that it signed.
struct Pki {
    authority: CertifiedIssuer<'static, KeyPair>,
}

impl Pki {
    fn new() -> Self {
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        params.is_ca = rcgen::IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
        Self { authority: CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap() }
    }

    fn roots(&self) -> RootCertStore {
        let mut roots = RootCertStore::empty();
        roots.add(CertificateDer::from(self.authority.der().to_vec())).unwrap();
        roots
    }

    fn certificate(&self, name: &str) -> (Vec<CertificateDer<'static>>, PrivateKeyDer<'static>) {
        let key = KeyPair::generate().unwrap();
        let params = CertificateParams::new(vec![name.to_owned()]).unwrap();
        let issuer: &Issuer<'_, KeyPair> = &self.authority;
        let certificate = params.signed_by(&key, issuer).unwrap();
        let key = PrivateKeyDer::from_pem_slice(key.serialize_pem().as_bytes()).unwrap();
        (vec![certificate.der().clone()], key)
    }

    fn server(&self, name: &str, clients: Option<&Self>) -> Arc<ServerConfig> {
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let builder = ServerConfig::builder_with_provider(Arc::clone(&provider));
        let builder = builder.with_safe_default_protocol_versions().unwrap();
        let builder = match clients {
            None => builder.with_no_client_auth(),
            Some(clients) => builder.with_client_cert_verifier(
                WebPkiClientVerifier::builder_with_provider(Arc::new(clients.roots()), provider)
                    .allow_unauthenticated()
                    .build()
                    .unwrap(),
            ),
        };
        let (chain, key) = self.certificate(name);
        let mut config = builder.with_single_cert(chain, key).unwrap();
        config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
        Arc::new(config)
    }

    async fn connect(
        &self,
        address: SocketAddr,
        name: &str,
        protocol: &str,
        shows: Option<&Self>,
    ) -> std::io::Result<tokio_rustls::client::TlsStream<TcpStream>> {
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let builder = ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions();
        let builder = builder.unwrap().with_root_certificates(self.roots());
        let mut config = match shows {
            None => builder.with_no_client_auth(),
            Some(clients) => {
                let (chain, key) = clients.certificate("client.example");
                builder.with_client_auth_cert(chain, key).unwrap()
            }
        };
        config.alpn_protocols = vec![protocol.as_bytes().to_vec()];
        let name = name.to_owned().try_into().unwrap();
        TlsConnector::from(Arc::new(config)).connect(name, connect(address).await).await
    }
}

#[tokio::test]
async fn over_tls_alpn_says_which_version_is_spoken() {
    let pki = Pki::new();
    let server = pki.server("front-end.example", None);
    let mut config = config();
    config.tls = Some(TlsSource::new(move || Arc::clone(&server)));
    let address = start(config, routes());
    let mut old = http1(pki.connect(address, "front-end.example", "http/1.1", None).await.unwrap()).await;
    let answer = old.send_request(request("GET", address, "/version", None)).await.unwrap();
    assert_eq!(text(answer).await.1, "HTTP/1.1 false");
    let mut new = http2(pki.connect(address, "front-end.example", "h2", None).await.unwrap()).await;
    let answer = new.send_request(request("GET", address, "/version", None)).await.unwrap();
    assert_eq!(text(answer).await.1, "HTTP/2.0 false");
}

#[tokio::test]
async fn a_new_certificate_is_shown_to_the_next_connection_and_open_ones_stay() {
    let pki = Pki::new();
    let current = Arc::new(Mutex::new(pki.server("old.example", None)));
    let shown = Arc::clone(&current);
    let mut config = config();
    config.tls = Some(TlsSource::new(move || Arc::clone(&shown.lock().unwrap())));
    let address = start(config, routes());
    let mut open = http1(pki.connect(address, "old.example", "http/1.1", None).await.unwrap()).await;
    *current.lock().unwrap() = pki.server("new.example", None);
    assert!(pki.connect(address, "old.example", "http/1.1", None).await.is_err());
    pki.connect(address, "new.example", "http/1.1", None).await.unwrap();
    let answer = open.send_request(request("GET", address, "/healthz", None)).await.unwrap();
    assert_eq!(answer.status(), 200);
}

#[tokio::test]
async fn who_shows_no_certificate_may_ask_for_health_alone() {
    let (pki, clients) = (Pki::new(), Pki::new());
    let server = pki.server("front-end.example", Some(&clients));
    let mut config = config();
    config.tls = Some(TlsSource::new(move || Arc::clone(&server)));
    let gate = gate(20, true);
    let address = start(config, gate.before(routes()));
    let mut bare = http1(pki.connect(address, "front-end.example", "http/1.1", None).await.unwrap()).await;
    let mut asked = Vec::new();
    for (path, key) in [("/healthz", None), ("/version", Some(KEY))] {
        asked.push(bare.send_request(request("GET", address, path, key)).await.unwrap().status().as_u16());
    }
    assert_eq!(asked, [200, 403]);
    let good = pki.connect(address, "front-end.example", "http/1.1", Some(&clients)).await.unwrap();
    let mut good = http1(good).await;
    let answer = good.send_request(request("GET", address, "/version", Some(KEY))).await.unwrap();
    assert_eq!(text(answer).await, (200, "HTTP/1.1 true".to_owned()));
    assert_eq!((gate.turned(Turned::NoCertificate), gate.turned(Turned::TooMany)), (1, 0));
    // One of another authority is no certificate at all.
    let strange = pki.connect(address, "front-end.example", "http/1.1", Some(&pki)).await;
    let refused = match strange {
        Err(_) => true,
        // In TLS 1.3 the client hears of it with the first answer.
        Ok(stream) => {
            let asked = http1(stream).await.send_request(request("GET", address, "/healthz", None)).await;
            asked.is_err()
        }
    };
    assert!(refused);
}

#[tokio::test]
async fn strangers_may_ask_so_often_in_either_language_and_peers_and_probes_always() {
    let gate = gate(3, false);
    let address = start(config(), gate.before(routes()));
    let mut client = http2(connect(address).await).await;
    let mut asked = Vec::new();
    for key in [None, Some("no-key"), Some(&*"x".repeat(5_000)), None] {
        let answer = client.send_request(request("GET", address, "/version", key)).await.unwrap();
        asked.push(answer.status().as_u16());
    }
    assert_eq!(asked, [200, 200, 200, 429]);
    let mut call = request("POST", address, "/mci.peer.v1.PeerSync/Sync", None);
    call.headers_mut().insert("content-type", "application/grpc".parse().unwrap());
    let answer = client.send_request(call).await.unwrap();
    let said = ["grpc-status", "grpc-message"].map(|name| answer.headers()[name].to_str().unwrap().to_owned());
    assert_eq!((answer.status().as_u16(), said[0].as_str()), (200, "8"));
    assert!(said[1].starts_with("Too many requests without a valid key: "), "{}", said[1]);
    for (path, key) in [("/healthz", None), ("/version", Some(KEY))] {
        let answer = client.send_request(request("GET", address, path, key)).await.unwrap();
        assert_eq!(answer.status(), 200);
    }
    assert_eq!((gate.strangers(), gate.turned(Turned::TooMany)), (5, 2));
}

/// Whether the server closes this connection in time.
async fn is_closed(mut stream: std::net::TcpStream) -> bool {
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    let ended = tokio::task::spawn_blocking(move || stream.read_to_end(&mut Vec::new())).await.unwrap();
    // Who said what nobody read is told so.
    ended.map_or_else(|error| error.kind() == std::io::ErrorKind::ConnectionReset, |_| true)
}

#[tokio::test]
async fn strangers_make_way_for_whoever_comes_and_a_peer_stays() {
    let mut limited = config();
    limited.max_connections = 2;
    let address = start(limited, gate(20, false).before(routes()));
    let mut peer = http1(connect(address).await).await;
    let answer = peer.send_request(request("GET", address, "/version", Some(KEY))).await.unwrap();
    assert_eq!(text(answer).await.1, "HTTP/1.1 true");
    let silent = std::net::TcpStream::connect(address).unwrap();
    let mut next = http1(connect(address).await).await;
    let answer = next.send_request(request("GET", address, "/version", None)).await.unwrap();
    assert_eq!(answer.status(), 200);
    assert!(is_closed(silent).await);
    let answer = peer.send_request(request("GET", address, "/version", None)).await.unwrap();
    assert_eq!(text(answer).await.1, "HTTP/1.1 true");
}

#[tokio::test]
async fn a_stranger_does_not_stay_for_long_and_a_slow_or_silent_one_not_at_all() {
    let mut impatient = config();
    impatient.stranger_timeout = Some(Duration::from_millis(300));
    impatient.header_timeout = Duration::from_millis(300);
    // What is left to a stranger that answers no PING either.
    impatient.write_timeout = Duration::from_millis(300);
    let address = start(impatient, gate(20, false).before(routes()));
    let mut peer = http2(connect(address).await).await;
    let answer = peer.send_request(request("GET", address, "/version", Some(KEY))).await.unwrap();
    assert_eq!(answer.status(), 200);
    let mut stranger = std::net::TcpStream::connect(address).unwrap();
    // The preface and empty SETTINGS: HTTP/2, and no request ever.
    stranger.write_all(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\x00\x00\x00\x04\x00\x00\x00\x00\x00").unwrap();
    let mut half = std::net::TcpStream::connect(address).unwrap();
    half.write_all(b"P").unwrap();
    let silent = std::net::TcpStream::connect(address).unwrap();
    for stream in [stranger, half, silent] {
        assert!(is_closed(stream).await);
    }
    let answer = peer.send_request(request("GET", address, "/version", Some(KEY))).await.unwrap();
    assert_eq!(text(answer).await.1, "HTTP/2.0 true");
}

#[tokio::test]
async fn a_process_calls_its_own_listener_and_hears_why_it_cannot() {
    let address = start(config(), routes());
    assert_eq!(call_own(address, false, PATIENCE).await, Ok(()));
    let unspecified = SocketAddr::from(([0, 0, 0, 0], address.port()));
    assert_eq!(call_own(unspecified, false, PATIENCE).await, Ok(()));
    assert!(call_own(address, true, PATIENCE).await.unwrap_err().starts_with("TLS with 127.0.0.1:"));

    let server = Pki::new().server("front-end.example", None);
    let mut config = config();
    config.tls = Some(TlsSource::new(move || Arc::clone(&server)));
    let secure = start(config, routes());
    assert_eq!(call_own(secure, true, PATIENCE).await, Ok(()));

    let unhealthy = start(self::config(), Router::new());
    assert_eq!(call_own(unhealthy, false, PATIENCE).await, Err("/healthz: 404 Not Found".to_owned()));
    // It accepts, as the kernel does for it, and never answers.
    let deaf = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let waited = Duration::from_millis(200);
    let silence = call_own(deaf.local_addr().unwrap(), false, waited).await.unwrap_err();
    assert!(silence.ends_with("did not answer within 0.2 s"), "{silence}");
}
