//! A piece of a YAML or JSON text as a tree that remembers its places.
//!
//! It knows nothing of state files. Both formats become this one tree, hostname by hostname, so that one reader
//! (`reader.rs`) checks both.

use core::fmt;
use std::borrow::Cow;

/// Where something stands in its text.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Place {
    /// Not known: the quick pass over JSON does not look.
    #[default]
    Unknown,
    /// Line and column, both counted from 1.
    At(u32, u32),
    /// An offset in octets.
    Offset(usize),
}

/// A value and its place.
#[derive(Clone, Debug)]
pub struct Node<'a> {
    /// Where it stands.
    pub at: Place,
    /// What it says.
    pub value: Value<'a>,
}

/// A key and its place.
#[derive(Clone, Debug)]
pub struct Key<'a> {
    /// Where it stands.
    pub at: Place,
    /// The key itself.
    pub text: Cow<'a, str>,
}

/// What both formats can say.
#[derive(Clone, Debug)]
pub enum Value<'a> {
    /// Nothing: `key:` with nothing behind it.
    Null,
    /// `true` or `false`.
    Bool(bool),
    /// A whole number.
    Integer(i128),
    /// A number with a fraction.
    Float(f64),
    /// A text.
    Text(Cow<'a, str>),
    /// A list.
    List(Vec<Node<'a>>),
    /// In the order of the text; a key may stand twice, which the reader reports.
    Map(Vec<(Key<'a>, Node<'a>)>),
}

/// What was found, for a message: `the text "x"`, `a list`, `nothing`.
impl fmt::Display for Value<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Null => f.write_str("nothing"),
            Self::Bool(value) => write!(f, "{value}"),
            Self::Integer(value) => write!(f, "the number {value}"),
            Self::Float(value) => write!(f, "the number {value}"),
            Self::Text(text) => write!(f, "the text {:?}", Shortened(text)),
            Self::List(_) => f.write_str("a list"),
            Self::Map(_) => f.write_str("a map"),
        }
    }
}

/// A text that goes into a message, cut where it is long: a message is not to repeat a file.
pub(crate) struct Shortened<'a>(pub(crate) &'a str);

impl fmt::Debug for Shortened<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const LONGEST: usize = 80;
        match self.0.char_indices().nth(LONGEST) {
            None => write!(f, "{:?}", self.0),
            Some((end, _)) => write!(f, "{:?}…", self.0.get(..end).unwrap_or_default()),
        }
    }
}
