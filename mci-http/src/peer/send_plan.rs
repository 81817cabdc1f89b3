//! What a REST peer is told next. It decides, and knows neither sockets nor a clock.
//!
//! The peer forgets: all of it once our heartbeats pause for its timeout, and one of two POSTs that come at once. It also
//! cannot be asked what it holds of us. So there is one POST at a time, everything is told again every while, and
//! whenever heartbeats were not heard for so long that the peer may be about to forget.
//!
//! Times are durations since any one moment.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use mci_core::Hostname;

use crate::rest::Host;

/// All is told again after this time.
const EVERY: Duration = Duration::from_mins(5);
/// All is told again when heartbeats were not heard for this time: half of the peer's own timeout, by default.
const SILENCE: Duration = Duration::from_secs(15);
/// What failed is told again after this time.
const AGAIN: Duration = Duration::from_secs(1);

/// What became of a POST.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Posted {
    /// The peer took it.
    Told,
    /// The peer does not want it: it is told again with all the rest, and not before.
    Refused,
    /// It did not get there, or the peer could not take it.
    Failed,
}

/// Everything that a REST peer has to be told.
#[derive(Debug)]
pub struct SendPlan {
    every: Duration,
    silence: Duration,
    /// What the own cluster publishes.
    wanted: BTreeMap<Hostname, Arc<Host>>,
    /// What it no longer publishes, and since when: until it has been told with all the rest, once more than needed.
    gone: BTreeMap<Hostname, Duration>,
    /// What is other than it was told, the oldest change first; each once.
    changed: Queue,
    /// What failed, and when it is told again: a while after the last that failed.
    failed: Queue,
    retry: Duration,
    /// What is left of telling everything.
    all: BTreeSet<Hostname>,
    /// Those of them that are gone: they are forgotten when they have been told.
    farewell: BTreeSet<Hostname>,
    in_flight: Option<Hostname>,
    /// When the last heartbeat that the peer answered was sent.
    heard: Option<Duration>,
    /// When everything is told again.
    again: Duration,
}

#[derive(Debug, Default)]
struct Queue {
    order: VecDeque<Hostname>,
    queued: BTreeSet<Hostname>,
}

impl Queue {
    fn push(&mut self, hostname: &Hostname) {
        if self.queued.insert(hostname.clone()) {
            self.order.push_back(hostname.clone());
        }
    }

    fn pop(&mut self) -> Option<Hostname> {
        let hostname = self.order.pop_front()?;
        self.queued.remove(&hostname);
        Some(hostname)
    }
}

impl SendPlan {
    /// Nothing is published yet. `interval` is that of heartbeats: one that is longer than usual is no silence.
    pub fn new(interval: Duration) -> Self {
        Self {
            every: EVERY,
            silence: SILENCE.max(interval.saturating_mul(3) / 2),
            wanted: BTreeMap::new(),
            gone: BTreeMap::new(),
            changed: Queue::default(),
            failed: Queue::default(),
            retry: Duration::ZERO,
            all: BTreeSet::new(),
            farewell: BTreeSet::new(),
            in_flight: None,
            heard: None,
            again: Duration::ZERO,
        }
    }

    /// With another time after which everything is told again.
    pub const fn every(mut self, every: Duration) -> Self {
        self.every = every;
        self
    }

    /// With another time without a heartbeat after which the peer may have forgotten: less than its own timeout.
    pub const fn silence(mut self, silence: Duration) -> Self {
        self.silence = silence;
        self
    }

    /// The own cluster publishes this; nothing happens where it is what it published before.
    pub fn want(&mut self, host: Host) {
        if self.wanted.get(&host.hostname).is_some_and(|known| **known == host) {
            return;
        }
        self.gone.remove(&host.hostname);
        self.farewell.remove(&host.hostname);
        self.changed.push(&host.hostname);
        self.wanted.insert(host.hostname.clone(), Arc::new(host));
    }

    /// The own cluster publishes it no more. It is told although the peer may never have heard of it: a leader before this
    /// one may have told it.
    pub fn withdraw(&mut self, hostname: &Hostname, now: Duration) {
        if self.wanted.remove(hostname).is_some() || !self.gone.contains_key(hostname) {
            self.gone.insert(hostname.clone(), now);
            self.farewell.remove(hostname);
            self.changed.push(hostname);
        }
    }

    /// What the own cluster publishes, all of it: what is not in it is withdrawn.
    pub fn want_exactly(&mut self, hosts: impl IntoIterator<Item = Host>, now: Duration) {
        let mut rest: BTreeSet<Hostname> = self.wanted.keys().cloned().collect();
        for host in hosts {
            rest.remove(&host.hostname);
            self.want(host);
        }
        for hostname in rest {
            self.withdraw(&hostname, now);
        }
    }

    /// A heartbeat that was sent at `sent` was answered, now or with an error.
    pub fn heartbeat(&mut self, sent: Duration, now: Duration, answered: bool) {
        if !answered {
            return;
        }
        // From the one before was sent to this one was answered: never less than what the peer waited.
        let silent = self.heard.is_none_or(|heard| now.saturating_sub(heard) >= self.silence);
        self.heard = Some(self.heard.map_or(sent, |heard| heard.max(sent)));
        if silent {
            self.tell_all(now);
        }
    }

    /// Someone else told the peer in the meantime: it is told everything again.
    pub fn tell_all(&mut self, now: Duration) {
        self.all = self.wanted.keys().chain(self.gone.keys()).cloned().collect();
        self.farewell = self.gone.keys().cloned().collect();
        self.again = now.saturating_add(self.every);
    }

    /// Another process leads, and tells the peer: nothing waits here, and what it has told twice by now is forgotten. Whoever
    /// leads next [tells everything](Self::tell_all).
    pub fn stand_by(&mut self, now: Duration) {
        (self.changed, self.failed) = (Queue::default(), Queue::default());
        self.all.clear();
        self.farewell.clear();
        let told = self.every.saturating_mul(2);
        self.gone.retain(|_, since| now.saturating_sub(*since) < told);
    }

    /// What to POST now. Nothing while one is on its way, and nothing while the peer does not hear us: it would forget it.
    pub fn next(&mut self, now: Duration) -> Option<Arc<Host>> {
        if self.in_flight.is_some() || !self.is_heard(now) {
            return None;
        }
        if now >= self.again {
            self.tell_all(now);
        }
        let failed = if now >= self.retry { self.failed.pop() } else { None };
        let hostname = failed.or_else(|| self.changed.pop()).or_else(|| self.all.pop_first())?;
        self.all.remove(&hostname);
        self.in_flight = Some(hostname.clone());
        Some(self.wanted.get(&hostname).cloned().unwrap_or_else(|| Arc::new(Host::none(hostname))))
    }

    /// What became of the POST that is on its way.
    pub fn posted(&mut self, posted: Posted, now: Duration) {
        let Some(hostname) = self.in_flight.take() else { return };
        match posted {
            Posted::Told | Posted::Refused => {
                // Twice told, and the second time with all the rest: it need not be remembered any longer.
                if self.farewell.remove(&hostname) {
                    self.gone.remove(&hostname);
                }
            }
            Posted::Failed => {
                self.failed.push(&hostname);
                self.retry = now.saturating_add(AGAIN);
            }
        }
    }

    /// When [`next`](Self::next) may have something, if nothing else happens before.
    pub fn wake(&self, now: Duration) -> Option<Duration> {
        if self.in_flight.is_some() || !self.is_heard(now) {
            return None;
        }
        if !self.changed.order.is_empty() || !self.all.is_empty() {
            return Some(now);
        }
        Some(if self.failed.order.is_empty() { self.again } else { self.again.min(self.retry) })
    }

    /// How many hostnames wait to be told; one that changed while everything is told counts twice.
    pub fn waiting(&self) -> usize {
        let in_flight = usize::from(self.in_flight.is_some());
        self.changed.order.len() + self.failed.order.len() + self.all.len() + in_flight
    }

    fn is_heard(&self, now: Duration) -> bool {
        self.heard.is_some_and(|heard| now.saturating_sub(heard) < self.silence)
    }
}

#[cfg(test)]
mod tests;
