//! Reads [`Node`]s into values, and reports each mistake with its place, its path and what would be right.

use core::fmt;
use core::str::FromStr;

use crate::state_file::nearest::did_you_mean;
use crate::state_file::node::{Node, Place, Shortened, Value};
use crate::state_file::problem::{Collected, Problem};
use crate::state_file::stream::Detail;
use crate::state_file::text::{Syntax, Text};

/// The path of a key, `hostnames[3].endpoints[0].weight`: on the stack, written out for a problem only.
#[derive(Clone, Copy, Debug)]
pub enum Path<'p> {
    /// The top level.
    Root,
    /// A key of the map at a path.
    Key(&'p Self, &'p str),
    /// An element of the list at a path.
    Index(&'p Self, usize),
}

impl<'p> Path<'p> {
    /// The path of a key of the map here.
    pub fn key(&'p self, key: &'p str) -> Self {
        Self::Key(self, key)
    }

    /// The path of an element of the list here.
    pub fn index(&'p self, index: usize) -> Self {
        Self::Index(self, index)
    }
}

impl fmt::Display for Path<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Root => Ok(()),
            Self::Key(Self::Root, key) => write!(f, "{}", Plain(key)),
            Self::Key(parent, key) => write!(f, "{parent}.{}", Plain(key)),
            Self::Index(parent, index) => write!(f, "{parent}[{index}]"),
        }
    }
}

/// A key as it stands in a path; one that is no word is quoted.
struct Plain<'a>(&'a str);

impl fmt::Display for Plain<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if !self.0.is_empty() && self.0.chars().all(|c| c.is_alphanumeric() || matches!(c, '_' | '-')) {
            f.write_str(self.0)
        } else {
            write!(f, "{:?}", Shortened(self.0))
        }
    }
}

/// The keys of one kind of map.
pub trait Keys: Copy + 'static {
    /// Each with its text; at most 32.
    const ALL: &'static [(&'static str, Self)];
}

/// Which keys a map had, by their positions in [`Keys::ALL`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Given(u32);

/// An enum of keys and their texts.
#[macro_export]
#[doc(hidden)]
macro_rules! keys {
    ($(#[$about:meta])* $name:ident { $($variant:ident = $text:literal),+ $(,)? }) => {
        $(#[$about])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub(crate) enum $name { $($variant),+ }

        impl $crate::state_file::reading::Keys for $name {
            const ALL: &'static [(&'static str, Self)] = &[$(($text, Self::$variant)),+];
        }

        impl $name {
            /// Whether a map had this key.
            #[allow(dead_code, reason = "not every kind of map is asked")]
            pub(crate) fn is_in(self, given: $crate::state_file::reading::Given) -> bool {
                given.has(self as u32)
            }
        }
    };
}
pub use keys;

impl Given {
    /// Whether the key at this position was there.
    pub fn has(self, position: u32) -> bool {
        self.0 & (1 << position) != 0
    }
}

/// Reads one file.
#[derive(Debug)]
pub struct Reader<'r> {
    text: &'r Text<'r>,
    problems: &'r mut Collected,
    warnings: &'r mut Collected,
    detail: Detail,
    /// A newer program's keys are passed over (snapshot files).
    unknown_keys_pass: bool,
    /// No message shows what was found.
    is_secret: bool,
}

impl<'r> Reader<'r> {
    pub(crate) fn new(
        text: &'r Text<'r>,
        detail: Detail,
        problems: &'r mut Collected,
        warnings: &'r mut Collected,
    ) -> Self {
        Self { text, problems, warnings, detail, unknown_keys_pass: false, is_secret: false }
    }

    /// Reads a text for all its mistakes.
    pub fn thorough(text: &'r Text<'r>, problems: &'r mut Collected, warnings: &'r mut Collected) -> Self {
        Self::new(text, Detail::Places, problems, warnings)
    }

    /// Reads what is secret: no message within shows what was found.
    pub fn secretly<T>(&mut self, read: impl FnOnce(&mut Self) -> T) -> T {
        let before = core::mem::replace(&mut self.is_secret, true);
        let result = read(self);
        self.is_secret = before;
        result
    }

    fn found<'n>(&self, value: &'n Value<'n>) -> Found<'n> {
        Found { value, is_secret: self.is_secret }
    }

    /// Passes over keys that it does not know.
    pub(crate) fn unknown_keys_pass(mut self, pass: bool) -> Self {
        self.unknown_keys_pass = pass;
        self
    }

    /// How much was wrong until now.
    pub fn problem_count(&self) -> usize {
        self.problems.count()
    }

    /// `file:line:column`, for a problem elsewhere that speaks of this place.
    pub fn place_text(&self, at: Place) -> String {
        let problem = self.make(&Path::Root, at, String::new(), None);
        problem.to_string().trim_end_matches(": ").to_owned()
    }

    /// Something is wrong here.
    pub fn problem(&mut self, path: &Path<'_>, at: Place, message: impl fmt::Display) {
        self.problem_with(path, at, message, || None);
    }

    /// Something is wrong here, and `hint` may know what would be right.
    pub fn problem_with(
        &mut self,
        path: &Path<'_>,
        at: Place,
        message: impl fmt::Display,
        hint: impl FnOnce() -> Option<String>,
    ) {
        // The quick pass only asks whether there is any.
        if self.problems.is_full() || (self.detail == Detail::Quick && !self.problems.is_empty()) {
            self.problems.count_one();
            return;
        }
        let hint = if self.detail == Detail::Quick { None } else { hint() };
        let problem = self.make(path, at, message.to_string(), hint);
        self.problems.push(|| problem);
    }

    /// The text ends here for its reader.
    pub fn syntax(&mut self, Syntax { at, message, hint }: Syntax) {
        self.problem_with(&Path::Root, at, message, || hint);
    }

    /// Something is allowed and probably not meant.
    pub fn warning(&mut self, path: &Path<'_>, at: Place, message: impl fmt::Display) {
        if self.warnings.is_full() {
            self.warnings.count_one();
            return;
        }
        let problem = self.make(path, at, message.to_string(), None);
        self.warnings.push(|| problem);
    }

    fn make(&self, path: &Path<'_>, at: Place, message: String, hint: Option<String>) -> Problem {
        let (line, column) = self.text.line_and_column(at);
        Problem { file: self.text.name.clone(), line, column, path: path.to_string(), message, hint }
    }

    /// Something else was found than expected.
    pub fn unexpected(&mut self, path: &Path<'_>, node: &Node<'_>, expected: &str) {
        if let Some(address) = unquoted_colons(node).filter(|_| !self.is_secret) {
            self.problem_with(
                path,
                node.at,
                "an address that ends in '::' needs quotes in YAML, where it is a map otherwise",
                || Some(format!("write \"{address}\"")),
            );
        } else {
            self.problem(
                path,
                node.at,
                format_args!("expected {expected}, found {}", self.found(&node.value)),
            );
        }
    }

    /// Calls `each` for every known key of a map, and reports the others and those that stand twice. Nothing at all
    /// (`key:` with nothing behind it) is a map without keys.
    pub fn map<'n, 'a, K: Keys>(
        &mut self,
        node: &'n Node<'a>,
        path: &Path<'_>,
        each: impl FnMut(&mut Self, K, &'n Node<'a>, &Path<'_>),
    ) -> Option<Given> {
        if let Value::Map(entries) = &node.value {
            Some(self.entries(entries, path, each))
        } else {
            self.unexpected(path, node, &format!("a map with the keys {}", listed(K::ALL)));
            None
        }
    }

    /// The same for a map that is already taken apart.
    pub(crate) fn entries<'n, 'a, K: Keys>(
        &mut self,
        entries: &'n [(crate::state_file::node::Key<'a>, Node<'a>)],
        path: &Path<'_>,
        mut each: impl FnMut(&mut Self, K, &'n Node<'a>, &Path<'_>),
    ) -> Given {
        let mut given = Given::default();
        for (key, value) in entries {
            let known = K::ALL.iter().zip(0_u32..).find(|((text, _), _)| *text == key.text);
            let path = path.key(&key.text);
            let Some(((_, known), position)) = known else {
                if !self.unknown_keys_pass {
                    self.problem_with(&path, key.at, "unknown key", || {
                        let near = did_you_mean(&key.text, K::ALL.iter().map(|(text, _)| *text));
                        near.or_else(|| Some(format!("known are {}", listed(K::ALL))))
                    });
                }
                continue;
            };
            if given.has(position) {
                self.problem(&path, key.at, "the key stands here a second time");
                continue;
            }
            given.0 |= 1 << position;
            each(self, *known, value, &path);
        }
        given
    }

    /// Calls `each` for every element of a list; nothing at all is a list without elements.
    pub fn list<'n, 'a>(
        &mut self,
        node: &'n Node<'a>,
        path: &Path<'_>,
        expected: &str,
        mut each: impl FnMut(&mut Self, &'n Node<'a>, &Path<'_>),
    ) {
        match &node.value {
            Value::List(list) => {
                for (index, element) in list.iter().enumerate() {
                    each(self, element, &path.index(index));
                }
            }
            Value::Null => {}
            _ => self.unexpected(path, node, expected),
        }
    }

    /// A text.
    pub fn text<'n>(&mut self, node: &'n Node<'_>, path: &Path<'_>, expected: &str) -> Option<&'n str> {
        match &node.value {
            Value::Text(text) => return Some(text),
            Value::Integer(_) | Value::Float(_) | Value::Bool(_) => {
                let message = format_args!("expected {expected}, found {}", self.found(&node.value));
                self.problem_with(path, node.at, message, || Some("quote it".to_owned()));
            }
            _ => self.unexpected(path, node, expected),
        }
        None
    }

    /// `true` or `false`.
    pub fn boolean(&mut self, node: &Node<'_>, path: &Path<'_>) -> Option<bool> {
        match &node.value {
            Value::Bool(value) => Some(*value),
            Value::Text(text) => {
                let meant = match text.to_ascii_lowercase().as_str() {
                    "yes" | "y" | "on" | "true" => Some("write true"),
                    "no" | "n" | "off" | "false" => Some("write false"),
                    _ => None,
                };
                self.problem_with(
                    path,
                    node.at,
                    format_args!("expected true or false, found {}", self.found(&node.value)),
                    || meant.map(str::to_owned),
                );
                None
            }
            _ => {
                self.unexpected(path, node, "true or false");
                None
            }
        }
    }

    /// A whole number in a range that is named in `unit` (`seconds`) and in numbers.
    pub fn integer<T: TryFrom<i128>>(
        &mut self,
        node: &Node<'_>,
        path: &Path<'_>,
        (least, most): (i128, i128),
        what: &str,
    ) -> Option<T> {
        match &node.value {
            Value::Integer(value) if (least..=most).contains(value) => {
                let converted = T::try_from(*value).ok();
                debug_assert!(converted.is_some(), "the range fits the type");
                converted
            }
            Value::Integer(value) => {
                self.problem(
                    path,
                    node.at,
                    format_args!("{value} is out of range: {what} from {least} to {most}"),
                );
                None
            }
            Value::Float(value) if value.abs() >= 1e18 => {
                self.problem(
                    path,
                    node.at,
                    format_args!("{value} is out of range: {what} from {least} to {most}"),
                );
                None
            }
            Value::Text(text) => {
                let digits: String = text.chars().take_while(|c| c.is_ascii_digit() || *c == '-').collect();
                let hint = digits
                    .parse::<i64>()
                    .is_ok()
                    .then(|| format!("write {digits}, without quotes or a unit"));
                let message =
                    format_args!("expected a whole number ({what}), found {}", self.found(&node.value));
                self.problem_with(path, node.at, message, || hint);
                None
            }
            _ => {
                let message =
                    format_args!("expected a whole number ({what}), found {}", self.found(&node.value));
                self.problem(path, node.at, message);
                None
            }
        }
    }

    /// One of a few words.
    pub fn word<T: Copy>(
        &mut self,
        node: &Node<'_>,
        path: &Path<'_>,
        words: &'static [(&'static str, T)],
    ) -> Option<T> {
        let listed = || words.iter().map(|(word, _)| *word).collect::<Vec<_>>().join(", ");
        let Value::Text(text) = &node.value else {
            self.problem(
                path,
                node.at,
                format_args!("expected one of {}, found {}", listed(), self.found(&node.value)),
            );
            return None;
        };
        let found = words.iter().find(|(word, _)| word == text);
        if found.is_none() {
            let message = format_args!("expected one of {}, found {}", listed(), self.found(&node.value));
            self.problem_with(path, node.at, message, || {
                did_you_mean(text, words.iter().map(|(word, _)| *word))
            });
        }
        found.map(|(_, value)| *value)
    }

    /// A text that parses; what its error says is the message.
    pub fn parsed<T: FromStr<Err: fmt::Display>>(
        &mut self,
        node: &Node<'_>,
        path: &Path<'_>,
        expected: &str,
    ) -> Option<T> {
        let text = self.text(node, path, expected)?;
        match text.parse() {
            Ok(value) => Some(value),
            Err(error) => {
                self.problem(path, node.at, error);
                None
            }
        }
    }
}

/// `2001:db8::` without its quotes is the map `{"2001:db8:": null}`.
fn unquoted_colons(node: &Node<'_>) -> Option<String> {
    match &node.value {
        Value::Map(entries) => match entries.as_slice() {
            [(key, Node { value: Value::Null, .. })] if key.text.ends_with(':') => {
                Some(format!("{}:", key.text))
            }
            _ => None,
        },
        _ => None,
    }
}

/// What was found, for a message.
struct Found<'n> {
    value: &'n Value<'n>,
    is_secret: bool,
}

impl fmt::Display for Found<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.is_secret, self.value) {
            (true, Value::Text(_)) => f.write_str("a text"),
            (true, Value::Bool(_) | Value::Integer(_) | Value::Float(_)) => {
                f.write_str("something that is no text")
            }
            (_, value) => value.fmt(f),
        }
    }
}

fn listed<K>(keys: &[(&'static str, K)]) -> String {
    keys.iter().map(|(text, _)| *text).collect::<Vec<_>>().join(", ")
}
