//! Peers that hang, answer garbage, are slow, or are no peers at all: each is told what is wrong, and delays nobody.

use std::net::SocketAddr;
use std::pin::Pin;
use std::time::Duration;

use futures_util::{Stream, StreamExt as _, stream};
use mci_grpc::peer::pb::peer_sync_server::{PeerSync, PeerSyncServer};
use mci_grpc::peer::pb::{self, from_receiver};
use mci_grpc::peer::{PeerError, PeerTarget, Progress, connect, heartbeats, sync};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio::time::timeout;
use tonic::service::Routes;
use tonic::{Request, Response, Status, Streaming};

use crate::serving::{DEADLINE, FrontEnd, Listening, Operator, names, target};

/// Accepts connections, says `answer` to whatever comes, and then waits or closes.
async fn tcp(answer: &'static [u8], closes: bool) -> (SocketAddr, JoinHandle<()>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let task = tokio::spawn(async move {
        let mut kept = Vec::new();
        while let Ok((mut stream, _)) = listener.accept().await {
            let mut heard = [0; 1];
            if closes && answer.is_empty() {
                continue;
            }
            let _ = stream.read(&mut heard).await;
            let _ = stream.write_all(answer).await;
            if !closes {
                kept.push(stream);
            }
        }
    });
    (address, task)
}

fn hurried(address: SocketAddr) -> PeerTarget {
    let mut target = target(address);
    target.connect_timeout = Duration::from_millis(200);
    target.patience = Duration::from_millis(200);
    (target.keepalive_interval, target.keepalive_timeout) =
        (Duration::from_millis(50), Duration::from_millis(50));
    target
}

/// What comes of a connection and both calls: the first error.
async fn tell(target: &PeerTarget) -> PeerError {
    tell_each(target, DEADLINE).await
}

async fn tell_each(target: &PeerTarget, interval: Duration) -> PeerError {
    let mut operator = Operator::new();
    operator.interval = interval;
    operator.publish(names(10), 1, "{}");
    let (progress, _watched) = watch::channel(Progress::default());
    let telling = async {
        let connection = match connect(target).await {
            Ok(connection) => connection,
            Err(error) => return error,
        };
        let pulse = operator.pulse();
        tokio::select! {
            error = sync(&connection, operator.source(), &pulse, &progress) => error,
            error = heartbeats(&connection, operator.pulse(), &progress) => error,
        }
    };
    timeout(DEADLINE, telling).await.expect("it gives up")
}

#[tokio::test]
async fn a_peer_that_is_not_there_or_hangs_or_closes_or_speaks_something_else_is_given_up() {
    let unused = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
    let error = tell(&hurried(unused)).await;
    assert_eq!(
        error.to_string(),
        format!("cannot connect to http://{unused}/: Connection refused (os error 111)")
    );
    for (answer, closes) in [
        (&b""[..], false),
        (b"", true),
        (b"HTTP/1.1 400 Bad Request\r\ncontent-length: 0\r\n\r\n", true),
        (b"\x00\x00\x10\xff\xff\xff\xff\xff\xff and more garbage", false),
        (b"HTTP/1.1 200 OK\r\n\r\n", false),
    ] {
        let (address, task) = tcp(answer, closes).await;
        let error = tell(&hurried(address)).await;
        assert!(
            matches!(error, PeerError::Connect { .. } | PeerError::Ended { .. } | PeerError::Stuck(_)),
            "{answer:?}: {error:?}"
        );
        task.abort();
    }
}

#[tokio::test]
async fn a_server_that_knows_nothing_of_it_says_so() {
    let listening = Listening::start(Routes::default().into_axum_router(), None).await;
    let error = tell(&target(listening.address)).await;
    assert!(matches!(error, PeerError::Refused { code: "UNIMPLEMENTED", .. }), "{error:?}");
    let rest = axum::Router::new().route("/healthz", axum::routing::get(|| async { "ok" }));
    let listening = Listening::start(rest, None).await;
    let error = tell(&target(listening.address)).await;
    assert!(matches!(error, PeerError::Refused { code: "UNIMPLEMENTED", .. }), "{error:?}");
}

/// A peer that says these things, whatever it hears, and then nothing more.
struct Says {
    sync: Vec<from_receiver::Message>,
    acknowledges: bool,
}

type Answers<T> = Pin<Box<dyn Stream<Item = Result<T, Status>> + Send>>;

#[tonic::async_trait]
impl PeerSync for Says {
    type SyncStream = Answers<pb::FromReceiver>;

    async fn sync(
        &self,
        request: Request<Streaming<pb::FromSender>>,
    ) -> Result<Response<Self::SyncStream>, Status> {
        let said =
            self.sync.clone().into_iter().map(|message| Ok(pb::FromReceiver { message: Some(message) }));
        // It reads nothing, and keeps the call open.
        let silence = stream::once(async move {
            let _kept = request;
            std::future::pending::<Result<pb::FromReceiver, Status>>().await
        });
        Ok(Response::new(Box::pin(stream::iter(said).chain(silence))))
    }

    type HeartbeatsStream = Answers<pb::Heard>;

    async fn heartbeats(
        &self,
        request: Request<Streaming<pb::Heartbeat>>,
    ) -> Result<Response<Self::HeartbeatsStream>, Status> {
        let acknowledges = self.acknowledges;
        let answers = request.into_inner().filter_map(move |heard| async move {
            acknowledges.then(|| heard.map(|heartbeat| pb::Heard { term: heartbeat.term }))
        });
        Ok(Response::new(Box::pin(answers)))
    }
}

async fn peer(sync: Vec<from_receiver::Message>, acknowledges: bool) -> Listening {
    let service = PeerSyncServer::new(Says { sync, acknowledges });
    Listening::start(Routes::new(service).into_axum_router(), None).await
}

fn opened() -> from_receiver::Message {
    from_receiver::Message::Opened(pb::Opened {
        protocol: 1,
        capabilities: vec!["delta".into(), "something later".into()],
        window_shards: 64,
        window_octets: 1 << 20,
    })
}

fn held(states: Vec<pb::State>, last: bool) -> from_receiver::Message {
    from_receiver::Message::Held(pb::Held { states, last })
}

fn state(shard: u32, term: u64) -> pb::State {
    pb::State { shard, term, seq: 1, digest: "theirs".into() }
}

#[tokio::test]
async fn a_peer_that_acknowledges_no_heartbeat_is_connected_to_anew() {
    let listening = peer(vec![opened(), held(vec![], true)], false).await;
    let slow = target(listening.address);
    let interval = Duration::from_millis(300);
    assert_eq!(tell_each(&slow, interval).await, PeerError::Unacknowledged(interval));
}

#[tokio::test]
async fn a_peer_that_says_nothing_or_stores_nothing_is_given_up() {
    let stuck = PeerError::Stuck(Duration::from_millis(200));
    for said in [
        vec![],
        vec![opened()],
        vec![opened(), held(vec![state(1, 1)], false)],
        vec![opened(), held(vec![], true)],
    ] {
        let listening = peer(said, true).await;
        let mut hurried = target(listening.address);
        hurried.patience = Duration::from_millis(200);
        assert_eq!(tell(&hurried).await, stuck);
    }
}

#[tokio::test]
async fn garbage_is_told_as_what_it_is() {
    let says = async |said: Vec<from_receiver::Message>| {
        let listening = peer(said, true).await;
        tell(&target(listening.address)).await.to_string()
    };
    let stored = |state| from_receiver::Message::Stored(pb::Stored { state, refused: vec![] });
    let garbage = |problem: &str| format!("the peer does not keep to the protocol: {problem}");
    assert_eq!(says(vec![held(vec![], true)]).await, garbage("its first message is not Opened"));
    assert_eq!(says(vec![opened(), opened()]).await, garbage("it says Opened twice"));
    assert_eq!(
        says(vec![opened(), stored(Some(state(1000, 1)))]).await,
        garbage("it answers shard 3e8, which is not on its way")
    );
    assert_eq!(says(vec![opened(), stored(None)]).await, garbage("stored.state is missing"));
    assert_eq!(
        says(vec![opened(), held(vec![state(5000, 1)], true)]).await,
        garbage("state.shard 5000 is no shard: they are numbered from 0 to 1023")
    );
    assert_eq!(
        says(vec![opened(), held(vec![state(1, 1 << 60)], true)]).await,
        garbage(&format!(
            "the peer claims to hold term {} of shard 001, where the highest here is 1: that is no term of ours",
            1_u64 << 60
        ))
    );
    let from_receiver::Message::Opened(other) = opened() else { unreachable!() };
    assert_eq!(
        says(vec![from_receiver::Message::Opened(pb::Opened { protocol: 7, ..other })]).await,
        "the peer speaks version 7 of the protocol, and this is version 1"
    );
}

#[tokio::test]
async fn a_peer_that_repeats_the_key_does_not_bring_it_into_an_error() {
    let repeats = |request: axum::extract::Request| async move {
        let said = request.headers().get("x-api-key").unwrap().to_str().unwrap().to_owned();
        let headers = [("content-type", "application/grpc"), ("grpc-status", "16")];
        (headers, [("grpc-message", format!("bad key {said}"))])
    };
    let listening = Listening::start(axum::Router::new().fallback(repeats), None).await;
    let error = tell(&target(listening.address)).await;
    assert_eq!(error.to_string(), "the peer refuses: bad key (the key) (UNAUTHENTICATED)");
}

#[tokio::test]
async fn a_bad_peer_is_in_no_way_of_a_good_one() {
    let (silent, task) = tcp(b"", false).await;
    let (front_end, operator) = (FrontEnd::start().await, Operator::new());
    let bad = peer(vec![opened(), held(vec![], true)], true).await;
    let _hanging = operator.tell(hurried(silent));
    let _stuck = operator.tell(hurried(bad.address));
    let mut good = operator.tell(front_end.target());
    for seq in 1..20 {
        operator.publish(names(100), seq, "{}");
        let spy = &front_end.spy;
        let arrived = |_: &_| spy.store.items(&crate::serving::east()).len() == 100;
        spy.until("arrived", arrived).await;
    }
    good.until_in_sync().await;
    task.abort();
}
