//! YAML as [`Node`]s, always with places.

use core::marker::PhantomData;

use serde::Deserialize;
use serde::de::{Deserializer, Visitor};
use serde_saphyr::{DuplicateKeyPolicy, Location, Options, Spanned};

use crate::state_file::json::{Name, ValueVisitor};
use crate::state_file::node::{Key, Node, Place, Value};
use crate::state_file::stream::Source;
use crate::state_file::text::{Syntax, Text};

/// Lets a visitor read a whole text.
pub(crate) fn read<'a>(text: &'a Text<'_>, visitor: impl Visitor<'a, Value = ()>) -> Result<(), Syntax> {
    serde_saphyr::with_deserializer_from_str_with_options(
        &text.content,
        options(text.content.len()),
        |deserializer| deserializer.deserialize_any(visitor),
    )
    .map_err(|error| syntax(text, &error))
}

/// Reads a whole text as one value.
pub(crate) fn read_value<'a>(text: &'a Text<'_>) -> Result<Spanned<SpannedValue<'a>>, Syntax> {
    serde_saphyr::from_str_with_options(&text.content, options(text.content.len()))
        .map_err(|error| syntax(text, &error))
}

/// Limits by the size of the text: the default ones refuse about 5,400 hostnames. Without aliases a text has fewer
/// events than octets, so that no honest file is refused; what aliases expand to is at most once more the text (no
/// billion laughs).
fn options(len: usize) -> Options {
    let some = len.saturating_mul(2).saturating_add(1_000);
    serde_saphyr::options! {
        with_snippet: false,
        // `yes` and `no` are text: what is no boolean in YAML 1.2 is to be an error that says so.
        strict_booleans: true,
        non_finite_float_policy: serde_saphyr::NonFiniteFloatPolicy::AsString,
        // The reader reports them with their places.
        duplicate_keys: DuplicateKeyPolicy::PassThrough,
        budget: serde_saphyr::budget! {
            max_events: some,
            max_nodes: some,
            max_aliases: some,
            max_anchors: some,
            max_merge_keys: some,
            max_recorded_anchor_events: some,
            max_recorded_anchor_bytes: some,
            max_total_scalar_bytes: some,
            max_depth: 32,
            max_documents: 2,
            enforce_alias_anchor_ratio: false,
        },
        alias_limits: serde_saphyr::alias_limits! { max_total_replayed_events: len.saturating_add(1_000) },
    }
}

pub(crate) struct Spans;

impl<'a> Source<'a> for Spans {
    type Key = Spanned<Name<'a>>;
    type Node = Spanned<SpannedValue<'a>>;

    fn key(&self, key: Self::Key) -> Key<'a> {
        spanned_key(key)
    }

    fn node(&self, node: Self::Node) -> Result<Node<'a>, Syntax> {
        Ok(spanned_node(node))
    }
}

/// A value whose parts know their places.
pub(crate) struct SpannedValue<'a>(Value<'a>);

impl<'de> Deserialize<'de> for SpannedValue<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer
            .deserialize_any(ValueVisitor { key: spanned_key, node: spanned_node, life: PhantomData })
            .map(Self)
    }
}

fn spanned_key(Spanned { value: Name(text), referenced, .. }: Spanned<Name<'_>>) -> Key<'_> {
    Key { at: place(referenced), text }
}

fn spanned_node(
    Spanned { value: SpannedValue(value), referenced, .. }: Spanned<SpannedValue<'_>>,
) -> Node<'_> {
    Node { at: place(referenced), value }
}

fn place(location: Location) -> Place {
    match (u32::try_from(location.line()), u32::try_from(location.column())) {
        (Ok(line @ 1..), Ok(column)) => Place::At(line, column.max(1)),
        _ => Place::Unknown,
    }
}

/// What a name that begins with `*` is taken for.
const STAR: &str = "a name that begins with '*' needs quotes in YAML, where it is an alias otherwise";

/// serde-saphyr's error in the terms of whoever wrote the file.
fn syntax(text: &Text<'_>, error: &serde_saphyr::Error) -> Syntax {
    use serde_saphyr::Error as E;
    let error = error.without_snippet();
    let location = error.location();
    let error = match error {
        E::AliasError { error, .. } => error.without_snippet(),
        other => other,
    };
    let at = location.map_or(Place::Unknown, place);
    let is_alias = match error {
        E::UnknownAnchor { .. } => true,
        other => other.to_string().contains("anchor or alias"),
    };
    if let Some(name) = star_at(text, at).filter(|_| is_alias) {
        return Syntax { at, message: STAR.to_owned(), hint: Some(format!("write {name:?}")) };
    }
    let (message, hint) = match error {
        E::MultipleDocuments { .. } => (
            "a second YAML document begins here".to_owned(),
            Some("put each document into a file of its own, and give all files".to_owned()),
        ),
        E::Budget { breach: serde_saphyr::budget::BudgetBreach::Depth { .. }, .. } => {
            ("lists and maps are nested deeper than 32 levels".to_owned(), None)
        }
        E::Budget { .. }
        | E::AliasReplayCounterOverflow { .. }
        | E::AliasReplayLimitExceeded { .. }
        | E::AliasExpansionLimitExceeded { .. }
        | E::AliasReplayStackDepthExceeded { .. } => (
            "anchors and aliases expand to far more than the file holds".to_owned(),
            Some("write the values out".to_owned()),
        ),
        other => {
            let said = other.to_string();
            let suffix = location
                .map(|location| format!(" at line {}, column {}", location.line(), location.column()))
                .unwrap_or_default();
            let said = said.strip_suffix(&suffix).unwrap_or(&said);
            let tab = said.contains("tab").then(|| "indent with spaces".to_owned());
            (format!("the YAML cannot be read: {said}"), tab)
        }
    };
    Syntax { at, message, hint }
}

/// The name at a place that begins with an unquoted `*`.
fn star_at<'t>(text: &'t Text<'_>, at: Place) -> Option<&'t str> {
    let (offset, rest) = text.rest_from(at)?;
    // The scanner points behind the star where nothing follows that an alias may have.
    let begin = if rest.starts_with('*') { offset } else { offset.checked_sub(1)? };
    let rest = text.content.get(begin..).filter(|rest| rest.starts_with('*'))?;
    let end =
        rest.find(|c: char| c.is_whitespace() || matches!(c, ',' | ']' | '}' | '#')).unwrap_or(rest.len());
    rest.get(..end)
}

/// How many unquoted names that begin with `*` are looked for in one file.
const MOST_STARS: usize = 100;

/// Reports every unquoted `*`, and gives a text of the same shape in which the other mistakes can be found:
/// each star is a `_` there.
pub(crate) fn without_stars(text: &Text<'_>, mut report: impl FnMut(Syntax)) -> Option<Text<'static>> {
    let mut repaired: Option<Text<'static>> = None;
    for _ in 0..MOST_STARS {
        let current: &Text<'_> = repaired.as_ref().unwrap_or(text);
        let ignored = serde_saphyr::from_str_with_options::<serde::de::IgnoredAny>(
            &current.content,
            options(current.content.len()),
        );
        let syntax = match ignored {
            Ok(_) => break,
            Err(error) => syntax(current, &error),
        };
        if syntax.message != STAR {
            break;
        }
        let Some((offset, rest)) = current.rest_from(syntax.at) else { break };
        let star = if rest.starts_with('*') { offset } else { offset.saturating_sub(1) };
        let mut patched = current.content.clone().into_owned();
        patched.replace_range(star..=star, "_");
        report(syntax);
        repaired = Some(current.with_text(patched));
    }
    repaired
}
