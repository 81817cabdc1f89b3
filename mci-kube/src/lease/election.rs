//! The rules of R28, without a clock and without an API server.

use std::time::Duration;

use tokio::time::Instant;

use super::Timing;
use crate::watch::Version;

/// The record as it was read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Record {
    /// Changes with every renewal.
    pub(super) version: Version,
    pub(super) holder: Option<String>,
    pub(super) term: u64,
}

/// What to do now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Step {
    /// Nothing until then.
    Wait(Instant),
    /// Read the record.
    Look,
    /// Write the record with us as holder, and a term above this one.
    Take { above: u64 },
    /// Write the record as it is, renewed.
    Renew { term: u64 },
}

/// One contender.
#[derive(Debug)]
pub(super) struct Election {
    me: String,
    timing: Timing,
    /// Nothing: it was not looked at yet.
    seen: Option<Seen>,
    held: Option<Held>,
    /// What we believe may be old: look before anything is written.
    look: bool,
    /// Nothing is sent before then.
    not_before: Option<Instant>,
}

#[derive(Debug)]
struct Seen {
    record: Option<Record>,
    /// Since when it has been like this, for us.
    since: Instant,
    /// When we last looked.
    looked: Instant,
}

#[derive(Clone, Copy, Debug)]
struct Held {
    term: u64,
    sent: Instant,
}

impl Election {
    pub(super) fn new(me: String, timing: Timing) -> Self {
        Self { me, timing, seen: None, held: None, look: true, not_before: None }
    }

    /// The term that we hold at `now`, and until when.
    pub(super) fn tenure(&self, now: Instant) -> Option<(u64, Instant)> {
        let held = self.held?;
        let until = held.sent + self.timing.give_up;
        (now < until).then_some((held.term, until))
    }

    /// Our own write succeeded: it was sent at `sent`, and made this record.
    pub(super) fn wrote(&mut self, sent: Instant, now: Instant, record: Record) {
        self.held = (record.holder.as_deref() == Some(&*self.me)).then_some(Held { term: record.term, sent });
        self.saw(now, Some(record));
    }

    /// The record is so, as of now.
    pub(super) fn saw(&mut self, now: Instant, record: Option<Record>) {
        let ours = record.as_ref().filter(|record| record.holder.as_deref() == Some(&*self.me));
        if self.held.is_some_and(|held| ours.map(|record| record.term) != Some(held.term)) {
            // Someone else took it, or took it away.
            self.held = None;
        }
        let since = match &self.seen {
            Some(seen) if seen.record == record => seen.since,
            _ => now,
        };
        self.seen = Some(Seen { record, since, looked: now });
        self.look = false;
        self.not_before = None;
    }

    /// A request failed. What it did is unknown, or it was refused because the record is another by now.
    pub(super) fn failed(&mut self, now: Instant, pause: Duration) {
        self.look = true;
        self.not_before = Some(now + pause);
    }

    pub(super) fn next(&self, now: Instant) -> Step {
        if let Some(at) = self.not_before.filter(|at| now < *at) {
            return Step::Wait(at);
        }
        let Some(seen) = self.seen.as_ref().filter(|_| !self.look) else {
            return Step::Look;
        };
        if let (Some(held), Some(_)) = (self.held, self.tenure(now)) {
            let due = held.sent + self.timing.renew;
            return if now >= due { Step::Renew { term: held.term } } else { Step::Wait(due) };
        }
        let Some(record) = &seen.record else { return Step::Take { above: 0 } };
        let expires = match record.holder.as_deref() {
            None => now,
            // Our own claim that ran out: nobody took it, and a new term keeps old writes apart.
            Some(holder) if holder == self.me => now,
            Some(_) => seen.since + self.timing.duration,
        };
        let look = seen.looked + self.timing.look;
        if now >= expires {
            // What we saw may be old by now: the write is conditional on its version.
            Step::Take { above: record.term }
        } else if now >= look {
            Step::Look
        } else {
            Step::Wait(look.min(expires))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    struct World {
        election: Election,
        start: Instant,
    }

    impl World {
        fn new() -> Self {
            Self { election: Election::new("me".to_owned(), Timing::default()), start: Instant::now() }
        }

        fn at(&self, millis: u64) -> Instant {
            self.start + Duration::from_millis(millis)
        }

        fn saw(&mut self, millis: u64, record: Option<Record>) {
            let now = self.at(millis);
            self.election.saw(now, record);
        }

        fn wrote(&mut self, sent: u64, now: u64, record: Record) {
            let (sent, now) = (self.at(sent), self.at(now));
            self.election.wrote(sent, now, record);
        }

        fn next(&self, millis: u64) -> Step {
            self.election.next(self.at(millis))
        }

        fn term(&self, millis: u64) -> Option<u64> {
            self.election.tenure(self.at(millis)).map(|(term, _)| term)
        }
    }

    fn record(version: u64, holder: &str, term: u64) -> Record {
        let holder = Some(holder.to_owned()).filter(|holder| !holder.is_empty());
        Record { version: Version(version), holder, term }
    }

    #[test]
    fn r28_it_looks_before_it_takes() {
        assert_eq!(World::new().next(0), Step::Look);
    }

    #[test]
    fn r28_a_lease_that_is_not_there_or_released_is_taken_at_once() {
        let mut world = World::new();
        world.saw(0, None);
        assert_eq!(world.next(0), Step::Take { above: 0 });
        world.saw(0, Some(record(1, "", 7)));
        assert_eq!(world.next(0), Step::Take { above: 7 });
    }

    #[test]
    fn r28_a_record_is_taken_over_once_it_was_seen_unchanged_for_six_seconds() {
        let mut world = World::new();
        for second in 0..6 {
            world.saw(second * 1000, Some(record(1, "other", 3)));
        }
        assert_eq!(world.next(5_999), Step::Wait(world.at(6_000)));
        assert_eq!(world.next(6_000), Step::Take { above: 3 });
    }

    #[test]
    fn r28_each_renewal_that_is_seen_begins_the_six_seconds_again() {
        let mut world = World::new();
        world.saw(0, Some(record(1, "other", 3)));
        world.saw(5_000, Some(record(2, "other", 3)));
        world.saw(10_000, Some(record(2, "other", 3)));
        assert_eq!(world.next(10_999), Step::Wait(world.at(11_000)));
        assert_eq!(world.next(11_000), Step::Take { above: 3 });
    }

    #[test]
    fn r28_an_observer_that_slept_waits_from_what_it_then_sees() {
        let mut world = World::new();
        world.saw(0, Some(record(1, "other", 3)));
        // Stopped for a minute: the record is another, so it lived meanwhile.
        world.saw(60_000, Some(record(40, "other", 3)));
        assert_eq!(world.next(60_500), Step::Wait(world.at(61_000)));
    }

    #[test]
    fn r28_the_holder_renews_two_seconds_after_it_sent() {
        let mut world = World::new();
        world.saw(0, None);
        world.wrote(100, 900, record(1, "me", 1));
        assert_eq!(world.next(2_099), Step::Wait(world.at(2_100)));
        assert_eq!(world.next(2_100), Step::Renew { term: 1 });
    }

    #[test]
    fn r28_the_holder_gives_up_five_seconds_after_it_sent_not_after_it_heard() {
        let mut world = World::new();
        world.saw(0, None);
        world.wrote(100, 4_000, record(1, "me", 1));
        assert_eq!(world.term(5_099), Some(1));
        assert_eq!(world.term(5_100), None);
    }

    #[test]
    fn r28_a_holder_whose_time_ran_out_takes_over_from_itself_with_a_new_term() {
        let mut world = World::new();
        world.saw(0, None);
        world.wrote(0, 10, record(1, "me", 4));
        world.saw(9_000, Some(record(1, "me", 4)));
        assert_eq!(world.term(9_000), None);
        assert_eq!(world.next(9_000), Step::Take { above: 4 });
    }

    #[test]
    fn r28_a_holder_that_finds_another_in_the_record_no_longer_leads() {
        let mut world = World::new();
        world.saw(0, None);
        world.wrote(0, 10, record(1, "me", 1));
        world.saw(1_000, Some(record(5, "other", 2)));
        assert_eq!(world.term(1_000), None);
        assert_eq!(world.next(1_000), Step::Wait(world.at(2_000)));
    }

    #[test]
    fn r28_a_holder_whose_lease_was_deleted_no_longer_leads_and_takes_it_again() {
        let mut world = World::new();
        world.saw(0, None);
        world.wrote(0, 10, record(1, "me", 1));
        world.saw(1_000, None);
        assert_eq!(world.term(1_000), None);
        assert_eq!(world.next(1_000), Step::Take { above: 0 });
    }

    #[test]
    fn r28_after_a_failure_it_looks_first_and_keeps_its_claim_while_it_lasts() {
        let mut world = World::new();
        world.saw(0, None);
        world.wrote(0, 10, record(1, "me", 1));
        let now = world.at(2_500);
        world.election.failed(now, Duration::from_millis(200));
        assert_eq!(world.next(2_600), Step::Wait(world.at(2_700)));
        assert_eq!(world.next(2_700), Step::Look);
        assert_eq!(world.term(2_700), Some(1));
        // Someone wrote an annotation: it is still ours, and the renewal was due.
        world.saw(2_800, Some(record(9, "me", 1)));
        assert_eq!(world.next(2_800), Step::Renew { term: 1 });
        assert_eq!(world.term(5_000), None);
    }

    #[test]
    fn r28_a_change_without_a_leader_waits_no_longer_than_eight_seconds() {
        // The holder dies right after a renewal, which the observer sees a look later.
        let timing = Timing::default();
        assert!(timing.look + timing.duration < Duration::from_secs(8));
        assert!(timing.give_up < timing.duration);
    }
}
