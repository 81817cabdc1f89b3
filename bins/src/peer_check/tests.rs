use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;

use axum::Router;
use axum::routing::get;
use mci_core::peer::{KeyRing, MemoryStore};
use mci_http::rest::{RestCounters, RestOptions, rest};
use mci_http::{Readiness, Server, TlsSource};
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, DnType, IsCa, KeyPair};
use rustls::ServerConfig;
use rustls::pki_types::PrivateKeyDer;
use tempfile::TempDir;
use tokio::sync::watch;

use super::*;

const KEY: &str = "west-Jk2Lm4Np6Qr8St0Uv1Wx3Yz5Ab7Cd9Ef";

fn id(text: &str) -> ClusterId {
    text.parse().unwrap()
}

/// The front end of cluster east, which knows cluster west by [`KEY`].
fn east() -> Router {
    let ring = KeyRing::new(*b"salt").key(id("west"), KeyRing::hash(b"salt", KEY.as_bytes()));
    let (_, keys) = watch::channel(Arc::new(ring));
    let options = RestOptions::new(id("east")).capabilities(["delta"]);
    rest(Arc::new(MemoryStore::new()), keys, Readiness::new(), options, RestCounters::default())
}

/// A front end that speaks REST alone, as the .NET application does.
fn rest_alone() -> Router {
    Router::new().route("/Host", get(|| async { "[]" }))
}

async fn serve(routes: Router, http2: bool, tls: Option<TlsSource>) -> SocketAddr {
    let mut config = mci_http::Config::new("127.0.0.1:0".parse().unwrap());
    (config.http2, config.tls) = (http2, tls);
    let server = Server::bind(config, routes).unwrap();
    let listening = server.listening();
    tokio::spawn(server.serve(std::future::pending()));
    listening
}

fn peer(url: &str, key: Option<&str>) -> Peer {
    Peer {
        identifier: id("east"),
        url: url.parse().unwrap(),
        grpc_url: None,
        key: key.map(Into::into),
        protocol: Protocol::Auto,
        allowed_zones: None,
        max_priority: None,
        insecure: url.starts_with("http:"),
        ca: None,
        identity: None,
    }
}

/// What is found, line by line, with `ADDRESS` for where it listens.
async fn found(peer: &Peer) -> Vec<String> {
    let address = peer.url.authority().unwrap().as_str().to_owned();
    let findings = check(peer, &id("west")).await;
    findings.iter().map(|finding| finding.to_string().replace(&address, "ADDRESS")).collect()
}

const PLAIN: &str = "ok    plain HTTP: everybody on the way can read the key (`insecure: true`)";

#[tokio::test]
async fn a_peer_that_is_well_has_a_line_for_each_step() {
    let url = format!("http://{}", serve(east(), true, None).await);
    assert_eq!(
        found(&peer(&url, Some(KEY))).await,
        [
            "ok    url: 127.0.0.1 is 127.0.0.1",
            "ok    ADDRESS accepts a connection",
            PLAIN,
            "ok    HTTP/2 passes",
            "ok    our key is accepted",
            "ok    it speaks the stream, version 1 (delta)",
            "ok    it is told over the stream",
        ]
    );
}

#[tokio::test]
async fn a_way_that_carries_no_http2_says_what_to_do_where_the_stream_is_wanted() {
    let url = format!("http://{}", serve(east(), false, None).await);
    let lines = found(&peer(&url, Some(KEY))).await;
    assert!(lines[3].starts_with("-     HTTP/2 does not pass: "), "{lines:?}");
    let last = lines.last().unwrap();
    assert!(
        last.starts_with("FAIL  the way does not carry HTTP/2, so the stream cannot be used: "),
        "{last}"
    );
    assert!(
        last.ends_with(
            "let the proxy at url pass HTTP/2, give `grpcUrl` where it does, or say `protocol: rest`"
        ),
        "{last}"
    );
    let as_rest = Peer { protocol: Protocol::Rest, ..peer(&url, Some(KEY)) };
    let last = found(&as_rest).await.pop().unwrap();
    assert_eq!(last, "ok    it is told over REST, as is configured, though it speaks the stream");
    let stream = format!("http://{}", serve(east(), true, None).await);
    let elsewhere = Peer { grpc_url: Some(stream.parse().unwrap()), ..peer(&url, Some(KEY)) };
    assert_eq!(found(&elsewhere).await.pop().unwrap(), "ok    it is told over the stream");
}

#[tokio::test]
async fn a_peer_of_rest_alone_needs_no_http2() {
    let url = format!("http://{}", serve(rest_alone(), false, None).await);
    let lines = found(&peer(&url, Some(KEY))).await;
    assert_eq!(
        lines[4..],
        [
            "ok    our key is accepted, and it lists 0 hostnames",
            "ok    it speaks REST alone",
            "ok    it is told over REST",
        ]
    );
    let streaming = Peer { protocol: Protocol::Stream, ..peer(&url, Some(KEY)) };
    assert_eq!(
        found(&streaming).await.pop().unwrap(),
        "FAIL  the configuration asks for the stream, and the peer does not speak it: say `protocol: rest`, or nothing"
    );
}

#[tokio::test]
async fn a_key_that_is_unknown_or_missing_and_another_name_are_told() {
    let url = format!("http://{}", serve(east(), true, None).await);
    assert_eq!(
        found(&peer(&url, None)).await.pop().unwrap(),
        "FAIL  no key is configured for this peer: at east: mci auth key --cluster west"
    );
    let last = found(&peer(&url, Some("bad"))).await.pop().unwrap();
    assert!(last.starts_with("FAIL  GET /api/v1/peer: it does not accept our key (401)"), "{last}");
    let north = Peer { identifier: id("north"), ..peer(&url, Some(KEY)) };
    let lines = found(&north).await;
    let expected = "FAIL  it calls itself east, and is north here: correct peers[].identifier, or its url";
    assert!(lines.iter().any(|line| line == expected), "{lines:?}");
}

#[tokio::test]
async fn a_name_or_a_port_where_nobody_is_ends_the_examination() {
    // Of a listener that is gone.
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    drop(listener);
    let lines = found(&peer(&url, Some(KEY))).await;
    assert!(lines[1].starts_with("FAIL  ADDRESS accepts no connection: Connection refused"), "{lines:?}");
    assert_eq!(lines.len(), 2);
    let lines = found(&peer("http://nobody.invalid", Some(KEY))).await;
    assert!(lines[0].starts_with("FAIL  ADDRESS is not resolved"), "{lines:?}");
}

/// TLS with a certificate for 127.0.0.1, and the file of its authority.
fn tls(folder: &TempDir, alpn: &[&str]) -> (TlsSource, PathBuf) {
    let mut authority = CertificateParams::default();
    authority.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    authority.distinguished_name.push(DnType::CommonName, "an authority");
    let issuer = CertifiedIssuer::self_signed(authority, KeyPair::generate().unwrap()).unwrap();
    let file = folder.path().join("ca.pem");
    std::fs::write(&file, issuer.pem()).unwrap();
    let key = KeyPair::generate().unwrap();
    let made = CertificateParams::new(["127.0.0.1".to_owned()]).unwrap().signed_by(&key, &issuer).unwrap();
    let secret = PrivateKeyDer::try_from(key.serialize_der()).unwrap();
    let config = ServerConfig::builder().with_no_client_auth();
    let mut config = config.with_single_cert(vec![made.der().clone()], secret).unwrap();
    config.alpn_protocols = alpn.iter().map(|name| name.as_bytes().to_vec()).collect();
    let config = Arc::new(config);
    (TlsSource::new(move || config.clone()), file)
}

#[tokio::test]
async fn the_certificate_and_what_tls_agrees_on_are_shown() {
    let folder = TempDir::new().unwrap();
    let (source, ca) = tls(&folder, &["h2", "http/1.1"]);
    let url = format!("https://{}", serve(east(), true, Some(source)).await);
    let trusting = Peer { ca: Some(ca), ..peer(&url, Some(KEY)) };
    let lines = found(&trusting).await;
    assert!(
        lines[2].starts_with("ok    TLS: certificate for 127.0.0.1 by CN=an authority, until "),
        "{lines:?}"
    );
    assert_eq!(
        (lines[3].as_str(), lines.last().unwrap().as_str()),
        ("ok    HTTP/2 passes", "ok    it is told over the stream")
    );

    let other = TempDir::new().unwrap();
    let (_, elsewhere) = tls(&other, &[]);
    let suspicious = Peer { ca: Some(elsewhere), ..peer(&url, Some(KEY)) };
    let last = found(&suspicious).await.pop().unwrap();
    assert!(last.starts_with("FAIL  no TLS with 127.0.0.1: invalid peer certificate: "), "{last}");
    assert!(
        last.ends_with(
            "of an authority that is trusted: `ca` of this peer names a file of others than this machine's"
        ),
        "{last}"
    );

    let (source, ca) = tls(&folder, &["http/1.1"]);
    let url = format!("https://{}", serve(east(), true, Some(source)).await);
    let old = Peer { ca: Some(ca), ..peer(&url, Some(KEY)) };
    assert_eq!(found(&old).await[3], "-     HTTP/2 does not pass: TLS agreed on HTTP/1.1 alone (ALPN)");
}
