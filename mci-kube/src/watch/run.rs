//! The task of a watch: list, follow, prove, and begin again where that fails.

use std::collections::{HashMap, HashSet};
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use http::Request;
use serde_json::value::RawValue;
use tokio::sync::mpsc;
use tokio::time::{Instant, sleep, sleep_until};
use tracing::{debug, info, warn};

use super::held::{Held, Told, Verdict};
use super::lines::Lines;
use super::progress::{Progress, Relist, State};
use super::wire::{Event, Head, Page};
use super::{Batch, Change, Listing, Malformed, ObjectKey, Observed, Source, Timing};
use crate::client::{CallError, ClusterClient};
use crate::pause::{Pause, jittered};

/// The most changes in one batch: what follows waits in the connection.
const BATCH: usize = 4096;
/// No request to wait is obeyed for longer.
const LONGEST_WAIT: Duration = Duration::from_secs(30);
/// How many malformed objects are remembered, so that each is logged once.
const REMEMBERED: usize = 10_000;
/// How much longer than asked for a watch may stay open before the connection counts as dead.
const GRACE: Duration = Duration::from_secs(15);

/// Follows `source` until the receiver of `batches` is dropped. `decode` gets each object raw, and keeps what it needs.
///
/// The channel is bounded: while it is full the API server's connection fills up, and after a while the watch begins again
/// from where it was.
pub async fn watch<T, D>(
    client: ClusterClient,
    source: Source,
    timing: Timing,
    progress: Arc<Progress>,
    decode: D,
    batches: mpsc::Sender<Batch<T>>,
) where
    D: Fn(&RawValue) -> Result<T, String>,
{
    let mut task = Task {
        client,
        source,
        timing,
        progress,
        decode,
        batches: &batches,
        held: Held::default(),
        malformed: Faults::default(),
        relist: Some(Relist::Start),
        next_relist: Instant::now() + jittered(timing.relist),
        next_proof: Instant::now() + prove_after(timing.proof),
        pause: Pause::default(),
        absent_told: false,
    };
    tokio::select! {
        () = batches.closed() => {}
        Closed = task.run() => {}
    }
}

/// The receiver is gone.
struct Closed;

/// Why a step of the task did not succeed.
enum Stop {
    Closed,
    Failed(CallError),
    Relist(Relist),
}

impl From<CallError> for Stop {
    fn from(error: CallError) -> Self {
        Self::Failed(error)
    }
}

/// The objects that cannot be read, and which of their versions was logged.
#[derive(Default)]
struct Faults {
    now: HashSet<ObjectKey>,
    logged: HashMap<ObjectKey, String>,
}

struct Task<'a, T, D> {
    client: ClusterClient,
    source: Source,
    timing: Timing,
    progress: Arc<Progress>,
    decode: D,
    batches: &'a mpsc::Sender<Batch<T>>,
    held: Held,
    malformed: Faults,
    /// Everything is to be listed, and why.
    relist: Option<Relist>,
    next_relist: Instant,
    next_proof: Instant,
    pause: Pause,
    absent_told: bool,
}

impl<T, D: Fn(&RawValue) -> Result<T, String>> Task<'_, T, D> {
    async fn run(&mut self) -> Closed {
        loop {
            let step = match self.relist {
                Some(reason) => self.list(reason).await,
                None => self.follow().await,
            };
            match step {
                Ok(()) => {}
                Err(Stop::Closed) => return Closed,
                Err(Stop::Relist(reason)) => self.relist = Some(reason),
                Err(Stop::Failed(error)) => {
                    if self.failed(&error).await.is_err() {
                        return Closed;
                    }
                }
            }
        }
    }

    /// Everything there is, page by page.
    async fn list(&mut self, reason: Relist) -> Result<(), Stop> {
        let mut there = HashMap::new();
        let mut items = Vec::new();
        let mut malformed = Vec::new();
        let mut next: Option<String> = None;
        let version = loop {
            let mut query = format!("limit={}", self.timing.page);
            if let Some(next) = &next {
                query.push_str("&continue=");
                query.push_str(&encode(next));
            }
            let body = self.client.call_within(self.get(&query), self.timing.deadline).await?;
            self.progress.met();
            let page = Page::read(&body)?;
            for object in page.items() {
                let head = Head::read(object)?;
                there.insert(head.key.clone(), head.version);
                match self.decode(head, object) {
                    Ok(observed) => items.push(observed),
                    Err(fault) => malformed.push(fault),
                }
            }
            match page.next() {
                Some(token) => next = Some(token.to_owned()),
                // All pages of one list are as of one version.
                None => break page.version()?,
            }
        };
        self.malformed.now = malformed.iter().map(|fault| fault.key.clone()).collect();
        self.progress.set_malformed_now(self.malformed.now.len());
        let vanished = self.held.replace(there, version);
        let first = reason == Relist::Start;
        if !first && reason != Relist::Scheduled {
            let (source, gone) = (self.source.name(), vanished.len());
            info!(source, reason = reason.as_str(), gone, "Listed everything again");
        }
        let listing = Listing { version, reason, items, malformed, vanished };
        self.batches.send(Batch::Replace(listing)).await.map_err(|_| Stop::Closed)?;
        self.progress.count_relist(reason);
        self.progress.set_objects(self.held.len());
        self.relist = None;
        self.absent_told = false;
        self.next_relist = Instant::now() + jittered(self.timing.relist);
        self.next_proof = Instant::now() + prove_after(self.timing.proof);
        self.works();
        Ok(())
    }

    /// One watch, from where we are until it ends by itself or fails.
    async fn follow(&mut self) -> Result<(), Stop> {
        let seconds = self.timing.watch.as_secs().max(1);
        let query = format!(
            "watch=1&allowWatchBookmarks=true&resourceVersion={}&timeoutSeconds={seconds}",
            self.held.version()
        );
        let body = self.client.open(self.get(&query), self.timing.deadline).await?;
        let begun = Instant::now();
        let dead = begun + Duration::from_secs(seconds) + GRACE;
        let mut lines = Lines::new(body);
        // Under way beside the watch: a slow answer holds up no event.
        let mut proof: Option<Proof> = None;
        loop {
            let line = tokio::select! {
                line = lines.next() => line?,
                told = async { proof.as_mut().expect("a branch's condition is checked first").answer.as_mut().await },
                    if proof.is_some() =>
                {
                    let asked_at = proof.take().map(|proof| proof.asked_at).unwrap_or_default();
                    self.judge(asked_at, told)?;
                    continue;
                }
                () = sleep_until(self.next_proof), if proof.is_none() => {
                    let asked_at = self.held.begin_proof();
                    proof = Some(Proof { asked_at, answer: self.ask() });
                    continue;
                }
                () = sleep_until(self.next_relist) => return Err(Stop::Relist(Relist::Scheduled)),
                () = sleep_until(dead) => {
                    return Err(CallError::TimedOut(dead - begun).into());
                }
            };
            let Some(line) = line else {
                if begun.elapsed() < Duration::from_secs(1) {
                    // Something in between ends every watch at once: this must not become a tight loop.
                    return Err(CallError::Broken("the watch ended at once".to_owned()).into());
                }
                return Ok(());
            };
            self.take(&line, &mut lines).await?;
        }
    }

    /// Takes one line and all that is there behind it as one batch.
    async fn take(&mut self, first: &[u8], lines: &mut Lines) -> Result<(), Stop> {
        self.progress.met();
        let mut changes = Vec::new();
        let mut end = self.event(first, &mut changes);
        while end.is_ok() && changes.len() < BATCH {
            match lines.next_now() {
                Some(Ok(Some(line))) => end = self.event(&line, &mut changes),
                // Asked again by the caller, who then hears the same.
                Some(Ok(None)) | None => break,
                Some(Err(error)) => end = Err(error.into()),
            }
        }
        if !changes.is_empty() {
            self.progress.count_events(changes.len());
            self.progress.set_objects(self.held.len());
            // What came before a failure happened all the same.
            self.batches.send(Batch::Changes(changes)).await.map_err(|_| Stop::Closed)?;
        }
        if end.is_ok() {
            self.works();
        }
        end
    }

    fn event(&mut self, line: &[u8], changes: &mut Vec<Change<T>>) -> Result<(), Stop> {
        let event = match Event::read(line) {
            Ok(event) => event,
            Err(error) => {
                warn!(source = self.source.name(), %error, "A watch sent what cannot be an event");
                return Err(Stop::Relist(Relist::Nonsense));
            }
        };
        match event {
            Event::Applied(head, object) => {
                self.held.apply(head.key.clone(), head.version);
                let change = match self.decode(head, object) {
                    Ok(observed) => {
                        if self.malformed.now.remove(&observed.key) {
                            self.malformed.logged.remove(&observed.key);
                            self.progress.set_malformed_now(self.malformed.now.len());
                        }
                        Change::Applied(observed)
                    }
                    Err(fault) => {
                        self.malformed.now.insert(fault.key.clone());
                        self.progress.set_malformed_now(self.malformed.now.len());
                        Change::Malformed(fault)
                    }
                };
                changes.push(change);
            }
            Event::Deleted(Head { key, uid: _, version }) => {
                self.held.delete(&key, version);
                if self.malformed.now.remove(&key) {
                    self.progress.set_malformed_now(self.malformed.now.len());
                }
                self.malformed.logged.remove(&key);
                changes.push(Change::Deleted { key, version });
            }
            Event::Bookmark(version) => self.held.saw(version),
            Event::Error(error) if error.is_gone() => return Err(Stop::Relist(Relist::Expired)),
            Event::Error(error) => return Err(error.into()),
        }
        Ok(())
    }

    /// Decodes one object; what cannot be read is logged once for each problem, and counted.
    fn decode(&mut self, head: Head, object: &RawValue) -> Result<Observed<T>, Malformed> {
        let Head { key, uid, version } = head;
        match (self.decode)(object) {
            Ok(value) => Ok(Observed { key, uid, version, value }),
            Err(problem) => {
                let Faults { logged, now: _ } = &mut self.malformed;
                if logged.get(&key) != Some(&problem) {
                    warn!(source = self.source.name(), object = %key, problem, "Skipped a malformed object");
                    if logged.len() >= REMEMBERED {
                        logged.clear();
                    }
                    logged.insert(key.clone(), problem.clone());
                }
                self.progress.count_malformed();
                Err(Malformed { key, uid, version, problem })
            }
        }
    }

    /// Asks for what proves the watch.
    fn ask(&self) -> Pin<Box<dyn Future<Output = Result<Told, CallError>> + Send>> {
        let client = self.client.clone();
        let request = self.get("limit=1");
        let deadline = self.timing.deadline;
        Box::pin(async move {
            let body = client.call_within(request, deadline).await?;
            let page = Page::read(&body)?;
            Ok(Told { version: page.version()?, count: page.count() })
        })
    }

    fn judge(&mut self, asked_at: super::Version, told: Result<Told, CallError>) -> Result<(), Stop> {
        self.next_proof = Instant::now() + prove_after(self.timing.proof);
        let told = match told {
            Ok(told) => told,
            Err(error) if error.is_overloaded() => {
                // It answers, and has too much to do: asking again at once would be the wrong help.
                self.progress.met();
                self.progress.count_failure();
                return Ok(());
            }
            Err(error) => {
                debug!(source = self.source.name(), %error, "A watch could not be proved");
                return Err(error.into());
            }
        };
        self.progress.met();
        match self.held.judge(asked_at, told) {
            Verdict::Holds => {
                self.works();
                Ok(())
            }
            Verdict::Doubtful => Ok(()),
            Verdict::Relist(reason) => {
                warn!(
                    source = self.source.name(),
                    reason = reason.as_str(),
                    ours = %asked_at,
                    theirs = %told.version,
                    known = self.held.len(),
                    told = told.count,
                    "A watch is not what the API server has"
                );
                Err(Stop::Relist(reason))
            }
        }
    }

    fn works(&mut self) {
        self.pause.reset();
        if self.progress.stand(State::Following) {
            info!(source = self.source.name(), objects = self.held.len(), "Following");
        }
    }

    /// Says what failed, and waits.
    async fn failed(&mut self, error: &CallError) -> Result<(), Closed> {
        let name = self.source.name();
        self.progress.count_failure();
        // As soon as it answers again it shows whether it is still the same.
        self.next_proof = Instant::now();
        if error.is_gone() {
            let reason = if self.relist.is_some() { self.relist } else { Some(Relist::Expired) };
            self.relist = reason;
            sleep(self.pause.next()).await;
            return Ok(());
        }
        if self.relist == Some(Relist::Scheduled) {
            // Nothing says that something is wrong: following matters more.
            self.relist = None;
            self.next_relist = Instant::now() + jittered(Duration::from_mins(2));
        }
        let state = if error.is_not_found() {
            self.progress.met();
            State::Absent
        } else if error.is_forbidden() {
            self.progress.met();
            State::Forbidden(error.to_string())
        } else {
            State::Lost(error.to_string())
        };
        if state == State::Absent {
            self.relist = Some(Relist::Start);
            if !self.absent_told {
                self.absent_told = true;
                self.held.clear();
                self.progress.set_objects(0);
                self.batches.send(Batch::Absent).await.map_err(|_| Closed)?;
            }
        }
        let absent = state == State::Absent;
        if self.progress.stand(state) {
            if absent {
                info!(
                    source = name,
                    "The API server does not have this kind; asking again from time to time"
                );
            } else {
                warn!(source = name, %error, "Not following; what was seen last stays");
            }
        }
        let pause = self.pause.next();
        let asked = error.retry_after().unwrap_or_default().min(LONGEST_WAIT);
        sleep(pause.max(asked)).await;
        Ok(())
    }

    fn get(&self, query: &str) -> Request<Vec<u8>> {
        Request::get(format!("{}?{query}", self.source.path()))
            .header(http::header::ACCEPT, "application/json")
            .body(Vec::new())
            .expect("a path of an API and an encoded query are a URI")
    }
}

/// A proof under way.
struct Proof {
    asked_at: super::Version,
    answer: Pin<Box<dyn Future<Output = Result<Told, CallError>> + Send>>,
}

/// Between three quarters of it and all of it, at random, so that the proofs of many watches spread.
fn prove_after(whole: Duration) -> Duration {
    whole / 2 + jittered(whole) / 2
}

/// Percent-encodes what a query's value may not hold.
pub(super) fn encode(value: &str) -> String {
    use std::fmt::Write;
    let mut encoded = String::with_capacity(value.len());
    for octet in value.bytes() {
        if octet.is_ascii_alphanumeric() || b"-._~".contains(&octet) {
            encoded.push(char::from(octet));
        } else {
            write!(encoded, "%{octet:02X}").expect("writing to a String never fails");
        }
    }
    encoded
}
