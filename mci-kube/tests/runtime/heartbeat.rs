use std::time::Duration;

use k8s_openapi::api::coordination::v1::Lease;
use mci_kube::heartbeat::{Beat, Evidence, Pulse, Said, read};
use mci_kube::watch::ObjectKey;
use tokio::time::{Instant, sleep};

use crate::common::{FakeApi, Fate};

const INTERVAL: Duration = Duration::from_secs(10);

fn said(left: bool) -> Said {
    Said { instance: "i-1".to_owned(), term: 3, left, overrides: "[]".to_owned(), ..Said::default() }
}

async fn evidence(api: &FakeApi) -> Evidence {
    let key = ObjectKey::new("mci", "mci-heartbeat-east");
    let lease: Lease = api.client().get(&key).await.unwrap().expect("it was written");
    read(&lease).unwrap()
}

fn pulse() -> Pulse {
    Pulse::of_cluster("mci", "east", INTERVAL)
}

#[tokio::test(start_paused = true)]
async fn a_heartbeat_is_a_counter_and_what_the_cluster_says_of_itself() {
    let api = FakeApi::new();
    let mut pulse = pulse();
    assert_eq!(pulse.heard(&api.client(), &said(false)).await, Ok(Beat::Written));
    let expected =
        |counter, left| Evidence::Heartbeat { cluster: "east".to_owned(), counter, said: said(left) };
    assert_eq!(evidence(&api).await, expected(1, false));
    sleep(INTERVAL).await;
    assert_eq!(pulse.heard(&api.client(), &said(false)).await, Ok(Beat::Written));
    assert_eq!(evidence(&api).await, expected(2, false));
}

#[tokio::test(start_paused = true)]
async fn r21_however_many_replicas_send_it_is_written_at_most_once_in_half_an_interval() {
    let api = FakeApi::new();
    let mut replicas: Vec<_> = (0..7).map(|_| pulse()).collect();
    let mut written: Vec<Instant> = Vec::new();
    for _ in 0..30 {
        for replica in &mut replicas {
            if replica.heard(&api.client(), &said(false)).await == Ok(Beat::Written) {
                written.push(Instant::now());
            }
            sleep(INTERVAL / 7).await;
        }
    }
    let gaps: Vec<_> = written.windows(2).map(|pair| pair[1] - pair[0]).collect();
    assert!(gaps.iter().all(|gap| *gap >= INTERVAL / 2), "{gaps:?}");
    assert!(gaps.iter().all(|gap| *gap <= 2 * INTERVAL), "{gaps:?}");
    assert!(gaps.len() >= 14, "{gaps:?}");
}

#[tokio::test(start_paused = true)]
async fn what_the_cluster_says_of_itself_is_written_at_once_when_it_changes() {
    let api = FakeApi::new();
    let (mut one, mut other) = (pulse(), pulse());
    assert_eq!(one.heard(&api.client(), &said(false)).await, Ok(Beat::Written));
    assert_eq!(other.heard(&api.client(), &said(true)).await, Ok(Beat::Written));
    assert!(matches!(evidence(&api).await, Evidence::Heartbeat { counter: 2, said, .. } if said.left));
}

#[tokio::test(start_paused = true)]
async fn heartbeats_within_half_an_interval_cost_nothing() {
    let api = FakeApi::new();
    let mut pulse = pulse();
    let client = api.client();
    pulse.heard(&client, &said(false)).await.unwrap();
    let before = api.count(|_| true);
    for _ in 0..100 {
        assert_eq!(pulse.heard(&client, &said(false)).await, Ok(Beat::Recent));
    }
    assert_eq!(api.count(|_| true), before);
}

#[tokio::test(start_paused = true)]
async fn when_another_replica_is_first_its_heartbeat_is_ours() {
    let api = FakeApi::new();
    let mut one = pulse();
    one.heard(&api.client(), &said(false)).await.unwrap();
    let mut other = pulse();
    sleep(INTERVAL).await;
    // The write of `one` gets a conflict, because meanwhile `other` counted.
    let client = api.client();
    let mut first = true;
    api.hook(move |asked| {
        if asked.is_write() && std::mem::take(&mut first) { Fate::Refuse(409, None) } else { Fate::Pass }
    });
    let refused = one.heard(&client, &said(false)).await;
    assert!(refused.is_err(), "nobody counted, and what is there is old: {refused:?}");
    assert_eq!(other.heard(&client, &said(false)).await, Ok(Beat::Recent), "to it, it is news");
    assert_eq!(one.heard(&client, &said(false)).await, Ok(Beat::Written));
}

#[tokio::test(start_paused = true)]
async fn a_receiver_has_a_counter_of_its_own() {
    let api = FakeApi::new();
    let mut pulse = Pulse::of_receiver("mci", "front-end-0", INTERVAL);
    assert_eq!(pulse.listening(&api.client()).await, Ok(Beat::Written));
    let key = ObjectKey::new("mci", "mci-receiver-front-end-0");
    let lease: Lease = api.client().get(&key).await.unwrap().unwrap();
    assert_eq!(read(&lease), Ok(Evidence::Receiver { pod: "front-end-0".to_owned(), counter: 1 }));
}

#[test]
fn a_lease_that_someone_broke_says_what_is_wrong_with_it() {
    let broken = |annotation: &str, value: &str| {
        let text = format!(
            r#"{{"metadata": {{"name": "mci-heartbeat-east",
                "annotations": {{"mci.dev/counter": "1", "{annotation}": "{value}"}}}}}}"#
        );
        read(&serde_json::from_str(&text).unwrap()).unwrap_err()
    };
    assert_eq!(broken("mci.dev/counter", "x"), r#"annotation mci.dev/counter is "x", which is no number"#);
    assert_eq!(broken("mci.dev/left", "1"), r#"annotation mci.dev/left is "1", not "true" or "false""#);
}
