//! Clusters: who they are, whether they live, and what an operator says of them.

use core::fmt;
use core::str::FromStr;
use std::sync::Arc;

/// A cluster's identifier: an RFC 1123 subdomain of at most 63 octets; cheap to clone.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ClusterId(Arc<str>);

/// Why a text is no [`ClusterId`].
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "{0:?} is no cluster identifier: 1 to 63 lower-case letters, digits, '-' and '.', each part beginning and ending with a letter or digit"
)]
pub struct ClusterIdError(String);

impl ClusterId {
    /// The identifier as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for ClusterId {
    type Err = ClusterIdError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let part = |part: &str| {
            let edge = |c: Option<char>| c.is_some_and(|c| c.is_ascii_lowercase() || c.is_ascii_digit());
            edge(part.chars().next())
                && edge(part.chars().next_back())
                && part.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-')
        };
        if text.len() <= 63 && text.split('.').all(part) {
            Ok(Self(text.into()))
        } else {
            Err(ClusterIdError(text.to_owned()))
        }
    }
}

impl AsRef<str> for ClusterId {
    fn as_ref(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for ClusterId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

impl fmt::Debug for ClusterId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}", &*self.0)
    }
}

/// What liveness says of a cluster (R20, R20a).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize), serde(rename_all = "lowercase"))]
pub enum ClusterState {
    /// Its heartbeat is heard.
    #[default]
    Alive,
    /// Its heartbeat has not been heard for the timeout: used only where nothing else is left (R11).
    Stale,
    /// It said goodbye or was removed: it publishes nothing (R20a).
    Gone,
}

impl fmt::Display for ClusterState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Alive => "alive",
            Self::Stale => "stale",
            Self::Gone => "gone",
        })
    }
}

/// How strongly an operator holds a cluster, or one hostname at it, back (R24). Of several the stronger holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize), serde(rename_all = "lowercase"))]
pub enum OverrideState {
    /// As weight 0 (R6).
    Drained,
    /// As a stale cluster (R11).
    Down,
}

impl fmt::Display for OverrideState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Drained => "drained",
            Self::Down => "down",
        })
    }
}

/// An operator's word on a cluster, or on one hostname at a cluster (R24).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Override {
    /// What holds.
    pub state: OverrideState,
    /// Why, in the operator's words.
    pub reason: Option<Arc<str>>,
    /// Who set it.
    pub by: Option<Arc<str>>,
    /// When it ends by itself, in Unix seconds; never if absent.
    pub until: Option<u64>,
}

impl From<OverrideState> for Override {
    fn from(state: OverrideState) -> Self {
        Self { state, reason: None, by: None, until: None }
    }
}

/// Overrides of one thing, from everyone who set one (R24): each ends at a time of its own, so all are kept.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Overrides(Vec<Override>);

impl Overrides {
    /// The one that holds at this Unix time: the strongest that has not ended, and of equals the one that lasts longest.
    pub fn at(&self, unix_seconds: u64) -> Option<&Override> {
        let open = self.0.iter().filter(|one| one.until.is_none_or(|until| until > unix_seconds));
        open.max_by_key(|one| (one.state, one.until.unwrap_or(u64::MAX)))
    }

    /// When something else may hold: the next end after this Unix time.
    pub fn next_end(&self, unix_seconds: u64) -> Option<u64> {
        self.0.iter().filter_map(|one| one.until).filter(|until| *until > unix_seconds).min()
    }

    /// All of them.
    pub fn iter(&self) -> impl Iterator<Item = &Override> {
        self.0.iter()
    }

    /// Whether nobody set one.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Adds one more.
    pub fn add(&mut self, one: Override) {
        self.0.push(one);
    }
}

impl FromIterator<Override> for Overrides {
    fn from_iter<I: IntoIterator<Item = Override>>(all: I) -> Self {
        Self(all.into_iter().collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn until(state: OverrideState, until: Option<u64>) -> Override {
        Override { until, ..state.into() }
    }

    #[test]
    fn r24_of_several_overrides_the_stronger_holds_and_of_equals_the_one_that_lasts_longest() {
        use OverrideState::{Down, Drained};
        let shorter = Override { by: Some("ann".into()), ..until(Down, Some(10)) };
        let [longer, forever] = [until(Down, Some(20)), until(Drained, None)];
        let all: Overrides = [forever.clone(), shorter, longer.clone()].into_iter().collect();
        let holds = |now| all.at(now).cloned();
        assert_eq!(
            [9, 19, 20, 21].map(holds),
            [&longer, &longer, &forever, &forever].map(|one| Some(one.clone()))
        );
        assert_eq!([9, 10, 19, 20].map(|now| all.next_end(now)), [Some(10), Some(20), Some(20), None]);
        assert_eq!(Overrides::default().at(0), None);
    }
}
