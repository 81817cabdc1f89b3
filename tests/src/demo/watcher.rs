//! Asks one server for one name again and again, and remembers the last answers.

use std::collections::{BTreeMap, VecDeque};
use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::Duration;

use crate::world::ask;

/// How many answers are remembered.
const WINDOW: usize = 40;

/// Between two questions.
const PAUSE: Duration = Duration::from_millis(25);

/// The last answers, by how often each came.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Seen {
    pub(super) counts: BTreeMap<String, usize>,
}

impl Seen {
    /// Which answers came at all.
    pub(super) fn who(&self) -> Vec<String> {
        self.counts.keys().cloned().collect()
    }
}

/// Asks until it is dropped.
pub(super) struct Watcher {
    name: String,
    answers: Arc<Mutex<VecDeque<String>>>,
    stop: Arc<AtomicBool>,
}

impl Watcher {
    pub(super) fn start(name: &str, server: SocketAddr, hostname: &'static str) -> Self {
        let answers = Arc::<Mutex<VecDeque<String>>>::default();
        let stop = Arc::<AtomicBool>::default();
        let (kept, stopped) = (Arc::clone(&answers), Arc::clone(&stop));
        thread::spawn(move || {
            while !stopped.load(Ordering::Relaxed) {
                let answer = ask(server, hostname, "A");
                let mut answers = kept.lock().unwrap_or_else(PoisonError::into_inner);
                if answers.len() == WINDOW {
                    answers.pop_front();
                }
                answers.push_back(answer);
                drop(answers);
                thread::sleep(PAUSE);
            }
        });
        Watcher { name: name.to_owned(), answers, stop }
    }

    /// Whose server it is.
    pub(super) fn name(&self) -> &str {
        &self.name
    }

    /// The last answers.
    pub(super) fn seen(&self) -> Seen {
        let answers = self.answers.lock().unwrap_or_else(PoisonError::into_inner);
        let mut counts = BTreeMap::new();
        for answer in answers.iter() {
            *counts.entry(answer.clone()).or_insert(0) += 1;
        }
        Seen { counts }
    }
}

impl Drop for Watcher {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
    }
}
