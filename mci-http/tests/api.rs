//! `/api/v1` and the metrics of components, through the routers alone.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test")]

use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use axum::http::{Request, StatusCode};
use http_body_util::BodyExt as _;
use mci_core::state_file::StateFile;
use mci_core::{Live, Snapshot};
use mci_http::api::{ClusterDetail, Details, SourceDetail, api};
use mci_http::families::{Distribution, Families, Family};
use mci_http::metrics::Format;
use mci_http::{Exposition, Readiness, routes};
use serde_json::{Value, json};
use tower::ServiceExt as _;

const STATE: &str = "
zones: [{name: gslb.example.com, nameservers: [ns.example.net], responsibleEmail: hostmaster@example.com}]
clusters:
- {name: east}
- {name: west, override: drained}
hostnames:
- {hostname: app.gslb.example.com, endpoints: [{cluster: west, addresses: [192.0.2.10]}, {cluster: east, addresses: [198.51.100.20]}]}
- {hostname: shop.gslb.example.com, endpoints: [{cluster: east, addresses: [198.51.100.21]}]}
- {hostname: zoo.gslb.example.com, endpoints: [{cluster: east, addresses: [198.51.100.22], ready: false}]}
";

fn snapshot() -> Snapshot {
    StateFile::parse(STATE).unwrap().into_snapshot()
}

fn routes_of(snapshot: Snapshot) -> Router {
    let details = || Details {
        program: "mci-dns-server 1.2.3".to_owned(),
        sources: vec![SourceDetail {
            name: "hostnamecaches".to_owned(),
            synced: true,
            heard_seconds_ago: Some(3),
            why: None,
        }],
        withdrawals_held: vec!["gone.gslb.example.com".to_owned()],
        clusters: vec![ClusterDetail {
            name: "west".to_owned(),
            since: Some("2026-01-01T00:00:00Z".to_owned()),
            reason: Some("heartbeat".to_owned()),
        }],
        ..Details::default()
    };
    api(Arc::new(Live::new(snapshot)), Arc::new(details))
}

async fn get(path: &str) -> (StatusCode, String, Value) {
    let request = Request::get(path).body(Body::empty()).unwrap();
    let response = routes_of(snapshot()).oneshot(request).await.unwrap();
    let status = response.status();
    let digest = response.headers().get("mci-digest").map(|value| value.to_str().unwrap().to_owned());
    let body = response.into_body().collect().await.unwrap().to_bytes();
    (status, digest.unwrap_or_default(), serde_json::from_slice(&body).unwrap())
}

#[tokio::test]
async fn the_status_says_what_is_served_and_from_where() {
    let (status, digest, body) = get("/api/v1/status").await;
    let expected = format!("{:016x}", snapshot().digest());
    assert_eq!((status, &digest), (StatusCode::OK, &expected));
    assert_eq!(
        body,
        json!({
            "program": "mci-dns-server 1.2.3",
            "ready": true,
            "digest": expected,
            "hostnames": 3,
            "zones": ["gslb.example.com"],
            "sources": [{"name": "hostnamecaches", "synced": true, "heardSecondsAgo": 3}],
            "withdrawalsHeld": ["gone.gslb.example.com"],
            "clusters": [
                {"name": "east", "state": "alive"},
                {"name": "west", "state": "alive", "since": "2026-01-01T00:00:00Z", "reason": "heartbeat",
                 "override": {"state": "drained"}},
            ],
        })
    );
}

#[tokio::test]
async fn hostnames_come_a_page_at_a_time() {
    let (_, _, first) = get("/api/v1/hostnames?limit=2").await;
    let names = |page: &Value| -> Vec<String> {
        let hostnames = page["hostnames"].as_array().unwrap().iter();
        hostnames.map(|hostname| hostname["hostname"].as_str().unwrap().to_owned()).collect()
    };
    assert_eq!(names(&first), ["app.gslb.example.com", "zoo.gslb.example.com"]);
    assert_eq!(first["next"], "zoo.gslb.example.com");
    let (_, _, second) = get("/api/v1/hostnames?limit=2&after=zoo.gslb.example.com").await;
    assert_eq!(names(&second), ["shop.gslb.example.com"]);
    assert_eq!(second.get("next"), None);
    assert_eq!(first["hostnames"][0]["v4"]["addresses"], json!(["198.51.100.20"]), "west is drained");
}

#[tokio::test]
async fn an_explanation_names_every_endpoint_for_both_families_or_for_one_type() {
    let (_, _, both) = get("/api/v1/explain?name=App.gslb.example.com").await;
    assert_eq!(both["explanations"].as_array().unwrap().len(), 2);
    assert_eq!(both["explanations"][0]["endpoints"].as_array().unwrap().len(), 2);
    let (_, _, one) = get("/api/v1/explain?name=app.gslb.example.com&type=AAAA").await;
    assert_eq!(one["explanations"][0]["type"], "AAAA");
}

#[tokio::test]
async fn the_state_reads_back_as_what_is_served() {
    let (_, digest, body) = get("/api/v1/state").await;
    let read = StateFile::parse(&body.to_string()).unwrap().into_snapshot();
    assert_eq!(format!("{:016x}", read.digest()), digest);
}

#[tokio::test]
async fn what_cannot_be_understood_says_why() {
    for (path, expected) in [
        ("/api/v1/explain?name=a..b", "name: \"a..b\" has an empty label"),
        ("/api/v1/explain?name=a.b&type=NOPE", "type: "),
        ("/api/v1/explain", "missing field `name`"),
        ("/api/v1/hostnames?limit=0", "limit: 0 is out of range: 1 to 5000"),
        ("/api/v1/hostnames?limit=x", "limit: "),
        ("/api/v1/hostnames?after=-", "after: "),
    ] {
        let (status, _, body) = get(path).await;
        assert_eq!(status, StatusCode::BAD_REQUEST, "{path}");
        let detail = body["detail"].as_str().unwrap();
        assert!(detail.contains(expected), "{path}: {detail}");
    }
    assert_eq!(get("/api/v1/nothing").await.0, StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn the_metrics_of_components_stand_beside_those_of_the_process() {
    let families = Families::new(|| {
        vec![
            Family::counter("mci_writes", "Writes").with([("kind", "HostnameCache")], 7.0),
            Family::gauge("mci_age_seconds", "Age").with([], 0.25),
            Family::histogram("mci_took_seconds", "How long").distributed(
                [("stage", "write")],
                Distribution { count: 4, sum: 1.5, at_most: vec![(0.1, 1), (1.0, 3)] },
            ),
        ]
    });
    let exposition = Exposition::of_process("1.2.3").and(families);
    let text = exposition.text(Format::Prometheus);
    assert!(text.contains("mci_writes_total{kind=\"HostnameCache\"} 7\n"), "{text}");
    assert!(text.contains("mci_age_seconds 0.25\n"), "{text}");
    assert!(text.contains("mci_took_seconds_bucket{le=\"0.1\",stage=\"write\"} 1\n"), "{text}");
    assert!(text.contains("mci_took_seconds_bucket{le=\"1.0\",stage=\"write\"} 3\n"), "{text}");
    assert!(text.contains("mci_took_seconds_bucket{le=\"+Inf\",stage=\"write\"} 4\n"), "{text}");
    assert!(text.contains("mci_took_seconds_count{stage=\"write\"} 4\n"), "{text}");
    assert!(text.contains("mci_build_info{version=\"1.2.3\"} 1\n"), "{text}");
    let request = Request::get("/metrics").body(Body::empty()).unwrap();
    let response = routes(Readiness::new(), Some(exposition)).oneshot(request).await.unwrap();
    assert_eq!(response.status(), StatusCode::OK);
}
