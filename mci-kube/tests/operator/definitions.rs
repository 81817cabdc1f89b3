use serde_json::json;

use crate::world::*;

const GATEWAYS: &str = "/apis/gateway.networking.k8s.io/v1/gateways";
const ROUTES: &str = "/apis/gateway.networking.k8s.io/v1/httproutes";

#[tokio::test(start_paused = true)]
async fn r17_the_gateway_api_is_picked_up_when_it_is_installed_later() {
    let api = api();
    api.remove_kind(GATEWAYS);
    api.remove_kind(ROUTES);
    service(&api, "web", "192.0.2.1", true);
    gslb(&api, "other", "web", &["other.example"]);
    let content = json!({
        "metadata": {"creationTimestamp": "2026-01-01T00:00:00Z"},
        "spec": {"objectReference": {"kind": "HTTPRoute", "name": "web"}, "hostnames": ["app.example"]},
    });
    api.put(GSLBS, "shop", "app", content);
    let replica = Replica::start(&api, "pod-0");
    until("published", || ready(&api, "other.example") == Some(true)).await;
    until("missing", || {
        condition(&api, "app", "ResolvedRefs") == Some(("False".into(), "RefNotFound".into()))
    })
    .await;
    assert_eq!(
        api.count(|asked| asked.path.contains("gateway.networking")),
        0,
        "nothing is asked for in vain"
    );

    for (kind, path) in [("gateways", GATEWAYS), ("httproutes", ROUTES)] {
        api.install_kind(path);
        define(&api, &format!("{kind}.gateway.networking.k8s.io"), "v1");
    }
    let gateway = json!({
        "spec": {"listeners": [{"name": "http"}]},
        "status": {
            "addresses": [{"type": "IPAddress", "value": "192.0.2.7"}],
            "conditions": [{"type": "Programmed", "status": "True"}],
        },
    });
    api.put(GATEWAYS, "shop", "gate", gateway);
    let route = json!({
        "spec": {"parentRefs": [{"name": "gate"}], "rules": [{"backendRefs": [{"name": "web"}]}]},
        "status": {"parents": [{
            "parentRef": {"name": "gate"},
            "conditions": [{"type": "Accepted", "status": "True"}],
        }]},
    });
    api.put(ROUTES, "shop", "web", route);
    until("published", || ready(&api, "app.example") == Some(true)).await;
    assert_eq!(published(&api, "app.example").unwrap()["hostIPs"], json!([{"ipAddress": "192.0.2.7"}]));

    // Its definition goes, and with it its objects: they stay for ten minutes.
    for (kind, path) in [("gateways", GATEWAYS), ("httproutes", ROUTES)] {
        api.delete(DEFINITIONS, "", &format!("{kind}.gateway.networking.k8s.io"));
        api.remove_kind(path);
        api.end_watches();
    }
    after(500).await;
    assert_eq!(ready(&api, "app.example"), Some(true));
    until("not ready", || ready(&api, "app.example") == Some(false)).await;
    assert_eq!(ready(&api, "other.example"), Some(true));
    replica.stop().await;
}

#[tokio::test(start_paused = true)]
async fn a_definition_of_gslbs_that_is_deleted_and_made_again_withdraws_nothing() {
    let api = api();
    service(&api, "web", "192.0.2.1", true);
    for name in ["kept", "lost"] {
        gslb(&api, name, "web", &[&format!("{name}.example")]);
    }
    let replica = Replica::start(&api, "pod-0");
    until("published", || ready(&api, "kept.example") == Some(true)).await;
    until("published", || ready(&api, "lost.example") == Some(true)).await;
    // As the API server does it: the objects go while the definition does; here they are even first.
    for name in ["kept", "lost"] {
        api.delete(GSLBS, "shop", name);
    }
    after(1).await;
    api.delete(DEFINITIONS, "", "gslbs.multicluster.veccsolutions.io");
    api.remove_kind(GSLBS);
    after(120).await;
    assert_eq!(ready(&api, "kept.example"), Some(true));
    assert_eq!(ready(&api, "lost.example"), Some(true));
    // It is back, with one of its objects.
    api.install_kind(GSLBS);
    define(&api, "gslbs.multicluster.veccsolutions.io", "v1alpha");
    gslb(&api, "kept", "web", &["kept.example"]);
    slice(&api, "web", false);
    until("follows", || ready(&api, "kept.example") == Some(false)).await;
    after(300).await;
    assert!(published(&api, "lost.example").is_some());
    until("gone", || published(&api, "lost.example").is_none()).await;
    assert_eq!(ready(&api, "kept.example"), Some(false));
    replica.stop().await;
}

#[tokio::test(start_paused = true)]
async fn a_restart_while_gslbs_are_not_installed_withdraws_nothing() {
    let api = api();
    service(&api, "web", "192.0.2.1", true);
    gslb(&api, "app", "web", &["app.example"]);
    let first = Replica::start(&api, "pod-0");
    until("published", || ready(&api, "app.example") == Some(true)).await;
    first.stop().await;
    api.delete(DEFINITIONS, "", "gslbs.multicluster.veccsolutions.io");
    api.remove_kind(GSLBS);
    let second = Replica::start(&api, "pod-1");
    until("leads", || second.leads() && second.gauges.is_synced()).await;
    after(300).await;
    assert_eq!(ready(&api, "app.example"), Some(true));
    api.install_kind(GSLBS);
    define(&api, "gslbs.multicluster.veccsolutions.io", "v1alpha");
    gslb(&api, "app", "web", &["app.example"]);
    after(1_000).await;
    assert_eq!(ready(&api, "app.example"), Some(true));
    second.stop().await;
}
