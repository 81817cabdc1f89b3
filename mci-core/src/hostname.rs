//! Names in DNS wire form, parsed once, at the edge (R1).

use core::fmt::{self, Write as _};
use core::str::FromStr;
use std::sync::Arc;

/// The longest name in wire form, in octets (RFC 1035 §2.3.4).
pub(crate) const MAX_WIRE: usize = 255;
/// The longest label, in octets.
const MAX_LABEL: usize = 63;

/// A DNS name that MCI may hold, in lower case and canonical wire form; cheap to clone.
///
/// Letters, digits, `-` and `_` make a label, at most 63 octets each and 255 in wire form (R1). A leading label `*`
/// makes it a wildcard (R2). Text is read with or without the final dot.
///
/// ```
/// use mci_core::Hostname;
/// let name: Hostname = "App.GSLB.example.com.".parse().unwrap();
/// assert_eq!(name.to_string(), "app.gslb.example.com");
/// assert!("a..b".parse::<Hostname>().is_err());
/// ```
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct Hostname {
    wire: Arc<[u8]>,
}

/// Why a text is no [`Hostname`].
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum HostnameError {
    /// Nothing but white space, or nothing at all.
    #[error("the name is empty")]
    Empty,
    /// Two dots in a row, or a dot at the beginning.
    #[error("{0:?} has an empty label: two dots in a row, or a dot at the beginning")]
    EmptyLabel(String),
    /// A label of over 63 octets.
    #[error("label {0:?} has {len} octets; at most 63 are allowed (RFC 1035)", len = .0.len())]
    LabelTooLong(String),
    /// Over 255 octets in wire form.
    #[error("{0:?} is longer than 255 octets in wire form (RFC 1035)")]
    TooLong(String),
    /// A character that no hostname has.
    #[error("{1:?} is not allowed in {0:?}: a label has letters, digits, '-' and '_'")]
    Character(String, char),
    /// `*` anywhere but as the whole leftmost label.
    #[error("{0:?}: '*' stands alone, as the leftmost label (*.example.com)")]
    Wildcard(String),
    /// A hyphen at either end of a label.
    #[error("label {0:?} begins or ends with '-'")]
    Hyphen(String),
}

impl Hostname {
    /// The name in wire form: labels with their lengths, the root's zero octet at the end, A–Z folded.
    pub fn wire(&self) -> &[u8] {
        &self.wire
    }

    /// The number of labels, the root not counted.
    pub fn label_count(&self) -> usize {
        labels(&self.wire).count()
    }

    /// Whether the leftmost label is `*` (R2).
    pub fn is_wildcard(&self) -> bool {
        self.wire.starts_with(b"\x01*")
    }

    /// Whether this name is `ancestor` or below it, label by label.
    ///
    /// ```
    /// # use mci_core::Hostname;
    /// let name: Hostname = "a.b.example".parse().unwrap();
    /// assert!(name.is_within(&"b.example".parse().unwrap()));
    /// assert!(!name.is_within(&"xample".parse().unwrap()));
    /// ```
    pub fn is_within(&self, ancestor: &Self) -> bool {
        suffixes(&self.wire).any(|suffix| suffix == ancestor.wire())
    }

    /// `prefix` as a name relative to this one; `@` is this name itself.
    pub fn child(&self, prefix: &str) -> Result<Self, HostnameError> {
        if prefix == "@" { Ok(self.clone()) } else { format!("{prefix}.{self}").parse() }
    }

    /// A name from its wire form: what the product's own tables hold.
    pub(crate) fn from_stored(wire: &[u8]) -> Self {
        debug_assert_eq!(wire.last(), Some(&0), "a stored name ends with the root");
        Self { wire: wire.into() }
    }
}

impl FromStr for Hostname {
    type Err = HostnameError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let trimmed = text.strip_suffix('.').unwrap_or(text);
        if trimmed.is_empty() {
            return Err(HostnameError::Empty);
        }
        let mut wire = Vec::with_capacity(trimmed.len() + 2);
        for (position, label) in trimmed.split('.').enumerate() {
            check_label(text, position, label)?;
            wire.push(u8::try_from(label.len()).expect("a checked label has at most 63 octets"));
            wire.extend(label.bytes().map(|octet| octet.to_ascii_lowercase()));
        }
        wire.push(0);
        if wire.len() > MAX_WIRE {
            return Err(HostnameError::TooLong(text.to_owned()));
        }
        Ok(Self { wire: wire.into() })
    }
}

fn check_label(text: &str, position: usize, label: &str) -> Result<(), HostnameError> {
    if label.is_empty() {
        return Err(HostnameError::EmptyLabel(text.to_owned()));
    }
    if label.contains('*') {
        return if position == 0 && label == "*" {
            Ok(())
        } else {
            Err(HostnameError::Wildcard(text.to_owned()))
        };
    }
    if let Some(bad) = label.chars().find(|c| !(c.is_ascii_alphanumeric() || matches!(c, '-' | '_'))) {
        return Err(HostnameError::Character(text.to_owned(), bad));
    }
    if label.len() > MAX_LABEL {
        return Err(HostnameError::LabelTooLong(label.to_owned()));
    }
    if label.starts_with('-') || label.ends_with('-') {
        return Err(HostnameError::Hyphen(label.to_owned()));
    }
    Ok(())
}

/// The labels of a well-formed name in wire form, from the left, without the root.
pub(crate) fn labels(wire: &[u8]) -> impl Iterator<Item = &[u8]> {
    suffixes(wire).filter_map(|suffix| {
        let (&len, rest) = suffix.split_first()?;
        rest.get(..usize::from(len)).filter(|label| !label.is_empty())
    })
}

/// The name itself and each of its ancestors, the root last, as wire forms.
pub(crate) fn suffixes(wire: &[u8]) -> impl Iterator<Item = &[u8]> {
    core::iter::successors(Some(wire), |suffix| parent(suffix))
}

/// The name without its leftmost label; nothing above the root.
pub(crate) fn parent(wire: &[u8]) -> Option<&[u8]> {
    let (&len, rest) = wire.split_first()?;
    if len == 0 { None } else { rest.get(usize::from(len)..) }
}

impl fmt::Display for Hostname {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&presentation(&self.wire))
    }
}

/// A name as text: dots between the labels, anything unusual escaped (RFC 1035 §5.1); `.` for the root.
pub(crate) fn presentation(wire: &[u8]) -> String {
    let mut text = String::with_capacity(wire.len());
    for label in labels(wire) {
        if !text.is_empty() {
            text.push('.');
        }
        for &octet in label {
            match octet {
                b'.' | b'\\' | b'"' | b'(' | b')' | b';' | b'@' | b'$' => {
                    text.push('\\');
                    text.push(char::from(octet));
                }
                0x21..=0x7e => text.push(char::from(octet)),
                _ => {
                    let _ = write!(text, "\\{octet:03}");
                }
            }
        }
    }
    if text.is_empty() {
        text.push('.');
    }
    text
}

impl fmt::Debug for Hostname {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}", self.to_string())
    }
}

impl PartialOrd for Hostname {
    fn partial_cmp(&self, other: &Self) -> Option<core::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

/// By wire form: cheap, and the same for look-ups that have only octets.
impl Ord for Hostname {
    fn cmp(&self, other: &Self) -> core::cmp::Ordering {
        self.wire.cmp(&other.wire)
    }
}

/// A look-up by octets in a map that is keyed by hostnames.
impl core::borrow::Borrow<[u8]> for Hostname {
    fn borrow(&self) -> &[u8] {
        &self.wire
    }
}
