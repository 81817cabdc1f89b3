#![allow(clippy::unnecessary_wraps, reason = "what is compared is what a desk gives, or nothing")]

use std::collections::BTreeMap;

use k8s_openapi::api::core::v1::ConfigMap;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;

use super::super::entry::Action;
use super::*;
use crate::watch::{Listing, Malformed};

const TERM: u64 = 3;

/// A text in a `ConfigMap`, with the term that it was written in.
struct Text(&'static str);

impl Wanted for Text {
    type Object = ConfigMap;
    type Seen = String;

    fn over(&self, seen: Option<&String>, term: u64) -> Option<ConfigMap> {
        (seen.map(String::as_str) != Some(self.0)).then(|| config_map(self.0, term, None))
    }

    fn seen(object: ConfigMap) -> Result<String, String> {
        object.data.and_then(|mut data| data.remove("text")).ok_or_else(|| "no text".to_owned())
    }
}

fn config_map(text: &str, term: u64, version: Option<&str>) -> ConfigMap {
    let data = [("text".to_owned(), text.to_owned()), ("term".to_owned(), term.to_string())];
    ConfigMap {
        metadata: ObjectMeta { resource_version: version.map(str::to_owned), ..ObjectMeta::default() },
        data: Some(BTreeMap::from(data)),
        ..ConfigMap::default()
    }
}

fn key(name: &str) -> ObjectKey {
    ObjectKey::new("mci", name)
}

fn observed(name: &str, version: u64, text: &str) -> Observed<String> {
    Observed { key: key(name), uid: "u".into(), version: Version(version), value: text.to_owned() }
}

fn applied(name: &str, version: u64, text: &str) -> Batch<String> {
    Batch::Changes(vec![Change::Applied(observed(name, version, text))])
}

fn deleted(name: &str, version: u64) -> Batch<String> {
    Batch::Changes(vec![Change::Deleted { key: key(name), version: Version(version) }])
}

fn listing(version: u64, reason: Relist, items: Vec<Observed<String>>) -> Batch<String> {
    let version = Version(version);
    Batch::Replace(Listing { version, reason, items, malformed: Vec::new(), vanished: Vec::new() })
}

fn seen(version: u64, text: &str) -> SeenObject<String> {
    SeenObject { version: Version(version), uid: "u".into(), value: Some(text.to_owned()) }
}

/// A desk that has begun, over these objects.
fn desk(items: Vec<Observed<String>>) -> Desk<Text> {
    let desk = Desk::new(Strangers::Keep, Duration::ZERO);
    desk.observe(listing(100, Relist::Start, items));
    desk.begin();
    desk
}

fn next(desk: &Desk<Text>, now: Instant) -> Option<Job<ConfigMap>> {
    desk.next(Lane::Changes, now, TERM).or_else(|| desk.next(Lane::Bulk, now, TERM))
}

fn create(name: &str, text: &str) -> Option<Job<ConfigMap>> {
    Some(Job { key: key(name), action: Action::Create(config_map(text, TERM, None)) })
}

fn replace(name: &str, text: &str, version: &str) -> Option<Job<ConfigMap>> {
    Some(Job { key: key(name), action: Action::Replace(config_map(text, TERM, Some(version))) })
}

fn delete(name: &str, version: u64) -> Option<Job<ConfigMap>> {
    let action = Action::Delete { uid: "u".into(), version: Version(version) };
    Some(Job { key: key(name), action })
}

fn look(name: &str) -> Option<Job<ConfigMap>> {
    Some(Job { key: key(name), action: Action::Look })
}

#[test]
fn nothing_is_written_before_the_kind_was_listed_and_everything_was_said() {
    let now = Instant::now();
    let desk = Desk::new(Strangers::Delete, Duration::ZERO);
    desk.want(key("a"), Text("x"), Lane::Changes);
    assert_eq!(next(&desk, now), None);
    desk.begin();
    assert_eq!(next(&desk, now), None);
    desk.observe(listing(5, Relist::Start, vec![observed("a", 1, "x"), observed("b", 2, "y")]));
    assert_eq!(next(&desk, now), delete("b", 2));
    assert_eq!(next(&desk, now), None, "a is as it should be");
}

#[test]
fn what_is_not_there_is_made_and_what_differs_is_replaced_at_its_version() {
    let now = Instant::now();
    let desk = desk(vec![observed("a", 7, "old"), observed("b", 8, "same")]);
    desk.want(key("a"), Text("new"), Lane::Bulk);
    desk.want(key("b"), Text("same"), Lane::Bulk);
    desk.want(key("c"), Text("made"), Lane::Bulk);
    assert_eq!(next(&desk, now), replace("a", "new", "7"));
    assert_eq!(next(&desk, now), create("c", "made"));
    assert_eq!(next(&desk, now), None);
}

#[test]
fn changes_go_before_bulk_and_a_key_may_move_up() {
    let now = Instant::now();
    let desk = desk(vec![]);
    desk.want(key("a"), Text("1"), Lane::Bulk);
    desk.want(key("b"), Text("2"), Lane::Bulk);
    desk.want(key("b"), Text("3"), Lane::Changes);
    assert_eq!(desk.due(now), (Some(Lane::Changes), None));
    assert_eq!(next(&desk, now), create("b", "3"));
    assert_eq!(desk.due(now), (Some(Lane::Bulk), None));
    assert_eq!(next(&desk, now), create("a", "1"));
    assert_eq!(desk.due(now), (None, None));
}

#[test]
fn writes_of_one_object_are_one_after_the_other_and_the_newest_is_the_one_that_is_written() {
    let now = Instant::now();
    let desk = desk(vec![]);
    desk.want(key("a"), Text("1"), Lane::Changes);
    assert_eq!(next(&desk, now), create("a", "1"));
    desk.want(key("a"), Text("2"), Lane::Changes);
    desk.want(key("a"), Text("3"), Lane::Changes);
    assert_eq!(next(&desk, now), None, "one is in flight");
    desk.done(&key("a"), now, Done::Wrote(seen(101, "1")));
    assert_eq!(next(&desk, now), replace("a", "3", "101"));
}

#[test]
fn our_own_write_that_comes_back_triggers_nothing() {
    let now = Instant::now();
    let desk = desk(vec![]);
    desk.want(key("a"), Text("1"), Lane::Changes);
    next(&desk, now);
    desk.done(&key("a"), now, Done::Wrote(seen(101, "1")));
    desk.want(key("a"), Text("2"), Lane::Changes);
    next(&desk, now);
    desk.done(&key("a"), now, Done::Wrote(seen(102, "2")));
    // The watch is behind: what it shows now is what we replaced.
    desk.observe(applied("a", 101, "1"));
    desk.observe(applied("a", 102, "2"));
    assert_eq!(next(&desk, now), None);
}

#[test]
fn a_watch_that_is_faster_than_the_answer_is_believed() {
    let now = Instant::now();
    let desk = desk(vec![]);
    desk.want(key("a"), Text("1"), Lane::Changes);
    next(&desk, now);
    desk.observe(applied("a", 101, "1"));
    desk.observe(applied("a", 102, "someone else"));
    desk.done(&key("a"), now, Done::Wrote(seen(101, "1")));
    assert_eq!(next(&desk, now), replace("a", "1", "102"));
}

#[test]
fn a_difference_that_someone_made_is_repaired() {
    let now = Instant::now();
    let desk = desk(vec![observed("a", 7, "x"), observed("b", 8, "y")]);
    desk.want(key("a"), Text("x"), Lane::Changes);
    desk.want(key("b"), Text("y"), Lane::Changes);
    assert_eq!(next(&desk, now), None);
    desk.observe(applied("a", 110, "meddled"));
    desk.observe(deleted("b", 111));
    assert_eq!(next(&desk, now), replace("a", "x", "110"));
    assert_eq!(next(&desk, now), create("b", "y"));
}

#[test]
fn what_cannot_be_read_is_replaced() {
    let now = Instant::now();
    let desk = desk(vec![observed("a", 7, "x")]);
    desk.want(key("a"), Text("x"), Lane::Changes);
    let fault = Malformed { key: key("a"), uid: "u".into(), version: Version(110), problem: "odd".into() };
    desk.observe(Batch::Changes(vec![Change::Malformed(fault)]));
    assert_eq!(next(&desk, now), replace("a", "x", "110"));
}

#[test]
fn a_conflict_is_looked_at_again_and_decided_again_never_forced() {
    let now = Instant::now();
    let desk = desk(vec![observed("a", 7, "old")]);
    desk.want(key("a"), Text("new"), Lane::Changes);
    next(&desk, now);
    desk.done(&key("a"), now, Done::LookAgain);
    assert_eq!(next(&desk, now), look("a"));
    desk.done(&key("a"), now, Done::Looked(Some(seen(120, "other"))));
    assert_eq!(next(&desk, now), replace("a", "new", "120"));
    desk.done(&key("a"), now, Done::LookAgain);
    assert_eq!(next(&desk, now), None, "a second conflict rests first");
    let later = desk.due(now).1.expect("it sleeps");
    assert_eq!(next(&desk, later), look("a"));
    // It was ours, after all: the answer was lost.
    desk.done(&key("a"), later, Done::Looked(Some(seen(121, "new"))));
    assert_eq!(next(&desk, later), None);
}

#[test]
fn what_was_deleted_meanwhile_is_decided_again_and_not_brought_back() {
    let now = Instant::now();
    let desk = desk(vec![observed("a", 7, "old")]);
    desk.want(key("a"), Text("new"), Lane::Changes);
    next(&desk, now);
    // Between decision and write it is no longer wanted, and someone deleted it.
    desk.want_nothing(key("a"), Lane::Changes);
    desk.done(&key("a"), now, Done::LookAgain);
    assert_eq!(next(&desk, now), look("a"));
    desk.done(&key("a"), now, Done::Looked(None));
    assert_eq!(next(&desk, now), None);
}

#[test]
fn a_look_that_the_watch_overtook_is_not_believed() {
    let now = Instant::now();
    let desk = desk(vec![observed("a", 7, "old")]);
    desk.want(key("a"), Text("new"), Lane::Changes);
    next(&desk, now);
    desk.done(&key("a"), now, Done::LookAgain);
    assert_eq!(next(&desk, now), look("a"));
    desk.observe(applied("a", 131, "meddled"));
    desk.done(&key("a"), now, Done::Looked(Some(seen(130, "new"))));
    assert_eq!(next(&desk, now), replace("a", "new", "131"));
}

#[test]
fn what_the_api_server_will_never_take_waits_for_another_wish_or_another_object() {
    let now = Instant::now();
    let desk = desk(vec![observed("a", 7, "old")]);
    desk.want(key("a"), Text("bad"), Lane::Changes);
    next(&desk, now);
    desk.done(&key("a"), now, Done::Refused);
    assert_eq!((next(&desk, now), desk.due(now)), (None, (None, None)));
    desk.observe(applied("a", 110, "other"));
    assert_eq!(next(&desk, now), replace("a", "bad", "110"));
    desk.done(&key("a"), now, Done::Refused);
    desk.want(key("a"), Text("good"), Lane::Changes);
    assert_eq!(next(&desk, now), replace("a", "good", "110"));
}

#[test]
fn an_object_is_written_at_most_once_in_the_interval() {
    let now = Instant::now();
    let interval = Duration::from_secs(5);
    let desk = Desk::new(Strangers::Keep, interval);
    desk.observe(listing(100, Relist::Start, vec![]));
    desk.begin();
    desk.want(key("a"), Text("1"), Lane::Bulk);
    next(&desk, now);
    desk.done(&key("a"), now, Done::Wrote(seen(101, "1")));
    desk.want(key("a"), Text("2"), Lane::Bulk);
    desk.want(key("a"), Text("3"), Lane::Bulk);
    assert_eq!(next(&desk, now), None);
    assert_eq!(desk.due(now), (None, Some(now + interval)));
    assert_eq!(next(&desk, now + interval), replace("a", "3", "101"));
}

#[test]
fn what_the_api_server_keeps_otherwise_than_it_is_written_is_not_written_in_a_circle() {
    let now = Instant::now();
    let desk = desk(vec![]);
    desk.want(key("a"), Text("1"), Lane::Changes);
    next(&desk, now);
    desk.done(&key("a"), now, Done::Wrote(seen(101, "one")));
    assert_eq!(next(&desk, now), None);
    assert_eq!(desk.due(now), (None, Some(now + UNSTABLE)));
    assert_eq!(next(&desk, now + UNSTABLE), replace("a", "1", "101"));
}

#[test]
fn a_list_that_is_older_than_our_own_write_does_not_undo_it() {
    let now = Instant::now();
    let desk = desk(vec![]);
    desk.want(key("a"), Text("1"), Lane::Changes);
    next(&desk, now);
    desk.done(&key("a"), now, Done::Wrote(seen(150, "1")));
    desk.observe(listing(149, Relist::Scheduled, vec![]));
    assert_eq!(next(&desk, now), None);
    desk.observe(listing(151, Relist::Scheduled, vec![]));
    assert_eq!(next(&desk, now), create("a", "1"));
}

#[test]
fn after_the_store_was_restored_its_lower_versions_are_believed() {
    let now = Instant::now();
    let desk = desk(vec![observed("a", 90, "new"), observed("b", 95, "kept")]);
    desk.want(key("a"), Text("new"), Lane::Changes);
    desk.want(key("b"), Text("kept"), Lane::Changes);
    assert_eq!(next(&desk, now), None);
    desk.observe(listing(50, Relist::WentBack, vec![observed("a", 40, "old")]));
    let mut jobs = [next(&desk, now), next(&desk, now)];
    jobs.sort_by_key(|job| job.as_ref().map(|job| job.key.clone()));
    assert_eq!(jobs, [replace("a", "new", "40"), create("b", "kept")]);
}

#[test]
fn while_the_kind_is_absent_nothing_is_written_and_afterwards_everything_is_made_again() {
    let now = Instant::now();
    let desk = desk(vec![observed("a", 7, "x")]);
    desk.want(key("a"), Text("x"), Lane::Changes);
    desk.observe(Batch::Absent);
    assert_eq!(next(&desk, now), None);
    desk.observe(listing(200, Relist::Start, vec![]));
    assert_eq!(next(&desk, now), create("a", "x"));
}

#[test]
fn a_stranger_is_deleted_only_where_that_was_asked_for() {
    let now = Instant::now();
    let keeps = desk(vec![observed("stranger", 7, "x")]);
    assert_eq!(next(&keeps, now), None);
    let deletes: Desk<Text> = Desk::new(Strangers::Delete, Duration::ZERO);
    deletes.begin();
    deletes.observe(listing(100, Relist::Start, vec![observed("stranger", 7, "x")]));
    assert_eq!(next(&deletes, now), delete("stranger", 7));
    deletes.done(&key("stranger"), now, Done::Deleted);
    assert_eq!((next(&deletes, now), deletes.unsettled()), (None, 0));
}

#[test]
fn what_someone_made_again_while_we_deleted_it_is_deleted_again() {
    let now = Instant::now();
    let desk = desk(vec![observed("a", 7, "x")]);
    desk.want_nothing(key("a"), Lane::Changes);
    assert_eq!(next(&desk, now), delete("a", 7));
    desk.observe(deleted("a", 110));
    desk.observe(applied("a", 111, "again"));
    desk.done(&key("a"), now, Done::Deleted);
    assert_eq!(next(&desk, now), delete("a", 111));
}
