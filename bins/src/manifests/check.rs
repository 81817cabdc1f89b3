//! What the API server would refuse of a manifest, said without one.

use mci_core::publish::Kind;
use mci_core::state_file::Problem;
use mci_kube::manifest::{self, Manifest};
use mci_kube::offline::Offline;
use mci_kube::translate;
use serde_json::Value;

/// What came of checking a manifest.
#[derive(Debug, Default, PartialEq)]
pub(crate) struct Checked {
    /// How many objects are MCI's.
    pub(crate) ours: usize,
    /// How many are others', of which nothing is said.
    pub(crate) others: usize,
    pub(crate) problems: Vec<Problem>,
}

/// Checks every object of a manifest as the API server would, and hands on what is an object.
pub(crate) fn check(offline: &Offline, file: &str, text: &str, mut each: impl FnMut(u32, Value)) -> Checked {
    let mut checked = Checked::default();
    for Manifest { line, object } in manifest::read(text) {
        let object = match object {
            Ok(object) => object,
            Err(error) => {
                checked.add(file, Some(error.line.unwrap_or(line)), String::new(), error.message);
                // What no YAML can hold is what a template holds.
                if text.contains("{{")
                    && let Some(problem) = checked.problems.pop()
                {
                    let hint = "if it is a template, render it first: helm template, kustomize build";
                    checked.problems.push(problem.hint(hint));
                }
                continue;
            }
        };
        if !offline.knows(&object) {
            match mistaken_type(&object) {
                Some((path, message)) => {
                    checked.add(file, Some(line), path, message);
                    continue;
                }
                None => checked.others += 1,
            }
        } else {
            checked.ours += 1;
            for violation in offline.check(&object) {
                // `<object>: <field>: <message>`, since one document may hold many objects.
                let path = match violation.field.as_str() {
                    "" => name_of(&object),
                    field => format!("{}: {field}", name_of(&object)),
                };
                checked.add(file, Some(line), path, violation.message);
            }
        }
        each(line, object);
    }
    checked
}

/// The kind that a manifest says it is, where it is one that is read.
pub(super) fn kind_of(object: &Value) -> Option<Kind> {
    let text = |key| object.get(key).and_then(Value::as_str);
    translate::kind_of(text("apiVersion")?, text("kind")?)
}

/// What is no object, or of a group of ours and no kind of ours.
fn mistaken_type(object: &Value) -> Option<(String, String)> {
    let text = |key| object.get(key).and_then(Value::as_str);
    let (Some(api_version), Some(kind)) = (text("apiVersion"), text("kind")) else {
        return Some((String::new(), "an object needs apiVersion and kind, as text".to_owned()));
    };
    let group = api_version.split_once('/').map_or("", |(group, _)| group);
    if let Some(served) = served_version(api_version, kind) {
        return Some((name_of(object), format!("there is no {kind} in {api_version}; it is in {served}")));
    }
    let known = Offline::kinds_of(group);
    (!known.is_empty()).then(|| {
        let known = known.join(", ");
        (name_of(object), format!("there is no {kind} in {api_version}; known are {known}"))
    })
}

/// The version of a kind of Kubernetes itself that is written today, where another one was.
fn served_version(api_version: &str, kind: &str) -> Option<&'static str> {
    // `/apis/networking.k8s.io/v1/ingresses`, `/api/v1/services`.
    let path = translate::built_in_path(translate::kind_of(api_version, kind)?)?;
    let served = path.trim_start_matches("/apis/").trim_start_matches("/api/").rsplit_once('/')?.0;
    (served != api_version).then_some(served)
}

/// `GSLB shop/web`.
pub(super) fn name_of(object: &Value) -> String {
    let text = |value: Option<&Value>| value.and_then(Value::as_str).unwrap_or_default().to_owned();
    let metadata = |key: &str| text(object.get("metadata").and_then(|metadata| metadata.get(key)));
    let (kind, namespace, name) = (text(object.get("kind")), metadata("namespace"), metadata("name"));
    if namespace.is_empty() { format!("{kind} {name}") } else { format!("{kind} {namespace}/{name}") }
}

impl Checked {
    fn add(&mut self, file: &str, line: Option<u32>, path: String, message: String) {
        let mut problem = Problem::of(file, path, message);
        problem.line = line;
        self.problems.push(problem);
    }

    /// `ok: 3 objects of MCI, 2 others`.
    pub(crate) fn summary(&self) -> String {
        let counted = |count: usize, one: &str| format!("{count} {one}{}", if count == 1 { "" } else { "s" });
        match self.others {
            0 => format!("{} of MCI", counted(self.ours, "object")),
            others => format!("{} of MCI, {}", counted(self.ours, "object"), counted(others, "other")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn problems(text: &str) -> Vec<String> {
        let checked = check(&Offline::new(), "app.yaml", text, |_, _| {});
        checked.problems.iter().map(ToString::to_string).collect()
    }

    #[test]
    fn every_mistake_is_told_with_its_line_object_and_field() {
        let text = "\
apiVersion: v1
kind: Service
metadata: {name: app}
---
apiVersion: multicluster.veccsolutions.io/v1alpha
kind: GSLB
metadata: {name: app, namespace: shop}
spec:
  objectReference: {kind: Service, name: app}
  hostnmes: [app.example.com]
---
apiVersion: multicluster.veccsolutions.io/v1alpha
kind: Gslb
metadata: {name: app}
---
kind: [
";
        assert_eq!(
            problems(text)[..3],
            [
                "app.yaml:5: GSLB shop/app: spec.hostnmes: strict decoding error: unknown field \"spec.hostnmes\"",
                "app.yaml:5: GSLB shop/app: spec.hostnames: Required value",
                "app.yaml:12: Gslb app: there is no Gslb in multicluster.veccsolutions.io/v1alpha; known are GSLB, \
                 Cluster, ClusterCache, HostnameCache, ResourceCache, ServiceCache",
            ]
        );
        assert!(problems(text)[3].starts_with("app.yaml:16: "), "{:?}", problems(text));
    }

    #[test]
    fn what_is_no_object_says_what_would_be_one() {
        assert_eq!(
            problems("apiVersion: networking.k8s.io/v1beta1\nkind: Ingress\nmetadata: {name: web}\n"),
            [
                "app.yaml:1: Ingress web: there is no Ingress in networking.k8s.io/v1beta1; it is in networking.k8s.io/v1"
            ]
        );
        let template = problems("apiVersion: v1\nkind: Service\nmetadata: {name: {{ .Release.Name }}}\n");
        assert!(template[0].ends_with("render it first: helm template, kustomize build"), "{template:?}");
    }

    #[test]
    fn what_is_right_is_counted() {
        let text = "\
apiVersion: v1
kind: Service
metadata: {name: app}
---
apiVersion: multicluster.cyclops.io/v1alpha
kind: GSLB
metadata: {name: app}
spec: {objectReference: {kind: Service, name: app}, hostnames: [app.example.com]}
";
        let checked = check(&Offline::new(), "app.yaml", text, |_, _| {});
        assert_eq!((checked.summary().as_str(), checked.problems), ("1 object of MCI, 1 other", vec![]));
    }
}
