//! Which clusters are alive (R20): ages that are summed, never differences of timestamps.
//!
//! ```text
//!  heartbeat counter moved ──► age 0, alive
//!  tick (every check) ──► could we have heard it? ──► yes: age grows by at most two checks ──► timeout: stale
//!                                                 └─► no:  ages stand still; afterwards each gets a full timeout
//! ```

use core::time::Duration;
use std::collections::BTreeMap;

use crate::cluster::{ClusterId, ClusterState};

/// How long a heartbeat may be missing (R20).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LivenessLimits {
    /// A cluster whose age reaches this is stale.
    pub timeout: Duration,
    /// How often [`Liveness::tick`] is called.
    pub check: Duration,
    /// How often heartbeats are sent; a front end that was seen to receive counts for two of these.
    pub interval: Duration,
}

impl Default for LivenessLimits {
    /// 90 s, 1 s, 10 s.
    fn default() -> Self {
        Self {
            timeout: Duration::from_secs(90),
            check: Duration::from_secs(1),
            interval: Duration::from_secs(10),
        }
    }
}

/// One observer's judgement of every cluster (R20). Time is its monotonic clock, as a duration since any fixed moment.
#[derive(Clone, Debug)]
pub struct Liveness {
    limits: LivenessLimits,
    own: ClusterId,
    ticked: Option<Duration>,
    contact: bool,
    receivers: BTreeMap<String, Receiver>,
    receiving: bool,
    clusters: BTreeMap<ClusterId, Heard>,
}

#[derive(Clone, Debug)]
struct Heard {
    counter: Option<u64>,
    age: Duration,
    state: ClusterState,
}

#[derive(Clone, Debug)]
struct Receiver {
    counter: u64,
    /// Until when it is known to be receiving; never, before its counter has been seen to move.
    until: Option<Duration>,
}

impl Liveness {
    /// Nobody is known yet, and nothing is known of what could be heard.
    pub fn new(own: ClusterId, limits: LivenessLimits) -> Self {
        Self {
            limits,
            own,
            ticked: None,
            contact: false,
            receivers: BTreeMap::new(),
            receiving: false,
            clusters: BTreeMap::new(),
        }
    }

    /// Takes new limits; ages stay.
    pub fn configure(&mut self, limits: LivenessLimits) {
        self.limits = limits;
    }

    /// Watches a cluster from now on. One that was judged before keeps that state: alive gets a full timeout, stale
    /// stays so until its counter moves. Nothing for one that is watched already.
    pub fn watch(&mut self, cluster: &ClusterId, judged: Option<ClusterState>) {
        self.clusters.entry(cluster.clone()).or_insert_with(|| Heard {
            counter: None,
            age: Duration::ZERO,
            state: if judged == Some(ClusterState::Stale) {
                ClusterState::Stale
            } else {
                ClusterState::Alive
            },
        });
    }

    /// Takes over what another observer, who leads, judged. One that is alive gets a full timeout, if it had none here.
    pub fn adopt(&mut self, cluster: &ClusterId, judged: ClusterState) {
        let Some(heard) = self.clusters.get_mut(cluster) else { return };
        match (heard.state, judged) {
            (ClusterState::Stale, ClusterState::Alive) => {
                heard.state = ClusterState::Alive;
                heard.age = Duration::ZERO;
            }
            (ClusterState::Alive, ClusterState::Stale) => heard.state = ClusterState::Stale,
            // Nobody judges a cluster gone by its heartbeat.
            _ => {}
        }
    }

    /// The greatest age of a cluster that is alive: what is worth a closer look.
    pub fn greatest_age(&self) -> Duration {
        let alive = self.clusters.values().filter(|heard| heard.state == ClusterState::Alive);
        alive.map(|heard| heard.age).max().unwrap_or_default()
    }

    /// Forgets a cluster.
    pub fn forget(&mut self, cluster: &ClusterId) {
        self.clusters.remove(cluster);
    }

    /// A cluster's heartbeat counter as it stands. The first sight is no evidence: it may be long old.
    ///
    /// Says whether this makes the cluster alive that was stale.
    pub fn heard(&mut self, cluster: &ClusterId, counter: u64) -> bool {
        let Some(heard) = self.clusters.get_mut(cluster) else { return false };
        let moved = heard.counter.is_some_and(|last| last != counter);
        heard.counter = Some(counter);
        if !moved {
            return false;
        }
        heard.age = Duration::ZERO;
        let returns = heard.state == ClusterState::Stale;
        heard.state = ClusterState::Alive;
        returns
    }

    /// A front end's counter as it stands: it moves while that front end could hear a peer.
    pub fn received(&mut self, receiver: &str, counter: u64, now: Duration) {
        let until = now + self.limits.interval * 2;
        match self.receivers.get_mut(receiver) {
            Some(known) if known.counter != counter => *known = Receiver { counter, until: Some(until) },
            Some(_) => {}
            None => {
                self.receivers.insert(receiver.to_owned(), Receiver { counter, until: None });
            }
        }
    }

    /// A front end is gone for good.
    pub fn receiver_gone(&mut self, receiver: &str) {
        self.receivers.remove(receiver);
    }

    /// Lets ages grow; `contact` says whether the observer's own access to its API server works. Returns the clusters
    /// that have become stale.
    ///
    /// What the observer missed counts against nobody: while it had no contact, or no front end was receiving (for
    /// every cluster but its own), or it was not running at all, ages stand still, and after that every cluster that
    /// is alive has a full timeout.
    pub fn tick(&mut self, now: Duration, contact: bool) -> Vec<ClusterId> {
        let step = self.ticked.map(|last| now.saturating_sub(last));
        let receiving = contact
            && self.receivers.values().any(|receiver| receiver.until.is_some_and(|until| until > now));
        // A pause that is short beside the timeout is a busy machine; a longer one is a process that did not run.
        let ran = step.is_some_and(|step| step <= (self.limits.check * 2).max(self.limits.timeout / 4));
        let (had_contact, was_receiving) = (self.contact, self.receiving);
        (self.ticked, self.contact, self.receiving) = (Some(now), contact, receiving);
        let step = step.unwrap_or_default().min(self.limits.check * 2);

        let mut stale = Vec::new();
        for (id, heard) in &mut self.clusters {
            let own = *id == self.own;
            let hearing = if own { contact } else { receiving };
            let heard_before = ran && if own { had_contact } else { was_receiving };
            if heard.state == ClusterState::Stale {
                continue;
            }
            if !(hearing && heard_before) {
                // A gap, or its end: a full timeout from here.
                heard.age = Duration::ZERO;
                continue;
            }
            heard.age += step;
            if heard.age >= self.limits.timeout {
                heard.state = ClusterState::Stale;
                stale.push(id.clone());
            }
        }
        stale
    }

    /// Whether nobody but the own cluster can become stale now: this cluster is deaf.
    pub fn is_frozen(&self) -> bool {
        !self.receiving
    }

    /// What a cluster is.
    pub fn state(&self, cluster: &ClusterId) -> Option<ClusterState> {
        self.clusters.get(cluster).map(|heard| heard.state)
    }

    /// How long a cluster has not been heard, as far as it could have been.
    pub fn age(&self, cluster: &ClusterId) -> Option<Duration> {
        self.clusters.get(cluster).map(|heard| heard.age)
    }

    /// Every cluster that is watched.
    pub fn clusters(&self) -> impl ExactSizeIterator<Item = &ClusterId> {
        self.clusters.keys()
    }
}
