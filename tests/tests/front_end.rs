//! A front end as a process, with its own `ServiceAccount`'s token, against the real API server: what it hears is stored, and
//! nothing is in its own cluster's name.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a panic is how a test fails")]

use std::fs;

use mci_tests::cluster::{Clusters, Mode};
use mci_tests::dotnet::{Caller, Case};
use mci_tests::fleet::{key, salt, stored};
use mci_tests::http;
use mci_tests::require::{self, Component};
use mci_tests::wait;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

const NAMESPACE: &str = "mci";
const OWN: &str = "west";
const LEASES: &str = "leases.coordination.k8s.io";
const CACHES: &str = "clustercaches.multicluster.veccsolutions.io";

fn here() -> bool {
    require::present(&[Component::Kubernetes, Component::Helm])
}

/// Knows the peer `east`, which may publish in one zone.
fn configuration(key_of: &str) -> String {
    let file = json!({
        "heartbeat": {"check": "1s", "set": "1s", "timeout": "3s"},
        "listen": {"insecure": true},
        "limits": {"unauthenticated": 5},
        "clusterSalt": STANDARD.encode(salt(OWN)),
        "peers": [{"identifier": "east", "url": "http://127.0.0.1:9", "insecure": true,
            "allowedZones": ["gslb.example"], "protocol": "rest"}],
        "apiKeys": [{"clusterIdentifier": "east", "key": stored(&salt(OWN), key_of)}],
    });
    file.to_string()
}

#[test]
fn what_a_peer_says_by_rest_is_stored_and_a_front_end_proves_that_it_hears() {
    if !here() {
        return;
    }
    let clusters = Clusters::start(1);
    let cluster = clusters.cluster(0);
    cluster.install_chart(NAMESPACE, &[&format!("clusterIdentifier={OWN}")]);
    let file = clusters.folder().join("front-end.yaml");
    fs::write(&file, configuration(&key("east", OWN))).unwrap();
    let setup = cluster.mci(Mode::FrontEnd, NAMESPACE, OWN);
    let mut replica = setup.argument(format!("--config={}", file.display())).start();

    // Nobody has spoken yet, and it says that it could hear.
    let annotations = |lease: &str| {
        let lease = cluster.api().get(LEASES, NAMESPACE, lease).ok()?;
        Some(lease["metadata"]["annotations"].clone())
    };
    let receiver = format!("mci-receiver-{}", replica.name());
    let counter = || annotations(&receiver)?["mci.dev/counter"].as_str()?.parse::<u64>().ok();
    wait::until_true("the receiver Lease moves", || counter().is_some_and(|count| count >= 3));

    let peer = Caller { to: replica.http(), key: key("east", OWN), case: Case::Upper };
    assert_eq!(peer.heartbeat(), Some(204));
    let heard = annotations("mci-heartbeat-east").unwrap();
    assert_eq!((&heard["mci.dev/protocol"], &heard["mci.dev/counter"]), (&json!("rest"), &json!("1")));

    assert_eq!(peer.host("app.gslb.example", &[("192.0.2.1", 0, 50)]), Some(204));
    assert_eq!(peer.host("app.elsewhere.example", &[("192.0.2.1", 0, 50)]), Some(403), "R27");
    let shards = cluster.api().list(CACHES, NAMESPACE).unwrap();
    let said: Vec<(&Value, &Value, &Value)> = shards
        .iter()
        .map(|shard| (&shard["cluster"], &shard["hostnames"][0]["hostname"], &shard["metadata"]["labels"]))
        .collect();
    assert_eq!(
        said,
        [(&json!("east"), &json!("app.gslb.example"), &json!({"mci.dev/cluster": "east"}))]
    );

    // Its key is replaced while it runs: the old one is nobody's.
    fs::write(&file, configuration("another-key-of-east")).unwrap();
    let another = Caller { key: "another-key-of-east".to_owned(), ..peer.clone() };
    wait::until_true("the new key is known", || another.heartbeat() == Some(204));
    assert_eq!(peer.heartbeat(), Some(401));
    // Strangers may try so often; peers and probes are not kept out by them.
    wait::until_true("a stranger is turned away", || peer.heartbeat() == Some(429));
    assert_eq!(another.heartbeat(), Some(204));
    assert!(replica.is_ready());

    let metrics = replica.metrics();
    let sample = |series: &str| http::sample(&metrics, series);
    assert_eq!(sample("mci_front_end_hears"), Some(1.0), "{metrics}");
    assert_eq!(sample("mci_peer_shards_stored_total{cluster=\"east\"}"), Some(1.0), "{metrics}");
    assert_eq!(sample("mci_peer_entries_refused_total{cluster=\"east\",reason=\"zone\"}"), Some(1.0), "{metrics}");
    assert!(sample("mci_cluster_heartbeat_timestamp_seconds{cluster=\"east\"}").is_some(), "{metrics}");

    for secret in [key("east", OWN), STANDARD.encode(salt(OWN)), "another-key-of-east".to_owned()] {
        assert!(!metrics.contains(&secret) && !replica.process.log().contains(&secret));
    }
    assert!(replica.process.terminate().success());
}
