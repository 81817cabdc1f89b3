//! What becomes of a shard that arrives, and what the sender is told without asking.

use mci_core::peer::{
    Decision, HeldShard, ShardChange, ShardState, ShardUpdate, ShardVersion, Told, Urgency, decide,
};

use crate::names::{item, name, shard, state};

fn held() -> HeldShard {
    let items = vec![item(1, 0, "a"), item(1, 1, "a"), item(1, 2, "a")];
    HeldShard { state: state(1, 2, 5, "held"), items }
}

fn whole(term: u64, seq: u64, digest: &str) -> ShardUpdate {
    let change = ShardChange::Whole(vec![item(1, 3, "b")]);
    ShardUpdate { state: state(1, term, seq, digest), change, urgency: Urgency::Bulk }
}

fn delta(base: (u64, u64), base_digest: &str) -> ShardUpdate {
    let change = ShardChange::Delta {
        base: ShardVersion { term: base.0, seq: base.1 },
        base_digest: base_digest.into(),
        put: vec![item(1, 1, "b"), item(1, 3, "b")],
        removed: vec![name(1, 0)],
    };
    ShardUpdate { state: state(1, 3, 1, "new"), change, urgency: Urgency::Change }
}

#[test]
fn only_a_higher_version_replaces() {
    let decided = |update| decide(Some(&held()), update);
    for (term, seq, digest) in [(2, 5, "held"), (2, 5, "other"), (2, 4, "new"), (1, 9, "new"), (0, 9, "new")]
    {
        assert_eq!(decided(whole(term, seq, digest)), Decision::Keep, "{term} {seq} {digest}");
    }
    for (term, seq) in [(2, 6), (3, 1), (3, 0)] {
        let new = HeldShard { state: state(1, term, seq, "new"), items: vec![item(1, 3, "b")] };
        assert_eq!(decided(whole(term, seq, "new")), Decision::Replace(new));
    }
}

#[test]
fn a_first_shard_is_taken_whole_and_not_as_a_delta() {
    let new = HeldShard { state: state(1, 1, 1, "new"), items: vec![item(1, 3, "b")] };
    assert_eq!(decide(None, whole(1, 1, "new")), Decision::Replace(new));
    assert_eq!(decide(None, delta((2, 5), "held")), Decision::NeedWhole);
}

#[test]
fn a_delta_is_done_to_what_it_starts_from_and_to_nothing_else() {
    let mut items = vec![item(1, 1, "b"), item(1, 2, "a"), item(1, 3, "b")];
    items.sort_by(|one, other| one.hostname.cmp(&other.hostname));
    let new = HeldShard { state: state(1, 3, 1, "new"), items };
    assert_eq!(decide(Some(&held()), delta((2, 5), "held")), Decision::Replace(new));
    assert_eq!(decide(Some(&held()), delta((2, 4), "held")), Decision::NeedWhole);
    assert_eq!(decide(Some(&held()), delta((2, 5), "other")), Decision::NeedWhole);
}

#[test]
fn what_has_to_be_sent_again_is_replaced_by_whatever_comes() {
    let again = HeldShard { state: ShardState::nothing(shard(1)), ..held() };
    assert!(matches!(decide(Some(&again), whole(2, 5, "held")), Decision::Replace(_)));
    assert_eq!(decide(Some(&again), delta((2, 5), "held")), Decision::NeedWhole);
}

#[test]
fn what_is_other_than_was_told_is_told_when_it_is_seen_twice() {
    let mut told = Told::new([state(1, 1, 1, "a"), state(2, 1, 1, "a"), state(3, 1, 1, "a")]);
    // The first went back, the second is gone, the third is as it was; a fourth has come.
    let now = [state(1, 1, 0, "old"), state(3, 1, 1, "a"), state(4, 1, 1, "a")];
    let idle = |_| false;
    assert_eq!(told.look(now.clone(), idle), []);
    let news = [state(1, 1, 0, "old"), ShardState::nothing(shard(2)), state(4, 1, 1, "a")];
    assert_eq!(told.look(now.clone(), idle), news);
    assert_eq!(told.look(now.clone(), idle), []);
    assert_eq!(told.look(now, idle), []);
}

#[test]
fn a_view_that_lags_behind_for_a_moment_is_no_news() {
    let mut told = Told::new([state(1, 1, 1, "a")]);
    told.stored(state(1, 1, 2, "b"));
    assert_eq!(told.look([state(1, 1, 1, "a")], |_| false), []);
    assert_eq!(told.look([state(1, 1, 2, "b")], |_| false), []);
    assert_eq!(told.look([state(1, 1, 1, "a")], |_| false), []);
}

#[test]
fn what_is_on_its_way_is_answered_anyway() {
    let mut told = Told::new([]);
    for _ in 0..3 {
        assert_eq!(told.look([state(1, 1, 1, "a")], |busy| busy == shard(1)), []);
    }
}
