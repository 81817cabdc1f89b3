//! The task that asks the election what to do, and does it.

use std::time::Duration;

use k8s_openapi::api::coordination::v1::Lease;
use tokio::time::{Instant, sleep_until, timeout};
use tokio_util::sync::CancellationToken;
use tracing::{debug, info, warn};

use super::election::{Election, Step};
use super::{Claim, Options, Tenure, record};
use crate::client::{CallError, ClusterClient};
use crate::pause::Pause;
use crate::watch::ObjectKey;

/// How long one request of a contender may take: two fit into a tenure.
const REQUEST: Duration = Duration::from_secs(2);
/// The longest pause after a failure: a holder has five seconds in all.
const LONGEST_PAUSE: Duration = Duration::from_millis(500);

/// Contends for leadership while it runs.
pub struct Contender {
    client: ClusterClient,
    options: Options,
    claim: Claim,
    election: Election,
    /// As it was read or written last: what is written next is made from it.
    last: Option<Lease>,
    pause: Pause,
    /// Why the last request failed, where it did: an outage is told once, not twice a second.
    failing: Option<String>,
    leads: bool,
}

/// A claim, and what has to run for it.
pub fn contend(client: ClusterClient, options: Options) -> (Claim, Contender) {
    let claim = Claim::none();
    let election = Election::new(options.identity.clone(), options.timing);
    let contender = Contender {
        client,
        options,
        claim: claim.clone(),
        election,
        last: None,
        pause: Pause::default(),
        failing: None,
        leads: false,
    };
    (claim, contender)
}

impl Contender {
    /// Runs until `stop`; then it releases what it holds.
    pub async fn run(mut self, stop: CancellationToken) {
        loop {
            let todo = self.election.next(Instant::now());
            let end = self.election.tenure(Instant::now()).map(|(_, until)| until);
            let claim = self.claim.clone();
            tokio::select! {
                // A stop does not wait for a request: what it did is found out by the release.
                () = stop.cancelled() => break,
                () = self.act(todo) => {}
                // The end of a tenure is told when it comes, whatever is being waited for.
                lapsed = lapse(&claim, end) => match lapsed {},
            }
            self.tell();
        }
        self.release().await;
    }

    async fn act(&mut self, step: Step) {
        let sent = Instant::now();
        let done = match step {
            Step::Wait(at) => return sleep_until(at).await,
            Step::Look => self.look().await,
            Step::Take { above } => self.write(sent, above.max((self.options.floor)()) + 1).await,
            Step::Renew { term } => self.write(sent, term).await,
        };
        match done {
            Ok(()) => {
                self.pause.reset();
                if self.failing.take().is_some() {
                    info!(lease = self.options.name, "The leader's Lease can be read and written again");
                }
            }
            Err(error) => {
                if !error.is_conflict() && !error.is_not_found() {
                    self.tell_failure(error.to_string());
                }
                // Another was first: look at once, as it may be us by an answer that was lost.
                let pause = if error.is_conflict() { Duration::ZERO } else { self.pause.next() };
                self.election.failed(Instant::now(), pause.min(LONGEST_PAUSE));
            }
        }
    }

    fn tell_failure(&mut self, error: String) {
        let lease = &self.options.name;
        if self.failing.as_ref() == Some(&error) {
            debug!(lease, error, "The leader's Lease still cannot be read or written");
        } else {
            warn!(lease, error, "The leader's Lease could not be read or written");
            self.failing = Some(error);
        }
    }

    async fn look(&mut self) -> Result<(), CallError> {
        let key = ObjectKey::new(&self.options.namespace, &self.options.name);
        let lease = limited(self.client.get::<Lease>(&key)).await?;
        let record = lease.as_ref().map(record::read).transpose()?;
        self.claim.saw_holder(record.as_ref().and_then(|record| record.holder.as_deref()));
        self.election.saw(Instant::now(), record);
        self.last = lease;
        Ok(())
    }

    async fn write(&mut self, sent: Instant, term: u64) -> Result<(), CallError> {
        let lease = record::write(&self.options, self.last.as_ref(), term, true);
        let written = if self.last.is_some() {
            limited(self.client.replace(&lease)).await?
        } else {
            limited(self.client.create(&lease)).await?
        };
        let record = record::read(&written)?;
        self.claim.saw_holder(record.holder.as_deref());
        self.election.wrote(sent, Instant::now(), record);
        self.last = Some(written);
        Ok(())
    }

    /// Makes the claim say what the election says.
    fn tell(&mut self) {
        let tenure = self.election.tenure(Instant::now());
        self.claim.set(tenure.map(|(term, until)| Tenure { term, until }));
        let leads = tenure.is_some();
        if leads != self.leads {
            self.leads = leads;
            let (lease, identity) = (&self.options.name, &self.options.identity);
            if let Some((term, _)) = tenure {
                info!(lease, identity, term, "Leading");
            } else {
                let holder = self.claim.holder();
                warn!(lease, identity, holder, "No longer leading");
            }
        }
    }

    async fn release(mut self) {
        // First of all nothing is written any more under this claim.
        self.claim.set(None);
        if !self.leads {
            return;
        }
        // A renewal may have been cut off on its way: look what became of it.
        let released = async {
            self.look().await?;
            let Some(last) = self.last.as_ref() else { return Ok(()) };
            let record = record::read(last)?;
            if record.holder.as_deref() != Some(&*self.options.identity) {
                return Ok(());
            }
            let lease = record::write(&self.options, Some(last), record.term, false);
            limited(self.client.replace(&lease)).await.map(drop)
        }
        .await;
        let lease = &self.options.name;
        match released {
            Ok(()) => info!(lease, "Released leadership"),
            Err(error) => warn!(lease, %error, "Leadership could not be released: it ends by itself"),
        }
    }
}

/// Never: a request that is under way at the end of a tenure goes on.
enum Lapsed {}

async fn lapse(claim: &Claim, end: Option<Instant>) -> Lapsed {
    if let Some(end) = end {
        sleep_until(end).await;
        claim.set(None);
    }
    std::future::pending().await
}

async fn limited<T>(call: impl Future<Output = Result<T, CallError>>) -> Result<T, CallError> {
    timeout(REQUEST, call).await.unwrap_or(Err(CallError::TimedOut(REQUEST)))
}
