//! The Go toolchain, which builds `CoreDNS` and other servers.

use std::path::PathBuf;
use std::process::Command;

use anyhow::{Context as _, Result, anyhow, bail};

use crate::shell;

/// The oldest Go that builds every component.
const OLDEST: (u32, u32) = (1, 26);

/// What an older Go (1.21 or newer) fetches through the module proxy to build with.
const FETCHED: &str = "go1.26.0";

/// The Debian package that brings Go.
pub(super) const DEBIAN_PACKAGE: &str = "golang-go";

/// A Go that is new enough, or that can fetch one that is.
pub(super) struct Toolchain {
    go: PathBuf,
    version: &'static str,
}

impl Toolchain {
    /// `go`, with an environment that makes builds the same on every machine.
    pub(super) fn command(&self) -> Command {
        let mut command = Command::new(&self.go);
        command.env("GOTOOLCHAIN", self.version).env("CGO_ENABLED", "0").env_remove("GOFLAGS");
        command
    }
}

/// Finds Go, or says how to get it.
pub(super) fn toolchain() -> Result<Toolchain> {
    let go = shell::find("go").ok_or_else(|| {
        anyhow!(
            "Go is missing: install Go {}.{} or newer (https://go.dev/dl), or `sudo apt-get install {DEBIAN_PACKAGE}`",
            OLDEST.0,
            OLDEST.1
        )
    })?;
    let said = shell::output(Command::new(&go).arg("version").env("GOTOOLCHAIN", "local"))?;
    let found = parse(&said).with_context(|| format!("`go version` said {said:?}"))?;
    if found >= OLDEST {
        return Ok(Toolchain { go, version: "local" });
    }
    if found < (1, 21) {
        bail!(
            "Go {}.{} at {} is too old: {}.{} or newer is needed (https://go.dev/dl)",
            found.0,
            found.1,
            go.display(),
            OLDEST.0,
            OLDEST.1
        );
    }
    Ok(Toolchain { go, version: FETCHED })
}

/// The major and minor version in `go version go1.26.8 linux/amd64`.
fn parse(said: &str) -> Option<(u32, u32)> {
    let version = said.split_whitespace().find_map(|word| word.strip_prefix("go1."))?;
    let minor: String = version.chars().take_while(char::is_ascii_digit).collect();
    Some((1, minor.parse().ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_the_version_that_go_prints() {
        assert_eq!(parse("go version go1.26.8 linux/amd64\n"), Some((1, 26)));
        assert_eq!(parse("go version go1.27rc1 linux/arm64\n"), Some((1, 27)));
        assert_eq!(parse("gopher"), None);
    }
}
