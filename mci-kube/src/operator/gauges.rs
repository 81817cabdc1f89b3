//! What the operator tells of itself, for readiness and metrics: written by its tasks, read by anyone.

use std::collections::{BTreeMap, HashMap};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use mci_core::publish::{ConditionType, Status};
use tokio::time::Instant;

use crate::decode::Decoding;
use crate::lease::Claim;
use crate::watch::{ObjectKey, Progress};
use crate::write::{Counters, Lanes};

/// Where the time between a change and its effect goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Stage {
    /// From a watch's event to the decision.
    Decide,
    /// From a watch's event to the API server's answer to the write that it led to.
    Write,
}

impl Stage {
    /// Both of them, for metrics.
    pub const ALL: [Self; 2] = [Self::Decide, Self::Write];

    /// As a metric's label.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Decide => "decide",
            Self::Write => "write",
        }
    }
}

/// The upper bounds of a histogram's buckets, in seconds.
pub const BOUNDS: [f64; 12] = [0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0];

/// Durations, counted by size.
#[derive(Debug, Default)]
pub struct Histogram {
    buckets: [AtomicU64; BOUNDS.len()],
    count: AtomicU64,
    nanos: AtomicU64,
}

impl Histogram {
    pub(super) fn observe(&self, took: Duration) {
        for (bucket, bound) in self.buckets.iter().zip(BOUNDS) {
            if took.as_secs_f64() <= bound {
                bucket.fetch_add(1, Ordering::Relaxed);
            }
        }
        self.count.fetch_add(1, Ordering::Relaxed);
        self.nanos.fetch_add(u64::try_from(took.as_nanos()).unwrap_or(u64::MAX), Ordering::Relaxed);
    }

    /// How many were at most as long as each of [`BOUNDS`].
    pub fn buckets(&self) -> [u64; BOUNDS.len()] {
        std::array::from_fn(|at| self.buckets.get(at).map_or(0, |bucket| bucket.load(Ordering::Relaxed)))
    }

    /// How many there were.
    pub fn count(&self) -> u64 {
        self.count.load(Ordering::Relaxed)
    }

    /// What they add up to.
    pub fn sum(&self) -> Duration {
        Duration::from_nanos(self.nanos.load(Ordering::Relaxed))
    }
}

/// What the operator tells of itself.
#[derive(Debug)]
pub struct Gauges {
    claim: Claim,
    lanes: Lanes,
    decoding: Arc<Decoding>,
    counters: [(&'static str, Arc<Counters>); 5],
    updates: Histogram,
    propagation: [Histogram; 2],
    synced: AtomicBool,
    hostnames: AtomicU64,
    gslbs: AtomicU64,
    held: AtomicU64,
    joined: AtomicU64,
    refused_statuses: AtomicU64,
    heartbeats: AtomicU64,
    heartbeat_failures: AtomicU64,
    watches: Mutex<BTreeMap<&'static str, Arc<Progress>>>,
    conditions: Mutex<BTreeMap<(ConditionType, bool), u64>>,
    /// Writes that are asked for, and when the change came that asked first.
    pending: Mutex<HashMap<ObjectKey, Instant>>,
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Gauges {
    pub(super) fn new(
        claim: Claim,
        lanes: Lanes,
        counters: [(&'static str, Arc<Counters>); 5],
        decoding: Arc<Decoding>,
    ) -> Self {
        Self {
            claim,
            lanes,
            decoding,
            counters,
            updates: Histogram::default(),
            propagation: Default::default(),
            synced: AtomicBool::new(false),
            hostnames: AtomicU64::new(0),
            gslbs: AtomicU64::new(0),
            held: AtomicU64::new(0),
            joined: AtomicU64::new(0),
            refused_statuses: AtomicU64::new(0),
            heartbeats: AtomicU64::new(0),
            heartbeat_failures: AtomicU64::new(0),
            watches: Mutex::default(),
            conditions: Mutex::default(),
            pending: Mutex::default(),
        }
    }

    /// Whether every kind was listed at some time: only then is anything decided.
    pub fn is_synced(&self) -> bool {
        self.synced.load(Ordering::Relaxed)
    }

    /// Whether this replica leads.
    pub fn claim(&self) -> &Claim {
        &self.claim
    }

    /// The two lanes of writes.
    pub fn lanes(&self) -> &Lanes {
        &self.lanes
    }

    /// Objects that were passed over, in the operator's own namespace.
    pub fn decoding(&self) -> &Decoding {
        &self.decoding
    }

    /// The writes of each kind.
    pub fn writes(&self) -> impl Iterator<Item = (&'static str, &Counters)> {
        self.counters.iter().map(|(kind, counters)| (*kind, &**counters))
    }

    /// Every watch that runs, by name: those of the Gateway API only where it is installed.
    pub fn watches(&self) -> Vec<Arc<Progress>> {
        locked(&self.watches).values().cloned().collect()
    }

    /// How often something was decided, and how long that took.
    pub fn updates(&self) -> &Histogram {
        &self.updates
    }

    /// For `mci_propagation_seconds`.
    pub fn propagation(&self, stage: Stage) -> &Histogram {
        let [decide, write] = &self.propagation;
        match stage {
            Stage::Decide => decide,
            Stage::Write => write,
        }
    }

    /// How many hostnames this cluster publishes, those that are held (R26) included.
    pub fn hostnames(&self) -> u64 {
        self.hostnames.load(Ordering::Relaxed)
    }

    /// How many GSLBs there are.
    pub fn gslbs(&self) -> u64 {
        self.gslbs.load(Ordering::Relaxed)
    }

    /// How many GSLBs have each condition, and whether it holds.
    pub fn conditions(&self) -> Vec<(ConditionType, bool, u64)> {
        let conditions = locked(&self.conditions);
        conditions.iter().map(|((kind, holds), count)| (*kind, *holds, *count)).collect()
    }

    /// How many hostnames stay because too many would have gone at once (R26).
    pub fn held(&self) -> u64 {
        self.held.load(Ordering::Relaxed)
    }

    /// How often this cluster was the first-time publisher of a hostname that others hold (R27).
    pub fn joined(&self) -> u64 {
        self.joined.load(Ordering::Relaxed)
    }

    /// How often the API server refused a status for good.
    pub fn refused_statuses(&self) -> u64 {
        self.refused_statuses.load(Ordering::Relaxed)
    }

    /// Heartbeats that were sent, by this replica or seen from another, and those that failed.
    pub fn heartbeats(&self) -> (u64, u64) {
        (self.heartbeats.load(Ordering::Relaxed), self.heartbeat_failures.load(Ordering::Relaxed))
    }

    pub(super) fn set_synced(&self) {
        self.synced.store(true, Ordering::Relaxed);
    }

    pub(super) fn set_hostnames(&self, hostnames: usize, held: usize) {
        self.hostnames.store(hostnames as u64, Ordering::Relaxed);
        self.held.store(held as u64, Ordering::Relaxed);
    }

    pub(super) fn count_joined(&self) {
        self.joined.fetch_add(1, Ordering::Relaxed);
    }

    pub(super) fn count_refused_status(&self) {
        self.refused_statuses.fetch_add(1, Ordering::Relaxed);
    }

    pub(super) fn count_heartbeat(&self, succeeded: bool) {
        let counter = if succeeded { &self.heartbeats } else { &self.heartbeat_failures };
        counter.fetch_add(1, Ordering::Relaxed);
    }

    pub(super) fn watches_now(&self, progress: Arc<Progress>) {
        locked(&self.watches).insert(progress.name(), progress);
    }

    pub(super) fn watches_no_more(&self, name: &'static str) {
        locked(&self.watches).remove(name);
    }

    pub(super) fn gslb_changed(&self, before: Option<&Status>, after: Option<&Status>) {
        let mut conditions = locked(&self.conditions);
        for condition in before.into_iter().flat_map(|status| &status.conditions) {
            let key = (condition.kind, condition.holds);
            if let Some(count) = conditions.get_mut(&key) {
                *count = count.saturating_sub(1);
            }
        }
        for condition in after.into_iter().flat_map(|status| &status.conditions) {
            *conditions.entry((condition.kind, condition.holds)).or_default() += 1;
        }
        match (before, after) {
            (None, Some(_)) => self.gslbs.fetch_add(1, Ordering::Relaxed),
            (Some(_), None) => self.gslbs.fetch_sub(1, Ordering::Relaxed),
            (None, None) | (Some(_), Some(_)) => 0,
        };
    }

    pub(super) fn updated(&self, took: Duration) {
        self.updates.observe(took);
    }

    pub(super) fn decided(&self, since: Instant) {
        let [decide, _] = &self.propagation;
        decide.observe(since.elapsed());
    }

    pub(super) fn write_wanted(&self, key: &ObjectKey, since: Instant) {
        locked(&self.pending).entry(key.clone()).or_insert(since);
    }

    pub(super) fn written(&self, key: &ObjectKey) {
        if let Some(since) = locked(&self.pending).remove(key) {
            let [_, write] = &self.propagation;
            write.observe(since.elapsed());
        }
    }

    /// Another leads: what was asked for here is written there.
    pub(super) fn forget_writes(&self) {
        locked(&self.pending).clear();
    }
}
