//! Neither keys nor salts are in anything that is put out: logs, errors, answers, metrics, `Debug`.

use std::fmt::Write as _;
use std::io;
use std::sync::{Arc, Mutex};

use axum::body::Body;
use axum::http::Request;
use http_body_util::BodyExt as _;
use mci_http::peer::PeerClient;
use mci_http::rest::{Host, RestOptions};
use tower::ServiceExt as _;

use crate::dotnet::{DotNet, Mood, Settings};
use crate::secrets::Secrets;
use crate::store::{EAST, NORTH, SALT, front, id, keys, name};

const ECHOED: &str = "echo-Pq5Rs7Tu9Vw1Xy3Za5Bc7De9Fg1Hi3J";

/// Everything that is logged, as text.
#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl io::Write for Log {
    fn write(&mut self, octets: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(octets);
        Ok(octets.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[tokio::test]
async fn no_secret_is_in_anything_that_is_put_out() {
    let mut secrets = Secrets::new().secret("the salt", SALT).secret("the key that comes back", ECHOED);
    for (key, of) in [(EAST, "east"), (NORTH, "north")] {
        secrets = secrets.secret(&format!("the key of {of}"), key);
        secrets = secrets.secret(&format!("the stored key of {of}"), keys().stored(key.as_bytes()));
    }
    let log = Log::default();
    let writer = log.clone();
    let subscriber = tracing_subscriber::fmt()
        .with_max_level(tracing::Level::TRACE)
        .with_writer(move || writer.clone())
        .finish();
    // This test's runtime has one thread, so all of it is logged here.
    let _logging = tracing::subscriber::set_default(subscriber);
    let mut output = String::new();

    let front = front();
    front.store.content().refused.insert(name("no.example"));
    for path in ["/Host", "/Heartbeat", "/api/v1/peer", "/Authentication/Auth?identifier=south", "/nothing"] {
        for key in [EAST, NORTH, &EAST[1..], &format!("{EAST}x"), ECHOED] {
            for body in ["", "{", r#"{"hostname": "no.example", "hostIPs": [{"ipAddress": "192.0.2.1"}]}"#] {
                for method in ["GET", "POST"] {
                    let request = Request::builder().method(method).uri(path).header("X-Api-Key", key);
                    let request = request.body(Body::from(body)).unwrap();
                    let response = front.routes.clone().oneshot(request).await.unwrap();
                    let _ = writeln!(output, "{:?}", response.headers());
                    let body = response.into_body().collect().await.unwrap().to_bytes();
                    output.push_str(&String::from_utf8_lossy(&body));
                }
            }
        }
    }
    let metrics = mci_http::Exposition::of_process("1").and(front.counters.families());
    output.push_str(&metrics.text(mci_http::metrics::Format::OpenMetrics));
    let _ = writeln!(output, "{:?} {:?}", keys(), RestOptions::new(id("west")));
    let _ = writeln!(output, "{:?} {:?}", front.counters, front.counters.families());

    // And from the other side: of a peer that is well, of one that is not, and of one that sends our key back.
    let peer = DotNet::start(Settings::new(EAST, "west"));
    let well = PeerClient::new(&peer.url().parse().unwrap(), Some(EAST), None).unwrap();
    let unknown = PeerClient::new(&peer.url().parse().unwrap(), Some(NORTH), None).unwrap();
    for mood in [Mood::Well, Mood::Fails, Mood::Garbage, Mood::Forgetful] {
        peer.feels(mood);
        for client in [&well, &unknown] {
            let host = Host::none(name("a.example"));
            let _ = writeln!(output, "{client:?} {:?}", client.probe().await);
            let _ = writeln!(output, "{:?} {:?}", client.heartbeat().await, client.post_host(&host).await);
            let _ = writeln!(output, "{:?}", client.get_host().await);
        }
    }
    let echo = axum::Router::new().fallback(async |request: Request<Body>| {
        (axum::http::StatusCode::BAD_GATEWAY, format!("{:?}", request.headers().get("x-api-key")))
    });
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(async move { axum::serve(listener, echo).await });
    let echoed = PeerClient::new(&url.parse().unwrap(), Some(ECHOED), None).unwrap();
    let error = echoed.heartbeat().await.unwrap_err();
    let _ = writeln!(output, "{error} {error:?}");
    assert!(error.to_string().contains("[our key]"), "{}", secrets.seen_in(error.to_string()).join(","));

    secrets.check("an answer, an error, a metric or Debug", &output);
    let logged = log.0.lock().unwrap().clone();
    assert!(String::from_utf8_lossy(&logged).contains("REST call refused"), "something is logged at all");
    secrets.check("the log", &logged);
}
