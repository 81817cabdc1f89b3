use std::collections::BTreeMap;
use std::time::Duration;

use proptest::prelude::*;

use super::*;
use crate::rest::{Place, Target};

fn name(text: &str) -> Hostname {
    text.parse().unwrap()
}

fn host(hostname: &str, addresses: &[u8]) -> Host {
    let place = |last: &u8| Place {
        target: Target::Address([192, 0, 2, *last].into()),
        priority: 0,
        weight: 50,
        ready: None,
    };
    Host { hostname: name(hostname), places: addresses.iter().map(place).collect() }
}

const fn at(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

/// A plan whose peer hears us since second 0, and was told all that there was.
fn heard(hosts: &[Host]) -> SendPlan {
    let mut plan = SendPlan::new(at(10));
    for host in hosts {
        plan.want(host.clone());
    }
    plan.heartbeat(at(0), at(0), true);
    let mut told = Vec::new();
    while let Some(host) = plan.next(at(0)) {
        told.push((*host).clone());
        plan.posted(Posted::Told, at(0));
    }
    assert_eq!(told, hosts);
    plan
}

/// All that is told at once, by name.
fn tell(plan: &mut SendPlan, now: Duration) -> Vec<String> {
    let mut told = Vec::new();
    while let Some(host) = plan.next(now) {
        told.push(format!("{} {}", host.hostname, host.places.len()));
        plan.posted(Posted::Told, now);
    }
    told
}

#[test]
fn nothing_is_told_before_the_peer_hears_us() {
    let mut plan = SendPlan::new(at(10));
    plan.want(host("a.example", &[1]));
    assert_eq!((plan.next(at(0)), plan.wake(at(0))), (None, None));
    plan.heartbeat(at(0), at(1), false);
    assert_eq!(plan.next(at(1)), None);
    plan.heartbeat(at(10), at(10), true);
    assert_eq!(tell(&mut plan, at(10)), ["a.example 1"]);
}

#[test]
fn one_hostname_is_told_at_a_time() {
    let mut plan = heard(&[]);
    plan.want(host("a.example", &[1]));
    plan.want(host("b.example", &[1]));
    assert_eq!(plan.next(at(1)).unwrap().hostname, name("a.example"));
    assert_eq!((plan.next(at(1)), plan.wake(at(1))), (None, None), "until the first is answered");
    plan.posted(Posted::Told, at(2));
    assert_eq!(plan.next(at(2)).unwrap().hostname, name("b.example"));
}

#[test]
fn changes_go_before_the_rest_and_the_oldest_change_first() {
    let mut plan = heard(&[host("a.example", &[1]), host("b.example", &[1]), host("c.example", &[1])]);
    plan.heartbeat(at(20), at(20), true);
    plan.want(host("c.example", &[2]));
    plan.want(host("b.example", &[]));
    assert_eq!(tell(&mut plan, at(20)), ["c.example 1", "b.example 0", "a.example 1"], "and each once");
}

#[test]
fn what_is_as_before_is_not_told() {
    let mut plan = heard(&[host("a.example", &[1])]);
    plan.want(host("a.example", &[1]));
    plan.want_exactly([host("a.example", &[1])], at(1));
    assert_eq!((plan.next(at(1)), plan.wake(at(1)), plan.waiting()), (None, Some(at(300)), 0));
}

#[test]
fn hostnames_that_vanish_are_told_as_empty_lists_twice() {
    let mut plan = heard(&[host("a.example", &[1]), host("b.example", &[1])]);
    plan.want_exactly([host("b.example", &[1])], at(1));
    assert_eq!(tell(&mut plan, at(1)), ["a.example 0"]);
    plan.withdraw(&name("never.example"), at(2));
    assert_eq!(tell(&mut plan, at(2)), ["never.example 0"], "a leader before may have told it");
    plan.tell_all(at(3));
    assert_eq!(tell(&mut plan, at(3)), ["a.example 0", "b.example 1", "never.example 0"]);
    plan.tell_all(at(4));
    assert_eq!(tell(&mut plan, at(4)), ["b.example 1"]);
}

#[test]
fn everything_is_told_again_every_while_and_after_a_silence() {
    let mut plan = heard(&[host("a.example", &[1])]);
    for beat in (10..=290).step_by(10) {
        plan.heartbeat(at(beat), at(beat), true);
        assert_eq!(tell(&mut plan, at(beat)), [""; 0]);
    }
    plan.heartbeat(at(300), at(300), true);
    assert_eq!(tell(&mut plan, at(300)), ["a.example 1"], "after 300 s");
    plan.heartbeat(at(310), at(312), false);
    plan.want(host("a.example", &[2]));
    assert_eq!(tell(&mut plan, at(314)), ["a.example 1"]);
    plan.want(host("a.example", &[3]));
    assert_eq!(tell(&mut plan, at(315)), [""; 0], "it may forget us: it is told when it hears us");
    plan.heartbeat(at(320), at(320), true);
    assert_eq!(tell(&mut plan, at(320)), ["a.example 1"]);
}

#[test]
fn a_process_that_slept_tells_everything_again() {
    let mut plan = heard(&[host("a.example", &[1])]);
    plan.heartbeat(at(40), at(40), true);
    assert_eq!(tell(&mut plan, at(40)), ["a.example 1"], "no heartbeat failed, and none was heard");
}

#[test]
fn what_fails_is_told_again_after_a_while_and_keeps_nothing_else_back() {
    let mut plan = heard(&[]);
    plan.want(host("a.example", &[1]));
    plan.want(host("b.example", &[1]));
    plan.next(at(1)).unwrap();
    plan.posted(Posted::Failed, at(1));
    assert_eq!(tell(&mut plan, at(1)), ["b.example 1"]);
    assert_eq!(plan.wake(at(1)), Some(at(2)));
    assert_eq!(tell(&mut plan, at(2)), ["a.example 1"]);
}

#[test]
fn what_is_refused_waits_for_a_change_or_for_everything() {
    let mut plan = heard(&[]);
    plan.want(host("a.example", &[1]));
    plan.next(at(1)).unwrap();
    plan.posted(Posted::Refused, at(1));
    assert_eq!(plan.wake(at(1)), Some(at(300)));
    plan.want(host("a.example", &[2]));
    assert_eq!(tell(&mut plan, at(2)), ["a.example 1"]);
}

#[test]
fn who_stands_by_remembers_what_the_leader_may_not_have_told() {
    let mut plan = heard(&[host("a.example", &[1]), host("b.example", &[1])]);
    plan.want_exactly([], at(1));
    plan.stand_by(at(590));
    assert_eq!((plan.waiting(), plan.next(at(1))), (0, None));
    plan.want(host("c.example", &[1]));
    plan.withdraw(&name("d.example"), at(590));
    plan.stand_by(at(601));
    plan.heartbeat(at(601), at(601), true);
    assert_eq!(tell(&mut plan, at(601)), ["c.example 1", "d.example 0"], "a and b were told by now");
}

#[test]
fn a_long_interval_of_heartbeats_is_no_silence() {
    let mut plan = SendPlan::new(at(20));
    plan.want(host("a.example", &[1]));
    plan.heartbeat(at(0), at(0), true);
    tell(&mut plan, at(0));
    plan.heartbeat(at(20), at(20), true);
    assert_eq!(tell(&mut plan, at(20)), [""; 0]);
}

/// The peer: forgets all of us once it has not heard us for its timeout.
#[derive(Default)]
struct Forgetful {
    hosts: BTreeMap<Hostname, Host>,
    heard: Option<Duration>,
}

impl Forgetful {
    fn pass(&mut self, now: Duration) {
        if self.heard.is_some_and(|heard| now.saturating_sub(heard) > at(30)) {
            self.hosts.clear();
        }
    }

    fn post(&mut self, host: &Host) {
        if host.places.is_empty() {
            self.hosts.remove(&host.hostname);
        } else {
            self.hosts.insert(host.hostname.clone(), host.clone());
        }
    }
}

#[derive(Clone, Copy, Debug)]
enum Step {
    Publish(u8, u8),
    Withdraw(u8),
    Pass(u16),
    /// Whether it arrives, and whether its answer does.
    Heartbeat(bool, bool),
    Post(bool, bool),
    Lead,
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![
        3 => (0..6_u8, 0..4_u8).prop_map(|(name, address)| Step::Publish(name, address)),
        1 => (0..6_u8).prop_map(Step::Withdraw),
        2 => (0..20_000_u16).prop_map(Step::Pass),
        3 => (any::<bool>(), any::<bool>()).prop_map(|(there, back)| Step::Heartbeat(there, back)),
        4 => (any::<bool>(), any::<bool>()).prop_map(|(there, back)| Step::Post(there, back)),
        1 => Just(Step::Lead),
    ];
    proptest::collection::vec(step, 0..120)
}

proptest! {
    #[test]
    fn whatever_was_lost_the_peer_holds_in_the_end_what_is_published(steps in steps()) {
        let mut plan = SendPlan::new(at(10));
        let mut peer = Forgetful::default();
        let mut wanted = BTreeMap::new();
        let mut now = Duration::ZERO;
        let label = |number: u8| format!("h{number}.example");
        let post = |plan: &mut SendPlan, peer: &mut Forgetful, now, there: bool, back: bool| {
            let Some(host) = plan.next(now) else { return false };
            if there {
                peer.post(&host);
            }
            plan.posted(if there && back { Posted::Told } else { Posted::Failed }, now);
            true
        };
        for step in steps {
            match step {
                Step::Publish(number, address) => {
                    // Address 0: nothing of it is ready.
                    let host = host(&label(number), if address == 0 { &[] } else { std::slice::from_ref(&address) });
                    wanted.insert(host.hostname.clone(), host.clone());
                    plan.want(host);
                }
                Step::Withdraw(number) => {
                    let hostname = name(&label(number));
                    wanted.remove(&hostname);
                    plan.withdraw(&hostname, now);
                }
                Step::Pass(millis) => {
                    now += Duration::from_millis(millis.into());
                    peer.pass(now);
                }
                Step::Heartbeat(there, back) => {
                    if there {
                        peer.heard = Some(now);
                    }
                    plan.heartbeat(now, now, there && back);
                }
                Step::Post(there, back) => {
                    post(&mut plan, &mut peer, now, there, back);
                }
                Step::Lead => plan.tell_all(now),
            }
        }
        // All is well again, for a minute.
        for _ in 0..6 {
            now += at(10);
            peer.pass(now);
            peer.heard = Some(now);
            plan.heartbeat(now, now, true);
            while post(&mut plan, &mut peer, now, true, true) {}
        }
        let wanted: BTreeMap<_, _> = wanted.into_iter().filter(|(_, host)| !host.places.is_empty()).collect();
        prop_assert_eq!(&peer.hosts, &wanted);
        prop_assert_eq!(plan.waiting(), 0);
    }
}
