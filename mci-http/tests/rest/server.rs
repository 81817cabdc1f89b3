//! What the front end answers to each call.

use std::pin::Pin;
use std::task::{Context, Poll};

use axum::body::Body;
use axum::http::{Method, Request};
use http_body_util::BodyExt as _;
use mci_core::Endpoint;
use mci_core::peer::{Heartbeat, KeyRing, Protocol, StoreError};
use mci_http::Readiness;
use mci_http::rest::RestOptions;
use serde_json::{Value, json};
use tower::ServiceExt as _;

use crate::dotnet::{Caller, Case};
use crate::store::{EAST, Front, NORTH, SALT, front, front_with, id, name, refusal};

/// Status and body, as JSON where it is JSON.
async fn call(front: &Front, method: Method, path: &str, key: &str, body: &str) -> (u16, Value) {
    let mut request = Request::builder().method(method).uri(path);
    if !key.is_empty() {
        request = request.header("X-API-Key", key);
    }
    if !body.is_empty() {
        request = request.header("Content-Type", "application/json; charset=utf-8");
    }
    answer(front, request.body(Body::from(body.to_owned())).unwrap()).await
}

async fn answer(front: &Front, request: Request<Body>) -> (u16, Value) {
    let response = front.routes.clone().oneshot(request).await.unwrap();
    let status = response.status().as_u16();
    let body = response.into_body().collect().await.unwrap().to_bytes();
    let text = || Value::String(String::from_utf8_lossy(&body).into_owned());
    (status, serde_json::from_slice(&body).unwrap_or_else(|_| text()))
}

async fn post_host(front: &Front, body: &str) -> (u16, String) {
    let (status, body) = call(front, Method::POST, "/Host", EAST, body).await;
    (status, body["detail"].as_str().unwrap_or_default().to_owned())
}

const APP: &str =
    r#"{"hostname": "a.example", "hostIPs": [{"ipAddress": "192.0.2.1", "priority": 2, "weight": 7}]}"#;

#[tokio::test]
async fn a_key_says_whose_state_is_written_whatever_the_case_of_path_and_names() {
    let front = front();
    let upper = r#"{"HOSTNAME": "B.example", "HostIPs": [{"IPAddress": "192.0.2.2", "PRIORITY": 0, "Weight": 1}],
        "ClusterIdentifier": "west"}"#;
    assert_eq!(call(&front, Method::POST, "/host", EAST, APP).await.0, 204);
    assert_eq!(call(&front, Method::POST, "/HOST/", NORTH, upper).await.0, 204);
    let east = Endpoint::new(id("east"), ["192.0.2.1".parse().unwrap()]).priority(2).weight(7);
    let north = Endpoint::new(id("north"), ["192.0.2.2".parse().unwrap()]).weight(1);
    assert_eq!(front.store.of("east"), [("a.example".to_owned(), east)].into());
    assert_eq!(front.store.of("north"), [("b.example".to_owned(), north)].into());
    let nothing = r#"{"hostname": "a.example", "hostIPs": []}"#;
    assert_eq!(call(&front, Method::POST, "/Host", EAST, nothing).await.0, 204);
    assert_eq!(front.store.of("east"), [].into(), "an empty list removes the hostname");
}

#[tokio::test]
async fn a_heartbeat_is_one_of_the_cluster_that_the_key_names() {
    let front = front();
    assert_eq!(call(&front, Method::POST, "/hEARTBEAT", NORTH, "").await, (204, json!("")));
    assert_eq!(front.store.content().heard, [(id("north"), Heartbeat::default(), Protocol::Rest)]);
}

#[tokio::test]
async fn the_own_hostnames_are_listed_in_the_shape_in_which_they_are_sent() {
    let front = front();
    let app = Endpoint::new(id("west"), ["192.0.2.1".parse().unwrap()]).priority(1);
    front.store.content().own = vec![(name("a.example"), app)];
    assert_eq!(
        call(&front, Method::GET, "/host", EAST, "").await,
        (
            200,
            json!([{"hostname": "a.example", "hostIPs": [
                {"ipAddress": "192.0.2.1", "priority": 1, "weight": 50, "ready": true}]}])
        )
    );
}

#[tokio::test]
async fn whoever_has_no_good_key_is_told_one_thing_and_changes_nothing() {
    let front = front();
    let mut answers = Vec::new();
    let long = "k".repeat(5_000);
    for key in ["", "bad", "east", &EAST[1..], long.as_str()] {
        for (method, path) in [(Method::POST, "/Heartbeat"), (Method::POST, "/Host"), (Method::GET, "/Host")]
        {
            answers.push(call(&front, method, path, key, APP).await);
        }
    }
    let detail = "the header X-Api-Key has to carry a key that is known here: `mci auth key` makes one";
    let expected = json!({"title": "Nobody is known by this key", "status": 401, "detail": detail});
    assert_eq!(answers, vec![(401, expected); 15]);
    assert!(front.store.content().heard.is_empty() && front.store.content().hosts.is_empty());
}

#[tokio::test]
async fn a_key_is_good_as_long_as_it_is_configured() {
    let front = front();
    front.keys.send_replace(std::sync::Arc::new(KeyRing::new(SALT)));
    assert_eq!(call(&front, Method::POST, "/Heartbeat", EAST, "").await.0, 401);
    front.keys.send_replace(std::sync::Arc::new(crate::store::keys()));
    assert_eq!(call(&front, Method::POST, "/Heartbeat", EAST, "").await.0, 204);
}

#[tokio::test]
async fn what_is_wrong_with_a_host_is_named() {
    let front = front();
    let (status, detail) = post_host(
        &front,
        r#"{"hostname": "a.example", "hostIPs": [{"ipAddress": "no"}, {"ipAddress": "a b"}]}"#,
    )
    .await;
    assert_eq!(status, 400);
    assert_eq!(
        detail,
        "hostIPs[1].ipAddress: \"a b\" is no IPv4 or IPv6 address, and no name to answer instead"
    );
    let (status, detail) =
        post_host(&front, r#"{"hostname": "a.example", "hostips": [], "hostIPs": []}"#).await;
    assert_eq!(status, 400);
    assert_eq!(detail, "$: \"hostIPs\" and \"hostips\" are the same name: case makes no difference");
    assert!(front.store.of("east").is_empty());
}

#[tokio::test]
async fn a_body_has_a_type_and_a_largest_size() {
    let mut options = RestOptions::new(id("west"));
    options.largest_body = 100;
    let front = front_with(options, Readiness::new());
    let request = |kind: &str, length: usize, announced: bool| {
        let mut request = Request::post("/Host").header("X-Api-Key", EAST);
        if !kind.is_empty() {
            request = request.header("Content-Type", kind);
        }
        if announced {
            request = request.header("Content-Length", length);
        }
        request.body(Body::from(format!("{APP}{}", " ".repeat(length - APP.len())))).unwrap()
    };
    assert_eq!(answer(&front, request("", 100, false)).await.0, 204, "who says nothing means JSON");
    assert_eq!(answer(&front, request("Application/JSON", 100, true)).await.0, 204);
    for announced in [true, false] {
        let (status, body) = answer(&front, request("application/json", 101, announced)).await;
        assert_eq!((status, &body["detail"]), (413, &json!("a body may have 100 octets")));
    }
    let (status, body) = answer(&front, request("application/x-www-form-urlencoded", 100, false)).await;
    assert_eq!((status, &body["detail"]), (415, &json!("Content-Type: the body has to be application/json")));
}

#[tokio::test(start_paused = true)]
async fn a_body_that_does_not_come_is_not_waited_for() {
    let front = front();
    let request = Request::post("/Host").header("X-Api-Key", EAST).body(Body::new(Never)).unwrap();
    let (status, body) = answer(&front, request).await;
    assert_eq!((status, &body["detail"]), (408, &json!("the body did not come within 10 s")));
}

/// A body that never comes.
struct Never;

impl hyper::body::Body for Never {
    type Data = axum::body::Bytes;
    type Error = std::io::Error;

    fn poll_frame(
        self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<hyper::body::Frame<Self::Data>, Self::Error>>> {
        Poll::Pending
    }
}

#[tokio::test]
async fn what_the_store_refuses_has_a_status_and_its_words() {
    let front = front();
    let (east, app) = (id("east"), name("a.example"));
    for (error, status) in [
        (StoreError::Unavailable { reason: "the API server is away".to_owned() }, 503),
        (StoreError::OtherProtocol { cluster: east.clone(), living: Protocol::Stream }, 409),
        (
            StoreError::DuplicateClusterIdentifier {
                cluster: east.clone(),
                living: "one".to_owned(),
                said: "two".to_owned(),
            },
            409,
        ),
        (refusal(&east, &app), 403),
    ] {
        front.store.content().error = Some(error.clone());
        assert_eq!(post_host(&front, APP).await, (status, error.to_string()));
        assert_eq!(call(&front, Method::POST, "/Heartbeat", EAST, "").await.0, status);
    }
}

#[tokio::test]
async fn paths_and_methods_that_are_not_there_say_which_are() {
    let front = front();
    let (status, body) = call(&front, Method::GET, "/hosts", EAST, "").await;
    assert_eq!(status, 404);
    assert!(body["detail"].as_str().unwrap().contains("/Heartbeat, /Host, "), "{body}");
    let (status, body) = call(&front, Method::DELETE, "/Host", EAST, "").await;
    assert_eq!((status, &body["detail"]), (405, &json!("/Host is for GET, POST alone")));
    assert_eq!(call(&front, Method::GET, "/Heartbeat", EAST, "").await.0, 405);
}

#[tokio::test]
async fn health_is_told_to_anybody() {
    let readiness = Readiness::new().require("api-server", || Err("it does not answer".to_owned()));
    let front = front_with(RestOptions::new(id("west")), readiness);
    assert_eq!(call(&front, Method::GET, "/Healthz/Liveness", "", "").await, (200, json!("ok\n")));
    let why = "[-] api-server: it does not answer\nnot ready\n";
    assert_eq!(call(&front, Method::GET, "/healthz/ready", "", "").await, (503, json!(why)));
}

#[tokio::test]
async fn a_peer_is_told_that_the_stream_is_spoken() {
    let front = front();
    let expected = json!({"protocol": 1, "capabilities": ["delta"], "cluster": "west"});
    assert_eq!(call(&front, Method::GET, "/api/v1/peer", EAST, "").await, (200, expected));
    assert_eq!(call(&front, Method::GET, "/api/v1/peer", "", "").await.0, 401);
}

#[tokio::test]
async fn a_new_key_fits_both_sides_and_tells_nothing_of_what_is_in_use() {
    let front = front();
    let request =
        Request::get("/authentication/auth?Identifier=south").header("Host", "mci.west.example:8443");
    let (status, body) = answer(&front, request.header("X-Api-Key", EAST).body(Body::empty()).unwrap()).await;
    assert_eq!(status, 200);
    let key = body["remote"]["peers"][0]["key"].as_str().unwrap();
    let stored = body["local"]["apiKeys"][0]["key"].as_str().unwrap();
    assert_eq!(body["local"]["apiKeys"][0]["clusterIdentifier"], "south");
    assert_eq!(body["remote"]["peers"][0]["url"], "https://mci.west.example:8443");
    // With the stored form in the configuration, the key opens the door.
    let octets = base64(stored);
    let ring = crate::store::keys().key(id("south"), octets.try_into().unwrap());
    assert_eq!(ring.identify(key.as_bytes()), Some(&id("south")));
    // The fields of the .NET application, whose Secrets are in base64 once more.
    let line = body["localAuthModel"]["secret"]["hash"].as_str().unwrap();
    let value = line.strip_prefix("Authentication__ApiKeys__2__Key: ").unwrap();
    assert_eq!(base64(value), stored.as_bytes());
    let line = body["remoteAuthModel"]["secret"]["key"].as_str().unwrap();
    assert_eq!(base64(line.strip_prefix("Peers__0__Key: ").unwrap()), key.as_bytes());
    let identifier = &body["localAuthModel"]["configMap"]["clusterIdentifier"];
    assert_eq!(identifier, "Authentication__ApiKeys__2__ClusterIdentifier: south");

    for (query, status, detail) in [
        ("", 400, "identifier: it is missing: ?identifier=NAME says which cluster the key is for"),
        ("?identifier=west", 400, "identifier: west is this cluster's own: say which cluster the key is for"),
        ("?identifier=A%20B", 400, "identifier: \"A%20B\" is no cluster identifier"),
    ] {
        let (code, body) = call(&front, Method::GET, &format!("/Authentication/Auth{query}"), EAST, "").await;
        assert_eq!(code, status, "{query}");
        assert!(body["detail"].as_str().unwrap().starts_with(detail), "{body}");
    }
    assert_eq!(call(&front, Method::GET, "/Authentication/Auth?identifier=south", "", "").await.0, 401);
}

#[tokio::test]
async fn a_new_salt_is_another_each_time() {
    let front = front();
    let (_, one) = call(&front, Method::GET, "/Authentication/Salt", "", "").await;
    let (_, two) = call(&front, Method::GET, "/Authentication/Salt", "", "").await;
    let octets = |body: &Value| base64(body["salt"].as_str().unwrap().strip_prefix("ClusterSalt: ").unwrap());
    assert_eq!(octets(&one).len(), 64);
    assert_ne!(octets(&one), octets(&two));
}

#[tokio::test]
async fn calls_are_counted_by_cluster_and_status_and_those_of_strangers_without_a_name() {
    let front = front();
    call(&front, Method::POST, "/Heartbeat", EAST, "").await;
    call(&front, Method::POST, "/heartbeat", EAST, "").await;
    call(&front, Method::POST, "/Heartbeat", "bad", "").await;
    call(&front, Method::POST, "/Host", EAST, "{}").await;
    let text = mci_http::Exposition::of_process("1").and(front.counters.families());
    let text = text.text(mci_http::metrics::Format::Prometheus);
    let lines: Vec<&str> = text.lines().filter(|line| line.starts_with("mci_rest_requests")).collect();
    assert_eq!(
        lines,
        [
            "mci_rest_requests_total{call=\"/Heartbeat\",cluster=\"\",status=\"401\"} 1",
            "mci_rest_requests_total{call=\"/Heartbeat\",cluster=\"east\",status=\"204\"} 2",
            "mci_rest_requests_total{call=\"/Host\",cluster=\"east\",status=\"400\"} 1",
        ]
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn the_net_application_is_heard_in_either_case() {
    let front = front();
    let to = front.listen().await;
    for case in [Case::Upper, Case::Lower] {
        let caller = Caller { to, key: EAST.to_owned(), case };
        let statuses = tokio::task::spawn_blocking(move || {
            [
                caller.heartbeat(),
                caller.host("a.example", &[("192.0.2.1", 0, 50), ("192.0.2.2", 0, 50)]),
                caller.host("b.example", &[("192.0.2.1", 0, 50)]),
                caller.host("b.example", &[]),
                caller.host("c.example", &[("192.0.2.1", -1, 50)]),
            ]
        });
        let statuses = statuses.await.unwrap();
        assert_eq!(statuses, [204, 204, 204, 204, 400].map(Some), "{case:?}");
        let both = ["192.0.2.1", "192.0.2.2"].map(|text| text.parse().unwrap());
        let expected = Endpoint::new(id("east"), both);
        assert_eq!(front.store.of("east"), [("a.example".to_owned(), expected)].into());
        front.store.content().hosts.clear();
    }
    assert_eq!(front.store.content().heard.len(), 2);
}

fn base64(text: &str) -> Vec<u8> {
    use base64::Engine as _;
    base64::prelude::BASE64_STANDARD.decode(text).unwrap()
}
