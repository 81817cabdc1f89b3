//! What is wanted and what was seen, by key; and what to do about the difference. Pure: time and term come in.

use std::collections::{BTreeSet, HashMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::Notify;
use tokio::time::Instant;

use super::entry::{Done, Entry, Job, SeenObject, Want};
use super::{Lane, Wanted};
use crate::watch::{Batch, Change, ObjectKey, Observed, Relist, Version};

/// Between two writes of an object that the API server keeps otherwise than we write it.
const UNSTABLE: Duration = Duration::from_secs(5);

/// What becomes of objects that nobody said anything about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Strangers {
    /// They stay.
    Keep,
    /// They are deleted, in the bulk lane. Only once everything that is wanted was said.
    Delete,
}

/// Holds what is wanted of one kind, and what was seen of it. Cheap to clone; any task may say what it wants.
pub struct Desk<W: Wanted>(Arc<Shared<W>>);

struct Shared<W: Wanted> {
    state: Mutex<State<W>>,
    changed: Notify,
}

impl<W: Wanted> Clone for Desk<W> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

impl<W: Wanted> std::fmt::Debug for Desk<W> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Desk").field("unsettled", &self.unsettled()).finish_non_exhaustive()
    }
}

impl<W: Wanted> Desk<W> {
    /// An empty desk. It does nothing until [`begin`](Self::begin) is called and the kind was listed. An object is written
    /// at most once in `interval`.
    pub fn new(strangers: Strangers, interval: Duration) -> Self {
        let state = State {
            entries: HashMap::new(),
            changes: VecDeque::new(),
            bulk: VecDeque::new(),
            sleepers: BTreeSet::new(),
            in_flight: 0,
            strangers,
            interval,
            begun: false,
            listed: false,
        };
        Self(Arc::new(Shared { state: Mutex::new(state), changed: Notify::new() }))
    }

    /// Everything that is wanted was said for the first time: from now on differences are written.
    pub fn begin(&self) {
        self.change(|state| {
            state.begun = true;
            // Strangers are such only now.
            state.mark_all();
        });
    }

    /// The object should be so. What waits to be written for it is replaced.
    #[expect(clippy::needless_pass_by_value, reason = "who says what it wants is done with the key")]
    pub fn want(&self, key: ObjectKey, wanted: W, lane: Lane) {
        self.change(|state| state.want(&key, Want::This(wanted, lane)));
    }

    /// There should be no such object. Once it is gone it is forgotten: if someone makes it again it is a stranger.
    #[expect(clippy::needless_pass_by_value, reason = "who says what it wants is done with the key")]
    pub fn want_nothing(&self, key: ObjectKey, lane: Lane) {
        self.change(|state| state.want(&key, Want::Nothing(lane)));
    }

    /// Nothing is said of that object any more: it is a stranger.
    pub fn forget(&self, key: &ObjectKey) {
        self.change(|state| {
            if let Some(entry) = state.entries.get_mut(key) {
                entry.want = Want::Unsaid;
                entry.refused = false;
                state.mark(key);
            }
        });
    }

    /// What the watch of this kind saw.
    pub fn observe(&self, batch: Batch<W::Seen>) {
        self.change(|state| state.observe(batch));
    }

    /// Looks at what was seen last of an object: nothing if there is none, or none that can be read.
    pub fn with_seen<T>(&self, key: &ObjectKey, look: impl FnOnce(Option<&W::Seen>) -> T) -> T {
        let state = self.lock();
        look(state.entries.get(key).and_then(Entry::value))
    }

    /// Whether an object is wanted: that it should be so was said last.
    pub fn is_wanted(&self, key: &ObjectKey) -> bool {
        self.lock().entries.get(key).is_some_and(|entry| matches!(entry.want, Want::This(..)))
    }

    /// How many objects wait to be looked at or written, or are being written. Zero: all that is wanted is so, as far as
    /// was seen.
    pub fn unsettled(&self) -> usize {
        let state = self.lock();
        let queued = state.entries.values().filter(|entry| entry.queued.is_some()).count();
        queued + state.sleepers.len() + state.in_flight
    }

    /// Everything is to be compared again: the term is another.
    pub(super) fn again(&self) {
        self.change(|state| {
            for entry in state.entries.values_mut() {
                entry.refused = false;
            }
            state.mark_all();
        });
    }

    /// Which lane has something to do, and when the next sleeper wakes.
    pub(super) fn due(&self, now: Instant) -> (Option<Lane>, Option<Instant>) {
        let mut state = self.lock();
        state.wake(now);
        let wake = state.sleepers.first().map(|(at, _)| *at);
        if !state.may_write() {
            return (None, wake);
        }
        state.prune();
        let lane = match (state.changes.is_empty(), state.bulk.is_empty()) {
            (false, _) => Some(Lane::Changes),
            (true, false) => Some(Lane::Bulk),
            (true, true) => None,
        };
        (lane, wake)
    }

    /// The next thing to do in `lane`, or in the other one if there it is nothing.
    pub(super) fn next(&self, lane: Lane, now: Instant, term: u64) -> Option<Job<W::Object>> {
        self.lock().next(lane, now, term)
    }

    /// What came of it.
    pub(super) fn done(&self, key: &ObjectKey, now: Instant, result: Done<W::Seen>) {
        self.change(|state| state.done(key, now, result));
    }

    /// Waits until something changed since the last call.
    pub(super) async fn changed(&self) {
        self.0.changed.notified().await;
    }

    fn change(&self, change: impl FnOnce(&mut State<W>)) {
        change(&mut self.lock());
        self.0.changed.notify_one();
    }

    fn lock(&self) -> MutexGuard<'_, State<W>> {
        self.0.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

struct State<W: Wanted> {
    entries: HashMap<ObjectKey, Entry<W>>,
    /// Keys to compare; one that is in both is taken where its entry says.
    changes: VecDeque<ObjectKey>,
    bulk: VecDeque<ObjectKey>,
    sleepers: BTreeSet<(Instant, ObjectKey)>,
    in_flight: usize,
    strangers: Strangers,
    interval: Duration,
    begun: bool,
    listed: bool,
}

impl<W: Wanted> State<W> {
    fn may_write(&self) -> bool {
        self.begun && self.listed
    }

    fn want(&mut self, key: &ObjectKey, want: Want<W>) {
        let entry = self.entries.entry(key.clone()).or_default();
        entry.want = want;
        entry.refused = false;
        entry.echo = false;
        entry.reworded = true;
        self.mark(key);
    }

    fn observe(&mut self, batch: Batch<W::Seen>) {
        match batch {
            Batch::Changes(changes) => {
                for change in changes {
                    match change {
                        Change::Applied(Observed { key, uid, version, value }) => {
                            self.applied(&key, SeenObject { version, uid, value: Some(value) });
                        }
                        Change::Malformed(fault) => {
                            let seen = SeenObject { version: fault.version, uid: fault.uid, value: None };
                            self.applied(&fault.key, seen);
                        }
                        Change::Deleted { key, version } => self.deleted(&key, version),
                    }
                }
            }
            Batch::Replace(listing) => {
                let restored = listing.reason == Relist::WentBack;
                let whole = listing.items.into_iter().map(|item| {
                    (item.key, SeenObject { version: item.version, uid: item.uid, value: Some(item.value) })
                });
                let broken = listing.malformed.into_iter().map(|fault| {
                    (fault.key, SeenObject { version: fault.version, uid: fault.uid, value: None })
                });
                let mut there: HashMap<_, _> = whole.chain(broken).collect();
                for (key, entry) in &mut self.entries {
                    match there.remove(key) {
                        Some(seen) if restored || seen.version > entry.floor => {
                            let version = seen.version;
                            entry.see(Some(seen), version);
                        }
                        None if restored || entry.floor <= listing.version => {
                            entry.see(None, listing.version);
                        }
                        // We know something newer than the list, or the same.
                        Some(_) | None => {}
                    }
                }
                for (key, seen) in there {
                    self.applied(&key, seen);
                }
                self.entries.retain(|_, entry| !entry.is_idle());
                self.listed = true;
                self.mark_all();
            }
            Batch::Absent => {
                self.listed = false;
                for entry in self.entries.values_mut() {
                    let floor = entry.floor;
                    entry.see(None, floor);
                }
            }
        }
    }

    fn applied(&mut self, key: &ObjectKey, seen: SeenObject<W::Seen>) {
        let entry = self.entries.entry(key.clone()).or_default();
        if seen.version <= entry.floor {
            return;
        }
        let version = seen.version;
        entry.see(Some(seen), version);
        self.mark(key);
    }

    fn deleted(&mut self, key: &ObjectKey, version: Version) {
        let Some(entry) = self.entries.get_mut(key) else { return };
        if version < entry.floor {
            return;
        }
        entry.see(None, version);
        if entry.is_idle() {
            self.entries.remove(key);
        } else {
            self.mark(key);
        }
    }

    fn mark_all(&mut self) {
        let keys: Vec<_> = self.entries.keys().cloned().collect();
        for key in keys {
            self.mark(&key);
        }
    }

    /// Puts a key where it is compared next, unless it waits there, rests, or is being written.
    fn mark(&mut self, key: &ObjectKey) {
        let Some(entry) = self.entries.get_mut(key) else { return };
        let lane = entry.lane();
        if entry.in_flight || entry.asleep.is_some() || entry.queued.is_some_and(|queued| queued <= lane) {
            return;
        }
        entry.queued = Some(lane);
        match lane {
            Lane::Changes => self.changes.push_back(key.clone()),
            Lane::Bulk => self.bulk.push_back(key.clone()),
        }
    }

    fn sleep(&mut self, key: &ObjectKey, at: Instant) {
        let Some(entry) = self.entries.get_mut(key) else { return };
        if let Some(before) = entry.asleep.replace(at) {
            self.sleepers.remove(&(before, key.clone()));
        }
        self.sleepers.insert((at, key.clone()));
    }

    fn wake(&mut self, now: Instant) {
        while self.sleepers.first().is_some_and(|(at, _)| *at <= now) {
            let Some((_, key)) = self.sleepers.pop_first() else { return };
            if let Some(entry) = self.entries.get_mut(&key) {
                entry.asleep = None;
                self.mark(&key);
            }
        }
    }

    /// Drops what is no longer queued where it lies, so that an empty queue is one.
    fn prune(&mut self) {
        let Self { entries, changes, bulk, .. } = self;
        for (queue, lane) in [(changes, Lane::Changes), (bulk, Lane::Bulk)] {
            while queue.front().is_some_and(|key| entries.get(key).and_then(|e| e.queued) != Some(lane)) {
                queue.pop_front();
            }
        }
    }

    fn next(&mut self, lane: Lane, now: Instant, term: u64) -> Option<Job<W::Object>> {
        if !self.may_write() {
            return None;
        }
        self.wake(now);
        loop {
            let queue = match lane {
                Lane::Changes => &mut self.changes,
                Lane::Bulk => &mut self.bulk,
            };
            let key = queue.pop_front()?;
            let Some(entry) = self.entries.get_mut(&key).filter(|entry| entry.queued == Some(lane)) else {
                continue;
            };
            entry.queued = None;
            let Some(action) = entry.action(self.strangers, term) else {
                if entry.is_idle() && matches!(entry.want, Want::Unsaid) {
                    self.entries.remove(&key);
                }
                continue;
            };
            if std::mem::take(&mut entry.echo) {
                // What we wrote is not what came back: the API server changes it, and would do so for ever.
                entry.rested = entry.rested.max(Some(now + UNSTABLE));
            }
            if let Some(at) = entry.rested.filter(|at| now < *at) {
                self.sleep(&key, at);
                continue;
            }
            entry.in_flight = true;
            entry.asked = entry.floor;
            entry.reworded = false;
            self.in_flight += 1;
            return Some(Job { key, action });
        }
    }

    fn done(&mut self, key: &ObjectKey, now: Instant, result: Done<W::Seen>) {
        let interval = self.interval;
        let Some(entry) = self.entries.get_mut(key) else { return };
        entry.in_flight = false;
        self.in_flight -= 1;
        let mut rest = None;
        match result {
            Done::Wrote(seen) => {
                entry.pause.reset();
                entry.conflicts = 0;
                rest = Some(now + interval).filter(|_| !interval.is_zero());
                // The watch may have been faster, and may know even more.
                if seen.version > entry.floor {
                    let version = seen.version;
                    entry.see(Some(seen), version);
                    entry.echo = !entry.reworded;
                }
            }
            Done::Deleted => {
                entry.pause.reset();
                entry.conflicts = 0;
                // What the watch saw meanwhile came after: that it went, or that someone made it again. Otherwise the floor
                // stays, as an older state of it may still come.
                if entry.floor == entry.asked {
                    entry.seen = None;
                }
            }
            Done::Looked(seen) => {
                entry.look = false;
                // What the watch saw meanwhile may be newer, and if it is not, the next write says so.
                if entry.floor == entry.asked {
                    let floor = seen.as_ref().map_or(entry.floor, |seen| seen.version);
                    entry.see(seen, floor);
                }
            }
            Done::LookAgain => {
                entry.look = true;
                // The first time at once; someone who writes against us gets ever longer pauses.
                entry.conflicts += 1;
                rest = (entry.conflicts > 1).then(|| now + entry.pause.next());
            }
            Done::Later(at_least) => rest = Some(now + entry.pause.next().max(at_least)),
            Done::Refused => entry.refused = true,
            Done::NotTried => {}
        }
        if rest.is_some() {
            entry.rested = rest;
        }
        if entry.is_idle() && entry.seen.is_none() && matches!(entry.want, Want::Unsaid) {
            self.entries.remove(key);
            return;
        }
        self.mark(key);
    }
}

#[cfg(test)]
#[path = "desk_tests.rs"]
mod tests;
