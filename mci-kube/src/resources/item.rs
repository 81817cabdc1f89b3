//! One item of a list, readable or not.

use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::Value;

/// One item of a list: one that cannot be read keeps neither the others nor its object from being used.
#[derive(Clone, Debug, PartialEq)]
pub enum Item<T> {
    /// As its type has it.
    Read(T),
    /// As it came, and why it cannot be read.
    Malformed {
        /// What stands there.
        found: Value,
        /// What is wrong with it.
        why: String,
    },
}

impl<T> Item<T> {
    /// What was read, if it could be.
    pub fn read(&self) -> Result<&T, &str> {
        match self {
            Self::Read(item) => Ok(item),
            Self::Malformed { why, .. } => Err(why),
        }
    }
}

impl<T> From<T> for Item<T> {
    fn from(item: T) -> Self {
        Self::Read(item)
    }
}

impl<'de, T: DeserializeOwned> Deserialize<'de> for Item<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let found = Value::deserialize(deserializer)?;
        Ok(match T::deserialize(&found) {
            Ok(item) => Self::Read(item),
            Err(error) => Self::Malformed { why: error.to_string(), found },
        })
    }
}

impl<T: Serialize> Serialize for Item<T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Read(item) => item.serialize(serializer),
            Self::Malformed { found, .. } => found.serialize(serializer),
        }
    }
}

/// The schema is that of what should stand there.
impl<T: JsonSchema> JsonSchema for Item<T> {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> std::borrow::Cow<'static, str> {
        T::schema_name()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        T::json_schema(generator)
    }
}
