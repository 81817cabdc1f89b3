//! CPU of the server for each query, on one connection as `CoreDNS` has it, beside a tonic server that only copies bytes.
//!
//! `cargo bench -p mci-grpc --bench one_connection`. Each server is a process of its own on the first core; the load
//! comes from the second. The rounds of both alternate; the table shows medians and their ratio (S3: at most 1.3).
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a benchmark stops at the first surprise")]

use std::hint::black_box;
use std::io::{BufRead as _, BufReader};
use std::net::IpAddr;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};
use std::{env, fs};

use bytes::Bytes;
use mci_core::{Builder, HostnameState, Live, Settings, Snapshot, Zones};
use mci_grpc::pb::{DnsPacket, DnsService, DnsServiceClient, DnsServiceServer};
use mci_grpc::{Config, Listen, Server};
use tonic::transport::{Channel, Endpoint};
use tonic::{Request, Response, Status};

const NAME: &str = "app.gslb.example.com";
const ROUNDS: usize = 7;
const ROUND: Duration = Duration::from_secs(2);
const SERVERS: [&str; 2] = ["stub", "mci"];

fn main() {
    let arguments: Vec<String> = env::args().skip(1).collect();
    match arguments.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        ["server", which] => serve(which),
        _ => compare(),
    }
}

/// Copies bytes.
struct Stub;

#[tonic::async_trait]
impl DnsService for Stub {
    async fn query(&self, request: Request<DnsPacket>) -> Result<Response<DnsPacket>, Status> {
        let query = request.into_inner().msg;
        let mut reply = Vec::with_capacity(query.len() + 64);
        reply.extend_from_slice(&query);
        reply.extend_from_slice(&[0; 32]);
        Ok(Response::new(DnsPacket { msg: black_box(reply).into() }))
    }
}

#[tokio::main(flavor = "current_thread")]
async fn serve(which: &str) {
    let any: Listen = "127.0.0.1:0".parse().unwrap();
    if which == "stub" {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        println!("{}", listener.local_addr().unwrap());
        let incoming = tonic::transport::server::TcpIncoming::from(listener).with_nodelay(Some(true));
        let mut server = tonic::transport::Server::builder().max_concurrent_streams(1000);
        server.add_service(DnsServiceServer::new(Stub)).serve_with_incoming(incoming).await.unwrap();
    } else {
        let mut config = Config::default();
        config.listen = vec![any];
        let server = Server::bind(config, Arc::new(Live::new(snapshot())), Arc::new(())).unwrap();
        println!("{}", server.listening().next().unwrap());
        server.serve(std::future::pending()).await.unwrap();
    }
}

/// 10,000 hostnames of three clusters with two addresses each, and the one that is asked for.
fn snapshot() -> Snapshot {
    let mut builder = Builder::new(Settings::default(), Zones::default());
    let names = (0..10_000).map(|n| format!("app-{n}.gslb.example.com")).chain([NAME.to_owned()]);
    for name in names {
        let mut state = HostnameState::new(name.parse().unwrap());
        for (cluster, third) in [("east", 1), ("north", 2), ("west", 3)] {
            let addresses = [1, 2].map(|last| IpAddr::from([192, 0, third, last]));
            let endpoint = mci_core::Endpoint::new(cluster.parse().unwrap(), addresses);
            state = state.endpoint(endpoint.weight(u32::from(third)));
        }
        builder.insert(&state).unwrap();
    }
    builder.build()
}

/// `app.gslb.example.com A`, with OPT.
fn query() -> Bytes {
    let mut octets = vec![0x12, 0x34, 1, 0, 0, 1, 0, 0, 0, 0, 0, 1];
    octets.extend_from_slice(b"\x03aPp\x04gslb\x07eXample\x03com\x00\x00\x01\x00\x01");
    octets.extend_from_slice(b"\x00\x00\x29\x04\xd0\x00\x00\x00\x00\x00\x00");
    octets.into()
}

struct Running {
    process: Child,
    address: String,
}

impl Running {
    fn start(which: &str) -> Self {
        let mut command = Command::new("taskset");
        command.args(["-c", "0"]).arg(env::current_exe().unwrap()).args(["server", which]);
        let mut process = command.stdout(Stdio::piped()).spawn().expect("taskset of util-linux");
        let mut address = String::new();
        BufReader::new(process.stdout.take().unwrap()).read_line(&mut address).unwrap();
        Self { process, address: address.trim().to_owned() }
    }

    /// User and system time so far, in seconds.
    fn cpu(&self) -> f64 {
        let stat = fs::read_to_string(format!("/proc/{}/stat", self.process.id())).unwrap();
        let fields: Vec<&str> = stat.rsplit_once(')').unwrap().1.split_whitespace().collect();
        let ticks: f64 = fields[11].parse::<f64>().unwrap() + fields[12].parse::<f64>().unwrap();
        ticks / 100.0
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// Microseconds of the server's CPU for each query.
async fn round(server: &Running, channel: &Channel, streams: usize, length: Duration) -> f64 {
    let before = server.cpu();
    let end = Instant::now() + length;
    let mut streams_running = tokio::task::JoinSet::new();
    for _ in 0..streams {
        let mut client = DnsServiceClient::new(channel.clone());
        streams_running.spawn(async move {
            let query = query();
            let mut answered = 0_u32;
            while Instant::now() < end {
                let reply = client.query(DnsPacket { msg: query.clone() }).await.expect("an answer");
                assert!(reply.get_ref().msg.len() > query.len());
                answered += 1;
            }
            answered
        });
    }
    let answered: u32 = streams_running.join_all().await.into_iter().sum();
    (server.cpu() - before) * 1e6 / f64::from(answered)
}

fn compare() {
    let _ = Command::new("taskset")
        .args(["-cp", "1", &std::process::id().to_string()])
        .stdout(Stdio::null())
        .status();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        println!("streams  stub µs  mci µs  ratio");
        for streams in [1, 50, 200] {
            let mut results = [const { Vec::new() }; SERVERS.len()];
            let mut running = Vec::new();
            for which in SERVERS {
                let server = Running::start(which);
                let endpoint = Endpoint::from_shared(format!("http://{}", server.address)).unwrap();
                let channel = endpoint.tcp_nodelay(true).connect().await.unwrap();
                round(&server, &channel, streams, ROUND / 4).await;
                running.push((server, channel));
            }
            for _ in 0..ROUNDS {
                for ((server, channel), results) in running.iter().zip(&mut results) {
                    results.push(round(server, channel, streams, ROUND).await);
                }
            }
            let [stub, mci] = results.map(|mut all| {
                all.sort_by(f64::total_cmp);
                all[all.len() / 2]
            });
            println!("{streams:>7}  {stub:>7.2}  {mci:>6.2}  {:>5.2}", mci / stub);
        }
    });
}
