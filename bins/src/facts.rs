//! State files and manifests as a snapshot, for commands and for what is served.

use anyhow::{Context, anyhow};
use mci_core::state_file::reading::Collected;
use mci_core::state_file::{Problem, Problems, StateFile, nearest};
use mci_core::{Hostname, Snapshot};

use crate::files::{Content, Sources};
use crate::follow::read_at_rest;
use crate::manifests::{ClusterSummary, Fleet, Notes};
use crate::progress::during;

/// What files say.
pub(crate) struct Facts {
    pub(crate) snapshot: Snapshot,
    /// What state files have that is allowed and probably not meant.
    pub(crate) warnings: Vec<Problem>,
    /// What is to be known of manifests.
    pub(crate) notes: Notes,
    /// The clusters whose manifests were read.
    pub(crate) clusters: Vec<ClusterSummary>,
}

/// Reads the files; every mistake in them is in the error. Where something was assumed stderr says so.
pub(crate) fn load(sources: &Sources) -> anyhow::Result<Snapshot> {
    let Facts { snapshot, notes, .. } = read(sources)?;
    let told = |count: usize, what: &str| match count {
        0 => None,
        1 => Some(format!("1 {what}")),
        count => Some(format!("{count} {what}s")),
    };
    let assumed = told(notes.assumed.len(), "assumption");
    let all: Vec<String> = assumed.into_iter().chain(told(notes.warnings.len(), "warning")).collect();
    if !all.is_empty() {
        eprintln!("Of the manifests: {}; mci validate {sources} tells them", all.join(" and "));
    }
    Ok(snapshot)
}

/// The same with all that is to be known of them.
pub(crate) fn read(sources: &Sources) -> anyhow::Result<Facts> {
    during(&format!("Reading {sources}"), || {
        let (contents, _) = read_at_rest(sources)?;
        parse(&contents).map_err(|problems| wrong(sources, &problems))
    })
}

/// Parses contents that belong together.
pub(crate) fn parse(contents: &[Content]) -> Result<Facts, Problems> {
    let mut problems = Collected::default();
    let (fleet, states) = Fleet::read(contents, &mut problems);
    facts(&fleet, &states, problems)
}

/// The facts of clusters and state files, unless something is wrong with them.
pub(crate) fn facts(fleet: &Fleet, states: &[&Content], mut problems: Collected) -> Result<Facts, Problems> {
    if fleet.is_empty() && states.is_empty() && problems.is_empty() {
        let passed_over = fleet.passed_over.join(", ");
        problems.push(|| {
            Problem::of("", "", format!("no state file and no manifest: passed over {passed_over}"))
        });
    }
    let state = match StateFile::parse_all(states.iter().map(|it| (it.name.as_str(), it.octets.as_slice()))) {
        Ok(state) => state,
        Err(wrong) => {
            problems.extend(wrong);
            return Err(problems.into_problems());
        }
    };
    if !problems.is_empty() {
        return Err(problems.into_problems());
    }
    let warnings = state.warnings().to_vec();
    if fleet.is_empty() {
        let (notes, clusters) = (Notes::default(), Vec::new());
        return Ok(Facts { snapshot: state.into_snapshot(), warnings, notes, clusters });
    }
    match fleet.add_to(state, &mut problems) {
        Some(added) => {
            Ok(Facts { snapshot: added.snapshot, warnings, notes: added.notes, clusters: added.clusters })
        }
        None => Err(problems.into_problems()),
    }
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
