//! JSON as [`Node`]s: quickly and without places, or with them.

use core::fmt;
use core::marker::PhantomData;
use std::borrow::Cow;

use serde::Deserialize;
use serde::de::{Deserializer, Error, MapAccess, SeqAccess, Visitor};
use serde_json::value::RawValue;

use crate::state_file::node::{Key, Node, Place, Value};
use crate::state_file::stream::Source;
use crate::state_file::text::{Syntax, Text};

/// Nothing that MCI reads is nested deeper: it bounds the work of [`Spans`], which reads each level anew.
const DEEPEST: usize = 32;

/// No list or map but `hostnames`, which is streamed, has more elements: a file of 100 MB that is one list would need
/// gigabytes.
const LONGEST: usize = 1_000_000;

fn too_long() -> String {
    format!("a list or map of more than {LONGEST} elements")
}

/// Lets a visitor read a whole text.
pub(crate) fn read<'a>(text: &'a Text<'_>, visitor: impl Visitor<'a, Value = ()>) -> Result<(), Syntax> {
    let mut deserializer = serde_json::Deserializer::from_str(&text.content);
    deserializer.deserialize_any(visitor).and_then(|()| deserializer.end()).map_err(|error| syntax(&error))
}

/// Reads a whole text as one value.
pub(crate) fn read_value<'a>(text: &'a Text<'_>) -> Result<&'a RawValue, Syntax> {
    serde_json::from_str(&text.content).map_err(|error| syntax(&error))
}

/// `serde_json`'s own words, its place beside them.
fn syntax(error: &serde_json::Error) -> Syntax {
    let (line, column) = (error.line(), error.column());
    let message = error.to_string();
    let suffix = format!(" at line {line} column {column}");
    let at = match (u32::try_from(line), u32::try_from(column)) {
        (Ok(line @ 1..), Ok(column)) => Place::At(line, column.max(1)),
        _ => Place::Unknown,
    };
    Syntax {
        at,
        message: format!("the JSON cannot be read: {}", message.strip_suffix(&suffix).unwrap_or(&message)),
        hint: (line <= 1).then(|| "a file that begins with '{' is read as JSON".to_owned()),
    }
}

/// Without places.
pub(crate) struct Plain;

impl<'a> Source<'a> for Plain {
    type Key = Name<'a>;
    type Node = PlainNode<'a>;

    fn key(&self, Name(text): Name<'a>) -> Key<'a> {
        Key { at: Place::Unknown, text }
    }

    fn node(&self, PlainNode(node): PlainNode<'a>) -> Result<Node<'a>, Syntax> {
        Ok(node)
    }
}

/// A text, borrowed where it holds no escape.
pub(crate) struct Name<'a>(pub(crate) Cow<'a, str>);

impl<'de> Deserialize<'de> for Name<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct NameVisitor;
        impl<'de> Visitor<'de> for NameVisitor {
            type Value = Name<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a key that is text")
            }

            fn visit_borrowed_str<E: Error>(self, text: &'de str) -> Result<Name<'de>, E> {
                Ok(Name(Cow::Borrowed(text)))
            }

            fn visit_str<E: Error>(self, text: &str) -> Result<Name<'de>, E> {
                Ok(Name(Cow::Owned(text.to_owned())))
            }
        }
        deserializer.deserialize_str(NameVisitor)
    }
}

/// A node without places.
pub(crate) struct PlainNode<'a>(Node<'a>);

impl<'de> Deserialize<'de> for PlainNode<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let value = deserializer.deserialize_any(ValueVisitor::<Name<'de>, Self> {
            key: |Name(text)| Key { at: Place::Unknown, text },
            node: |PlainNode(node)| node,
            life: PhantomData,
        })?;
        Ok(Self(Node { at: Place::Unknown, value }))
    }
}

/// Reads a value of either format; what is below it is read as `K` and `N`.
pub(crate) struct ValueVisitor<'de, K, N> {
    pub(crate) key: fn(K) -> Key<'de>,
    pub(crate) node: fn(N) -> Node<'de>,
    pub(crate) life: PhantomData<&'de ()>,
}

impl<'de, K: Deserialize<'de>, N: Deserialize<'de>> Visitor<'de> for ValueVisitor<'de, K, N> {
    type Value = Value<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a value")
    }

    fn visit_unit<E: Error>(self) -> Result<Value<'de>, E> {
        Ok(Value::Null)
    }

    fn visit_bool<E: Error>(self, value: bool) -> Result<Value<'de>, E> {
        Ok(Value::Bool(value))
    }

    fn visit_i64<E: Error>(self, value: i64) -> Result<Value<'de>, E> {
        Ok(Value::Integer(value.into()))
    }

    fn visit_u64<E: Error>(self, value: u64) -> Result<Value<'de>, E> {
        Ok(Value::Integer(value.into()))
    }

    fn visit_f64<E: Error>(self, value: f64) -> Result<Value<'de>, E> {
        Ok(Value::Float(value))
    }

    fn visit_borrowed_str<E: Error>(self, text: &'de str) -> Result<Value<'de>, E> {
        Ok(Value::Text(Cow::Borrowed(text)))
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<Value<'de>, E> {
        Ok(Value::Text(Cow::Owned(text.to_owned())))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut access: A) -> Result<Value<'de>, A::Error> {
        let mut list = Vec::new();
        while let Some(node) = access.next_element::<N>()? {
            if list.len() >= LONGEST {
                return Err(A::Error::custom(too_long()));
            }
            list.push((self.node)(node));
        }
        Ok(Value::List(list))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut access: A) -> Result<Value<'de>, A::Error> {
        let mut map = Vec::new();
        while let Some(key) = access.next_key::<K>()? {
            if map.len() >= LONGEST {
                return Err(A::Error::custom(too_long()));
            }
            map.push(((self.key)(key), (self.node)(access.next_value::<N>()?)));
        }
        Ok(Value::Map(map))
    }
}

/// With places: `serde_json` tells none, but a raw value is a piece of the text, and where it begins is its place.
pub(crate) struct Spans<'t>(pub(crate) &'t str);

impl<'a> Source<'a> for Spans<'a> {
    type Key = Name<'a>;
    type Node = &'a RawValue;

    fn key(&self, Name(text): Name<'a>) -> Key<'a> {
        let at = match &text {
            // Its quote is what an editor shows first.
            Cow::Borrowed(text) => match self.place(text) {
                Place::Offset(offset) => Place::Offset(offset.saturating_sub(1)),
                other => other,
            },
            Cow::Owned(_) => Place::Unknown,
        };
        Key { at, text }
    }

    fn node(&self, raw: &'a RawValue) -> Result<Node<'a>, Syntax> {
        self.node_at(raw, DEEPEST)
    }
}

impl<'a> Spans<'a> {
    /// Where a piece of this text begins.
    fn place(&self, piece: &str) -> Place {
        let offset = piece.as_ptr().addr().checked_sub(self.0.as_ptr().addr());
        offset.filter(|offset| *offset <= self.0.len()).map_or(Place::Unknown, Place::Offset)
    }

    fn node_at(&self, raw: &'a RawValue, deepest: usize) -> Result<Node<'a>, Syntax> {
        let text = raw.get();
        let at = self.place(text);
        let Some(deepest) = deepest.checked_sub(1) else {
            let message = format!("lists and maps are nested deeper than {DEEPEST} levels");
            return Err(Syntax { at, message, hint: None });
        };
        let failed = |error: serde_json::Error| Syntax { at, ..syntax(&error) };
        let value = match text.as_bytes().first() {
            Some(b'{') => {
                let mut map = Vec::new();
                for (key, value) in serde_json::from_str::<Entries<'a>>(text).map_err(failed)?.0 {
                    let mut key = self.key(key);
                    let value = self.node_at(value, deepest)?;
                    if key.at == Place::Unknown {
                        key.at = value.at;
                    }
                    map.push((key, value));
                }
                Value::Map(map)
            }
            Some(b'[') => {
                let list: Vec<&'a RawValue> = serde_json::from_str(text).map_err(failed)?;
                if list.len() > LONGEST {
                    return Err(Syntax { at, message: too_long(), hint: None });
                }
                Value::List(list.into_iter().map(|raw| self.node_at(raw, deepest)).collect::<Result<_, _>>()?)
            }
            _ => serde_json::from_str::<PlainNode<'a>>(text).map_err(failed)?.0.value,
        };
        Ok(Node { at, value })
    }
}

/// A map with its keys in order, doubled ones included.
struct Entries<'a>(Vec<(Name<'a>, &'a RawValue)>);

impl<'de> Deserialize<'de> for Entries<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct EntriesVisitor;
        impl<'de> Visitor<'de> for EntriesVisitor {
            type Value = Entries<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a map")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut access: A) -> Result<Entries<'de>, A::Error> {
                let mut entries = Vec::new();
                while let Some(entry) = access.next_entry()? {
                    entries.push(entry);
                }
                Ok(Entries(entries))
            }
        }
        deserializer.deserialize_map(EntriesVisitor)
    }
}
