//! What a front end refuses, by name, and without any harm to others.

use std::sync::Arc;
use std::time::Duration;

use mci_core::peer::StoreError;
use mci_core::{Hostname, Shard};
use mci_grpc::peer::pb::{self, Urgency, from_receiver, from_sender};
use mci_grpc::peer::{Call, CallEnd, PeerServerConfig};
use tonic::Code;

use crate::raw::{Raw, client, open, shard, with_key};
use crate::serving::{FrontEnd, Operator, east, names};

#[tokio::test]
async fn no_key_and_a_wrong_key_are_refused_alike() {
    let front_end = FrontEnd::start().await;
    let no_messages = || futures_util::stream::pending::<pb::FromSender>();
    let without = client(&front_end).await.sync(no_messages()).await.unwrap_err();
    let wrong = client(&front_end).await.sync(with_key(no_messages(), "wrong")).await.unwrap_err();
    let heartbeats = futures_util::stream::pending::<pb::Heartbeat>();
    let heartbeat = client(&front_end).await.heartbeats(with_key(heartbeats, "wrong")).await.unwrap_err();
    for status in [without, wrong, heartbeat] {
        assert_eq!(
            (status.code(), status.message()),
            (Code::Unauthenticated, "no valid key: send one as x-api-key")
        );
    }
    let seen = front_end.spy.seen();
    assert_eq!((seen.unauthenticated, seen.began), (3, vec![]));
}

#[tokio::test]
async fn a_key_speaks_for_its_own_cluster_and_no_other() {
    let front_end = FrontEnd::start().await;
    let raw = Raw::with_key(&front_end, "the-key-of-west").await.unwrap();
    raw.say(open()).await;
    let message = "the key is that of cluster west, and the sender says that it is \"east\": one of both configurations \
                   is wrong";
    assert_eq!(raw.end().await, (Code::PermissionDenied, message.to_owned()));
    let seen = front_end.spy.until("ended", |seen| !seen.ended.is_empty()).await;
    assert_eq!(seen.ended, [(Call::Sync, CallEnd::OtherCluster)]);
}

#[tokio::test]
async fn a_second_installation_under_a_living_identifier_is_refused_on_both_calls() {
    let (front_end, operator) = (FrontEnd::start().await, Operator::new());
    let fault = StoreError::DuplicateClusterIdentifier {
        cluster: east(),
        living: "first".into(),
        said: "second".into(),
    };
    *front_end.spy.fault.lock().unwrap() = Some(fault.clone());
    operator.publish(names(5), 1, "{}");
    let mut telling = operator.tell(front_end.target());
    let told = telling.until("refused", |progress| progress.error.is_some()).await;
    let expected = format!("the peer refuses: {fault} (FAILED_PRECONDITION)");
    assert_eq!(told.error.unwrap().1.to_string(), expected);
    let both = |seen: &crate::spy::Seen| {
        [Call::Sync, Call::Heartbeats].iter().all(|call| seen.ended.contains(&(*call, CallEnd::Duplicate)))
    };
    let seen = front_end.spy.until("both end", both).await;
    assert_eq!(seen.stored, []);
}

#[tokio::test]
async fn what_no_sender_says_ends_the_call_with_what_is_wrong() {
    let front_end = FrontEnd::start().await;
    let says = async |message: from_sender::Message| {
        let raw = Raw::call(&front_end).await.unwrap();
        raw.say(message).await;
        raw.end().await
    };
    let opened = async |message: from_sender::Message| {
        let raw = Raw::open(&front_end).await;
        raw.say(message).await;
        raw.end().await
    };
    let from_sender::Message::Open(open_one) = open() else { unreachable!() };
    let late = pb::Open { protocol: 2, ..open_one };
    let invalid = |message: &str| (Code::InvalidArgument, message.to_owned());
    let first = "the first message of a Sync is Open, and no other is";
    assert_eq!(says(shard(1, 1, Urgency::Bulk, vec![])).await, invalid(first));
    assert_eq!(opened(open()).await, invalid(first));
    assert_eq!(
        says(from_sender::Message::Open(late)).await,
        (Code::FailedPrecondition, "version 2 of the protocol is not known here: version 1 is".to_owned())
    );
    let far = "state.shard 1024 is no shard: they are numbered from 0 to 1023";
    assert_eq!(opened(shard(1024, 1, Urgency::Bulk, vec![])).await, invalid(far));
}

#[tokio::test]
async fn a_call_that_says_nothing_does_not_stay() {
    let mut config = PeerServerConfig::default();
    config.open_timeout = Duration::from_millis(20);
    let front_end = FrontEnd::with(config, None).await;
    let raw = Raw::call(&front_end).await.unwrap();
    let message = "the first message did not come in time".to_owned();
    assert_eq!(raw.end().await, (Code::DeadlineExceeded, message));
}

#[tokio::test]
async fn more_than_the_window_ends_the_call() {
    let mut config = PeerServerConfig::default();
    config.window_shards = 4;
    let front_end = FrontEnd::with(config, None).await;
    front_end.spy.hold_up((0..9).map(|number| Shard::try_from(number).unwrap()).collect());
    let raw = Raw::open(&front_end).await;
    for number in 0..5 {
        raw.say(shard(number, 1, Urgency::Bulk, vec![])).await;
    }
    let message = "more is on the way than the window of Opened allows".to_owned();
    assert_eq!(raw.end().await, (Code::ResourceExhausted, message));

    let mut config = PeerServerConfig::default();
    config.window_octets = 100;
    let front_end = FrontEnd::with(config, None).await;
    let hostname: Hostname = "app.example".parse().unwrap();
    let number = Shard::of(&hostname);
    front_end.spy.hold_up(vec![number]);
    let raw = Raw::open(&front_end).await;
    let item = pb::Item { hostname: hostname.to_string(), json: "x".repeat(100) };
    raw.say(shard(number.number().into(), 1, Urgency::Bulk, vec![item])).await;
    raw.say(shard(9, 1, Urgency::Bulk, vec![])).await;
    assert_eq!(raw.end().await.0, Code::ResourceExhausted);
}

#[tokio::test]
async fn a_message_that_is_too_long_ends_the_call() {
    let front_end = FrontEnd::start().await;
    let raw = Raw::open(&front_end).await;
    let item = pb::Item { hostname: "app.example".into(), json: "x".repeat(5 * 1024 * 1024) };
    raw.say(shard(1, 1, Urgency::Bulk, vec![item])).await;
    assert_eq!(raw.end().await.0, Code::OutOfRange);
    let seen = front_end.spy.until("ended", |seen| !seen.ended.is_empty()).await;
    assert_eq!(seen.ended, [(Call::Sync, CallEnd::TooMuch)]);
}

#[tokio::test]
async fn calls_of_one_cluster_are_bounded_and_those_of_others_are_not_touched() {
    let mut config = PeerServerConfig::default();
    config.syncs = 2;
    let front_end = FrontEnd::with(config, None).await;
    let (_one, two) = (Raw::open(&front_end).await, Raw::open(&front_end).await);
    let Err(third) = Raw::call(&front_end).await else { panic!("a third") };
    assert_eq!(
        (third.code(), third.message()),
        (Code::ResourceExhausted, "this cluster has 2 such calls open here already")
    );
    Raw::with_key(&front_end, "the-key-of-west").await.unwrap();
    drop(two);
    front_end.spy.until("ended", |seen| seen.ended.contains(&(Call::Sync, CallEnd::Peer))).await;
    Raw::open(&front_end).await;
}

#[tokio::test]
async fn an_item_that_cannot_be_read_is_left_out_by_name_and_the_rest_is_stored() {
    let front_end = FrontEnd::start().await;
    let hostname: Hostname = "app.example".parse().unwrap();
    let number = u32::from(Shard::of(&hostname).number());
    let item = |hostname: &str| pb::Item { hostname: hostname.into(), json: "{}".into() };
    let mut raw = Raw::open(&front_end).await;
    raw.say(shard(number, 1, Urgency::Bulk, vec![item("app.example"), item("a..b")])).await;
    let Ok(from_receiver::Message::Stored(stored)) = raw.hear().await else { panic!("no answer") };
    let refused: Vec<_> =
        stored.refused.iter().map(|refused| (&*refused.hostname, &*refused.reason)).collect();
    assert_eq!(refused, [("a..b", "malformed")]);
    assert_eq!(stored.state.unwrap().seq, 1);
    let items = front_end.spy.store.items(&east());
    assert_eq!(items.into_iter().map(|item| item.hostname).collect::<Vec<_>>(), [hostname]);
    assert_eq!(front_end.spy.seen().refused.len(), 1);
}

#[tokio::test]
async fn changes_are_stored_before_bulk_and_each_shard_in_order() {
    let mut config = PeerServerConfig::default();
    (config.writes, config.bulk_writes) = (4, 2);
    let front_end = FrontEnd::with(config, None).await;
    let all: Vec<Shard> = (0..10).map(|number| Shard::try_from(number).unwrap()).collect();
    front_end.spy.hold_up(all.clone());
    let raw = Raw::open(&front_end).await;
    for number in 0..5 {
        raw.say(shard(number, 1, Urgency::Bulk, vec![])).await;
    }
    // The second of one shard, and two others.
    raw.say(shard(0, 2, Urgency::Change, vec![])).await;
    raw.say(shard(8, 1, Urgency::Change, vec![])).await;
    raw.say(shard(9, 1, Urgency::Change, vec![])).await;
    let begun = |numbers: &[usize]| numbers.iter().map(|number| all[*number]).collect::<Vec<_>>();
    let expected = begun(&[0, 1, 8, 9]);
    let seen = front_end.spy.until("begun", |seen| seen.begun.len() == 4).await;
    assert_eq!((seen.begun, seen.stored), (expected, vec![]));
    front_end.spy.hold_up(all[1..].to_vec());
    let expected = begun(&[0, 1, 8, 9, 0, 2]);
    let seen = front_end.spy.until("the next", |seen| seen.begun.len() == 6).await;
    assert_eq!(seen.begun, expected);
    front_end.spy.hold_up(vec![]);
    front_end.spy.until("all", |seen| seen.stored.len() == 8).await;
}

#[tokio::test]
async fn a_call_that_ends_half_way_is_answered_to_its_last_shard() {
    let front_end = FrontEnd::start().await;
    let spy = Arc::clone(&front_end.spy);
    let (to, queue) = tokio::sync::mpsc::channel(10);
    let say = |message| pb::FromSender { message: Some(message) };
    for message in [open(), shard(1, 1, Urgency::Bulk, vec![]), shard(2, 1, Urgency::Change, vec![])] {
        to.send(say(message)).await.unwrap();
    }
    drop(to);
    let request = with_key(tokio_stream::wrappers::ReceiverStream::new(queue), crate::serving::KEY);
    let mut answers = client(&front_end).await.sync(request).await.unwrap().into_inner();
    let mut stored = 0;
    while let Some(message) = answers.message().await.unwrap() {
        stored += usize::from(matches!(message.message, Some(from_receiver::Message::Stored(_))));
    }
    assert_eq!((stored, spy.seen().stored.len()), (2, 2));
}
