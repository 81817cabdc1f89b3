use serde_json::json;

use crate::world::*;

#[tokio::test(start_paused = true)]
async fn r27_the_first_time_that_a_hostname_of_others_is_published_is_told() {
    let api = api();
    service(&api, "web", "192.0.2.1", true);
    other_cluster(&api, "east", "app.example", &json!({}));
    gslb(&api, "app", "web", &["app.example", "own.example"]);
    let replica = Replica::start(&api, "pod-0");
    until("published", || ready(&api, "app.example") == Some(true)).await;
    assert_eq!(replica.gauges.joined(), 1);
    until("told", || api.count(|asked| asked.is_write() && asked.path.contains("/events")) == 1).await;
    replica.stop().await;
    let again = Replica::start(&api, "pod-1");
    until("leads", || again.leads() && again.gauges.is_synced()).await;
    after(30).await;
    assert_eq!(again.gauges.joined(), 0);
    again.stop().await;
}

#[tokio::test(start_paused = true)]
async fn r10_a_policy_that_differs_is_said_while_it_does() {
    let api = api();
    service(&api, "web", "192.0.2.1", true);
    gslb(&api, "app", "web", &["app.example"]);
    let mut object = api.get(GSLBS, "shop", "app").unwrap();
    object["spec"]["ttl"] = json!(5);
    api.put(GSLBS, "shop", "app", object);
    let replica = Replica::start(&api, "pod-0");
    until("published", || ready(&api, "app.example") == Some(true)).await;
    other_cluster(&api, "east", "app.example", &json!({"ttl": 30}));
    until("said", || {
        condition(&api, "app", "PolicyMismatch") == Some(("True".into(), "PolicyMismatch".into()))
    })
    .await;
    other_cluster(&api, "east", "app.example", &json!({"ttl": 5}));
    until("said no more", || condition(&api, "app", "PolicyMismatch").is_none()).await;
    assert_eq!(version(&api, "app.example"), (1, 1));
    assert!(api.get(SHARDS, NAMESPACE, &shard_name("east", "app.example")).is_some());
    replica.stop().await;
}
