//! Replicas of a front end over one API server, and what a peer sends them.

use std::collections::BTreeMap;
use std::time::Duration;

use mci_core::peer::{
    Admission, ClusterStore, PeerLimits, ShardChange, ShardItem, ShardState, ShardUpdate, ShardVersion,
    Stored, Urgency,
};
use mci_core::{ClusterId, Hostname, Shard};
use mci_kube::front::{Options, Settings, Store};
use mci_kube::{names, watch};
use serde_json::{Value, json};
use tokio::sync::watch as channel;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use crate::common::FakeApi;

pub const NAMESPACE: &str = "mci";
pub const SHARDS: &str = "/apis/multicluster.veccsolutions.io/v1alpha/clustercaches";
pub const CLUSTERS: &str = "/apis/multicluster.veccsolutions.io/v1alpha/clusters";
pub const LEASES: &str = "/apis/coordination.k8s.io/v1/leases";
pub const INTERVAL: Duration = Duration::from_secs(10);

pub fn id(name: &str) -> ClusterId {
    name.parse().unwrap()
}

pub fn east() -> ClusterId {
    id("east")
}

pub fn hostname(name: &str) -> Hostname {
    name.parse().unwrap()
}

/// A replica of the front end of cluster `west`.
pub struct Replica {
    pub store: Store,
    pub settings: channel::Sender<Settings>,
    stop: CancellationToken,
    task: JoinHandle<()>,
}

pub fn settings(admission: Admission) -> Settings {
    Settings {
        peers: BTreeMap::from([(east(), admission)]),
        others: Admission::default(),
        interval: INTERVAL,
        old: INTERVAL * 9,
    }
}

impl Replica {
    pub async fn start(api: &FakeApi) -> Self {
        Self::with(api, Admission::default()).await
    }

    pub async fn with(api: &FakeApi, admission: Admission) -> Self {
        let (sender, receiver) = channel::channel(settings(admission));
        let options = Options {
            namespace: NAMESPACE.to_owned(),
            cluster: id("west"),
            pod: "front-end-0".to_owned(),
            timing: watch::Timing::default(),
        };
        let store = Store::new(api.client(), options, receiver);
        let stop = CancellationToken::new();
        let task = tokio::spawn({
            let (store, stop) = (store.clone(), stop.clone());
            async move { store.run(stop).await }
        });
        for watch in store.watches() {
            watch.synced().await;
        }
        let replica = Self { store, settings: sender, stop, task };
        // The first list is taken in by then.
        replica.store.shards(&east()).await.unwrap();
        replica
    }

    pub async fn stop(self) {
        self.stop.cancel();
        self.task.await.unwrap();
    }

    pub async fn put(&self, update: ShardUpdate) -> Stored {
        self.store.put(&east(), update).await.unwrap()
    }

    pub async fn shards(&self) -> Vec<ShardState> {
        self.store.shards(&east()).await.unwrap()
    }
}

pub fn version(term: u64, seq: u64) -> ShardVersion {
    ShardVersion { term, seq }
}

/// The shard of `app.example`, where all hostnames of these tests lie that are not said to lie elsewhere.
pub fn shard() -> Shard {
    Shard::of(&hostname("app.example"))
}

/// Hostnames of the shard of `app.example`, that one first.
pub fn names(count: usize) -> Vec<String> {
    let others = (0..).map(|n| format!("n{n}.example")).filter(|name| Shard::of(&hostname(name)) == shard());
    std::iter::once("app.example".to_owned()).chain(others).take(count).collect()
}

pub fn state(term: u64, seq: u64) -> ShardState {
    ShardState { shard: shard(), version: version(term, seq), digest: format!("d{term}.{seq}").into() }
}

pub fn entry(name: &str, address: &str) -> Value {
    json!({"hostname": name, "hostIPs": [{"ipAddress": address}], "priority": 0, "weight": 50, "ready": true})
}

pub fn item(entry: &Value) -> ShardItem {
    ShardItem { hostname: hostname(entry["hostname"].as_str().unwrap()), json: entry.to_string().into() }
}

pub fn whole(term: u64, seq: u64, entries: &[Value]) -> ShardUpdate {
    let change = ShardChange::Whole(entries.iter().map(item).collect());
    ShardUpdate { state: state(term, seq), change, urgency: Urgency::Change }
}

pub fn delta(base: ShardState, to: ShardState, put: &[Value], removed: &[&str]) -> ShardUpdate {
    let change = ShardChange::Delta {
        base: base.version,
        base_digest: base.digest,
        put: put.iter().map(item).collect(),
        removed: removed.iter().map(|name| hostname(name)).collect(),
    };
    ShardUpdate { state: to, change, urgency: Urgency::Change }
}

/// The object of the shard as it is stored.
pub fn object(api: &FakeApi) -> Value {
    api.get(SHARDS, NAMESPACE, &names::cluster_cache(&east(), shard())).expect("it is stored")
}

pub fn object_name() -> String {
    names::cluster_cache(&east(), shard())
}

/// What is stored of the shard: its entries by hostname, its version and its digest.
pub fn stored(api: &FakeApi) -> (Vec<Value>, (u64, u64), String) {
    let object = object(api);
    let entries = object["hostnames"].as_array().unwrap().clone();
    let version = (object["term"].as_u64().unwrap(), object["seq"].as_u64().unwrap());
    (entries, version, object["digest"].as_str().unwrap().to_owned())
}

pub fn writes(api: &FakeApi) -> usize {
    api.count(|asked| asked.is_write())
}

pub fn zones(names: &[&str]) -> Admission {
    Admission { zones: Some(names.iter().map(|name| hostname(name)).collect()), ..Admission::default() }
}

pub fn at_most(hostnames: usize) -> Admission {
    let mut limits = PeerLimits::default();
    limits.hostnames = hostnames;
    Admission { limits, ..Admission::default() }
}

/// Says what the orchestrator judged.
pub fn judged(api: &FakeApi, cluster: &str, state: &str) {
    api.put(CLUSTERS, NAMESPACE, cluster, json!({"status": {"state": state}}));
}

/// Waits until something is so.
#[track_caller]
pub fn until<F: Future<Output = bool>>(what: &str, mut so: impl FnMut() -> F) -> impl Future<Output = ()> {
    let what = what.to_owned();
    async move {
        for _ in 0..20_000 {
            if so().await {
                return;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        panic!("it did not come to: {what}");
    }
}
