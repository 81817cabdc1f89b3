//! How the process is: what readiness and metrics show beside queries.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::SystemTime;

use mci_core::Live;
use mci_http::families::{Families, Family};
use mci_http::{Metrics, Readiness, Reload};

use crate::supervise::Restarts;

/// How the process is.
#[derive(Debug)]
pub(crate) struct Health {
    /// Of a process that answers DNS.
    metrics: Option<Arc<Metrics>>,
    follows: Follows,
    /// Versions of a configuration that were applied, unchanged and refused.
    reloads: [AtomicU64; 3],
    state: Mutex<State>,
}

/// What is read again while it runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Follows {
    StateFiles,
    Configuration,
}

impl Follows {
    const fn name(self) -> &'static str {
        match self {
            Self::StateFiles => "state files",
            Self::Configuration => "configuration",
        }
    }
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
    pub(crate) fn new(metrics: Arc<Metrics>) -> Self {
        Self::of(Some(metrics), Follows::StateFiles)
    }

    /// Of a process that answers DNS from an API server.
    pub(crate) fn in_cluster(metrics: Arc<Metrics>) -> Self {
        Self::of(Some(metrics), Follows::Configuration)
    }

    /// Of a process that answers no DNS.
    pub(crate) fn of_component() -> Self {
        Self::of(None, Follows::Configuration)
    }

    fn of(metrics: Option<Arc<Metrics>>, follows: Follows) -> Self {
        Self { metrics, follows, reloads: Default::default(), state: Mutex::default() }
    }

    /// The state is served from now on; `changed`: it differs from the one before.
    pub(crate) fn served(&self, changed: bool) {
        if let Some(metrics) = self.metrics.as_ref().filter(|_| changed) {
            metrics.snapshot_changed(SystemTime::now());
        }
    }

    /// A new version of the files was taken; `changed` as above.
    pub(crate) fn renewed(&self, changed: bool) {
        self.state().refused = None;
        self.reloaded(if changed { Reload::Applied } else { Reload::Unchanged });
        self.served(changed);
    }

    /// A new version of the files was refused.
    pub(crate) fn refused(&self, mistakes: usize) {
        let reason = match mistakes {
            1 => "the newest version has a mistake, see the log: the one before is served".to_owned(),
            count => {
                format!("the newest version has {count} mistakes, see the log: the one before is served")
            }
        };
        self.state().refused = Some(reason);
        self.reloaded(Reload::Refused);
    }

    fn reloaded(&self, result: Reload) {
        match (&self.metrics, self.follows) {
            (Some(metrics), Follows::StateFiles) => metrics.state_file_reloaded(result),
            (Some(metrics), Follows::Configuration) => metrics.config_reloaded(result),
            (None, _) => {}
        }
        let [applied, unchanged, refused] = &self.reloads;
        let counter = match result {
            Reload::Applied => applied,
            Reload::Unchanged => unchanged,
            Reload::Refused => refused,
        };
        counter.fetch_add(1, Ordering::Relaxed);
    }

    /// Versions of the configuration, for a component without metrics of queries; and restarts of tasks.
    pub(crate) fn families(self: &Arc<Self>) -> Families {
        let health = Arc::clone(self);
        Families::new(move || {
            let mut reloads = Family::counter("mci_config_reloads", "Configurations read again");
            for (result, counter) in ["applied", "unchanged", "refused"].into_iter().zip(&health.reloads) {
                reloads = reloads.with([("result", result)], count(counter.load(Ordering::Relaxed)));
            }
            let mut restarts =
                Family::counter("mci_task_restarts", "Tasks that ended and were started again");
            for (task, ailment) in &health.state().tasks {
                restarts = restarts.with([("task", task)], count(ailment.restarts));
            }
            vec![reloads, restarts]
        })
    }

    /// What `/readyz` shows: nothing but a snapshot is required for answers.
    pub(crate) fn readiness(self: &Arc<Self>, live: Arc<Live>, tasks: &[&'static str]) -> Readiness {
        let answers = move || {
            if live.load().is_ready() { Ok(()) } else { Err("no state has been taken yet".to_owned()) }
        };
        self.tasks_beside(Readiness::new().require("snapshot", answers), tasks)
    }

    /// What `/readyz` shows of the tasks of a process that answers no DNS.
    pub(crate) fn tasks(self: &Arc<Self>, tasks: &[&'static str]) -> Readiness {
        self.tasks_beside(Readiness::new(), tasks)
    }

    fn tasks_beside(self: &Arc<Self>, readiness: Readiness, tasks: &[&'static str]) -> Readiness {
        let of_files = Arc::clone(self);
        let refused = move || of_files.state().refused.clone().map_or(Ok(()), Err);
        let readiness = readiness.detail(self.follows.name(), refused);
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

#[expect(clippy::cast_precision_loss, reason = "counts fit into 53 bits")]
fn count(of: u64) -> f64 {
    of as f64
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
