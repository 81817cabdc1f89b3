use std::sync::{Arc, Mutex};
use std::time::Duration;

use k8s_openapi::api::core::v1::ObjectReference;
use mci_kube::events::{News, Notice, recorder};
use tokio_util::sync::CancellationToken;

use crate::common::{Asked, FakeApi, Fate};

const EVENTS: &str = "/apis/events.k8s.io/v1/events";

fn notice(note: &str) -> Notice {
    Notice {
        regarding: ObjectReference {
            kind: Some("GSLB".to_owned()),
            namespace: Some("shop".to_owned()),
            name: Some("web".to_owned()),
            ..ObjectReference::default()
        },
        news: News::Normal,
        reason: "Ready",
        action: "Publish",
        note: note.to_owned(),
    }
}

/// The names of the Events that were made.
fn made(api: &FakeApi) -> Arc<Mutex<Vec<String>>> {
    let names = Arc::new(Mutex::new(Vec::new()));
    let heard = Arc::clone(&names);
    api.hook(move |asked| {
        if let Some((_, name)) = asked.path.split_once("/events/") {
            heard.lock().unwrap().push(name.to_owned());
        }
        Fate::Pass
    });
    names
}

#[tokio::test(start_paused = true)]
async fn the_same_again_is_one_event_with_a_series() {
    let api = FakeApi::new();
    let patched = made(&api);
    let (recorder, writer) = recorder(api.client(), "mci-operator", "pod-0");
    let running = tokio::spawn(writer.run(CancellationToken::new()));
    for _ in 0..5 {
        recorder.tell(notice("both endpoints are ready"));
    }
    tokio::time::sleep(Duration::from_mins(2)).await;
    let [name] = &*patched.lock().unwrap().clone() else { panic!("one series is written once") };
    let event = api.get(EVENTS, "shop", name).unwrap();
    assert!(name.starts_with("web."), "{name}");
    assert_eq!(event["series"]["count"], 5);
    assert_eq!(event["note"], "both endpoints are ready");
    assert_eq!(api.count(Asked::is_write), 2);
    running.abort();
}

#[tokio::test(start_paused = true)]
async fn telling_never_waits_and_what_does_not_fit_is_counted() {
    let api = FakeApi::new();
    let (recorder, writer) = recorder(api.client(), "mci-operator", "pod-0");
    // Nobody writes yet.
    for n in 0..1_100 {
        recorder.tell(notice(&n.to_string()));
    }
    assert_eq!(recorder.lost(), 76);
    drop(writer);
}

#[tokio::test(start_paused = true)]
async fn a_note_that_is_too_long_is_cut() {
    let api = FakeApi::new();
    let patched = made(&api);
    let (recorder, writer) = recorder(api.client(), "mci-operator", "pod-0");
    let running = tokio::spawn(writer.run(CancellationToken::new()));
    let long = "ö".repeat(2_000);
    recorder.tell(notice(&long));
    recorder.tell(notice(&long));
    tokio::time::sleep(Duration::from_mins(1)).await;
    let name = patched.lock().unwrap().first().cloned().expect("a series was written");
    let event = api.get(EVENTS, "shop", &name).unwrap();
    let note = event["note"].as_str().unwrap();
    assert!(note.len() <= 1024 && note.ends_with("ö…"), "{} octets", note.len());
    running.abort();
}
