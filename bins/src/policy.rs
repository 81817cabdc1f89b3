//! Policy test files, for the commands that run and check them.

use std::cell::RefCell;
use std::path::{Path, PathBuf};

use mci_core::policy::{LoadError, Suite};

use crate::file_facts::{self, FileFacts};
use crate::files::{Content, Sources, Unreadable, is_named_as_test, read, tests_of};
use crate::manifests::Notes;

/// The keys that a policy test begins with, and a state file does not have.
const KEYS: [&str; 3] = ["state", "tests", "always"];

/// The policy tests that are meant: files, and those of directories.
pub(crate) fn files(named: &[PathBuf]) -> anyhow::Result<Vec<PathBuf>> {
    let mut files = Vec::new();
    for path in named {
        if path.is_dir() {
            let tests = tests_of(path)?;
            if tests.is_empty() {
                anyhow::bail!("{} holds no policy test: files that end in .test.yaml count", path.display());
            }
            files.extend(tests);
        } else {
            files.push(path.clone());
        }
    }
    Ok(files)
}

/// A policy test, and what is to be known of the state that it names.
pub(crate) struct Read {
    pub(crate) suite: Suite,
    pub(crate) notes: Notes,
}

/// Reads a policy test and the state that it names; every mistake is in the error.
pub(crate) fn suite(path: &Path) -> Result<Read, Problems> {
    let content = read(path).map_err(Problems::Unreadable)?;
    parse(path, &content)
}

/// What is wrong with a policy test.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Problems {
    #[error("{0}")]
    Unreadable(Unreadable),
    #[error("{0}")]
    Wrong(mci_core::state_file::Problems),
}

/// Parses the content of the policy test at `path`.
pub(crate) fn parse(path: &Path, content: &Content) -> Result<Read, Problems> {
    let Content { name, octets, .. } = content;
    let Ok(text) = str::from_utf8(octets) else {
        return Err(Problems::Unreadable(Unreadable(vec![format!(
            "{name}: it is not UTF-8: save it as UTF-8 text"
        )])));
    };
    let folder = path.parent().unwrap_or(Path::new(""));
    let told = RefCell::new(Notes::default());
    let load = |names: &[&str]| {
        let (mut contents, mut unreadable) = (Vec::new(), Vec::new());
        for (position, name) in names.iter().enumerate() {
            match Sources::named_in(folder, &[name]).read() {
                Ok(more) => contents.extend(more),
                Err(Unreadable(lines)) => {
                    unreadable
                        .extend(lines.into_iter().map(|line| (position, format!("cannot read {line}"))));
                }
            }
        }
        if !unreadable.is_empty() {
            return Err(LoadError::Unreadable(unreadable));
        }
        let FileFacts { snapshot, notes, .. } = file_facts::parse(&contents).map_err(LoadError::Wrong)?;
        *told.borrow_mut() = notes;
        Ok(snapshot)
    };
    let suite = Suite::parse_with(name, text, load).map_err(Problems::Wrong)?;
    Ok(Read { suite, notes: told.into_inner() })
}

/// Whether a file is a policy test rather than a state file: by its name, or by its keys.
pub(crate) fn is_policy(path: &Path, octets: &[u8]) -> bool {
    is_named_as_test(path)
        || str::from_utf8(octets).is_ok_and(|text| has_keys(text, |key| KEYS.contains(&key)))
}

/// Whether a text has one of certain keys at its top level.
pub(crate) fn has_keys(text: &str, wanted: impl Fn(&str) -> bool) -> bool {
    let text = text.trim_start_matches(['\u{feff}', ' ', '\n', '\r', '\t']);
    let is_key = |line: &str| {
        line.split_once(':').is_some_and(|(key, _)| wanted(key.trim_end().trim_matches(['"', '\''])))
    };
    match text.strip_prefix('{') {
        // JSON, or YAML that looks like it: the first key tells.
        Some(inner) => is_key(inner.trim_start()),
        // A key at the top level begins its line.
        None => text.lines().any(is_key),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn policy_tests_are_known_by_their_name_or_by_their_keys() {
        let shape = |name: &str, text: &str| is_policy(Path::new(name), text.as_bytes());
        assert!(shape("gslb.test.yaml", ""));
        assert!(shape("a.yaml", "# comment\nstate: gslb.yaml\ntests: []\n"));
        assert!(shape("a.yaml", crate::init::TEST));
        assert!(shape("a.json", "{ \"tests\": [] }"));
        assert!(!shape("a.yaml", crate::init::STATE), "state: alive is no key of the top level");
        assert!(!shape("a.json", "{\"version\": 1, \"hostnames\": []}"));
        assert!(!shape("a.yaml", ""));
    }
}
