//! The gRPC port as other programs see it: with grpcurl, by reflection alone.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a panic is how a test fails")]

use std::process::Command;

use mci_tests::certificates::Certificates;
use mci_tests::mci::Mci;
use mci_tests::query::{Query, flag};
use mci_tests::reply::Reply;
use mci_tests::require::{self, Component, GRPCURL_VERSION, program};
use serde_json::{Value, json};

const STATE: &str = "
zones: [{name: gslb.example.com, nameservers: [ns1.example.net, ns2.example.net]}]
hostnames: [{hostname: app.gslb.example.com, endpoints: [{cluster: west, addresses: [192.0.2.10]}]}]
";

/// Runs grpcurl; what it prints, or says on failure.
fn grpcurl(arguments: &[&str]) -> Result<String, String> {
    let output = Command::new(program("grpcurl", GRPCURL_VERSION))
        .args(["-max-time=10", "-connect-timeout=2"])
        .args(arguments)
        .output()
        .unwrap();
    if output.status.success() {
        Ok(String::from_utf8(output.stdout).unwrap())
    } else {
        Err(String::from_utf8_lossy(&output.stderr).into_owned())
    }
}

/// Octets in, octets out; or the text of the status.
fn query(mci: &Mci, octets: &[u8]) -> Result<Vec<u8>, String> {
    let request = json!({ "msg": base64(octets) }).to_string();
    let printed =
        grpcurl(&["-plaintext", "-d", &request, &mci.grpc().to_string(), "coredns.dns.DnsService/Query"])?;
    let printed: Value = serde_json::from_str(&printed).unwrap();
    Ok(from_base64(printed["msg"].as_str().unwrap_or_default()))
}

const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

fn base64(octets: &[u8]) -> String {
    let mut text = String::new();
    for group in octets.chunks(3) {
        let bits =
            group.iter().fold(0_u32, |bits, octet| bits << 8 | u32::from(*octet)) << (8 * (3 - group.len()));
        for place in 0..4 {
            let symbol = ALPHABET[(bits >> (18 - 6 * place) & 63) as usize];
            text.push(if place <= group.len() { char::from(symbol) } else { '=' });
        }
    }
    text
}

fn from_base64(text: &str) -> Vec<u8> {
    let (mut octets, mut bits, mut count) = (Vec::new(), 0_u32, 0);
    for symbol in text.bytes().filter(|symbol| *symbol != b'=') {
        let value = ALPHABET.iter().position(|other| *other == symbol).unwrap();
        bits = bits << 6 | u32::try_from(value).unwrap();
        count += 6;
        if count >= 8 {
            count -= 8;
            octets.push((bits >> count & 0xff) as u8);
        }
    }
    octets
}

#[test]
fn base64_is_what_it_should_be() {
    for (octets, text) in
        [(&b""[..], ""), (b"f", "Zg=="), (b"fo", "Zm8="), (b"foo", "Zm9v"), (b"foob\xff", "Zm9vYv8=")]
    {
        assert_eq!((base64(octets).as_str(), from_base64(text).as_slice()), (text, octets));
    }
}

#[test]
fn health_and_reflection() {
    if !require::present(&[Component::Grpcurl]) {
        return;
    }
    let mci = Mci::start(STATE);
    let address = mci.grpc().to_string();
    let services = grpcurl(&["-plaintext", &address, "list"]).unwrap();
    for service in ["coredns.dns.DnsService", "grpc.health.v1.Health", "grpc.reflection.v1.ServerReflection"]
    {
        assert!(services.lines().any(|line| line == service), "{service} is not in:\n{services}");
    }
    for service in ["", "coredns.dns.DnsService"] {
        let request = json!({ "service": service }).to_string();
        let health =
            grpcurl(&["-plaintext", "-d", &request, &address, "grpc.health.v1.Health/Check"]).unwrap();
        assert!(health.contains("\"SERVING\""), "{service:?}: {health}");
    }
}

#[test]
fn a_query_is_answered_with_its_id() {
    if !require::present(&[Component::Grpcurl]) {
        return;
    }
    let mci = Mci::start(STATE);
    let reply = query(&mci, &Query::new("app.gslb.example.com", "A").id(0x1234).octets()).unwrap();
    let reply = Reply::read(&reply).unwrap();
    assert_eq!((reply.id, reply.data("A")), (0x1234, vec!["192.0.2.10".to_owned()]), "{reply}");
}

/// What `dns.md` says of gRPC and `CoreDNS` does not let through: D11, D15, D15a.
#[test]
fn what_is_no_query_is_a_status_and_never_an_empty_message() {
    if !require::present(&[Component::Grpcurl]) {
        return;
    }
    let mci = Mci::start(&format!("outsideZones: notFound\n{STATE}"));
    let whole = Query::new("app.gslb.example.com", "A");
    let mut broken = Query::empty().octets();
    broken[5] = 1;
    let bad = [
        ("nothing", vec![]),
        ("11 octets", whole.octets()[..11].to_vec()),
        ("a response", whole.clone().flags(flag::QR).octets()),
        ("a question that cannot be read", broken),
        ("64 KiB of ones", vec![0xff; 65_535]),
    ];
    for (what, octets) in bad {
        let status = query(&mci, &octets).unwrap_err();
        assert!(status.contains("InvalidArgument"), "{what}: {status}");
    }
    let status = query(&mci, &Query::new("www.example.net", "A").octets()).unwrap_err();
    assert!(status.contains("NotFound"), "{status}");

    // Readable, and wrong: a message.
    let reply = query(&mci, &whole.octets()[..whole.octets().len() - 1]);
    assert!(reply.unwrap_err().contains("InvalidArgument"));
    let mut lies = whole.octets();
    lies[11] = 1;
    assert_eq!(Reply::read(&query(&mci, &lies).unwrap()).unwrap().rcode, "FORMERR");
}

#[test]
fn tls_is_what_a_client_sees() {
    if !require::present(&[Component::Grpcurl]) {
        return;
    }
    let certificates = Certificates::new();
    let mci = Mci::over(STATE).tls(&certificates, true).start();
    let address = mci.grpc().to_string();
    let [authority, certificate, key] =
        [certificates.authority(), certificates.client_certificate(), certificates.client_key()]
            .map(|path| path.to_str().unwrap().to_owned());
    let with = ["-cacert", &authority, "-cert", &certificate, "-key", &key, &address, "list"];
    assert!(grpcurl(&with).unwrap().contains("coredns.dns.DnsService"));
    assert!(grpcurl(&["-cacert", &authority, &address, "list"]).is_err(), "without a certificate of its own");
    assert!(grpcurl(&["-plaintext", &address, "list"]).is_err(), "without TLS");
}
