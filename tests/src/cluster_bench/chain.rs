//! Three hops of write and watch with nothing in between: what the API server alone takes of a change's way.
//!
//! ```text
//!   round ── PUT hop-0 ──► watch ── PUT hop-1 ──► watch ── PUT hop-2 ──► watch ──► time
//! ```

use std::sync::mpsc::{Receiver, Sender, channel};
use std::time::{Duration, Instant};

use http::Method;
use k8s_openapi::api::core::v1::ConfigMap;
use kube::Client;
use kube::api::{Api, WatchEvent, WatchParams};
use serde_json::{Value, json};
use tokio_stream::StreamExt as _;

use crate::cluster::{Api as Rig, Cluster, request};
use crate::runtime::{block_on, runtime};

const NAMESPACE: &str = "bench-chain";
const HOPS: usize = 3;

/// How long a round may take.
const PATIENCE: Duration = Duration::from_mins(1);

/// A chain of watches, each of which writes what the next one waits for.
pub(super) struct Chain {
    client: Client,
    round: u64,
    arrivals: Receiver<(u64, Instant)>,
}

impl Chain {
    /// Begins to watch.
    #[track_caller]
    pub(super) fn start(cluster: &Cluster) -> Self {
        cluster.namespace(NAMESPACE);
        for hop in 0..HOPS {
            cluster.api().create(&object(hop, 0)).expect("a ConfigMap can be created");
        }
        let (sender, arrivals) = channel();
        for hop in 0..HOPS {
            // A connection for each, as there is one for each program.
            let client = Rig::new(cluster.kubeconfig()).client();
            runtime().spawn(pass_on(client, hop, sender.clone()));
        }
        Chain { client: Rig::new(cluster.kubeconfig()).client(), round: 0, arrivals }
    }

    /// From the acknowledgement of the first write until the last watch has heard of it.
    #[track_caller]
    pub(super) fn round(&mut self) -> Duration {
        self.round += 1;
        let written = write(self.client.clone(), object(0, self.round));
        let acknowledged = block_on(written).expect("the API server takes a ConfigMap");
        loop {
            let (round, arrived) = self.arrivals.recv_timeout(PATIENCE).expect("the chain passes it on");
            if round == self.round {
                return arrived.saturating_duration_since(acknowledged);
            }
        }
    }
}

/// Passes on what it hears to the next hop; the last one tells when it heard it.
async fn pass_on(client: Client, hop: usize, arrivals: Sender<(u64, Instant)>) {
    let maps: Api<ConfigMap> = Api::namespaced(client.clone(), NAMESPACE);
    let only = WatchParams::default().fields(&format!("metadata.name=hop-{hop}"));
    let mut heard = 0;
    // The API server ends a watch after some minutes.
    loop {
        let Ok(events) = maps.watch(&only, "0").await else { return };
        let mut events = Box::pin(events);
        while let Some(Ok(event)) = events.next().await {
            let (WatchEvent::Added(map) | WatchEvent::Modified(map)) = event else { continue };
            let arrived = Instant::now();
            let round = map.data.and_then(|data| data.get("round")?.parse().ok()).unwrap_or(0);
            if round <= heard {
                continue;
            }
            heard = round;
            if hop + 1 < HOPS {
                if write(client.clone(), object(hop + 1, round)).await.is_err() {
                    return;
                }
            } else if arrivals.send((round, arrived)).is_err() {
                return;
            }
        }
    }
}

fn object(hop: usize, round: u64) -> Value {
    json!({
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {"name": format!("hop-{hop}"), "namespace": NAMESPACE},
        "data": {"round": round.to_string()},
    })
}

/// Replaces the object, and tells when that was acknowledged.
async fn write(client: Client, object: Value) -> Result<Instant, kube::Error> {
    let name = object["metadata"]["name"].as_str().unwrap_or_default();
    let path = format!("/api/v1/namespaces/{NAMESPACE}/configmaps/{name}");
    client.request::<Value>(request(Method::PUT, &path, None, Some(&object))).await?;
    Ok(Instant::now())
}
