//! None failed, none wrong: exchanges held against a table, written by hand, of what was right when.

use std::fmt;
use std::time::{Duration, Instant};

use crate::load::{Answer, Exchange};

/// A time with its right answers; it lasts until the next one begins.
#[derive(Clone, Debug)]
struct Phase {
    name: &'static str,
    from: Instant,
    right: Vec<Answer>,
}

/// The table.
#[derive(Clone, Debug)]
pub struct Checker {
    phases: Vec<Phase>,
    /// How long what was right may still be answered, from an instant on.
    delays: Vec<(Instant, Duration)>,
    delay: Duration,
}

/// What became of a run.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Verdict {
    /// How many queries there were.
    pub asked: usize,
    /// No reply, an error, or nothing where there should be something.
    pub failed: Vec<String>,
    /// Answers that were right at no instant of the delay before they came.
    pub wrong: Vec<String>,
}

impl Checker {
    /// A table in which what was right may still be answered for `delay`.
    pub fn new(delay: Duration) -> Self {
        Checker { phases: Vec::new(), delays: Vec::new(), delay }
    }

    /// From this instant on, another delay is allowed, for example while a leader is dead.
    #[track_caller]
    pub fn delay(mut self, from: Instant, delay: Duration) -> Self {
        assert!(
            self.delays.last().is_none_or(|last| last.0 <= from),
            "a delay begins before the one before it"
        );
        self.delays.push((from, delay));
        self
    }

    /// From this instant, these are the right answers.
    #[track_caller]
    pub fn phase(
        mut self,
        name: &'static str,
        from: Instant,
        right: impl IntoIterator<Item = Answer>,
    ) -> Self {
        assert!(
            self.phases.last().is_none_or(|last| last.from <= from),
            "{name} begins before the phase before it"
        );
        self.phases.push(Phase { name, from, right: right.into_iter().collect() });
        self
    }

    /// Judges each exchange.
    pub fn judge(&self, exchanges: &[Exchange]) -> Verdict {
        let mut verdict = Verdict { asked: exchanges.len(), ..Verdict::default() };
        for exchange in exchanges {
            // What was right at an instant from here to there may be the answer.
            let from = self.oldest(exchange);
            let (phases, right): (Vec<&str>, bool) = self.phases_between(from, exchange.received).fold(
                (Vec::new(), false),
                |(mut names, right), phase| {
                    names.push(phase.name);
                    (names, right || phase.right.contains(&exchange.answer))
                },
            );
            if right {
                continue;
            }
            let line = format!(
                "{:?} after {:?}, {:?} into the run, in the phases {phases:?}",
                exchange.answer,
                exchange.received - exchange.sent,
                exchange.sent - exchanges.first().map_or(exchange.sent, |first| first.sent),
            );
            match exchange.answer {
                Answer::Addresses(_) => verdict.wrong.push(line),
                Answer::NoData
                | Answer::NxDomain
                | Answer::Error(_)
                | Answer::Garbage(_)
                | Answer::Nothing => {
                    verdict.failed.push(line);
                }
            }
        }
        verdict
    }

    /// The earliest instant whose right answer this exchange may have: that of the longest delay that was allowed at
    /// some time between sending and receiving.
    fn oldest(&self, exchange: &Exchange) -> Instant {
        let before = self.delays.iter().rev().find(|(from, _)| *from <= exchange.sent);
        let meanwhile =
            self.delays.iter().filter(|(from, _)| exchange.sent < *from && *from <= exchange.received);
        let allowed =
            meanwhile.map(|(_, delay)| *delay).chain([before.map_or(self.delay, |(_, delay)| *delay)]);
        let delay = allowed.max().expect("one is always there");
        // A delay without a limit goes back to the beginning.
        let beginning = self.phases.first().map_or(exchange.sent, |first| first.from);
        exchange.received.checked_sub(delay).unwrap_or(beginning).min(exchange.sent)
    }

    fn phases_between(&self, from: Instant, to: Instant) -> impl Iterator<Item = &Phase> {
        self.phases.iter().enumerate().filter_map(move |(index, phase)| {
            let end = self.phases.get(index + 1).map(|next| next.from);
            (phase.from <= to && end.is_none_or(|end| end >= from)).then_some(phase)
        })
    }
}

impl fmt::Display for Verdict {
    /// What failed and what was wrong, the first of each.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (what, lines) in [("failed", &self.failed), ("wrong", &self.wrong)] {
            if !lines.is_empty() {
                writeln!(f, "{} of {} {what}; the first:", lines.len(), self.asked)?;
                for line in lines.iter().take(10) {
                    writeln!(f, "  {line}")?;
                }
            }
        }
        Ok(())
    }
}

impl Verdict {
    /// Whether none failed and none was wrong.
    pub fn is_clean(&self) -> bool {
        self.failed.is_empty() && self.wrong.is_empty()
    }

    /// Fails where one failed or was wrong, or where fewer were asked than make a test.
    #[track_caller]
    pub fn assert_none_failed_none_wrong(&self, at_least: usize) {
        assert!(self.is_clean(), "{self}");
        assert!(self.asked >= at_least, "only {} queries were asked: not enough to say anything", self.asked);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MS: Duration = Duration::from_millis(1);

    fn exchange(start: Instant, sent: u32, received: u32, answer: Answer) -> Exchange {
        Exchange { sent: start + MS * sent, received: start + MS * received, answer }
    }

    fn west() -> Answer {
        Answer::addresses(["192.0.2.10"])
    }

    fn east() -> Answer {
        Answer::addresses(["198.51.100.20"])
    }

    /// West until 100 ms, east from then on, 20 ms of delay.
    fn table(start: Instant) -> Checker {
        Checker::new(MS * 20).phase("west up", start, [west()]).phase("west down", start + MS * 100, [east()])
    }

    #[test]
    fn an_answer_may_be_as_old_as_the_delay_and_no_older() {
        let start = Instant::now();
        let fresh = exchange(start, 118, 119, west());
        let old = exchange(start, 129, 130, west());
        let verdict = table(start).judge(&[fresh, old]);
        assert_eq!((verdict.failed.len(), verdict.wrong.len()), (0, 1), "{verdict:?}");
    }

    #[test]
    fn the_delay_is_the_one_that_was_allowed_then() {
        let start = Instant::now();
        let table = table(start).delay(start + MS * 110, MS * 60).delay(start + MS * 200, MS * 5);
        let at = |received| exchange(start, received - 1, received, west());
        let wrong = |received| table.judge(&[at(received)]).wrong.len();
        // Until 20 ms after the change in calm, until 60 ms after it in the time of the longer delay.
        assert_eq!([119, 150, 160, 170, 199, 210].map(wrong), [0, 0, 0, 1, 1, 1]);
    }

    #[test]
    fn a_delay_without_limit_goes_back_to_the_beginning_and_no_further() {
        let start = Instant::now();
        let table = table(start).delay(start + MS * 100, Duration::MAX);
        let verdict = |answer| table.judge(&[exchange(start, 50_000, 50_001, answer)]);
        assert!(verdict(west()).is_clean() && verdict(east()).is_clean());
        assert_eq!(verdict(Answer::addresses(["192.0.2.99"])).wrong.len(), 1);
        assert_eq!(verdict(Answer::NxDomain).failed.len(), 1);
    }

    #[test]
    fn an_answer_from_the_future_is_wrong() {
        let start = Instant::now();
        assert_eq!(table(start).judge(&[exchange(start, 50, 60, east())]).wrong.len(), 1);
    }

    #[test]
    fn an_answer_that_turned_right_on_its_way_is_right() {
        let start = Instant::now();
        assert_eq!(table(start).judge(&[exchange(start, 95, 105, east())]).wrong, [""; 0]);
    }

    #[test]
    fn part_of_an_answer_is_wrong() {
        let start = Instant::now();
        let both = Answer::addresses(["192.0.2.10", "192.0.2.11"]);
        let table = Checker::new(MS).phase("two addresses", start, [both]);
        assert_eq!(table.judge(&[exchange(start, 1, 2, west())]).wrong.len(), 1);
    }

    #[test]
    fn no_reply_errors_and_emptiness_are_failures() {
        let start = Instant::now();
        let answers = [
            Answer::Nothing,
            Answer::Error("SERVFAIL".to_owned()),
            Answer::NoData,
            Answer::NxDomain,
            Answer::Garbage(String::new()),
        ];
        for answer in answers {
            let verdict = table(start).judge(&[exchange(start, 1, 2, answer.clone())]);
            assert_eq!((verdict.failed.len(), verdict.wrong.len()), (1, 0), "{answer:?}");
        }
    }

    #[test]
    fn a_phase_may_expect_emptiness() {
        let start = Instant::now();
        let table = Checker::new(MS).phase("all down", start, [Answer::NoData]);
        table.judge(&[exchange(start, 1, 2, Answer::NoData)]).assert_none_failed_none_wrong(1);
    }

    #[test]
    #[should_panic(expected = "1 of 1 failed")]
    fn a_failure_fails_the_test() {
        let start = Instant::now();
        table(start).judge(&[exchange(start, 1, 2, Answer::Nothing)]).assert_none_failed_none_wrong(1);
    }

    #[test]
    #[should_panic(expected = "not enough")]
    fn a_run_of_nothing_fails_the_test() {
        Checker::new(MS).judge(&[]).assert_none_failed_none_wrong(1);
    }
}
