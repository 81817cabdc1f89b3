//! What files say: state files, and the manifests of clusters.

use mci_core::Snapshot;
use mci_core::state_file::reading::Collected;
use mci_core::state_file::{Problem, Problems, StateFile};

use crate::facts::wrong;
use crate::files::{Content, Sources};
use crate::follow::read_at_rest;
use crate::manifests::{ClusterSummary, Fleet, Notes};
use crate::progress::during;

/// What files say.
#[derive(Debug)]
pub(crate) struct FileFacts {
    pub(crate) snapshot: Snapshot,
    /// What state files have that is allowed and probably not meant.
    pub(crate) warnings: Vec<Problem>,
    /// What is to be known of manifests.
    pub(crate) notes: Notes,
    /// The clusters whose manifests were read.
    pub(crate) clusters: Vec<ClusterSummary>,
}

impl FileFacts {
    /// How much of manifests is to be known, if anything is, and how it is told.
    pub(crate) fn summary(&self, sources: &Sources) -> Option<String> {
        let told = |count: usize, what: &str| match count {
            0 => None,
            1 => Some(format!("1 {what}")),
            count => Some(format!("{count} {what}s")),
        };
        let Notes { assumed, warnings } = &self.notes;
        let all = [told(assumed.len(), "assumption"), told(warnings.len(), "warning")];
        let all: Vec<String> = all.into_iter().flatten().collect();
        (!all.is_empty())
            .then(|| format!("Of the manifests: {}; mci validate {sources} tells them", all.join(" and ")))
    }
}

/// Reads the files; every mistake in them is in the error.
pub(crate) fn read(sources: &Sources) -> anyhow::Result<FileFacts> {
    during(&format!("Reading {sources}"), || {
        let (contents, _) = read_at_rest(sources)?;
        parse(&contents).map_err(|problems| wrong(sources, &problems))
    })
}

/// Parses contents that belong together.
pub(crate) fn parse(contents: &[Content]) -> Result<FileFacts, Problems> {
    let mut problems = Collected::default();
    let (fleet, states) = Fleet::read(contents, &mut problems);
    together(&fleet, &states, problems)
}

/// The facts of clusters and state files, unless something is wrong with them.
pub(crate) fn together(
    fleet: &Fleet,
    states: &[&Content],
    mut problems: Collected,
) -> Result<FileFacts, Problems> {
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
        return Ok(FileFacts { snapshot: state.into_snapshot(), warnings, notes, clusters });
    }
    match fleet.add_to(state, &mut problems) {
        Some(added) => {
            Ok(FileFacts { snapshot: added.snapshot, warnings, notes: added.notes, clusters: added.clusters })
        }
        None => Err(problems.into_problems()),
    }
}
