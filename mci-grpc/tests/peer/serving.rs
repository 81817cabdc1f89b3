//! A front end's listener in this process, and an operator that tells it.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::server::conn::auto;
use hyper_util::service::TowerToHyperService;
use mci_core::peer::{Heartbeat, KeyRing, Outbox, ShardItem, ShardState, ShardVersion};
use mci_core::{ClusterId, Hostname, Shard};
use mci_grpc::peer::{PeerServerConfig, PeerTarget, Progress, Pulse, Source, router, run};
use tokio::net::TcpListener;
use tokio::sync::{Notify, watch};
use tokio::task::{JoinHandle, JoinSet};
use tokio::time::timeout;
use tokio_rustls::TlsAcceptor;
use tokio_util::sync::CancellationToken;

use crate::spy::Spy;

/// Waits this long for what has to happen.
pub(crate) const DEADLINE: Duration = Duration::from_secs(20);
pub(crate) const KEY: &str = "the-key-of-east";
const SALT: &[u8] = b"salt";

pub(crate) fn east() -> ClusterId {
    "east".parse().unwrap()
}

pub(crate) fn ring(keys: &[&str]) -> Arc<KeyRing> {
    let ring = KeyRing::new(SALT).key("west".parse().unwrap(), KeyRing::hash(SALT, b"the-key-of-west"));
    let all = keys.iter().fold(ring, |ring, key| ring.key(east(), KeyRing::hash(SALT, key.as_bytes())));
    Arc::new(all)
}

/// Serves a router until it is dropped, with all its connections.
pub(crate) struct Listening {
    pub(crate) address: SocketAddr,
    task: JoinHandle<()>,
}

impl Listening {
    pub(crate) async fn start(router: axum::Router, tls: Option<TlsAcceptor>) -> Self {
        Self::at("127.0.0.1:0".parse().unwrap(), router, tls).await
    }

    pub(crate) async fn at(address: SocketAddr, router: axum::Router, tls: Option<TlsAcceptor>) -> Self {
        let listener = TcpListener::bind(address).await.unwrap();
        let address = listener.local_addr().unwrap();
        let task = tokio::spawn(async move {
            let mut connections = JoinSet::new();
            loop {
                let (stream, _) = listener.accept().await.unwrap();
                let (router, tls) = (router.clone(), tls.clone());
                connections.spawn(async move {
                    let builder = auto::Builder::new(TokioExecutor::new());
                    let service = TowerToHyperService::new(router);
                    let _ = match tls {
                        None => builder.serve_connection(TokioIo::new(stream), service).await,
                        Some(tls) => {
                            let Ok(stream) = tls.accept(stream).await else { return };
                            builder.serve_connection(TokioIo::new(stream), service).await
                        }
                    };
                });
            }
        });
        Self { address, task }
    }
}

impl Drop for Listening {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// A front end.
pub(crate) struct FrontEnd {
    pub(crate) spy: Arc<Spy>,
    pub(crate) keys: watch::Sender<Arc<KeyRing>>,
    pub(crate) stopping: CancellationToken,
    pub(crate) listening: Listening,
}

impl FrontEnd {
    pub(crate) async fn start() -> Self {
        Self::with(PeerServerConfig::default(), None).await
    }

    pub(crate) async fn with(config: PeerServerConfig, tls: Option<TlsAcceptor>) -> Self {
        Self::at("127.0.0.1:0".parse().unwrap(), Spy::new(), config, tls).await
    }

    pub(crate) async fn at(
        address: SocketAddr,
        spy: Arc<Spy>,
        config: PeerServerConfig,
        tls: Option<TlsAcceptor>,
    ) -> Self {
        let (keys, known) = watch::channel(ring(&[KEY]));
        let stopping = CancellationToken::new();
        let router = router(Arc::clone(&spy), known, config, Arc::clone(&spy) as _, stopping.clone());
        // Beside other routes, as it is served.
        let all = axum::Router::new().route("/healthz", axum::routing::get(|| async { "ok" })).merge(router);
        let listening = Listening::at(address, all, tls).await;
        Self { spy, keys, stopping, listening }
    }

    pub(crate) fn target(&self) -> PeerTarget {
        target(self.listening.address)
    }
}

pub(crate) fn target(address: SocketAddr) -> PeerTarget {
    let mut target = PeerTarget::new(format!("http://{address}").parse().unwrap(), KEY.parse().unwrap());
    target.insecure = true;
    target
}

/// An operator's side.
pub(crate) struct Operator {
    pub(crate) outbox: Arc<Outbox>,
    changed: watch::Sender<u64>,
    pub(crate) outdone: Arc<Notify>,
    pub(crate) heartbeat: watch::Sender<Heartbeat>,
    altered: watch::Sender<u64>,
    pub(crate) leads: watch::Sender<bool>,
    pub(crate) interval: Duration,
}

impl Operator {
    pub(crate) fn new() -> Self {
        let outbox = Arc::new(Outbox::new());
        outbox.begin();
        let heartbeat = Heartbeat { instance: "uid".into(), term: 1, ..Heartbeat::default() };
        Self {
            outbox,
            changed: watch::Sender::default(),
            outdone: Arc::default(),
            heartbeat: watch::Sender::new(heartbeat),
            altered: watch::Sender::default(),
            leads: watch::Sender::new(true),
            interval: Duration::from_secs(10),
        }
    }

    /// Publishes hostnames in their shards, each in version `seq`.
    pub(crate) fn publish(&self, names: impl IntoIterator<Item = Hostname>, seq: u64, json: &str) {
        let mut shards = std::collections::BTreeMap::<Shard, Vec<ShardItem>>::new();
        for hostname in names {
            let item = ShardItem { json: json.into(), hostname };
            shards.entry(Shard::of(&item.hostname)).or_default().push(item);
        }
        for (shard, items) in shards {
            let digest = format!("{seq} {json}").into();
            let state = ShardState { shard, version: ShardVersion { term: 1, seq }, digest };
            self.outbox.observe(state, items);
        }
        self.changed.send_replace(self.outbox.generation());
    }

    pub(crate) fn source(&self) -> Source {
        Source {
            outbox: Arc::clone(&self.outbox),
            changed: self.changed.subscribe(),
            outdone: Arc::clone(&self.outdone),
        }
    }

    pub(crate) fn pulse(&self) -> Pulse {
        let heartbeat = self.heartbeat.clone();
        Pulse {
            cluster: east(),
            heartbeat: Arc::new(move || heartbeat.borrow().clone()),
            altered: self.altered.subscribe(),
            interval: self.interval,
        }
    }

    pub(crate) fn say(&self, heartbeat: Heartbeat) {
        self.heartbeat.send_replace(heartbeat);
        self.altered.send_modify(|count| *count += 1);
    }

    /// Tells a peer until what is returned is dropped.
    pub(crate) fn tell(&self, target: PeerTarget) -> Telling {
        let (source, pulse, leads) = (self.source(), self.pulse(), self.leads.subscribe());
        let (progress, watched) = watch::channel(Progress::default());
        let task = tokio::spawn(async move {
            run(&target, source, pulse, leads, &progress).await;
        });
        Telling { task, progress: watched }
    }
}

/// A peer that is told.
pub(crate) struct Telling {
    task: JoinHandle<()>,
    pub(crate) progress: watch::Receiver<Progress>,
}

impl Telling {
    pub(crate) async fn until(&mut self, what: &str, is_so: impl FnMut(&Progress) -> bool) -> Progress {
        let last = self.progress.clone();
        match timeout(DEADLINE, self.progress.wait_for(is_so)).await {
            Ok(progress) => progress.unwrap().clone(),
            Err(_) => panic!("{what}: {:?}", *last.borrow()),
        }
    }

    pub(crate) async fn until_in_sync(&mut self) -> Progress {
        let in_sync =
            |progress: &Progress| progress.syncing.as_ref().is_some_and(|syncing| syncing.in_sync.is_some());
        self.until("in sync", in_sync).await
    }
}

impl Drop for Telling {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// `count` hostnames.
pub(crate) fn names(count: usize) -> Vec<Hostname> {
    (0..count).map(|index| format!("app-{index}.example").parse().unwrap()).collect()
}
