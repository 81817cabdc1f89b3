//! The task that writes what a desk says, while it leads.

use std::sync::Arc;
use std::time::Duration;

use tokio::task::JoinSet;
use tokio::time::{Instant, sleep_until};
use tokio_util::sync::CancellationToken;
use tracing::{debug, warn};

use super::counters::{Act, Counters, Outcome};
use super::desk::Desk;
use super::entry::{Action, Done, Job, SeenObject};
use super::lanes::{Lane, Lanes, Permit};
use super::{Part, Wanted};
use crate::client::{CallError, ClusterClient, version_of};
use crate::lease::Claim;
use crate::watch::ObjectKey;

/// What came of one write, for who has to tell people.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Report {
    /// Which object.
    pub key: ObjectKey,
    /// What was done or tried.
    pub act: Act,
    /// What came of it.
    pub outcome: Outcome,
    /// What the API server said, where it did not do it.
    pub problem: Option<String>,
}

/// Hears of each write. Called by the writing task: it must not wait.
pub type Listener = Arc<dyn Fn(Report) + Send + Sync>;

/// Writes one kind.
pub struct Writer<W: Wanted> {
    /// For logs.
    pub name: &'static str,
    /// The cluster that is written to.
    pub client: ClusterClient,
    /// What is wanted, and what was seen.
    pub desk: Desk<W>,
    /// Whether we lead: asked at each write.
    pub claim: Claim,
    /// Shared by all writers to one cluster.
    pub lanes: Lanes,
    /// For metrics.
    pub counters: Arc<Counters>,
    /// Hears of each write.
    pub listener: Option<Listener>,
}

/// A write that was answered, or not.
struct Landed<S> {
    key: ObjectKey,
    lane: Lane,
    act: Act,
    result: Result<Done<S>, CallError>,
    leading: bool,
}

impl<W: Wanted> Writer<W> {
    /// Writes until `stop`; then waits for what is in flight. Release the claim only after that.
    pub async fn run(self, stop: CancellationToken) {
        let mut leadership = self.claim.watch();
        let mut flights: JoinSet<Landed<W::Seen>> = JoinSet::new();
        loop {
            let (due, wake) = self.desk.due(Instant::now());
            let lane = due.filter(|_| self.claim.term().is_some());
            tokio::select! {
                () = stop.cancelled() => break,
                Some(landed) = flights.join_next() => {
                    // A panic in a write is a bug: it ends this task, and its supervisor says why.
                    self.land(landed.expect("writing an object does not panic"));
                }
                permit = self.lanes.begin(lane.unwrap_or(Lane::Bulk)), if lane.is_some() => {
                    self.start(permit, &mut flights);
                }
                () = self.desk.changed() => {}
                () = sleep_until(wake.unwrap_or_else(Instant::now)), if wake.is_some() => {}
                Ok(()) = leadership.changed() => {
                    if leadership.borrow_and_update().is_some() {
                        self.desk.again();
                    }
                }
            }
        }
        while let Some(landed) = flights.join_next().await {
            self.land(landed.expect("writing an object does not panic"));
        }
    }

    fn start(&self, permit: Permit, flights: &mut JoinSet<Landed<W::Seen>>) {
        // Asked here, at the moment of writing, and once more right before it is sent.
        let Some(term) = self.claim.term() else { return };
        let Some(Job { key, action }) = self.desk.next(permit.lane(), Instant::now(), term) else {
            return;
        };
        let (client, claim) = (self.client.clone(), self.claim.clone());
        flights.spawn(async move {
            let lane = permit.lane();
            let act = match &action {
                Action::Create(_) => Act::Create,
                Action::Replace(_) => Act::Replace,
                Action::Apply(_) => Act::Apply,
                Action::Delete { .. } => Act::Delete,
                Action::Look => Act::Look,
            };
            if claim.term() != Some(term) {
                return Landed { key, lane, act, result: Ok(Done::NotTried), leading: false };
            }
            let result = send::<W>(&client, &key, action).await;
            match &result {
                Ok(_) => permit.succeeded(),
                Err(error) if error.is_overloaded() => permit.overloaded(),
                Err(_) => {}
            }
            Landed { key, lane, act, result, leading: true }
        });
    }

    fn land(&self, landed: Landed<W::Seen>) {
        let Landed { key, lane, act, result, leading } = landed;
        let name = self.name;
        let (outcome, problem, done) = match result {
            Ok(done) => {
                let outcome = if leading { Outcome::Done } else { Outcome::NotLeading };
                (outcome, None, done)
            }
            Err(error) => {
                let (outcome, done) = judge(&error, act);
                let act = act.as_str();
                if outcome == Outcome::Conflict {
                    // Ordinary: someone was first, and it is decided again.
                    debug!(name, object = %key, act, %error, "Looking again");
                } else {
                    warn!(name, object = %key, act, %error, "A write failed");
                }
                (outcome, Some(error.to_string()), done)
            }
        };
        self.counters.count(lane, act, outcome);
        self.desk.done(&key, Instant::now(), done);
        if let Some(listener) = &self.listener {
            listener(Report { key, act, outcome, problem });
        }
    }
}

/// What a failure means for the object.
fn judge<S>(error: &CallError, act: Act) -> (Outcome, Done<S>) {
    let wait = error.retry_after().unwrap_or(Duration::ZERO).min(Duration::from_secs(30));
    if error.is_overloaded() {
        (Outcome::Overloaded, Done::Later(wait))
    } else if error.is_forbidden() {
        (Outcome::Forbidden, Done::Later(wait))
    } else if act == Act::Look {
        (Outcome::Failed, Done::Later(wait))
    } else if error.is_conflict() || error.is_not_found() {
        (Outcome::Conflict, Done::LookAgain)
    } else if error.is_invalid() {
        (Outcome::Invalid, Done::Refused)
    } else if error.is_outcome_unknown() {
        (Outcome::Unknown, Done::LookAgain)
    } else {
        (Outcome::Failed, Done::Later(wait))
    }
}

async fn send<W: Wanted>(
    client: &ClusterClient,
    key: &ObjectKey,
    action: Action<W::Object>,
) -> Result<Done<W::Seen>, CallError> {
    match action {
        Action::Create(object) => wrote::<W>(client.create(&object).await?),
        Action::Replace(object) => match W::PART {
            Part::Whole => wrote::<W>(client.replace(&object).await?),
            Part::Status | Part::Applied { .. } => wrote::<W>(client.replace_status(&object).await?),
        },
        Action::Apply(object) => match W::PART {
            Part::Applied { manager } => wrote::<W>(client.apply_status(&object, manager).await?),
            Part::Whole | Part::Status => wrote::<W>(client.replace(&object).await?),
        },
        Action::Delete { uid, version } => {
            client.delete::<W::Object>(key, &uid, version).await.map(|()| Done::Deleted)
        }
        Action::Look => {
            let object = client.get::<W::Object>(key).await?;
            Ok(Done::Looked(object.map(seen::<W>).transpose()?))
        }
    }
}

fn wrote<W: Wanted>(object: W::Object) -> Result<Done<W::Seen>, CallError> {
    seen::<W>(object).map(Done::Wrote)
}

fn seen<W: Wanted>(object: W::Object) -> Result<SeenObject<W::Seen>, CallError> {
    let version = version_of(&object)?;
    let uid = kube::Resource::meta(&object).uid.as_deref().unwrap_or_default().into();
    // What cannot be read is there all the same: the next comparison takes it for wrong.
    Ok(SeenObject { version, uid, value: W::seen(object).ok() })
}
