//! What a leader publishes, shard by shard, with withdrawals held back (R26). Pure: time comes in.
//!
//! ```text
//!  publish ──► entries ──► touched shards ──► object, and what did not fit
//!  withdraw ──► settling, held ──(due, confirmed)──► no entry any more
//! ```

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::time::Duration;

use mci_core::{ClusterId, Due, Endpoint, Hostname, Shard, WithdrawalLimits, Withdrawals};

use crate::content::shard::{self, TooLarge, Version};
use crate::resources::ClusterCache;
use crate::write::Lane;

/// A hostname that is published.
#[derive(Clone, Debug)]
struct Entry {
    endpoint: Endpoint,
    /// What was published earlier has the room in its shard.
    rank: u64,
}

/// All that one leader publishes.
#[derive(Debug)]
pub(super) struct Book {
    cluster: ClusterId,
    entries: HashMap<Hostname, Entry>,
    shards: BTreeMap<Shard, BTreeSet<Hostname>>,
    next_rank: u64,
    withdrawals: Withdrawals,
    /// What is going, and neither gone nor held.
    settling: BTreeSet<Hostname>,
    /// Hostnames that nobody claims, while GSLBs are not installed: until then they may come back.
    orphans: BTreeMap<Hostname, Duration>,
    touched: BTreeMap<Shard, Lane>,
}

impl Book {
    /// Begins with what a predecessor published; every shard that is there is looked at.
    pub(super) fn new(
        cluster: ClusterId,
        limits: WithdrawalLimits,
        shards: impl IntoIterator<Item = Shard>,
        published: impl IntoIterator<Item = (Hostname, Endpoint)>,
    ) -> Self {
        let mut book = Self {
            cluster,
            entries: HashMap::new(),
            shards: shards.into_iter().map(|shard| (shard, BTreeSet::new())).collect(),
            next_rank: 1,
            withdrawals: Withdrawals::new(limits),
            settling: BTreeSet::new(),
            orphans: BTreeMap::new(),
            touched: BTreeMap::new(),
        };
        for (hostname, endpoint) in published {
            book.shards.entry(Shard::of(&hostname)).or_default().insert(hostname.clone());
            book.entries.insert(hostname, Entry { endpoint, rank: 0 });
        }
        book.touched = book.shards.keys().map(|shard| (*shard, Lane::Bulk)).collect();
        book
    }

    pub(super) fn configure(&mut self, limits: WithdrawalLimits) {
        self.withdrawals.configure(limits);
    }

    /// Whether a hostname is published, going or not.
    pub(super) fn has(&self, hostname: &Hostname) -> bool {
        self.entries.contains_key(hostname)
    }

    pub(super) fn len(&self) -> usize {
        self.entries.len()
    }

    /// A hostname is published so.
    pub(super) fn publish(&mut self, hostname: Hostname, endpoint: Endpoint) {
        self.withdrawals.returns(&hostname);
        self.settling.remove(&hostname);
        self.orphans.remove(&hostname);
        let shard = Shard::of(&hostname);
        let lane = if let Some(entry) = self.entries.get_mut(&hostname) {
            entry.endpoint = endpoint;
            Lane::Changes
        } else {
            let rank = self.next_rank;
            self.next_rank += 1;
            self.shards.entry(shard).or_default().insert(hostname.clone());
            self.entries.insert(hostname, Entry { endpoint, rank });
            Lane::Bulk
        };
        self.touch(shard, lane);
    }

    /// A hostname would go: it stays until it is [`due`](Self::due).
    pub(super) fn withdraw(&mut self, hostname: Hostname, now: Duration) {
        if self.entries.contains_key(&hostname) {
            self.settling.insert(hostname.clone());
            self.withdrawals.goes(hostname, now);
        }
    }

    /// What is going just now may be back before `until`: why it goes is another matter than it seemed.
    pub(super) fn wait(&mut self, until: Duration) {
        for hostname in std::mem::take(&mut self.settling) {
            self.withdrawals.returns(&hostname);
            self.orphans.insert(hostname, until);
        }
    }

    /// A hostname that nobody claims, and whose GSLB may be back before `until`.
    pub(super) fn orphan(&mut self, hostname: Hostname, until: Duration) {
        if self.entries.contains_key(&hostname) {
            self.orphans.insert(hostname, until);
        }
    }

    /// Lets go what may go now.
    pub(super) fn due(&mut self, now: Duration) -> Due {
        let over: Vec<Hostname> =
            self.orphans.iter().filter(|(_, until)| **until <= now).map(|(name, _)| name.clone()).collect();
        for hostname in over {
            self.orphans.remove(&hostname);
            self.withdraw(hostname, now);
        }
        let due = self.withdrawals.due(now, self.entries.len());
        for hostname in due.released.iter().chain(&due.newly_held) {
            self.settling.remove(hostname);
        }
        for hostname in &due.released {
            self.remove(hostname);
        }
        due
    }

    /// Lets go everything that is held (`mci withdraw --confirm`).
    pub(super) fn confirm(&mut self) -> usize {
        let released = self.withdrawals.confirm();
        for hostname in &released {
            self.remove(hostname);
        }
        released.len()
    }

    pub(super) fn held(&self) -> usize {
        self.withdrawals.held().len()
    }

    /// When [`due`](Self::due) is next worth asking.
    pub(super) fn next_due(&self) -> Option<Duration> {
        self.withdrawals.next().into_iter().chain(self.orphans.values().copied()).min()
    }

    /// The shards that may differ from what was last asked for, and how much each hurries.
    pub(super) fn take_touched(&mut self) -> BTreeMap<Shard, Lane> {
        std::mem::take(&mut self.touched)
    }

    /// A shard as it is to be, whatever its version; and the entries that found no room.
    pub(super) fn write(&self, shard: Shard) -> (ClusterCache, Vec<TooLarge>) {
        let hostnames = self.shards.get(&shard).into_iter().flatten();
        let mut entries: Vec<(&Hostname, &Entry)> =
            hostnames.filter_map(|hostname| Some((hostname, self.entries.get(hostname)?))).collect();
        entries.sort_unstable_by_key(|(hostname, entry)| (entry.rank, *hostname));
        let entries = entries.into_iter().map(|(hostname, entry)| (hostname, &entry.endpoint));
        shard::write(&self.cluster, shard, Version::default(), entries, Vec::new())
    }

    fn remove(&mut self, hostname: &Hostname) {
        if self.entries.remove(hostname).is_some() {
            let shard = Shard::of(hostname);
            if let Some(hostnames) = self.shards.get_mut(&shard) {
                hostnames.remove(hostname);
            }
            self.touch(shard, Lane::Bulk);
        }
    }

    /// A shard is to be looked at, whether or not anything in it changed.
    pub(super) fn touch(&mut self, shard: Shard, lane: Lane) {
        let touched = self.touched.entry(shard).or_insert(lane);
        *touched = lane.min(*touched);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn at(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    fn name(text: &str) -> Hostname {
        text.parse().unwrap()
    }

    fn endpoint(addresses: usize) -> Endpoint {
        let address = |index: usize| std::net::IpAddr::from(u32::try_from(index).unwrap().to_be_bytes());
        Endpoint::new("west".parse().unwrap(), (0..addresses).map(address))
    }

    fn book(published: &[Hostname]) -> Book {
        let published = published.iter().map(|name| (name.clone(), endpoint(1)));
        let mut book = Book::new("west".parse().unwrap(), WithdrawalLimits::default(), [], published);
        book.take_touched();
        book
    }

    fn names(object: &ClusterCache) -> Vec<String> {
        object.hostnames.iter().map(|item| item.read().unwrap().hostname.clone()).collect()
    }

    #[test]
    fn a_change_hurries_and_what_is_new_or_gone_does_not() {
        let (old, new) = (name("old.example"), name("new.example"));
        let mut book = book(std::slice::from_ref(&old));
        book.publish(old.clone(), endpoint(2));
        book.publish(new.clone(), endpoint(1));
        let expected = [(Shard::of(&old), Lane::Changes), (Shard::of(&new), Lane::Bulk)].into();
        assert_eq!(book.take_touched(), expected);
        book.withdraw(old.clone(), at(0));
        assert_eq!(book.due(at(2)).released, std::slice::from_ref(&old));
        assert_eq!(book.take_touched(), [(Shard::of(&old), Lane::Bulk)].into());
        assert_eq!(names(&book.write(Shard::of(&old)).0), Vec::<String>::new());
    }

    #[test]
    fn r26_many_that_go_at_once_stay_until_they_are_confirmed() {
        let all: Vec<Hostname> = (0..40).map(|index| name(&format!("app-{index}.example"))).collect();
        let mut book = book(&all);
        for hostname in all.iter().take(20) {
            book.withdraw(hostname.clone(), at(0));
        }
        let due = book.due(at(2));
        assert_eq!((due.released.len(), due.newly_held.len(), book.held(), book.len()), (0, 20, 20, 40));
        assert_eq!(book.confirm(), 20);
        assert_eq!((book.held(), book.len()), (0, 20));
    }

    #[test]
    fn what_is_back_before_it_went_never_went() {
        let app = name("app.example");
        let mut book = book(std::slice::from_ref(&app));
        book.withdraw(app.clone(), at(0));
        book.publish(app.clone(), endpoint(1));
        assert_eq!(book.due(at(9)), Due::default());
        assert!(book.has(&app));
    }

    #[test]
    fn an_orphan_goes_when_its_time_is_over() {
        let app = name("app.example");
        let mut book = book(std::slice::from_ref(&app));
        book.orphan(app.clone(), at(600));
        assert_eq!(book.next_due(), Some(at(600)));
        assert_eq!(book.due(at(600)).released, []);
        assert_eq!(book.due(at(602)).released, [app]);
    }

    #[test]
    fn what_was_about_to_go_waits_once_the_reason_is_known() {
        let app = name("app.example");
        let mut book = book(std::slice::from_ref(&app));
        book.withdraw(app.clone(), at(0));
        book.wait(at(600));
        assert_eq!(book.due(at(599)), Due::default());
        assert!(book.has(&app));
    }

    #[test]
    fn what_finds_no_room_is_the_one_that_came_last() {
        // Two names of one shard, each with more than half of what a shard may hold.
        let first = name("app.example");
        let second = (0..1_000_000)
            .map(|index| name(&format!("a{index}.example")))
            .find(|other| Shard::of(other) == Shard::of(&first))
            .unwrap();
        let mut book = book(&[]);
        book.publish(first.clone(), endpoint(10_000));
        book.publish(second.clone(), endpoint(10_000));
        let (object, refused) = book.write(Shard::of(&first));
        assert_eq!(names(&object), ["app.example"]);
        assert_eq!(refused.iter().map(|one| &one.hostname).collect::<Vec<_>>(), [&second]);
    }
}
