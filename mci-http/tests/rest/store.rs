//! A store in memory, and a server over it.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use axum::Router;
use mci_core::peer::{
    ClusterStore, Heard, Heartbeat, KeyRing, Protocol, ShardState, ShardUpdate, StoreError, Stored,
};
use mci_core::{ClusterId, Endpoint, Hostname};
use mci_http::Readiness;
use mci_http::rest::{RestCounters, RestOptions, rest};
use tokio::sync::watch;

/// The own cluster's salt, and the keys that east and north call with.
pub const SALT: &[u8] = b"pinch of salt, of a good length!";
pub const EAST: &str = "east-zW8kq0bXy3nEo1LmTq7RrVtY2uPc5dSf";
pub const NORTH: &str = "north-Hd83kfLq0pZx7vNn2TgBbYy4Ww9Ee1Uu";

pub fn id(text: &str) -> ClusterId {
    text.parse().unwrap()
}

pub fn name(text: &str) -> Hostname {
    text.parse().unwrap()
}

pub fn keys() -> KeyRing {
    let hash = |key: &str| KeyRing::hash(SALT, key.as_bytes());
    KeyRing::new(SALT).key(id("east"), hash(EAST)).key(id("north"), hash(NORTH))
}

/// What is kept, and what goes wrong.
#[derive(Debug, Default)]
pub struct Memory(Mutex<Content>);

#[derive(Debug, Default)]
pub struct Content {
    pub hosts: BTreeMap<(ClusterId, Hostname), Endpoint>,
    pub heard: Vec<(ClusterId, Heartbeat, Protocol)>,
    pub own: Vec<(Hostname, Endpoint)>,
    /// Every call fails with this.
    pub error: Option<StoreError>,
    /// These hostnames are refused.
    pub refused: BTreeSet<Hostname>,
}

impl Memory {
    pub fn content(&self) -> MutexGuard<'_, Content> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What is kept of a cluster, as `hostname endpoint`.
    pub fn of(&self, cluster: &str) -> BTreeMap<String, Endpoint> {
        let content = self.content();
        let hosts = content.hosts.iter().filter(|((of, _), _)| *of == id(cluster));
        hosts.map(|((_, hostname), endpoint)| (hostname.to_string(), endpoint.clone())).collect()
    }

    fn fails(&self) -> Result<MutexGuard<'_, Content>, StoreError> {
        let content = self.content();
        match &content.error {
            Some(error) => Err(error.clone()),
            None => Ok(content),
        }
    }
}

impl ClusterStore for Memory {
    async fn shards(&self, _: &ClusterId) -> Result<Vec<ShardState>, StoreError> {
        unreachable!("nobody asks for shards by REST")
    }

    async fn put(&self, _: &ClusterId, _: ShardUpdate) -> Result<Stored, StoreError> {
        unreachable!("nobody sends shards by REST")
    }

    async fn heard(
        &self,
        cluster: &ClusterId,
        heartbeat: &Heartbeat,
        by: Protocol,
    ) -> Result<Heard, StoreError> {
        self.fails()?.heard.push((cluster.clone(), heartbeat.clone(), by));
        Ok(Heard::default())
    }

    async fn put_host(
        &self,
        cluster: &ClusterId,
        hostname: &Hostname,
        endpoint: Option<Endpoint>,
    ) -> Result<(), StoreError> {
        let mut content = self.fails()?;
        if content.refused.contains(hostname) {
            return Err(refusal(cluster, hostname));
        }
        let key = (cluster.clone(), hostname.clone());
        match endpoint {
            Some(endpoint) => content.hosts.insert(key, endpoint),
            None => content.hosts.remove(&key),
        };
        Ok(())
    }

    async fn hosts_of(&self, cluster: &ClusterId) -> Result<Vec<Hostname>, StoreError> {
        let content = self.fails()?;
        Ok(content.hosts.keys().filter(|(of, _)| of == cluster).map(|(_, name)| name.clone()).collect())
    }

    async fn own_hosts(&self) -> Result<Vec<(Hostname, Endpoint)>, StoreError> {
        Ok(self.fails()?.own.clone())
    }
}

pub fn refusal(cluster: &ClusterId, hostname: &Hostname) -> StoreError {
    let (cluster, hostname) = (cluster.clone(), hostname.to_string());
    let reason = mci_core::peer::RefusalReason::Zone;
    StoreError::Refused(mci_core::peer::Refusal { cluster, hostname, reason })
}

/// A front end of cluster west over a store.
pub struct Front {
    pub store: Arc<Memory>,
    pub keys: watch::Sender<Arc<KeyRing>>,
    pub counters: RestCounters,
    pub routes: Router,
}

pub fn front() -> Front {
    front_with(RestOptions::new(id("west")).capabilities(["delta"]), Readiness::new())
}

pub fn front_with(options: RestOptions, readiness: Readiness) -> Front {
    let store = Arc::new(Memory::default());
    let (sender, keys) = watch::channel(Arc::new(keys()));
    let counters = RestCounters::default();
    let routes = rest(store.clone(), keys, readiness, options, counters.clone());
    Front { store, keys: sender, counters, routes }
}

impl Front {
    /// Serves it over a socket, as long as the runtime lasts.
    pub async fn listen(&self) -> std::net::SocketAddr {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let routes = self.routes.clone();
        tokio::spawn(async move { axum::serve(listener, routes).await });
        address
    }
}
