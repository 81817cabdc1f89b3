//! Which kinds are installed, from the definitions that the API server has: under which path, and whether they are about
//! to go.

use std::collections::HashMap;

use mci_core::publish::Kind;
use serde::Deserialize;
use serde_json::value::RawValue;

use crate::translate;
use crate::watch::{Batch, Change, ObjectKey};

/// Where definitions are listed.
pub(super) const PATH: &str = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions";

/// Of several versions that are served, the first of these is watched: what is read is the same in all of them.
const PREFERENCE: [&str; 4] = ["v1", "v1beta1", "v1alpha3", "v1alpha2"];

/// What is kept of a definition.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Definition {
    /// The version to watch; nothing where none is served that is known here.
    version: Option<&'static str>,
    /// Its objects can be asked for.
    established: bool,
    /// It is being deleted, and all of its objects with it.
    terminating: bool,
}

#[derive(Deserialize)]
struct Document {
    metadata: Metadata,
    spec: Spec,
    #[serde(default)]
    status: Status,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Metadata {
    #[serde(default)]
    deletion_timestamp: Option<String>,
}

#[derive(Deserialize)]
struct Spec {
    versions: Vec<Version>,
}

#[derive(Deserialize)]
struct Version {
    name: String,
    served: bool,
}

#[derive(Default, Deserialize)]
struct Status {
    #[serde(default)]
    conditions: Option<Vec<Condition>>,
}

#[derive(Deserialize)]
struct Condition {
    #[serde(rename = "type")]
    kind: String,
    status: String,
}

/// Reads one definition; its schemas are passed over.
pub(super) fn decode(raw: &RawValue) -> Result<Definition, String> {
    let Document { metadata, spec, status } =
        serde_json::from_str(raw.get()).map_err(|error| error.to_string())?;
    let is_served =
        |name: &&str| spec.versions.iter().any(|version| version.served && version.name == **name);
    let conditions = status.conditions.unwrap_or_default();
    Ok(Definition {
        version: PREFERENCE.into_iter().find(is_served),
        established: conditions.iter().any(|one| one.kind == "Established" && one.status == "True"),
        terminating: metadata.deletion_timestamp.is_some(),
    })
}

/// Whether a kind is there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Presence {
    /// It is watched here.
    Served(String),
    /// It is installed, in no version that is known here, or not ready to be asked for.
    Unusable,
    /// It is being deleted.
    Terminating,
    /// There is no such definition.
    Missing,
}

/// All definitions that concern us.
#[derive(Debug, Default)]
pub(super) struct Definitions {
    known: HashMap<ObjectKey, Definition>,
}

impl Definitions {
    pub(super) fn take(&mut self, batch: Batch<Definition>) {
        match batch {
            Batch::Replace(listing) => {
                for key in &listing.vanished {
                    self.known.remove(key);
                }
                for item in listing.items {
                    self.apply(item.key, item.value);
                }
            }
            Batch::Changes(changes) => {
                for change in changes {
                    match change {
                        Change::Applied(item) => self.apply(item.key, item.value),
                        // It is there: what it said before stays.
                        Change::Malformed(_) => {}
                        Change::Deleted { key, .. } => {
                            self.known.remove(&key);
                        }
                    }
                }
            }
            // An API server without definitions at all says nothing of those that it had.
            Batch::Absent => {}
        }
    }

    fn apply(&mut self, key: ObjectKey, definition: Definition) {
        if translate::KINDS.into_iter().any(|kind| name(kind) == *key.name) {
            self.known.insert(key, definition);
        }
    }

    /// Whether a kind that has a definition is there.
    pub(super) fn presence(&self, kind: Kind) -> Presence {
        let key = ObjectKey::new("", &name(kind));
        let Some(definition) = self.known.get(&key) else { return Presence::Missing };
        let Definition { version, established, terminating } = definition;
        let (group, _, plural) = translate::names(kind);
        match version {
            _ if *terminating => Presence::Terminating,
            Some(version) if *established => Presence::Served(format!("/apis/{group}/{version}/{plural}")),
            Some(_) | None => Presence::Unusable,
        }
    }
}

/// The name of a kind's definition.
fn name(kind: Kind) -> String {
    let (group, _, plural) = translate::names(kind);
    format!("{plural}.{group}")
}

#[cfg(test)]
mod tests {
    use mci_core::publish::RouteKind;
    use serde_json::{Value, json};

    use super::*;
    use crate::watch::{Observed, Version as At};

    fn definition(versions: &[(&str, bool)]) -> Value {
        let versions: Vec<_> =
            versions.iter().map(|(name, served)| json!({"name": name, "served": served})).collect();
        json!({
            "metadata": {},
            "spec": {"versions": versions},
            "status": {"conditions": [{"type": "Established", "status": "True"}]},
        })
    }

    fn with(plural: &str, definition: &Value) -> Definitions {
        let raw = RawValue::from_string(definition.to_string()).unwrap();
        let key = ObjectKey::new("", &format!("{plural}.gateway.networking.k8s.io"));
        let value = decode(&raw).unwrap();
        let mut definitions = Definitions::default();
        let item = Observed { key, uid: "u".into(), version: At(1), value };
        definitions.take(Batch::Changes(vec![Change::Applied(item)]));
        definitions
    }

    const TLS: Kind = Kind::Route(RouteKind::Tls);

    #[test]
    fn the_best_version_that_is_served_is_watched() {
        let definitions =
            with("tlsroutes", &definition(&[("v1alpha2", true), ("v1", false), ("v1alpha3", true)]));
        let path = "/apis/gateway.networking.k8s.io/v1alpha3/tlsroutes".to_owned();
        assert_eq!(definitions.presence(TLS), Presence::Served(path));
        assert_eq!(definitions.presence(Kind::Gateway), Presence::Missing);
    }

    #[test]
    fn what_is_not_established_or_unknown_here_is_not_usable() {
        let mut raw = definition(&[("v1", true)]);
        raw["status"] = json!({});
        assert_eq!(with("tlsroutes", &raw).presence(TLS), Presence::Unusable);
        assert_eq!(with("tlsroutes", &definition(&[("v9", true)])).presence(TLS), Presence::Unusable);
    }

    #[test]
    fn a_definition_that_is_being_deleted_says_so() {
        let mut raw = definition(&[("v1", true)]);
        raw["metadata"]["deletionTimestamp"] = json!("2026-01-01T00:00:00Z");
        assert_eq!(with("tlsroutes", &raw).presence(TLS), Presence::Terminating);
    }

    #[test]
    fn definitions_of_others_are_not_kept() {
        assert!(with("widgets", &definition(&[("v1", true)])).known.is_empty());
    }
}
