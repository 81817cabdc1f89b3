//! A process calls its own listener, to know that others could.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use axum::http::header::HOST;
use axum::http::{Request, StatusCode};
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{ClientConfig, DigitallySignedStruct, SignatureScheme};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_rustls::TlsConnector;

/// Asks what listens at `listening` for its health, as a client from outside would: over TCP, and TLS where `is_tls`.
///
/// Which certificate it shows does not matter: it is this process that shows it.
pub async fn call_own(listening: SocketAddr, is_tls: bool, patience: Duration) -> Result<(), String> {
    let called = async {
        let address = reachable(listening);
        let stream = TcpStream::connect(address).await.map_err(|error| format!("{address}: {error}"))?;
        if !is_tls {
            return ask(stream).await;
        }
        let name = ServerName::from(address.ip());
        let stream = TlsConnector::from(Arc::new(trusting())).connect(name, stream).await;
        ask(stream.map_err(|error| format!("TLS with {address}: {error}"))?).await
    };
    match timeout(patience, called).await {
        Ok(answered) => answered,
        Err(_) => Err(format!("{listening} did not answer within {} s", patience.as_secs_f64())),
    }
}

/// Where this machine reaches itself.
fn reachable(listening: SocketAddr) -> SocketAddr {
    let ip = match listening.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => IpAddr::V4(Ipv4Addr::LOCALHOST),
        IpAddr::V6(ip) if ip.is_unspecified() => IpAddr::V6(Ipv6Addr::LOCALHOST),
        ip => ip,
    };
    SocketAddr::new(ip, listening.port())
}

async fn ask(stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static) -> Result<(), String> {
    let spoken = http1::handshake(TokioIo::new(stream)).await.map_err(|error| error.to_string())?;
    let (mut sender, connection) = spoken;
    let request = Request::get("/healthz").header(HOST, "localhost").body(Body::empty());
    let request = request.expect("a constant path is a request");
    let answered = async {
        let answer = sender.send_request(request).await.map_err(|error| error.to_string())?;
        if answer.status() == StatusCode::OK { Ok(()) } else { Err(format!("/healthz: {}", answer.status())) }
    };
    // The connection lives as long as it is asked.
    tokio::select! {
        answered = answered => answered,
        ended = connection => Err(ended.err().map_or_else(|| "it closed".to_owned(), |error| error.to_string())),
    }
}

fn trusting() -> ClientConfig {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let mut config = ClientConfig::builder_with_provider(Arc::clone(&provider))
        .with_safe_default_protocol_versions()
        .expect("ring supports TLS 1.2 and 1.3")
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(Own(provider)))
        .with_no_client_auth();
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    config
}

/// Takes any certificate, and no wrong signature.
#[derive(Debug)]
struct Own(Arc<CryptoProvider>);

impl ServerCertVerifier for Own {
    fn verify_server_cert(
        &self,
        _end_entity: &CertificateDer<'_>,
        _intermediates: &[CertificateDer<'_>],
        _name: &ServerName<'_>,
        _ocsp: &[u8],
        _now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls12_signature(message, certificate, signed, &self.0.signature_verification_algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls13_signature(message, certificate, signed, &self.0.signature_verification_algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.signature_verification_algorithms.supported_schemes()
    }
}
