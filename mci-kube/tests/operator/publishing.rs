use serde_json::json;

use crate::common::Fate;
use crate::world::*;

#[tokio::test(start_paused = true)]
async fn r14_a_hostname_follows_the_readiness_of_its_service() {
    let api = api();
    service(&api, "web", "192.0.2.1", true);
    gslb(&api, "app", "web", &["app.example"]);
    let replica = Replica::start(&api, "pod-0");
    until("published", || ready(&api, "app.example") == Some(true)).await;
    let expected = json!({
        "hostname": "app.example",
        "hostIPs": [{"ipAddress": "192.0.2.1"}],
        "priority": 0,
        "weight": 50,
        "ready": true,
    });
    assert_eq!(published(&api, "app.example"), Some(expected));
    assert_eq!(version(&api, "app.example"), (1, 1));
    until("said", || condition(&api, "app", "Published") == Some(("True".into(), "Published".into()))).await;

    slice(&api, "web", false);
    until("not ready", || ready(&api, "app.example") == Some(false)).await;
    assert_eq!(version(&api, "app.example"), (1, 2));
    until("said", || {
        condition(&api, "app", "Published") == Some(("False".into(), "NoReadyEndpoints".into()))
    })
    .await;
    until("told", || api.count(|asked| asked.is_write() && asked.path.contains("/events")) == 1).await;
    replica.stop().await;
}

#[tokio::test(start_paused = true)]
async fn nothing_is_written_while_nothing_changes() {
    let api = api();
    service(&api, "web", "192.0.2.1", true);
    gslb(&api, "app", "web", &["app.example"]);
    let replica = Replica::start(&api, "pod-0");
    until("said", || condition(&api, "app", "Published").is_some()).await;
    after(10).await;
    let is_ours = |asked: &crate::common::Asked| asked.is_write() && !asked.path.contains("/leases/");
    let writes = api.count(is_ours);
    // Long enough for full lists of everything.
    after(4_000).await;
    assert_eq!(api.count(is_ours), writes);
    replica.stop().await;
}

#[tokio::test(start_paused = true)]
async fn what_people_may_look_at_is_kept_and_removed() {
    let api = api();
    service(&api, "web", "192.0.2.1", true);
    gslb(&api, "app", "web", &["app.example"]);
    // Of an object that nobody refers to any more, and of the application before this one.
    let old = "r-ingress-old-shop-0123456789abcdef0123456789abcdef";
    api.put(
        RESOURCES,
        NAMESPACE,
        old,
        json!({"object": {"kind": "Ingress", "name": "old", "namespace": "shop"}}),
    );
    api.put(RESOURCES, NAMESPACE, "ingress.old.shop", json!({}));
    let object = mci_kube::resources::ObjectName {
        kind: "Service".to_owned(),
        name: "web".to_owned(),
        namespace: "shop".to_owned(),
    };
    let (resource, service_cache) =
        (mci_kube::names::resource_cache(&object), mci_kube::names::service_cache(&object));
    let replica = Replica::start(&api, "pod-0");
    until("kept", || api.get(SERVICE_CACHES, NAMESPACE, &service_cache).is_some()).await;
    until("kept", || api.get(RESOURCES, NAMESPACE, &resource).is_some()).await;
    until("removed", || api.get(RESOURCES, NAMESPACE, old).is_none()).await;
    assert!(api.get(RESOURCES, NAMESPACE, "ingress.old.shop").is_some());
    let kept = api.get(RESOURCES, NAMESPACE, &resource).unwrap();
    assert_eq!((&kept["ready"], &kept["addresses"]), (&json!(true), &json!(["192.0.2.1"])));
    api.delete(GSLBS, "shop", "app");
    until("removed", || api.get(RESOURCES, NAMESPACE, &resource).is_none()).await;
    until("removed", || api.get(SERVICE_CACHES, NAMESPACE, &service_cache).is_none()).await;
    replica.stop().await;
}

#[tokio::test(start_paused = true)]
async fn r26_many_hostnames_that_go_at_once_stay_until_they_are_confirmed() {
    let api = api();
    service(&api, "web", "192.0.2.1", true);
    let names: Vec<String> = (0..30).map(|index| format!("app-{index}.example")).collect();
    for name in &names {
        gslb(&api, name, "web", &[name]);
    }
    api.put(CLUSTERS, NAMESPACE, "west", json!({"spec": {"withdrawalConfirmedAt": "2026-01-01T00:00:00Z"}}));
    let replica = Replica::start(&api, "pod-0");
    until("published", || names.iter().all(|name| ready(&api, name) == Some(true))).await;
    for name in &names {
        api.delete(GSLBS, "shop", name);
    }
    after(60).await;
    assert!(names.iter().all(|name| ready(&api, name) == Some(true)));
    assert_eq!(replica.gauges.held(), 30);
    api.put(CLUSTERS, NAMESPACE, "west", json!({"spec": {"withdrawalConfirmedAt": "2026-01-02T00:00:00Z"}}));
    until("gone", || names.iter().all(|name| published(&api, name).is_none())).await;
    // The shards stay, with their versions.
    assert!(names.iter().all(|name| version(&api, name) >= (1, 2)));
    replica.stop().await;
}

#[tokio::test(start_paused = true)]
async fn r27_a_policy_that_changes_acts_at_once() {
    let api = api();
    service(&api, "web", "192.0.2.1", true);
    gslb(&api, "app", "web", &["app.example"]);
    let replica = Replica::start(&api, "pod-0");
    until("published", || ready(&api, "app.example") == Some(true)).await;
    replica.settings.send_modify(|settings| settings.publish.hostname_policy = Some(Vec::new()));
    let refused = Some(("False".to_owned(), "HostnameNotAllowed".to_owned()));
    until("refused", || condition(&api, "app", "Accepted") == refused).await;
    until("gone", || published(&api, "app.example").is_none()).await;
    replica.stop().await;
}

#[tokio::test(start_paused = true)]
async fn a_status_that_is_refused_is_told_and_not_tried_again() {
    let api = api();
    service(&api, "web", "192.0.2.1", true);
    gslb(&api, "app", "web", &["app.example"]);
    api.hook(
        |asked| if asked.path.ends_with("/gslbs/app/status") { Fate::Refuse(422, None) } else { Fate::Pass },
    );
    let replica = Replica::start(&api, "pod-0");
    until("published", || ready(&api, "app.example") == Some(true)).await;
    after(300).await;
    assert_eq!(replica.gauges.refused_statuses(), 1);
    assert_eq!(api.count(|asked| asked.path.ends_with("/gslbs/app/status")), 1);
    assert_eq!(api.count(|asked| asked.is_write() && asked.path.contains("/events")), 1);
    replica.stop().await;
}

#[tokio::test(start_paused = true)]
async fn what_somebody_else_does_to_a_shard_is_repaired() {
    let api = api();
    service(&api, "web", "192.0.2.1", true);
    gslb(&api, "app", "web", &["app.example"]);
    let replica = Replica::start(&api, "pod-0");
    until("published", || ready(&api, "app.example") == Some(true)).await;
    let name = shard_name("west", "app.example");
    let mut meddled = api.get(SHARDS, NAMESPACE, &name).unwrap();
    meddled["hostnames"] = json!([]);
    api.put(SHARDS, NAMESPACE, &name, meddled.clone());
    until("repaired", || ready(&api, "app.example") == Some(true)).await;
    assert_eq!(version(&api, "app.example"), (1, 2));
    api.delete(SHARDS, NAMESPACE, &name);
    until("repaired", || ready(&api, "app.example") == Some(true)).await;
    assert_eq!(version(&api, "app.example"), (1, 3), "what comes back is newer than what was there");
    // A copy under another name is nobody's.
    api.put(SHARDS, NAMESPACE, "copy", meddled);
    until("removed", || api.get(SHARDS, NAMESPACE, "copy").is_none()).await;
    replica.stop().await;
}

#[tokio::test(start_paused = true)]
async fn a_hostname_that_another_object_claims_changes_hands() {
    let api = api();
    service(&api, "web", "192.0.2.1", true);
    service(&api, "new", "192.0.2.2", true);
    gslb(&api, "app", "web", &["app.example"]);
    gslb(&api, "later", "new", &["app.example"]);
    let replica = Replica::start(&api, "pod-0");
    let conflict = Some(("False".to_owned(), "HostnameConflict".to_owned()));
    until("refused", || condition(&api, "later", "Accepted") == conflict).await;
    api.delete(GSLBS, "shop", "app");
    let address = || published(&api, "app.example").unwrap()["hostIPs"][0]["ipAddress"].clone();
    until("changed hands", || address() == "192.0.2.2").await;
    until("accepted", || condition(&api, "later", "Accepted") == Some(("True".into(), "Accepted".into())))
        .await;
    replica.stop().await;
}

#[tokio::test(start_paused = true)]
async fn losing_the_api_server_changes_nothing_and_what_happened_meanwhile_is_published_after() {
    let api = api();
    service(&api, "web", "192.0.2.1", true);
    gslb(&api, "app", "web", &["app.example"]);
    let replica = Replica::start(&api, "pod-0");
    until("published", || ready(&api, "app.example") == Some(true)).await;
    after(10).await;
    api.hook(|_| Fate::Refuse(503, None));
    api.end_watches();
    after(60).await;
    assert!(!replica.leads());
    assert_eq!(version(&api, "app.example"), (1, 1));
    slice(&api, "web", false);
    api.unhook();
    until("not ready", || ready(&api, "app.example") == Some(false)).await;
    assert_eq!(version(&api, "app.example"), (2, 2));
    replica.stop().await;
}

#[tokio::test(start_paused = true)]
async fn many_objects_at_once_cost_one_write_a_shard_or_little_more() {
    let api = api();
    service(&api, "web", "192.0.2.1", true);
    let replica = Replica::start(&api, "pod-0");
    until("leads", || replica.leads() && replica.gauges.is_synced()).await;
    let names: Vec<String> = (0..2_000).map(|index| format!("app-{index}.example")).collect();
    for name in &names {
        gslb(&api, name, "web", &[name]);
    }
    until("published", || replica.gauges.hostnames() == 2_000).await;
    after(30).await;
    assert!(names.iter().all(|name| ready(&api, name) == Some(true)));
    let shards: std::collections::BTreeSet<_> = names.iter().map(|name| shard_name("west", name)).collect();
    let writes = api.count(|asked| asked.is_write() && asked.path.contains("clustercaches"));
    assert!(writes <= 2 * shards.len(), "{writes} writes of {} shards", shards.len());
    assert_eq!(replica.gauges.gslbs(), 2_000);
    replica.stop().await;
}
