//! When a change on the disk may be read: a pure state machine.

use std::time::Duration;

use crate::files::Fingerprint;

/// How long a change must have been at rest: two looks in a row that see the same.
const SETTLE: Duration = Duration::from_millis(150);
/// How long an open writer is waited for after the last change that was seen; then what is there is read.
pub(super) const PATIENCE: Duration = Duration::from_secs(10);

/// What to do after a look.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Next {
    /// Nothing is new.
    Rest,
    /// Something is new and may still be changing.
    Settle,
    /// Something is new and at rest.
    Read,
}

/// What was taken last, and what is seen since.
#[derive(Debug)]
pub(super) struct Follower {
    taken: Fingerprint,
    /// What differs from `taken`, and since when it looks so.
    news: Option<(Fingerprint, Duration)>,
}

impl Follower {
    /// Begins with what was read already.
    pub(super) fn new(taken: Fingerprint) -> Self {
        Self { taken, news: None }
    }

    /// A look at `now`, on any monotonic clock, saw `seen`; `writer`: someone who wrote is not done.
    pub(super) fn look(&mut self, now: Duration, seen: &Fingerprint, writer: bool) -> Next {
        if *seen == self.taken {
            self.news = None;
            return Next::Rest;
        }
        match &self.news {
            Some((news, since)) if news == seen => {
                let enough = if writer { PATIENCE } else { SETTLE };
                if now.saturating_sub(*since) >= enough { Next::Read } else { Next::Settle }
            }
            _ => {
                self.news = Some((seen.clone(), now));
                Next::Settle
            }
        }
    }

    /// `seen` was read, good or bad: it is not read again until it changes.
    pub(super) fn taken(&mut self, seen: Fingerprint) {
        self.taken = seen;
        self.news = None;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::files::Sources;

    const fn ms(milliseconds: u64) -> Duration {
        Duration::from_millis(milliseconds)
    }

    /// Three looks that differ from each other.
    fn looks() -> [Fingerprint; 3] {
        ["/dev/null", "/nowhere", "/"].map(|path| Sources::new([path.into()]).look())
    }

    #[test]
    fn nothing_new_means_rest() {
        let [old, ..] = looks();
        let mut follower = Follower::new(old.clone());
        assert_eq!(follower.look(ms(0), &old, false), Next::Rest);
        assert_eq!(follower.look(ms(100), &old, true), Next::Rest);
    }

    #[test]
    fn a_change_is_read_once_it_is_at_rest() {
        let [old, newer, newest] = looks();
        let mut follower = Follower::new(old);
        assert_eq!(follower.look(ms(100), &newer, false), Next::Settle);
        assert_eq!(
            follower.look(ms(200), &newest, false),
            Next::Settle,
            "it changed again: the wait begins anew"
        );
        assert_eq!(follower.look(ms(300), &newest, false), Next::Settle);
        assert_eq!(follower.look(ms(400), &newest, false), Next::Read);
        follower.taken(newest.clone());
        assert_eq!(follower.look(ms(500), &newest, false), Next::Rest);
    }

    #[test]
    fn a_change_that_is_taken_back_is_forgotten() {
        let [old, newer, _] = looks();
        let mut follower = Follower::new(old.clone());
        assert_eq!(follower.look(ms(100), &newer, false), Next::Settle);
        assert_eq!(follower.look(ms(200), &old, false), Next::Rest);
        assert_eq!(follower.look(ms(5000), &newer, false), Next::Settle);
    }

    #[test]
    fn an_open_writer_is_waited_for_but_not_for_ever() {
        let [old, newer, _] = looks();
        let mut follower = Follower::new(old);
        assert_eq!(follower.look(ms(0), &newer, true), Next::Settle);
        assert_eq!(follower.look(ms(9_900), &newer, true), Next::Settle);
        assert_eq!(follower.look(ms(10_000), &newer, true), Next::Read);
    }
}
