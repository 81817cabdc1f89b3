//! What the API server would say of an object of ours, without an API server.
//!
//! It evaluates the very schemas and CEL rules of the CRDs, and says what the API server says, in its words and order of
//! work: what the schema does not know, then the schema, then CEL unless something is so wrong that CEL could not be
//! evaluated. Beyond that it says what only MCI checks (a 30th of February, the name of a cache).
//!
//! ```text
//!  object ──► unknown fields ──► `null` is absent, defaults ──► schema ──► CEL ──► content
//! ```

mod schema;

use core::fmt;

use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;
use kube_cel::{CompiledSchema, compile_schema};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use crate::content::{self, Fault};
use crate::crds;
use crate::names::{self, DerivedName};
use crate::resources::{Cluster, ClusterCache, HostnameCache, ResourceCache, ServiceCache};

/// Something that is wrong with an object.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Violation {
    /// Where: `spec.hostnames[0]`; empty for the object as a whole.
    pub field: String,
    /// What, in the API server's words.
    pub message: String,
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { field, message } = self;
        if field.is_empty() { f.write_str(message) } else { write!(f, "{field}: {message}") }
    }
}

/// The CRDs, ready to be asked.
#[derive(Debug)]
pub struct Offline {
    kinds: Vec<Kind>,
    cel: kube_cel::Validator,
}

#[derive(Debug)]
struct Kind {
    api_version: String,
    name: String,
    schema: Value,
    rules: CompiledSchema,
}

impl Default for Offline {
    fn default() -> Self {
        Self::new()
    }
}

impl Offline {
    /// With every CRD.
    pub fn new() -> Self {
        Self { kinds: crds::all().iter().flat_map(kinds).collect(), cel: kube_cel::Validator::new() }
    }

    /// The kinds of a group of ours; none of another group.
    pub fn kinds_of(group: &str) -> Vec<String> {
        let crds = crds::all();
        crds.iter().filter(|crd| crd.spec.group == group).map(|crd| crd.spec.names.kind.clone()).collect()
    }

    /// Whether an object is of a kind that is checked here.
    pub fn knows(&self, object: &Value) -> bool {
        self.kind(object).is_some()
    }

    /// All that is wrong with an object; nothing is said of a kind that is not ours.
    pub fn check(&self, object: &Value) -> Vec<Violation> {
        let Some(kind) = self.kind(object) else { return Vec::new() };
        let unknown = schema::unknown_fields(&kind.schema, object);
        let mut found: Vec<Violation> = unknown
            .into_iter()
            .map(|field| Violation {
                message: format!("strict decoding error: unknown field \"{field}\""),
                field,
            })
            .collect();
        let stored = schema::stored(&kind.schema, object);
        found.extend(named(&stored));
        let (violations, blocks) = schema::check(&kind.schema, &stored);
        let wrong = !violations.is_empty();
        found.extend(violations);
        if !blocks {
            found.extend(self.rules(kind, &stored));
        }
        if !wrong {
            // What another rule has refused already is not said twice.
            let places: Vec<String> = found.iter().map(|violation| violation.field.clone()).collect();
            let ours = beyond_the_crd(&kind.name, &stored);
            found.extend(ours.into_iter().filter(|fault| !places.contains(&fault.field)));
        }
        found
    }

    fn kind(&self, object: &Value) -> Option<&Kind> {
        let text = |key| object.get(key).and_then(Value::as_str);
        let (api_version, name) = (text("apiVersion")?, text("kind")?);
        self.kinds.iter().find(|kind| kind.api_version == api_version && kind.name == name)
    }

    fn rules(&self, kind: &Kind, object: &Value) -> Vec<Violation> {
        let Err(errors) = self.cel.validate_compiled(&kind.rules, object, None) else { return Vec::new() };
        let violation = |error: kube_cel::ValidationError| {
            let value =
                schema::at(object, &error.field_path).filter(|value| !value.is_object() && !value.is_array());
            let message = match value {
                Some(value) => format!("Invalid value: {value}: {}", error.message),
                None => format!("Invalid value: {}", error.message),
            };
            Violation { field: error.field_path, message }
        };
        errors.into_vec().into_iter().map(violation).collect()
    }
}

fn kinds(crd: &CustomResourceDefinition) -> Vec<Kind> {
    let names = &crd.spec.names;
    let versions = crd.spec.versions.iter();
    versions
        .map(|version| {
            let schema = version.schema.as_ref().and_then(|schema| schema.open_api_v3_schema.as_ref());
            let schema = serde_json::to_value(schema).expect("a schema is made of JSON values");
            Kind {
                api_version: format!("{}/{}", crd.spec.group, version.name),
                name: names.kind.clone(),
                rules: compile_schema(&schema),
                schema,
            }
        })
        .collect()
}

/// An object needs a name, as an RFC 1123 subdomain.
fn named(object: &Value) -> Option<Violation> {
    let metadata = object.get("metadata");
    let text =
        |key| metadata.and_then(|metadata| metadata.get(key)).and_then(Value::as_str).unwrap_or_default();
    let name = text("name");
    let violation = |message: String| Some(Violation { field: "metadata.name".to_owned(), message });
    if name.is_empty() {
        return if text("generateName").is_empty() {
            violation("Required value: name or generateName is required".to_owned())
        } else {
            None
        };
    }
    let edge = |c: Option<char>| c.is_some_and(|c| c.is_ascii_lowercase() || c.is_ascii_digit());
    let part = |part: &str| {
        edge(part.chars().next())
            && edge(part.chars().next_back())
            && part.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-')
    };
    if name.len() <= 253 && name.split('.').all(part) {
        return None;
    }
    violation(format!(
        "Invalid value: {}: a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', \
         and must start and end with an alphanumeric character (e.g. 'example.com', regex used for validation is \
         '[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*')",
        json!(name)
    ))
}

/// What the CRD cannot state, or does not because of its cost.
fn beyond_the_crd(kind: &str, object: &Value) -> Vec<Violation> {
    fn read<T: DeserializeOwned>(object: &Value) -> Option<T> {
        T::deserialize(object).ok()
    }
    fn faults<T>(read: Result<content::Read<T>, Fault>) -> Vec<Violation> {
        let faults = match read {
            Ok(read) => read.faults,
            Err(fault) => vec![fault],
        };
        faults
            .into_iter()
            .map(|Fault { place, what, .. }| Violation { field: place, message: what })
            .collect()
    }
    fn name<K: DerivedName + kube::Resource>(object: &K) -> Option<Violation> {
        let message = match object.derived_name() {
            _ if names::is_ours(object) => return None,
            Some(name) => {
                format!("an object with this content is called {name}: under another name it is nobody's")
            }
            None => "the content does not say what the object is about: it is nobody's".to_owned(),
        };
        Some(Violation { field: "metadata.name".to_owned(), message })
    }
    match kind {
        "Cluster" => read::<Cluster>(object).map_or_else(Vec::new, |o| {
            // The name has been judged: by its own rule, and as the name of any object.
            faults(content::cluster::read(&o))
                .into_iter()
                .filter(|fault| fault.field != "metadata.name")
                .collect()
        }),
        "ClusterCache" => read::<ClusterCache>(object).map_or_else(Vec::new, |o| {
            name(&o).into_iter().chain(faults(content::shard::read(&o))).collect()
        }),
        "HostnameCache" => read::<HostnameCache>(object).map_or_else(Vec::new, |o| {
            name(&o).into_iter().chain(faults(content::hostname::read(&o))).collect()
        }),
        "ResourceCache" => read::<ResourceCache>(object).iter().filter_map(name).collect(),
        "ServiceCache" => read::<ServiceCache>(object).iter().filter_map(name).collect(),
        _ => Vec::new(),
    }
}
