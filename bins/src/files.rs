//! The FILE arguments: which files they mean, and their content.
//!
//! FILE is a file or a directory. Of a directory those files count that end in `.yaml`, `.yml` or `.json`, are not hidden
//! (a `ConfigMap`'s `..data` is) and are not policy tests (`*.test.yaml`); it is not searched below. A content that is
//! returned was not written to between the look before and the look after reading it.

use std::fmt;
use std::fs::{self, Metadata};
use std::io;
use std::os::unix::fs::{FileTypeExt, MetadataExt};
use std::path::{Path, PathBuf};

const EXTENSIONS: [&str; 3] = ["yaml", "yml", "json"];

/// The files and directories that were named, in that order.
#[derive(Clone, Debug)]
pub(crate) struct Sources(Vec<PathBuf>);

/// One file as it was read.
#[derive(Clone, PartialEq, Eq, Hash)]
pub(crate) struct Content {
    /// The name as messages show it.
    pub(crate) name: String,
    /// What the file holds.
    pub(crate) octets: Vec<u8>,
}

impl fmt::Debug for Content {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({} octets)", self.name, self.octets.len())
    }
}

/// Everything that stands in the way of reading the files, one line each.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("{}", .0.join("\n"))]
pub(crate) struct Unreadable(pub(crate) Vec<String>);

/// What a look at the disk saw: it differs when a content may differ. The default has seen nothing.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Fingerprint(Vec<(PathBuf, Result<Stamp, io::ErrorKind>)>);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Stamp {
    device: u64,
    inode: u64,
    size: u64,
    modified: (i64, i64),
    changed: (i64, i64),
}

impl Stamp {
    fn of(metadata: &Metadata) -> Self {
        Self {
            device: metadata.dev(),
            inode: metadata.ino(),
            size: metadata.size(),
            modified: (metadata.mtime(), metadata.mtime_nsec()),
            changed: (metadata.ctime(), metadata.ctime_nsec()),
        }
    }
}

impl Fingerprint {
    /// The files that were there.
    pub(crate) fn paths(&self) -> impl Iterator<Item = &Path> {
        self.0.iter().filter(|(_, stamp)| stamp.is_ok()).map(|(path, _)| path.as_path())
    }

    /// Whether the same files are there, changed or not: whether watches on them still watch the right ones.
    pub(crate) fn same_files(&self, other: &Self) -> bool {
        let inode = |stamp: &Result<Stamp, io::ErrorKind>| stamp.ok().map(|s| (s.device, s.inode));
        self.0.len() == other.0.len()
            && self.0.iter().zip(&other.0).all(|(a, b)| a.0 == b.0 && inode(&a.1) == inode(&b.1))
    }
}

impl Sources {
    /// The files and directories that were named.
    pub(crate) fn new(paths: impl IntoIterator<Item = PathBuf>) -> Self {
        Self(paths.into_iter().collect())
    }

    /// A look at the disk.
    pub(crate) fn look(&self) -> Fingerprint {
        Fingerprint(
            self.expand()
                .map(|found| match found {
                    Ok(path) => {
                        let stamp = fs::metadata(&path).map(|m| Stamp::of(&m)).map_err(|error| error.kind());
                        (path, stamp)
                    }
                    Err((path, error)) => (path, Err(error.kind())),
                })
                .collect(),
        )
    }

    /// Whether every file can be read again: pipes cannot.
    pub(crate) fn can_be_followed(&self) -> bool {
        self.0.iter().all(|path| fs::metadata(path).is_ok_and(|m| m.is_file() || m.is_dir()))
    }

    /// Reads every file, or says all that is in the way.
    pub(crate) fn read(&self) -> Result<Vec<Content>, Unreadable> {
        let (mut contents, mut problems) = (Vec::new(), Vec::new());
        for found in self.expand() {
            let read = match found {
                Ok(path) => read_one(&path).map_err(|error| (path, error)),
                Err(unlisted) => Err(unlisted),
            };
            match read {
                Ok(content) => contents.push(content),
                Err((path, error)) => problems.push(describe(&path, &error)),
            }
        }
        if problems.is_empty() && contents.is_empty() {
            problems.push(format!(
                "{self} holds no state file: files that end in .yaml, .yml or .json count, policy tests (*.test.yaml) do not"
            ));
        }
        if problems.is_empty() { Ok(contents) } else { Err(Unreadable(problems)) }
    }

    fn expand(&self) -> impl Iterator<Item = Result<PathBuf, (PathBuf, io::Error)>> {
        self.0.iter().flat_map(|path| {
            if path.is_dir() {
                match states_of(path) {
                    Ok(files) => files.into_iter().map(Ok).collect(),
                    Err(error) => vec![Err((path.clone(), error))],
                }
            } else {
                vec![Ok(path.clone())]
            }
        })
    }
}

impl fmt::Display for Sources {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (position, path) in self.0.iter().enumerate() {
            let separator = if position == 0 { "" } else { ", " };
            write!(f, "{separator}{}", path.display())?;
        }
        Ok(())
    }
}

/// The policy tests of a directory, in order: `*.test.yaml`, `*.test.yml` and `*.test.json`.
pub(crate) fn tests_of(directory: &Path) -> io::Result<Vec<PathBuf>> {
    files_of(directory, is_named_as_test)
}

/// Reads one file, or says what is in the way.
pub(crate) fn read(path: &Path) -> Result<Content, Unreadable> {
    read_one(path).map_err(|error| Unreadable(vec![describe(path, &error)]))
}

/// Whether a file of this name is a policy test by convention: `gslb.test.yaml`.
pub(crate) fn is_named_as_test(path: &Path) -> bool {
    path.file_stem().map(Path::new).and_then(Path::extension).is_some_and(|inner| inner == "test")
}

/// The state files of a directory, in order.
pub(crate) fn states_of(directory: &Path) -> io::Result<Vec<PathBuf>> {
    files_of(directory, |path| !is_named_as_test(path))
}

fn files_of(directory: &Path, wanted: impl Fn(&Path) -> bool) -> io::Result<Vec<PathBuf>> {
    let mut files = Vec::new();
    for entry in fs::read_dir(directory)? {
        let path = entry?.path();
        let hidden = path.file_name().is_some_and(|name| name.as_encoded_bytes().starts_with(b"."));
        let known = path.extension().is_some_and(|e| EXTENSIONS.iter().any(|known| e == *known));
        if known && !hidden && wanted(&path) && !path.is_dir() {
            files.push(path);
        }
    }
    files.sort();
    Ok(files)
}

fn read_one(path: &Path) -> io::Result<Content> {
    let kind = fs::metadata(path)?.file_type();
    if kind.is_char_device() || kind.is_block_device() || kind.is_socket() {
        return Err(io::Error::new(io::ErrorKind::InvalidInput, "it is a device or a socket, not a file"));
    }
    Ok(Content { name: path.display().to_string(), octets: fs::read(path)? })
}

fn describe(path: &Path, error: &io::Error) -> String {
    let path = path.display();
    match error.kind() {
        io::ErrorKind::NotFound => format!("{path}: no such file or directory"),
        io::ErrorKind::PermissionDenied => {
            format!("{path}: permission denied: user id {} may not read it", nix::unistd::geteuid())
        }
        _ => format!("{path}: {error}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(contents: &[Content]) -> Vec<&str> {
        contents.iter().map(|c| c.name.rsplit('/').next().unwrap()).collect()
    }

    #[test]
    fn a_directory_means_its_state_files_in_order() {
        let directory = tempfile::tempdir().unwrap();
        for name in ["b.yaml", "a.json", "c.yml", "notes.txt", ".hidden.yaml", "a.test.yaml"] {
            fs::write(directory.path().join(name), name).unwrap();
        }
        fs::create_dir(directory.path().join("below.yaml")).unwrap();
        let contents = Sources::new([directory.path().to_owned()]).read().unwrap();
        assert_eq!(names(&contents), ["a.json", "b.yaml", "c.yml"]);
    }

    #[test]
    fn everything_that_is_in_the_way_is_said_at_once() {
        let directory = tempfile::tempdir().unwrap();
        let (missing, empty) = (directory.path().join("missing.yaml"), directory.path().join("empty"));
        fs::create_dir(&empty).unwrap();
        let problems = Sources::new([missing.clone(), "/dev/null".into()]).read().unwrap_err();
        assert_eq!(
            problems.to_string(),
            format!(
                "{}: no such file or directory\n/dev/null: it is a device or a socket, not a file",
                missing.display()
            )
        );
        let nothing = Sources::new([empty]).read().unwrap_err().to_string();
        assert!(nothing.contains("holds no state file"), "{nothing}");
    }

    #[test]
    fn the_fingerprint_differs_when_a_file_is_replaced_by_one_of_the_same_size() {
        let directory = tempfile::tempdir().unwrap();
        let file = directory.path().join("a.yaml");
        fs::write(&file, "one").unwrap();
        let sources = Sources::new([file.clone()]);
        let before = sources.look();
        assert_eq!(before, sources.look());
        let new = directory.path().join("new");
        fs::write(&new, "two").unwrap();
        fs::rename(&new, &file).unwrap();
        assert_ne!(before, sources.look());
        assert!(!before.same_files(&sources.look()));
        fs::remove_file(&file).unwrap();
        assert_eq!(sources.look().paths().count(), 0);
    }
}
