//! What the outbox says of what changed, and since when.

use mci_core::peer::{Outbox, ShardChange, ShardItem, ShardUpdate, ShardVersion, Standing, Urgency};

use crate::names::{item, name, shard, state};

fn outbox(items: &[ShardItem]) -> Outbox {
    let outbox = Outbox::new();
    assert!(outbox.observe(state(1, 1, 1, "first"), items.to_vec()));
    outbox.begin();
    outbox
}

fn put(update: Option<ShardUpdate>) -> (Vec<ShardItem>, Vec<mci_core::Hostname>) {
    match update.map(|update| update.change) {
        Some(ShardChange::Delta { put, removed, .. }) => (put, removed),
        other => panic!("no delta: {other:?}"),
    }
}

fn many() -> Vec<ShardItem> {
    (0..6).map(|index| item(1, index, "a")).collect()
}

#[test]
fn a_delta_has_what_came_what_changed_and_what_went_since_its_base() {
    let outbox = outbox(&many());
    let mut items = many();
    items[0].json = "b".into();
    items.remove(1);
    assert!(outbox.observe(state(1, 1, 2, "second"), items.clone()));
    items.push(item(1, 6, "new"));
    assert!(outbox.observe(state(1, 2, 1, "third"), items.clone()));

    let update = outbox.update(shard(1), Some(&state(1, 1, 1, "first")), Urgency::Change, false).unwrap();
    let mut expected_put = vec![item(1, 0, "b"), item(1, 6, "new")];
    expected_put.sort_by(|one, other| one.hostname.cmp(&other.hostname));
    let expected = ShardUpdate {
        state: state(1, 2, 1, "third"),
        change: ShardChange::Delta {
            base: ShardVersion { term: 1, seq: 1 },
            base_digest: "first".into(),
            put: expected_put,
            removed: vec![name(1, 1)],
        },
        urgency: Urgency::Change,
    };
    assert_eq!(update, expected);
    let since_second = outbox.update(shard(1), Some(&state(1, 1, 2, "second")), Urgency::Change, false);
    assert_eq!(put(since_second), (vec![item(1, 6, "new")], vec![]));
}

#[test]
fn what_went_and_came_back_is_put_and_not_removed() {
    let outbox = outbox(&many());
    let mut items = many();
    let gone = items.remove(2);
    outbox.observe(state(1, 1, 2, "second"), items.clone());
    items.push(gone.clone());
    outbox.observe(state(1, 1, 3, "first"), items);
    let update = outbox.update(shard(1), Some(&state(1, 1, 2, "second")), Urgency::Bulk, false);
    assert_eq!(put(update), (vec![gone], vec![]));
}

#[test]
fn a_base_that_was_never_seen_or_of_another_digest_gets_all() {
    let outbox = outbox(&many());
    let mut items = many();
    items.pop();
    outbox.observe(state(1, 1, 9, "second"), items.clone());
    let whole = |held: Option<&mci_core::peer::ShardState>, whole| {
        let update = outbox.update(shard(1), held, Urgency::Bulk, whole).unwrap();
        matches!(update.change, ShardChange::Whole(all) if all.len() == items.len())
    };
    assert!(!whole(Some(&state(1, 1, 1, "first")), false));
    assert!(whole(Some(&state(1, 1, 1, "first")), true));
    assert!(whole(Some(&state(1, 1, 1, "other")), false));
    assert!(whole(Some(&state(1, 1, 5, "first")), false));
    assert!(whole(None, false));
}

#[test]
fn all_is_sent_where_a_delta_would_be_no_shorter() {
    let outbox = outbox(&[item(1, 0, "a")]);
    outbox.observe(state(1, 1, 2, "second"), [item(1, 0, "b")]);
    let update = outbox.update(shard(1), Some(&state(1, 1, 1, "first")), Urgency::Change, false).unwrap();
    assert_eq!(update.change, ShardChange::Whole(vec![item(1, 0, "b")]));
}

#[test]
fn it_forgets_what_is_too_long_ago_for_a_delta() {
    let outbox = outbox(&many());
    for seq in 2..100 {
        let mut items = many();
        // Each hostname is gone now and then, so that there is much to forget.
        items.remove(usize::try_from(seq).unwrap() % 6);
        outbox.observe(state(1, 1, seq, &seq.to_string()), items);
    }
    let change = |seq: u64| {
        let held = state(1, 1, seq, &if seq == 1 { "first".to_owned() } else { seq.to_string() });
        outbox.update(shard(1), Some(&held), Urgency::Bulk, false).unwrap().change
    };
    assert!(matches!(change(1), ShardChange::Whole(_)));
    assert!(matches!(change(98), ShardChange::Delta { .. }));
}

#[test]
fn a_change_of_what_was_there_hurries_and_what_comes_and_goes_does_not() {
    let outbox = outbox(&many());
    let (began, all) = outbox.changed_since(0);
    assert_eq!(all, [(shard(1), Urgency::Bulk)]);
    let mut items = many();
    items.pop();
    outbox.observe(state(1, 1, 2, "second"), items.clone());
    let (went, changed) = outbox.changed_since(began);
    assert_eq!(changed, [(shard(1), Urgency::Bulk)]);
    items[0].json = "b".into();
    outbox.observe(state(1, 1, 3, "third"), items.clone());
    items.pop();
    outbox.observe(state(1, 1, 4, "fourth"), items);
    let (last, changed) = outbox.changed_since(went);
    assert_eq!(changed, [(shard(1), Urgency::Change)]);
    assert_eq!(outbox.changed_since(last), (last, vec![]));
}

#[test]
fn what_is_known_is_no_news_and_what_lies_elsewhere_is_nobodys() {
    let outbox = outbox(&many());
    let generation = outbox.generation();
    assert!(!outbox.observe(state(1, 1, 1, "first"), []));
    assert_eq!(outbox.generation(), generation);
    assert!(outbox.observe(state(2, 1, 1, "second"), [item(2, 0, "a"), item(3, 0, "a")]));
    assert_eq!(outbox.items_of(shard(2)), [item(2, 0, "a")]);
    assert_eq!(outbox.items().len(), many().len() + 1);
    assert_eq!(outbox.states(), [state(1, 1, 1, "first"), state(2, 1, 1, "second")]);
}

#[test]
fn a_receiver_is_the_same_behind_or_beyond() {
    let outbox = outbox(&many());
    outbox.observe(state(1, 2, 5, "now"), many());
    let standing = |held| outbox.standing(shard(1), Some(&held));
    assert_eq!(
        [
            outbox.standing(shard(1), None),
            standing(state(1, 2, 5, "now")),
            standing(state(1, 2, 4, "now")),
            standing(state(1, 1, 9, "now")),
            standing(state(1, 2, 5, "other")),
            standing(state(1, 2, 6, "now")),
            standing(state(1, 3, 1, "now")),
            outbox.standing(shard(2), None),
            outbox.standing(shard(2), Some(&state(2, 0, 1, "rest"))),
        ],
        [
            Standing::Behind,
            Standing::Same,
            Standing::Behind,
            Standing::Behind,
            Standing::Outdone,
            Standing::Outdone,
            Standing::Outdone,
            Standing::Same,
            Standing::Outdone,
        ]
    );
    // What wants to be sent again is behind whatever it is, and holds nothing where there is nothing.
    let nothing = mci_core::peer::ShardState::nothing;
    assert_eq!(standing(nothing(shard(1))), Standing::Behind);
    assert_eq!(outbox.standing(shard(2), Some(&nothing(shard(2)))), Standing::Same);
}

#[test]
fn what_receivers_hold_beyond_it_is_told_once_and_forgotten_once_it_is_caught_up_with() {
    let outbox = outbox(&many());
    assert!(!outbox.outdone(state(1, 1, 1, "first")));
    assert!(outbox.outdone(state(1, 1, 2, "theirs")));
    assert!(!outbox.outdone(state(1, 1, 2, "theirs")));
    assert!(outbox.outdone(state(1, 3, 1, "theirs")));
    assert!(outbox.outdone(state(2, 1, 1, "gone here")));
    assert_eq!(outbox.take_outdone(), [state(1, 3, 1, "theirs"), state(2, 1, 1, "gone here")]);
    assert_eq!(outbox.take_outdone(), []);

    assert!(outbox.outdone(state(1, 1, 2, "theirs")));
    outbox.observe(state(1, 1, 2, "theirs"), many());
    assert_eq!(outbox.take_outdone(), []);
}

#[test]
fn a_shard_that_vanished_is_told_of_and_outdone_by_whoever_holds_it() {
    let outbox = outbox(&many());
    let (generation, _) = outbox.changed_since(0);
    assert!(outbox.vanished(shard(1)));
    assert!(!outbox.vanished(shard(1)));
    assert_eq!(outbox.changed_since(generation).1, [(shard(1), Urgency::Bulk)]);
    assert_eq!(outbox.standing(shard(1), Some(&state(1, 1, 1, "first"))), Standing::Outdone);
    assert_eq!(outbox.update(shard(1), Some(&state(1, 1, 1, "first")), Urgency::Bulk, false), None);
}

#[test]
fn before_everything_was_listed_absence_says_nothing() {
    let outbox = Outbox::new();
    let held = state(1, 1, 1, "theirs");
    assert!(!outbox.has_begun());
    assert_eq!(outbox.standing(shard(1), Some(&held)), Standing::Same);
    assert!(!outbox.outdone(held.clone()));
    outbox.begin();
    assert!(outbox.outdone(held));
}
