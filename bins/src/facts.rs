//! State files as a snapshot, for commands.

use anyhow::{Context, anyhow};
use mci_core::state_file::{Problems, StateFile, nearest};
use mci_core::{Hostname, Snapshot};

use crate::files::{Content, Sources};
use crate::follow::read_at_rest;
use crate::progress::during;

/// Reads the files; every mistake in them is in the error.
pub(crate) fn load(sources: &Sources) -> anyhow::Result<Snapshot> {
    during(&format!("Reading {sources}"), || {
        let (contents, _) = read_at_rest(sources)?;
        Ok(parse(&contents).map_err(|problems| wrong(sources, &problems))?.into_snapshot())
    })
}

/// Parses contents that belong together.
pub(crate) fn parse(contents: &[Content]) -> Result<StateFile, Problems> {
    StateFile::parse_all(contents.iter().map(|content| (content.name.as_str(), content.octets.as_slice())))
}

/// Every mistake, below a line that says how many.
pub(crate) fn wrong(what: &impl std::fmt::Display, problems: &Problems) -> anyhow::Error {
    anyhow!("{}\n{problems}", headline(what, problems.count()))
}

/// How many mistakes there are, in what.
pub(crate) fn headline(what: &impl std::fmt::Display, count: usize) -> String {
    match count {
        1 => format!("1 mistake in {what}"),
        count => format!("{count} mistakes in {what}"),
    }
}

/// A name that a hostname could have, from the command line.
pub(crate) fn hostname(text: &str) -> anyhow::Result<Hostname> {
    text.parse().with_context(|| format!("{text:?} can be no hostname"))
}

/// How much there is: `4 hostnames, 1 zone, 2 clusters`.
pub(crate) fn summary(snapshot: &Snapshot) -> String {
    let counted = |count: usize, one: &str| format!("{count} {one}{}", if count == 1 { "" } else { "s" });
    let (hostnames, clusters) = (snapshot.hostname_count(), snapshot.clusters().count());
    let zones = snapshot.zones().iter().count();
    format!(
        "{}, {}, {}",
        counted(hostnames, "hostname"),
        counted(zones, "zone"),
        counted(clusters, "cluster")
    )
}

/// Says, on stderr, which hostname was probably meant, where `name` is none.
pub(crate) fn hint_at_nearest(snapshot: &Snapshot, name: &Hostname) {
    let name = name.to_string();
    let held: Vec<String> = snapshot.hostnames().map(|hostname| hostname.to_string()).collect();
    if let Some(near) = nearest(&name, held.iter().map(String::as_str)).filter(|near| *near != name) {
        eprintln!("There is no {name}; did you mean {near}?");
    }
}
