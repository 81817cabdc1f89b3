//! What is wrong with a file: where it is, what was found, and what would be right.

use core::fmt;
use std::sync::Arc;

/// How many problems are kept with their texts; beyond it they are counted.
const KEPT: usize = 1_000;

/// One mistake in a file, or one thing to look at.
///
/// It reads as compilers write:
/// `gslb.yaml:12:9: hostnames[3].endpoints[0].weigth: unknown key; did you mean "weight"?`
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, serde::Serialize)]
#[non_exhaustive]
pub struct Problem {
    /// The file's name, as it was given; empty where a text has none.
    #[serde(serialize_with = "crate::possible::as_text")]
    pub file: Arc<str>,
    /// The line, counted from 1; absent where the whole file is meant.
    pub line: Option<u32>,
    /// The character in that line, counted from 1.
    pub column: Option<u32>,
    /// The key's path, such as `hostnames[3].endpoints[0].weight`; empty for the file itself.
    pub path: String,
    /// What is wrong.
    pub message: String,
    /// What would be right.
    pub hint: Option<String>,
}

impl Problem {
    /// A mistake in a source that has no lines, such as an environment variable, or in a file as a whole.
    pub fn of(source: &str, path: impl Into<String>, message: impl Into<String>) -> Self {
        Self { file: source.into(), path: path.into(), message: message.into(), ..Self::default() }
    }

    /// With what would be right.
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { file, line, column, path, message, hint } = self;
        let mut place = String::from(&**file);
        for number in [line, column].into_iter().flatten() {
            if !place.is_empty() {
                place.push(':');
            }
            place.push_str(&number.to_string());
        }
        if !place.is_empty() {
            write!(f, "{place}: ")?;
        }
        if !path.is_empty() {
            write!(f, "{path}: ")?;
        }
        f.write_str(message)?;
        match hint {
            Some(hint) => write!(f, "; {hint}"),
            None => Ok(()),
        }
    }
}

/// Every mistake in one or several files that were read together; at least one.
///
/// At most 1,000 are kept, in the order of the files; [`count`](Self::count) counts them all.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
pub struct Problems {
    problems: Vec<Problem>,
    count: usize,
}

impl Problems {
    /// How many there are, those included that were too many to keep.
    pub fn count(&self) -> usize {
        self.count
    }

    /// Those that were kept.
    pub fn iter(&self) -> core::slice::Iter<'_, Problem> {
        self.problems.iter()
    }
}

impl From<Problem> for Problems {
    fn from(problem: Problem) -> Self {
        Self { problems: vec![problem], count: 1 }
    }
}

impl<'a> IntoIterator for &'a Problems {
    type Item = &'a Problem;
    type IntoIter = core::slice::Iter<'a, Problem>;

    fn into_iter(self) -> Self::IntoIter {
        self.iter()
    }
}

impl fmt::Display for Problems {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (position, problem) in self.problems.iter().enumerate() {
            if position > 0 {
                writeln!(f)?;
            }
            write!(f, "{problem}")?;
        }
        match self.count - self.problems.len() {
            0 => Ok(()),
            more => write!(f, "\nand {more} more"),
        }
    }
}

impl core::error::Error for Problems {}

/// Where problems are collected.
#[derive(Debug, Default)]
pub struct Collected {
    problems: Vec<Problem>,
    count: usize,
}

impl Collected {
    /// Keeps what `problem` makes, as long as there is room.
    pub fn push(&mut self, problem: impl FnOnce() -> Problem) {
        self.count += 1;
        if self.problems.len() < KEPT {
            self.problems.push(problem());
        }
    }

    /// Whether nothing was found.
    pub fn is_empty(&self) -> bool {
        self.count == 0
    }

    /// Whether one more would only be counted.
    pub(crate) fn is_full(&self) -> bool {
        self.problems.len() >= KEPT
    }

    /// Counts one that is not kept.
    pub(crate) fn count_one(&mut self) {
        self.count += 1;
    }

    /// How many there are.
    pub fn count(&self) -> usize {
        self.count
    }

    /// Takes others too.
    pub fn extend(&mut self, problems: Problems) {
        let kept = problems.problems.len();
        for problem in problems.problems {
            self.push(|| problem);
        }
        self.count += problems.count - kept;
    }

    /// What was collected, in the order of the places.
    pub fn into_problems(mut self) -> Problems {
        // Files stay in the order they were given; what is found late (a zone's) goes to its place.
        let order: Vec<Arc<str>> = self.problems.iter().map(|problem| problem.file.clone()).collect();
        let rank = |file: &Arc<str>| order.iter().position(|other| other == file);
        self.problems.sort_by_cached_key(|problem| (rank(&problem.file), problem.line, problem.column));
        Problems { problems: self.problems, count: self.count }
    }

    /// What was collected, as a list.
    pub fn into_vec(self) -> Vec<Problem> {
        self.problems
    }
}
