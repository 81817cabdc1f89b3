//! From a text to [`Node`]s, in two passes and hostname by hostname.
//!
//! ```text
//!  pass 1, head: every key but `hostnames`, as one small tree
//!  pass 2, body: `hostnames`, one node at a time, each dropped before the next is read
//! ```
//!
//! So a file of any number of hostnames needs the memory of one of them beside its text. The first pass stops at
//! `hostnames` and assumes that nothing follows; the second one says so if something did, and both are repeated.

use core::fmt;
use core::marker::PhantomData;
use core::ops::ControlFlow;

use serde::de::{DeserializeSeed, Deserializer, Error, IgnoredAny, MapAccess, SeqAccess, Visitor};

use crate::state_file::node::{Key, Node, Value};
use crate::state_file::text::{Format, Syntax, Text};
use crate::state_file::{json, yaml};

/// The key whose value is read one by one.
const STREAMED: &str = "hostnames";

/// How much is to be known about places.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Detail {
    /// As quickly as possible, to the first mistake.
    Quick,
    /// Every place, for all mistakes.
    Places,
}

/// How much of the top level the first pass reads.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Reach {
    /// What stands before `hostnames`.
    UntilHostnames,
    /// All of it.
    All,
}

/// The top level without `hostnames`.
#[derive(Debug)]
pub(crate) enum Head<'a> {
    Map(Vec<(Key<'a>, Node<'a>)>),
    /// The text is something else; a list or map is not kept.
    Other(Value<'a>),
}

/// What the second pass meets.
#[derive(Debug)]
pub(crate) enum Met<'n, 'a> {
    /// The next hostname, by its position in the list.
    Hostname(usize, &'n Node<'a>),
    /// `hostnames` is something else than a list.
    NotAList(&'n Key<'a>, &'n Value<'a>),
    /// `hostnames` a second time.
    Twice(&'n Key<'a>),
}

/// How the second pass ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum End {
    /// Everything was read, or the reader broke off.
    Read,
    /// A key follows `hostnames`, which the first pass has not seen.
    LateKey,
}

/// How one format is read with one detail.
pub(crate) trait Source<'a> {
    type Key: serde::Deserialize<'a>;
    type Node: serde::Deserialize<'a>;
    fn key(&self, key: Self::Key) -> Key<'a>;
    fn node(&self, node: Self::Node) -> Result<Node<'a>, Syntax>;
}

/// The first pass.
pub(crate) fn head<'a>(text: &'a Text<'_>, detail: Detail, reach: Reach) -> Result<Head<'a>, Syntax> {
    let mut pass = Pass { result: Head::Map(Vec::new()), broken: None };
    match (text.format, detail) {
        (Format::Yaml, _) => {
            let visitor = HeadVisitor { source: &yaml::Spans, reach, pass: &mut pass };
            let read = yaml::read(text, visitor);
            pass.end(read)
        }
        (Format::Json, Detail::Quick) => {
            let visitor = HeadVisitor { source: &json::Plain, reach, pass: &mut pass };
            let read = json::read(text, visitor);
            pass.end(read)
        }
        (Format::Json, Detail::Places) => {
            let visitor = HeadVisitor { source: &json::Spans(&text.content), reach, pass: &mut pass };
            let read = json::read(text, visitor);
            pass.end(read)
        }
    }
}

/// The second pass; `each` breaks off where it has seen enough.
pub(crate) fn body<'a>(
    text: &'a Text<'_>,
    detail: Detail,
    reach: Reach,
    each: impl FnMut(Met<'_, 'a>) -> ControlFlow<()>,
) -> Result<End, Syntax> {
    let mut pass = Pass { result: End::Read, broken: None };
    match (text.format, detail) {
        (Format::Yaml, _) => {
            let visitor = BodyVisitor { source: &yaml::Spans, reach, each, pass: &mut pass };
            let read = yaml::read(text, visitor);
            pass.end(read)
        }
        (Format::Json, Detail::Quick) => {
            let visitor = BodyVisitor { source: &json::Plain, reach, each, pass: &mut pass };
            let read = json::read(text, visitor);
            pass.end(read)
        }
        (Format::Json, Detail::Places) => {
            let visitor = BodyVisitor { source: &json::Spans(&text.content), reach, each, pass: &mut pass };
            let read = json::read(text, visitor);
            pass.end(read)
        }
    }
}

/// The whole text as one tree, with places: for files that are small by nature.
pub fn tree<'a>(text: &'a Text<'_>) -> Result<Node<'a>, Syntax> {
    match text.format {
        Format::Yaml => {
            let node = yaml::read_value(text)?;
            yaml::Spans.node(node)
        }
        Format::Json => {
            let node = json::read_value(text)?;
            json::Spans(&text.content).node(node)
        }
    }
}

/// What a pass found, beside the deserialiser's own result.
struct Pass<T> {
    result: T,
    /// Why the visitor broke off: serde knows errors only.
    broken: Option<Broken>,
}

enum Broken {
    Enough,
    Syntax(Syntax),
}

impl<T> Pass<T> {
    fn end(self, read: Result<(), Syntax>) -> Result<T, Syntax> {
        match (self.broken, read) {
            (Some(Broken::Enough), _) | (None, Ok(())) => Ok(self.result),
            (Some(Broken::Syntax(syntax)), _) | (None, Err(syntax)) => Err(syntax),
        }
    }

    fn enough<E: Error>(&mut self) -> E {
        self.broken = Some(Broken::Enough);
        E::custom("enough")
    }

    fn syntax<E: Error>(&mut self, syntax: Syntax) -> E {
        self.broken = Some(Broken::Syntax(syntax));
        E::custom("syntax")
    }
}

struct HeadVisitor<'p, 'a, S> {
    source: &'p S,
    reach: Reach,
    pass: &'p mut Pass<Head<'a>>,
}

impl<'a, S: Source<'a>> Visitor<'a> for HeadVisitor<'_, 'a, S> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a map")
    }

    fn visit_map<A: MapAccess<'a>>(self, mut map: A) -> Result<(), A::Error> {
        let mut entries = Vec::new();
        while let Some(key) = map.next_key::<S::Key>()? {
            let key = self.source.key(key);
            if key.text == STREAMED {
                if self.reach == Reach::UntilHostnames {
                    self.pass.result = Head::Map(entries);
                    return Err(self.pass.enough());
                }
                map.next_value::<IgnoredAny>()?;
                continue;
            }
            let value = map.next_value::<S::Node>()?;
            let value = self.source.node(value).map_err(|syntax| self.pass.syntax(syntax))?;
            entries.push((key, value));
        }
        self.pass.result = Head::Map(entries);
        Ok(())
    }

    fn visit_seq<A: SeqAccess<'a>>(self, _: A) -> Result<(), A::Error> {
        self.pass.result = Head::Other(Value::List(Vec::new()));
        Err(self.pass.enough())
    }

    fn visit_unit<E: Error>(self) -> Result<(), E> {
        self.pass.result = Head::Other(Value::Null);
        Ok(())
    }

    fn visit_bool<E: Error>(self, value: bool) -> Result<(), E> {
        self.pass.result = Head::Other(Value::Bool(value));
        Ok(())
    }

    fn visit_i64<E: Error>(self, value: i64) -> Result<(), E> {
        self.pass.result = Head::Other(Value::Integer(value.into()));
        Ok(())
    }

    fn visit_u64<E: Error>(self, value: u64) -> Result<(), E> {
        self.pass.result = Head::Other(Value::Integer(value.into()));
        Ok(())
    }

    fn visit_f64<E: Error>(self, value: f64) -> Result<(), E> {
        self.pass.result = Head::Other(Value::Float(value));
        Ok(())
    }

    fn visit_str<E: Error>(self, value: &str) -> Result<(), E> {
        self.pass.result = Head::Other(Value::Text(value.to_owned().into()));
        Ok(())
    }
}

struct BodyVisitor<'p, S, F> {
    source: &'p S,
    reach: Reach,
    each: F,
    pass: &'p mut Pass<End>,
}

impl<'a, S: Source<'a>, F: FnMut(Met<'_, 'a>) -> ControlFlow<()>> Visitor<'a> for BodyVisitor<'_, S, F> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a map")
    }

    fn visit_map<A: MapAccess<'a>>(mut self, mut map: A) -> Result<(), A::Error> {
        let mut met = false;
        while let Some(key) = map.next_key::<S::Key>()? {
            let key = self.source.key(key);
            if key.text != STREAMED {
                if met && self.reach == Reach::UntilHostnames {
                    self.pass.result = End::LateKey;
                    return Err(self.pass.enough());
                }
                map.next_value::<IgnoredAny>()?;
                continue;
            }
            if met && (self.each)(Met::Twice(&key)).is_break() {
                return Err(self.pass.enough());
            }
            met = true;
            map.next_value_seed(List {
                source: self.source,
                key: &key,
                each: &mut self.each,
                pass: &mut *self.pass,
                node: PhantomData,
            })?;
        }
        Ok(())
    }

    fn visit_seq<A: SeqAccess<'a>>(self, mut list: A) -> Result<(), A::Error> {
        while list.next_element::<IgnoredAny>()?.is_some() {}
        Ok(())
    }

    fn visit_unit<E: Error>(self) -> Result<(), E> {
        Ok(())
    }
}

/// `hostnames` itself.
struct List<'p, 'a, S, F> {
    source: &'p S,
    key: &'p Key<'a>,
    each: &'p mut F,
    pass: &'p mut Pass<End>,
    node: PhantomData<Node<'a>>,
}

impl<'a, S: Source<'a>, F: FnMut(Met<'_, 'a>) -> ControlFlow<()>> List<'_, 'a, S, F> {
    fn not_a_list<E: Error>(self, value: &Value<'a>) -> Result<(), E> {
        match (self.each)(Met::NotAList(self.key, value)) {
            ControlFlow::Continue(()) => Ok(()),
            ControlFlow::Break(()) => Err(self.pass.enough()),
        }
    }
}

impl<'a, S: Source<'a>, F: FnMut(Met<'_, 'a>) -> ControlFlow<()>> DeserializeSeed<'a> for List<'_, 'a, S, F> {
    type Value = ();

    fn deserialize<D: Deserializer<'a>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'a, S: Source<'a>, F: FnMut(Met<'_, 'a>) -> ControlFlow<()>> Visitor<'a> for List<'_, 'a, S, F> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a list")
    }

    fn visit_seq<A: SeqAccess<'a>>(self, mut list: A) -> Result<(), A::Error> {
        let mut position = 0;
        while let Some(node) = list.next_element::<S::Node>()? {
            let node = self.source.node(node).map_err(|syntax| self.pass.syntax(syntax))?;
            if (self.each)(Met::Hostname(position, &node)).is_break() {
                return Err(self.pass.enough());
            }
            position += 1;
        }
        Ok(())
    }

    fn visit_map<A: MapAccess<'a>>(self, mut map: A) -> Result<(), A::Error> {
        while map.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
        self.not_a_list(&Value::Map(Vec::new()))
    }

    /// `hostnames:` with nothing behind it: none.
    fn visit_unit<E: Error>(self) -> Result<(), E> {
        Ok(())
    }

    fn visit_bool<E: Error>(self, value: bool) -> Result<(), E> {
        self.not_a_list(&Value::Bool(value))
    }

    fn visit_i64<E: Error>(self, value: i64) -> Result<(), E> {
        self.not_a_list(&Value::Integer(value.into()))
    }

    fn visit_u64<E: Error>(self, value: u64) -> Result<(), E> {
        self.not_a_list(&Value::Integer(value.into()))
    }

    fn visit_f64<E: Error>(self, value: f64) -> Result<(), E> {
        self.not_a_list(&Value::Float(value))
    }

    fn visit_str<E: Error>(self, value: &str) -> Result<(), E> {
        self.not_a_list(&Value::Text(value.to_owned().into()))
    }
}
