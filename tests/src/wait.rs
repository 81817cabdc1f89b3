//! Waiting for something to become true, with a deadline.

use std::thread;
use std::time::{Duration, Instant};

/// How long anything may take that takes milliseconds on a machine that is not busy.
pub const PATIENCE: Duration = Duration::from_secs(20);

/// Asks again and again until there is something, and panics with `what` when that takes too long.
#[track_caller]
pub fn until<T>(what: &str, mut ask: impl FnMut() -> Option<T>) -> T {
    let started = Instant::now();
    loop {
        if let Some(found) = ask() {
            return found;
        }
        assert!(started.elapsed() < PATIENCE, "waited {} s in vain for this: {what}", PATIENCE.as_secs());
        thread::sleep(Duration::from_millis(5));
    }
}

/// [`until`] for a condition.
#[track_caller]
pub fn until_true(what: &str, mut ask: impl FnMut() -> bool) {
    until(what, || ask().then_some(()));
}
