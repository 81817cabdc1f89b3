//! The last addresses of an object that has lost them all (R25).
//!
//! ```text
//!  has addresses ──(loses them, backends stay ready)──► held ──(hold is over, deleted, not ready)──► none
//!        ▲──────────────────(has some again)─────────────┘
//! ```

use core::time::Duration;

use crate::publish::places::{Places, Source};

/// What is remembered of an object's addresses.
#[derive(Clone, Debug, Default)]
pub(crate) struct Hold {
    memory: Memory,
    /// Since when the last addresses are held.
    since: Option<Duration>,
}

#[derive(Clone, Debug, Default)]
enum Memory {
    /// It was never looked at: what was published before this process began may be asked.
    #[default]
    Unknown,
    /// It had none, or was not ready.
    Nothing,
    /// It was ready at these.
    Ready(Places),
}

impl Hold {
    /// Since when addresses are held.
    pub(crate) fn since(&self) -> Option<Duration> {
        self.since
    }

    /// Whether nothing has been seen of the object yet.
    pub(crate) fn is_new(&self) -> bool {
        matches!(self.memory, Memory::Unknown)
    }

    /// What a predecessor published for it last. Where it came from is not known.
    pub(crate) fn inherit(&mut self, places: Places) {
        self.memory = Memory::Ready(places);
    }

    /// The object was deleted, or it is another one now: nothing of it stays.
    pub(crate) fn forget(&mut self) {
        *self = Self { memory: Memory::Nothing, since: None };
    }

    /// Looks at an object: the addresses that are held for it, if any are. `serving` is whether everything but its
    /// addresses is ready.
    pub(crate) fn look(
        &mut self,
        places: &Places,
        serving: bool,
        limit: Duration,
        now: Duration,
    ) -> Option<Places> {
        if !places.is_empty() && serving {
            *self = Self { memory: Memory::Ready(places.clone()), since: None };
            return None;
        }
        let last = match &self.memory {
            // Something that a person changed, such as a Service's type, is no loss.
            Memory::Ready(last) if last.source == Source::Nothing || last.source == places.source => last,
            Memory::Ready(_) | Memory::Unknown | Memory::Nothing => {
                self.forget();
                return None;
            }
        };
        let since = self.since.unwrap_or(now);
        let over = now.saturating_sub(since) >= limit;
        if !places.is_empty() || !serving || !places.source.can_be_lost() || over {
            self.forget();
            return None;
        }
        self.since = Some(since);
        Some(last.clone())
    }
}
