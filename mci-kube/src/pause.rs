//! How long to wait after a failure, so that many who fail at once do not come back at once.

use std::time::Duration;

use rand::RngExt;

/// The first pause.
const FIRST: Duration = Duration::from_millis(100);
/// The longest.
const LONGEST: Duration = Duration::from_secs(5);

/// Pauses that double up to five seconds, each cut at random to between half and all of it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Pause {
    failures: u32,
}

impl Pause {
    /// After one more failure.
    pub(crate) fn next(&mut self) -> Duration {
        let whole = FIRST.saturating_mul(1 << self.failures.min(10)).min(LONGEST);
        self.failures = self.failures.saturating_add(1);
        jittered(whole)
    }

    /// After a success.
    pub(crate) fn reset(&mut self) {
        self.failures = 0;
    }
}

/// Between half of it and all of it, at random.
pub(crate) fn jittered(whole: Duration) -> Duration {
    whole.mul_f64(rand::rng().random_range(0.5..=1.0))
}
