//! How the process is: what readiness and metrics show beside queries.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::SystemTime;

use mci_core::Live;
use mci_http::{Metrics, Readiness, Reload};

use crate::supervise::Restarts;

/// How the process is.
#[derive(Debug)]
pub(crate) struct Health {
    metrics: Arc<Metrics>,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    /// Why the newest version of the state files is not served.
    refused: Option<String>,
    tasks: BTreeMap<&'static str, Ailment>,
}

/// A task that had to be started again.
#[derive(Debug, Default)]
struct Ailment {
    restarts: u64,
    /// Why, until it has run well for a while.
    reason: Option<String>,
}

impl Health {
    pub(super) fn new(metrics: Arc<Metrics>) -> Self {
        Self { metrics, state: Mutex::default() }
    }

    /// The state is served from now on; `changed`: it differs from the one before.
    pub(super) fn served(&self, changed: bool) {
        if changed {
            self.metrics.snapshot_changed(SystemTime::now());
        }
    }

    /// A new version of the files was taken; `changed` as above.
    pub(super) fn renewed(&self, changed: bool) {
        self.state().refused = None;
        self.metrics.state_file_reloaded(if changed { Reload::Applied } else { Reload::Unchanged });
        self.served(changed);
    }

    /// A new version of the files was refused.
    pub(super) fn refused(&self, mistakes: usize) {
        let reason = match mistakes {
            1 => "the newest version has a mistake, see the log: the one before is served".to_owned(),
            count => {
                format!("the newest version has {count} mistakes, see the log: the one before is served")
            }
        };
        self.state().refused = Some(reason);
        self.metrics.state_file_reloaded(Reload::Refused);
    }

    /// What `/readyz` shows: nothing but a snapshot is required for answers.
    pub(super) fn readiness(self: &Arc<Self>, live: Arc<Live>, tasks: &[&'static str]) -> Readiness {
        let of_files = Arc::clone(self);
        let readiness = Readiness::new()
            .require("snapshot", move || {
                if live.load().is_ready() { Ok(()) } else { Err("no state has been taken yet".to_owned()) }
            })
            .detail("state files", move || of_files.state().refused.clone().map_or(Ok(()), Err));
        tasks.iter().fold(readiness, |readiness, task| {
            let (health, task) = (Arc::clone(self), *task);
            readiness.detail(task, move || health.task(task))
        })
    }

    fn task(&self, name: &str) -> Result<(), String> {
        match self.state().tasks.get(name) {
            Some(Ailment { restarts, reason: Some(reason) }) => {
                Err(format!("{reason} (started again {restarts} times since the process began)"))
            }
            _ => Ok(()),
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Restarts for Health {
    fn ended(&self, task: &'static str, reason: &str) {
        let mut state = self.state();
        let ailment = state.tasks.entry(task).or_default();
        ailment.restarts += 1;
        ailment.reason = Some(reason.to_owned());
    }

    fn recovered(&self, task: &'static str) {
        if let Some(ailment) = self.state().tasks.get_mut(task) {
            ailment.reason = None;
        }
    }
}

#[cfg(test)]
mod tests {
    use mci_core::Snapshot;

    use super::*;

    fn health(snapshot: Snapshot) -> (Arc<Health>, Readiness) {
        let live = Arc::new(Live::new(snapshot));
        let health = Arc::new(Health::new(Arc::new(Metrics::new(Arc::clone(&live), "test"))));
        let readiness = health.readiness(live, &["HTTP"]);
        (health, readiness)
    }

    #[test]
    fn without_a_snapshot_it_is_not_ready() {
        let (_, readiness) = health(Snapshot::unready());
        assert_eq!(
            readiness.to_string(),
            "[-] snapshot: no state has been taken yet\n[+] state files\n[+] HTTP\nnot ready\n"
        );
    }

    #[test]
    fn a_refused_file_and_an_ailing_task_are_shown_and_it_stays_ready() {
        let (health, readiness) = health(Snapshot::default());
        health.refused(3);
        health.ended("HTTP", "port lost");
        health.ended("HTTP", "port lost");
        assert_eq!(
            readiness.to_string(),
            "[+] snapshot\n[!] state files: the newest version has 3 mistakes, see the log: the one before is served\n\
             [!] HTTP: port lost (started again 2 times since the process began)\nready\n"
        );
        health.renewed(true);
        health.recovered("HTTP");
        assert_eq!(readiness.to_string(), "[+] snapshot\n[+] state files\n[+] HTTP\nready\n");
    }
}
