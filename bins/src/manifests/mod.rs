//! Directories of Kubernetes manifests as facts: what clusters that hold these objects would answer.
//!
//! ```text
//!  files ──► Fleet: a cluster each ──► Objects ──► mci_core::publish::Publisher ──► Publications ──► Snapshot
//!             (whose they are)   (check, translate)      ▲     │ what it lacks
//!                                                        └── assume ──► notes
//! ```
//!
//! What is published, and what is answered from it, is decided by the very code that decides in a cluster. Manifests are
//! not whole: a cluster adds statuses and `EndpointSlices` to them. What is missing is assumed, and each assumption is a
//! note that can be shown. What the API server would refuse is a mistake; what a cluster would take and complain of in a
//! status is a warning.

mod assume;
mod check;
mod fleet;
mod objects;
mod placeholders;
mod publish;

use std::fmt;

use mci_core::Hostname;
use mci_core::state_file::Problem;
use mci_kube::manifest;

pub(crate) use self::check::check;
pub(crate) use self::fleet::{ClusterSummary, Fleet};
use crate::files::Content;

/// Something to know of what manifests come to, and the hostnames that it touches.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Note {
    /// The place, the object, and what is to be known of it.
    pub(crate) text: Problem,
    pub(crate) hostnames: Vec<Hostname>,
}

/// What is to be known of all.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Notes {
    /// What the manifests do not say, and what counts instead.
    pub(crate) assumed: Vec<Note>,
    /// What a cluster would complain of.
    pub(crate) warnings: Vec<Note>,
}

impl Notes {
    /// Those of several states.
    pub(crate) fn all<'n>(of: impl Iterator<Item = &'n Self>) -> Self {
        let mut all = Self::default();
        for Self { assumed, warnings } in of {
            all.assumed.extend_from_slice(assumed);
            all.warnings.extend_from_slice(warnings);
        }
        all
    }

    /// Those that touch certain hostnames.
    pub(crate) fn of(self, concerns: impl Fn(&Hostname) -> bool) -> Self {
        let Self { mut assumed, mut warnings } = self;
        for notes in [&mut assumed, &mut warnings] {
            notes.retain(|note| note.hostnames.iter().any(&concerns));
        }
        Self { assumed, warnings }
    }

    /// Whether there is nothing to be known.
    pub(crate) fn is_empty(&self) -> bool {
        self.assumed.is_empty() && self.warnings.is_empty()
    }

    /// What is assumed, as data.
    pub(crate) fn assumed_texts(&self) -> Vec<&Problem> {
        self.assumed.iter().map(|note| &note.text).collect()
    }

    /// What a cluster would complain of, as data.
    pub(crate) fn warning_texts(&self) -> Vec<&Problem> {
        self.warnings.iter().map(|note| &note.text).collect()
    }
}

/// A line each.
impl fmt::Display for Notes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for Note { text, .. } in &self.assumed {
            writeln!(f, "assumed: {text}")?;
        }
        for Note { text, .. } in &self.warnings {
            writeln!(f, "warning: {text}")?;
        }
        Ok(())
    }
}

/// The text of a manifest; `None` where the file is none.
pub(crate) fn text(content: &Content) -> Option<&str> {
    str::from_utf8(&content.octets).ok().filter(|text| manifest::is_manifest(text))
}
