//! Waiting for something to become true, with a deadline.

use std::thread;
use std::time::{Duration, Instant};

/// How long anything may take that takes milliseconds on a machine that is not busy.
pub const PATIENCE: Duration = Duration::from_secs(20);

/// Asks again and again until there is something, and panics with `what` when that takes too long.
#[track_caller]
pub fn until<T>(what: &str, ask: impl FnMut() -> Option<T>) -> T {
    within(PATIENCE, ask)
        .unwrap_or_else(|| panic!("waited {} s in vain for this: {what}", PATIENCE.as_secs()))
}

/// Asks again and again until there is something, or the time is over.
pub fn within<T>(time: Duration, mut ask: impl FnMut() -> Option<T>) -> Option<T> {
    let started = Instant::now();
    loop {
        let found = ask();
        if found.is_some() || started.elapsed() >= time {
            return found;
        }
        thread::sleep(Duration::from_millis(5));
    }
}

/// [`until`] for a condition.
#[track_caller]
pub fn until_true(what: &str, mut ask: impl FnMut() -> bool) {
    until(what, || ask().then_some(()));
}
