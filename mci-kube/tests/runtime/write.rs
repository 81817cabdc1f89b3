use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use k8s_openapi::api::core::v1::ConfigMap;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use mci_kube::client::ClusterClient;
use mci_kube::lease::{Claim, Options, contend};
use mci_kube::watch::{ObjectKey, Progress, Source, Timing, watch};
use mci_kube::write::{Act, Counters, Desk, Lane, Lanes, Outcome, Report, Strangers, Wanted, Writer};
use serde_json::{Value, json};
use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use crate::common::{Asked, FakeApi, Fate};

const KIND: &str = "/api/v1/configmaps";

/// A text, and the term that it was written in.
#[derive(Clone)]
struct Text(String);

impl Wanted for Text {
    type Object = ConfigMap;
    type Seen = String;

    fn over(&self, seen: Option<&String>, term: u64) -> Option<ConfigMap> {
        let data = [("text".to_owned(), self.0.clone()), ("term".to_owned(), term.to_string())];
        (seen != Some(&self.0)).then(|| ConfigMap {
            metadata: ObjectMeta {
                namespace: Some("mci".to_owned()),
                name: Some("a".to_owned()),
                ..ObjectMeta::default()
            },
            data: Some(BTreeMap::from(data)),
            ..ConfigMap::default()
        })
    }

    fn seen(object: ConfigMap) -> Result<String, String> {
        object.data.and_then(|mut data| data.remove("text")).ok_or_else(|| "no text".to_owned())
    }
}

fn key() -> ObjectKey {
    ObjectKey::new("mci", "a")
}

/// A watch that feeds a desk, and a writer.
struct Running {
    desk: Desk<Text>,
    counters: Arc<Counters>,
    reports: Arc<Mutex<Vec<Report>>>,
    progress: Arc<Progress>,
    lanes: Lanes,
    stop: CancellationToken,
    tasks: JoinSet<()>,
}

impl Running {
    fn begin(client: &ClusterClient, claim: Claim) -> Self {
        let desk = Desk::new(Strangers::Keep, Duration::ZERO);
        let counters = Arc::new(Counters::default());
        let reports = Arc::new(Mutex::new(Vec::new()));
        let progress = Arc::new(Progress::new("texts"));
        let lanes = Lanes::default();
        let stop = CancellationToken::new();
        let mut tasks = JoinSet::new();
        let (sender, mut batches) = mpsc::channel(4);
        let source = Source::of::<ConfigMap>("texts", Some("mci"));
        let decode = |object: &serde_json::value::RawValue| {
            mci_kube::watch::decode::<ConfigMap>(object).and_then(Text::seen)
        };
        tasks.spawn(watch(client.clone(), source, Timing::default(), Arc::clone(&progress), decode, sender));
        let observer = desk.clone();
        tasks.spawn(async move {
            while let Some(batch) = batches.recv().await {
                observer.observe(batch);
            }
        });
        let heard = Arc::clone(&reports);
        let writer = Writer {
            name: "texts",
            client: client.clone(),
            desk: desk.clone(),
            claim,
            lanes: lanes.clone(),
            counters: Arc::clone(&counters),
            listener: Some(Arc::new(move |report| heard.lock().unwrap().push(report))),
        };
        tasks.spawn(writer.run(stop.clone()));
        desk.begin();
        Self { desk, counters, reports, progress, lanes, stop, tasks }
    }

    fn want(&self, text: &str) {
        self.desk.want(key(), Text(text.to_owned()), Lane::Changes);
    }

    /// Waits until there is nothing to do, and no echo on its way.
    async fn settled(&self) {
        self.progress.synced().await;
        loop {
            tokio::time::sleep(Duration::from_millis(10)).await;
            if self.desk.unsettled() == 0 {
                return;
            }
        }
    }

    fn outcomes(&self) -> Vec<(Act, Outcome)> {
        self.reports.lock().unwrap().iter().map(|report| (report.act, report.outcome)).collect()
    }
}

fn text(api: &FakeApi) -> Option<Value> {
    api.get(KIND, "mci", "a").map(|object| object["data"].clone())
}

#[tokio::test(start_paused = true)]
async fn what_is_wanted_is_written_once_and_its_echo_triggers_nothing() {
    let api = FakeApi::new();
    let running = Running::begin(&api.client(), Claim::always(7));
    running.want("x");
    running.settled().await;
    assert_eq!(text(&api), Some(json!({ "text": "x", "term": "7" })));
    running.want("x");
    running.want("y");
    running.settled().await;
    assert_eq!(text(&api), Some(json!({ "text": "y", "term": "7" })));
    assert_eq!(running.outcomes(), [(Act::Create, Outcome::Done), (Act::Replace, Outcome::Done)]);
    assert_eq!(running.counters.get(Lane::Changes, Act::Replace, Outcome::Done), 1);
}

#[tokio::test(start_paused = true)]
async fn what_someone_else_changes_is_repaired() {
    let api = FakeApi::new();
    let running = Running::begin(&api.client(), Claim::always(1));
    running.want("x");
    running.settled().await;
    api.put(KIND, "mci", "a", json!({ "data": { "text": "meddled" } }));
    running.settled().await;
    assert_eq!(text(&api), Some(json!({ "text": "x", "term": "1" })));
    api.delete(KIND, "mci", "a");
    running.settled().await;
    assert_eq!(text(&api), Some(json!({ "text": "x", "term": "1" })));
}

#[tokio::test(start_paused = true)]
async fn a_conflict_is_looked_at_and_decided_again() {
    let api = FakeApi::new();
    let running = Running::begin(&api.client(), Claim::always(1));
    running.want("x");
    running.settled().await;
    // Someone is faster each time that a write is on its way, twice.
    let mut times = 0;
    api.hook(move |asked| {
        if asked.is_write() && times < 2 {
            times += 1;
            return Fate::TooLate(json!({ "data": { "text": "faster" } }));
        }
        Fate::Pass
    });
    running.want("y");
    running.settled().await;
    assert_eq!(text(&api), Some(json!({ "text": "y", "term": "1" })));
    let (replace, look) = (Act::Replace, Act::Look);
    let expected = [
        (Act::Create, Outcome::Done),
        (replace, Outcome::Conflict),
        (look, Outcome::Done),
        (replace, Outcome::Conflict),
        (look, Outcome::Done),
        (replace, Outcome::Done),
    ];
    assert_eq!(running.outcomes(), expected);
}

#[tokio::test(start_paused = true)]
async fn a_write_whose_answer_is_lost_is_looked_at_and_not_repeated() {
    let api = FakeApi::new();
    let running = Running::begin(&api.client(), Claim::always(1));
    running.settled().await;
    let mut lost = false;
    api.hook(move |asked| {
        if asked.is_write() && !lost {
            lost = true;
            return Fate::LoseAnswer;
        }
        Fate::Pass
    });
    running.want("x");
    tokio::time::sleep(Duration::from_secs(1)).await;
    running.settled().await;
    assert_eq!(text(&api), Some(json!({ "text": "x", "term": "1" })));
    assert_eq!(api.count(Asked::is_write), 1);
    assert_eq!(running.outcomes()[0], (Act::Create, Outcome::Unknown));
}

#[tokio::test(start_paused = true)]
async fn what_is_invalid_is_reported_once_and_tried_again_when_something_else_is_wanted() {
    let api = FakeApi::new();
    let running = Running::begin(&api.client(), Claim::always(1));
    api.hook(|asked| if asked.is_write() { Fate::Refuse(422, None) } else { Fate::Pass });
    running.want("bad");
    tokio::time::sleep(Duration::from_mins(5)).await;
    assert_eq!(running.outcomes(), [(Act::Create, Outcome::Invalid)]);
    api.unhook();
    running.want("good");
    running.settled().await;
    assert_eq!(text(&api), Some(json!({ "text": "good", "term": "1" })));
}

#[tokio::test(start_paused = true)]
async fn too_many_requests_are_waited_for_and_halve_the_bulk_lane() {
    let api = FakeApi::new();
    let running = Running::begin(&api.client(), Claim::always(1));
    running.settled().await;
    let mut refused = 0;
    api.hook(move |asked| {
        if asked.is_write() && refused < 2 {
            refused += 1;
            return Fate::Refuse(429, Some(3));
        }
        Fate::Pass
    });
    let start = tokio::time::Instant::now();
    running.want("x");
    running.settled().await;
    assert!(start.elapsed() >= Duration::from_secs(6), "{:?}", start.elapsed());
    assert_eq!(text(&api), Some(json!({ "text": "x", "term": "1" })));
    assert_eq!(running.lanes.bulk_limit(), 3);
}

#[tokio::test(start_paused = true)]
async fn when_it_stops_what_is_in_flight_is_waited_for() {
    let api = FakeApi::new();
    let mut running = Running::begin(&api.client(), Claim::always(1));
    running.settled().await;
    api.hook(|asked| if asked.is_write() { Fate::LoseAnswer } else { Fate::Pass });
    running.want("x");
    while api.count(Asked::is_write) == 0 {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    running.stop.cancel();
    let ended = running.tasks.join_next().await;
    assert!(matches!(ended, Some(Ok(()))));
    assert_eq!(running.outcomes(), [(Act::Create, Outcome::Unknown)]);
}

#[tokio::test(start_paused = true)]
async fn r28_a_leader_that_is_cut_off_writes_no_more_and_does_not_bring_back_what_was_deleted() {
    let api = FakeApi::new();
    let options = Options {
        namespace: "mci".to_owned(),
        name: "leader".to_owned(),
        identity: "us".to_owned(),
        floor: Arc::new(|| 0),
        timing: mci_kube::lease::Timing::default(),
    };
    let (claim, contender) = contend(api.client(), options);
    let contending = tokio::spawn(contender.run(CancellationToken::new()));
    let running = Running::begin(&api.client(), claim.clone());
    running.want("x");
    claim.watch().wait_for(Option::is_some).await.unwrap();
    running.settled().await;
    assert_eq!(text(&api), Some(json!({ "text": "x", "term": "1" })));
    // As in a process that was stopped: nothing of the election runs, time passes, another takes over and deletes.
    contending.abort();
    tokio::time::sleep(Duration::from_secs(6)).await;
    api.delete(KIND, "mci", "a");
    running.want("y");
    tokio::time::sleep(Duration::from_mins(1)).await;
    assert_eq!(text(&api), None);
    assert_eq!(running.outcomes(), [(Act::Create, Outcome::Done)]);
}
