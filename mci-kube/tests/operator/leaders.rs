use std::time::Duration;

use serde_json::{Value, json};
use tokio::time::Instant;

use crate::common::{Asked, FakeApi};
use crate::world::*;

fn heartbeat(api: &FakeApi) -> Option<Value> {
    Some(api.get(LEASES, NAMESPACE, "mci-heartbeat-west")?["metadata"]["annotations"].clone())
}

fn is_write_of_caches_or_statuses(asked: &Asked) -> bool {
    asked.is_write() && (asked.path.contains("caches") || asked.path.contains("gslbs"))
}

#[tokio::test(start_paused = true)]
async fn r28_a_new_leader_writes_nothing_that_stays_the_same() {
    let api = api();
    service(&api, "web", "192.0.2.1", true);
    gslb(&api, "app", "web", &["app.example", "www.example"]);
    let first = Replica::start(&api, "pod-0");
    until("said", || condition(&api, "app", "Published").is_some()).await;
    after(10).await;
    first.stop().await;
    let writes = api.count(is_write_of_caches_or_statuses);
    let second = Replica::start(&api, "pod-1");
    until("leads", || second.leads()).await;
    after(60).await;
    assert_eq!(second.gauges.claim().term(), Some(2));
    assert_eq!(api.count(is_write_of_caches_or_statuses), writes);
    // The next change is of its term.
    slice(&api, "web", false);
    until("not ready", || ready(&api, "app.example") == Some(false)).await;
    assert_eq!(version(&api, "app.example"), (2, 2));
    second.stop().await;
}

#[tokio::test(start_paused = true)]
async fn r28_a_change_while_no_leader_lives_is_published_within_eight_seconds() {
    let api = api();
    service(&api, "web", "192.0.2.1", true);
    gslb(&api, "app", "web", &["app.example"]);
    let first = Replica::start(&api, "pod-0");
    until("leads", || first.leads()).await;
    until("published", || ready(&api, "app.example") == Some(true)).await;
    let second = Replica::start(&api, "pod-1");
    until("warm", || second.gauges.is_synced()).await;
    after(5).await;
    first.kill().await;
    let killed = Instant::now();
    slice(&api, "web", false);
    until("not ready", || ready(&api, "app.example") == Some(false)).await;
    assert!(killed.elapsed() < Duration::from_secs(8), "{:?}", killed.elapsed());
    second.stop().await;
}

#[tokio::test(start_paused = true)]
async fn a_standby_writes_nothing_but_heartbeats() {
    let api = api();
    service(&api, "web", "192.0.2.1", true);
    gslb(&api, "app", "web", &["app.example"]);
    // Somebody else leads, and renews.
    let leader = |count: u32| json!({"metadata": {"annotations": {"mci.dev/term": "5"}}, "spec": {"holderIdentity": "else", "renewTime": count}});
    api.put(LEASES, NAMESPACE, "mci-operator", leader(0));
    let replica = Replica::start(&api, "pod-0");
    for count in 1..20 {
        api.put(
            LEASES,
            NAMESPACE,
            "mci-operator",
            json!({
                "metadata": {"annotations": {"mci.dev/term": "5"}},
                "spec": {"holderIdentity": "else", "leaseTransitions": count},
            }),
        );
        after(2).await;
    }
    assert!(replica.gauges.is_synced());
    assert_eq!(api.count(|asked| asked.is_write() && !asked.path.contains("leases")), 0);
    assert!(heartbeat(&api).is_some());
    replica.stop().await;
}

#[tokio::test(start_paused = true)]
async fn r25_a_new_leader_keeps_the_addresses_that_were_lost_while_there_was_none() {
    let api = api();
    service(&api, "web", "192.0.2.1", true);
    gslb(&api, "app", "web", &["app.example"]);
    let first = Replica::start(&api, "pod-0");
    until("published", || ready(&api, "app.example") == Some(true)).await;
    first.stop().await;
    api.put(SERVICES, "shop", "web", json!({"spec": {"type": "LoadBalancer"}}));
    let second = Replica::start(&api, "pod-1");
    until("said", || condition(&api, "app", "AddressHeld").is_some()).await;
    assert_eq!(version(&api, "app.example"), (1, 1));
    after(300).await;
    until("over", || ready(&api, "app.example") == Some(false)).await;
    second.stop().await;
}

#[tokio::test(start_paused = true)]
async fn r28_a_lease_that_was_deleted_forgets_no_term() {
    let api = api();
    service(&api, "web", "192.0.2.1", true);
    gslb(&api, "app", "web", &["app.example"]);
    for pod in ["pod-0", "pod-1", "pod-2"] {
        let replica = Replica::start(&api, pod);
        until("leads", || replica.leads()).await;
        until("synced", || replica.gauges.is_synced()).await;
        service(&api, "web", "192.0.2.1", pod == "pod-1");
        after(10).await;
        replica.stop().await;
    }
    assert_eq!(version(&api, "app.example").0, 3);
    api.delete(LEASES, NAMESPACE, "mci-operator");
    let replica = Replica::start(&api, "pod-3");
    until("leads", || replica.leads()).await;
    service(&api, "web", "192.0.2.9", true);
    until("published", || published(&api, "app.example").unwrap()["hostIPs"][0]["ipAddress"] == "192.0.2.9")
        .await;
    assert!(version(&api, "app.example").0 >= 3, "{:?}", version(&api, "app.example"));
    replica.stop().await;
}

#[tokio::test(start_paused = true)]
async fn r21_every_replica_sends_heartbeats() {
    let api = api();
    let replicas = [Replica::start(&api, "pod-0"), Replica::start(&api, "pod-1")];
    after(30).await;
    let sent: Vec<_> = replicas.iter().map(|replica| replica.gauges.heartbeats().0).collect();
    assert!(sent.iter().all(|sent| *sent >= 2), "{sent:?}");
    for replica in replicas {
        let before = heartbeat(&api).unwrap()["mci.dev/counter"].clone();
        after(25).await;
        assert_ne!(heartbeat(&api).unwrap()["mci.dev/counter"], before);
        // The other one goes on.
        replica.stop().await;
    }
}

#[tokio::test(start_paused = true)]
async fn r20a_heartbeats_say_at_once_what_the_own_cluster_says() {
    let api = api();
    let replica = Replica::start(&api, "pod-0");
    until("heard", || heartbeat(&api).is_some()).await;
    let instance = api.get("/api/v1/namespaces", "", NAMESPACE).unwrap()["metadata"]["uid"].clone();
    assert_eq!(heartbeat(&api).unwrap()["mci.dev/instance"], instance);
    let mut terms = Vec::new();
    for (left, word) in [(true, "true"), (false, "false")] {
        let spec = json!({"left": left, "override": {"state": "drained", "reason": "upgrade"}});
        api.put(CLUSTERS, NAMESPACE, "west", json!({"spec": spec}));
        let changed = Instant::now();
        until("said", || heartbeat(&api).unwrap()["mci.dev/left"].as_str() == Some(word)).await;
        assert!(changed.elapsed() < Duration::from_secs(1), "{:?}", changed.elapsed());
        let said = heartbeat(&api).unwrap();
        assert_eq!(said["mci.dev/overrides"], r#"{"override":{"state":"drained","reason":"upgrade"}}"#);
        terms.push(said["mci.dev/term"].as_str().unwrap().parse::<u64>().unwrap());
    }
    assert!(terms[0] < terms[1], "{terms:?}");
    replica.stop().await;
}
