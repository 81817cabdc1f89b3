//! `mci standalone` as a process: what it says, how it follows its files, how it ends.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod common;

use std::fs;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream, UdpSocket};
use std::path::PathBuf;

use common::{Standalone, mci, program, ran, state, wait_until};
use nix::sys::signal::Signal;

struct Folder(tempfile::TempDir);

impl Folder {
    fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    fn file(&self, name: &str, content: impl AsRef<[u8]>) -> PathBuf {
        let path = self.0.path().join(name);
        fs::write(&path, content).unwrap();
        path
    }
}

#[test]
fn it_says_what_it_serves_where_and_what_to_try() {
    let folder = Folder::new();
    assert_eq!(common::mci_in(folder.0.path(), &["init"]).code, Some(0));
    let file = folder.0.path().join("gslb.yaml");
    let server = Standalone::start(std::slice::from_ref(&file), &[]);
    let dns = server.dns.unwrap();
    let said = server
        .announced
        .replace(&file.display().to_string(), "gslb.yaml")
        .replace(&dns.to_string(), "DNS-ADDRESS")
        .replace(&format!("-p {}", dns.port()), "-p PORT")
        .replace(&server.grpc.unwrap().to_string(), "GRPC-ADDRESS")
        .replace(&server.http.unwrap().to_string(), "HTTP-ADDRESS");
    insta::assert_snapshot!(said);
    assert_eq!(server.ask("app.gslb.example.com", "A"), "192.0.2.10");
}

#[test]
fn a_changed_file_is_served_and_the_change_is_logged() {
    let folder = Folder::new();
    let file = folder.file("state.yaml", state("192.0.2.1"));
    let server = Standalone::start(std::slice::from_ref(&file), &[]);
    assert_eq!(server.ask("app.z.example", "A"), "192.0.2.1");
    fs::write(&file, state("192.0.2.2")).unwrap();
    wait_until("the new address answers", || server.ask("app.z.example", "A") == "192.0.2.2");
    server.wait_for_log("Answer changed hostname=app.z.example");
    let log = server.log();
    let line = log.lines().find(|line| line.contains("Answer changed")).unwrap();
    assert!(
        line.contains("from=\"west [192.0.2.1, ttl 5]\" to=\"west [192.0.2.2, ttl 5]\" because=published"),
        "{line}"
    );
}

#[test]
fn a_wrong_file_changes_nothing_and_every_mistake_is_logged() {
    let folder = Folder::new();
    let file = folder.file("state.yaml", state("192.0.2.1"));
    let server = Standalone::start(std::slice::from_ref(&file), &[]);
    fs::write(&file, state("192.0.2.256").replace("cluster: west", "clutser: west")).unwrap();
    server.wait_for_log("State refused: what was served stays");
    wait_until("both mistakes are logged", || {
        server.log().matches("Mistake in the state files").count() >= 2
    });
    assert!(server.log().contains("192.0.2.256"), "{}", server.log());
    assert_eq!(server.ask("app.z.example", "A"), "192.0.2.1");
    let metrics = http_get(server.http.unwrap(), "/metrics");
    assert!(
        metrics
            .lines()
            .any(|line| line.starts_with("mci_") && line.contains("refused") && line.ends_with(" 1")),
        "{metrics}"
    );
    fs::write(&file, state("192.0.2.3")).unwrap();
    wait_until("the repaired file is served", || server.ask("app.z.example", "A") == "192.0.2.3");
}

#[test]
fn several_files_and_directories_are_one_state() {
    let folder = Folder::new();
    let whole = state("192.0.2.1");
    let (zones, hostnames) = whole.split_once("hostnames:").unwrap();
    let zones = folder.file("zones.yaml", zones);
    let directory = folder.0.path().join("hostnames");
    fs::create_dir(&directory).unwrap();
    fs::write(directory.join("a.yaml"), format!("hostnames:{hostnames}")).unwrap();
    let server = Standalone::start(&[zones, directory.clone()], &[]);
    assert_eq!(server.ask("app.z.example", "A"), "192.0.2.1");
    let more = r#"{"hostnames": [{"hostname": "b.z.example", "endpoints": [{"cluster": "east", "addresses": ["192.0.2.9"]}]}]}"#;
    fs::write(directory.join("b.json"), more).unwrap();
    wait_until("the added file is served", || server.ask("b.z.example", "A") == "192.0.2.9");
}

#[test]
fn an_override_ends_by_itself() {
    let folder = Folder::new();
    let soon = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_secs() + 3;
    let text = format!(
        "clusters: [{{name: west, override: {{state: drained, until: {soon}}}}}, {{name: east}}]
{}      - {{cluster: east, addresses: [192.0.2.2]}}
",
        state("192.0.2.1")
    );
    let file = folder.file("state.yaml", text);
    let server = Standalone::start(&[file], &[]);
    assert_eq!(server.ask("app.z.example", "A"), "192.0.2.2", "west is drained");
    wait_until("west answers again", || server.ask("app.z.example", "A") == "192.0.2.1");
    server.wait_for_log("override of cluster west lifted (R24)");
}

#[test]
fn it_answers_over_tcp_and_grpc_and_tells_health_and_metrics() {
    let folder = Folder::new();
    let server = Standalone::start(&[folder.file("state.yaml", state("192.0.2.1"))], &[]);
    let (dns, grpc) = (format!("dns://{}", server.dns.unwrap()), format!("grpc://{}", server.grpc.unwrap()));
    for arguments in [["--server", &dns, "--tcp"].as_slice(), &["--server", &grpc]] {
        let ran = mci(&[["resolve", "app.z.example", "--short"].as_slice(), arguments].concat());
        assert_eq!((ran.stdout.as_str(), ran.code), ("192.0.2.1\n", Some(0)), "{ran}");
    }
    let http = server.http.unwrap();
    assert!(http_get(http, "/healthz").starts_with("HTTP/1.1 200"));
    assert!(http_get(http, "/readyz").starts_with("HTTP/1.1 200"));
    let metrics = http_get(http, "/metrics");
    assert!(metrics.contains("mci_dns_queries_total{"), "{metrics}");
}

#[test]
fn sigterm_and_sigint_end_it_gracefully() {
    let folder = Folder::new();
    let file = folder.file("state.yaml", state("192.0.2.1"));
    for signal in [Signal::SIGTERM, Signal::SIGINT] {
        let mut server = Standalone::start(std::slice::from_ref(&file), &[]);
        server.signal(signal);
        assert_eq!(server.wait().code(), Some(0), "{}", server.log());
        assert!(server.log().contains("Ending"), "{}", server.log());
    }
}

#[test]
fn a_taken_port_names_its_flag_and_its_holder() {
    let folder = Folder::new();
    let file = folder.file("state.yaml", state("192.0.2.1"));
    let tcp = TcpListener::bind("127.0.0.1:0").unwrap();
    let udp = UdpSocket::bind("127.0.0.1:0").unwrap();
    let ports = [
        ("--dns", udp.local_addr().unwrap()),
        ("--dns", tcp.local_addr().unwrap()),
        ("--grpc", tcp.local_addr().unwrap()),
        ("--http", tcp.local_addr().unwrap()),
    ];
    for (flag, address) in ports {
        let mut command = program("mci");
        command.arg("standalone").arg(&file);
        for other in ["--dns", "--grpc", "--http"] {
            command.args([
                other,
                if other == flag { address.to_string() } else { "127.0.0.1:0".to_owned() }.as_str(),
            ]);
        }
        let ran = ran(&mut command);
        assert_eq!(ran.code, Some(2), "{ran}");
        let expected = format!("error: {flag} {address}: the port is taken, held by ");
        assert!(ran.stderr.contains(&expected), "{ran}");
        assert!(ran.stderr.contains(&format!("(pid {})", std::process::id())), "{ran}");
    }
}

#[test]
fn a_second_server_does_not_share_the_port_of_the_first() {
    let folder = Folder::new();
    let file = folder.file("state.yaml", state("192.0.2.1"));
    let server = Standalone::start(std::slice::from_ref(&file), &[]);
    let dns = server.dns.unwrap().to_string();
    let second = ran(program("mci")
        .arg("standalone")
        .arg(&file)
        .args(["--dns", &dns, "--grpc", "off", "--http", "off"]));
    assert_eq!(second.code, Some(2), "{second}");
    assert!(second.stderr.contains(&format!("held by mci (pid {})", server.pid())), "{second}");
}

#[test]
fn what_it_cannot_serve_is_an_error_and_not_an_empty_answer() {
    let folder = Folder::new();
    let serve =
        |file: &PathBuf| ran(program("mci").arg("standalone").arg(file).args(["--dns", "127.0.0.1:0"]));
    let wrong = folder.file("wrong.yaml", "hostnames: [{hostname: a..b}, {hostnam: c.d}]");
    for (file, expected) in [
        (folder.0.path().join("missing.yaml"), "missing.yaml: no such file or directory"),
        (folder.0.path().to_owned().join("wrong.yaml"), "mistakes in"),
    ] {
        let ran = serve(&file);
        assert_eq!((ran.code, ran.stdout.as_str()), (Some(2), ""), "{ran}");
        assert!(ran.stderr.contains(expected), "{ran}");
    }
    let both_off = ran(program("mci").arg("standalone").arg(&wrong).args(["--dns", "off", "--grpc", "off"]));
    assert_eq!(both_off.code, Some(2), "{both_off}");
}

#[test]
fn the_dns_server_alone_serves_files_too() {
    let folder = Folder::new();
    let file = folder.file("state.yaml", state("192.0.2.1"));
    let mut command = program("mci-dns-server");
    command
        .arg("--standalone")
        .arg(&file)
        .args(["--grpc", "off", "--http", "off"])
        .env("MCI_DNS", "127.0.0.1:0");
    let server = Standalone::spawn(&mut command);
    assert_eq!(server.ask("app.z.example", "A"), "192.0.2.1");
    assert_eq!((server.grpc, server.http), (None, None));
}

#[test]
fn unix_sockets_and_json_logs_are_to_be_had() {
    let folder = Folder::new();
    let file = folder.file("state.yaml", state("192.0.2.1"));
    let socket = format!("unix://{}", folder.0.path().join("dns.sock").display());
    let server = Standalone::start(&[file], &["--grpc", &socket, "--log-format", "json"]);
    assert!(server.announced.contains(&socket), "{}", server.announced);
    server.wait_for_log("Serving");
    let log = server.log();
    let first: serde_json::Value = serde_json::from_str(log.lines().next().unwrap()).unwrap();
    assert_eq!(first["level"], "INFO");
}

#[test]
fn a_file_that_is_written_without_a_change_is_counted_as_such() {
    let folder = Folder::new();
    let file = folder.file("state.yaml", state("192.0.2.1"));
    let server = Standalone::start(std::slice::from_ref(&file), &[]);
    fs::write(&file, state("192.0.2.1")).unwrap();
    server.wait_for_log("State files were written, and say what is served already");
    fs::write(&file, "wrong").unwrap();
    server.wait_for_log("State refused");
    let ready = http_get(server.http.unwrap(), "/readyz");
    assert!(
        ready.starts_with("HTTP/1.1 200") && ready.contains("[!] state files: the newest version has"),
        "{ready}"
    );
    fs::write(&file, state("192.0.2.1")).unwrap();
    let is_well = || http_get(server.http.unwrap(), "/readyz").contains("[+] state files");
    wait_until("the file that is served already clears the refusal", is_well);
}

#[test]
fn a_mode_may_be_written_as_a_flag() {
    let folder = Folder::new();
    let file = folder.file("state.yaml", state("192.0.2.1"));
    let mut command = program("mci");
    command.arg("--dns-server").arg("--standalone").arg(&file);
    let server = Standalone::spawn(command.args(["--dns", "127.0.0.1:0", "--grpc", "off", "--http", "off"]));
    assert_eq!(server.ask("app.z.example", "A"), "192.0.2.1");
}

#[test]
fn queries_are_logged_where_asked_for() {
    let folder = Folder::new();
    let file = folder.file("state.yaml", state("192.0.2.1"));
    let server = Standalone::start(&[file], &["--log-queries", "1"]);
    server.ask("app.z.example", "A");
    server.wait_for_log("Query answered name=\"app.z.example\"");
}

#[test]
fn certificates_are_taken_anew_and_bad_ones_are_refused() {
    let folder = Folder::new();
    let file = folder.file("state.yaml", state("192.0.2.1"));
    let make = || {
        let made = rcgen::generate_simple_self_signed(vec!["localhost".to_owned()]).unwrap();
        (made.cert.pem(), made.signing_key.serialize_pem())
    };
    let (certificate, secret) = make();
    let (certificate, key) = (folder.file("tls.crt", certificate), folder.file("tls.key", secret));
    let (certificate, key) = (certificate.to_str().unwrap(), key.to_str().unwrap());
    let server = Standalone::start(&[file], &["--grpc-tls-cert", certificate, "--grpc-tls-key", key]);
    assert!(server.announced.contains("(TLS)"), "{}", server.announced);
    fs::write(key, "no key").unwrap();
    server.wait_for_log("Certificates refused: those before stay");
    let (renewed, secret) = make();
    fs::write(certificate, renewed).unwrap();
    fs::write(key, secret).unwrap();
    server.wait_for_log("Certificates taken");
}

fn http_get(address: SocketAddr, path: &str) -> String {
    let mut stream = TcpStream::connect(address).unwrap();
    write!(stream, "GET {path} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n").unwrap();
    let mut reply = String::new();
    stream.read_to_string(&mut reply).unwrap();
    reply
}
