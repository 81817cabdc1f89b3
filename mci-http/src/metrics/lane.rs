//! A lane for each thread: a number that no other running thread has.
//!
//! A counter that only one thread writes needs no locked instruction: a load and a store do, which take about a tenth of
//! the time. Threads beyond the lanes share the last one and add with locked instructions.

use std::sync::{Mutex, OnceLock, PoisonError};

/// Lanes that one thread has to itself: more than the cores that answer queries.
const OWN: usize = 64;

/// The lanes of threads that have ended, and how many there have been.
static FREE: Mutex<(Vec<usize>, usize)> = Mutex::new((Vec::new(), 0));

/// A lane, given back when its thread ends. The lock orders the old thread's last store before the new one's first load.
struct Lane(usize);

impl Lane {
    fn take() -> Self {
        let (free, taken) = &mut *FREE.lock().unwrap_or_else(PoisonError::into_inner);
        Self(free.pop().unwrap_or_else(|| {
            let next = (*taken).min(OWN);
            *taken = next + 1;
            next
        }))
    }
}

impl Drop for Lane {
    fn drop(&mut self) {
        if self.0 < OWN {
            FREE.lock().unwrap_or_else(PoisonError::into_inner).0.push(self.0);
        }
    }
}

thread_local! {
    static LANE: Lane = Lane::take();
}

/// Something that every thread has a part of.
#[derive(Debug)]
pub(crate) struct Lanes<T> {
    own: [OnceLock<Box<T>>; OWN],
    shared: OnceLock<Box<T>>,
}

/// How a counter of a part is written to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Writers {
    /// By this thread alone.
    One,
    /// By others too.
    Many,
}

impl<T: Default> Lanes<T> {
    pub(crate) const fn new() -> Self {
        Self { own: [const { OnceLock::new() }; OWN], shared: OnceLock::new() }
    }

    /// The part of this thread.
    #[inline]
    pub(crate) fn mine(&self) -> (&T, Writers) {
        // A thread that is ending has no lane any more.
        let lane = LANE.try_with(|lane| lane.0).unwrap_or(OWN);
        match self.own.get(lane) {
            Some(part) => (part.get_or_init(Box::default), Writers::One),
            None => (self.shared.get_or_init(Box::default), Writers::Many),
        }
    }

    /// Every part that a thread has used.
    pub(crate) fn all(&self) -> impl Iterator<Item = &T> {
        self.own.iter().chain([&self.shared]).filter_map(|part| part.get().map(|part| &**part))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::{AtomicU64, Ordering};

    #[test]
    fn nothing_is_lost_among_more_threads_than_lanes() {
        let lanes = Lanes::<AtomicU64>::new();
        let start = std::sync::Barrier::new(2 * OWN);
        std::thread::scope(|scope| {
            for _ in 0..2 * OWN {
                scope.spawn(|| {
                    start.wait();
                    for _ in 0..1000 {
                        match lanes.mine() {
                            (part, Writers::One) => {
                                part.store(part.load(Ordering::Relaxed) + 1, Ordering::Relaxed);
                            }
                            (part, Writers::Many) => drop(part.fetch_add(1, Ordering::Relaxed)),
                        }
                    }
                });
            }
        });
        let sum: u64 = lanes.all().map(|part| part.load(Ordering::Relaxed)).sum();
        assert_eq!(sum, 2 * OWN as u64 * 1000);
    }

    #[test]
    fn lanes_are_used_again() {
        for _ in 0..10 * OWN {
            let writers = std::thread::spawn(|| Lanes::<u8>::new().mine().1).join().unwrap();
            // The other test may hold them all for a moment.
            if writers == Writers::One {
                return;
            }
        }
        panic!("no thread got a lane of its own");
    }
}
