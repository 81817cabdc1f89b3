//! Which shard a session sends next.

use mci_core::peer::{
    Outbox, Sender, ShardChange, ShardState, ShardUpdate, ShardVersion, Urgency, Violation, Window,
};

use crate::names::{item, shard, state};

fn outbox(shards: impl IntoIterator<Item = u64>) -> Outbox {
    let outbox = Outbox::new();
    for number in shards {
        publish(&outbox, number, 1, "a");
    }
    outbox.begin();
    outbox
}

/// Six hostnames, of which the first says `json`.
fn publish(outbox: &Outbox, number: u64, seq: u64, json: &str) {
    let items = (0..6).map(|index| item(number, index, if index == 0 { json } else { "same" }));
    outbox.observe(state(number, 1, seq, &format!("{seq} {json}")), items);
}

fn sender(window: Window, held: Vec<ShardState>, outbox: &Outbox) -> Sender {
    let mut sender = Sender::new(window, true);
    sender.held(held, true, outbox).unwrap();
    sender
}

const WIDE: Window = Window { shards: 1024, octets: usize::MAX };

fn numbers(updates: &[ShardUpdate]) -> Vec<u16> {
    updates.iter().map(|update| update.state.shard.number()).collect()
}

fn drain(sender: &mut Sender, outbox: &Outbox) -> Vec<ShardUpdate> {
    std::iter::from_fn(|| sender.next(outbox)).collect()
}

#[test]
fn nothing_is_sent_before_the_receiver_has_said_what_it_holds() {
    let outbox = outbox(0..3);
    let mut sender = Sender::new(WIDE, true);
    sender.changed(&outbox);
    assert_eq!(sender.next(&outbox), None);
    let held = outbox.states().into_iter().take(1).collect();
    sender.held(held, false, &outbox).unwrap();
    assert_eq!(sender.next(&outbox), None);
    sender.held(vec![], true, &outbox).unwrap();
    assert_eq!(numbers(&drain(&mut sender, &outbox)), [1, 2]);
}

#[test]
fn nothing_is_sent_before_the_own_cluster_was_listed() {
    let outbox = Outbox::new();
    publish(&outbox, 1, 1, "a");
    let mut sender = sender(WIDE, vec![state(2, 7, 1, "theirs")], &outbox);
    assert_eq!((sender.next(&outbox), outbox.take_outdone()), (None, vec![]));
    outbox.begin();
    assert!(sender.changed(&outbox), "something is outdone");
    assert_eq!(numbers(&drain(&mut sender, &outbox)), [1]);
    assert_eq!(outbox.take_outdone(), [state(2, 7, 1, "theirs")]);
}

#[test]
fn changes_overtake_bulk() {
    let outbox = outbox(0..50);
    let window = Window { shards: 8, octets: usize::MAX };
    let mut sender = sender(window, outbox.states(), &outbox);
    assert_eq!(sender.unsent(), 0);
    for number in 0..50 {
        outbox.observe(state(number, 1, 2, "empty"), []);
    }
    sender.changed(&outbox);
    assert_eq!(drain(&mut sender, &outbox).len(), 6, "bulk leaves a quarter of the window");
    publish(&outbox, 40, 3, "a");
    publish(&outbox, 60, 1, "a");
    sender.changed(&outbox);
    publish(&outbox, 40, 4, "b");
    sender.changed(&outbox);
    let next = drain(&mut sender, &outbox);
    assert_eq!(numbers(&next), [40]);
    assert_eq!(next[0].urgency, Urgency::Change);
    assert_eq!(sender.unsent(), 51);
}

#[test]
fn changes_without_end_leave_bulk_its_place() {
    let outbox = outbox(0..40);
    let mut sender = sender(Window { shards: 16, octets: usize::MAX }, outbox.states(), &outbox);
    outbox.observe(state(30, 1, 2, "empty"), []);
    for number in 0..20 {
        publish(&outbox, number, 2, "b");
    }
    sender.changed(&outbox);
    let sent = drain(&mut sender, &outbox);
    let bulk: Vec<u16> = numbers(&sent).into_iter().filter(|number| *number == 30).collect();
    assert_eq!((sent.len(), bulk), (16, vec![30]));
}

#[test]
fn a_change_of_one_hostname_travels_as_a_delta() {
    let outbox = outbox([1]);
    let mut sender = sender(WIDE, outbox.states(), &outbox);
    publish(&outbox, 1, 2, "b");
    sender.changed(&outbox);
    let change = ShardChange::Delta {
        base: ShardVersion { term: 1, seq: 1 },
        base_digest: "1 a".into(),
        put: vec![item(1, 0, "b")],
        removed: vec![],
    };
    let state = state(1, 1, 2, "2 b");
    assert_eq!(drain(&mut sender, &outbox), [ShardUpdate { state, change, urgency: Urgency::Change }]);
}

#[test]
fn a_delta_that_was_not_taken_is_followed_by_all() {
    let outbox = outbox([1]);
    let mut sender = sender(WIDE, outbox.states(), &outbox);
    publish(&outbox, 1, 2, "b");
    sender.changed(&outbox);
    assert!(matches!(sender.next(&outbox).unwrap().change, ShardChange::Delta { .. }));
    // It says that it holds the base, and did not take the delta.
    sender.stored(state(1, 1, 1, "1 a"), &outbox).unwrap();
    let again = sender.next(&outbox).unwrap();
    assert!(matches!(again.change, ShardChange::Whole(_)));
    assert_eq!(again.urgency, Urgency::Change);
    let error = sender.stored(state(1, 1, 1, "1 a"), &outbox).unwrap_err();
    assert_eq!(error, Violation::KeepsOlder { shard: shard(1) });
}

#[test]
fn a_receiver_that_knows_no_deltas_gets_all() {
    let outbox = outbox([1]);
    let mut sender = Sender::new(WIDE, false);
    sender.held(outbox.states(), true, &outbox).unwrap();
    publish(&outbox, 1, 2, "b");
    sender.changed(&outbox);
    assert!(matches!(sender.next(&outbox).unwrap().change, ShardChange::Whole(_)));
}

#[test]
fn a_shard_that_is_on_its_way_waits_for_its_answer() {
    // A change in each version, or hostnames that only come and go.
    let change = |outbox: &Outbox, seq| publish(outbox, 1, seq, "b");
    let bulk = |outbox: &Outbox, seq: u64| {
        let items = (0..seq % 2).map(|_| item(1, 0, "a"));
        outbox.observe(state(1, 1, seq, &seq.to_string()), items);
    };
    for next_version in [&change as &dyn Fn(&Outbox, u64), &bulk] {
        let outbox = outbox([1]);
        let mut sender = sender(WIDE, vec![], &outbox);
        assert_eq!(numbers(&drain(&mut sender, &outbox)), [1]);
        for seq in 2..50 {
            next_version(&outbox, seq);
            sender.changed(&outbox);
        }
        assert_eq!((sender.next(&outbox), sender.unsent(), sender.on_the_way()), (None, 1, 1));
        sender.stored(state(1, 1, 1, "1 a"), &outbox).unwrap();
        let next = drain(&mut sender, &outbox);
        assert_eq!(next.iter().map(|update| update.state.version.seq).collect::<Vec<_>>(), [49]);
        sender.stored(next[0].state.clone(), &outbox).unwrap();
        assert_eq!((sender.next(&outbox), sender.unsent()), (None, 0));
    }
}

#[test]
fn the_window_bounds_shards_and_octets() {
    let outbox = outbox(0..20);
    let mut few = sender(Window { shards: 4, octets: usize::MAX }, vec![], &outbox);
    assert_eq!(numbers(&drain(&mut few, &outbox)), [0, 1, 2]);
    few.stored(state(0, 1, 1, "1 a"), &outbox).unwrap();
    assert_eq!(numbers(&drain(&mut few, &outbox)), [3]);
    let mut small = sender(Window { shards: 16, octets: 1 }, vec![], &outbox);
    assert_eq!(numbers(&drain(&mut small, &outbox)), [0]);
    let mut least = sender(Window { shards: 0, octets: 0 }, vec![], &outbox);
    assert_eq!(numbers(&drain(&mut least, &outbox)), [0]);
}

#[test]
fn what_waits_is_each_shard_once_however_long_nobody_listens() {
    let outbox = outbox(0..64);
    let mut sender = sender(WIDE, outbox.states(), &outbox);
    for seq in 2..200 {
        for number in 0..64 {
            publish(&outbox, number, seq, "b");
        }
        sender.changed(&outbox);
        assert_eq!(sender.unsent(), 64);
    }
}

#[test]
fn what_the_receiver_lost_is_sent_again() {
    let outbox = outbox(0..3);
    let mut sender = sender(WIDE, outbox.states(), &outbox);
    let lost = vec![ShardState::nothing(shard(1)), state(2, 1, 0, "older")];
    sender.held(lost, false, &outbox).unwrap();
    let sent = drain(&mut sender, &outbox);
    assert_eq!(numbers(&sent), [1, 2]);
    assert!(sent.iter().all(|update| update.urgency == Urgency::Bulk));
}

#[test]
fn what_is_outdone_is_told_and_not_sent() {
    let outbox = outbox([1]);
    let held = vec![state(1, 4, 1, "theirs"), state(2, 1, 1, "gone here")];
    let mut sender = sender(WIDE, held.clone(), &outbox);
    assert_eq!((sender.next(&outbox), sender.unsent()), (None, 0));
    assert_eq!(outbox.take_outdone(), held);
    // The operator writes it above them.
    outbox.observe(state(1, 5, 1, "ours"), [item(1, 0, "a")]);
    outbox.observe(state(2, 5, 1, "ours"), []);
    sender.changed(&outbox);
    assert_eq!(numbers(&drain(&mut sender, &outbox)), [1, 2]);
}

#[test]
fn a_term_that_nobody_can_have_reached_is_no_ones() {
    let outbox = outbox([1]);
    let mut sender = Sender::new(WIDE, true);
    let most = 1 + (1 << 24);
    sender.held(vec![state(1, most, 1, "theirs")], true, &outbox).unwrap();
    let error = sender.stored(state(1, most + 1, 1, "theirs"), &outbox).unwrap_err();
    assert_eq!(error, Violation::Term { shard: shard(1), claimed: most + 1, own: 1 });
    assert_eq!(outbox.take_outdone(), [state(1, most, 1, "theirs")]);
}

#[test]
fn a_list_that_does_not_end_is_no_list() {
    let outbox = outbox([1]);
    let mut sender = Sender::new(WIDE, true);
    for _ in 0..1024 {
        sender.held(vec![state(1, 1, 1, "1 a")], false, &outbox).unwrap();
    }
    assert_eq!(sender.held(vec![state(1, 1, 1, "1 a")], false, &outbox), Err(Violation::Endless));
}
