//! None failed, none wrong: exchanges held against a table, written by hand, of what was right when.

use std::fmt::Write as _;
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
        Checker { phases: Vec::new(), delay }
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
            let from = exchange.received.checked_sub(self.delay).unwrap_or(exchange.sent).min(exchange.sent);
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

    fn phases_between(&self, from: Instant, to: Instant) -> impl Iterator<Item = &Phase> {
        self.phases.iter().enumerate().filter_map(move |(index, phase)| {
            let end = self.phases.get(index + 1).map(|next| next.from);
            (phase.from <= to && end.is_none_or(|end| end >= from)).then_some(phase)
        })
    }
}

impl Verdict {
    /// Fails where one failed or was wrong, or where fewer were asked than make a test.
    #[track_caller]
    pub fn assert_none_failed_none_wrong(&self, at_least: usize) {
        let mut text = String::new();
        for (what, lines) in [("failed", &self.failed), ("wrong", &self.wrong)] {
            if !lines.is_empty() {
                let _ = writeln!(text, "{} of {} {what}; the first:", lines.len(), self.asked);
                for line in lines.iter().take(10) {
                    let _ = writeln!(text, "  {line}");
                }
            }
        }
        assert!(text.is_empty(), "{text}");
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
