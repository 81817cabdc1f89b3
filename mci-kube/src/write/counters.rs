//! How many writes there were, by what they did and what came of them.

use std::sync::atomic::{AtomicU64, Ordering};

use super::Lane;

/// What a write does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Act {
    /// Makes an object.
    Create,
    /// Replaces one, or its status.
    Replace,
    /// Takes one away.
    Delete,
    /// Applies a status.
    Apply,
    /// Reads one again, to decide again.
    Look,
}

/// What came of a write.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Outcome {
    /// The API server did it.
    Done,
    /// The object was not as we saw it last.
    Conflict,
    /// The API server will never take this.
    Invalid,
    /// We may not.
    Forbidden,
    /// The API server has too much to do.
    Overloaded,
    /// Nobody knows: no answer came.
    Unknown,
    /// We no longer led when it was to be sent.
    NotLeading,
    /// Any other refusal.
    Failed,
}

impl Act {
    /// All of them, for metrics.
    pub const ALL: [Self; 5] = [Self::Create, Self::Replace, Self::Delete, Self::Apply, Self::Look];

    /// As a metric's label.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Create => "create",
            Self::Replace => "replace",
            Self::Delete => "delete",
            Self::Apply => "apply",
            Self::Look => "look",
        }
    }
}

impl Outcome {
    /// All of them, for metrics.
    pub const ALL: [Self; 8] = [
        Self::Done,
        Self::Conflict,
        Self::Invalid,
        Self::Forbidden,
        Self::Overloaded,
        Self::Unknown,
        Self::NotLeading,
        Self::Failed,
    ];

    /// As a metric's label.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Done => "done",
            Self::Conflict => "conflict",
            Self::Invalid => "invalid",
            Self::Forbidden => "forbidden",
            Self::Overloaded => "overloaded",
            Self::Unknown => "unknown",
            Self::NotLeading => "not_leading",
            Self::Failed => "failed",
        }
    }
}

/// The counters of one kind.
#[derive(Debug, Default)]
pub struct Counters {
    cells: [[[AtomicU64; Outcome::ALL.len()]; Act::ALL.len()]; Lane::ALL.len()],
}

impl Counters {
    /// How many there were.
    pub fn get(&self, lane: Lane, act: Act, outcome: Outcome) -> u64 {
        self.cell(lane, act, outcome).load(Ordering::Relaxed)
    }

    /// All that are not zero.
    pub fn all(&self) -> Vec<(Lane, Act, Outcome, u64)> {
        let mut all = Vec::new();
        for lane in Lane::ALL {
            for act in Act::ALL {
                for outcome in Outcome::ALL {
                    let count = self.get(lane, act, outcome);
                    if count > 0 {
                        all.push((lane, act, outcome, count));
                    }
                }
            }
        }
        all
    }

    pub(crate) fn count(&self, lane: Lane, act: Act, outcome: Outcome) {
        self.cell(lane, act, outcome).fetch_add(1, Ordering::Relaxed);
    }

    #[expect(clippy::indexing_slicing, reason = "each table has a cell for each variant, in order")]
    fn cell(&self, lane: Lane, act: Act, outcome: Outcome) -> &AtomicU64 {
        &self.cells[lane as usize][act as usize][outcome as usize]
    }
}
