//! GSLBs of both groups: each field read by itself, so that one mistake spoils nothing else (R19).

use mci_core::publish::{BackendPolicy, Group, Gslb, GslbName, Referent};
use mci_core::{DEFAULT_WEIGHT, Ttl};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};

use super::meta::{Meta, or_default};
use crate::resources::{self, ShapeError};
use crate::rules::MAX_NUMBER;

/// The fields that may stand on the top level, and under `spec`.
const FIELDS: [&str; 10] = [
    "objectReference",
    "hostnames",
    "ipOverrides",
    "priority",
    "weight",
    "ttl",
    "answerMode",
    "backendPolicy",
    "whenAllDown",
    "fallback",
];

#[derive(Deserialize)]
pub(super) struct Document {
    #[serde(default)]
    metadata: Meta,
    #[serde(default, deserialize_with = "or_default")]
    spec: Option<Value>,
    #[serde(flatten)]
    flat: Map<String, Value>,
}

#[derive(Deserialize)]
struct ObjectReference {
    kind: String,
    name: String,
}

/// Fields, and what is wrong with those that were read so far.
struct Fields {
    found: Map<String, Value>,
    faults: Vec<String>,
}

impl Fields {
    fn take<T: DeserializeOwned>(&mut self, field: &str) -> Option<T> {
        let value = self.found.remove(field).filter(|value| !value.is_null())?;
        match serde_json::from_value(value) {
            Ok(value) => Some(value),
            Err(error) => {
                self.faults.push(format!("{field}: {error}"));
                None
            }
        }
    }

    /// A list whose items are read one by one.
    fn texts(&mut self, field: &str) -> Vec<String> {
        let items: Vec<Value> = self.take(field).unwrap_or_default();
        let mut texts = Vec::with_capacity(items.len());
        for (at, item) in items.into_iter().enumerate() {
            match item {
                Value::String(text) => texts.push(text),
                other => self.faults.push(format!("{field}[{at}]: {other} is no text")),
            }
        }
        texts
    }

    fn number(&mut self, field: &str, default: i64) -> i64 {
        match self.take::<i64>(field) {
            None => default,
            Some(number) if (0..=MAX_NUMBER).contains(&number) => number,
            Some(number) => {
                self.faults.push(format!(
                    "{field}: {number} is out of range: 0 to {MAX_NUMBER}; {default} is used instead"
                ));
                default
            }
        }
    }

    fn reference(&mut self) -> Option<(Referent, std::sync::Arc<str>)> {
        if !self.found.contains_key("objectReference") {
            self.faults.push(ShapeError::NoReference.to_string());
            return None;
        }
        let ObjectReference { kind, name } = self.take("objectReference")?;
        match kind.parse() {
            Ok(_) if name.is_empty() => {
                self.faults.push("objectReference.name: the name of the object is missing".to_owned());
                None
            }
            Ok(kind) => Some((kind, name.into())),
            Err(error) => {
                self.faults.push(format!("objectReference.kind: {error}"));
                None
            }
        }
    }

    fn ttl(&mut self) -> Option<Ttl> {
        let seconds: i64 = self.take("ttl")?;
        let ttl = u32::try_from(seconds).ok().and_then(|seconds| Ttl::new(seconds).ok());
        if ttl.is_none() {
            self.faults.push(format!("ttl: {seconds} s is out of range: 0 to 604800 (one week)"));
        }
        ttl
    }
}

impl Document {
    pub(super) fn into_gslb(self, group: Group) -> Gslb {
        let Self { metadata, spec, mut flat } = self;
        flat.retain(|field, _| FIELDS.contains(&field.as_str()));
        let mut faults = Vec::new();
        let found = match (spec, group) {
            // The fields of that group stand under `spec`; nothing else of the object is of any concern.
            (None, Group::Cyclops) => Map::new(),
            (None, Group::Mci) => flat,
            (Some(_), Group::Mci) if !flat.is_empty() => {
                faults.push(ShapeError::Both.to_string());
                Map::new()
            }
            (Some(Value::Object(spec)), _) => spec,
            (Some(other), _) => {
                faults.push(format!("spec: {other} is no object"));
                Map::new()
            }
        };
        let named = GslbName { object: metadata.object(), group };
        let mut gslb = Gslb {
            created: metadata.created(),
            generation: metadata.generation,
            // Filled in below.
            ..Gslb::new(named, Referent::Service, "")
        };
        gslb.reference = None;
        if !faults.is_empty() {
            gslb.faults = faults;
            return gslb;
        }

        let mut fields = Fields { found, faults };
        gslb.reference = fields.reference();
        if !fields.found.contains_key("hostnames") {
            fields.faults.push(ShapeError::NoHostnames.to_string());
        }
        gslb.hostnames = fields.texts("hostnames");
        gslb.ip_overrides = fields.texts("ipOverrides");
        gslb.priority = fields.number("priority", 0);
        let weight = fields.number("weight", i64::from(DEFAULT_WEIGHT));
        gslb.weight = u32::try_from(weight).expect("a number of a manifest is at most 2^31 - 1");
        gslb.ttl = fields.ttl();
        gslb.answer_mode = fields.take("answerMode");
        gslb.when_all_down = fields.take("whenAllDown");
        gslb.fallback = fields.texts("fallback");
        gslb.backend_policy = match fields.take("backendPolicy") {
            Some(resources::BackendPolicy::All) => BackendPolicy::All,
            Some(resources::BackendPolicy::Any) | None => BackendPolicy::Any,
        };
        gslb.faults = fields.faults;
        gslb
    }
}
