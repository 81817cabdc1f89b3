//! Kubernetes Events: what happened to an object, where people look for it.
//!
//! They are `events.k8s.io/v1`, which has a place for what this program does with them: one object for a series. The same
//! Event again within ten minutes is counted in its series, which is written at most once in half a minute; all together
//! are limited. Telling one never waits: what does not fit is counted and gone, as Events are for people and nothing is
//! decided by them.

mod book;

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

pub use k8s_openapi::api::core::v1::ObjectReference;
use k8s_openapi::api::events::v1::Event;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{MicroTime, ObjectMeta};
use k8s_openapi::jiff::Timestamp;
use serde_json::json;
use tokio::sync::mpsc;
use tokio::time::{Instant, MissedTickBehavior, interval};
use tokio_util::sync::CancellationToken;
use tracing::debug;

use self::book::{Book, Entry};
use crate::client::ClusterClient;
use crate::watch::ObjectKey;

/// Notices that wait: a burst of them is a few seconds of writing, and more than anyone reads.
const WAITING: usize = 1024;
/// The API refuses a longer note.
const LONGEST_NOTE: usize = 1024;

/// Good or bad news.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum News {
    /// As it should be.
    Normal,
    /// Someone should look.
    Warning,
}

/// Something that happened to an object.
#[derive(Clone, Debug, PartialEq)]
pub struct Notice {
    /// To which object. Its namespace is where the Event goes, or `default`.
    pub regarding: ObjectReference,
    /// Good or bad.
    pub news: News,
    /// One word, as `NotReady`; stable.
    pub reason: &'static str,
    /// What was being done, one word as `Publish`.
    pub action: &'static str,
    /// A sentence for people.
    pub note: String,
}

/// Takes notices; cheap to clone.
#[derive(Clone, Debug)]
pub struct Recorder {
    notices: mpsc::Sender<Notice>,
    lost: Arc<AtomicU64>,
}

impl Recorder {
    /// Tells it, and never waits.
    pub fn tell(&self, notice: Notice) {
        if self.notices.try_send(notice).is_err() {
            self.lost.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// How many Events were not written: too many at once, or refused.
    pub fn lost(&self) -> u64 {
        self.lost.load(Ordering::Relaxed)
    }
}

/// Writes what the recorders take, while it runs.
#[derive(Debug)]
pub struct EventWriter {
    client: ClusterClient,
    component: String,
    instance: String,
    notices: mpsc::Receiver<Notice>,
    lost: Arc<AtomicU64>,
}

/// A recorder, and what has to run for it. `component` is as `mci-operator`, `instance` the pod.
pub fn recorder(client: ClusterClient, component: &str, instance: &str) -> (Recorder, EventWriter) {
    let (sender, notices) = mpsc::channel(WAITING);
    let lost = Arc::new(AtomicU64::new(0));
    let recorder = Recorder { notices: sender, lost: Arc::clone(&lost) };
    let (component, instance) = (component.to_owned(), instance.to_owned());
    (recorder, EventWriter { client, component, instance, notices, lost })
}

impl EventWriter {
    /// Writes until `stop`, or until nobody can tell anything any more.
    pub async fn run(mut self, stop: CancellationToken) {
        let mut book = Book::new(Instant::now());
        let mut tick = interval(Duration::from_secs(5));
        tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                () = stop.cancelled() => return,
                notice = self.notices.recv() => {
                    let Some(notice) = notice else { return };
                    self.note(&mut book, notice).await;
                }
                _ = tick.tick() => {
                    for entry in book.due(Instant::now()) {
                        self.series(&entry).await;
                    }
                }
            }
        }
    }

    async fn note(&self, book: &mut Book, mut notice: Notice) {
        shorten(&mut notice.note);
        let name = format!(
            "{}.{:016x}",
            notice.regarding.name.as_deref().unwrap_or("unknown"),
            rand::random::<u64>()
        );
        match book.note(Instant::now(), &notice, &name) {
            book::Verdict::Write => {
                let event = self.event(&notice, &name);
                if let Err(error) = self.client.create(&event).await {
                    self.lost(&error);
                }
            }
            book::Verdict::Counted => {}
            book::Verdict::TooMany => {
                self.lost.fetch_add(1, Ordering::Relaxed);
            }
        }
    }

    async fn series(&self, entry: &Entry) {
        let last = serde_json::to_value(MicroTime(Timestamp::now())).expect("a time is JSON");
        let patch = json!({ "series": { "count": entry.count, "lastObservedTime": last } });
        let key = ObjectKey::new(&entry.namespace, &entry.name);
        if let Err(error) = self.client.merge::<Event>(&key, &patch).await {
            self.lost(&error);
        }
    }

    fn lost(&self, error: &crate::client::CallError) {
        self.lost.fetch_add(1, Ordering::Relaxed);
        debug!(%error, "An Event could not be written");
    }

    fn event(&self, notice: &Notice, name: &str) -> Event {
        Event {
            metadata: ObjectMeta {
                name: Some(name.to_owned()),
                namespace: Some(namespace(&notice.regarding).to_owned()),
                ..ObjectMeta::default()
            },
            event_time: Some(MicroTime(Timestamp::now())),
            action: Some(notice.action.to_owned()),
            reason: Some(notice.reason.to_owned()),
            note: Some(notice.note.clone()),
            regarding: Some(notice.regarding.clone()),
            reporting_controller: Some(format!("mci.dev/{}", self.component)),
            reporting_instance: Some(self.instance.clone()),
            type_: Some(
                match notice.news {
                    News::Normal => "Normal",
                    News::Warning => "Warning",
                }
                .to_owned(),
            ),
            ..Event::default()
        }
    }
}

/// Where an Event about it goes: beside it, or in `default` for what is in no namespace.
fn namespace(regarding: &ObjectReference) -> &str {
    regarding.namespace.as_deref().filter(|namespace| !namespace.is_empty()).unwrap_or("default")
}

fn shorten(note: &mut String) {
    if note.len() > LONGEST_NOTE {
        let end = note.floor_char_boundary(LONGEST_NOTE - '…'.len_utf8());
        note.truncate(end);
        note.push('…');
    }
}
