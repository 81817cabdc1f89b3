use std::sync::Arc;
use std::time::Duration;

use mci_kube::watch::{Batch, Change, Listing, ObjectKey, Progress, Relist, Source, State, Timing};
use serde::Deserialize;
use serde_json::json;
use serde_json::value::RawValue;
use tokio::sync::mpsc;
use tokio::time::{Instant, timeout};

use crate::common::{Asked, FakeApi, Fate};

const KIND: &str = "/apis/example.org/v1/things";

#[derive(Debug, Deserialize, PartialEq)]
struct Thing {
    size: u32,
}

fn decode(object: &RawValue) -> Result<u32, String> {
    mci_kube::watch::decode::<Thing>(object).map(|thing| thing.size)
}

struct Followed {
    api: FakeApi,
    progress: Arc<Progress>,
    batches: mpsc::Receiver<Batch<u32>>,
    task: tokio::task::JoinHandle<()>,
}

impl Drop for Followed {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Followed {
    fn begin(api: &FakeApi) -> Self {
        Self::begin_with(api, Timing::default())
    }

    fn begin_with(api: &FakeApi, timing: Timing) -> Self {
        let progress = Arc::new(Progress::new("things"));
        let (sender, batches) = mpsc::channel(8);
        let source = Source::at("things", KIND);
        let task = tokio::spawn(mci_kube::watch::watch(
            api.client(),
            source,
            timing,
            Arc::clone(&progress),
            decode,
            sender,
        ));
        Self { api: api.clone(), progress, batches, task }
    }

    async fn batch(&mut self) -> Batch<u32> {
        timeout(Duration::from_mins(10), self.batches.recv()).await.expect("a batch comes").unwrap()
    }

    async fn listing(&mut self) -> Listing<u32> {
        match self.batch().await {
            Batch::Replace(listing) => listing,
            other => panic!("a listing was expected: {other:?}"),
        }
    }

    async fn changes(&mut self) -> Vec<Change<u32>> {
        match self.batch().await {
            Batch::Changes(changes) => changes,
            other => panic!("changes were expected: {other:?}"),
        }
    }

    /// Waits until a watch is open behind the batch that was last received.
    async fn following(&self) {
        while self.api.count(Asked::is_watch) == 0 {
            tokio::task::yield_now().await;
        }
        self.progress.reached(|state| *state == State::Following).await;
    }
}

fn names(listing: &Listing<u32>) -> Vec<(String, u32)> {
    listing.items.iter().map(|item| (item.key.to_string(), item.value)).collect()
}

fn api(names: &[&str]) -> FakeApi {
    let api = FakeApi::new();
    for name in names {
        api.put(KIND, "ns", name, json!({ "size": 1 }));
    }
    api
}

fn summary(changes: &[Change<u32>]) -> Vec<String> {
    changes
        .iter()
        .map(|change| match change {
            Change::Applied(seen) => format!("{}={}", seen.key, seen.value),
            Change::Malformed(fault) => format!("{} malformed", fault.key),
            Change::Deleted { key, .. } => format!("{key} deleted"),
        })
        .collect()
}

#[tokio::test(start_paused = true)]
async fn lists_page_by_page_and_then_follows() {
    let api = api(&["a", "b", "c"]);
    let mut followed = Followed::begin_with(&api, Timing { page: 2, ..Timing::default() });
    let listing = followed.listing().await;
    let expected = ["ns/a", "ns/b", "ns/c"].map(|name| (name.to_owned(), 1));
    assert_eq!((names(&listing), listing.reason), (expected.to_vec(), Relist::Start));
    assert_eq!(api.count(Asked::is_list), 2);
    assert!(followed.progress.is_synced());

    api.put(KIND, "ns", "b", json!({ "size": 2 }));
    api.delete(KIND, "ns", "a");
    let mut seen = summary(&followed.changes().await);
    while seen.len() < 2 {
        seen.extend(summary(&followed.changes().await));
    }
    assert_eq!(seen, ["ns/b=2", "ns/a deleted"]);
    assert_eq!(followed.progress.objects(), 2);
}

#[tokio::test(start_paused = true)]
async fn a_malformed_object_is_reported_and_stops_nothing() {
    let api = api(&["good"]);
    api.put(KIND, "ns", "odd", json!({ "size": "large" }));
    let mut followed = Followed::begin(&api);
    let listing = followed.listing().await;
    assert_eq!(names(&listing), [("ns/good".to_owned(), 1)]);
    let faults: Vec<_> = listing.malformed.iter().map(|fault| fault.key.to_string()).collect();
    assert_eq!(faults, ["ns/odd"]);
    assert!(listing.malformed[0].problem.contains("invalid type: string \"large\""));

    followed.following().await;
    let names = ["x", "good"].map(str::to_owned);
    api.put_all(KIND, "ns", &names, &json!({ "size": -1 }));
    api.put(KIND, "ns", "odd", json!({ "size": 3 }));
    let mut seen = Vec::new();
    while seen.len() < 3 {
        seen.extend(summary(&followed.changes().await));
    }
    assert_eq!(seen, ["ns/x malformed", "ns/good malformed", "ns/odd=3"]);
    assert_eq!((followed.progress.malformed(), followed.progress.malformed_now()), (3, 2));
    assert_eq!(followed.progress.state(), State::Following);
}

#[tokio::test(start_paused = true)]
async fn a_burst_is_one_batch() {
    let api = api(&[]);
    let mut followed = Followed::begin(&api);
    followed.listing().await;
    followed.following().await;
    let names: Vec<_> = (0..1000).map(|n| format!("n{n}")).collect();
    api.put_all(KIND, "ns", &names, &json!({ "size": 5 }));
    assert_eq!(followed.changes().await.len(), 1000);
}

#[tokio::test(start_paused = true)]
async fn a_watch_that_ends_goes_on_from_where_it_was_without_a_list() {
    let api = api(&["a"]);
    let mut followed = Followed::begin(&api);
    followed.listing().await;
    followed.following().await;
    tokio::time::sleep(Duration::from_secs(10)).await;
    api.end_watches();
    api.put(KIND, "ns", "b", json!({ "size": 2 }));
    assert_eq!(summary(&followed.changes().await), ["ns/b=2"]);
    assert_eq!(api.count(Asked::is_list), 1);
}

#[tokio::test(start_paused = true)]
async fn a_version_that_is_no_longer_known_is_listed_anew_with_what_vanished() {
    let api = api(&["a", "b"]);
    let mut followed = Followed::begin(&api);
    followed.listing().await;
    followed.following().await;
    // While nobody watches, something goes, and how is forgotten.
    api.hook(|asked| if asked.is_watch() { Fate::Refuse(503, None) } else { Fate::Pass });
    api.end_watches();
    followed.progress.reached(|state| matches!(state, State::Lost(_))).await;
    api.delete(KIND, "ns", "a");
    api.compact();
    api.unhook();
    let listing = followed.listing().await;
    assert_eq!(listing.vanished, [ObjectKey::new("ns", "a")]);
    assert_eq!((names(&listing), listing.reason), (vec![("ns/b".to_owned(), 1)], Relist::Expired));
    assert_eq!(followed.progress.relists(Relist::Expired), 1);
}

#[tokio::test(start_paused = true)]
async fn a_store_that_was_restored_is_found_out_by_its_version() {
    let api = api(&["a", "b", "c"]);
    let mut followed = Followed::begin(&api);
    followed.listing().await;
    followed.following().await;
    let start = Instant::now();
    api.restore(KIND, 50, &["a"]);
    let listing = followed.listing().await;
    assert_eq!((names(&listing), listing.reason), (vec![("ns/a".to_owned(), 1)], Relist::WentBack));
    assert_eq!(listing.vanished, ["b", "c"].map(|name| ObjectKey::new("ns", name)));
    assert!(start.elapsed() <= Duration::from_secs(31), "{:?}", start.elapsed());
    // And it follows again, from the lower version.
    api.put(KIND, "ns", "d", json!({ "size": 4 }));
    assert_eq!(summary(&followed.changes().await), ["ns/d=4"]);
}

#[tokio::test(start_paused = true)]
async fn an_event_that_was_lost_is_found_out_by_the_number_of_objects() {
    let api = api(&["a"]);
    let mut followed = Followed::begin(&api);
    followed.listing().await;
    followed.following().await;
    api.put_silently(KIND, "ns", "b", json!({ "size": 2 }));
    let listing = followed.listing().await;
    assert_eq!((listing.items.len(), listing.reason), (2, Relist::Count));
    assert_eq!(api.count(Asked::is_proof), 2, "once is doubted only");
}

#[tokio::test(start_paused = true)]
async fn a_proof_that_gets_no_answer_means_that_contact_is_lost_and_the_last_state_stays() {
    let api = api(&["a"]);
    let mut followed = Followed::begin(&api);
    followed.listing().await;
    followed.following().await;
    api.hook(|_| Fate::Hang);
    followed.progress.reached(|state| matches!(state, State::Lost(_))).await;
    assert!(followed.progress.since_contact().unwrap() >= Duration::from_secs(10));
    tokio::time::sleep(Duration::from_mins(1)).await;
    assert!(followed.batches.try_recv().is_err(), "nothing is said to have changed");
    api.unhook();
    api.put(KIND, "ns", "b", json!({ "size": 2 }));
    assert_eq!(summary(&followed.changes().await), ["ns/b=2"]);
    followed.progress.reached(|state| *state == State::Following).await;
    assert_eq!(api.count(Asked::is_list), 1, "it went on from where it was");
}

#[tokio::test(start_paused = true)]
async fn a_slow_proof_holds_up_no_change() {
    let api = api(&["a"]);
    let mut followed = Followed::begin(&api);
    followed.listing().await;
    followed.following().await;
    api.hook(|asked| if asked.is_proof() { Fate::Hang } else { Fate::Pass });
    while api.count(Asked::is_proof) == 0 {
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    let start = Instant::now();
    api.put(KIND, "ns", "b", json!({ "size": 2 }));
    assert_eq!(summary(&followed.changes().await), ["ns/b=2"]);
    assert_eq!(start.elapsed(), Duration::ZERO);
}

#[tokio::test(start_paused = true)]
async fn a_kind_that_is_not_there_is_absent_until_it_is_installed() {
    let api = FakeApi::new();
    api.remove_kind(KIND);
    let mut followed = Followed::begin(&api);
    assert_eq!(followed.batch().await, Batch::Absent);
    followed.progress.reached(|state| *state == State::Absent).await;
    assert!(followed.progress.is_synced());
    tokio::time::sleep(Duration::from_mins(1)).await;
    assert!(followed.batches.try_recv().is_err(), "it is said once");
    api.install_kind(KIND);
    api.put(KIND, "ns", "a", json!({ "size": 1 }));
    let start = Instant::now();
    assert_eq!(names(&followed.listing().await), [("ns/a".to_owned(), 1)]);
    assert!(start.elapsed() <= Duration::from_secs(5));
}

#[tokio::test(start_paused = true)]
async fn a_kind_that_is_taken_away_and_comes_back_is_said_to_be_absent_meanwhile() {
    let api = api(&["a"]);
    let mut followed = Followed::begin(&api);
    followed.listing().await;
    followed.following().await;
    api.remove_kind(KIND);
    assert_eq!(followed.batch().await, Batch::Absent);
    api.install_kind(KIND);
    let listing = followed.listing().await;
    assert_eq!((listing.items.len(), listing.reason), (0, Relist::Start));
}

#[tokio::test(start_paused = true)]
async fn where_we_may_no_longer_watch_the_last_state_stays_and_is_said_to_be_old() {
    let api = api(&["a"]);
    let mut followed = Followed::begin(&api);
    followed.listing().await;
    followed.following().await;
    api.hook(|_| Fate::Refuse(403, None));
    api.end_watches();
    followed.progress.reached(|state| matches!(state, State::Forbidden(_))).await;
    assert!(followed.batches.try_recv().is_err());
    api.unhook();
    followed.progress.reached(|state| *state == State::Following).await;
    assert!(followed.batches.try_recv().is_err(), "nothing changed meanwhile");
}

#[tokio::test(start_paused = true)]
async fn when_asked_to_wait_it_waits() {
    let api = api(&["a"]);
    let mut first = true;
    api.hook(move |_| if std::mem::take(&mut first) { Fate::Refuse(429, Some(7)) } else { Fate::Pass });
    let start = Instant::now();
    let mut followed = Followed::begin(&api);
    followed.listing().await;
    assert!(start.elapsed() >= Duration::from_secs(7), "{:?}", start.elapsed());
}

#[tokio::test(start_paused = true)]
async fn pauses_between_attempts_grow_to_five_seconds() {
    let api = api(&["a"]);
    api.hook(|_| Fate::Refuse(500, None));
    let _followed = Followed::begin(&api);
    tokio::time::sleep(Duration::from_mins(10)).await;
    let attempts = api.count(|_| true);
    assert!((120..=250).contains(&attempts), "{attempts} attempts in ten minutes");
}

#[tokio::test(start_paused = true)]
async fn everything_is_listed_again_after_a_while() {
    let api = api(&["a"]);
    let mut followed = Followed::begin(&api);
    followed.listing().await;
    followed.following().await;
    let start = Instant::now();
    let listing = timeout(Duration::from_hours(2), followed.batches.recv()).await.unwrap().unwrap();
    let Batch::Replace(listing) = listing else { panic!("{listing:?}") };
    assert_eq!(listing.reason, Relist::Scheduled);
    let after = start.elapsed();
    assert!(after >= Duration::from_mins(30) && after <= Duration::from_mins(61), "{after:?}");
}
