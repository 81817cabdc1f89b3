use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use mci_kube::lease::{Claim, Options, TERM, Timing, contend};
use serde_json::json;
use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep};
use tokio_util::sync::CancellationToken;

use crate::common::{Asked, FakeApi, Fate};

const LEASES: &str = "/apis/coordination.k8s.io/v1/leases";

struct Replica {
    claim: Claim,
    stop: CancellationToken,
    task: JoinHandle<()>,
}

fn replica(api: &FakeApi, identity: &str, floor: &Arc<AtomicU64>) -> Replica {
    let floor = Arc::clone(floor);
    let options = Options {
        namespace: "mci".to_owned(),
        name: "mci-operator".to_owned(),
        identity: identity.to_owned(),
        floor: Arc::new(move || floor.load(Ordering::Relaxed)),
        timing: Timing::default(),
    };
    let (claim, contender) = contend(api.client(), options);
    let stop = CancellationToken::new();
    let task = tokio::spawn(contender.run(stop.clone()));
    Replica { claim, stop, task }
}

impl Replica {
    async fn leads(&self) -> u64 {
        let mut told = self.claim.watch();
        told.wait_for(Option::is_some).await.unwrap();
        self.claim.term().expect("it was told so just now")
    }

    async fn leads_no_longer(&self) {
        let mut told = self.claim.watch();
        told.wait_for(Option::is_none).await.unwrap();
    }

    /// As by SIGKILL: nothing is released.
    fn kill(self) {
        self.task.abort();
    }

    async fn terminate(self) {
        self.stop.cancel();
        self.task.await.unwrap();
    }
}

fn floor() -> Arc<AtomicU64> {
    Arc::new(AtomicU64::new(0))
}

fn term(api: &FakeApi) -> String {
    api.get(LEASES, "mci", "mci-operator").unwrap()["metadata"]["annotations"][TERM]
        .as_str()
        .unwrap()
        .to_owned()
}

#[tokio::test(start_paused = true)]
async fn r28_one_of_two_leads_and_the_other_takes_over_within_eight_seconds_of_its_death() {
    let api = FakeApi::new();
    let first = replica(&api, "first", &floor());
    assert_eq!(first.leads().await, 1);
    let second = replica(&api, "second", &floor());
    sleep(Duration::from_mins(1)).await;
    assert_eq!((first.claim.term(), second.claim.term()), (Some(1), None));
    assert_eq!(second.claim.holder().as_deref(), Some("first"));
    let dies = Instant::now();
    first.kill();
    assert_eq!(second.leads().await, 2);
    assert!(dies.elapsed() < Duration::from_secs(8), "{:?}", dies.elapsed());
    assert!(dies.elapsed() > Duration::from_secs(3), "{:?}", dies.elapsed());
    assert_eq!(term(&api), "2");
}

#[tokio::test(start_paused = true)]
async fn r28_sigterm_releases_and_the_other_leads_at_its_next_look() {
    let api = FakeApi::new();
    let first = replica(&api, "first", &floor());
    first.leads().await;
    let second = replica(&api, "second", &floor());
    sleep(Duration::from_secs(3)).await;
    let claim = first.claim.clone();
    let ends = Instant::now();
    first.terminate().await;
    assert_eq!(claim.term(), None);
    assert_eq!(second.leads().await, 2);
    assert!(ends.elapsed() <= Duration::from_millis(1_100), "{:?}", ends.elapsed());
}

#[tokio::test(start_paused = true)]
async fn r28_a_leader_that_hears_nothing_gives_up_before_another_may_lead() {
    let api = FakeApi::new();
    let first = replica(&api, "first", &floor());
    first.leads().await;
    sleep(Duration::from_secs(1)).await;
    api.hook(|_| Fate::Hang);
    let cut = Instant::now();
    first.leads_no_longer().await;
    assert_eq!(first.claim.term(), None);
    assert!(cut.elapsed() <= Duration::from_secs(5), "{:?}", cut.elapsed());
    api.unhook();
    assert_eq!(first.leads().await, 2, "it takes over from itself, in a new term");
}

#[tokio::test(start_paused = true)]
async fn r28_at_no_moment_do_two_lead() {
    let api = FakeApi::new();
    // Every third answer is lost, and sometimes nothing answers for a while.
    let mut asked_so_far = 0_u32;
    api.hook(move |_| {
        asked_so_far += 1;
        match asked_so_far {
            n if n % 40 > 30 => Fate::Hang,
            n if n % 3 == 0 => Fate::LoseAnswer,
            n if n % 7 == 0 => Fate::Refuse(500, None),
            _ => Fate::Pass,
        }
    });
    let replicas: Vec<_> = ["a", "b", "c"].map(|name| replica(&api, name, &floor())).into();
    let mut led = 0;
    let mut terms = Vec::new();
    for _ in 0..6_000 {
        sleep(Duration::from_millis(50)).await;
        let leading: Vec<_> = replicas.iter().filter_map(|replica| replica.claim.term()).collect();
        assert!(leading.len() <= 1, "{leading:?}");
        led += leading.len();
        if let Some(term) = leading.first().filter(|term| terms.last() != Some(*term)) {
            terms.push(*term);
        }
    }
    assert!(led > 500, "someone led now and then: {led}");
    assert!(terms.len() > 1 && terms.is_sorted(), "{terms:?}");
}

#[tokio::test(start_paused = true)]
async fn r28_a_lease_that_was_deleted_is_taken_again_with_a_term_above_all_that_was_seen() {
    let api = FakeApi::new();
    let floor = floor();
    let first = replica(&api, "first", &floor);
    first.leads().await;
    floor.store(41, Ordering::Relaxed);
    api.delete(LEASES, "mci", "mci-operator");
    let mut told = first.claim.watch();
    told.wait_for(|term| *term == Some(42)).await.unwrap();
    assert_eq!((first.claim.term(), term(&api)), (Some(42), "42".to_owned()));
}

#[tokio::test(start_paused = true)]
async fn r28_what_others_put_into_the_lease_stays_there() {
    let api = FakeApi::new();
    let first = replica(&api, "first", &floor());
    first.leads().await;
    let mut lease = api.get(LEASES, "mci", "mci-operator").unwrap();
    lease["metadata"]["annotations"]["who"] = json!("someone");
    api.put(LEASES, "mci", "mci-operator", lease);
    sleep(Duration::from_secs(10)).await;
    assert_eq!(first.claim.term(), Some(1), "it is still ours");
    let lease = api.get(LEASES, "mci", "mci-operator").unwrap();
    assert_eq!(lease["metadata"]["annotations"]["who"], json!("someone"));
}

#[tokio::test(start_paused = true)]
async fn r28_leading_costs_one_write_in_two_seconds() {
    let api = FakeApi::new();
    let first = replica(&api, "first", &floor());
    first.leads().await;
    let before = api.count(Asked::is_write);
    sleep(Duration::from_mins(1)).await;
    let writes = api.count(Asked::is_write) - before;
    assert!((28..=31).contains(&writes), "{writes}");
    assert_eq!(api.count(|asked| !asked.is_write()), 1, "it looks once");
}
