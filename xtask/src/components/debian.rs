//! What comes as Debian packages: checked by the program they bring, named with the command that installs them.

use std::env;
use std::process::Command;

use anyhow::{Context as _, Result};

use super::Purpose;
use crate::shell;

/// A package, a program of it that shows whether it is there, and what needs it.
const PACKAGES: &[(&str, &str, Purpose)] = &[
    ("bind9-dnsutils", "dig", Purpose::Tests),
    ("iproute2", "ip", Purpose::Tests),
    ("util-linux", "unshare", Purpose::Tests),
    ("faketime", "faketime", Purpose::Tests),
    ("dnsperf", "dnsperf", Purpose::Benchmarks),
    ("gdnsd", "gdnsd", Purpose::Benchmarks),
    ("musl-tools", "musl-gcc", Purpose::Benchmarks),
];

/// Each package with where its program is.
pub(super) fn places() -> Vec<(String, Option<String>)> {
    PACKAGES
        .iter()
        .map(|(package, program, _)| {
            (format!("{package} (Debian)"), shell::find(program).map(|path| path.display().to_string()))
        })
        .collect()
}

/// The packages of these purposes that are not there.
pub(super) fn missing(purposes: &[Purpose]) -> Vec<&'static str> {
    PACKAGES
        .iter()
        .filter(|(_, program, purpose)| purposes.contains(purpose) && shell::find(program).is_none())
        .map(|(package, ..)| *package)
        .collect()
}

/// Whether packages are installed without asking: on a machine that says it is CI's.
pub(super) fn installs_by_itself() -> bool {
    env::var("CI").is_ok_and(|value| value == "true" || value == "1")
}

/// What to tell a person.
pub(super) fn complaint(packages: &[&str]) -> String {
    let packages = packages.join(" ");
    format!("missing Debian packages: {packages}; install them with `sudo apt-get install {packages}`")
}

/// Installs them, as root or through sudo.
pub(super) fn install(packages: &[&str]) -> Result<()> {
    shell::run(apt_get()?.arg("update")).context("cannot refresh the lists of packages")?;
    let mut command = apt_get()?;
    command.args(["install", "--yes", "--no-install-recommends"]).args(packages);
    shell::run(&mut command).with_context(|| complaint(packages))
}

fn apt_get() -> Result<Command> {
    let mut command = if shell::output(Command::new("id").arg("-u"))?.trim() == "0" {
        Command::new("apt-get")
    } else {
        let mut sudo = Command::new("sudo");
        sudo.args(["--preserve-env=DEBIAN_FRONTEND", "apt-get"]);
        sudo
    };
    command.env("DEBIAN_FRONTEND", "noninteractive");
    Ok(command)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_complaint_is_a_command_to_copy() {
        assert_eq!(
            complaint(&["gdnsd", "dnsperf"]),
            "missing Debian packages: gdnsd dnsperf; install them with `sudo apt-get install gdnsd dnsperf`"
        );
    }
}
