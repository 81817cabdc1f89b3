//! The checks themselves: each is seen to fail, on purpose.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::{Duration, Instant};

use mci_tests::checker::Checker;
use mci_tests::load::Answer;
use mci_tests::world::{CALM, World};

use crate::here;

/// What a check that has to fail says.
#[track_caller]
fn complaint(check: impl FnOnce()) -> String {
    let payload = catch_unwind(AssertUnwindSafe(check)).expect_err("this check is to fail");
    payload.downcast_ref::<String>().expect("it fails with a sentence").clone()
}

#[test]
fn each_check_fails_where_it_has_to() {
    if !here() {
        return;
    }
    let world = World::shared();
    let (team, name) = ("team-checks", "app.checks.gslb.example.com");
    world.publish(team, "app", name, "192.0.2.1");
    world.answers(name, "A", "192.0.2.1");
    let right = || Answer::addresses(["192.0.2.1"]);

    let said = complaint(|| world.answers_within(Duration::ZERO, name, "A", "192.0.2.2"));
    assert!(said.contains("through CoreDNS") && said.contains("192.0.2.1"), "{said}");

    // An address that is not in the table.
    let load = world.load(name);
    let table = Checker::new(CALM).phase("another", load.began(), [Answer::addresses(["192.0.2.2"])]);
    let said = complaint(|| load.none_failed_none_wrong(&table));
    assert!(said.contains("wrong; the first") && said.contains("192.0.2.1"), "{said}");

    // A name that does not exist.
    let load = world.load("no.checks.gslb.example.com");
    let table = Checker::new(CALM).phase("all the time", load.began(), [right()]);
    let said = complaint(|| load.none_failed_none_wrong(&table));
    assert!(said.contains("failed; the first") && said.contains("NxDomain"), "{said}");

    // What is right a moment too late is wrong: the answer changes after the table says so.
    let load = world.load(name);
    let table = Checker::new(Duration::ZERO).phase("ready", load.began(), [right()]);
    let table = table.phase("unready", Instant::now(), [Answer::NoData]);
    world.answers(name, "A", "192.0.2.1");
    world.cluster().scale(team, "app", 0);
    world.answers(name, "A", "NODATA");
    let said = complaint(|| load.none_failed_none_wrong(&table));
    assert!(said.contains("wrong; the first"), "{said}");

    // A server that says SERVFAIL, or nothing at all.
    for (name, server) in
        [("outside.example.net", world.coredns.dns()), ("nobody.example.net", "127.0.0.1:9".parse().unwrap())]
    {
        let exchange = mci_tests::load::Plan::new([server], name).exchange();
        let table = Checker::new(CALM).phase("all the time", exchange.sent, [right()]);
        let verdict = table.judge(&[exchange]);
        assert_eq!((verdict.failed.len(), verdict.wrong.len()), (1, 0), "{verdict}");
    }

    let said = complaint(|| world.draws_within(Duration::ZERO, name, "A", &["192.0.2.1"]));
    assert!(said.contains("draws"), "{said}");
}
