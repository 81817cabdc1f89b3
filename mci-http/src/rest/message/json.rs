//! JSON whose names match without regard to case, as the .NET application reads and writes it.
//!
//! An object keeps every member that was sent, so that a name that comes twice is seen and refused, instead of one of the
//! two winning unnoticed.

use std::fmt;

use serde::de::{Deserialize, Deserializer, MapAccess, SeqAccess, Visitor};

/// A value as it was sent.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Json {
    Null,
    Boolean(bool),
    Integer(i128),
    Float(f64),
    Text(String),
    List(Vec<Json>),
    Object(Vec<(String, Json)>),
}

/// Where in a body something is wrong, and what.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{path}: {what}")]
pub(crate) struct Fault {
    pub(crate) path: String,
    pub(crate) what: String,
}

impl Fault {
    pub(crate) fn new(path: impl Into<String>, what: impl Into<String>) -> Self {
        Self { path: path.into(), what: what.into() }
    }
}

impl Json {
    /// Reads a whole body.
    pub(crate) fn parse(octets: &[u8]) -> Result<Self, Fault> {
        serde_json::from_slice(octets)
            .map_err(|error| Fault::new("$", format!("the body is no JSON: {error}")))
    }

    /// The members of an object, no two of which have the same name.
    pub(crate) fn object(&self, path: &str) -> Result<Object<'_>, Fault> {
        let Self::Object(members) = self else {
            return Err(Fault::new(path, format!("expected an object, found {self}")));
        };
        let mut names: Vec<(String, &str)> =
            members.iter().map(|(name, _)| (name.to_ascii_lowercase(), name.as_str())).collect();
        names.sort();
        for pair in names.windows(2) {
            if let [(one, first), (other, second)] = pair
                && one == other
            {
                let what = format!("{first:?} and {second:?} are the same name: case makes no difference");
                return Err(Fault::new(path, what));
            }
        }
        Ok(Object(members))
    }
}

/// What kind of value it is, in words; never the value, which may be long.
impl fmt::Display for Json {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Null => "null",
            Self::Boolean(_) => "a boolean",
            Self::Integer(_) => "a whole number",
            Self::Float(_) => "a fraction",
            Self::Text(_) => "a text",
            Self::List(_) => "a list",
            Self::Object(_) => "an object",
        })
    }
}

/// An object's members.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Object<'a>(&'a [(String, Json)]);

impl<'a> Object<'a> {
    /// The member of this name, in whatever case; null is as if it were not there.
    pub(crate) fn get(self, name: &str) -> Option<&'a Json> {
        let member = self.0.iter().find(|(found, _)| found.eq_ignore_ascii_case(name));
        member.map(|(_, value)| value).filter(|value| **value != Json::Null)
    }
}

impl<'de> Deserialize<'de> for Json {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(AnyValue)
    }
}

struct AnyValue;

impl<'de> Visitor<'de> for AnyValue {
    type Value = Json;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON")
    }

    fn visit_unit<E>(self) -> Result<Json, E> {
        Ok(Json::Null)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Json, E> {
        Ok(Json::Boolean(value))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Json, E> {
        Ok(Json::Integer(value.into()))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Json, E> {
        Ok(Json::Integer(value.into()))
    }

    fn visit_f64<E>(self, value: f64) -> Result<Json, E> {
        Ok(Json::Float(value))
    }

    fn visit_str<E>(self, value: &str) -> Result<Json, E> {
        Ok(Json::Text(value.to_owned()))
    }

    fn visit_string<E>(self, value: String) -> Result<Json, E> {
        Ok(Json::Text(value))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Json, A::Error> {
        let mut list = Vec::new();
        while let Some(item) = items.next_element()? {
            list.push(item);
        }
        Ok(Json::List(list))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<Json, A::Error> {
        let mut object = Vec::new();
        while let Some(member) = members.next_entry()? {
            object.push(member);
        }
        Ok(Json::Object(object))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_match_in_any_case() {
        let json = Json::parse(br#"{"HOSTNAME": "a", "other": null}"#).unwrap();
        let object = json.object("$").unwrap();
        assert_eq!(object.get("hostname"), Some(&Json::Text("a".to_owned())));
        assert_eq!(object.get("OTHER"), None, "null is as if it were not there");
    }

    #[test]
    fn a_name_that_comes_twice_is_refused_in_whatever_case() {
        for body in [r#"{"a": 1, "A": 2}"#, r#"{"b": 1, "a": 1, "a": 1}"#] {
            let json = Json::parse(body.as_bytes()).unwrap();
            let fault = json.object("hostIPs[1]").unwrap_err();
            assert!(fault.to_string().starts_with("hostIPs[1]: \""), "{fault}");
            assert!(fault.to_string().ends_with("are the same name: case makes no difference"), "{fault}");
        }
    }

    #[test]
    fn what_is_no_json_says_where() {
        assert_eq!(Json::parse(b"[1,").unwrap_err().path, "$");
        assert!(Json::parse(&b"[".repeat(100_000)).is_err(), "and nothing overflows");
    }
}
