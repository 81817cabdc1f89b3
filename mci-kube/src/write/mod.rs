//! Writing MCI's own objects: only when they differ, only as leader, only over the version that was seen last.
//!
//! ```text
//!   what is wanted ──┐                       ┌── lanes: 16 in flight, changes before bulk
//!                    ▼                       ▼
//!   watch ──► Desk: key → wanted, seen ──► Writer ──► create / replace / delete at a version
//!                    ▲                       │
//!                    └── answer, or: look again, decide again ◄── 409, 404, no answer
//! ```
//!
//! What is to be written is decided at the moment of writing, from what was seen last and the term of that moment: a
//! conflict is never forced, it is decided again. Whoever else changes an object of ours, the watch shows the difference
//! and it is repaired. An answer of the API server counts as seen, so that a write that comes back by the watch triggers
//! nothing.
//!
//! It refuses to know what the objects mean: [`Wanted`] says what they should be.

mod counters;
mod desk;
mod entry;
mod lanes;
mod writer;

use std::fmt;

pub use self::counters::{Act, Counters, Outcome};
pub use self::desk::{Desk, Strangers};
pub use self::lanes::{Lane, Lanes};
pub use self::writer::{Listener, Report, Writer};
use crate::client::Kind;

/// Which part of an object is ours.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Part {
    /// All of it: we make it and take it away.
    Whole,
    /// Its status: others make it and take it away.
    Status,
    /// What we say in its status, by server-side apply: others make it, and may have a say in its status too.
    Applied {
        /// Who we are to the API server.
        manager: &'static str,
    },
}

/// What one object should be.
pub trait Wanted: Send + Sync + 'static {
    /// What is sent.
    type Object: Kind + fmt::Debug;
    /// What the watch keeps of it.
    type Seen: Send + Sync + 'static;
    /// Which part of it is ours.
    const PART: Part = Part::Whole;

    /// What to write over `seen` in this term; nothing when what is there is right. Its name and namespace are those of the
    /// key that it is wanted under; its resourceVersion is filled in.
    ///
    /// `seen` is nothing when there is no object, and when there is one that cannot be read.
    fn over(&self, seen: Option<&Self::Seen>, term: u64) -> Option<Self::Object>;

    /// What the watch would keep of an object: the answer to a write is one.
    fn seen(object: Self::Object) -> Result<Self::Seen, String>;
}
