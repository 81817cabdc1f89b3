//! One session's sender: which shard goes next.
//!
//! ```text
//!   listed ─┐                      ┌─► next: changes before bulk, as many as the window lets
//!   changed ┼──► a set of shards ──┤
//!   stored ─┘    that may differ   └─► outdone: the receiver holds more, and the operator is told
//! ```
//!
//! What waits is a set, never a queue: however long a peer does not listen, each shard is in it once, and is sent as it is
//! when its turn comes. A shard that is on its way waits for its answer before it goes again, so that each arrives in order.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Bound;

use crate::peer::{Outbox, ShardChange, ShardState, ShardUpdate, Standing, Urgency};
use crate::shard::Shard;

/// How much a receiver takes before it answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Window {
    /// Shards on their way.
    pub shards: usize,
    /// Octets of items on their way; the shard that reaches it still goes.
    pub octets: usize,
}

impl Default for Window {
    fn default() -> Self {
        Self { shards: 64, octets: 8 * 1024 * 1024 }
    }
}

/// Something that no receiver says.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Violation {
    /// All of a shard was sent, and it answers with something older.
    #[error("the peer does not keep shard {shard}: all of it was sent, and it holds an older version")]
    KeepsOlder {
        /// The shard.
        shard: Shard,
    },
    /// Its list is longer than there are shards.
    #[error("the peer lists more shards than there are, and has not come to an end")]
    Endless,
    /// Its terms are out of all proportion to ours.
    #[error(
        "the peer claims to hold term {claimed} of shard {shard}, where the highest here is {own}: that is no term of ours"
    )]
    Term {
        /// The shard.
        shard: Shard,
        /// By the peer.
        claimed: u64,
        /// The highest of what is published.
        own: u64,
    },
}

/// A term that is further above ours than this was made up: terms rise by one with each change of leader, and no restored
/// copy is so old. Whoever claims it would have us use up the numbers.
const FARTHEST: u64 = 1 << 24;

/// One session's sender.
#[derive(Debug)]
pub struct Sender {
    window: Window,
    takes_deltas: bool,
    /// What the receiver holds, as far as it said.
    held: BTreeMap<Shard, ShardState>,
    is_listed: bool,
    /// How many shards were listed.
    listed: usize,
    /// The generation of the outbox that was looked at.
    seen: u64,
    waiting: Lanes,
    on_the_way: BTreeMap<Shard, Sent>,
    octets: usize,
    /// Shards of which the receiver did not take a delta.
    whole: BTreeSet<Shard>,
}

/// Shards that may differ, each once.
#[derive(Debug, Default)]
struct Lanes {
    changes: Turns,
    bulk: Turns,
}

/// Shards in turn: after one comes the next higher, and after the last the first, so that none waits forever.
#[derive(Debug, Default)]
struct Turns {
    shards: BTreeSet<Shard>,
    last: Option<Shard>,
}

#[derive(Debug)]
struct Sent {
    state: ShardState,
    is_whole: bool,
    urgency: Urgency,
    octets: usize,
}

impl Sender {
    /// Nothing is known of the receiver yet, and nothing is sent before it has said what it holds.
    pub fn new(window: Window, takes_deltas: bool) -> Self {
        Self {
            window: Window { shards: window.shards.max(1), octets: window.octets.max(1) },
            takes_deltas,
            held: BTreeMap::new(),
            is_listed: false,
            listed: 0,
            seen: 0,
            waiting: Lanes::default(),
            on_the_way: BTreeMap::new(),
            octets: 0,
            whole: BTreeSet::new(),
        }
    }

    /// What the receiver holds: in pieces when a session begins, the last of which says so, and later whenever it holds
    /// something else than it said before (its API server was restored, or what it admits was configured anew).
    ///
    /// Returns whether something new is outdone.
    pub fn held(
        &mut self,
        states: Vec<ShardState>,
        is_last: bool,
        outbox: &Outbox,
    ) -> Result<bool, Violation> {
        let mut outdone = false;
        if !self.is_listed {
            self.listed += states.len();
            if self.listed > usize::from(Shard::COUNT) {
                return Err(Violation::Endless);
            }
        }
        for state in states {
            self.check(&state, outbox)?;
            let shard = state.shard;
            self.held.insert(shard, state);
            if self.is_listed {
                outdone |= self.look(shard, Urgency::Bulk, outbox);
            }
        }
        if is_last && !self.is_listed {
            self.is_listed = true;
            outdone |= self.compare(outbox);
        }
        Ok(outdone)
    }

    /// The outbox changed. Returns whether something new is outdone.
    pub fn changed(&mut self, outbox: &Outbox) -> bool {
        if !self.is_listed || !outbox.has_begun() {
            return false;
        }
        if self.seen == 0 {
            return self.compare(outbox);
        }
        let (generation, changed) = outbox.changed_since(self.seen);
        self.seen = generation;
        changed
            .into_iter()
            .fold(false, |outdone, (shard, urgency)| self.look(shard, urgency, outbox) | outdone)
    }

    /// The receiver holds this now, in answer to a shard that was sent. Returns whether something new is outdone.
    pub fn stored(&mut self, state: ShardState, outbox: &Outbox) -> Result<bool, Violation> {
        self.check(&state, outbox)?;
        let shard = state.shard;
        let mut urgency = Urgency::Bulk;
        if let Some(sent) = self.on_the_way.remove(&shard) {
            self.octets = self.octets.saturating_sub(sent.octets);
            urgency = sent.urgency;
            if state.version >= sent.state.version {
                self.whole.remove(&shard);
                urgency = Urgency::Bulk;
            } else if sent.is_whole {
                return Err(Violation::KeepsOlder { shard });
            } else {
                self.whole.insert(shard);
            }
        }
        self.held.insert(shard, state);
        Ok(self.look(shard, urgency, outbox))
    }

    /// The next shard to send, if there is one and the window has room for it.
    pub fn next(&mut self, outbox: &Outbox) -> Option<ShardUpdate> {
        while let Some((shard, urgency)) = self.choose() {
            self.waiting.remove(shard, urgency);
            let held = self.held.get(&shard);
            let whole = !self.takes_deltas || self.whole.contains(&shard);
            let Some(update) = outbox.update(shard, held, urgency, whole) else { continue };
            let octets = update.octets();
            let is_whole = matches!(update.change, ShardChange::Whole(_));
            let sent = Sent { state: update.state.clone(), is_whole, urgency, octets };
            self.on_the_way.insert(shard, sent);
            self.octets += octets;
            return Some(update);
        }
        None
    }

    /// Whether [`next`](Self::next) is worth asking.
    pub fn is_ready(&self) -> bool {
        self.choose().is_some()
    }

    /// Whether the receiver has said all that it holds.
    pub const fn is_listed(&self) -> bool {
        self.is_listed
    }

    /// How many shards are not acknowledged as they are now: waiting, or on their way.
    pub fn unsent(&self) -> usize {
        let Lanes { changes, bulk } = &self.waiting;
        let on_the_way = self.on_the_way.keys();
        let waits = |shard: &&Shard| !changes.shards.contains(shard) && !bulk.shards.contains(shard);
        changes.shards.len() + bulk.shards.len() + on_the_way.filter(waits).count()
    }

    /// How many shards are on their way.
    pub fn on_the_way(&self) -> usize {
        self.on_the_way.len()
    }

    fn check(&self, state: &ShardState, outbox: &Outbox) -> Result<(), Violation> {
        let (claimed, own) = (state.version.term, outbox.term());
        if claimed > own.saturating_add(FARTHEST) {
            return Err(Violation::Term { shard: state.shard, claimed, own });
        }
        Ok(())
    }

    /// Looks at all shards, the own and the receiver's.
    fn compare(&mut self, outbox: &Outbox) -> bool {
        if !outbox.has_begun() {
            return false;
        }
        self.seen = outbox.generation();
        let own = outbox.states().into_iter().map(|state| state.shard);
        let all: BTreeSet<Shard> = own.chain(self.held.keys().copied()).collect();
        all.into_iter().fold(false, |outdone, shard| self.look(shard, Urgency::Bulk, outbox) | outdone)
    }

    /// Looks at one shard: whether it has to be sent, or the operator has to be told. Returns whether that is so and news.
    fn look(&mut self, shard: Shard, urgency: Urgency, outbox: &Outbox) -> bool {
        let held = self.held.get(&shard);
        match outbox.standing(shard, held) {
            Standing::Same => false,
            Standing::Behind => {
                self.waiting.add(shard, urgency);
                false
            }
            Standing::Outdone => held.is_some_and(|held| outbox.outdone(held.clone())),
        }
    }

    /// Changes may take all of the window but a sixteenth, and bulk three quarters: neither keeps the other from moving.
    fn choose(&self) -> Option<(Shard, Urgency)> {
        let Window { shards, octets } = self.window;
        if !self.is_listed || self.on_the_way.len() >= shards || self.octets >= octets {
            return None;
        }
        let bulk = self.on_the_way.values().filter(|sent| sent.urgency == Urgency::Bulk).count();
        let changes = self.on_the_way.len() - bulk;
        let has_bulk = !self.waiting.bulk.shards.is_empty();
        let room_for_changes = if has_bulk { (shards - shards / 16).max(1) } else { shards };
        if changes < room_for_changes
            && let Some(shard) = self.waiting.changes.next(|shard| !self.on_the_way.contains_key(&shard))
        {
            return Some((shard, Urgency::Change));
        }
        if bulk < (shards - shards / 4).max(1) && (shards < 4 || self.octets < octets - octets / 4) {
            let next = self.waiting.bulk.next(|shard| !self.on_the_way.contains_key(&shard));
            return next.map(|shard| (shard, Urgency::Bulk));
        }
        None
    }
}

impl Lanes {
    fn add(&mut self, shard: Shard, urgency: Urgency) {
        match urgency {
            Urgency::Change => {
                self.bulk.shards.remove(&shard);
                self.changes.shards.insert(shard);
            }
            Urgency::Bulk if self.changes.shards.contains(&shard) => {}
            Urgency::Bulk => {
                self.bulk.shards.insert(shard);
            }
        }
    }

    fn remove(&mut self, shard: Shard, urgency: Urgency) {
        let turns = match urgency {
            Urgency::Change => &mut self.changes,
            Urgency::Bulk => &mut self.bulk,
        };
        turns.shards.remove(&shard);
        turns.last = Some(shard);
    }
}

impl Turns {
    fn next(&self, may: impl Fn(Shard) -> bool) -> Option<Shard> {
        let Some(last) = self.last else { return self.shards.iter().copied().find(|shard| may(*shard)) };
        let later = self.shards.range((Bound::Excluded(last), Bound::Unbounded));
        let earlier = self.shards.range(..=last);
        later.chain(earlier).copied().find(|shard| may(*shard))
    }
}
