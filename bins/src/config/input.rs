//! Where values come from: the file, the environment, flags; brought into one form, each with its origin.
//!
//! ```text
//!  flags ──► MCI_… ──► the .NET application's names ──► file ──► POD_NAMESPACE      (the first one that is given is taken,
//!      every value, taken or not, is read by the same code (`read.rs`)               and all of them are checked)
//! ```

use std::collections::BTreeMap;
use std::fmt;

use mci_core::state_file::reading::{
    Collected, Key as NodeKey, Node, Path, Place, Reader, Text, Value, did_you_mean, tree,
};
use mci_core::state_file::{Problem, Problems};

use super::keys::{self, KEYS, Shape};

/// Where a value comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Origin {
    /// A file, and the line in it.
    File(String, Option<u32>),
    /// An environment variable.
    Variable(String),
    /// A flag, with its dashes.
    Flag(String),
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File(name, Some(line)) => write!(f, "{name}:{line}"),
            Self::File(name, None) => f.write_str(name),
            Self::Variable(name) => write!(f, "environment variable {name}"),
            Self::Flag(flag) => f.write_str(flag),
        }
    }
}

/// A text with values in it, before it is read.
#[derive(Debug)]
pub(super) struct Source<'a> {
    pub(super) kind: Kind,
    pub(super) text: Text<'a>,
}

/// What a source is.
#[derive(Debug)]
pub(super) enum Kind {
    File(String),
    Variable(String),
    /// Several variables that make one value: `Peers__0__Url` and its like. Line N of the places is the Nth of them.
    Variables(Vec<String>),
    Flag(String),
}

impl Source<'_> {
    fn origin(&self, at: Place) -> Origin {
        match &self.kind {
            Kind::File(name) => Origin::File(name.clone(), self.text.line_and_column(at).0),
            Kind::Variable(name) => Origin::Variable(name.clone()),
            Kind::Variables(names) => Origin::Variable(variable_at(names, self.text.line_and_column(at).0)),
            Kind::Flag(flag) => Origin::Flag(flag.clone()),
        }
    }
}

/// The variable that stands at a line; the first where there is none.
fn variable_at(names: &[String], line: Option<u32>) -> String {
    let index = line.and_then(|line| usize::try_from(line).ok()).map_or(0, |line| line.saturating_sub(1));
    names.get(index).or(names.first()).cloned().unwrap_or_default()
}

/// One value of one key, from one source.
#[derive(Debug)]
pub(super) struct Given<'a> {
    pub(super) key: &'static str,
    pub(super) source: usize,
    pub(super) node: Node<'a>,
}

/// Every value that was given, and what was wrong with them until now.
#[derive(Debug, Default)]
pub(super) struct Input<'a> {
    pub(super) sources: &'a [Source<'a>],
    /// The first of a key is the one that holds.
    given: Vec<Given<'a>>,
    pub(super) problems: Collected,
    pub(super) warnings: Collected,
    origins: BTreeMap<&'static str, Origin>,
}

impl<'a> Input<'a> {
    /// With sources in the order in which they win, each value of which is yet to be [`given`](Self::give).
    pub(super) fn new(sources: &'a [Source<'a>]) -> Self {
        Self { sources, ..Self::default() }
    }

    /// A value; those that were given before it win.
    pub(super) fn give(&mut self, key: &'static str, source: usize, node: Node<'a>) {
        // `key:` with nothing behind it is as if it did not stand there.
        if !matches!(node.value, Value::Null) {
            self.given.push(Given { key, source, node });
        }
    }

    /// The keys of a configuration file.
    pub(super) fn give_file(&mut self, source: usize) {
        let Some(Source { text, .. }) = self.sources.get(source) else { return };
        let node = match tree(text) {
            Ok(node) => node,
            Err(mut syntax) => {
                // It may repeat a piece of the file, and that may be a secret.
                syntax.hint = syntax.hint.filter(|hint| !hint.starts_with("write "));
                return self.reader(source, |reader| reader.syntax(syntax));
            }
        };
        match node.value {
            Value::Map(entries) => {
                let mut found = Vec::new();
                self.reader(source, |reader| flatten(reader, entries, "", &Path::Root, &mut found));
                for (key, node) in found {
                    self.give(key, source, node);
                }
            }
            // An empty file says nothing: every key has a default.
            Value::Null => {}
            _ => self.reader(source, |reader| {
                let known = keys::below("").join(", ");
                reader.unexpected(&Path::Root, &node, &format!("a map with keys such as {known}"));
            }),
        }
    }

    /// A value that came as text.
    pub(super) fn give_text(&mut self, key: &'static keys::Key, source: usize, value: &'a str) {
        let text = |value: &str| Value::Text(value.trim().to_owned().into());
        let is_yaml = match key.shape {
            Shape::Text | Shape::Scalar => false,
            Shape::List => value.trim_start().starts_with('['),
            Shape::Tree => true,
        };
        let value = match key.shape {
            _ if is_yaml => return self.give_yaml(key.path, source),
            Shape::Scalar => match value.trim() {
                "true" => Value::Bool(true),
                "false" => Value::Bool(false),
                other => other.parse().map_or_else(|_| text(other), Value::Integer),
            },
            Shape::List => {
                let parts = value.split(',').filter(|part| !part.trim().is_empty());
                Value::List(parts.map(|part| Node { at: Place::Unknown, value: text(part) }).collect())
            }
            Shape::Text | Shape::Tree => text(value),
        };
        self.give(key.path, source, Node { at: Place::Unknown, value });
    }

    fn give_yaml(&mut self, key: &'static str, source: usize) {
        let Some(Source { text, .. }) = self.sources.get(source) else { return };
        match tree(text) {
            Ok(node) => {
                // `a.example,b.example` is YAML for one text.
                let node = match node.value {
                    Value::Text(names) if key == "zones" => {
                        let names = names.split(',').map(str::trim).filter(|name| !name.is_empty());
                        let at = node.at;
                        let node = |name: &str| Node { at, value: Value::Text(name.to_owned().into()) };
                        Node { at, value: Value::List(names.map(node).collect()) }
                    }
                    value => Node { at: node.at, value },
                };
                self.give(key, source, node);
            }
            Err(syntax) => {
                let (line, column) = text.line_and_column(syntax.at);
                let mut problem = Problem::of(text.name(), key, syntax.message);
                (problem.line, problem.column) = (line, column);
                self.problems.push(|| problem);
            }
        }
    }

    fn reader<T>(&mut self, source: usize, read: impl FnOnce(&mut Reader<'_>) -> T) -> T {
        let source = self.sources.get(source).expect("a source that was given");
        read(&mut Reader::thorough(&source.text, &mut self.problems, &mut self.warnings))
    }

    /// Reads every value of a key; the one that holds, if any does.
    pub(super) fn take<T>(
        &mut self,
        key: &'static str,
        mut read: impl FnMut(&mut Reader<'_>, &Node<'_>, &Path<'_>) -> Option<T>,
    ) -> Option<T> {
        self.take_with_source(key, |reader, node, path, _| read(reader, node, path)).map(|(value, _)| value)
    }

    /// The same, with the source of each.
    pub(super) fn take_with_source<T>(
        &mut self,
        key: &'static str,
        mut read: impl FnMut(&mut Reader<'_>, &Node<'_>, &Path<'_>, &Source<'a>) -> Option<T>,
    ) -> Option<(T, usize)> {
        debug_assert!(keys::at(key).is_some(), "{key} is in the table of keys");
        let mut taken = None;
        for given in self.given.iter().filter(|given| given.key == key) {
            let source = self.sources.get(given.source).expect("a source that was given");
            let mut reader = Reader::thorough(&source.text, &mut self.problems, &mut self.warnings);
            let value = along(key, &Path::Root, |path| read(&mut reader, &given.node, path, source));
            if taken.is_none()
                && let Some(value) = value
            {
                self.origins.insert(key, source.origin(given.node.at));
                taken = Some((value, given.source));
            }
        }
        taken
    }

    /// Whether any source names a key, right or wrong.
    pub(super) fn is_given(&self, key: &str) -> bool {
        self.given.iter().any(|given| given.key == key)
    }

    /// A mistake that shows when several keys are looked at together, at the place of one of them.
    pub(super) fn wrong(&mut self, key: &'static str, message: impl Into<String>, hint: Option<&str>) {
        let given = self.given.iter().find(|given| given.key == key);
        let source = given.and_then(|given| Some((given, self.sources.get(given.source)?)));
        let mut problem = Problem::of(source.map_or("", |(_, source)| source.text.name()), key, message);
        if let Some((given, source)) = source {
            (problem.line, problem.column) = source.text.line_and_column(given.node.at);
        }
        problem.hint = hint.map(str::to_owned);
        self.problems.push(|| problem);
    }

    /// Where each value that was given comes from.
    pub(super) fn origins(&self) -> BTreeMap<&'static str, Origin> {
        self.origins.clone()
    }

    /// What was wrong, if anything was, and what to look at.
    pub(super) fn finish(self) -> Result<Vec<Problem>, Problems> {
        let sources = self.sources;
        if self.problems.is_empty() {
            return Ok(self.warnings.into_vec().into_iter().map(|problem| named(sources, problem)).collect());
        }
        let problems = self.problems.into_problems();
        let mut renamed = Collected::default();
        for problem in &problems {
            renamed.push(|| named(sources, problem.clone()));
        }
        // More than are kept: they are counted.
        for _ in problems.iter().len()..problems.count() {
            renamed.push(Problem::default);
        }
        Err(renamed.into_problems())
    }
}

/// A problem with one of several variables, under that variable's name.
fn named(sources: &[Source<'_>], mut problem: Problem) -> Problem {
    for source in sources {
        if let Kind::Variables(names) = &source.kind
            && source.text.name() == &*problem.file
        {
            problem.file = format!("environment variable {}", variable_at(names, problem.line)).into();
            (problem.line, problem.column) = (None, None);
            break;
        }
    }
    problem
}

/// Calls `with` with the path of a key.
fn along<T>(rest: &str, path: &Path<'_>, with: impl FnOnce(&Path<'_>) -> T) -> T {
    // Three steps at most; written out, since each borrows from the one before.
    let mut steps = rest.splitn(3, '.');
    match (steps.next(), steps.next(), steps.next()) {
        (Some(a), None, _) => with(&path.key(a)),
        (Some(a), Some(b), None) => with(&path.key(a).key(b)),
        (Some(a), Some(b), Some(c)) => with(&path.key(a).key(b).key(c)),
        (None, ..) => with(path),
    }
}

/// Takes maps apart until they are values of keys.
fn flatten<'a>(
    reader: &mut Reader<'_>,
    entries: Vec<(NodeKey<'a>, Node<'a>)>,
    prefix: &str,
    path: &Path<'_>,
    found: &mut Vec<(&'static str, Node<'a>)>,
) {
    let steps = keys::below(prefix);
    let mut seen: Vec<String> = Vec::new();
    for (key, node) in entries {
        let path = path.key(&key.text);
        if !steps.contains(&&*key.text) {
            reader.problem_with(&path, key.at, "unknown key", || {
                let near = did_you_mean(&key.text, steps.iter().copied()).or_else(|| elsewhere(&key.text));
                near.or_else(|| Some(format!("known are {}", steps.join(", "))))
            });
            continue;
        }
        if seen.iter().any(|seen| *seen == *key.text) {
            reader.problem(&path, key.at, "the key stands here a second time");
            continue;
        }
        seen.push(key.text.to_string());
        let full = if prefix.is_empty() { key.text.to_string() } else { format!("{prefix}.{}", key.text) };
        if let Some(known) = keys::at(&full) {
            found.push((known.path, node));
            continue;
        }
        match node.value {
            Value::Map(entries) => flatten(reader, entries, &full, &path, found),
            Value::Null => {}
            _ => {
                let expected = format!("a map with the keys {}", keys::below(&full).join(", "));
                reader.unexpected(&path, &node, &expected);
            }
        }
    }
}

/// Where a key belongs that stands at the wrong level: `level` is `log.level`, `heartbeatTimeout` is `heartbeat.timeout`.
fn elsewhere(text: &str) -> Option<String> {
    let last = |key: &&keys::Key| key.path.rsplit('.').next() == Some(text);
    let joined = |key: &&keys::Key| key.path.replace('.', "").eq_ignore_ascii_case(text);
    let mut meant = KEYS.iter().filter(|key| key.path != text && (last(key) || joined(key)));
    match (meant.next(), meant.next()) {
        (Some(key), None) => Some(format!("did you mean {:?}?", key.path)),
        _ => None,
    }
}
