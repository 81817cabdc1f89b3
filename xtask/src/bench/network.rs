//! A network of its own for everything that is measured.
//!
//! S5 binds the wildcard address, because that is where a reply's source has to be set (D32); in a namespace that has
//! nothing but a loopback interface nobody else can reach it.

use std::process::Command;

use anyhow::{Context as _, Result};
use nix::sched::{CloneFlags, unshare};

use crate::shell;

/// Leaves the machine's network; every program that is started from now on does too.
pub(super) fn leave() -> Result<()> {
    unshare(CloneFlags::CLONE_NEWNET)
        .or_else(|_| unshare(CloneFlags::CLONE_NEWUSER | CloneFlags::CLONE_NEWNET))
        .context("making a network namespace for the servers: run it as root, or allow user namespaces")?;
    shell::run(Command::new("ip").args(["link", "set", "lo", "up"]))
}
