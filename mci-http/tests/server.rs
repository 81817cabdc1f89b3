//! The server, asked over the loopback.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test")]

use std::io::Read as _;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use axum::Router;
use axum::routing::get;
use http_body_util::{BodyExt as _, Empty};
use hyper::body::Bytes;
use hyper_util::rt::TokioIo;
use mci_core::{Live, Snapshot};
use mci_http::{Config, Exposition, Metrics, Readiness, Server, routes};
use tokio::sync::{Notify, oneshot};
use tokio::task::JoinHandle;
use tokio::time::timeout;

const DEADLINE: Duration = Duration::from_secs(20);

struct Running {
    address: SocketAddr,
    stop: oneshot::Sender<()>,
    task: JoinHandle<()>,
}

fn config() -> Config {
    Config::new(SocketAddr::from(([127, 0, 0, 1], 0)))
}

fn start(config: Config, routes: Router) -> Running {
    let server = Server::bind(config, routes).unwrap();
    let address = server.listening();
    let (stop, stopped) = oneshot::channel();
    let task = tokio::spawn(server.serve(async {
        let _ = stopped.await;
    }));
    Running { address, stop, task }
}

struct Response {
    status: u16,
    kind: String,
    text: String,
}

async fn ask(address: SocketAddr, path: &str, accept: &str) -> Response {
    let stream = tokio::net::TcpStream::connect(address).await.unwrap();
    let (mut client, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream)).await.unwrap();
    tokio::spawn(connection);
    let request = hyper::Request::get(path).header("host", "localhost").header("accept", accept);
    let response = client.send_request(request.body(Empty::<Bytes>::new()).unwrap()).await.unwrap();
    let status = response.status().as_u16();
    let kind = response
        .headers()
        .get("content-type")
        .map(|kind| kind.to_str().unwrap().to_owned())
        .unwrap_or_default();
    let text = response.into_body().collect().await.unwrap().to_bytes();
    Response { status, kind, text: String::from_utf8(text.to_vec()).unwrap() }
}

#[tokio::test]
async fn readiness_names_each_condition_and_health_depends_on_none() {
    let synced = Arc::new(AtomicBool::new(false));
    let check = Arc::clone(&synced);
    let readiness = Readiness::new()
        .require("snapshot", move || {
            check
                .load(Ordering::Relaxed)
                .then_some(())
                .ok_or_else(|| "the first sync is not finished".to_owned())
        })
        .require("listeners", || Ok(()))
        .detail("watch", || Err("reconnecting".to_owned()));
    let server = start(config(), routes(readiness, None));

    let unready = ask(server.address, "/readyz", "*/*").await;
    assert_eq!(unready.status, 503);
    assert_eq!(
        unready.text,
        "[-] snapshot: the first sync is not finished\n[+] listeners\n[!] watch: reconnecting\nnot ready\n"
    );
    let health = ask(server.address, "/healthz", "*/*").await;
    assert_eq!((health.status, health.text.as_str()), (200, "ok\n"));

    synced.store(true, Ordering::Relaxed);
    let ready = ask(server.address, "/readyz", "application/json").await;
    assert_eq!((ready.status, ready.kind.as_str()), (200, "application/json"));
    let json: serde_json::Value = serde_json::from_str(&ready.text).unwrap();
    let expected = serde_json::json!({
        "ready": true,
        "conditions": [
            { "name": "snapshot", "ok": true, "required": true },
            { "name": "listeners", "ok": true, "required": true },
            { "name": "watch", "ok": false, "required": false, "why": "reconnecting" },
        ],
    });
    assert_eq!(json, expected);
    assert_eq!(ask(server.address, "/metrics", "*/*").await.status, 404, "there are none");
}

#[tokio::test]
async fn metrics_come_in_the_format_that_is_asked_for() {
    let metrics = Arc::new(Metrics::new(Arc::new(Live::new(Snapshot::default())), "1.2.3"));
    let server = start(config(), routes(Readiness::new(), Some(Exposition::of_queries(metrics))));
    let plain = ask(server.address, "/metrics", "*/*").await;
    assert_eq!((plain.status, plain.kind.as_str()), (200, "text/plain; version=0.0.4; charset=utf-8"));
    assert!(plain.text.contains("mci_build_info{version=\"1.2.3\"} 1\n"), "{}", plain.text);
    let accept = "application/openmetrics-text;version=1.0.0;q=0.5,text/plain;version=0.0.4;q=0.4";
    let open = ask(server.address, "/metrics", accept).await;
    assert_eq!(open.kind, "application/openmetrics-text; version=1.0.0; charset=utf-8");
    assert!(open.text.ends_with("# EOF\n"));
}

#[tokio::test]
async fn a_taken_port_is_told_with_its_address() {
    let first = start(config(), routes(Readiness::new(), None));
    let error = Server::bind(Config::new(first.address), Router::new()).unwrap_err();
    assert_eq!(error.taken(), Some(first.address));
    assert_eq!(
        error.to_string(),
        format!("cannot listen on {}: Address already in use (os error 98)", first.address)
    );
}

/// Whether the server closes this connection in time, whatever it says before.
async fn is_closed(mut stream: std::net::TcpStream) -> bool {
    stream.set_read_timeout(Some(DEADLINE)).unwrap();
    tokio::task::spawn_blocking(move || stream.read_to_end(&mut Vec::new()).is_ok()).await.unwrap()
}

#[tokio::test]
async fn idle_and_slow_connections_do_not_pile_up() {
    let mut impatient = config();
    impatient.header_timeout = Duration::from_millis(50);
    let server = start(impatient, routes(Readiness::new(), None));
    let silent = std::net::TcpStream::connect(server.address).unwrap();
    let mut half = std::net::TcpStream::connect(server.address).unwrap();
    std::io::Write::write_all(&mut half, b"GET /healthz HTTP/1.1\r\nHost:").unwrap();
    let mut idle = std::net::TcpStream::connect(server.address).unwrap();
    std::io::Write::write_all(&mut idle, b"GET /healthz HTTP/1.1\r\nHost: a\r\n\r\n").unwrap();
    for stream in [silent, half, idle] {
        assert!(is_closed(stream).await);
    }
}

#[tokio::test]
async fn a_connection_too_many_is_closed() {
    let mut limited = config();
    limited.max_connections = 1;
    let server = start(limited, routes(Readiness::new(), None));
    let first = std::net::TcpStream::connect(server.address).unwrap();
    assert!(is_closed(std::net::TcpStream::connect(server.address).unwrap()).await);
    drop(first);
}

#[tokio::test]
async fn a_request_in_flight_is_answered_after_the_shutdown_began() {
    let (arrived, finish) = (Arc::new(Notify::new()), Arc::new(Notify::new()));
    let (has_arrived, may_finish) = (Arc::clone(&arrived), Arc::clone(&finish));
    let slow = Router::new().route(
        "/slow",
        get(|| async move {
            has_arrived.notify_one();
            may_finish.notified().await;
            "done"
        }),
    );
    let Running { address, stop, task } = start(config(), slow);
    let asked = tokio::spawn(async move { ask(address, "/slow", "*/*").await });
    arrived.notified().await;
    let _ = stop.send(());
    let closed = async {
        while tokio::net::TcpStream::connect(address).await.is_ok() {
            tokio::task::yield_now().await;
        }
    };
    timeout(DEADLINE, closed).await.expect("the listener closes");
    assert!(!task.is_finished());
    finish.notify_one();
    assert_eq!(asked.await.unwrap().text, "done");
    timeout(DEADLINE, task).await.expect("it ends").unwrap();
}
