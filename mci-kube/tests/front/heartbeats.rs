//! Heartbeats of peers, and the proof that a front end hears.

use std::time::Duration;

use mci_core::peer::{ClusterStore, Heard, Heartbeat, Protocol, StoreError};
use serde_json::{Value, json};
use tokio::time::sleep;

use crate::common::FakeApi;
use crate::world::*;

fn beat(instance: &str, term: u64, left: bool) -> Heartbeat {
    Heartbeat { instance: instance.to_owned(), term, left, ..Heartbeat::default() }
}

async fn heard(replica: &Replica, heartbeat: &Heartbeat) -> Result<u64, StoreError> {
    replica.store.heard(&east(), heartbeat, Protocol::Stream).await.map(|Heard { term }| term)
}

fn annotations(api: &FakeApi) -> Value {
    api.get(LEASES, NAMESPACE, "mci-heartbeat-east").unwrap()["metadata"]["annotations"].clone()
}

#[tokio::test(start_paused = true)]
async fn r20_a_heartbeat_moves_the_counter_and_says_how_it_was_heard() {
    let api = FakeApi::new();
    let replica = Replica::start(&api).await;
    let mut heartbeat = beat("i-1", 4, false);
    heartbeat.view_age = Some(INTERVAL);
    assert_eq!(heard(&replica, &heartbeat).await, Ok(4));
    let expected = json!({"mci.dev/counter": "1", "mci.dev/instance": "i-1", "mci.dev/term": "4",
        "mci.dev/left": "false", "mci.dev/overrides": "", "mci.dev/protocol": "stream", "mci.dev/view": "ok"});
    assert_eq!(annotations(&api), expected);
    heartbeat.view_age = Some(INTERVAL * 10);
    heard(&replica, &heartbeat).await.unwrap();
    assert_eq!(annotations(&api)["mci.dev/view"], "degraded");
    let times = replica.store.gauges().heard;
    assert_eq!(times.iter().map(|(cluster, _)| cluster.clone()).collect::<Vec<_>>(), [east()]);
    replica.stop().await;
}

#[tokio::test(start_paused = true)]
async fn r20a_a_lower_term_is_life_and_takes_nothing_back() {
    let api = FakeApi::new();
    let replica = Replica::start(&api).await;
    assert_eq!(heard(&replica, &beat("i-1", 9, true)).await, Ok(9));
    sleep(INTERVAL).await;
    assert_eq!(heard(&replica, &beat("i-1", 8, false)).await, Ok(9), "it is told that it forgot");
    let said = annotations(&api);
    assert_eq!(
        (&said["mci.dev/counter"], &said["mci.dev/term"], &said["mci.dev/left"]),
        (&json!("2"), &json!("9"), &json!("true"))
    );
    replica.stop().await;
}

#[tokio::test(start_paused = true)]
async fn a_second_installation_is_refused_by_name_while_the_first_lives_and_takes_over_after_that() {
    let api = FakeApi::new();
    judged(&api, "east", "alive");
    let replica = Replica::start(&api).await;
    heard(&replica, &beat("i-1", 9, true)).await.unwrap();
    sleep(INTERVAL).await;
    let before = annotations(&api);
    let refused = heard(&replica, &beat("i-2", 1, false)).await;
    let expected = StoreError::DuplicateClusterIdentifier {
        cluster: east(),
        living: "i-1".to_owned(),
        said: "i-2".to_owned(),
    };
    assert_eq!((refused, annotations(&api)), (Err(expected), before), "its heartbeat keeps nobody alive");
    judged(&api, "east", "stale");
    until("it takes over", || async { heard(&replica, &beat("i-2", 1, false)).await.is_ok() }).await;
    let said = annotations(&api);
    assert_eq!((&said["mci.dev/instance"], &said["mci.dev/left"]), (&json!("i-2"), &json!("false")));
    replica.stop().await;
}

#[tokio::test(start_paused = true)]
async fn a_stream_is_not_taken_for_rest_while_it_lives_and_soon_after() {
    let api = FakeApi::new();
    let replica = Replica::start(&api).await;
    let rest = async || replica.store.heard(&east(), &Heartbeat::default(), Protocol::Rest).await;
    heard(&replica, &beat("i-1", 1, false)).await.unwrap();
    sleep(INTERVAL).await;
    rest().await.unwrap();
    assert_eq!(annotations(&api)["mci.dev/protocol"], "stream");
    sleep(INTERVAL).await;
    rest().await.unwrap();
    let said = annotations(&api);
    assert_eq!((&said["mci.dev/protocol"], &said["mci.dev/counter"]), (&json!("rest"), &json!("2")));
    assert_eq!(replica.store.hears_by_rest(&east()).await, Ok(Some(false)));
    replica.stop().await;
}

#[tokio::test(start_paused = true)]
async fn a_peer_that_says_something_else_each_time_costs_a_few_writes_and_no_more() {
    let api = FakeApi::new();
    let replica = Replica::start(&api).await;
    let begun = tokio::time::Instant::now();
    for term in 1..=100 {
        heard(&replica, &beat("i-1", term, term % 2 == 0)).await.unwrap();
    }
    let most = usize::try_from(begun.elapsed().as_millis() / (INTERVAL.as_millis() / 20)).unwrap() + 1;
    assert!(writes(&api) <= most, "{} writes in {:?}", writes(&api), begun.elapsed());
    replica.stop().await;
}

#[tokio::test(start_paused = true)]
async fn a_heartbeat_that_no_lease_can_hold_is_life_alone() {
    let api = FakeApi::new();
    let replica = Replica::start(&api).await;
    heard(&replica, &beat("i-1", 3, true)).await.unwrap();
    sleep(INTERVAL).await;
    let mut huge = beat("i-1", 4, false);
    huge.overrides = "x".repeat(1024 * 1024);
    assert_eq!(heard(&replica, &huge).await, Ok(3));
    let said = annotations(&api);
    assert_eq!((&said["mci.dev/counter"], &said["mci.dev/left"]), (&json!("2"), &json!("true")));
    replica.stop().await;
}

#[tokio::test(start_paused = true)]
async fn r20_a_front_end_that_hears_has_a_counter_that_moves() {
    let api = FakeApi::new();
    let replica = Replica::start(&api).await;
    let counter = || {
        let lease = api.get(LEASES, NAMESPACE, "mci-receiver-front-end-0").unwrap();
        lease["metadata"]["annotations"]["mci.dev/counter"].clone()
    };
    replica.store.listening().await.unwrap();
    assert_eq!(counter(), "1");
    sleep(Duration::from_secs(10)).await;
    replica.store.listening().await.unwrap();
    assert_eq!(counter(), "2");
    replica.stop().await;
}
