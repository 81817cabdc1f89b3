//! The highest version that was ever seen of each own shard.
//!
//! A shard that was deleted and is made again, or that was restored from an older copy, has to be newer than what its
//! readers have seen of it; and a leader's term higher than any before, even if the Lease forgot it.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use mci_core::Shard;

use crate::content::shard::Version;

/// Cheap to clone; all clones are the same.
#[derive(Clone, Debug, Default)]
pub(super) struct Versions(Arc<Mutex<Seen>>);

#[derive(Debug, Default)]
struct Seen {
    shards: HashMap<Shard, Version>,
    term: u64,
}

impl Versions {
    pub(super) fn saw(&self, shard: Shard, version: Version) {
        let mut seen = self.lock();
        let highest = seen.shards.entry(shard).or_default();
        *highest = version.max(*highest);
        seen.term = seen.term.max(version.term);
    }

    /// The highest version of one shard; the default for one that was never used.
    pub(super) fn of(&self, shard: Shard) -> Version {
        self.lock().shards.get(&shard).copied().unwrap_or_default()
    }

    /// The highest term of all.
    pub(super) fn term(&self) -> u64 {
        self.lock().term
    }

    fn lock(&self) -> MutexGuard<'_, Seen> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
