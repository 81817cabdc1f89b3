//! One cluster that publishes, two that hear, and everything that can go wrong between them.

use mci_core::Shard;
use mci_core::peer::{ShardItem, Window};
use rand::rngs::StdRng;
use rand::{RngExt as _, SeedableRng as _};

use crate::hearing::Hearer;
use crate::names::NAMES;
use crate::publishing::{Publisher, SHARDS};
use crate::session::Session;

/// Sessions at once: more than replicas, since a deposed leader's lives on for a while.
const SESSIONS: usize = 6;

pub(crate) struct World {
    pub(crate) publisher: Publisher,
    pub(crate) hearers: Vec<Hearer>,
    sessions: Vec<Session>,
    random: StdRng,
}

impl World {
    pub(crate) fn new(seed: u64) -> Self {
        Self {
            publisher: Publisher::new(3),
            hearers: vec![Hearer::new(2), Hearer::new(3)],
            sessions: Vec::new(),
            random: StdRng::seed_from_u64(seed),
        }
    }

    fn below(&mut self, end: usize) -> usize {
        self.random.random_range(0..end)
    }

    fn number(&mut self) -> u64 {
        self.random.random_range(0..SHARDS)
    }

    /// One random thing happens: mostly what should, and often what should not.
    pub(crate) fn happen(&mut self) {
        let any = self.below(3);
        // Mostly whoever leads does something.
        let replica = if self.below(4) == 0 { any } else { self.publisher.etcd.holder };
        let (number, hearer) = (self.number(), self.below(self.hearers.len()));
        let ear = self.below(self.hearers[hearer].replicas());
        match self.below(1000) {
            0..=39 => self.want(),
            40..=139 => self.publisher.watch(replica, number),
            140..=239 => self.publisher.write(replica, number),
            240..=269 => self.publisher.heed(replica),
            270..=284 => self.publisher.renew(any),
            285..=289 => self.publisher.elect(any),
            290 => self.restart(any),
            291..=293 => self.publisher.backup(),
            294 => {
                let which = self.below(1000);
                self.publisher.restore(which);
            }
            295 => self.publisher.delete(number),
            296..=345 => self.hearers[hearer].watch(ear, number),
            346..=348 => self.hearers[hearer].backup(),
            349 => {
                let which = self.below(1000);
                self.hearers[hearer].restore(which);
            }
            350 => self.hearers[hearer].delete(number),
            351 => {
                self.hearers[hearer].restart(ear);
                self.sessions.retain(|session| session.to != hearer || session.replica != ear);
            }
            352..=359 => self.open(replica, hearer),
            360 => self.settle_for_a_while(),
            _ => self.step(),
        }
    }

    /// A moment without faults, after which they go on.
    fn settle_for_a_while(&mut self) {
        let holder = self.publisher.etcd.holder;
        if self.publisher.replicas[holder].leads {
            self.round(holder);
        }
    }

    /// The workloads ask for something else.
    fn want(&mut self) {
        let key = (self.number(), self.below(NAMES));
        if self.below(4) == 0 {
            self.publisher.wanted.remove(&key);
        } else {
            // Few values, so that what was there comes back.
            let value = format!("{}", self.below(5));
            self.publisher.wanted.insert(key, value);
        }
    }

    fn restart(&mut self, replica: usize) {
        self.publisher.restart(replica);
        self.sessions.retain(|session| session.from != replica);
    }

    fn open(&mut self, from: usize, to: usize) {
        if !self.publisher.replicas[from].leads {
            return;
        }
        if self.sessions.len() >= SESSIONS {
            let which = self.below(self.sessions.len());
            self.sessions.swap_remove(which);
        }
        let replica = self.below(self.hearers[to].replicas());
        let window = Window { shards: 1 + self.below(4), octets: 1 + self.below(200) };
        self.sessions.push(Session::open(from, to, replica, &self.hearers[to], window));
    }

    /// Something happens in one session.
    fn step(&mut self) {
        if self.sessions.is_empty() {
            return;
        }
        let at = self.below(self.sessions.len());
        let (what, which) = (self.below(200), self.below(100));
        let session = &mut self.sessions[at];
        let publisher = &self.publisher.replicas[session.from];
        let hearer = &mut self.hearers[session.to];
        match what {
            0..=39 => {
                session.send(publisher);
            }
            40..=69 => session.changed(publisher),
            70..=114 => {
                session.arrive(hearer);
            }
            115..=154 => {
                session.store(hearer, which);
            }
            155..=190 => {
                if session.hear(publisher).is_err() {
                    self.sessions.swap_remove(at);
                }
            }
            191..=194 => session.look(hearer),
            195..=198 => session.disturb(&mut self.random),
            _ => drop(self.sessions.swap_remove(at)),
        }
    }

    /// No faults from now on: one replica leads, and it has a session with each of the others. Returns after how many
    /// rounds all is equal; nothing where it is not.
    pub(crate) fn settle(&mut self) -> Option<usize> {
        let leader = self.below(3);
        for replica in 0..3 {
            for number in 0..SHARDS {
                self.publisher.watch(replica, number);
            }
        }
        self.publisher.elect(leader);
        for replica in 0..3 {
            self.publisher.renew(replica);
        }
        // What a deposed leader has open lives on.
        let rounds = (0..60).find(|_| {
            self.round(leader);
            self.is_equal()
        })?;
        // And it stays so.
        for _ in 0..3 {
            self.round(leader);
        }
        self.is_equal().then_some(rounds)
    }

    fn round(&mut self, leader: usize) {
        self.publisher.heed(leader);
        for number in 0..SHARDS {
            self.publisher.write(leader, number);
            for replica in 0..3 {
                self.publisher.watch(replica, number);
            }
        }
        for to in 0..self.hearers.len() {
            self.hearers[to].watch_all();
            if !self.sessions.iter().any(|session| (session.from, session.to) == (leader, to)) {
                let replica = self.below(self.hearers[to].replicas());
                let session = Session::open(leader, to, replica, &self.hearers[to], Window::default());
                self.sessions.push(session);
            }
        }
        let (replicas, hearers) = (&self.publisher.replicas, &mut self.hearers);
        self.sessions.retain_mut(|session| {
            let publisher = &replicas[session.from];
            session.changed(publisher);
            loop {
                let mut moves = session.send(publisher);
                moves |= session.arrive(&hearers[session.to]);
                moves |= session.store(&mut hearers[session.to], 0);
                match session.hear(publisher) {
                    Ok(heard) => moves |= heard,
                    Err(_) => return false,
                }
                if !moves {
                    break;
                }
            }
            session.look(&hearers[session.to]);
            !session.is_stuck()
        });
    }

    /// Everything that is wanted is published, and held by everyone, and nothing else.
    pub(crate) fn is_equal(&self) -> bool {
        let sorted = |items: &mut dyn Iterator<Item = (Shard, &Vec<ShardItem>)>| {
            let mut all: Vec<(Shard, String, String)> = items
                .flat_map(|(shard, items)| items.iter().map(move |item| (shard, item)))
                .map(|(shard, item)| (shard, item.hostname.to_string(), item.json.to_string()))
                .collect();
            all.sort();
            all
        };
        let own = &self.publisher.etcd.shards;
        let published = sorted(&mut own.iter().map(|(shard, object)| (*shard, &object.items)));
        let mut wanted: Vec<(Shard, String, String)> = self
            .publisher
            .wanted
            .iter()
            .map(|((number, index), json)| {
                let hostname = crate::names::name(*number, *index);
                (Shard::of(&hostname), hostname.to_string(), json.clone())
            })
            .collect();
        wanted.sort();
        let states = own.values().map(|object| &object.state);
        wanted == published
            && self.hearers.iter().all(|hearer| {
                let held = hearer.etcd.iter().map(|(shard, object)| (*shard, &object.held.items));
                sorted(&mut held.into_iter()) == published
                    && hearer.etcd.values().map(|object| &object.held.state).eq(states.clone())
            })
    }
}
