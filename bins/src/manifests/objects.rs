//! The objects of one cluster, as its manifests have them.
//!
//! A document that holds nothing but an object's `status` is laid over that object: so what a cluster would say can stand
//! in a file of its own, beside manifests that stay as they are applied.

use std::collections::BTreeMap;
use std::sync::Arc;

use mci_core::ClusterId;
use mci_core::publish::{Key, Kind, Object, ObjectName};
use mci_core::state_file::Problem;
use mci_core::state_file::reading::Collected;
use mci_kube::offline::Offline;
use mci_kube::translate;
use serde_json::{Value, json};

use super::check::{Checked, check, kind_of, name_of};

/// The namespace of an object that names none, as `kubectl` has it.
const DEFAULT_NAMESPACE: &str = "default";

/// The objects of one cluster.
#[derive(Debug)]
pub(super) struct Objects {
    pub(super) cluster: ClusterId,
    /// What is read, by name.
    pub(super) found: BTreeMap<Key, Found>,
    /// What is not asked, by kind, with how many there are.
    pub(super) passed_over: BTreeMap<String, usize>,
    /// What counts instead of what is not said.
    pub(super) assumed: Vec<Problem>,
    pub(super) warnings: Vec<Problem>,
    documents: Vec<Document>,
}

/// One object.
#[derive(Clone, Debug)]
pub(super) struct Found {
    pub(super) object: Object,
    /// As it was written, statuses laid over.
    pub(super) json: Value,
    pub(super) place: Place,
}

/// Where an object was written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Place {
    file: Arc<str>,
    line: u32,
}

#[derive(Debug)]
struct Document {
    kind: Kind,
    json: Value,
    place: Place,
}

impl Place {
    /// Something about the object that was written here.
    pub(super) fn problem(&self, path: impl Into<String>, message: impl Into<String>) -> Problem {
        let mut problem = Problem::of(&self.file, path, message);
        problem.line = Some(self.line);
        problem
    }
}

impl Found {
    /// Whether an API server gave it out: then it says everything that is known of the object.
    pub(super) fn is_of_an_api_server(&self) -> bool {
        let version = self.json.get("metadata").and_then(|metadata| metadata.get("resourceVersion"));
        version.and_then(Value::as_str).is_some_and(|version| !version.is_empty())
    }
}

impl Objects {
    pub(super) fn new(cluster: ClusterId) -> Self {
        Self {
            cluster,
            found: BTreeMap::new(),
            passed_over: BTreeMap::new(),
            assumed: Vec::new(),
            warnings: Vec::new(),
            documents: Vec::new(),
        }
    }

    /// The path by which a problem names an object: `Ingress shop/web at west`.
    pub(super) fn path(&self, object: &str) -> String {
        format!("{object} at {}", self.cluster)
    }

    /// Takes the objects of a file.
    pub(super) fn read(&mut self, offline: &Offline, file: &str, text: &str) -> Checked {
        let file: Arc<str> = file.into();
        check(offline, &file, text, |line, json| {
            let place = Place { file: file.clone(), line };
            match kind_of(&json) {
                Some(kind) => self.documents.push(Document { kind, json, place }),
                None => self.pass_over(&json, &place),
            }
        })
    }

    fn pass_over(&mut self, json: &Value, place: &Place) {
        let text = |key| json.get(key).and_then(Value::as_str).unwrap_or_default();
        let (version, kind) = (text("apiVersion"), text("kind"));
        // A Gateway of another group is not the one that is read.
        let is_namesake = translate::KINDS.into_iter().any(|known| translate::names(known).1 == kind);
        let told = if is_namesake { format!("{kind} of {version}") } else { kind.to_owned() };
        *self.passed_over.entry(told).or_default() += 1;
        let spec = json.get("spec");
        let overrides = ["override", "hostnameOverrides"];
        if kind == "Cluster" && overrides.iter().any(|key| spec.is_some_and(|spec| spec.get(key).is_some())) {
            let path = self.path(&name_of(json));
            let hint = "say it in `clusters` of a state file, or with `given`";
            self.warnings
                .push(place.problem(path, "overrides of a Cluster object are not applied here").hint(hint));
        }
    }

    /// Makes objects of all that was read.
    pub(super) fn settle(&mut self, problems: &mut Collected) {
        let mut documents = core::mem::take(&mut self.documents);
        self.settle_namespaces(&mut documents);
        let (statuses, mut whole): (Vec<_>, Vec<_>) =
            documents.into_iter().partition(Document::is_status_alone);
        let places: BTreeMap<(Kind, ObjectName), usize> =
            whole.iter().enumerate().map(|(at, it)| ((it.kind, it.name()), at)).collect();
        let mut laid_over = BTreeMap::new();
        for status in statuses {
            let (name, place) = (status.name(), status.place.clone());
            let path = self.path(&name_of(&status.json));
            if let Some(other) = laid_over.insert((status.kind, name.clone()), place.clone()) {
                problems.push(|| twice(&place, path, &other));
                continue;
            }
            let object = places.get(&(status.kind, name)).and_then(|at| whole.get_mut(*at));
            let (Some(Value::Object(object)), Some(of)) =
                (object.map(|it| &mut it.json), status.json.get("status"))
            else {
                problems.push(|| {
                    let message = "a status alone, of an object that no manifest here has";
                    place.problem(path, message).hint("check namespace and name, or add its spec")
                });
                continue;
            };
            object.insert("status".to_owned(), of.clone());
        }
        for Document { kind, json, place } in whole {
            let path = self.path(&name_of(&json));
            let raw = serde_json::value::to_raw_value(&json).expect("JSON is made of JSON");
            let object = match translate::decode(kind, &raw) {
                Ok(object) => object,
                Err(error) => {
                    // The place in it is one of the JSON that it was made into.
                    let error = error.split(" at line ").next().unwrap_or_default().to_owned();
                    problems.push(|| place.problem(path, error));
                    continue;
                }
            };
            let key = object.key();
            if key.object.name.is_empty() {
                problems.push(|| place.problem(path, "metadata.name is missing"));
            } else if let Some(other) = self.found.get(&key) {
                problems.push(|| twice(&place, path, &other.place));
            } else {
                self.found.insert(key, Found { object, json, place });
            }
        }
    }

    /// Objects without a namespace are in `default`.
    fn settle_namespaces(&mut self, documents: &mut [Document]) {
        let mut without = Vec::new();
        for document in documents.iter_mut().filter(|document| document.kind != Kind::Node) {
            if document.name().namespace.is_empty()
                && let Some(Value::Object(metadata)) = document.json.get_mut("metadata")
            {
                metadata.insert("namespace".to_owned(), json!(DEFAULT_NAMESPACE));
                without.push(document.place.clone());
            }
        }
        if let Some(first) = without.first() {
            let message = format!(
                "{} without a namespace: they count as in namespace {DEFAULT_NAMESPACE}",
                super::fleet::counted(without.len(), "object")
            );
            let hint = "write metadata.namespace where it is another one";
            self.assumed.push(first.problem(self.cluster.to_string(), message).hint(hint));
        }
    }
}

impl Document {
    fn name(&self) -> ObjectName {
        let metadata = self.json.get("metadata");
        let text =
            |key| metadata.and_then(|metadata| metadata.get(key)).and_then(Value::as_str).unwrap_or_default();
        ObjectName::new(text("namespace"), text("name"))
    }

    /// Whether it says of an object only what a cluster says of it.
    fn is_status_alone(&self) -> bool {
        let may_be = match self.kind {
            Kind::Ingress | Kind::Service | Kind::Gateway | Kind::Route(_) => true,
            // A Node's addresses are all that is read of it, and the others have no status that is read.
            Kind::Node | Kind::Gslb(_) | Kind::EndpointSlice | Kind::ReferenceGrant => false,
        };
        let keys = ["apiVersion", "kind", "metadata", "status"];
        let only =
            |object: &serde_json::Map<String, Value>| object.keys().all(|key| keys.contains(&key.as_str()));
        may_be && self.json.get("status").is_some() && self.json.as_object().is_some_and(only)
    }
}

fn twice(place: &Place, path: String, other: &Place) -> Problem {
    place.problem(path, format!("the object is also at {}:{}", other.file, other.line))
}
