//! How long to wait before the next try.

use std::time::Duration;

use rand::TryRng as _;
use rand::rngs::SysRng;

/// The first pause.
const FIRST: Duration = Duration::from_millis(200);
/// No pause is longer: a peer that is back is heard of within this.
const LAST: Duration = Duration::from_secs(5);

/// Pauses that grow from 0.2 s to 5 s, each shortened by chance to between half and all of it, so that many who lost the
/// same peer do not come back at once.
#[derive(Clone, Debug)]
pub struct Backoff {
    pause: Duration,
}

impl Default for Backoff {
    fn default() -> Self {
        Self { pause: FIRST }
    }
}

impl Backoff {
    /// The pause before the next try.
    #[expect(clippy::should_implement_trait, reason = "it never ends, and nobody iterates over it")]
    pub fn next(&mut self) -> Duration {
        let chance = SysRng.try_next_u32().unwrap_or(u32::MAX);
        let share = 0.5 + f64::from(chance) / f64::from(u32::MAX) / 2.0;
        let pause = self.pause.mul_f64(share);
        self.pause = (self.pause * 2).min(LAST);
        pause
    }

    /// What failed works again.
    pub fn reset(&mut self) {
        *self = Self::default();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_grow_to_five_seconds_and_are_at_least_half_of_that() {
        let mut backoff = Backoff::default();
        let mut full = FIRST;
        for _ in 0..10 {
            let pause = backoff.next();
            assert!(pause >= full / 2 && pause <= full, "{pause:?} of {full:?}");
            full = (full * 2).min(LAST);
        }
        assert_eq!(full, LAST);
        backoff.reset();
        assert!(backoff.next() <= FIRST);
    }
}
