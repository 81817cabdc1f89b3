//! The state that is served: taken from files, and taken again whenever they change.

use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use mci_core::state_file::Problems;
use mci_core::{Changes, Live};
use tokio_util::sync::CancellationToken;
use tracing::{error, info, warn};

use super::change_log;
use super::health::Health;
use crate::facts::headline;
use crate::file_facts::{FileFacts, parse};
use crate::files::{Content, Sources, Unreadable};
use crate::manifests::Note;
use crate::unix;

/// How many mistakes of one file are logged.
const LOGGED_MISTAKES: usize = 100;

/// The state that is served.
#[derive(Clone)]
pub(crate) struct Served {
    live: Arc<Live>,
    health: Arc<Health>,
    /// What was read is known again by its hash.
    taken: Arc<AtomicU64>,
}

impl Served {
    pub(crate) fn new(live: Arc<Live>, health: Arc<Health>) -> Self {
        Self { live, health, taken: Arc::default() }
    }

    /// Serves `contents` from now on, whole and at once; or says all that is wrong with them and changes nothing.
    pub(crate) fn take(&self, contents: Vec<Content>) -> Result<Changes, Problems> {
        let hash = hash(&contents);
        let FileFacts { snapshot, warnings, notes, clusters: _ } = parse(&contents)?;
        drop(contents);
        self.taken.store(hash, Ordering::Relaxed);
        for warning in warnings {
            warn!(%warning, "The state file is allowed, but look at this");
        }
        for Note { text: warning, .. } in notes.warnings {
            warn!(%warning, "A cluster would complain of this");
        }
        for Note { text: assumed, .. } in notes.assumed {
            info!(%assumed, "The manifests do not say it");
        }
        let now = unix::now();
        Ok(self.live.edit(|edit| {
            edit.replace(&snapshot);
            edit.expire(now);
            edit.stamp(u32::try_from(now).unwrap_or(u32::MAX));
        }))
    }

    /// Serves a new version of the files, or logs all that is wrong with it and changes nothing.
    pub(crate) fn renew(&self, sources: &Sources, contents: Result<Vec<Content>, Unreadable>) {
        if let Ok(contents) = &contents
            && hash(contents) == self.taken.load(Ordering::Relaxed)
        {
            self.health.renewed(false);
            info!(files = %sources, "State files were written, and say what is served already");
            return;
        }
        match contents.map(|contents| self.take(contents)) {
            Ok(Ok(changes)) => {
                self.health.renewed(true);
                let hostnames = change_log::log(&changes);
                info!(files = %sources, changed = hostnames, "State taken");
            }
            Ok(Err(problems)) => {
                log_problems(sources, &problems);
                self.health.refused(problems.count());
            }
            Err(Unreadable(problems)) => {
                error!(files = %sources, mistakes = problems.len(), "State refused: what was served stays");
                self.health.refused(problems.len());
                for mistake in problems {
                    error!(mistake, "Mistake in the state files");
                }
            }
        }
    }

    /// Lifts overrides when their end has come (R24), until `shutdown`.
    pub(crate) async fn expire_overrides(self, shutdown: CancellationToken) -> anyhow::Result<()> {
        let mut every_second = tokio::time::interval(Duration::from_secs(1));
        while shutdown.run_until_cancelled(every_second.tick()).await.is_some() {
            let served = self.clone();
            // An edit waits for the one before it, which may be that of a large file.
            tokio::task::spawn_blocking(move || served.expire(unix::now())).await?;
        }
        Ok(())
    }

    fn expire(&self, now: u64) {
        let changes = self.live.edit(|edit| {
            edit.expire(now);
            edit.stamp(u32::try_from(now).unwrap_or(u32::MAX));
        });
        if changes.any() {
            self.health.served(true);
            change_log::log(&changes);
        }
    }
}

fn log_problems(sources: &Sources, problems: &Problems) {
    let what = headline(sources, problems.count());
    error!(files = %sources, mistakes = problems.count(), "State refused: what was served stays");
    for mistake in problems.iter().take(LOGGED_MISTAKES) {
        error!(%mistake, "Mistake in the state files");
    }
    if problems.count() > LOGGED_MISTAKES {
        error!("{what}: {LOGGED_MISTAKES} are shown; mci validate lists more");
    }
}

fn hash(contents: &[Content]) -> u64 {
    let mut hasher = DefaultHasher::new();
    contents.hash(&mut hasher);
    hasher.finish()
}
