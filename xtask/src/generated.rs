//! Folders of generated files that are committed: replaces them, or says that they are stale.

use std::fs;
use std::path::Path;

use anyhow::{Context as _, Result, bail, ensure};

use crate::shell::repository;

/// A folder whose files are generated.
pub(crate) struct Generated {
    /// Below the repository's root.
    pub(crate) folder: &'static str,
    /// What writes it.
    pub(crate) command: &'static str,
}

impl Generated {
    /// Replaces what is committed by what `fresh` holds; with `check`, changes nothing and fails where they differ.
    pub(crate) fn settle(&self, fresh: &Path, check: bool) -> Result<()> {
        let committed = repository().join(self.folder);
        if check {
            return self.compare(fresh, &committed);
        }
        fs::create_dir_all(&committed).with_context(|| format!("making {}", committed.display()))?;
        for name in names(&committed)? {
            fs::remove_file(committed.join(&name))?;
        }
        for name in names(fresh)? {
            fs::copy(fresh.join(&name), committed.join(&name))?;
            println!("{}/{name}", self.folder);
        }
        Ok(())
    }

    fn compare(&self, fresh: &Path, committed: &Path) -> Result<()> {
        let folder = self.folder;
        let fix = format!("run `{}` and commit what it writes", self.command);
        let (expected, found) = (names(fresh)?, names(committed).with_context(|| fix.clone())?);
        ensure!(expected == found, "{folder} holds {found:?}, and should hold {expected:?}: {fix}");
        for name in expected {
            if fs::read(fresh.join(&name))? != fs::read(committed.join(&name))? {
                bail!("{folder}/{name} is stale: {fix}");
            }
        }
        Ok(())
    }
}

/// The names of the files in a folder, sorted.
pub(crate) fn names(folder: &Path) -> Result<Vec<String>> {
    let mut names = Vec::new();
    for entry in fs::read_dir(folder).with_context(|| format!("reading {}", folder.display()))? {
        let name = entry?.file_name().into_string();
        names.push(name.ok().context("a file's name is not UTF-8")?);
    }
    names.sort();
    Ok(names)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stale_files_are_told_with_the_command_that_renews_them() {
        let (fresh, committed) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        fs::write(fresh.path().join("a.rs"), "new").unwrap();
        fs::write(committed.path().join("a.rs"), "old").unwrap();
        let generated = Generated { folder: "mci-grpc/src/generated", command: "cargo xtask proto" };
        let error = generated.compare(fresh.path(), committed.path()).unwrap_err().to_string();
        assert_eq!(
            error,
            "mci-grpc/src/generated/a.rs is stale: run `cargo xtask proto` and commit what it writes"
        );
    }
}
