//! The snapshot on the disk, to answer from after a start without an API server.
//!
//! Written whole beside its place and renamed there; a file that cannot be read is logged and passed over, and never keeps
//! a server from starting.

use std::fs::{self, File};
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, SystemTime};

use anyhow::Context;
use mci_core::state_file::SnapshotFile;
use mci_core::{Live, Snapshot};
use tokio::sync::Notify;
use tokio::time::{Instant, sleep};
use tokio_util::sync::CancellationToken;
use tracing::{debug, info, warn};

/// How long changes are collected before they are written.
const SETTLE: Duration = Duration::from_secs(2);
/// Of the time, at most one part in so many goes into writing.
const SHARE: u32 = 20;

/// Where the snapshot is kept, and how that goes.
#[derive(Debug)]
pub(super) struct Kept {
    path: PathBuf,
    changed: Notify,
    /// When it was written, in Unix seconds; zero: never.
    written: AtomicU64,
    failures: AtomicU64,
}

impl Kept {
    pub(super) fn new(path: PathBuf) -> Arc<Self> {
        let written = fs::metadata(&path).and_then(|metadata| metadata.modified()).ok().map_or(0, unix);
        Arc::new(Self { path, changed: Notify::new(), written: written.into(), failures: 0.into() })
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// How old it is; nothing where there is none.
    pub(super) fn age(&self) -> Option<Duration> {
        let written = self.written.load(Ordering::Relaxed);
        (written > 0).then(|| Duration::from_secs(unix(SystemTime::now()).saturating_sub(written)))
    }

    /// When it was written, in Unix seconds.
    pub(super) fn written(&self) -> Option<u64> {
        Some(self.written.load(Ordering::Relaxed)).filter(|written| *written > 0)
    }

    /// How often it could not be read or written.
    pub(super) fn failures(&self) -> u64 {
        self.failures.load(Ordering::Relaxed)
    }

    /// What is served differs from what is on the disk.
    pub(super) fn changed(&self) {
        self.changed.notify_one();
    }

    /// What was served before; nothing where nothing readable is there.
    pub(super) fn read(&self) -> Option<Snapshot> {
        let octets = match fs::read(&self.path) {
            Ok(octets) => octets,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return None,
            Err(error) => {
                self.failures.fetch_add(1, Ordering::Relaxed);
                warn!(file = %self.path.display(), %error, "The snapshot file cannot be read: starting without it");
                return None;
            }
        };
        match SnapshotFile::read(&octets) {
            Ok(snapshot) => {
                let age = self.age().unwrap_or_default().as_secs();
                info!(file = %self.path.display(), hostnames = snapshot.hostname_count(), age, "Snapshot file read");
                Some(snapshot)
            }
            Err(error) => {
                self.failures.fetch_add(1, Ordering::Relaxed);
                warn!(file = %self.path.display(), %error, "The snapshot file cannot be used: starting without it");
                None
            }
        }
    }

    /// Writes what is served whenever it has changed, until `stop`; and a last time then.
    pub(super) async fn keep(
        self: Arc<Self>,
        live: Arc<Live>,
        stop: CancellationToken,
    ) -> anyhow::Result<()> {
        loop {
            let changed = stop.run_until_cancelled(async {
                self.changed.notified().await;
                sleep(SETTLE).await;
            });
            let last = changed.await.is_none();
            let begun = Instant::now();
            if live.load().is_ready() {
                self.write(&live).await?;
            }
            if last {
                return Ok(());
            }
            stop.run_until_cancelled(sleep(begun.elapsed() * (SHARE - 1))).await;
        }
    }

    async fn write(self: &Arc<Self>, live: &Live) -> anyhow::Result<()> {
        let (kept, snapshot) = (Arc::clone(self), live.snapshot());
        let written =
            tokio::task::spawn_blocking(move || replace(&kept.path, &SnapshotFile::write(&snapshot)));
        match written.await? {
            Ok(octets) => {
                self.written.store(unix(SystemTime::now()), Ordering::Relaxed);
                debug!(file = %self.path.display(), octets, "Snapshot file written");
                Ok(())
            }
            Err(error) => {
                self.failures.fetch_add(1, Ordering::Relaxed);
                Err(error.context(format!("the snapshot file {} cannot be written", self.path.display())))
            }
        }
    }
}

/// Puts a file in the place of another, so that whoever reads finds one of both, whole.
fn replace(path: &Path, octets: &[u8]) -> anyhow::Result<usize> {
    let mut name = path.file_name().context("it has no name")?.to_owned();
    name.push(".new");
    let beside = path.with_file_name(name);
    let mut file = File::create(&beside)?;
    file.write_all(octets)?;
    // Renamed before it is on the disk it could be empty after a power failure.
    file.sync_all()?;
    fs::rename(&beside, path)?;
    Ok(octets.len())
}

fn unix(time: SystemTime) -> u64 {
    time.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default().as_secs()
}

#[cfg(test)]
mod tests {
    use mci_core::state_file::StateFile;

    use super::*;

    fn snapshot() -> Snapshot {
        StateFile::parse(
            "hostnames: [{hostname: a.example, endpoints: [{cluster: west, addresses: [192.0.2.1]}]}]",
        )
        .unwrap()
        .into_snapshot()
    }

    #[tokio::test(start_paused = true)]
    async fn what_is_served_is_written_when_it_changed_and_read_at_the_next_start() {
        let folder = tempfile::tempdir().unwrap();
        let kept = Kept::new(folder.path().join("snapshot.json"));
        assert!(kept.read().is_none() && kept.age().is_none());
        let live = Arc::new(Live::new(snapshot()));
        let stop = CancellationToken::new();
        kept.changed();
        stop.cancel();
        Arc::clone(&kept).keep(Arc::clone(&live), stop).await.unwrap();
        let again = Kept::new(kept.path().to_owned());
        assert_eq!(again.read().unwrap().digest(), live.load().digest());
        assert!(again.age().is_some() && again.failures() == 0);
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1, "nothing is left beside it");
    }

    #[tokio::test(start_paused = true)]
    async fn nothing_is_written_before_anything_is_served() {
        let folder = tempfile::tempdir().unwrap();
        let kept = Kept::new(folder.path().join("snapshot.json"));
        let stop = CancellationToken::new();
        stop.cancel();
        Arc::clone(&kept).keep(Arc::new(Live::new(Snapshot::unready())), stop).await.unwrap();
        assert!(kept.read().is_none());
    }

    #[test]
    fn a_damaged_file_is_counted_and_passed_over() {
        let folder = tempfile::tempdir().unwrap();
        let kept = Kept::new(folder.path().join("snapshot.json"));
        let mut octets = SnapshotFile::write(&snapshot());
        octets.truncate(octets.len() - 10);
        fs::write(kept.path(), octets).unwrap();
        assert!(kept.read().is_none());
        assert_eq!(kept.failures(), 1);
    }
}
