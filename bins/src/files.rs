//! The FILE arguments: which files they mean, and their content.
//!
//! FILE is a file or a directory. Of a directory those files count that end in `.yaml`, `.yml` or `.json`, are not hidden
//! (a `ConfigMap`'s `..data` is) and are not policy tests (`*.test.yaml`); those below it count as manifests of the cluster
//! that the first directory on the way to them is called after, if they are manifests. `CLUSTER=FILE` says which cluster it
//! is. `-` is what comes from stdin. A content that is returned was not written to between the look before and the look
//! after reading it.

use std::fmt;
use std::fs::{self, Metadata};
use std::io;
use std::os::unix::fs::{FileTypeExt, MetadataExt};
use std::path::{Path, PathBuf};

/// How deep directories may lie in one another: beyond it they are taken for a loop of links.
const DEEPEST: usize = 32;

const EXTENSIONS: [&str; 3] = ["yaml", "yml", "json"];

/// The files and directories that were named, in that order.
#[derive(Clone, Debug)]
pub(crate) struct Sources(Vec<Named>);

/// One FILE argument.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Named {
    /// The cluster that it was said to hold manifests of: `CLUSTER=FILE`.
    cluster: Option<String>,
    path: PathBuf,
}

/// One file as it was read.
#[derive(Clone, Default, PartialEq, Eq, Hash)]
pub(crate) struct Content {
    /// The name as messages show it.
    pub(crate) name: String,
    /// What the file holds.
    pub(crate) octets: Vec<u8>,
    /// Whose manifests these are, if it holds manifests.
    pub(crate) owner: Owner,
}

/// Which cluster a file's manifests are of, as far as its place tells.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub(crate) enum Owner {
    /// The file was named itself, and no cluster with it.
    #[default]
    Unsaid,
    /// `CLUSTER=FILE`.
    Said(String),
    /// It lies right in a directory that was named.
    Directory {
        /// As it was named.
        directory: PathBuf,
        /// What the directory is called.
        name: String,
    },
    /// It lies below a directory that was named.
    Below {
        /// As it was named.
        directory: PathBuf,
        /// What the first directory on the way is called.
        name: String,
    },
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
        Self(paths.into_iter().map(|path| Named::new(path, Path::new(""))).collect())
    }

    /// The same where they were named in a file of `folder`.
    pub(crate) fn named_in(folder: &Path, names: &[&str]) -> Self {
        Self(names.iter().map(|name| Named::new(PathBuf::from(name), folder)).collect())
    }

    /// A look at the disk.
    pub(crate) fn look(&self) -> Fingerprint {
        Fingerprint(
            self.expand()
                .map(|found| match found {
                    Ok((path, _)) => {
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
        self.0.iter().all(|named| fs::metadata(&named.path).is_ok_and(|m| m.is_file() || m.is_dir()))
    }

    /// Reads every file, or says all that is in the way.
    pub(crate) fn read(&self) -> Result<Vec<Content>, Unreadable> {
        let (contents, mut problems) = self.read_each();
        if problems.is_empty() && contents.is_empty() {
            problems.push(format!(
                "{self} holds no state file and no manifest: files that end in .yaml, .yml or .json count, policy tests \
                 (*.test.yaml) do not"
            ));
        }
        if problems.is_empty() { Ok(contents) } else { Err(Unreadable(problems)) }
    }

    /// Reads every file that can be read, and says what is in the way of the others.
    pub(crate) fn read_each(&self) -> (Vec<Content>, Vec<String>) {
        let (mut contents, mut problems) = (Vec::new(), Vec::new());
        for found in self.expand() {
            let read = match found {
                Ok((path, owner)) => read_one(&path, owner).map_err(|error| (path, error)),
                Err(unlisted) => Err(unlisted),
            };
            match read {
                Ok(content) => contents.push(content),
                Err((path, error)) => problems.push(describe(&path, &error)),
            }
        }
        (contents, problems)
    }

    fn expand(&self) -> impl Iterator<Item = Result<(PathBuf, Owner), (PathBuf, io::Error)>> {
        self.0.iter().flat_map(|Named { cluster, path }| {
            if !path.is_dir() {
                let owner = cluster.clone().map_or(Owner::Unsaid, Owner::Said);
                return vec![Ok((path.clone(), owner))];
            }
            match files_of_all(path, cluster.as_deref()) {
                Ok(files) => files.into_iter().map(Ok).collect(),
                Err(unlisted) => vec![Err(unlisted)],
            }
        })
    }
}

impl Named {
    /// A relative path is one in `folder`. `west=deploy` is the path `deploy` of the cluster west, unless there is a
    /// file of that name.
    fn new(path: PathBuf, folder: &Path) -> Self {
        let whole = folder.join(&path);
        // `deploy/.` reads as `deploy`.
        let within = |path: PathBuf| folder.join(stdin_or(path)).components().collect();
        let split = path.to_str().filter(|_| !whole.exists()).and_then(|text| text.split_once('='));
        match split.filter(|(cluster, path)| !path.is_empty() && !cluster.contains('/')) {
            Some((cluster, path)) => Self { cluster: Some(cluster.to_owned()), path: within(path.into()) },
            None => Self { cluster: None, path: within(path) },
        }
    }
}

fn stdin_or(path: PathBuf) -> PathBuf {
    if path.as_os_str() == "-" { PathBuf::from("/dev/stdin") } else { path }
}

impl fmt::Display for Sources {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (position, Named { cluster, path }) in self.0.iter().enumerate() {
            let separator = if position == 0 { "" } else { ", " };
            match cluster {
                Some(cluster) => write!(f, "{separator}{cluster}={}", path.display())?,
                None => write!(f, "{separator}{}", path.display())?,
            }
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
    read_one(path, Owner::Unsaid).map_err(|error| Unreadable(vec![describe(path, &error)]))
}

/// Whether a file of this name is a policy test by convention: `gslb.test.yaml`.
pub(crate) fn is_named_as_test(path: &Path) -> bool {
    path.file_stem().map(Path::new).and_then(Path::extension).is_some_and(|inner| inner == "test")
}

/// The files of a directory and of those below, in order, with whose they are.
fn files_of_all(
    directory: &Path,
    cluster: Option<&str>,
) -> Result<Vec<(PathBuf, Owner)>, (PathBuf, io::Error)> {
    let unlisted = |error| (directory.to_owned(), error);
    let here = files_of(directory, |path| !is_named_as_test(path)).map_err(unlisted)?;
    let owner = |name: Option<String>, below: bool| match (cluster, name) {
        (Some(cluster), _) => Owner::Said(cluster.to_owned()),
        (None, Some(name)) if below => Owner::Below { directory: directory.to_owned(), name },
        (None, Some(name)) => Owner::Directory { directory: directory.to_owned(), name },
        (None, None) => Owner::Unsaid,
    };
    // `.` and `..` are called something too.
    let whole = directory.canonicalize().map_err(unlisted)?;
    let own_name = file_name(&whole);
    let mut files: Vec<_> = here.into_iter().map(|file| (file, owner(own_name.clone(), false))).collect();
    for below in directories_of(directory).map_err(unlisted)? {
        let mut found = Vec::new();
        collect(&below, 1, &mut found)?;
        files.extend(found.into_iter().map(|file| (file, owner(file_name(&below), true))));
    }
    Ok(files)
}

fn collect(directory: &Path, depth: usize, files: &mut Vec<PathBuf>) -> Result<(), (PathBuf, io::Error)> {
    let unlisted = |error| (directory.to_owned(), error);
    if depth > DEEPEST {
        let message = format!("over {DEEPEST} directories in one another: is there a loop of links?");
        return Err(unlisted(io::Error::other(message)));
    }
    files.extend(files_of(directory, |path| !is_named_as_test(path)).map_err(unlisted)?);
    for below in directories_of(directory).map_err(unlisted)? {
        collect(&below, depth + 1, files)?;
    }
    Ok(())
}

fn file_name(path: &Path) -> Option<String> {
    path.file_name().map(|name| name.to_string_lossy().into_owned())
}

fn is_hidden(path: &Path) -> bool {
    path.file_name().is_some_and(|name| name.as_encoded_bytes().starts_with(b"."))
}

fn directories_of(directory: &Path) -> io::Result<Vec<PathBuf>> {
    let mut directories = Vec::new();
    for entry in fs::read_dir(directory)? {
        let path = entry?.path();
        if !is_hidden(&path) && path.is_dir() {
            directories.push(path);
        }
    }
    directories.sort();
    Ok(directories)
}

fn files_of(directory: &Path, wanted: impl Fn(&Path) -> bool) -> io::Result<Vec<PathBuf>> {
    let mut files = Vec::new();
    for entry in fs::read_dir(directory)? {
        let path = entry?.path();
        let known = path.extension().is_some_and(|e| EXTENSIONS.iter().any(|known| e == *known));
        if known && !is_hidden(&path) && wanted(&path) && !path.is_dir() {
            files.push(path);
        }
    }
    files.sort();
    Ok(files)
}

fn read_one(path: &Path, owner: Owner) -> io::Result<Content> {
    let kind = fs::metadata(path)?.file_type();
    if kind.is_char_device() || kind.is_block_device() || kind.is_socket() {
        return Err(io::Error::new(io::ErrorKind::InvalidInput, "it is a device or a socket, not a file"));
    }
    Ok(Content { name: path.display().to_string(), octets: fs::read(path)?, owner })
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
    fn what_lies_below_belongs_to_the_first_directory_on_the_way() {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        fs::create_dir_all(at("fleet/west/shop")).unwrap();
        fs::create_dir_all(at("fleet/.git")).unwrap();
        for name in ["fleet/zones.yaml", "fleet/west/a.yaml", "fleet/west/shop/b.yaml", "fleet/.git/c.yaml"] {
            fs::write(at(name), "").unwrap();
        }
        let owners = |named: &str| -> Vec<Owner> {
            let contents = Sources::named_in(folder.path(), &[named]).read().unwrap();
            contents.into_iter().map(|content| content.owner).collect()
        };
        let west = Owner::Below { directory: at("fleet"), name: "west".to_owned() };
        let fleet = Owner::Directory { directory: at("fleet"), name: "fleet".to_owned() };
        assert_eq!(owners("fleet"), [fleet, west.clone(), west]);
        assert_eq!(owners("north=fleet"), vec![Owner::Said("north".to_owned()); 3]);
        assert_eq!(owners("fleet/west/a.yaml"), [Owner::Unsaid]);
        assert_eq!(owners("north=fleet/west/a.yaml"), [Owner::Said("north".to_owned())]);
        fs::write(at("a=b.yaml"), "").unwrap();
        assert_eq!(owners("a=b.yaml"), [Owner::Unsaid], "there is a file of that name");
    }

    #[test]
    fn a_loop_of_links_is_told() {
        let folder = tempfile::tempdir().unwrap();
        fs::create_dir(folder.path().join("west")).unwrap();
        std::os::unix::fs::symlink(folder.path(), folder.path().join("west/loop")).unwrap();
        let error = Sources::new([folder.path().to_owned()]).read().unwrap_err().to_string();
        assert!(error.contains("is there a loop of links?"), "{error}");
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
        assert!(nothing.contains("holds no state file and no manifest"), "{nothing}");
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
