//! Who is still writing: inotify, as a hint that may be missing.
//!
//! A file counts as being written from its first modification to the close of whoever could write to it. Where inotify is
//! not to be had (no watches left, a file system that tells nothing) nobody counts as writing, and `stat` alone decides.

use std::collections::{HashMap, HashSet};
use std::path::{Path, PathBuf};

use nix::sys::inotify::{AddWatchFlags, InitFlags, Inotify, InotifyEvent, WatchDescriptor};
use tracing::debug;

use crate::files::Fingerprint;

/// The files that were modified and not yet closed.
#[derive(Debug)]
pub(super) struct Writers {
    inotify: Option<Inotify>,
    directories: HashMap<WatchDescriptor, PathBuf>,
    /// The files for which watches were set last.
    watched: Option<Fingerprint>,
    writing: HashSet<PathBuf>,
}

impl Writers {
    pub(super) fn new() -> Self {
        let inotify = Inotify::init(InitFlags::IN_NONBLOCK | InitFlags::IN_CLOEXEC)
            .inspect_err(|error| debug!(%error, "Open writers of state files cannot be seen"))
            .ok();
        Self { inotify, directories: HashMap::new(), watched: None, writing: HashSet::new() }
    }

    /// Watches the directories of these files, where they really are: those of a `ConfigMap` are behind symlinks.
    pub(super) fn watch(&mut self, seen: &Fingerprint) {
        let Some(inotify) = &self.inotify else { return };
        if self.watched.as_ref().is_some_and(|watched| watched.same_files(seen)) {
            return;
        }
        let events = AddWatchFlags::IN_MODIFY
            | AddWatchFlags::IN_CLOSE_WRITE
            | AddWatchFlags::IN_MOVED_FROM
            | AddWatchFlags::IN_MOVED_TO
            | AddWatchFlags::IN_DELETE
            | AddWatchFlags::IN_ONLYDIR;
        let directories: HashSet<PathBuf> =
            real_paths(seen).filter_map(|file| file.parent().map(Path::to_owned)).collect();
        for directory in directories {
            // A directory that is watched already keeps its descriptor.
            match inotify.add_watch(&directory, events) {
                Ok(descriptor) => {
                    self.directories.insert(descriptor, directory);
                }
                Err(error) => {
                    debug!(%error, directory = %directory.display(), "Open writers cannot be seen here");
                }
            }
        }
        self.watched = Some(seen.clone());
    }

    /// Whether one of these files is being written.
    pub(super) fn any_in(&mut self, seen: &Fingerprint) -> bool {
        while let Some(Ok(events)) = self.inotify.as_ref().map(Inotify::read_events) {
            for event in events {
                self.learn(event);
            }
        }
        !self.writing.is_empty() && real_paths(seen).any(|file| self.writing.contains(&file))
    }

    fn learn(&mut self, event: InotifyEvent) {
        if event.mask.contains(AddWatchFlags::IN_Q_OVERFLOW) {
            // Closes may be among what was lost: nobody may be waited for in vain.
            self.writing.clear();
        } else if event.mask.contains(AddWatchFlags::IN_IGNORED) {
            self.directories.remove(&event.wd);
        } else if let (Some(directory), Some(name)) = (self.directories.get(&event.wd), event.name) {
            let file = directory.join(name);
            if event.mask.contains(AddWatchFlags::IN_MODIFY) {
                self.writing.insert(file);
            } else {
                self.writing.remove(&file);
            }
        }
    }
}

fn real_paths(seen: &Fingerprint) -> impl Iterator<Item = PathBuf> {
    seen.paths().filter_map(|path| path.canonicalize().ok())
}
