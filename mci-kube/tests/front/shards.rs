//! Shards that come by the stream.

use std::time::Duration;

use mci_core::peer::{Admission, ClusterStore, Refusal, RefusalReason, ShardState, StoreError, Stored};
use serde_json::json;

use crate::common::{FakeApi, Fate};
use crate::world::*;

#[tokio::test(start_paused = true)]
async fn a_shard_is_stored_as_its_publisher_wrote_it_and_acknowledged_with_what_is_stored() {
    let api = FakeApi::new();
    let replica = Replica::start(&api).await;
    let mut entry = entry("app.example", "192.0.2.1");
    entry["ofALaterVersion"] = json!({"a": [1, 2]});
    let answer = replica.put(whole(3, 7, &[entry.clone()])).await;
    assert_eq!(answer, Stored { state: state(3, 7), refused: vec![] });
    assert_eq!(stored(&api), (vec![entry], (3, 7), "d3.7".to_owned()));
    let object = object(&api);
    assert_eq!(object["metadata"]["labels"], json!({"mci.dev/cluster": "east"}));
    assert_eq!(object["metadata"]["annotations"], json!(null), "nothing was decided");
    assert_eq!(replica.shards().await, [state(3, 7)]);
    replica.stop().await;
}

#[tokio::test(start_paused = true)]
async fn what_is_not_newer_is_answered_with_what_is_stored_and_writes_nothing() {
    let api = FakeApi::new();
    let replica = Replica::start(&api).await;
    replica.put(whole(3, 7, &[entry("app.example", "192.0.2.1")])).await;
    let before = writes(&api);
    let mut other_digest = whole(3, 7, &[]);
    other_digest.state.digest = "another".into();
    for update in [whole(3, 7, &[]), whole(3, 6, &[]), whole(2, 99, &[]), other_digest] {
        assert_eq!(replica.put(update).await, Stored { state: state(3, 7), refused: vec![] });
    }
    assert_eq!(writes(&api), before);
    replica.stop().await;
}

#[tokio::test(start_paused = true)]
async fn an_emptied_shard_keeps_its_version() {
    let api = FakeApi::new();
    let replica = Replica::start(&api).await;
    replica.put(whole(1, 1, &[entry("app.example", "192.0.2.1")])).await;
    replica.put(whole(1, 2, &[])).await;
    assert_eq!(stored(&api), (vec![], (1, 2), "d1.2".to_owned()));
    assert_eq!(replica.shards().await, [state(1, 2)]);
    replica.stop().await;
}

#[tokio::test(start_paused = true)]
async fn a_delta_changes_what_is_there_and_no_other_entry() {
    let api = FakeApi::new();
    let replica = Replica::start(&api).await;
    let names = names(4);
    let entries: Vec<_> = names.iter().map(|name| entry(name, "192.0.2.1")).collect();
    replica.put(whole(1, 1, &entries[..3])).await;
    let changed = entry(&names[1], "192.0.2.9");
    let update = delta(state(1, 1), state(1, 2), &[changed.clone(), entries[3].clone()], &[&names[0]]);
    assert_eq!(replica.put(update).await.state, state(1, 2));
    let mut expected = vec![changed, entries[2].clone(), entries[3].clone()];
    expected.sort_by_key(|entry| entry["hostname"].as_str().unwrap().to_owned());
    assert_eq!(stored(&api).0, expected);
    replica.stop().await;
}

#[tokio::test(start_paused = true)]
async fn a_delta_over_something_else_changes_nothing_and_is_answered_with_what_is_held() {
    let api = FakeApi::new();
    let replica = Replica::start(&api).await;
    let nothing = replica.put(delta(state(1, 1), state(1, 2), &[], &[])).await;
    assert_eq!(nothing.state, ShardState::nothing(shard()));
    replica.put(whole(1, 1, &[entry("app.example", "192.0.2.1")])).await;
    let before = writes(&api);
    let answer = replica.put(delta(state(1, 2), state(1, 3), &[], &["app.example"])).await;
    assert_eq!((answer.state, writes(&api)), (state(1, 1), before));
    let mut other = state(1, 1);
    other.digest = "another".into();
    let answer = replica.put(delta(other, state(1, 2), &[], &["app.example"])).await;
    assert_eq!((answer.state, writes(&api)), (state(1, 1), before), "a version that was given twice");
    replica.stop().await;
}

#[tokio::test(start_paused = true)]
async fn of_two_replicas_the_higher_version_stays_whoever_wrote_last() {
    let api = FakeApi::new();
    let (one, other) = (Replica::start(&api).await, Replica::start(&api).await);
    one.put(whole(1, 1, &[])).await;
    until("the other sees it", || async { other.shards().await == [state(1, 1)] }).await;
    // Its watch has not told of that when the older one comes.
    api.hook(|asked| if asked.is_watch() { Fate::Hang } else { Fate::Pass });
    api.end_watches();
    one.put(whole(1, 5, &[entry("app.example", "192.0.2.5")])).await;
    assert_eq!(other.put(whole(1, 4, &[])).await.state, state(1, 5));
    assert_eq!(other.put(whole(1, 6, &[])).await.state, state(1, 6));
    assert_eq!(stored(&api).1, (1, 6));
    let (one, other) = (one.stop(), other.stop());
    one.await;
    other.await;
}

#[tokio::test(start_paused = true)]
async fn a_delta_of_one_replica_is_over_what_another_has_stored() {
    let api = FakeApi::new();
    let (one, other) = (Replica::start(&api).await, Replica::start(&api).await);
    api.hook(|asked| if asked.is_watch() { Fate::Hang } else { Fate::Pass });
    api.end_watches();
    one.put(whole(1, 1, &[entry("app.example", "192.0.2.1")])).await;
    // It has seen nothing, and looks.
    let change = entry("app.example", "192.0.2.2");
    let whole_there = other.put(whole(1, 1, &[])).await;
    assert_eq!(whole_there.state, state(1, 1), "somebody else stored it");
    let answer = other.put(delta(state(1, 1), state(1, 2), &[change.clone()], &[])).await;
    assert_eq!((answer.state, stored(&api).0), (state(1, 2), vec![change]));
    one.stop().await;
    other.stop().await;
}

#[tokio::test(start_paused = true)]
async fn what_a_person_deletes_is_nothing_and_what_is_there_under_its_name_is_replaced() {
    let api = FakeApi::new();
    let replica = Replica::start(&api).await;
    replica.put(whole(1, 1, &[entry("app.example", "192.0.2.1")])).await;
    api.delete(SHARDS, NAMESPACE, &object_name());
    until("it is seen", || async { replica.shards().await.is_empty() }).await;
    // What somebody else made of the name is no shard.
    api.put(SHARDS, NAMESPACE, &object_name(), json!({"cluster": "north", "shard": 1, "term": 9}));
    let answer = replica.put(whole(1, 2, &[entry("app.example", "192.0.2.1")])).await;
    assert_eq!((answer.state, stored(&api).1), (state(1, 2), (1, 2)));
    replica.stop().await;
}

#[tokio::test(start_paused = true)]
async fn after_a_restore_of_the_store_less_is_held_and_that_is_told() {
    let api = FakeApi::new();
    let replica = Replica::start(&api).await;
    replica.put(whole(1, 1, &[])).await;
    api.restore(SHARDS, 50, &[]);
    until("the proof finds it", || async { replica.shards().await.is_empty() }).await;
    replica.stop().await;
}

#[tokio::test(start_paused = true)]
async fn an_api_server_that_refuses_or_is_silent_leaves_the_shard_unacknowledged() {
    let api = FakeApi::new();
    let replica = Replica::start(&api).await;
    api.hook(|asked| if asked.is_write() { Fate::Refuse(500, None) } else { Fate::Pass });
    let update = whole(1, 1, &[entry("app.example", "192.0.2.1")]);
    let failed = replica.store.put(&east(), update.clone()).await;
    assert!(matches!(failed, Err(StoreError::Unavailable { .. })), "{failed:?}");
    // The write is done, and nobody hears of it.
    let mut first = true;
    api.hook(
        move |asked| {
            if asked.is_write() && std::mem::take(&mut first) { Fate::LoseAnswer } else { Fate::Pass }
        },
    );
    let failed = replica.store.put(&east(), update.clone()).await;
    assert!(matches!(failed, Err(StoreError::Unavailable { .. })), "{failed:?}");
    assert_eq!(replica.put(update).await.state, state(1, 1));
    replica.stop().await;
}

#[tokio::test(start_paused = true)]
async fn r27_entries_that_a_peer_may_not_publish_are_left_out_by_name_and_the_others_stay() {
    let api = FakeApi::new();
    let mut admission = zones(&["example"]);
    admission.max_priority = Some(5);
    admission.limits.addresses = 2;
    let replica = Replica::with(&api, admission).await;
    let names = names(6);
    let good = entry(&names[0], "192.0.2.1");
    let mut urgent = entry(&names[1], "192.0.2.1");
    urgent["priority"] = json!(6);
    let mut wide = entry(&names[2], "192.0.2.1");
    wide["hostIPs"] =
        json!([{"ipAddress": "192.0.2.1"}, {"ipAddress": "192.0.2.2"}, {"ipAddress": "192.0.2.3"}]);
    let malformed = json!({"hostname": names[3], "hostIPs": "no list"});
    let mut strange = item(&entry("elsewhere.example", "192.0.2.1"));
    strange.json = entry(&names[4], "192.0.2.1").to_string().into();
    let outside = entry("app.elsewhere", "192.0.2.1");
    let mut update = whole(1, 1, &[good.clone(), urgent, wide, malformed, outside]);
    let mci_core::peer::ShardChange::Whole(items) = &mut update.change else { unreachable!() };
    items.push(strange);
    let answer = replica.put(update).await;
    let mut refused: Vec<_> =
        answer.refused.iter().map(|one| (one.hostname.as_str(), one.reason.label())).collect();
    refused.sort_unstable();
    let mut expected = vec![
        ("app.elsewhere", "malformed"),
        ("elsewhere.example", "malformed"),
        (names[1].as_str(), "priority"),
        (names[2].as_str(), "addresses"),
        (names[3].as_str(), "malformed"),
    ];
    expected.sort_unstable();
    assert_eq!((refused, stored(&api).0), (expected, vec![good]));
    let mut counted = replica.store.gauges().refused;
    counted.retain(|(cluster, ..)| *cluster == east());
    let counted: Vec<_> = counted.into_iter().map(|(_, reason, count)| (reason, count)).collect();
    assert_eq!(counted, [("addresses", 1), ("malformed", 3), ("priority", 1)]);
    replica.stop().await;
}

#[tokio::test(start_paused = true)]
async fn r27_an_entry_outside_the_allowed_zones_is_refused_by_name() {
    let api = FakeApi::new();
    let replica = Replica::with(&api, zones(&["allowed.example"])).await;
    let answer = replica.put(whole(1, 1, &[entry("app.example", "192.0.2.1")])).await;
    let refusal =
        Refusal { cluster: east(), hostname: "app.example".to_owned(), reason: RefusalReason::Zone };
    assert_eq!(answer, Stored { state: state(1, 1), refused: vec![refusal] });
    assert_eq!(stored(&api), (vec![], (1, 1), "d1.1".to_owned()));
    replica.stop().await;
}

#[tokio::test(start_paused = true)]
async fn r27_after_a_reload_a_shard_is_asked_for_again_and_the_same_version_takes_its_place() {
    let api = FakeApi::new();
    let replica = Replica::start(&api).await;
    let entries = [entry("app.example", "192.0.2.1")];
    replica.put(whole(1, 1, &entries)).await;
    replica.settings.send_replace(settings(zones(&["other"])));
    assert_eq!(replica.shards().await, [ShardState::nothing(shard())]);
    // Neither a delta nor an older version changes what is there.
    let needs_whole = replica.put(delta(state(1, 1), state(1, 2), &[], &[])).await;
    assert_eq!(needs_whole.state, ShardState::nothing(shard()));
    assert_eq!(replica.put(whole(0, 9, &entries)).await.state, state(1, 1));
    let answer = replica.put(whole(1, 1, &entries)).await;
    assert_eq!((answer.state, answer.refused.len(), stored(&api).0), (state(1, 1), 1, vec![]));
    assert_eq!(replica.shards().await, [state(1, 1)]);
    // And back.
    replica.settings.send_replace(settings(Admission::default()));
    assert_eq!(replica.shards().await, [ShardState::nothing(shard())]);
    replica.put(whole(1, 1, &entries)).await;
    assert_eq!((replica.shards().await, stored(&api).0.len()), (vec![state(1, 1)], 1));
    replica.stop().await;
}

#[tokio::test(start_paused = true)]
async fn what_is_over_the_limit_of_hostnames_is_left_out_and_asked_for_again_once_there_is_room() {
    let api = FakeApi::new();
    let replica = Replica::with(&api, at_most(2)).await;
    let names = names(3);
    let entries: Vec<_> = names.iter().map(|name| entry(name, "192.0.2.1")).collect();
    replica.put(whole(1, 1, &entries[..2])).await;
    // A new hostname pushes out none that was there, whatever its name.
    let answer = replica.put(delta(state(1, 1), state(1, 2), &[entries[2].clone()], &[])).await;
    assert_eq!(answer.refused.iter().map(|one| one.hostname.clone()).collect::<Vec<_>>(), [names[2].clone()]);
    assert_eq!((stored(&api).0.len(), replica.shards().await), (2, vec![state(1, 2)]));
    replica.put(delta(state(1, 2), state(1, 3), &[], &[&names[0]])).await;
    assert_eq!(replica.shards().await, [ShardState::nothing(shard())], "there is room now");
    replica.put(whole(1, 3, &entries[1..])).await;
    assert_eq!((stored(&api).0.len(), replica.shards().await), (2, vec![state(1, 3)]));
    replica.stop().await;
}

#[tokio::test(start_paused = true)]
async fn a_shard_has_so_many_octets_and_no_more() {
    let api = FakeApi::new();
    let replica = Replica::start(&api).await;
    let names = names(3);
    let large = |name: &str| {
        let mut entry = entry(name, "192.0.2.1");
        entry["note"] = json!("x".repeat(200 * 1024));
        entry
    };
    let answer = replica.put(whole(1, 1, &names.iter().map(|name| large(name)).collect::<Vec<_>>())).await;
    let reasons: Vec<_> = answer.refused.iter().map(|one| one.reason.label()).collect();
    assert_eq!((reasons, stored(&api).0.len()), (vec!["too_large"], 2));
    replica.stop().await;
}

#[tokio::test(start_paused = true)]
async fn nobody_writes_the_own_clusters_state() {
    let api = FakeApi::new();
    let replica = Replica::start(&api).await;
    let refused = replica.store.put(&id("west"), whole(1, 1, &[])).await;
    assert!(matches!(refused, Err(StoreError::Refused(_))), "{refused:?}");
    assert_eq!(writes(&api), 0);
    replica.stop().await;
}

#[tokio::test(start_paused = true)]
async fn a_call_before_the_first_list_waits_for_it_and_not_for_ever() {
    let api = FakeApi::new();
    api.put(SHARDS, NAMESPACE, "any", json!({}));
    let replica = Replica::start(&api).await;
    drop(replica);
    let (_settings, receiver) = tokio::sync::watch::channel(settings(Admission::default()));
    let options = mci_kube::front::Options {
        namespace: NAMESPACE.to_owned(),
        cluster: id("west"),
        pod: "front-end-0".to_owned(),
        timing: mci_kube::watch::Timing::default(),
    };
    let store = mci_kube::front::Store::new(api.client(), options, receiver);
    let begun = tokio::time::Instant::now();
    let unknown = store.shards(&east()).await;
    assert!(matches!(unknown, Err(StoreError::Unavailable { .. })), "{unknown:?}");
    assert!(begun.elapsed() <= Duration::from_secs(11));
}
