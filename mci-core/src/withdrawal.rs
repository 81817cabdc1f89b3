//! Many names going at once are held (R26).
//!
//! ```text
//!  goes ──► settling (2 s from the first) ──► few: released
//!                 │ returns: never went    └─► many: held (600 s, or until confirmed) ──► released
//! ```

use core::time::Duration;
use std::collections::{BTreeMap, BTreeSet};

use crate::hostname::Hostname;

/// When a batch of withdrawals is held (R26).
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct WithdrawalLimits {
    /// How long withdrawals are collected, from the first of a batch.
    pub settle: Duration,
    /// The part of all hostnames, 0.0 to 1.0, from which a batch is held …
    pub share: f64,
    /// … if it has at least this many hostnames too.
    pub count: usize,
    /// How long it is held; zero never holds.
    pub hold: Duration,
}

impl Default for WithdrawalLimits {
    /// 2 s, 50 %, 20 hostnames, 600 s.
    fn default() -> Self {
        Self { settle: Duration::from_secs(2), share: 0.5, count: 20, hold: Duration::from_mins(10) }
    }
}

/// Hostnames that would go, and whether they may (R26): for one publisher, or one snapshot.
///
/// Time is the caller's monotonic clock, as a duration since any fixed moment. Readiness never comes here, so failover
/// is not slowed.
#[derive(Clone, Debug, Default)]
pub struct Withdrawals {
    limits: WithdrawalLimits,
    /// The batch that is being collected, and when it settles.
    settling: BTreeSet<Hostname>,
    settles_at: Option<Duration>,
    /// Hostnames that are held, and until when.
    held: BTreeMap<Hostname, Duration>,
}

/// What became due.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Due {
    /// These may go now.
    pub released: Vec<Hostname>,
    /// These have just been held: worth a metric and an event.
    pub newly_held: Vec<Hostname>,
}

impl Withdrawals {
    /// Nothing is going.
    pub fn new(limits: WithdrawalLimits) -> Self {
        Self { limits, ..Self::default() }
    }

    /// Takes new limits for what goes from now on.
    pub fn configure(&mut self, limits: WithdrawalLimits) {
        self.limits = limits;
    }

    /// A hostname would go. It stays until [`due`](Self::due) releases it.
    pub fn goes(&mut self, hostname: Hostname, now: Duration) {
        if self.held.contains_key(&hostname) {
            return;
        }
        self.settling.insert(hostname);
        self.settles_at.get_or_insert(now + self.limits.settle);
    }

    /// A hostname is there again: it never went.
    pub fn returns(&mut self, hostname: &Hostname) {
        self.held.remove(hostname);
        if self.settling.remove(hostname) && self.settling.is_empty() {
            self.settles_at = None;
        }
    }

    /// Decides about what has settled, and about what was held long enough; `total` is the number of hostnames that
    /// are published or held in all, those that would go included.
    pub fn due(&mut self, now: Duration, total: usize) -> Due {
        let mut due = Due::default();
        let (over, held) = core::mem::take(&mut self.held).into_iter().partition(|(_, until)| *until <= now);
        self.held = held;
        let over: BTreeMap<Hostname, Duration> = over;
        due.released.extend(over.into_keys());
        if self.settles_at.is_none_or(|at| at > now) {
            return due;
        }
        self.settles_at = None;
        let batch = core::mem::take(&mut self.settling);
        if self.is_held(batch.len(), total) {
            due.newly_held.extend(batch);
            let until = now + self.limits.hold;
            self.held.extend(due.newly_held.iter().map(|hostname| (hostname.clone(), until)));
        } else {
            due.released.extend(batch);
        }
        due
    }

    /// Decides at once about what is settling, as [`due`](Self::due) would when its time has come.
    pub fn settle(&mut self, now: Duration, total: usize) -> Due {
        if let Some(at) = &mut self.settles_at {
            *at = now.min(*at);
        }
        self.due(now, total)
    }

    /// Releases everything that is held at this moment (`mci withdraw --confirm`).
    pub fn confirm(&mut self) -> Vec<Hostname> {
        core::mem::take(&mut self.held).into_keys().collect()
    }

    /// What is held now.
    pub fn held(&self) -> impl ExactSizeIterator<Item = &Hostname> {
        self.held.keys()
    }

    /// When [`due`](Self::due) is next worth asking.
    pub fn next(&self) -> Option<Duration> {
        self.held.values().copied().chain(self.settles_at).min()
    }

    #[expect(clippy::cast_precision_loss, reason = "a share of a count of hostnames")]
    fn is_held(&self, going: usize, total: usize) -> bool {
        !self.limits.hold.is_zero()
            && going >= self.limits.count
            && going as f64 >= self.limits.share * total.max(going) as f64
    }
}
