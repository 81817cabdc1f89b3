//! Tells one REST peer what the own cluster publishes: carries out a [`SendPlan`].
//!
//! Heartbeats and hostnames take turns in one task: the peer reads, changes and writes what it holds of us with every
//! POST, so no two of ours are ever on their way at once. A heartbeat goes before any hostname.

use std::future::pending;
use std::time::Duration;

use tokio::sync::watch;
use tokio::time::{Instant, sleep_until};

use super::client::{PeerClient, PeerError};
use super::send_plan::{Posted, SendPlan};
use crate::rest::Host;

/// After a call that failed the next one waits this long, and twice as long after the next.
const FIRST_PAUSE: Duration = Duration::from_millis(100);
const LONGEST_PAUSE: Duration = Duration::from_secs(5);

/// What became of a call.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SendEvent<'a> {
    /// A heartbeat was sent.
    Heartbeat(Result<(), &'a PeerError>),
    /// A hostname was told.
    Host {
        /// What.
        host: &'a Host,
        /// And what the peer said.
        told: Result<(), &'a PeerError>,
        /// How many still wait.
        waiting: usize,
    },
}

/// One peer that is told.
#[derive(Debug)]
pub struct Sending {
    client: PeerClient,
    plan: SendPlan,
    interval: Duration,
}

impl Sending {
    /// To this peer, with a heartbeat each `interval`.
    pub fn new(client: PeerClient, interval: Duration) -> Self {
        Self { client, plan: SendPlan::new(interval), interval }
    }

    /// With a plan of other times.
    pub fn plan(mut self, plan: SendPlan) -> Self {
        self.plan = plan;
        self
    }

    /// Tells until it is dropped, or until nobody can tell any more what is published.
    ///
    /// Whenever `changed` moves, `feed` says what the own cluster publishes; at the beginning, too. While `leads` is false
    /// nothing but heartbeats is sent (R21).
    pub async fn run(
        mut self,
        mut changed: watch::Receiver<u64>,
        mut leads: watch::Receiver<bool>,
        mut feed: impl FnMut(&mut SendPlan, Duration) + Send,
        mut observe: impl FnMut(SendEvent<'_>) + Send,
    ) {
        let start = Instant::now();
        let mut next_heartbeat = start;
        let mut not_before = start;
        let mut pause = FIRST_PAUSE;
        let mut led = *leads.borrow_and_update();
        changed.mark_unchanged();
        feed(&mut self.plan, start.elapsed());
        loop {
            let now = Instant::now();
            if now >= next_heartbeat {
                next_heartbeat = now + self.interval;
                let answer = self.client.heartbeat().await;
                self.plan.heartbeat(now - start, start.elapsed(), answer.is_ok());
                observe(SendEvent::Heartbeat(answer.as_ref().copied()));
                if !led {
                    self.plan.stand_by(start.elapsed());
                }
                continue;
            }
            let leading = *leads.borrow_and_update();
            if leading && !led {
                // Another one has told the peer until now, and perhaps not all.
                self.plan.tell_all(now - start);
            }
            led = leading;
            let ready = led && now >= not_before;
            if let Some(host) = ready.then(|| self.plan.next(now - start)).flatten() {
                let told = self.client.post_host(&host).await;
                let posted = match &told {
                    Ok(()) => Posted::Told,
                    Err(PeerError::Refused { .. }) => Posted::Refused,
                    Err(_) => Posted::Failed,
                };
                self.plan.posted(posted, start.elapsed());
                if posted == Posted::Failed {
                    not_before = Instant::now() + pause;
                    pause = (pause * 2).min(LONGEST_PAUSE);
                } else {
                    pause = FIRST_PAUSE;
                }
                let waiting = self.plan.waiting();
                observe(SendEvent::Host { host: &host, told: told.as_ref().copied(), waiting });
                if changed.has_changed().unwrap_or(false) {
                    changed.mark_unchanged();
                    feed(&mut self.plan, start.elapsed());
                }
                continue;
            }
            let wake = self.plan.wake(now - start).filter(|_| led).map(|wake| (start + wake).max(not_before));
            let next = wake.map_or(next_heartbeat, |wake| wake.min(next_heartbeat));
            tokio::select! {
                () = sleep_until(next) => {}
                moved = changed.changed() => {
                    if moved.is_err() {
                        return;
                    }
                    feed(&mut self.plan, start.elapsed());
                }
                // Who can no longer tell whether it leads, does not begin to.
                () = async { if leads.changed().await.is_err() { pending().await } } => {}
            }
        }
    }
}
