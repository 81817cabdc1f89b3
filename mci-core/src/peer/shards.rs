//! A shard on its way from the cluster that publishes it to one that hears it.

use std::sync::Arc;

use crate::hostname::Hostname;
use crate::shard::Shard;

/// Which of two versions of a shard is the newer: the term of the leader that wrote it, then how often it changed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ShardVersion {
    /// Raised with each change of leader. 0 is for what came by REST.
    pub term: u64,
    /// Raised with each change of the shard.
    pub seq: u64,
}

/// What someone holds of a shard.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ShardState {
    /// Which one.
    pub shard: Shard,
    /// In which version.
    pub version: ShardVersion,
    /// The publisher's word for the content: repeated, and never recomputed by another cluster.
    pub digest: Arc<str>,
}

/// What a shard says of one hostname.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct ShardItem {
    /// Whose entry it is.
    pub hostname: Hostname,
    /// The entry as its publisher wrote it, as JSON: a field that this version does not know goes through it unharmed.
    pub json: Arc<str>,
}

/// What is to become of a shard's content.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ShardChange {
    /// This is all that it holds.
    Whole(Vec<ShardItem>),
    /// To whoever holds `base` with that digest: these are there or are other than before, and those are gone.
    Delta {
        /// The version that it starts from.
        base: ShardVersion,
        /// The digest of what it starts from: after a restore, a version may have been given twice.
        base_digest: Arc<str>,
        /// New or changed.
        put: Vec<ShardItem>,
        /// No longer published.
        removed: Vec<Hostname>,
    },
}

/// How much a write matters to answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Urgency {
    /// Something that was there already is different now: before all else.
    Change,
    /// A first sync, or what comes after one that was missed.
    Bulk,
}

/// A newer version of a shard.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ShardUpdate {
    /// What the receiver holds once it has stored it.
    pub state: ShardState,
    /// How it becomes so.
    pub change: ShardChange,
    /// Whether it waits for others.
    pub urgency: Urgency,
}

impl ShardState {
    /// Of a shard that nobody ever wrote, and of one that has to be sent again whatever its version is.
    pub fn nothing(shard: Shard) -> Self {
        Self { shard, version: ShardVersion::default(), digest: "".into() }
    }
}

impl ShardItem {
    /// How much it weighs on the way.
    pub fn octets(&self) -> usize {
        self.hostname.to_string().len() + self.json.len()
    }
}

impl ShardUpdate {
    /// How much it weighs on the way: the text that it carries.
    pub fn octets(&self) -> usize {
        match &self.change {
            ShardChange::Whole(items) => items.iter().map(ShardItem::octets).sum(),
            ShardChange::Delta { put, removed, .. } => {
                let removed: usize = removed.iter().map(|hostname| hostname.to_string().len()).sum();
                put.iter().map(ShardItem::octets).sum::<usize>() + removed
            }
        }
    }
}
