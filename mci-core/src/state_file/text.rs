//! A file's text: its name, its format, and what stands where.

use core::cell::OnceCell;
use std::borrow::Cow;
use std::sync::Arc;

use crate::state_file::node::Place;
use crate::state_file::problem::Problem;

/// How a text is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Format {
    /// Whose text begins with `{`.
    Json,
    Yaml,
}

/// A file's text.
#[derive(Clone, Debug)]
pub struct Text<'a> {
    pub(crate) name: Arc<str>,
    pub(crate) content: Cow<'a, str>,
    pub(crate) format: Format,
    /// Where each line begins; made when the first place is asked for.
    lines: OnceCell<Vec<usize>>,
}

impl<'a> Text<'a> {
    /// A file's octets as text: UTF-8, with or without a byte order mark.
    pub fn from_bytes(name: &str, bytes: &'a [u8]) -> Result<Self, Problem> {
        match core::str::from_utf8(bytes) {
            Ok(text) => Ok(Self::new(name, text)),
            Err(error) => Err(not_utf8(name, bytes, error.valid_up_to())),
        }
    }

    /// A text, under the name that messages give it.
    pub fn new(name: &str, text: &'a str) -> Self {
        let text = text.strip_prefix('\u{feff}').unwrap_or(text);
        let format = if text.trim_start().starts_with('{') { Format::Json } else { Format::Yaml };
        Self { name: name.into(), content: Cow::Borrowed(text), format, lines: OnceCell::new() }
    }

    /// The same file with another text of the same length.
    pub(crate) fn with_text(&self, text: String) -> Text<'static> {
        Text {
            name: self.name.clone(),
            content: Cow::Owned(text),
            format: self.format,
            lines: self.lines.clone(),
        }
    }

    /// The name that messages give it.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Line and column of a place, both counted from 1.
    pub fn line_and_column(&self, place: Place) -> (Option<u32>, Option<u32>) {
        let number = |n: usize| u32::try_from(n).ok();
        match place {
            Place::Unknown => (None, None),
            Place::At(line, column) => (Some(line), Some(column)),
            Place::Offset(offset) => {
                let lines = self.lines();
                let line = lines.partition_point(|begin| *begin <= offset);
                let begin = lines.get(line.saturating_sub(1)).copied().unwrap_or_default();
                let column = self.content.get(begin..offset).map_or(1, |before| before.chars().count() + 1);
                (number(line), number(column))
            }
        }
    }

    /// The text from a place on.
    pub(crate) fn rest_from(&self, place: Place) -> Option<(usize, &str)> {
        let offset = match place {
            Place::Unknown => return None,
            Place::Offset(offset) => offset,
            Place::At(line, column) => {
                let begin = *self.lines().get(usize::try_from(line).ok()?.checked_sub(1)?)?;
                let line = self.content.get(begin..)?;
                let column = usize::try_from(column).ok()?.checked_sub(1)?;
                begin + line.char_indices().nth(column).map_or(line.len(), |(offset, _)| offset)
            }
        };
        Some((offset, self.content.get(offset..)?))
    }

    fn lines(&self) -> &[usize] {
        self.lines.get_or_init(|| {
            core::iter::once(0)
                .chain(self.content.match_indices('\n').map(|(offset, _)| offset + 1))
                .collect()
        })
    }
}

fn not_utf8(name: &str, bytes: &[u8], valid: usize) -> Problem {
    let before = bytes.get(..valid).unwrap_or_default();
    let line = before.split(|octet| *octet == b'\n').count();
    let line_begin = before.iter().rposition(|octet| *octet == b'\n').map_or(0, |newline| newline + 1);
    let column = String::from_utf8_lossy(before.get(line_begin..).unwrap_or_default()).chars().count() + 1;
    let sixteen_bits = matches!(bytes, [0xff, 0xfe, ..] | [0xfe, 0xff, ..]);
    Problem {
        file: name.into(),
        line: u32::try_from(line).ok(),
        column: u32::try_from(column).ok(),
        path: String::new(),
        message: match bytes.get(valid) {
            _ if sixteen_bits => "the file is UTF-16, not UTF-8".to_owned(),
            Some(octet) => {
                format!("the file is not UTF-8: octet 0x{octet:02x} stands where no character has it")
            }
            None => "the file is not UTF-8".to_owned(),
        },
        hint: Some("save it as UTF-8".to_owned()),
    }
}

/// A text that could not be read to its end.
#[derive(Clone, Debug)]
pub struct Syntax {
    /// How far it was read.
    pub at: Place,
    /// What is wrong.
    pub message: String,
    /// What would be right; it may repeat a piece of the text.
    pub hint: Option<String>,
}
