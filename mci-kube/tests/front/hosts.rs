//! Hostnames that come by REST.

use mci_core::peer::{ClusterStore, Heartbeat, Protocol, RefusalReason, StoreError};
use mci_core::{Endpoint, Hostname};
use serde_json::{Value, json};

use crate::common::FakeApi;
use crate::world::*;

fn endpoint(address: &str) -> Endpoint {
    Endpoint::new(east(), [address.parse().unwrap()])
}

async fn put(replica: &Replica, name: &str, endpoint: Option<Endpoint>) -> Result<(), StoreError> {
    replica.store.put_host(&east(), &hostname(name), endpoint).await
}

fn addresses(api: &FakeApi) -> Vec<(String, Value)> {
    let of = |entry: &Value| {
        (entry["hostname"].as_str().unwrap().to_owned(), entry["hostIPs"][0]["ipAddress"].clone())
    };
    stored(api).0.iter().map(of).collect()
}

#[tokio::test(start_paused = true)]
async fn each_change_is_one_of_its_shard_in_term_0_and_what_is_the_same_writes_nothing() {
    let api = FakeApi::new();
    let replica = Replica::start(&api).await;
    let names = names(2);
    put(&replica, &names[0], Some(endpoint("192.0.2.1"))).await.unwrap();
    put(&replica, &names[1], Some(endpoint("192.0.2.2"))).await.unwrap();
    let expected = vec![(names[0].clone(), json!("192.0.2.1")), (names[1].clone(), json!("192.0.2.2"))];
    assert_eq!((addresses(&api), stored(&api).1), (expected, (0, 2)));
    let before = writes(&api);
    put(&replica, &names[0], Some(endpoint("192.0.2.1"))).await.unwrap();
    assert_eq!(writes(&api), before);
    put(&replica, &names[0], None).await.unwrap();
    put(&replica, &names[0], None).await.unwrap();
    assert_eq!((addresses(&api), stored(&api).1), (vec![(names[1].clone(), json!("192.0.2.2"))], (0, 3)));
    let held: Vec<Hostname> = replica.store.hosts_of(&east()).await.unwrap();
    assert_eq!(held, [hostname(&names[1])]);
    replica.stop().await;
}

#[tokio::test(start_paused = true)]
async fn hostnames_of_one_shard_that_come_at_once_are_all_stored() {
    let api = FakeApi::new();
    let (one, other) = (Replica::start(&api).await, Replica::start(&api).await);
    let names = names(12);
    let puts = names.iter().enumerate().map(|(n, name)| {
        let replica = if n % 2 == 0 { &one } else { &other };
        put(replica, name, Some(endpoint("192.0.2.1")))
    });
    let all = futures_util::future::join_all(puts).await;
    assert!(all.iter().all(Result::is_ok), "{all:?}");
    assert_eq!((stored(&api).0.len(), stored(&api).1), (12, (0, 12)));
    one.stop().await;
    other.stop().await;
}

#[tokio::test(start_paused = true)]
async fn a_cluster_with_a_live_stream_is_not_heard_by_rest() {
    let api = FakeApi::new();
    judged(&api, "east", "alive");
    let replica = Replica::start(&api).await;
    replica.store.heard(&east(), &Heartbeat::default(), Protocol::Stream).await.unwrap();
    let refused = put(&replica, "app.example", Some(endpoint("192.0.2.1"))).await;
    assert_eq!(refused, Err(StoreError::OtherProtocol { cluster: east(), living: Protocol::Stream }));
    judged(&api, "east", "stale");
    until("it is stale", || async {
        put(&replica, "app.example", Some(endpoint("192.0.2.1"))).await.is_ok()
    })
    .await;
    replica.stop().await;
}

#[tokio::test(start_paused = true)]
async fn r27_what_a_rest_peer_may_not_publish_is_refused_and_goes_if_it_was_there() {
    let api = FakeApi::new();
    let replica = Replica::start(&api).await;
    put(&replica, "app.example", Some(endpoint("192.0.2.1"))).await.unwrap();
    replica.settings.send_replace(settings(zones(&["other.example"])));
    let refused = put(&replica, "app.example", Some(endpoint("192.0.2.1"))).await;
    assert!(matches!(&refused, Err(StoreError::Refused(refusal)) if refusal.reason == RefusalReason::Zone));
    assert_eq!(addresses(&api), []);
    replica.settings.send_replace(settings(at_most(1)));
    let names = names(2);
    put(&replica, &names[0], Some(endpoint("192.0.2.1"))).await.unwrap();
    let refused = put(&replica, &names[1], Some(endpoint("192.0.2.1"))).await;
    assert!(
        matches!(&refused, Err(StoreError::Refused(refusal)) if refusal.reason == RefusalReason::Hostnames { most: 1 })
    );
    replica.stop().await;
}

#[tokio::test(start_paused = true)]
async fn what_the_own_cluster_publishes_is_read_from_its_shards() {
    let api = FakeApi::new();
    let name = mci_kube::names::cluster_cache(&id("west"), shard());
    let object = json!({"cluster": "west", "shard": shard().number(), "term": 1, "seq": 1, "digest": "d",
        "hostnames": [entry("app.example", "192.0.2.7")]});
    api.put(SHARDS, NAMESPACE, &name, object);
    let replica = Replica::start(&api).await;
    let own = replica.store.own_hosts().await.unwrap();
    let own: Vec<_> =
        own.iter().map(|(name, endpoint)| (name.to_string(), endpoint.parts().addresses.to_vec())).collect();
    assert_eq!(own, [("app.example".to_owned(), vec!["192.0.2.7".parse::<std::net::IpAddr>().unwrap()])]);
    replica.stop().await;
}
