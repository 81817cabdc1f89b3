//! TLS between clusters.

use std::path::PathBuf;
use std::sync::Arc;

use mci_grpc::peer::{PeerError, PeerServerConfig, PeerTarget, connect};
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use rustls::RootCertStore;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::WebPkiClientVerifier;
use tokio_rustls::TlsAcceptor;

use crate::serving::{FrontEnd, KEY, Operator, names};

/// An authority, and a folder with its certificate and those that it signs.
struct Authority {
    folder: tempfile::TempDir,
    issuer: CertifiedIssuer<'static, KeyPair>,
}

impl Authority {
    fn new() -> Self {
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let issuer = CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap();
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("ca.pem"), issuer.pem()).unwrap();
        Self { folder, issuer }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// A certificate and its key, as files.
    fn sign(&self, name: &str) -> (PathBuf, PathBuf) {
        let key = KeyPair::generate().unwrap();
        let params = CertificateParams::new(vec![name.to_owned()]).unwrap();
        let certificate = params.signed_by(&key, &self.issuer).unwrap();
        let files = (self.path(&format!("{name}.pem")), self.path(&format!("{name}.key")));
        std::fs::write(&files.0, certificate.pem()).unwrap();
        std::fs::write(&files.1, key.serialize_pem()).unwrap();
        files
    }

    fn acceptor(&self, asks_for_certificates: bool) -> TlsAcceptor {
        let (certificate, key) = self.sign("localhost");
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let builder = rustls::ServerConfig::builder_with_provider(Arc::clone(&provider))
            .with_safe_default_protocol_versions()
            .unwrap();
        let builder = if asks_for_certificates {
            let mut roots = RootCertStore::empty();
            roots.add(CertificateDer::from_pem_file(self.path("ca.pem")).unwrap()).unwrap();
            let verifier =
                WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider).build().unwrap();
            builder.with_client_cert_verifier(verifier)
        } else {
            builder.with_no_client_auth()
        };
        let chain = vec![CertificateDer::from_pem_file(certificate).unwrap()];
        let mut config = builder.with_single_cert(chain, PrivateKeyDer::from_pem_file(key).unwrap()).unwrap();
        config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
        TlsAcceptor::from(Arc::new(config))
    }
}

fn target(front_end: &FrontEnd, authority: &Authority) -> PeerTarget {
    let port = front_end.listening.address.port();
    let mut target =
        PeerTarget::new(format!("https://localhost:{port}/a/path").parse().unwrap(), KEY.parse().unwrap());
    target.ca = Some(authority.path("ca.pem"));
    target
}

async fn problem(target: &PeerTarget) -> String {
    connect(target).await.unwrap_err().to_string()
}

#[tokio::test]
async fn a_peer_with_a_certificate_of_the_named_authority_is_told() {
    let authority = Authority::new();
    let front_end = FrontEnd::with(PeerServerConfig::default(), Some(authority.acceptor(false))).await;
    let operator = Operator::new();
    operator.publish(names(10), 1, "{}");
    operator.tell(target(&front_end, &authority)).until_in_sync().await;
}

#[tokio::test]
async fn a_certificate_of_another_authority_or_name_is_not_trusted() {
    let (authority, other) = (Authority::new(), Authority::new());
    let front_end = FrontEnd::with(PeerServerConfig::default(), Some(authority.acceptor(false))).await;
    let port = front_end.listening.address.port();
    let untrusted = problem(&target(&front_end, &other)).await;
    let expected = format!("cannot connect to https://localhost:{port}/: invalid peer certificate: ");
    assert!(untrusted.starts_with(&expected), "{untrusted}");

    let mut by_address = target(&front_end, &authority);
    by_address.url = format!("https://127.0.0.1:{port}").parse().unwrap();
    let misnamed = problem(&by_address).await;
    assert!(misnamed.contains("invalid peer certificate: certificate not valid for name"), "{misnamed}");
}

#[tokio::test]
async fn a_peer_that_asks_for_a_certificate_gets_the_configured_one() {
    let authority = Authority::new();
    let front_end = FrontEnd::with(PeerServerConfig::default(), Some(authority.acceptor(true))).await;
    let operator = Operator::new();
    let mut with = target(&front_end, &authority);
    with.identity = Some(authority.sign("east"));
    operator.tell(with).until_in_sync().await;
    let mut without = operator.tell(target(&front_end, &authority));
    let told = without.until("refused", |progress| progress.error.is_some()).await;
    assert!(
        matches!(&told.error, Some((_, PeerError::Ended { .. } | PeerError::Connect { .. }))),
        "{:?}",
        told.error
    );
}

#[tokio::test]
async fn what_is_wrong_with_the_configuration_is_told_with_what_would_be_right() {
    let authority = Authority::new();
    let front_end = FrontEnd::start().await;
    let port = front_end.listening.address.port();
    let mut plain = target(&front_end, &authority);
    plain.url = format!("http://localhost:{port}").parse().unwrap();
    assert_eq!(
        problem(&plain).await,
        format!("http://localhost:{port}/ is not encrypted: write https, or allow it with `insecure: true`")
    );
    for url in ["ftp://localhost", "localhost"] {
        plain.url = url.parse().unwrap();
        assert!(problem(&plain).await.ends_with(": write https://HOST"), "{url}");
    }
    plain.url = "https://user:hidden@localhost".parse().unwrap();
    assert_eq!(
        problem(&plain).await,
        "the URL of a peer has no user and no password: the key says who speaks"
    );
    let mut missing = target(&front_end, &authority);
    missing.ca = Some(authority.path("none.pem"));
    assert!(
        problem(&missing)
            .await
            .ends_with("/none.pem: cannot be read: No such file or directory (os error 2)")
    );
    let mut mixed = target(&front_end, &authority);
    mixed.identity = Some((authority.sign("one").0, authority.sign("two").1));
    let mixed = problem(&mixed).await;
    assert!(mixed.contains("two.key does not go with "), "{mixed}");
}

#[test]
fn the_key_is_shown_nowhere() {
    let target = PeerTarget::new("https://host".parse().unwrap(), KEY.parse().unwrap());
    let shown = format!("{target:?}");
    assert!(!shown.contains(KEY) && shown.contains("ApiKey(..)"), "{shown}");
    let bad = format!("{KEY}\n").parse::<mci_grpc::peer::ApiKey>();
    assert!(!format!("{bad:?}").contains(KEY));
    assert!("".parse::<mci_grpc::peer::ApiKey>().is_err());
}
