//! Peers in this process: what they are told, and that none is in another's way.

use std::convert::Infallible;
use std::time::Duration;

use axum::Router;
use axum::routing::{get, post};
use http::StatusCode;
use mci_core::peer::{
    Heartbeat, KeyRing, MemoryStore, Outbox, Protocol, ShardItem, ShardState, ShardVersion,
};
use mci_core::{Hostname, Shard};
use mci_grpc::peer::{PeerServerConfig, router};
use mci_http::Exposition;
use mci_http::families::Families;
use mci_http::metrics::Format;
use tokio::net::TcpListener;
use tokio::sync::Notify;
use tokio::task::JoinHandle;
use tokio::time::timeout;

use super::*;
use crate::config;

const KEY: &str = "a-key-that-is-long-enough-for-everybody";
const DEADLINE: Duration = Duration::from_secs(20);

fn id(text: &str) -> ClusterId {
    text.parse().unwrap()
}

/// A server in this process, as long as it is held.
struct Server {
    url: String,
    task: JoinHandle<()>,
}

impl Drop for Server {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn serve(routes: Router) -> Server {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let incoming = tonic::transport::server::TcpIncoming::from(listener);
    let server = tonic::transport::Server::builder().accept_http1(true).add_routes(routes.into());
    let task = tokio::spawn(async move { server.serve_with_incoming(incoming).await.unwrap() });
    Server { url, task }
}

/// A peer that speaks the stream, and says so.
async fn stream_peer(store: &Arc<MemoryStore>) -> Server {
    let salt = b"salt";
    let ring = KeyRing::new(*salt).key(id("own"), KeyRing::hash(salt, KEY.as_bytes()));
    let (_, keys) = watch::channel(Arc::new(ring));
    let routes =
        router(Arc::clone(store), keys, PeerServerConfig::default(), Arc::new(()), CancellationToken::new());
    let told = r#"{"protocol": 1, "capabilities": ["delta"], "cluster": "east"}"#;
    serve(routes.route("/api/v1/peer", get(move || async move { told }))).await
}

/// What the own cluster says, as a test has it.
struct World {
    outbox: Arc<Outbox>,
    generation: watch::Sender<u64>,
    beats: watch::Sender<Beat>,
    settings: watch::Sender<Vec<PeerSettings>>,
    standings: Standings,
    stop: CancellationToken,
    task: JoinHandle<anyhow::Result<()>>,
}

fn beat(number: u64, term: u64) -> Beat {
    let heartbeat = Heartbeat { instance: "uid".to_owned(), term, ..Heartbeat::default() };
    Beat { number, interval: Duration::from_millis(300), heartbeat, leads: true }
}

impl World {
    fn begin(peers: Vec<PeerSettings>) -> Self {
        let outbox = Arc::new(Outbox::new());
        let (generation, of_task) = watch::channel(0);
        let (beats, due) = watch::channel(beat(1, 5));
        let (settings, configured) = watch::channel(peers);
        let outgoing =
            Outgoing { outbox: Arc::clone(&outbox), generation: of_task, outdone: Arc::new(Notify::new()) };
        let own = Own { cluster: id("own"), outgoing, beats: due, claim: Claim::always(1) };
        let (standings, stop) = (Standings::default(), CancellationToken::new());
        let task = tokio::spawn(run(own, configured, standings.clone(), stop.clone()));
        let world = Self { outbox, generation, beats, settings, standings, stop, task };
        world.outbox.begin();
        world.publish(1, "app.example");
        world
    }

    fn publish(&self, seq: u64, hostname: &str) {
        let hostname: Hostname = hostname.parse().unwrap();
        let version = ShardVersion { term: 1, seq };
        let state = ShardState { shard: Shard::of(&hostname), version, digest: seq.to_string().into() };
        let json = format!(r#"{{"hostname": "{hostname}", "hostIPs": [{{"ipAddress": "192.0.2.{seq}"}}]}}"#);
        self.outbox.observe(state, [ShardItem { hostname, json: json.into() }]);
        self.generation.send_replace(self.outbox.generation());
    }

    /// Heartbeats are due while this is polled.
    async fn beating(&self) -> Infallible {
        loop {
            sleep(Duration::from_millis(300)).await;
            self.beats.send_modify(|beat| beat.number += 1);
        }
    }

    /// Waits until something is so, while heartbeats are due.
    async fn until(&self, what: &str, mut so: impl FnMut() -> bool) {
        let waiting = async {
            while !so() {
                sleep(Duration::from_millis(5)).await;
            }
        };
        tokio::select! {
            done = timeout(DEADLINE, waiting) => {
                done.unwrap_or_else(|_| panic!("it did not come to: {what}; {:?}", self.standings));
            }
            never = self.beating() => match never {},
        }
    }

    fn metrics(&self) -> String {
        {
            let standings = self.standings.clone();
            let families = Families::new(move || standings.families());
            Exposition::of_process("test").and(families).text(Format::Prometheus)
        }
    }

    async fn end(self) {
        self.stop.cancel();
        self.task.await.unwrap().unwrap();
    }
}

fn peer(identifier: &str, url: &str, protocol: config::Protocol) -> PeerSettings {
    PeerSettings {
        identifier: id(identifier),
        url: url.parse().unwrap(),
        grpc_url: None,
        key: Some(KEY.into()),
        protocol,
        insecure: true,
        ca: None,
        identity: None,
    }
}

fn published(store: &MemoryStore) -> Vec<String> {
    store.items(&id("own")).into_iter().map(|item| item.json.to_string()).collect()
}

fn term(store: &MemoryStore) -> Option<u64> {
    store.heartbeat(&id("own")).map(|(_, heartbeat)| heartbeat.term)
}

#[tokio::test]
async fn a_peer_that_says_that_it_speaks_the_stream_is_told_by_it() {
    let store = Arc::new(MemoryStore::new());
    let server = stream_peer(&store).await;
    let world = World::begin(vec![peer("east", &server.url, config::Protocol::Auto)]);
    world.until("told", || published(&store).len() == 1 && term(&store) == Some(5)).await;
    world.publish(2, "app.example");
    world.until("told of the change", || published(&store)[0].contains("192.0.2.2")).await;
    world
        .until("shown", || {
            let metrics = world.metrics();
            metrics.contains(r#"mci_peer_connected{peer="east",protocol="stream"} 1"#)
                && metrics.contains(r#"mci_peer_shards_unsent{peer="east"} 0"#)
        })
        .await;
    assert_eq!(world.standings.ailing(), Ok(()));
    world.end().await;
}

#[tokio::test]
async fn r20a_a_peer_that_knows_a_higher_term_is_told_a_higher_one() {
    let store = Arc::new(MemoryStore::new());
    let before = Heartbeat { term: 900, left: true, ..Heartbeat::default() };
    mci_core::peer::ClusterStore::heard(&*store, &id("own"), &before, Protocol::Stream).await.unwrap();
    let server = stream_peer(&store).await;
    let world = World::begin(vec![peer("east", &server.url, config::Protocol::Stream)]);
    world.until("believed", || term(&store) == Some(901)).await;
    // And from then on with each change.
    world.beats.send_modify(|beat| (beat.heartbeat.term, beat.heartbeat.left) = (7, true));
    world.until("believed", || term(&store) == Some(903)).await;
    world.end().await;
}

#[tokio::test]
async fn peers_that_hang_or_talk_garbage_delay_nobody() {
    let silent = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let silent = format!("http://{}", silent.local_addr().unwrap());
    let garbage = serve(Router::new().fallback(|| async { "hello" })).await;
    let (one, other) = (Arc::new(MemoryStore::new()), Arc::new(MemoryStore::new()));
    let (first, last) = (stream_peer(&one).await, stream_peer(&other).await);
    let world = World::begin(vec![
        peer("a", &first.url, config::Protocol::Auto),
        peer("b", &silent, config::Protocol::Stream),
        peer("c", &garbage.url, config::Protocol::Stream),
        peer("d", &garbage.url, config::Protocol::Auto),
        peer("e", "http://127.0.0.1:1", config::Protocol::Rest),
        peer("f", &last.url, config::Protocol::Stream),
    ]);
    world.until("told", || published(&one).len() == 1 && published(&other).len() == 1).await;
    world
        .until("shown", || {
            let ailing = world.standings.ailing().unwrap_err();
            ["b: ", "c: ", "d: ", "e: "].iter().all(|peer| ailing.contains(peer)) && !ailing.contains("a: ")
        })
        .await;
    world.publish(2, "app.example");
    world.until("told", || published(&one)[0].contains("192.0.2.2")).await;
    world.until("told", || published(&other)[0].contains("192.0.2.2")).await;
    assert!(!format!("{:?} {}", world.standings, world.metrics()).contains(KEY));
    world.end().await;
}

#[tokio::test]
async fn a_peer_without_the_question_is_told_by_rest() {
    let (said, mut told) = tokio::sync::mpsc::unbounded_channel();
    let heartbeats = said.clone();
    let routes = Router::new()
        .route(
            "/Heartbeat",
            post(move || async move {
                heartbeats.send("heartbeat".to_owned()).unwrap();
                StatusCode::NO_CONTENT
            }),
        )
        .route(
            "/Host",
            post(move |body: String| async move {
                said.send(body).unwrap();
                StatusCode::NO_CONTENT
            }),
        );
    let server = serve(routes).await;
    let world = World::begin(vec![peer("old", &server.url, config::Protocol::Auto)]);
    let mut heard = Vec::new();
    world
        .until("told", || {
            while let Ok(word) = told.try_recv() {
                heard.push(word);
            }
            heard.iter().any(|word| word.contains("192.0.2.1"))
        })
        .await;
    assert_eq!(heard.first().map(String::as_str), Some("heartbeat"));
    world
        .until("shown", || world.metrics().contains(r#"mci_peer_connected{peer="old",protocol="rest"} 1"#))
        .await;
    world.end().await;
}

#[tokio::test]
async fn only_what_is_configured_otherwise_begins_anew() {
    let (one, other) = (Arc::new(MemoryStore::new()), Arc::new(MemoryStore::new()));
    let (first, second) = (stream_peer(&one).await, stream_peer(&other).await);
    let stays = peer("a", &first.url, config::Protocol::Stream);
    let world = World::begin(vec![stays.clone(), peer("b", "http://127.0.0.1:1", config::Protocol::Stream)]);
    world.until("told", || published(&one).len() == 1).await;
    let known = |world: &World| world.metrics().contains(r#"peer="b""#);
    assert!(known(&world));
    // It moved.
    world.settings.send_replace(vec![stays.clone(), peer("b", &second.url, config::Protocol::Stream)]);
    world.until("told", || published(&other).len() == 1).await;
    world.settings.send_replace(vec![stays]);
    world.until("forgotten", || !known(&world)).await;
    world.publish(2, "app.example");
    world.until("told", || published(&one)[0].contains("192.0.2.2")).await;
    assert!(published(&other)[0].contains("192.0.2.1"), "who is configured no more is told no more");
    world.end().await;
}

#[tokio::test]
async fn r21_a_replica_that_stands_still_is_silent() {
    let store = Arc::new(MemoryStore::new());
    let server = stream_peer(&store).await;
    let world = World::begin(vec![peer("east", &server.url, config::Protocol::Stream)]);
    world.until("told", || term(&store) == Some(5)).await;
    let connected = r#"mci_peer_connected{peer="east",protocol="stream"} 1"#;
    world.until("shown", || world.metrics().contains(connected)).await;
    // No heartbeat is due any more.
    timeout(DEADLINE, async {
        while world.metrics().contains(connected) {
            sleep(Duration::from_millis(5)).await;
        }
    })
    .await
    .unwrap();
    world.until("back", || world.metrics().contains(connected)).await;
    world.end().await;
}
