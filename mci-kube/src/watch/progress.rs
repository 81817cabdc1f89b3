//! How a watch is doing, for readiness and metrics: written by its task, read by anyone.

use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use tokio::sync::watch;
use tokio::time::Instant;

use crate::unix;

/// Why everything was listed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Relist {
    /// For the first time, or after the kind was absent.
    Start,
    /// The version that we had is no longer known (410).
    Expired,
    /// The API server's version is below ours: its store was restored from an older copy.
    WentBack,
    /// There are more or fewer objects than we know, twice in a row.
    Count,
    /// The watch sent what cannot be an event.
    Nonsense,
    /// It was time.
    Scheduled,
}

impl Relist {
    /// All of them, for metrics.
    pub const ALL: [Self; 6] =
        [Self::Start, Self::Expired, Self::WentBack, Self::Count, Self::Nonsense, Self::Scheduled];

    /// As a metric's label.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Start => "start",
            Self::Expired => "expired",
            Self::WentBack => "went_back",
            Self::Count => "count",
            Self::Nonsense => "nonsense",
            Self::Scheduled => "scheduled",
        }
    }
}

/// How a watch stands with the API server.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum State {
    /// Nothing was listed yet.
    #[default]
    Starting,
    /// It follows.
    Following,
    /// The API server does not know the kind.
    Absent,
    /// We may not list or watch it; what was seen last stays.
    Forbidden(String),
    /// The API server does not answer, or cannot serve us; what was seen last stays.
    Lost(String),
}

impl State {
    /// Whether what we hold is, as far as anyone can tell, what there is.
    pub fn is_current(&self) -> bool {
        matches!(self, Self::Following | Self::Absent)
    }
}

impl fmt::Display for State {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Starting => f.write_str("not listed yet"),
            Self::Following => f.write_str("following"),
            Self::Absent => f.write_str("its definition is not installed"),
            Self::Forbidden(why) => write!(f, "not allowed: {why}"),
            Self::Lost(why) => write!(f, "not heard: {why}"),
        }
    }
}

/// How one watch is doing.
#[derive(Debug)]
pub struct Progress {
    name: &'static str,
    start: Instant,
    /// Milliseconds from `start` to the last contact, plus one; zero before the first.
    contact: AtomicU64,
    /// The same as a Unix time in milliseconds, for people and metrics only.
    contact_unix: AtomicU64,
    relists: [AtomicU64; Relist::ALL.len()],
    malformed: AtomicU64,
    malformed_now: AtomicU64,
    events: AtomicU64,
    failures: AtomicU64,
    objects: AtomicU64,
    state: watch::Sender<Standing>,
}

#[derive(Clone, Debug, Default)]
struct Standing {
    state: State,
    synced: bool,
}

impl Progress {
    /// Of a watch that has not begun.
    pub fn new(name: &'static str) -> Self {
        Self {
            name,
            start: Instant::now(),
            contact: AtomicU64::new(0),
            contact_unix: AtomicU64::new(0),
            relists: Default::default(),
            malformed: AtomicU64::new(0),
            malformed_now: AtomicU64::new(0),
            events: AtomicU64::new(0),
            failures: AtomicU64::new(0),
            objects: AtomicU64::new(0),
            state: watch::Sender::new(Standing::default()),
        }
    }

    /// The source's name.
    pub fn name(&self) -> &'static str {
        self.name
    }

    /// Whether the first state was whole, at some time: listed, or known to be absent.
    pub fn is_synced(&self) -> bool {
        self.state.borrow().synced
    }

    /// Waits until it is.
    pub async fn synced(&self) {
        let mut standing = self.state.subscribe();
        // The sender is in `self`: it cannot be gone.
        let _ = standing.wait_for(|standing| standing.synced).await;
    }

    /// How it stands now.
    pub fn state(&self) -> State {
        self.state.borrow().state.clone()
    }

    /// Waits until `wanted` is true of how it stands.
    pub async fn reached(&self, mut wanted: impl FnMut(&State) -> bool) {
        let mut standing = self.state.subscribe();
        let _ = standing.wait_for(|standing| wanted(&standing.state)).await;
    }

    /// How long ago the API server last answered this watch, or sent it something.
    pub fn since_contact(&self) -> Option<Duration> {
        let at = self.contact.load(Ordering::Relaxed).checked_sub(1)?;
        Some(self.start.elapsed().saturating_sub(Duration::from_millis(at)))
    }

    /// When that was, as a Unix time in seconds, for `mci_source_contact_timestamp_seconds`.
    pub fn contact_unix(&self) -> Option<f64> {
        let millis = self.contact_unix.load(Ordering::Relaxed);
        // Exact for the next 280,000 years.
        #[expect(clippy::cast_precision_loss, reason = "milliseconds since 1970 are below 2^53")]
        let seconds = millis as f64 / 1000.0;
        (millis > 0).then_some(seconds)
    }

    /// How often everything was listed because of `reason`.
    pub fn relists(&self, reason: Relist) -> u64 {
        self.counter(reason).load(Ordering::Relaxed)
    }

    /// How many objects there are.
    pub fn objects(&self) -> u64 {
        self.objects.load(Ordering::Relaxed)
    }

    /// How often an object could not be read.
    pub fn malformed(&self) -> u64 {
        self.malformed.load(Ordering::Relaxed)
    }

    /// How many of the objects that are there cannot be read.
    pub fn malformed_now(&self) -> u64 {
        self.malformed_now.load(Ordering::Relaxed)
    }

    /// How many changes came.
    pub fn events(&self) -> u64 {
        self.events.load(Ordering::Relaxed)
    }

    /// How many requests failed.
    pub fn failures(&self) -> u64 {
        self.failures.load(Ordering::Relaxed)
    }

    fn counter(&self, reason: Relist) -> &AtomicU64 {
        let [start, expired, went_back, count, nonsense, scheduled] = &self.relists;
        match reason {
            Relist::Start => start,
            Relist::Expired => expired,
            Relist::WentBack => went_back,
            Relist::Count => count,
            Relist::Nonsense => nonsense,
            Relist::Scheduled => scheduled,
        }
    }

    pub(super) fn met(&self) {
        let millis = u64::try_from(self.start.elapsed().as_millis()).unwrap_or(u64::MAX - 1);
        self.contact.store(millis + 1, Ordering::Relaxed);
        self.contact_unix.store(u64::try_from(unix::since().as_millis()).unwrap_or(0), Ordering::Relaxed);
    }

    pub(super) fn count_relist(&self, reason: Relist) {
        self.counter(reason).fetch_add(1, Ordering::Relaxed);
    }

    pub(super) fn count_malformed(&self) {
        self.malformed.fetch_add(1, Ordering::Relaxed);
    }

    pub(super) fn set_malformed_now(&self, now: usize) {
        self.malformed_now.store(now as u64, Ordering::Relaxed);
    }

    pub(super) fn count_events(&self, events: usize) {
        self.events.fetch_add(events as u64, Ordering::Relaxed);
    }

    pub(super) fn count_failure(&self) {
        self.failures.fetch_add(1, Ordering::Relaxed);
    }

    pub(super) fn set_objects(&self, objects: usize) {
        self.objects.store(objects as u64, Ordering::Relaxed);
    }

    /// Sets how it stands; gives whether that is another kind of standing than before, so worth a line in the log.
    pub(super) fn stand(&self, state: State) -> bool {
        let mut turned = false;
        self.state.send_if_modified(|standing| {
            turned = std::mem::discriminant(&standing.state) != std::mem::discriminant(&state);
            let synced = standing.synced || state.is_current();
            let changed = standing.state != state || standing.synced != synced;
            *standing = Standing { state, synced };
            changed
        });
        turned
    }
}
