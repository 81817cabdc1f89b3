//! Follows files while they are served: a new version is noticed within a second and taken whole or not at all.
//!
//! ```text
//!  every 200 ms ── look (stat) ──► Follower ──► rest │ settle │ read ──► the same look again? ──► on_change
//!                  open writers (inotify) ──┘                            no: nothing happened
//! ```
//!
//! What decides is what `stat` says, so that it works on every file system and for every way in which files are replaced:
//! in place, by rename, by the swap of a symlink. inotify adds the one thing that `stat` cannot know: that someone who
//! writes in place is not done yet.

mod follower;
mod writers;

use std::time::{Duration, Instant};

use tokio_util::sync::CancellationToken;

use self::follower::{Follower, Next};
use self::writers::Writers;
use crate::files::{Content, Fingerprint, Sources, Unreadable};

/// How often the disk is looked at.
const LOOK_EVERY: Duration = Duration::from_millis(200);
/// The part of the time, one in so many, that looking may take: a directory of many files is looked at less often.
const SHARE_OF_TIME: u32 = 50;
/// The longest pause between two looks: with two looks to settle, news are read within a second.
const LOOK_AT_LEAST_EVERY: Duration = Duration::from_millis(300);

/// Files that are being followed.
#[derive(Debug)]
pub(crate) struct Following {
    sources: Sources,
    follower: Follower,
    writers: Writers,
    begun: Instant,
}

impl Following {
    /// Follows `sources`, of which `taken` was read already.
    pub(crate) fn new(sources: Sources, taken: Fingerprint) -> Self {
        let mut writers = Writers::new();
        writers.watch(&taken);
        Self { sources, follower: Follower::new(taken), writers, begun: Instant::now() }
    }

    /// Looks once; what the files hold now, if that is news and at rest.
    fn look(&mut self) -> Option<Result<Vec<Content>, Unreadable>> {
        let seen = self.sources.look();
        self.writers.watch(&seen);
        match self.follower.look(self.begun.elapsed(), &seen, self.writers.any_in(&seen)) {
            Next::Rest | Next::Settle => None,
            Next::Read => {
                let contents = self.sources.read();
                // Written to while it was read: what was read may be half of each.
                if self.sources.look() != seen || self.writers.any_in(&seen) {
                    return None;
                }
                self.follower.taken(seen);
                Some(contents)
            }
        }
    }

    /// Calls `on_change` for every new version, until `shutdown`; looks, reads and calls on a thread for blocking work.
    pub(crate) async fn run(
        self,
        mut on_change: impl FnMut(Result<Vec<Content>, Unreadable>) + Send + 'static,
        shutdown: CancellationToken,
    ) -> Result<(), tokio::task::JoinError> {
        let mut following = self;
        let mut pause = LOOK_EVERY;
        while shutdown.run_until_cancelled(tokio::time::sleep(pause)).await.is_some() {
            let looking = tokio::task::spawn_blocking(move || {
                let begun = Instant::now();
                let news = following.look();
                let pause = (begun.elapsed() * SHARE_OF_TIME).clamp(LOOK_EVERY, LOOK_AT_LEAST_EVERY);
                if let Some(contents) = news {
                    on_change(contents);
                }
                (following, on_change, pause)
            });
            // Whoever ends does not wait for a large file to be parsed.
            match shutdown.run_until_cancelled(looking).await {
                Some(looked) => (following, on_change, pause) = looked?,
                None => return Ok(()),
            }
        }
        Ok(())
    }
}

/// Reads `sources` for the first time: their content, and the look that belongs to it.
///
/// Waits for a writer to finish, as long as a follower does; then it takes what is there.
pub(crate) fn read_at_rest(sources: &Sources) -> Result<(Vec<Content>, Fingerprint), Unreadable> {
    let begun = Instant::now();
    loop {
        let seen = sources.look();
        let contents = sources.read()?;
        if sources.look() == seen || begun.elapsed() > follower::PATIENCE {
            return Ok((contents, seen));
        }
    }
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::io::Write;
    use std::os::unix::fs::symlink;
    use std::path::Path;
    use std::sync::mpsc::{Receiver, channel};

    use super::*;

    /// Well above what is promised (one second): the machine may be busy.
    const DEADLINE: Duration = Duration::from_secs(20);

    struct Rig {
        news: Receiver<Result<Vec<Content>, Unreadable>>,
        shutdown: CancellationToken,
        thread: Option<std::thread::JoinHandle<()>>,
    }

    impl Rig {
        fn follow(path: &Path) -> Self {
            let sources = Sources::new([path.to_owned()]);
            let (_, taken) = read_at_rest(&sources).unwrap();
            let following = Following::new(sources, taken);
            let (sender, news) = channel();
            let shutdown = CancellationToken::new();
            let ending = shutdown.clone();
            let thread = std::thread::spawn(move || {
                let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
                runtime.block_on(following.run(move |news| sender.send(news).unwrap(), ending)).unwrap();
            });
            Self { news, shutdown, thread: Some(thread) }
        }

        #[track_caller]
        fn next(&self) -> String {
            let contents = self.news.recv_timeout(DEADLINE).expect("news within the deadline").unwrap();
            contents.into_iter().map(|c| String::from_utf8(c.octets).unwrap()).collect::<Vec<_>>().join("+")
        }
    }

    impl Drop for Rig {
        fn drop(&mut self) {
            self.shutdown.cancel();
            if let Some(thread) = self.thread.take() {
                thread.join().unwrap();
            }
        }
    }

    #[test]
    fn a_file_that_is_written_in_place_is_read_again() {
        let directory = tempfile::tempdir().unwrap();
        let file = directory.path().join("state.yaml");
        fs::write(&file, "one").unwrap();
        let rig = Rig::follow(&file);
        fs::write(&file, "two").unwrap();
        assert_eq!(rig.next(), "two");
    }

    #[test]
    fn a_file_that_is_replaced_by_rename_is_read_again_each_time() {
        let directory = tempfile::tempdir().unwrap();
        let file = directory.path().join("state.yaml");
        fs::write(&file, "0").unwrap();
        let rig = Rig::follow(&file);
        for round in ["1", "2"] {
            let new = directory.path().join("state.yaml.swp");
            fs::write(&new, round).unwrap();
            fs::rename(&new, &file).unwrap();
            assert_eq!(rig.next(), round);
        }
    }

    #[test]
    fn a_configmap_that_swaps_its_symlink_is_read_again() {
        let directory = tempfile::tempdir().unwrap();
        let at = |name: &str| directory.path().join(name);
        for (version, content) in [("..v1", "one"), ("..v2", "two")] {
            fs::create_dir(at(version)).unwrap();
            fs::write(at(version).join("a.yaml"), content).unwrap();
            fs::write(at(version).join("b.yaml"), content).unwrap();
        }
        symlink("..v1", at("..data")).unwrap();
        symlink("..data/a.yaml", at("a.yaml")).unwrap();
        symlink("..data/b.yaml", at("b.yaml")).unwrap();
        let rig = Rig::follow(directory.path());
        symlink("..v2", at("..data_tmp")).unwrap();
        fs::rename(at("..data_tmp"), at("..data")).unwrap();
        assert_eq!(rig.next(), "two+two");
    }

    #[test]
    fn a_writer_that_pauses_half_way_is_waited_for() {
        let directory = tempfile::tempdir().unwrap();
        let file = directory.path().join("state.yaml");
        fs::write(&file, "old").unwrap();
        let rig = Rig::follow(&file);
        let mut writer = fs::File::create(&file).unwrap();
        writer.write_all(b"first half, ").unwrap();
        // That nothing comes can only be seen by waiting for it: several times as long as a file takes to settle.
        assert!(rig.news.recv_timeout(Duration::from_millis(1500)).is_err(), "half a file was taken");
        writer.write_all(b"second half").unwrap();
        drop(writer);
        assert_eq!(rig.next(), "first half, second half");
    }

    #[test]
    fn a_file_that_is_removed_is_said_once_and_read_when_it_is_back() {
        let directory = tempfile::tempdir().unwrap();
        let file = directory.path().join("state.yaml");
        fs::write(&file, "old").unwrap();
        let rig = Rig::follow(&file);
        fs::remove_file(&file).unwrap();
        let problem = rig.news.recv_timeout(DEADLINE).unwrap().unwrap_err().to_string();
        assert!(problem.ends_with("state.yaml: no such file or directory"), "{problem}");
        fs::write(&file, "new").unwrap();
        assert_eq!(rig.next(), "new");
    }

    #[test]
    fn a_file_that_is_added_to_a_directory_is_read() {
        let directory = tempfile::tempdir().unwrap();
        fs::write(directory.path().join("a.yaml"), "a").unwrap();
        let rig = Rig::follow(directory.path());
        fs::write(directory.path().join("b.yaml"), "b").unwrap();
        assert_eq!(rig.next(), "a+b");
    }
}
