//! Where the server listens: TCP, unix sockets, TLS, several at once.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test")]

mod common;

use std::fs;
use std::io::{Read as _, Write as _};
use std::net::SocketAddr;
use std::os::unix::fs::PermissionsExt as _;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use common::{Running, ask, config, snapshot, unix_channel};
use hyper_util::rt::TokioIo;
use mci_core::{Live, Settings};
use mci_grpc::{Config, Error, Listen, Server, Tls, TlsFiles};
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use rustls::{ClientConfig, RootCertStore};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tonic::transport::{Channel, Uri};

#[tokio::test]
async fn several_listeners_are_served_alike_and_sockets_are_open_to_other_users() {
    let folder = tempfile::tempdir().unwrap();
    let paths = [folder.path().join("1.sock"), folder.path().join("2.sock")];
    let mut several = config();
    several.listen.push("[::1]:0".parse().unwrap());
    several.listen.extend(paths.iter().cloned().map(Listen::Unix));
    let mut server = Running::start(several);
    ask(&server.channel().await, 1).await.unwrap();
    let Listen::Tcp(v6) = server.listening[1] else { panic!("in the order given") };
    assert!(v6.is_ipv6() && v6.port() != 0);
    ask(&Channel::from_shared(format!("http://{v6}")).unwrap().connect().await.unwrap(), 2).await.unwrap();
    for path in &paths {
        assert_eq!(fs::metadata(path).unwrap().permissions().mode() & 0o777, 0o666);
        ask(&unix_channel(path.clone()).await, 3).await.unwrap();
    }
    server.stop();
    server.served.await.unwrap().unwrap();
    assert!(paths.iter().all(|path| !path.exists()), "sockets are removed at the end");
}

#[tokio::test]
async fn nothing_is_served_where_one_address_is_taken() {
    let first = Running::start(config());
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("1.sock");
    let mut second = Config::default();
    second.listen = vec![Listen::Unix(path.clone()), Listen::Tcp(first.tcp())];
    let live = Arc::new(Live::new(snapshot(Settings::default())));
    let error = Server::bind(second, live, Arc::new(())).unwrap_err();
    assert_eq!(error.taken(), Some(&Listen::Tcp(first.tcp())), "{error}");
    assert!(!path.exists(), "the socket that was made is removed");
}

#[tokio::test]
async fn without_an_address_there_is_no_server() {
    let mut none = Config::default();
    none.listen.clear();
    let live = Arc::new(Live::new(snapshot(Settings::default())));
    assert!(matches!(Server::bind(none, live, Arc::new(())), Err(Error::NoListener)));
}

#[tokio::test]
async fn a_connection_too_many_is_closed() {
    let mut limited = config();
    limited.max_connections = 2;
    let server = Running::start(limited);
    let (first, second) = (server.channel().await, server.channel().await);
    ask(&first, 1).await.unwrap();
    ask(&second, 2).await.unwrap();
    let mut third = std::net::TcpStream::connect(server.tcp()).unwrap();
    third.set_read_timeout(Some(common::DEADLINE)).unwrap();
    let closed = tokio::task::spawn_blocking(move || third.read(&mut [0; 1]).unwrap_or(0)).await.unwrap();
    assert_eq!(closed, 0);
    ask(&first, 3).await.unwrap();
}

#[tokio::test]
async fn a_client_that_speaks_http_1_is_closed() {
    let server = Running::start(config());
    let mut client = std::net::TcpStream::connect(server.tcp()).unwrap();
    client.set_read_timeout(Some(common::DEADLINE)).unwrap();
    client.write_all(b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n").unwrap();
    let closed = tokio::task::spawn_blocking(move || client.read(&mut [0; 1]).unwrap_or(0)).await.unwrap();
    assert_eq!(closed, 0);
}

#[tokio::test]
async fn a_client_that_says_nothing_is_closed() {
    let mut impatient = config();
    impatient.handshake_timeout = Duration::from_millis(50);
    let server = Running::start(impatient);
    let mut client = std::net::TcpStream::connect(server.tcp()).unwrap();
    client.set_read_timeout(Some(common::DEADLINE)).unwrap();
    let closed = tokio::task::spawn_blocking(move || client.read(&mut [0; 1]).unwrap()).await.unwrap();
    assert_eq!(closed, 0);
}

/// Two authorities: one for servers, one for clients.
struct Pki {
    folder: tempfile::TempDir,
    servers: CertifiedIssuer<'static, KeyPair>,
    clients: CertifiedIssuer<'static, KeyPair>,
}

fn authority() -> CertifiedIssuer<'static, KeyPair> {
    let mut parameters = CertificateParams::default();
    parameters.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    CertifiedIssuer::self_signed(parameters, KeyPair::generate().unwrap()).unwrap()
}

impl Pki {
    fn new() -> Self {
        let pki = Self { folder: tempfile::tempdir().unwrap(), servers: authority(), clients: authority() };
        pki.issue("server", &pki.servers);
        pki.issue("client", &pki.clients);
        pki.issue("stranger", &authority());
        fs::write(pki.path("clients.pem"), pki.clients.pem()).unwrap();
        pki
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn issue(&self, name: &str, by: &CertifiedIssuer<'static, KeyPair>) {
        let key = KeyPair::generate().unwrap();
        let certificate =
            CertificateParams::new(vec!["localhost".to_owned()]).unwrap().signed_by(&key, by).unwrap();
        fs::write(self.path(&format!("{name}.pem")), certificate.pem()).unwrap();
        fs::write(self.path(&format!("{name}.key")), key.serialize_pem()).unwrap();
    }

    fn files(&self) -> TlsFiles {
        TlsFiles::new(self.path("server.pem"), self.path("server.key"))
    }

    /// A client that trusts the servers' authority, with a certificate if named.
    fn client(&self, certificate: Option<&str>, alpn: &[&str]) -> ClientConfig {
        let mut roots = RootCertStore::empty();
        roots.add(self.servers.der().clone()).unwrap();
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let builder = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_root_certificates(roots);
        let mut config = match certificate {
            None => builder.with_no_client_auth(),
            Some(name) => {
                let chain = CertificateDer::from_pem_file(self.path(&format!("{name}.pem"))).unwrap();
                let key = PrivateKeyDer::from_pem_file(self.path(&format!("{name}.key"))).unwrap();
                builder.with_client_auth_cert(vec![chain], key).unwrap()
            }
        };
        config.alpn_protocols = alpn.iter().map(|name| name.as_bytes().to_vec()).collect();
        config
    }
}

fn start_tls(tls: &Arc<Tls>) -> Running {
    let mut secured = config();
    secured.tls = Some(Arc::clone(tls));
    Running::start(secured)
}

async fn tls_channel(address: SocketAddr, client: ClientConfig) -> Result<Channel, tonic::transport::Error> {
    let connector = TlsConnector::from(Arc::new(client));
    let connect = tower::service_fn(move |_: Uri| {
        let connector = connector.clone();
        async move {
            let stream = TcpStream::connect(address).await?;
            let name = ServerName::try_from("localhost").unwrap();
            connector.connect(name, stream).await.map(TokioIo::new)
        }
    });
    Channel::from_static("http://localhost").connect_with_connector(connect).await
}

/// Whether a client with this configuration gets an answer.
async fn is_let_in(address: SocketAddr, client: ClientConfig) -> bool {
    match tls_channel(address, client).await {
        Ok(channel) => ask(&channel, 1).await.is_ok(),
        Err(_) => false,
    }
}

#[tokio::test]
async fn tls_negotiates_h2_and_refuses_what_is_not_tls() {
    let pki = Pki::new();
    let server = start_tls(&Arc::new(Tls::load(pki.files()).unwrap()));
    ask(&tls_channel(server.tcp(), pki.client(None, &["h2"])).await.unwrap(), 1).await.unwrap();

    let stream = TcpStream::connect(server.tcp()).await.unwrap();
    let connector = TlsConnector::from(Arc::new(pki.client(None, &["http/1.1", "h2"])));
    let stream = connector.connect(ServerName::try_from("localhost").unwrap(), stream).await.unwrap();
    assert_eq!(stream.get_ref().1.alpn_protocol(), Some(&b"h2"[..]));

    assert!(!is_let_in(server.tcp(), pki.client(None, &["http/1.1"])).await, "another protocol");
    let plain = Channel::from_shared(format!("http://{}", server.tcp())).unwrap().connect().await;
    let answered = match plain {
        Ok(channel) => ask(&channel, 1).await.is_ok(),
        Err(_) => false,
    };
    assert!(!answered, "in the clear");
}

#[tokio::test]
async fn with_a_client_ca_only_its_clients_are_let_in() {
    let pki = Pki::new();
    let tls = Tls::load(pki.files().client_ca(pki.path("clients.pem"))).unwrap();
    let server = start_tls(&Arc::new(tls));
    assert!(is_let_in(server.tcp(), pki.client(Some("client"), &["h2"])).await);
    assert!(!is_let_in(server.tcp(), pki.client(None, &["h2"])).await, "no certificate");
    assert!(!is_let_in(server.tcp(), pki.client(Some("stranger"), &["h2"])).await, "another authority's");
    // A bad client costs the others nothing.
    assert!(is_let_in(server.tcp(), pki.client(Some("client"), &["h2"])).await);
}

#[tokio::test]
async fn a_reloaded_certificate_holds_for_new_connections_and_old_ones_stay() {
    let mut pki = Pki::new();
    let tls = Arc::new(Tls::load(pki.files()).unwrap());
    let server = start_tls(&tls);
    let old = tls_channel(server.tcp(), pki.client(None, &["h2"])).await.unwrap();
    ask(&old, 1).await.unwrap();

    let trusting_the_old = pki.client(None, &["h2"]);
    pki.servers = authority();
    pki.issue("server", &pki.servers);
    tls.reload().unwrap();
    assert!(is_let_in(server.tcp(), pki.client(None, &["h2"])).await);
    assert!(!is_let_in(server.tcp(), trusting_the_old).await);
    ask(&old, 2).await.unwrap();
}
