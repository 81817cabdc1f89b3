//! Which Events are new, which are one more of a series, and which are too many. Time comes in.

use std::collections::HashMap;
use std::time::Duration;

use tokio::time::Instant;

use super::{News, Notice, namespace};

/// The same within this time is one series.
const SERIES: Duration = Duration::from_mins(10);
/// A series is written at most so often.
const BETWEEN: Duration = Duration::from_secs(30);
/// Writes at once …
const BURST: u32 = 50;
/// … and one more for each of these.
const EACH: Duration = Duration::from_millis(500);
/// How many series are remembered; past that, new Events are written as if they were the first.
const REMEMBERED: usize = 10_000;

/// What is the same makes a series.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct Same {
    kind: Option<String>,
    namespace: String,
    name: Option<String>,
    uid: Option<String>,
    news: News,
    reason: &'static str,
    action: &'static str,
    note: String,
}

/// A series, as it is to be written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Entry {
    pub(super) namespace: String,
    /// Of the Event.
    pub(super) name: String,
    pub(super) count: i32,
}

#[derive(Debug)]
struct Series {
    entry: Entry,
    written: i32,
    written_at: Instant,
    last: Instant,
}

/// What to do with a notice.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    /// It is new: write it.
    Write,
    /// It is one more of a series.
    Counted,
    /// Too many were written lately.
    TooMany,
}

/// The Events of the last minutes.
#[derive(Debug)]
pub(super) struct Book {
    series: HashMap<Same, Series>,
    /// When a write more than the burst would be allowed: the bucket is full once it is past.
    full_at: Instant,
}

impl Book {
    pub(super) fn new(now: Instant) -> Self {
        Self { series: HashMap::new(), full_at: now }
    }

    /// Takes a notice; `name` is its Event's, if it is written.
    pub(super) fn note(&mut self, now: Instant, notice: &Notice, name: &str) -> Verdict {
        let same = Same {
            kind: notice.regarding.kind.clone(),
            namespace: namespace(&notice.regarding).to_owned(),
            name: notice.regarding.name.clone(),
            uid: notice.regarding.uid.clone(),
            news: notice.news,
            reason: notice.reason,
            action: notice.action,
            note: notice.note.clone(),
        };
        if let Some(series) = self.series.get_mut(&same).filter(|series| now - series.last < SERIES) {
            series.entry.count = series.entry.count.saturating_add(1);
            series.last = now;
            return Verdict::Counted;
        }
        if !self.take(now) {
            return Verdict::TooMany;
        }
        if self.series.len() >= REMEMBERED {
            self.series.clear();
        }
        let entry = Entry { namespace: same.namespace.clone(), name: name.to_owned(), count: 1 };
        self.series.insert(same, Series { entry, written: 1, written_at: now, last: now });
        Verdict::Write
    }

    /// The series to be written now; what is over is forgotten.
    pub(super) fn due(&mut self, now: Instant) -> Vec<Entry> {
        let mut due = Vec::new();
        let mut full_at = self.full_at;
        self.series.retain(|_, series| {
            let grew = series.entry.count != series.written;
            if grew && now - series.written_at >= BETWEEN && take(&mut full_at, now) {
                series.written = series.entry.count;
                series.written_at = now;
                due.push(series.entry.clone());
            }
            now - series.last < SERIES || series.entry.count != series.written
        });
        self.full_at = full_at;
        due
    }

    fn take(&mut self, now: Instant) -> bool {
        take(&mut self.full_at, now)
    }
}

/// The generic cell rate algorithm.
fn take(full_at: &mut Instant, now: Instant) -> bool {
    let next = (*full_at).max(now) + EACH;
    let allowed = next - now <= EACH * BURST;
    if allowed {
        *full_at = next;
    }
    allowed
}

#[cfg(test)]
mod tests {
    use k8s_openapi::api::core::v1::ObjectReference;

    use super::*;

    fn notice(name: &str, note: &str) -> Notice {
        Notice {
            regarding: ObjectReference {
                kind: Some("GSLB".to_owned()),
                namespace: Some("shop".to_owned()),
                name: Some(name.to_owned()),
                ..ObjectReference::default()
            },
            news: News::Warning,
            reason: "NotReady",
            action: "Publish",
            note: note.to_owned(),
        }
    }

    #[test]
    fn the_same_again_is_counted_in_a_series_that_is_written_every_half_minute() {
        let now = Instant::now();
        let mut book = Book::new(now);
        assert_eq!(book.note(now, &notice("a", "no endpoint"), "a.1"), Verdict::Write);
        for _ in 0..4 {
            assert_eq!(book.note(now, &notice("a", "no endpoint"), "a.2"), Verdict::Counted);
        }
        assert_eq!(book.due(now + BETWEEN / 2), []);
        let entry = Entry { namespace: "shop".to_owned(), name: "a.1".to_owned(), count: 5 };
        assert_eq!(book.due(now + BETWEEN), [entry]);
        assert_eq!(book.due(now + 2 * BETWEEN), []);
    }

    #[test]
    fn another_object_or_another_note_is_another_event() {
        let now = Instant::now();
        let mut book = Book::new(now);
        for notice in [notice("a", "x"), notice("b", "x"), notice("a", "y")] {
            assert_eq!(book.note(now, &notice, "n"), Verdict::Write);
        }
    }

    #[test]
    fn ten_minutes_later_it_is_news_again() {
        let now = Instant::now();
        let mut book = Book::new(now);
        book.note(now, &notice("a", "x"), "a.1");
        assert_eq!(book.note(now + SERIES, &notice("a", "x"), "a.2"), Verdict::Write);
    }

    #[test]
    fn a_burst_is_written_and_then_two_a_second() {
        let now = Instant::now();
        let mut book = Book::new(now);
        let written = |book: &mut Book, at: Instant, what: &str| {
            (0..200)
                .filter(|n| book.note(at, &notice(&format!("{what}{n}"), "x"), "n") == Verdict::Write)
                .count()
        };
        assert_eq!(written(&mut book, now, "a"), 50);
        assert_eq!(written(&mut book, now + Duration::from_secs(10), "b"), 20);
    }
}
