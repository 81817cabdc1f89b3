//! A server in this process, and clients for it.
#![allow(dead_code, unreachable_pub, reason = "each test file uses its part")]
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test")]

use std::net::SocketAddr;
use std::path::PathBuf;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use hyper_util::rt::TokioIo;
use mci_core::{Builder, Endpoint, Exchange, HostnameState, Live, Observe, Settings, Snapshot, Way, Zones};
use mci_grpc::pb::{DnsPacket, DnsServiceClient};
use mci_grpc::{Config, Error, Listen, Server};
use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinHandle;
use tonic::transport::{Channel, Uri};
use tonic::{Code, Status};

/// Waits this long for what has to happen.
pub const DEADLINE: Duration = Duration::from_secs(20);

/// A server that answers `app.gslb.example.com`, until it is dropped or stopped.
pub struct Running {
    pub live: Arc<Live>,
    pub seen: Arc<Seen>,
    pub listening: Vec<Listen>,
    stop: Option<oneshot::Sender<()>>,
    pub served: JoinHandle<Result<(), Error>>,
}

impl Running {
    pub fn start(config: Config) -> Self {
        Self::with(config, snapshot(Settings::default()))
    }

    pub fn with(config: Config, snapshot: Snapshot) -> Self {
        let (live, seen) = (Arc::new(Live::new(snapshot)), Arc::new(Seen::default()));
        let server = Server::bind(config, Arc::clone(&live), Arc::clone(&seen) as Arc<dyn Observe>).unwrap();
        let listening = server.listening().cloned().collect();
        let (stop, stopped) = oneshot::channel();
        let task = tokio::spawn(server.serve(async {
            let _ = stopped.await;
        }));
        Self { live, seen, listening, stop: Some(stop), served: task }
    }

    /// Begins the shutdown.
    pub fn stop(&mut self) {
        let _ = self.stop.take().expect("stopped once").send(());
    }

    pub fn tcp(&self) -> SocketAddr {
        let tcp = self.listening.iter().find_map(|listen| match listen {
            Listen::Tcp(address) => Some(*address),
            Listen::Unix(_) => None,
        });
        tcp.expect("a TCP listener")
    }

    /// One connection to the TCP listener.
    pub async fn channel(&self) -> Channel {
        Channel::from_shared(format!("http://{}", self.tcp())).unwrap().connect().await.unwrap()
    }
}

/// A free port of the loopback.
pub fn config() -> Config {
    let mut config = Config::default();
    config.listen = vec!["127.0.0.1:0".parse().unwrap()];
    config
}

/// One connection to a unix socket.
pub async fn unix_channel(path: PathBuf) -> Channel {
    let connector = tower::service_fn(move |_: Uri| {
        let path = path.clone();
        async move { tokio::net::UnixStream::connect(path).await.map(TokioIo::new) }
    });
    Channel::from_static("http://localhost").connect_with_connector(connector).await.unwrap()
}

pub fn snapshot(settings: Settings) -> Snapshot {
    let mut builder = Builder::new(settings, Zones::default());
    let endpoint =
        |cluster: &str, address: &str| Endpoint::new(cluster.parse().unwrap(), [address.parse().unwrap()]);
    let state = HostnameState::new("app.gslb.example.com".parse().unwrap())
        .endpoint(endpoint("east", "192.0.2.1"))
        .endpoint(endpoint("west", "192.0.2.2"));
    builder.insert(&state).unwrap();
    builder.build()
}

/// A query for an A record, with an ID.
pub fn query(id: u16, name: &str) -> Bytes {
    let mut octets = id.to_be_bytes().to_vec();
    octets.extend([1, 0, 0, 1, 0, 0, 0, 0, 0, 0]);
    for label in name.split('.') {
        octets.push(u8::try_from(label.len()).unwrap());
        octets.extend(label.as_bytes());
    }
    octets.extend([0, 0, 1, 0, 1]);
    octets.into()
}

/// Asks for the hostname and checks that its reply came: same ID and question, an answer.
pub async fn ask(channel: &Channel, id: u16) -> Result<(), Status> {
    let query = query(id, "app.gslb.example.com");
    let reply = send(channel, query.clone()).await?;
    assert_right(&query, &reply);
    Ok(())
}

#[track_caller]
pub fn assert_right(query: &[u8], reply: &[u8]) {
    assert_eq!(reply[..2], query[..2], "the query's ID");
    assert_eq!(reply[2] & 0x84, 0x84, "QR and AA");
    assert_eq!(reply[3] & 0x0F, 0, "NOERROR");
    assert_eq!(reply[12..query.len()], query[12..], "the question");
    assert_eq!(reply[6..8], [0, 1], "one answer");
}

pub async fn send(channel: &Channel, msg: Bytes) -> Result<Bytes, Status> {
    let mut client = DnsServiceClient::new(channel.clone()).max_encoding_message_size(usize::MAX);
    let reply = client.query(DnsPacket { msg }).await?;
    Ok(reply.into_inner().msg)
}

pub fn code<T>(result: Result<T, Status>) -> Code {
    result.map_or_else(|status| status.code(), |_| Code::Ok)
}

/// Asks again and again until this comes back.
pub async fn until_code(channel: &Channel, expected: Code) {
    let asking = async {
        while code(ask(channel, 7).await) != expected {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(DEADLINE, asking).await.unwrap_or_else(|_| panic!("no {expected:?} in time"));
}

/// A request whose body is sent piece by piece.
pub struct Slow {
    pub pieces: mpsc::UnboundedSender<Bytes>,
    pub response: JoinHandle<Result<(http::response::Parts, Bytes), tonic::transport::Error>>,
}

impl Slow {
    pub fn start(channel: &Channel) -> Self {
        let (pieces, body) = mpsc::unbounded_channel();
        let request = http::Request::post("/coredns.dns.DnsService/Query")
            .header("content-type", "application/grpc")
            .header("te", "trailers")
            .body(tonic::body::Body::new(Pieces(body)))
            .unwrap();
        let mut channel = channel.clone();
        let response = tokio::spawn(async move {
            let channel = tower::ServiceExt::<http::Request<tonic::body::Body>>::ready(&mut channel).await?;
            let (head, body) = tower::Service::call(channel, request).await?.into_parts();
            let body = http_body_util::BodyExt::collect(body).await.map(http_body_util::Collected::to_bytes);
            Ok((head, body.unwrap_or_default()))
        });
        Self { pieces, response }
    }

    pub fn send(&self, piece: Bytes) {
        self.pieces.send(piece).unwrap();
    }
}

struct Pieces(mpsc::UnboundedReceiver<Bytes>);

impl hyper::body::Body for Pieces {
    type Data = Bytes;
    type Error = std::convert::Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<hyper::body::Frame<Bytes>, Self::Error>>> {
        self.0.poll_recv(context).map(|piece| piece.map(|piece| Ok(hyper::body::Frame::data(piece))))
    }
}

/// The frame of a query in gRPC.
pub fn framed(query: &[u8]) -> Bytes {
    let length = u8::try_from(query.len()).unwrap();
    assert!(length < 126, "one octet of length");
    [&[0, 0, 0, 0, length + 2, 0x0A, length], query].concat().into()
}

/// Counts what it is told.
#[derive(Debug, Default)]
pub struct Seen {
    pub answered: AtomicU64,
    pub timed: AtomicU64,
    pub overloaded: AtomicU64,
}

impl Observe for Seen {
    fn answered(&self, exchange: &Exchange<'_>) {
        assert_eq!(exchange.way, Way::Grpc);
        self.answered.fetch_add(1, Ordering::Relaxed);
        self.timed.fetch_add(u64::from(exchange.elapsed.is_some()), Ordering::Relaxed);
    }

    fn overloaded(&self, way: Way) {
        assert_eq!(way, Way::Grpc);
        self.overloaded.fetch_add(1, Ordering::Relaxed);
    }
}
