//! Who leads (R28): one holder of a Lease at a time, and a claim that knows at every moment whether it still holds.
//!
//! ```text
//!   API server ◄── create, renew every 2 s, take over, release ──┐
//!       │                                                         │
//!       └── the record, looked at every second ──► election ──────┤   (pure: time comes in)
//!                                                                 ▼
//!                                      Claim::term() ── asked at the moment of writing
//! ```
//!
//! Nobody compares clocks: a record counts as expired when this observer has seen it unchanged for six seconds, and a
//! holder gives up five seconds after it *sent* its last renewal that succeeded. So a process that was stopped, however
//! long, finds its claim void the moment that it wakes. Each takeover raises the *term* in the very write that takes over.
//!
//! It refuses to know what the leader does.

mod contend;
mod election;
mod record;

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::watch;
use tokio::time::Instant;

pub use self::contend::{Contender, contend};

/// The annotation that holds the term.
pub const TERM: &str = "mci.dev/term";

/// How long what lasts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Timing {
    /// How long others wait for a change of the record. Default: 6 s.
    pub duration: Duration,
    /// Between two renewals. Default: 2 s.
    pub renew: Duration,
    /// How long after the sending of its last successful renewal the holder counts itself as such. Default: 5 s.
    pub give_up: Duration,
    /// Between two looks at someone else's record. Default: 1 s.
    pub look: Duration,
}

impl Default for Timing {
    fn default() -> Self {
        Self {
            duration: Duration::from_secs(6),
            renew: Duration::from_secs(2),
            give_up: Duration::from_secs(5),
            look: Duration::from_secs(1),
        }
    }
}

/// What is contended for, and as whom.
#[derive(Clone)]
pub struct Options {
    /// Where the Lease is.
    pub namespace: String,
    /// The Lease's name.
    pub name: String,
    /// Who we are; made unique for each start of a process, as [`identity`] does.
    pub identity: String,
    /// The highest term that was seen elsewhere, asked when a takeover is written: a Lease that was deleted forgot it.
    pub floor: Arc<dyn Fn() -> u64 + Send + Sync>,
    /// How long what lasts.
    pub timing: Timing,
}

/// A name that no other start of this or any other process has.
pub fn identity(pod: &str) -> String {
    format!("{pod}_{:016x}", rand::random::<u64>())
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Tenure {
    term: u64,
    until: Instant,
}

#[derive(Debug)]
struct Inner {
    tenure: Mutex<Option<Tenure>>,
    /// For who waits; only the tenure's end decides.
    told: watch::Sender<Option<u64>>,
    holder: watch::Sender<Option<String>>,
}

/// Whether this process leads; cheap to clone and to ask.
#[derive(Clone, Debug)]
pub struct Claim(Arc<Inner>);

impl Claim {
    /// Of someone who does not lead.
    fn none() -> Self {
        Self(Arc::new(Inner {
            tenure: Mutex::new(None),
            told: watch::Sender::new(None),
            holder: watch::Sender::new(None),
        }))
    }

    /// A claim that holds for ever, where there is nobody to contend with (tests, a process on its own).
    pub fn always(term: u64) -> Self {
        let claim = Self::none();
        // Thirty years: `Instant` has no end of time.
        claim.set(Some(Tenure { term, until: Instant::now() + Duration::from_hours(24 * 365 * 30) }));
        claim
    }

    /// The term in which we lead at this moment. Ask right before each write, and write only what the answer allows.
    pub fn term(&self) -> Option<u64> {
        let tenure = *self.0.tenure.lock().unwrap_or_else(PoisonError::into_inner);
        tenure.filter(|tenure| Instant::now() < tenure.until).map(|tenure| tenure.term)
    }

    /// Leadership as it comes and goes. It may lag behind [`term`](Self::term), which decides.
    pub fn watch(&self) -> watch::Receiver<Option<u64>> {
        self.0.told.subscribe()
    }

    /// Who leads, as far as was seen: the identity in the Lease. For people.
    pub fn holder(&self) -> Option<String> {
        self.0.holder.borrow().clone()
    }

    fn set(&self, tenure: Option<Tenure>) {
        *self.0.tenure.lock().unwrap_or_else(PoisonError::into_inner) = tenure;
        let term = tenure.map(|tenure| tenure.term);
        self.0.told.send_if_modified(|told| std::mem::replace(told, term) != term);
    }

    fn saw_holder(&self, holder: Option<&str>) {
        self.0.holder.send_if_modified(|seen| {
            let changed = seen.as_deref() != holder;
            if changed {
                *seen = holder.map(str::to_owned);
            }
            changed
        });
    }
}
