//! A cluster tells another: everything, then what changes, and that it lives.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use mci_core::Shard;
use mci_core::peer::{Heartbeat, ShardState, ShardVersion, Urgency};
use mci_grpc::peer::{Call, CallEnd, PeerServerConfig};

use crate::serving::{FrontEnd, KEY, Operator, Telling, east, names, ring};

/// Waits until the front end holds what the operator publishes.
async fn until_equal(front_end: &FrontEnd, operator: &Operator) {
    let spy = Arc::clone(&front_end.spy);
    let mut expected = operator.outbox.items();
    expected.sort_by(|one, other| one.hostname.cmp(&other.hostname));
    let is_equal = |_: &_| spy.store.items(&east()) == expected;
    front_end.spy.until("equal", is_equal).await;
}

async fn in_sync(operator: &Operator, front_end: &FrontEnd) -> Telling {
    let mut telling = operator.tell(front_end.target());
    telling.until_in_sync().await;
    telling
}

#[tokio::test]
async fn everything_arrives_and_then_what_changes_as_a_delta() {
    let (front_end, operator) = (FrontEnd::start().await, Operator::new());
    let all = names(5000);
    operator.publish(all.clone(), 1, "{}");
    let mut telling = in_sync(&operator, &front_end).await;
    until_equal(&front_end, &operator).await;
    let progress = telling.progress.borrow_and_update().clone();
    assert_eq!(
        (progress.shards, progress.tries, progress.error),
        (operator.outbox.states().len() as u64, 1, None)
    );
    assert!(progress.octets > 5000 * 10);

    let one = all[0].clone();
    let shard = Shard::of(&one);
    let (changed, others): (Vec<_>, Vec<_>) =
        all.into_iter().filter(|name| Shard::of(name) == shard).partition(|name| *name == one);
    assert!(others.len() > 1, "a delta is shorter");
    // The whole shard in its new version; one hostname differs.
    let items =
        changed.iter().map(|name| (name, r#"{"new":1}"#)).chain(others.iter().map(|name| (name, "{}")));
    let items: Vec<_> = items
        .map(|(hostname, json)| mci_core::peer::ShardItem { hostname: hostname.clone(), json: json.into() })
        .collect();
    let state = ShardState { shard, version: ShardVersion { term: 1, seq: 2 }, digest: "new".into() };
    operator.outbox.observe(state, items);
    operator.publish([], 3, "");
    until_equal(&front_end, &operator).await;
    assert_eq!(front_end.spy.seen().stored.last(), Some(&(shard, Urgency::Change, false)));
}

#[tokio::test]
async fn an_empty_cluster_is_in_sync_at_once() {
    let (front_end, operator) = (FrontEnd::start().await, Operator::new());
    let _telling = in_sync(&operator, &front_end).await;
    assert_eq!(front_end.spy.seen().stored, []);
}

#[tokio::test]
async fn what_is_held_already_is_not_sent_again() {
    let (front_end, operator) = (FrontEnd::start().await, Operator::new());
    operator.publish(names(100), 1, "{}");
    drop(in_sync(&operator, &front_end).await);
    let before = front_end.spy.seen().stored.len();
    let again = in_sync(&operator, &front_end).await;
    assert_eq!((front_end.spy.seen().stored.len(), again.progress.borrow().shards), (before, 0));
}

#[tokio::test]
async fn heartbeats_come_each_interval_and_at_once_when_one_says_something_new() {
    let (front_end, mut operator) = (FrontEnd::start().await, Operator::new());
    operator.interval = Duration::from_millis(50);
    operator.leads.send_replace(false);
    let mut telling = operator.tell(front_end.target());
    telling.until("five", |progress| progress.heartbeats >= 5).await;
    assert!(telling.progress.borrow().acknowledged.is_some());
    drop(telling);

    operator.interval = Duration::from_hours(1);
    let mut telling = operator.tell(front_end.target());
    telling.until("the first", |progress| progress.heartbeats == 1).await;
    let new = Heartbeat {
        term: 9,
        left: true,
        overrides: r#"{"a":1}"#.into(),
        view_age: Some(Duration::from_secs(3)),
        ..operator.heartbeat.borrow().clone()
    };
    operator.say(new.clone());
    let progress = telling.until("the second", |progress| progress.heartbeats == 2).await;
    assert_eq!((progress.heard_term, front_end.spy.seen().heartbeats.last()), (9, Some(&new)));
    assert_eq!(front_end.spy.seen().stored, [], "it does not lead");
}

#[tokio::test]
async fn a_receiver_that_knows_a_higher_term_says_so() {
    let (front_end, operator) = (FrontEnd::start().await, Operator::new());
    let known = Heartbeat { term: 40, ..Heartbeat::default() };
    mci_core::peer::ClusterStore::heard(
        &front_end.spy.store,
        &east(),
        &known,
        mci_core::peer::Protocol::Stream,
    )
    .await
    .unwrap();
    let mut telling = operator.tell(front_end.target());
    telling.until("heard", |progress| progress.heard_term == 40).await;
}

#[tokio::test]
async fn shards_go_while_this_leads_and_heartbeats_always() {
    let (front_end, operator) = (FrontEnd::start().await, Operator::new());
    operator.publish(names(10), 1, "{}");
    operator.leads.send_replace(false);
    let mut telling = operator.tell(front_end.target());
    telling.until("heartbeat", |progress| progress.heartbeats > 0).await;
    operator.leads.send_replace(true);
    until_equal(&front_end, &operator).await;
    operator.leads.send_replace(false);
    let ended = |seen: &crate::spy::Seen| seen.ended == [(Call::Sync, CallEnd::Peer)];
    front_end.spy.until("the Sync ends alone", ended).await;
    let progress = telling.until("no Sync", |progress| progress.syncing.is_none()).await;
    assert!(progress.connected.is_some() && progress.error.is_none(), "{progress:?}");
}

#[tokio::test]
async fn a_shard_that_cannot_be_stored_yet_holds_up_neither_others_nor_heartbeats() {
    let (front_end, mut operator) = (FrontEnd::start().await, Operator::new());
    operator.interval = Duration::from_millis(500);
    let all = names(200);
    let stuck = Shard::of(&all[0]);
    front_end.spy.hold_up(vec![stuck]);
    operator.publish(all, 1, "{}");
    let mut telling = operator.tell(front_end.target());
    let shards = operator.outbox.states().len();
    telling.until("all but one", |progress| progress.shards + 1 == shards as u64).await;
    let heartbeats = telling.progress.borrow().heartbeats;
    let later = telling.until("heartbeats", |progress| progress.heartbeats > heartbeats + 1).await;
    let syncing = later.syncing.unwrap();
    assert_eq!((syncing.unsent, syncing.on_the_way, syncing.in_sync), (1, 1, None));
    front_end.spy.hold_up(vec![]);
    telling.until_in_sync().await;
    until_equal(&front_end, &operator).await;
}

#[tokio::test]
async fn what_the_receiver_loses_it_gets_again() {
    let mut config = PeerServerConfig::default();
    config.look = Duration::from_millis(20);
    let (front_end, operator) = (FrontEnd::with(config, None).await, Operator::new());
    operator.publish(names(50), 1, "{}");
    let _telling = in_sync(&operator, &front_end).await;
    front_end.spy.store.forget(&east());
    until_equal(&front_end, &operator).await;
}

#[tokio::test]
async fn what_the_receiver_holds_beyond_it_is_told_to_the_operator() {
    let (front_end, operator) = (FrontEnd::start().await, Operator::new());
    operator.publish(names(10), 7, "{}");
    drop(in_sync(&operator, &front_end).await);
    // The own API server is restored.
    let restored = Operator::new();
    restored.publish(names(10), 3, "{}");
    let _telling = restored.tell(front_end.target());
    restored.outdone.notified().await;
    let mut outdone = restored.outbox.take_outdone();
    while outdone.len() < operator.outbox.states().len() {
        restored.outdone.notified().await;
        outdone.extend(restored.outbox.take_outdone());
    }
    outdone.sort();
    assert_eq!(outdone, operator.outbox.states());
    // What the operator then writes is taken.
    restored.publish(names(10), 8, r#"{"again":1}"#);
    until_equal(&front_end, &restored).await;
}

#[tokio::test]
async fn a_front_end_that_comes_back_is_told_anew() {
    let (front_end, operator) = (FrontEnd::start().await, Operator::new());
    operator.publish(names(30), 1, "{}");
    let mut telling = in_sync(&operator, &front_end).await;
    let address = front_end.listening.address;
    drop(front_end);
    let lost = telling.until("lost", |progress| progress.connected.is_none()).await;
    assert!(lost.error.is_some() && lost.syncing.is_none());
    operator.publish(names(60), 2, "{}");
    let back = FrontEnd::at(address, crate::spy::Spy::new(), PeerServerConfig::default(), None).await;
    until_equal(&back, &operator).await;
    telling.until_in_sync().await;
}

#[tokio::test]
async fn a_front_end_that_ends_sends_its_peers_elsewhere() {
    let (front_end, operator) = (FrontEnd::start().await, Operator::new());
    let mut telling = in_sync(&operator, &front_end).await;
    telling.until("a heartbeat too", |progress| progress.heartbeats > 0).await;
    front_end.stopping.cancel();
    let told = telling.until("an error", |progress| progress.error.is_some()).await;
    assert_eq!(
        told.error.unwrap().1.to_string(),
        "the call ended: this replica ends: call another one (UNAVAILABLE)"
    );
    let both = |seen: &crate::spy::Seen| {
        [Call::Sync, Call::Heartbeats].iter().all(|call| seen.ended.contains(&(*call, CallEnd::Stopping)))
    };
    front_end.spy.until("both end", both).await;
}

#[tokio::test]
async fn a_store_that_fails_ends_the_sync_and_not_the_heartbeats() {
    let (front_end, operator) = (FrontEnd::start().await, Operator::new());
    front_end.spy.is_unavailable.store(true, Ordering::SeqCst);
    operator.publish(names(10), 1, "{}");
    let mut telling = operator.tell(front_end.target());
    let told = telling.until("an error", |progress| progress.error.is_some()).await;
    assert_eq!(
        told.error.unwrap().1.to_string(),
        "the call ended: the state cannot be stored now: a test says so (UNAVAILABLE)"
    );
    assert_eq!((told.connected.is_some(), told.tries), (true, 1));
    front_end.spy.is_unavailable.store(false, Ordering::SeqCst);
    until_equal(&front_end, &operator).await;
    assert_eq!(telling.progress.borrow().tries, 1);
}

#[tokio::test]
async fn keys_change_without_a_gap_and_the_old_one_ends() {
    let (front_end, operator) = (FrontEnd::start().await, Operator::new());
    let mut old = in_sync(&operator, &front_end).await;
    front_end.keys.send_replace(ring(&[KEY, "new"]));
    let mut target = front_end.target();
    target.key = "new".parse().unwrap();
    let mut new = operator.tell(target);
    new.until_in_sync().await;
    assert_eq!(front_end.spy.seen().ended, []);
    front_end.keys.send_replace(ring(&["new"]));
    let told = old.until("the old one ends", |progress| progress.connected.is_none()).await;
    assert_eq!(
        told.error.unwrap().1.to_string(),
        "the peer refuses: no valid key: send one as x-api-key (UNAUTHENTICATED)"
    );
    operator.publish(names(10), 1, "{}");
    until_equal(&front_end, &operator).await;
    assert!(new.progress.borrow().error.is_none());
}

#[tokio::test]
async fn shards_count_as_heartbeats_where_none_are_heard() {
    let mut config = PeerServerConfig::default();
    config.silence = Duration::ZERO;
    let (front_end, operator) = (FrontEnd::with(config, None).await, Operator::new());
    let _telling = in_sync(&operator, &front_end).await;
    let before = front_end.spy.seen().heartbeats.len();
    operator.publish(names(1), 1, "{}");
    let seen = front_end.spy.until("heard again", |seen| seen.heartbeats.len() > before).await;
    assert_eq!(seen.heartbeats.last(), Some(&*operator.heartbeat.borrow()));
}
