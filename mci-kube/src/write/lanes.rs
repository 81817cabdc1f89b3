//! Two lanes to the API server: what changes an answer goes before everything else.
//!
//! At most sixteen writes are in flight, the last four only for changes. When the API server says that it has too much to
//! do, the bulk lane is halved, and grows again by one for each round of writes that succeed.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::Notify;

/// Writes in flight, in all.
const ALL: usize = 16;
/// Of them for both lanes.
const SHARED: usize = 12;

/// How much a write hurries.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Lane {
    /// Changes what is answered for a hostname that is there.
    Changes,
    /// Everything else: a first sync, new clusters, leftovers.
    Bulk,
}

impl Lane {
    /// Both of them, for metrics.
    pub const ALL: [Self; 2] = [Self::Changes, Self::Bulk];

    /// As a metric's label.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Changes => "changes",
            Self::Bulk => "bulk",
        }
    }
}

#[derive(Debug)]
struct State {
    changes: usize,
    bulk: usize,
    /// How many writes of the bulk lane may be in flight.
    bulk_limit: usize,
    /// Writes that succeeded since the limit last moved.
    credit: usize,
    /// Changes that wait: bulk lets them go first.
    waiting: usize,
}

impl State {
    fn may_begin(&self, lane: Lane) -> bool {
        let in_flight = self.changes + self.bulk;
        match lane {
            Lane::Changes => in_flight < ALL,
            Lane::Bulk => in_flight < SHARED && self.bulk < self.bulk_limit && self.waiting == 0,
        }
    }

    fn begin(&mut self, lane: Lane) {
        *self.of(lane) += 1;
    }

    fn end(&mut self, lane: Lane) {
        *self.of(lane) -= 1;
    }

    fn of(&mut self, lane: Lane) -> &mut usize {
        match lane {
            Lane::Changes => &mut self.changes,
            Lane::Bulk => &mut self.bulk,
        }
    }

    fn overloaded(&mut self) {
        self.bulk_limit = (self.bulk_limit / 2).max(1);
        self.credit = 0;
    }

    fn succeeded(&mut self) {
        if self.bulk_limit == SHARED {
            return;
        }
        self.credit += 1;
        if self.credit >= self.bulk_limit {
            self.bulk_limit += 1;
            self.credit = 0;
        }
    }
}

/// The two lanes to one API server; all writers of a process share them. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Lanes(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    state: Mutex<State>,
    freed: Notify,
}

impl Default for Lanes {
    fn default() -> Self {
        let state = State { changes: 0, bulk: 0, bulk_limit: SHARED, credit: 0, waiting: 0 };
        Self(Arc::new(Shared { state: Mutex::new(state), freed: Notify::new() }))
    }
}

impl Lanes {
    /// Waits for a place. May be dropped while it waits.
    pub(crate) async fn begin(&self, lane: Lane) -> Permit {
        let _waiting = (lane == Lane::Changes).then(|| Waiting::new(&self.0));
        loop {
            let freed = self.0.freed.notified();
            tokio::pin!(freed);
            // From here on nothing that is freed goes unnoticed.
            freed.as_mut().enable();
            {
                let mut state = self.0.lock();
                if state.may_begin(lane) {
                    state.begin(lane);
                    return Permit { shared: Arc::clone(&self.0), lane };
                }
            }
            freed.await;
        }
    }

    /// How many writes of the bulk lane may be in flight now, for metrics.
    pub fn bulk_limit(&self) -> usize {
        self.0.lock().bulk_limit
    }

    /// How many writes of `lane` are in flight, for metrics.
    pub fn in_flight(&self, lane: Lane) -> usize {
        *self.0.lock().of(lane)
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A change that waits.
struct Waiting<'a>(&'a Shared);

impl<'a> Waiting<'a> {
    fn new(shared: &'a Shared) -> Self {
        shared.lock().waiting += 1;
        Self(shared)
    }
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.0.lock().waiting -= 1;
        self.0.freed.notify_waiters();
    }
}

/// A place in a lane, until it is dropped.
#[derive(Debug)]
pub(crate) struct Permit {
    shared: Arc<Shared>,
    lane: Lane,
}

impl Permit {
    pub(super) fn lane(&self) -> Lane {
        self.lane
    }

    /// The API server has too much to do.
    pub(crate) fn overloaded(&self) {
        self.shared.lock().overloaded();
    }

    /// The API server took it.
    pub(crate) fn succeeded(&self) {
        self.shared.lock().succeeded();
    }
}

impl Drop for Permit {
    fn drop(&mut self) {
        self.shared.lock().end(self.lane);
        self.shared.freed.notify_waiters();
    }
}

#[cfg(test)]
mod tests {
    use futures_util::FutureExt;

    use super::*;

    fn begin(lanes: &Lanes, lane: Lane) -> Option<Permit> {
        lanes.begin(lane).now_or_never()
    }

    fn fill(lanes: &Lanes, lane: Lane) -> Vec<Permit> {
        std::iter::from_fn(|| begin(lanes, lane)).collect()
    }

    #[test]
    fn the_last_four_of_sixteen_are_only_for_changes() {
        let lanes = Lanes::default();
        let bulk = fill(&lanes, Lane::Bulk);
        let changes = fill(&lanes, Lane::Changes);
        assert_eq!((bulk.len(), changes.len()), (12, 4));
    }

    #[test]
    fn changes_may_take_all_sixteen() {
        let lanes = Lanes::default();
        let changes = fill(&lanes, Lane::Changes);
        assert_eq!(changes.len(), 16);
        assert!(begin(&lanes, Lane::Bulk).is_none());
    }

    #[test]
    fn a_change_that_waits_goes_before_bulk() {
        let lanes = Lanes::default();
        let mut held = fill(&lanes, Lane::Changes);
        let mut change = Box::pin(lanes.begin(Lane::Changes));
        assert!(change.as_mut().now_or_never().is_none());
        held.truncate(4);
        assert!(begin(&lanes, Lane::Bulk).is_none(), "a change waits");
        let permit = change.as_mut().now_or_never().expect("a place is free");
        assert_eq!(permit.lane(), Lane::Changes);
        drop(change);
        assert!(begin(&lanes, Lane::Bulk).is_some(), "none waits any more");
    }

    #[test]
    fn too_much_to_do_halves_the_bulk_lane_and_leaves_changes_alone() {
        let lanes = Lanes::default();
        let permit = begin(&lanes, Lane::Changes).unwrap();
        let limits: Vec<_> = (0..5)
            .map(|_| {
                permit.overloaded();
                lanes.bulk_limit()
            })
            .collect();
        assert_eq!(limits, [6, 3, 1, 1, 1]);
        drop(permit);
        assert_eq!(fill(&lanes, Lane::Bulk).len(), 1);
        assert_eq!(fill(&lanes, Lane::Changes).len(), 16);
    }

    #[test]
    fn the_bulk_lane_recovers_by_one_for_each_round_that_succeeds() {
        let lanes = Lanes::default();
        let permit = begin(&lanes, Lane::Changes).unwrap();
        permit.overloaded();
        permit.overloaded();
        let limits: Vec<_> = (0..8)
            .map(|_| {
                permit.succeeded();
                lanes.bulk_limit()
            })
            .collect();
        assert_eq!(limits, [3, 3, 4, 4, 4, 4, 5, 5]);
    }
}
