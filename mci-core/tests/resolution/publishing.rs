//! R23 and R26: what is published, as one, and held where much of it would go at once.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use mci_core::{
    Due, Endpoint, Hostname, HostnameState, Intake, Live, Publications, Shard, Snapshot, WithdrawalLimits,
    Withdrawals,
};
use proptest::prelude::*;

use crate::world::{cluster, endpoint, hostname, name};

fn seconds(of: u64) -> Duration {
    Duration::from_secs(of)
}

fn names(count: usize) -> Vec<Hostname> {
    (0..count).map(|i| name(&format!("n{i:03}.z.example"))).collect()
}

fn all_go(withdrawals: &mut Withdrawals, names: &[Hostname], now: Duration) {
    for name in names {
        withdrawals.goes(name.clone(), now);
    }
}

#[test]
fn r23_each_cluster_speaks_for_itself_and_the_newest_word_counts() {
    let older = hostname("app.z.example", [endpoint("west", &["192.0.2.1"]).changed(1)]);
    let newer = hostname(
        "app.z.example",
        [endpoint("west", &["192.0.2.2"]).changed(2), endpoint("east", &["192.0.2.3"])],
    );
    let merged = older.clone().merge(newer.clone());
    assert_eq!(merged, newer.merge(older));
    let clusters: Vec<_> =
        merged.endpoints().iter().map(|e| format!("{e:?}").contains("192.0.2.1")).collect();
    assert_eq!(clusters, [false, false]);
}

#[test]
fn r26_what_is_back_before_it_settles_never_went() {
    let mut withdrawals = Withdrawals::new(WithdrawalLimits::default());
    let names = names(2);
    all_go(&mut withdrawals, &names, seconds(10));
    assert_eq!(withdrawals.next(), Some(seconds(12)));
    withdrawals.returns(&names[0]);
    assert_eq!(withdrawals.due(seconds(11), 100), Due::default());
    assert_eq!(withdrawals.due(seconds(12), 100).released, names[1..]);
    assert_eq!(withdrawals.next(), None);
}

#[test]
fn r26_half_of_all_hostnames_and_twenty_of_them_are_held() {
    for (going, total, held) in [(20, 40, true), (19, 19, false), (20, 41, false), (100, 100, true)] {
        let mut withdrawals = Withdrawals::new(WithdrawalLimits::default());
        all_go(&mut withdrawals, &names(going), seconds(0));
        let due = withdrawals.due(seconds(2), total);
        assert_eq!(due.newly_held.len(), if held { going } else { 0 }, "{going} of {total}");
        assert_eq!(due.released.len(), if held { 0 } else { going }, "{going} of {total}");
    }
}

#[test]
fn r26_what_is_held_goes_after_the_hold_or_when_it_is_confirmed() {
    let names = names(30);
    let mut withdrawals = Withdrawals::new(WithdrawalLimits::default());
    all_go(&mut withdrawals, &names, seconds(0));
    withdrawals.due(seconds(2), 30);
    assert_eq!(withdrawals.held().len(), 30);
    all_go(&mut withdrawals, &names, seconds(5));
    assert_eq!(withdrawals.due(seconds(601), 30), Due::default(), "what is held is not collected again");
    withdrawals.returns(&names[0]);
    let mut confirmed = withdrawals.clone();
    assert_eq!(confirmed.confirm(), names[1..]);
    assert_eq!(confirmed.held().len(), 0);
    assert_eq!(withdrawals.due(seconds(602), 30).released, names[1..]);
}

#[test]
fn r26_a_hold_of_zero_is_off() {
    let mut withdrawals =
        Withdrawals::new(WithdrawalLimits { hold: Duration::ZERO, ..WithdrawalLimits::default() });
    all_go(&mut withdrawals, &names(30), seconds(0));
    assert_eq!(withdrawals.due(seconds(2), 30).released.len(), 30);
}

/// Hostnames of one cluster, each with the end of its address, by shard.
fn shards_of(
    id: &str,
    hosts: impl IntoIterator<Item = (u8, u8)>,
) -> BTreeMap<Shard, Vec<(Hostname, Endpoint)>> {
    let mut shards = BTreeMap::<Shard, Vec<_>>::new();
    for (host, last) in hosts {
        let name = name(&format!("n{host}.z.example"));
        let entry = (name.clone(), endpoint(id, &[&format!("192.0.2.{last}")]));
        shards.entry(Shard::of(&name)).or_default().push(entry);
    }
    shards
}

fn put_all(publications: &mut Publications, id: &str, hosts: &[(u8, u8)]) {
    for (shard, entries) in shards_of(id, hosts.iter().copied()) {
        publications.put(&cluster(id), shard, entries);
    }
}

fn all_of(publications: &Publications) -> BTreeMap<Hostname, HostnameState> {
    publications
        .hostnames()
        .map(|hostname| (hostname.clone(), publications.state(hostname).unwrap()))
        .collect()
}

#[test]
fn r23_a_shard_that_comes_again_touches_only_what_it_says_otherwise() {
    let mut publications = Publications::new();
    let west = cluster("west");
    put_all(&mut publications, "east", &[(1, 9)]);
    let (shard, entries) = shards_of("west", [(1, 1)]).pop_first().unwrap();
    assert_eq!(publications.put(&west, shard, entries.clone()), [name("n1.z.example")].into());
    assert_eq!(publications.put(&west, shard, entries), [].into());
    let state = publications.state(&name("n1.z.example")).unwrap();
    assert_eq!(
        state.endpoints(),
        [endpoint("east", &["192.0.2.9"]), endpoint("west", &["192.0.2.1"])],
        "sorted by cluster"
    );
    assert_eq!(publications.take(&west, shard), [name("n1.z.example")].into());
    assert_eq!(publications.count(&west), 0);
    assert_eq!(publications.clusters().collect::<Vec<_>>(), [&cluster("east")]);
}

#[test]
fn r23_an_entry_in_another_shard_than_its_own_is_nobodys_word() {
    let mut publications = Publications::new();
    let (shard, entries) = shards_of("west", [(1, 1)]).pop_first().unwrap();
    let other = Shard::try_from(u64::from((shard.number() + 1) % Shard::COUNT)).unwrap();
    assert_eq!(publications.put(&cluster("west"), other, entries.clone()), [].into());
    assert_eq!(publications.put(&cluster("east"), shard, entries), [].into(), "nor one of another cluster");
    assert_eq!(publications.hostnames().len(), 0);
}

proptest! {
    /// Whatever order shards come in, and however often: what they say together is that of the last of each.
    #[test]
    fn r23_the_order_in_which_shards_come_does_not_show(
        rounds in prop::collection::vec(
            (prop::sample::select(vec!["east", "north", "west"]), prop::collection::vec((0_u8..30, 0_u8..4), 0..20)),
            1..12,
        ),
    ) {
        let mut publications = Publications::new();
        let mut last: BTreeMap<&str, Vec<(u8, u8)>> = BTreeMap::new();
        for (id, hosts) in rounds {
            let mut hosts = hosts;
            hosts.sort_unstable();
            hosts.dedup_by_key(|(host, _)| *host);
            let now = shards_of(id, hosts.iter().copied());
            let gone: Vec<Shard> = publications
                .shards()
                .filter(|(of, shard)| **of == cluster(id) && !now.contains_key(shard))
                .map(|(_, shard)| shard)
                .collect();
            let before = all_of(&publications);
            let mut changed = BTreeSet::new();
            for shard in gone {
                changed.extend(publications.take(&cluster(id), shard));
            }
            for (shard, entries) in now {
                changed.extend(publications.put(&cluster(id), shard, entries));
            }
            let after = all_of(&publications);
            let differing: BTreeSet<Hostname> = before
                .keys()
                .chain(after.keys())
                .filter(|hostname| before.get(*hostname) != after.get(*hostname))
                .cloned()
                .collect();
            prop_assert_eq!(changed, differing);
            last.insert(id, hosts);
        }
        let mut fresh = Publications::new();
        for (id, hosts) in last.iter().rev() {
            put_all(&mut fresh, id, hosts);
        }
        prop_assert_eq!(all_of(&publications), all_of(&fresh));
    }
}

/// A server that took in `count` hostnames.
fn taken_in(count: usize) -> (Live, Intake, Vec<HostnameState>) {
    let live = Live::new(Snapshot::default());
    let mut intake = Intake::new(WithdrawalLimits::default());
    let states: Vec<_> = (0..count)
        .map(|i| hostname(&format!("n{i:03}.z.example"), [endpoint("west", &["192.0.2.1"])]))
        .collect();
    live.edit(|edit| intake.replace(edit, states.clone(), [], seconds(0)));
    (live, intake, states)
}

#[test]
fn r26_a_server_that_is_told_of_nothing_goes_on_answering() {
    let (live, mut intake, states) = taken_in(30);
    live.edit(|edit| intake.replace(edit, [], [], seconds(10)));
    live.edit(|edit| assert_eq!(intake.due(edit, seconds(12)).newly_held.len(), 30));
    assert_eq!((live.load().hostname_count(), intake.held().len()), (30, 30));
    live.edit(|edit| intake.put(edit, states[0].clone()));
    assert_eq!(intake.held().len(), 29, "what is back is held no longer");
    live.edit(|edit| assert_eq!(intake.confirm(edit, seconds(13)).len(), 29));
    assert_eq!(live.load().hostname_count(), 1);
}

#[test]
fn r26_a_confirmation_lets_go_what_settles_within_a_minute_and_nothing_later() {
    for (goes, released, held) in [(13, 30, 0), (72, 0, 30)] {
        let (live, mut intake, _) = taken_in(30);
        live.edit(|edit| assert_eq!(intake.confirm(edit, seconds(12)).len(), 0));
        live.edit(|edit| intake.replace(edit, [], [], seconds(goes)));
        live.edit(|edit| {
            let due = intake.due(edit, seconds(goes + 2));
            assert_eq!((due.released.len(), due.newly_held.len()), (released, held));
        });
        assert_eq!((live.load().hostname_count(), intake.held().len()), (held, held));
    }
}

#[test]
fn r26_a_few_hostnames_go_when_they_have_settled() {
    let (live, mut intake, states) = taken_in(30);
    live.edit(|edit| {
        intake.gone(states[3].hostname().clone(), seconds(10));
        assert_eq!(intake.due(edit, seconds(11)), Due::default());
    });
    assert_eq!(intake.next(), Some(seconds(12)));
    live.edit(|edit| assert_eq!(intake.due(edit, seconds(12)).released, [states[3].hostname().clone()]));
    assert_eq!(live.load().hostname_count(), 29);
}

#[test]
fn r26_after_a_start_it_is_decided_at_once() {
    let (live, mut intake, states) = taken_in(30);
    live.edit(|edit| {
        intake.replace(edit, states[..20].to_vec(), [], seconds(10));
        assert_eq!(intake.settle(edit, seconds(10)).released.len(), 10);
    });
    live.edit(|edit| {
        intake.replace(edit, [], [], seconds(11));
        assert_eq!(intake.settle(edit, seconds(11)).newly_held.len(), 20);
    });
    assert_eq!(live.load().hostname_count(), 20);
}

#[test]
fn r26_what_is_there_and_cannot_be_read_stays_as_it_was() {
    let (live, mut intake, states) = taken_in(5);
    let unread = states[4].hostname().clone();
    live.edit(|edit| {
        intake.replace(edit, states[..3].to_vec(), [unread.clone()], seconds(10));
        assert_eq!(intake.settle(edit, seconds(10)).released, [states[3].hostname().clone()]);
    });
    assert_eq!(live.load().hostname_state(&unread).as_ref(), Some(&states[4]));
}
