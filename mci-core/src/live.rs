//! The snapshot that is served now.

use std::sync::{Arc, Mutex, PoisonError};

use arc_swap::ArcSwap;

use crate::changes::Changes;
use crate::edit::Edit;
use crate::snapshot::Snapshot;

/// The snapshot that is served now: any number of readers, who take no lock, and edits, one at a time.
#[derive(Debug)]
pub struct Live {
    current: ArcSwap<Snapshot>,
    editing: Mutex<()>,
}

impl Live {
    /// Serves `snapshot`.
    pub fn new(snapshot: Snapshot) -> Self {
        Self { current: ArcSwap::from_pointee(snapshot), editing: Mutex::new(()) }
    }

    /// What is served now. Hold it for one answer, or clone the `Arc` behind it.
    pub fn load(&self) -> arc_swap::Guard<Arc<Snapshot>> {
        self.current.load()
    }

    /// What is served now, to keep.
    pub fn snapshot(&self) -> Snapshot {
        Snapshot::clone(&self.current.load())
    }

    /// One batch of edits, published at once; nothing is published if nothing differs.
    pub fn edit(&self, edits: impl FnOnce(&mut Edit)) -> Changes {
        let _one_at_a_time = self.editing.lock().unwrap_or_else(PoisonError::into_inner);
        let before = self.snapshot();
        let (after, changes) = before.edited_with_changes(edits);
        if changes.any() {
            self.current.store(Arc::new(after));
        }
        changes
    }
}
