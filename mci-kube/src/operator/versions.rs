//! What is known of the versions of the own shards: the highest ever seen, and what a peer holds that outdoes ours.
//!
//! A shard that was deleted and is made again, or that was restored from an older copy, has to be newer than what its
//! readers have seen of it; and a leader's term higher than any before, even if the Lease forgot it. What readers have seen
//! is in the own API server, unless that one was restored: then peers still know it, and say so.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use mci_core::Shard;
use mci_core::peer::ShardState;

use crate::content::shard::Version;

/// How far a peer's term may be above ours. Terms rise by one with each change of leader: no restored copy is so old, and
/// who claims more is wrong, or would have us use up all terms that there are.
const FARTHEST: u64 = 1 << 24;

/// Cheap to clone; all clones are the same.
#[derive(Clone, Debug, Default)]
pub(super) struct Versions(Arc<Mutex<Seen>>);

#[derive(Debug, Default)]
struct Seen {
    /// The highest version of each that the API server ever held.
    shards: HashMap<Shard, Version>,
    /// What the API server holds now.
    held: HashMap<Shard, ShardState>,
    /// What a peer would keep against what the API server holds here.
    outdone: HashMap<Shard, ShardState>,
    term: u64,
    /// A term of this cluster that is above every one that a peer knows of; 0 while no peer knows more than we do.
    adopted: u64,
}

impl Versions {
    /// The API server holds this.
    pub(super) fn saw(&self, state: &ShardState) {
        let mut seen = self.lock();
        let highest = seen.shards.entry(state.shard).or_default();
        *highest = state.version.max(*highest);
        seen.term = seen.term.max(state.version.term);
        if seen.outdone.get(&state.shard).is_some_and(|peers| !outdoes(peers, state)) {
            seen.outdone.remove(&state.shard);
        }
        seen.held.insert(state.shard, state.clone());
    }

    /// The API server holds it no more.
    pub(super) fn vanished(&self, shard: Shard) {
        self.lock().held.remove(&shard);
    }

    /// A peer holds this, and keeps it against what it was sent by the leader of `term`; whether it has to be written
    /// above. It has not where our watch only lagged behind.
    ///
    /// Whoever wrote what the peer holds may have written more in its term than any peer shows: so ours is a higher term
    /// from now on, and how often a shard changed in that one is of no concern.
    pub(super) fn outdone(&self, peers: &ShardState, term: u64) -> Result<bool, TooFar> {
        let mut seen = self.lock();
        if seen.held.get(&peers.shard).is_some_and(|held| !outdoes(peers, held)) {
            return Ok(false);
        }
        let theirs = peers.version.term;
        let highest = term.max(seen.term);
        if theirs > highest.saturating_add(FARTHEST) {
            return Err(TooFar { theirs, ours: highest });
        }
        if theirs >= term.max(seen.adopted) {
            seen.adopted = theirs + 1;
            seen.term = seen.term.max(seen.adopted);
        }
        if seen.outdone.get(&peers.shard).is_none_or(|other| outdoes(peers, other)) {
            seen.outdone.insert(peers.shard, peers.clone());
        }
        Ok(true)
    }

    /// Whether a peer would keep what it holds against this version of a shard, and so it is written anew even if it says
    /// what it should.
    pub(super) fn is_outdone(&self, shard: Shard, version: Version) -> bool {
        self.lock().outdone.get(&shard).is_some_and(|peers| peers.version >= version)
    }

    /// The version to write a shard in, over one of `seen`, by the leader of `term`: higher than any that was ever seen.
    pub(super) fn above(&self, shard: Shard, seen: Version, term: u64) -> Version {
        let known = self.lock();
        let last = known.shards.get(&shard).copied().unwrap_or_default().max(seen);
        Version { term: term.max(last.term).max(known.adopted), seq: last.seq.saturating_add(1) }
    }

    /// Whether there was ever anything of a shard, here or at a peer.
    pub(super) fn knows(&self, shard: Shard) -> bool {
        let seen = self.lock();
        seen.shards.contains_key(&shard) || seen.outdone.contains_key(&shard)
    }

    /// The highest term of all.
    pub(super) fn term(&self) -> u64 {
        self.lock().term
    }

    fn lock(&self) -> MutexGuard<'_, Seen> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A peer claims a term that no leader of this cluster can have had.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "it holds a shard of term {theirs}, and this cluster's highest is {ours}: no leader of it can have written that"
)]
pub(super) struct TooFar {
    theirs: u64,
    ours: u64,
}

/// Whether who holds `one` would not take `other` for it.
fn outdoes(one: &ShardState, other: &ShardState) -> bool {
    one.version > other.version || (one.version == other.version && one.digest != other.digest)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shard() -> Shard {
        Shard::try_from(7).unwrap()
    }

    fn version(term: u64, seq: u64) -> Version {
        Version { term, seq }
    }

    fn state(term: u64, seq: u64, digest: &str) -> ShardState {
        ShardState { shard: shard(), version: version(term, seq), digest: digest.into() }
    }

    #[test]
    fn what_comes_after_a_deletion_is_newer_than_what_was_there() {
        let versions = Versions::default();
        assert!(!versions.knows(shard()));
        versions.saw(&state(2, 9, "a"));
        versions.vanished(shard());
        assert!(versions.knows(shard()));
        assert_eq!(versions.above(shard(), Version::default(), 3), version(3, 10));
        assert_eq!(versions.term(), 2);
    }

    #[test]
    fn what_a_peer_holds_is_written_above_in_a_term_that_nobody_used() {
        let versions = Versions::default();
        // Restored from an older copy, its terms too.
        versions.saw(&state(2, 4, "old"));
        assert_eq!(versions.outdone(&state(5, 30, "new"), 3), Ok(true));
        assert!(versions.is_outdone(shard(), version(2, 4)));
        assert_eq!(versions.above(shard(), version(2, 4), 3), version(6, 5));
        assert_eq!(versions.term(), 6, "and the next leader begins above it");
        versions.saw(&state(6, 5, "old"));
        assert!(!versions.is_outdone(shard(), version(6, 5)));
        // A peer that has not heard of it yet says nothing new.
        assert_eq!(versions.outdone(&state(5, 30, "new"), 3), Ok(false));
    }

    #[test]
    fn a_shard_that_was_never_here_gets_a_version_above_the_peers() {
        let versions = Versions::default();
        assert_eq!(versions.outdone(&state(4, 8, "new"), 4), Ok(true));
        assert!(versions.knows(shard()));
        assert_eq!(versions.above(shard(), Version::default(), 4), version(5, 1));
    }

    #[test]
    fn a_watch_that_lags_costs_no_term_and_is_caught_up_with() {
        let versions = Versions::default();
        // The leader before, of term 3, wrote (3, 6); the one of term 4 has seen (3, 5).
        versions.saw(&state(3, 5, "a"));
        assert_eq!(versions.outdone(&state(3, 6, "b"), 4), Ok(true));
        versions.saw(&state(3, 6, "b"));
        assert!(!versions.is_outdone(shard(), version(3, 6)));
        assert_eq!(versions.outdone(&state(3, 6, "b"), 4), Ok(false));
        assert_eq!(versions.above(shard(), version(3, 6), 4), version(4, 7));
    }

    #[test]
    fn the_same_version_with_another_content_is_no_version_of_ours() {
        let versions = Versions::default();
        versions.saw(&state(3, 5, "ours"));
        assert_eq!(versions.outdone(&state(3, 5, "theirs"), 3), Ok(true));
        assert!(versions.is_outdone(shard(), version(3, 5)));
        assert_eq!(versions.above(shard(), version(3, 5), 3), version(4, 6));
    }

    #[test]
    fn peers_that_hold_different_versions_end_below_one() {
        let versions = Versions::default();
        versions.saw(&state(2, 4, "old"));
        assert_eq!(versions.outdone(&state(7, 30, "one"), 3), Ok(true));
        assert_eq!(versions.outdone(&state(9, 2, "other"), 3), Ok(true));
        let written = versions.above(shard(), version(2, 4), 3);
        assert_eq!(written, version(10, 5));
        versions.saw(&state(10, 5, "old"));
        for late in [state(7, 30, "one"), state(9, 2, "other")] {
            assert_eq!(versions.outdone(&late, 3), Ok(false), "{late:?}");
        }
    }

    #[test]
    fn a_peer_cannot_use_up_the_versions() {
        let versions = Versions::default();
        versions.saw(&state(2, 4, "ours"));
        assert_eq!(
            versions.outdone(&state(u64::MAX, 1, "evil"), 3),
            Err(TooFar { theirs: u64::MAX, ours: 3 })
        );
        assert_eq!(versions.outdone(&state(3, u64::MAX, "evil"), 3), Ok(true));
        assert_eq!(versions.above(shard(), version(2, 4), 3), version(4, 5));
    }
}
