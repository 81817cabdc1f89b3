//! When a REST peer is asked for what it publishes, and what follows from its answers.
//!
//! Its POSTs are what is acted on at once. Its list repairs what was lost between them: what is in it is stored, and what is
//! absent from two lists running is removed. It decides, and knows neither sockets nor a clock: times are durations since
//! any one moment.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use mci_core::{ClusterId, Endpoint, Hostname};

use super::client::Hosts;

/// It is asked this often.
const EVERY: Duration = Duration::from_mins(5);
/// And so long after an answer that failed.
const AGAIN: Duration = Duration::from_secs(30);

/// What to store: what the cluster offers for a hostname; nothing where it publishes it no more.
pub type Change = (Hostname, Option<Endpoint>);

/// One REST peer's list.
#[derive(Debug)]
pub struct PollPlan {
    cluster: ClusterId,
    every: Duration,
    due: Duration,
    alive: bool,
    /// What the last list had not.
    absent: BTreeSet<Hostname>,
    /// What the last list said.
    last: BTreeMap<Hostname, Endpoint>,
}

impl PollPlan {
    /// Of a peer that was never asked: that is due at once.
    pub const fn new(cluster: ClusterId) -> Self {
        Self {
            cluster,
            every: EVERY,
            due: Duration::ZERO,
            alive: true,
            absent: BTreeSet::new(),
            last: BTreeMap::new(),
        }
    }

    /// With another time between two lists.
    pub const fn every(mut self, every: Duration) -> Self {
        self.every = every;
        self
    }

    /// Whether the peer is alive; one that comes back is asked at once.
    pub fn is_alive(&mut self, alive: bool, now: Duration) {
        if alive && !self.alive {
            self.due = now;
        }
        self.alive = alive;
    }

    /// When it is asked next.
    pub const fn due(&self) -> Duration {
        self.due
    }

    /// It is asked by then.
    pub(super) fn due_by(&mut self, by: Duration) {
        self.due = self.due.min(by);
    }

    /// It told its list, and this is what to store, given what is held of it.
    pub fn told(&mut self, hosts: &Hosts, held: &[Hostname], now: Duration) -> Vec<Change> {
        self.due = now.saturating_add(self.every);
        let told = self.read(hosts);
        let mut changes: Vec<Change> =
            told.iter().map(|(hostname, endpoint)| (hostname.clone(), Some(endpoint.clone()))).collect();
        // A list of which something could not be read may have had it.
        let absent: BTreeSet<Hostname> = if hosts.faults.is_empty() {
            held.iter().filter(|hostname| !told.contains_key(*hostname)).cloned().collect()
        } else {
            BTreeSet::new()
        };
        let (twice, once) = absent.into_iter().partition(|hostname| self.absent.contains(hostname));
        self.absent = once;
        changes.extend(BTreeSet::into_iter(twice).map(|hostname| (hostname, None)));
        self.last = told;
        changes
    }

    /// It told its list again, after what followed from the one before was stored: what is other now was changed in between,
    /// and storing the older list may have undone a POST that came meanwhile. Nothing follows from what is absent.
    pub fn told_again(&mut self, hosts: &Hosts) -> Vec<Change> {
        let told = self.read(hosts);
        let changes = told.iter().filter(|(hostname, endpoint)| self.last.get(*hostname) != Some(endpoint));
        let mut changes: Vec<Change> =
            changes.map(|(hostname, endpoint)| (hostname.clone(), Some(endpoint.clone()))).collect();
        if hosts.faults.is_empty() {
            // The list before put it there, perhaps against a POST that had just taken it away.
            let vanished = self.last.keys().filter(|hostname| !told.contains_key(*hostname));
            changes.extend(vanished.map(|hostname| (hostname.clone(), None)));
        }
        self.absent.retain(|hostname| !told.contains_key(hostname));
        self.last = told;
        changes
    }

    /// It has no view of its own cluster: nothing follows, and it is asked again.
    pub fn has_no_view(&mut self, now: Duration) {
        self.absent.clear();
        self.due = now.saturating_add(self.every);
    }

    /// It gave no answer that can be used, or what it said could not be stored.
    pub fn failed(&mut self, now: Duration) {
        self.absent.clear();
        self.due = now.saturating_add(AGAIN.min(self.every));
    }

    fn read(&self, hosts: &Hosts) -> BTreeMap<Hostname, Endpoint> {
        let mut told: BTreeMap<Hostname, crate::rest::Host> = BTreeMap::new();
        for host in &hosts.hosts {
            // Names that differ in case alone are two to the peer, and one here.
            told.entry(host.hostname.clone())
                .and_modify(|known| known.places.extend(host.places.iter().cloned()))
                .or_insert_with(|| host.clone());
        }
        let endpoint = |(hostname, host): (Hostname, crate::rest::Host)| {
            host.endpoint(&self.cluster).map(|endpoint| (hostname, endpoint))
        };
        told.into_iter().filter_map(endpoint).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rest::{Host, Place, Target};

    fn name(text: &str) -> Hostname {
        text.parse().unwrap()
    }

    fn plan() -> PollPlan {
        PollPlan::new("east".parse().unwrap())
    }

    fn host(hostname: &str, address: &str) -> Host {
        let target = Target::Address(address.parse().unwrap());
        Host {
            hostname: name(hostname),
            places: vec![Place { target, priority: 0, weight: 50, ready: None }],
        }
    }

    fn list(hosts: &[(&str, &str)]) -> Hosts {
        Hosts { hosts: hosts.iter().map(|(name, address)| host(name, address)).collect(), faults: Vec::new() }
    }

    /// Changes as `name address` and `name -`.
    fn shown(changes: &[Change]) -> Vec<String> {
        let one = |(hostname, endpoint): &Change| match endpoint {
            Some(endpoint) => format!("{hostname} {}", endpoint.parts().addresses[0]),
            None => format!("{hostname} -"),
        };
        changes.iter().map(one).collect()
    }

    const fn at(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    #[test]
    fn a_peer_is_asked_at_first_after_it_was_stale_and_every_while() {
        let mut plan = plan();
        assert_eq!(plan.due(), at(0));
        plan.told(&list(&[]), &[], at(10));
        assert_eq!(plan.due(), at(310));
        plan.is_alive(false, at(100));
        plan.is_alive(true, at(150));
        assert_eq!(plan.due(), at(150));
        plan.has_no_view(at(150));
        assert_eq!(plan.due(), at(450));
        plan.failed(at(450));
        assert_eq!(plan.due(), at(480));
    }

    #[test]
    fn what_is_absent_from_two_lists_running_is_removed_and_not_before() {
        let mut plan = plan();
        let held = [name("a.example"), name("b.example")];
        let with_a = list(&[("A.example", "192.0.2.1")]);
        assert_eq!(shown(&plan.told(&with_a, &held, at(0))), ["a.example 192.0.2.1"]);
        assert_eq!(shown(&plan.told(&with_a, &held, at(300))), ["a.example 192.0.2.1", "b.example -"]);
    }

    #[test]
    fn nothing_is_removed_on_the_word_of_a_peer_that_may_not_know() {
        let held = [name("b.example")];
        let none = list(&[]);
        for between in ["no view", "failed", "faults"] {
            let mut plan = plan();
            assert_eq!(plan.told(&none, &held, at(0)), []);
            match between {
                "no view" => plan.has_no_view(at(300)),
                "failed" => plan.failed(at(300)),
                _ => {
                    let faults = vec!["[0].hostname: it is missing".to_owned()];
                    assert_eq!(plan.told(&Hosts { hosts: Vec::new(), faults }, &held, at(300)), []);
                }
            }
            assert_eq!(plan.told(&none, &held, at(600)), [], "{between}");
            assert_eq!(shown(&plan.told(&none, &held, at(900))), ["b.example -"], "{between}");
        }
    }

    #[test]
    fn a_list_that_was_older_than_a_post_is_put_right_by_the_next() {
        let mut plan = plan();
        let before =
            list(&[("a.example", "192.0.2.1"), ("b.example", "192.0.2.2"), ("c.example", "192.0.2.3")]);
        plan.told(&before, &[], at(0));
        let after = list(&[("a.example", "192.0.2.9"), ("c.example", "192.0.2.3")]);
        assert_eq!(shown(&plan.told_again(&after)), ["a.example 192.0.2.9", "b.example -"]);
        assert_eq!(plan.told_again(&after), []);
    }
}
