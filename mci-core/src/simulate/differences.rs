//! Which hostnames are answered differently in two snapshots.

use core::fmt;
use std::collections::BTreeSet;

use crate::changes::Answers;
use crate::hostname::Hostname;
use crate::outcome::Query;
use crate::possible::Possible;
use crate::record_type::RecordType;
use crate::snapshot::Snapshot;

/// The hostnames that are answered differently: first those that have no answer left, each part by name.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
pub struct Differences {
    differences: Vec<Difference>,
}

/// One hostname that is answered differently.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
#[non_exhaustive]
pub struct Difference {
    /// The hostname; a wildcard stands for the names that it covers.
    #[serde(serialize_with = "crate::possible::as_text")]
    pub hostname: Hostname,
    /// What may be answered before.
    pub before: Answers,
    /// What may be answered after.
    pub after: Answers,
    /// Whether it was answered, to A or AAAA, and is not any more.
    pub unanswerable: bool,
}

impl Differences {
    /// All of them.
    pub fn iter(&self) -> core::slice::Iter<'_, Difference> {
        self.differences.iter()
    }

    /// Whether every hostname is answered as before.
    pub fn is_empty(&self) -> bool {
        self.differences.is_empty()
    }

    /// How many hostnames are answered differently.
    pub fn len(&self) -> usize {
        self.differences.len()
    }

    /// Those that have no answer left.
    pub fn unanswerable(&self) -> impl Iterator<Item = &Difference> {
        self.differences.iter().filter(|difference| difference.unanswerable)
    }
}

impl<'a> IntoIterator for &'a Differences {
    type Item = &'a Difference;
    type IntoIter = core::slice::Iter<'a, Difference>;

    fn into_iter(self) -> Self::IntoIter {
        self.iter()
    }
}

impl fmt::Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { hostname, before, after, unanswerable } = self;
        write!(f, "{hostname}: {before} -> {after}")?;
        if *unanswerable { f.write_str("   NO ANSWER LEFT") } else { Ok(()) }
    }
}

impl fmt::Display for Differences {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for difference in self {
            writeln!(f, "{difference}")?;
        }
        let unanswerable = self.unanswerable().count();
        match (self.len(), unanswerable) {
            (0, _) => f.write_str("every hostname is answered as before"),
            (1, 0) => f.write_str("1 hostname is answered differently"),
            (count, 0) => write!(f, "{count} hostnames are answered differently"),
            (count, left) => write!(f, "{count} answered differently, {left} of them not at all"),
        }
    }
}

/// Compares the answers to A and AAAA for every hostname of either snapshot.
///
/// It asks both snapshots about all of them, so what an alias leads to counts too.
pub fn differences(before: &Snapshot, after: &Snapshot) -> Differences {
    let hostnames: BTreeSet<Hostname> = before.hostnames().chain(after.hostnames()).collect();
    let mut differences: Vec<Difference> = hostnames
        .into_iter()
        .filter_map(|hostname| {
            let [was, is] = [before, after].map(|snapshot| answers(snapshot, &hostname));
            let answered =
                |answers: &Answers| [&answers.v4, &answers.v6].into_iter().any(Possible::is_answered);
            let unanswerable = answered(&was) && !answered(&is);
            (was != is).then_some(Difference { hostname, before: was, after: is, unanswerable })
        })
        .collect();
    differences.sort_by_cached_key(|difference| (!difference.unanswerable, difference.hostname.to_string()));
    Differences { differences }
}

fn answers(snapshot: &Snapshot, hostname: &Hostname) -> Answers {
    let possible = |record_type| snapshot.possible(&Query::new(hostname.clone(), record_type));
    Answers { v4: possible(RecordType::A), v6: possible(RecordType::AAAA) }
}
