//! A model of one Sync: two queues that duplicate, reorder and lose, and what each end knows.

use std::collections::VecDeque;

use mci_core::peer::{Sender, ShardState, ShardUpdate, Told, Violation, Window};
use rand::RngExt as _;
use rand::rngs::StdRng;

use crate::hearing::{Hearer, Put};
use crate::publishing::{Replica, SHARDS};

/// What the receiver says.
#[derive(Clone, Debug)]
enum Down {
    Held(Vec<ShardState>, bool),
    Stored(ShardState),
}

/// One Sync, between a replica of the operator and one of a front end.
#[derive(Debug)]
pub(crate) struct Session {
    pub(crate) from: usize,
    pub(crate) to: usize,
    pub(crate) replica: usize,
    sender: Sender,
    up: VecDeque<ShardUpdate>,
    down: VecDeque<Down>,
    told: Told,
    puts: Vec<Put>,
}

impl Session {
    pub(crate) fn open(from: usize, to: usize, replica: usize, hearer: &Hearer, window: Window) -> Self {
        let held = hearer.shards(replica);
        let told = Told::new(held.clone());
        let mut down: VecDeque<Down> = held.into_iter().map(|state| Down::Held(vec![state], false)).collect();
        down.push_back(Down::Held(Vec::new(), true));
        let (up, puts) = (VecDeque::new(), Vec::new());
        Self { from, to, replica, sender: Sender::new(window, true), up, down, told, puts }
    }

    /// The sender sends one shard, if it would.
    pub(crate) fn send(&mut self, publisher: &Replica) -> bool {
        assert!(self.sender.unsent() <= usize::try_from(SHARDS).unwrap(), "what waits is a set");
        let update = self.sender.next(&publisher.outbox);
        let is_one = update.is_some();
        self.up.extend(update);
        is_one
    }

    pub(crate) fn changed(&mut self, publisher: &Replica) {
        self.sender.changed(&publisher.outbox);
    }

    /// The receiver reads one message, and decides.
    pub(crate) fn arrive(&mut self, hearer: &Hearer) -> bool {
        // A shard that is being stored holds up the next version of itself, and no other.
        let free = self.up.iter().position(|update| {
            let shard = update.state.shard;
            self.puts.iter().all(|put| put.shard() != shard)
        });
        let Some(update) = free.and_then(|at| self.up.remove(at)) else { return false };
        self.puts.push(hearer.begin(self.replica, update));
        true
    }

    /// The receiver writes what it decided, and answers.
    pub(crate) fn store(&mut self, hearer: &mut Hearer, which: usize) -> bool {
        if self.puts.is_empty() {
            return false;
        }
        let put = self.puts.swap_remove(which % self.puts.len());
        let state = hearer.finish(self.replica, put);
        self.told.stored(state.clone());
        self.down.push_back(Down::Stored(state));
        true
    }

    /// The sender hears one message.
    pub(crate) fn hear(&mut self, publisher: &Replica) -> Result<bool, Violation> {
        match self.down.pop_front() {
            Some(Down::Held(states, last)) => self.sender.held(states, last, &publisher.outbox)?,
            Some(Down::Stored(state)) => self.sender.stored(state, &publisher.outbox)?,
            None => return Ok(false),
        };
        Ok(true)
    }

    /// The receiver looks whether still is held what it said.
    pub(crate) fn look(&mut self, hearer: &Hearer) {
        let busy = |shard| {
            self.puts.iter().any(|put| put.shard() == shard)
                || self.up.iter().any(|update| update.state.shard == shard)
        };
        let news = self.told.look(hearer.shards(self.replica), busy);
        if !news.is_empty() {
            self.down.push_back(Down::Held(news, false));
        }
    }

    /// Nothing moves any more, and something is missing: the sender gives up after a while.
    pub(crate) fn is_stuck(&self) -> bool {
        let waits = !self.sender.is_listed() || self.sender.on_the_way() > 0;
        waits && self.up.is_empty() && self.down.is_empty() && self.puts.is_empty()
    }

    /// A fault of the way between the two.
    pub(crate) fn disturb(&mut self, random: &mut StdRng) {
        let (up, down) = (self.up.len(), self.down.len());
        match random.random_range(0..6) {
            0 if up > 0 => drop(self.up.remove(random.random_range(0..up))),
            1 if up > 0 => {
                let again = self.up[random.random_range(0..up)].clone();
                self.up.push_back(again);
            }
            2 if up > 0 => self.up.swap(random.random_range(0..up), random.random_range(0..up)),
            3 if down > 0 => drop(self.down.remove(random.random_range(0..down))),
            4 if down > 0 => {
                let again = self.down[random.random_range(0..down)].clone();
                self.down.push_back(again);
            }
            5 if down > 0 => self.down.swap(random.random_range(0..down), random.random_range(0..down)),
            _ => {}
        }
    }
}
