//! R23 and R26: what is published, as one, and held where much of it would go at once.

use std::time::Duration;

use mci_core::{Due, Hostname, WithdrawalLimits, Withdrawals};

use crate::world::{endpoint, hostname, name};

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
