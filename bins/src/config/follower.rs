//! Follows the configuration's file while a program runs.
//!
//! ```text
//!  file, files with secrets ──follow──► parse ──► the same but for what may change? ──► watch ──► whoever uses it
//!                                          └─ mistakes ────────┴─ no: refused whole; what was there stays
//! ```

use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::{Arc, Mutex, PoisonError};

use mci_core::state_file::reading::Collected;
use mci_core::state_file::{Problem, Problems};
use mci_http::Reload;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;
use tracing::{error, info, warn};

use super::input::Origin;
use super::{Config, Given, unreadable};
use crate::files::{Content, Fingerprint, Sources, Unreadable};
use crate::follow::{Following, read_at_rest};

/// How many mistakes of one version are logged.
const LOGGED_MISTAKES: usize = 100;

/// The configuration that holds, and its file.
#[derive(Clone, Debug)]
pub(crate) struct ConfigFollower(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    given: Given,
    current: watch::Sender<Arc<Config>>,
    /// Whether the file can be read again.
    is_followed: bool,
    /// The look that belongs to what was read at the start, until it is followed.
    taken: Mutex<Option<Fingerprint>>,
    /// What was read last, good or bad, by its hash.
    read: Mutex<u64>,
}

impl ConfigFollower {
    /// Reads everything for the first time.
    pub(super) fn begin(given: Given) -> Result<(Arc<Config>, Self), Problems> {
        let (content, taken, is_followed) = match &given.file {
            Some(file) => {
                let sources = Sources::new([file.clone()]);
                if file.is_dir() {
                    let message = "it is a directory: the configuration is one file";
                    return Err(Problem::of(&file.display().to_string(), "", message).into());
                }
                // Before it is read: a pipe is gone afterwards.
                let is_followed = sources.can_be_followed();
                let (contents, taken) = read_at_rest(&sources).map_err(unreadable)?;
                (contents.into_iter().next(), Some(taken), is_followed)
            }
            None => (None, None, false),
        };
        let config = Arc::new(given.parse(content.as_ref())?);
        // With files of secrets the look is another one: the first look then reads them all again, and finds them equal.
        let taken = taken.filter(|_| config.files.is_empty());
        let read = hash(content.as_ref(), &config);
        let (current, _) = watch::channel(Arc::clone(&config));
        let inner = Inner { given, current, is_followed, taken: Mutex::new(taken), read: Mutex::new(read) };
        Ok((config, Self(Arc::new(inner))))
    }

    #[cfg(test)]
    pub(super) fn refused(&self, new: &Config) -> Option<Problems> {
        self.0.refused(new)
    }

    /// The configuration from now on.
    pub(crate) fn subscribe(&self) -> watch::Receiver<Arc<Config>> {
        self.0.current.subscribe()
    }

    /// Follows the file until `shutdown`; `on_reload` hears what became of each new version. It may be started again.
    pub(crate) async fn run(
        self,
        on_reload: impl Fn(Reload) + Clone + Send + Sync + 'static,
        shutdown: CancellationToken,
    ) -> anyhow::Result<()> {
        let Some(file) = self.0.given.file.clone().filter(|_| self.0.is_followed) else {
            shutdown.cancelled().await;
            return Ok(());
        };
        while !shutdown.is_cancelled() {
            let secrets = self.0.current.borrow().files.clone();
            let sources = Sources::new(std::iter::once(file.clone()).chain(secrets.iter().cloned()));
            let taken = self.0.taken.lock().unwrap_or_else(PoisonError::into_inner).take();
            let following = Following::new(sources, taken.unwrap_or_default());
            let round = shutdown.child_token();
            let (inner, ended, on_reload) = (Arc::clone(&self.0), round.clone(), on_reload.clone());
            let on_change = move |contents| {
                inner.renew(contents, &on_reload);
                // Other files with secrets: they are followed from the next round on.
                if inner.current.borrow().files != secrets {
                    ended.cancel();
                }
            };
            following.run(on_change, round).await?;
        }
        Ok(())
    }
}

impl Inner {
    /// Takes a new version, or says what is wrong with it and changes nothing.
    fn renew(&self, contents: Result<Vec<Content>, Unreadable>, on_reload: &dyn Fn(Reload)) {
        let content = contents.map(|contents| contents.into_iter().next()).map_err(unreadable);
        let parsed = content.and_then(|content| {
            let config = self.given.parse(content.as_ref())?;
            Ok((hash(content.as_ref(), &config), config))
        });
        let taken = parsed.and_then(|(hash, config)| match self.refused(&config) {
            Some(problems) => Err(problems),
            None => Ok((hash, config)),
        });
        match taken {
            Ok((hash, config)) => {
                let before = {
                    let mut read = self.read.lock().unwrap_or_else(PoisonError::into_inner);
                    std::mem::replace(&mut *read, hash)
                };
                if before == hash {
                    on_reload(Reload::Unchanged);
                    return;
                }
                for warning in config.warnings() {
                    warn!(%warning, "The configuration is allowed, but look at this");
                }
                self.current.send_replace(Arc::new(config));
                info!(file = %self.name(), "Configuration taken");
                on_reload(Reload::Applied);
            }
            Err(problems) => {
                error!(file = %self.name(), mistakes = problems.count(), "Configuration refused: the one before stays");
                for mistake in problems.iter().take(LOGGED_MISTAKES) {
                    error!(%mistake, "Mistake in the configuration");
                }
                on_reload(Reload::Refused);
            }
        }
    }

    /// What a running process cannot change.
    fn refused(&self, new: &Config) -> Option<Problems> {
        let mut problems = Collected::default();
        let current = self.current.borrow();
        for key in current.fixed.differing(&new.fixed) {
            let origin = new.origin(key).or_else(|| current.origin(key));
            let (file, line) = match (new.origin(key), origin) {
                (Some(Origin::File(name, line)), _) => (name.clone(), *line),
                (None, Some(Origin::File(name, _))) => (name.clone(), None),
                (_, origin) => (origin.map(ToString::to_string).unwrap_or_default(), None),
            };
            let mut problem =
                Problem::of(&file, key, "needs a restart: it differs from what this process runs with")
                    .hint("until then, or until it is set back, nothing of this version is taken");
            problem.line = line;
            problems.push(|| problem);
        }
        (!problems.is_empty()).then(|| problems.into_problems())
    }

    fn name(&self) -> String {
        self.given.file.as_ref().map(|file| file.display().to_string()).unwrap_or_default()
    }
}

/// What was read: the file, and the files with secrets.
fn hash(content: Option<&Content>, config: &Config) -> u64 {
    let mut hasher = DefaultHasher::new();
    content.hash(&mut hasher);
    config.files_hash.hash(&mut hasher);
    hasher.finish()
}
