//! What the query log writes, and when.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test")]

use std::io::Write;
use std::num::NonZeroU64;
use std::sync::{Arc, Mutex};
use std::time::{Duration, SystemTime};

use mci_core::wire::Transport;
use mci_core::{Builder, Chance, Endpoint, Exchange, HostnameState, Live, Settings, Way, Zones};
use mci_http::{QueryLog, QueryLogConfig};
use serde_json::{Value, json};

/// Always the first.
struct First;

impl Chance for First {
    fn below(&mut self, _n: NonZeroU64) -> u64 {
        0
    }
}

#[derive(Clone, Default)]
struct Lines(Arc<Mutex<Vec<u8>>>);

impl Write for Lines {
    fn write(&mut self, octets: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(octets);
        Ok(octets.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

/// The events that are logged while each of these names is asked for.
fn logged(config: Option<&QueryLogConfig>, names: &[&str]) -> Vec<Value> {
    let mut builder = Builder::new(Settings::default(), Zones::default());
    let endpoint = Endpoint::new("east".parse().unwrap(), ["192.0.2.1".parse().unwrap()]);
    builder.insert(&HostnameState::new("app.example.com".parse().unwrap()).endpoint(endpoint)).unwrap();
    let live = Arc::new(Live::new(builder.build()));
    let log = QueryLog::new(Arc::clone(&live));
    log.set(config);
    let lines = Lines::default();
    let writer = lines.clone();
    let subscriber =
        tracing_subscriber::fmt().json().flatten_event(true).with_writer(move || writer.clone()).finish();
    tracing::subscriber::with_default(subscriber, || {
        for name in names {
            let mut query = vec![0, 1, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0];
            for label in name.split('.') {
                query.push(u8::try_from(label.len()).unwrap());
                query.extend(label.as_bytes());
            }
            query.extend([0, 0, 1, 0, 1]);
            let mut reply = Vec::new();
            let facts = live.load().answer(&query, Transport::Stream, &mut First, &mut reply);
            let client = Some("192.0.2.7:53".parse().unwrap());
            let elapsed = None;
            log.answered(&Exchange { way: Way::Udp, facts, query: &query, reply: &reply, client, elapsed });
        }
    });
    let text = lines.0.lock().unwrap().clone();
    String::from_utf8(text).unwrap().lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

#[test]
fn it_is_off_by_default() {
    assert_eq!(logged(None, &["app.example.com"; 10]), [] as [Value; 0]);
}

#[test]
fn an_event_says_who_asked_what_and_what_was_answered() {
    let mut events = logged(Some(&QueryLogConfig::every(1)), &["APP.example.com"]);
    let event = events.pop().unwrap();
    assert_eq!(events.len(), 0);
    let expected = json!({
        "timestamp": event["timestamp"],
        "level": "INFO",
        "target": "mci::query_log",
        "message": "Query answered",
        "name": "app.example.com",
        "type": "A",
        "rcode": "NOERROR",
        "transport": "udp",
        "client": "192.0.2.7:53",
        "cluster": "east",
        "stale": false,
        "truncated": false,
        "query_octets": 33,
        "reply_octets": 49,
    });
    assert_eq!(event, expected);
}

#[test]
fn one_in_so_many_is_logged() {
    assert_eq!(logged(Some(&QueryLogConfig::every(4)), &["app.example.com"; 10]).len(), 3);
    assert_eq!(logged(Some(&QueryLogConfig::every(0)), &["app.example.com"; 10]).len(), 10);
}

#[test]
fn only_names_that_match_a_glob_are_logged() {
    let config = QueryLogConfig::every(1).names(["*.Example.org", "app.*"]);
    let names = ["app.example.com", "api.example.com", "x.y.EXAMPLE.org", "example.org"];
    let found: Vec<Value> = logged(Some(&config), &names).iter().map(|event| event["name"].clone()).collect();
    assert_eq!(found, ["app.example.com", "x.y.example.org"]);
}

#[test]
fn it_ends_by_itself() {
    let over = QueryLogConfig::every(1).until(SystemTime::now());
    assert_eq!(logged(Some(&over), &["app.example.com"; 3]).len(), 0);
    let later = QueryLogConfig::every(1).until(SystemTime::now() + Duration::from_hours(1));
    assert_eq!(logged(Some(&later), &["app.example.com"; 3]).len(), 3);
}
