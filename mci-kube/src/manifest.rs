//! Manifests: the objects in files as `kubectl apply -f` takes them.
//!
//! Each document is read by itself, so that a mistake in one does not hide the others. It refuses to know what the
//! objects mean.

use serde_json::Value;

/// One object of a manifest, or what keeps it from being read.
#[derive(Clone, Debug, PartialEq)]
pub struct Manifest {
    /// The line on which its document begins, counted from 1.
    pub line: u32,
    /// The object.
    pub object: Result<Value, SyntaxError>,
}

/// A document that is no object.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct SyntaxError {
    /// The line, counted from 1, where it is known.
    pub line: Option<u32>,
    /// What is wrong there.
    pub message: String,
}

/// Whether a text is a manifest: some document of it begins an object of Kubernetes.
pub fn is_manifest(text: &str) -> bool {
    // Cheap, since it is asked of large state files too.
    text.contains("apiVersion")
        && read(text).iter().any(|manifest| match &manifest.object {
            Ok(object) => has_type(object),
            // What cannot be read is judged by its words.
            Err(_) => documents(text).any(|(_, document)| {
                let has = |key: &str| document.lines().any(|line| line.starts_with(key));
                has("apiVersion:") && has("kind:")
            }),
        })
}

/// The objects of a text in YAML or JSON, in order; those of a `List` one by one. Empty documents are passed over.
pub fn read(text: &str) -> Vec<Manifest> {
    let mut manifests = Vec::new();
    for (line, document) in documents(text) {
        match parse(document, line) {
            Ok(Value::Null) => {}
            Ok(mut object) if is_list(&object) => {
                let items = object.get_mut("items").map(Value::take);
                for mut item in items.into_iter().flat_map(|items| match items {
                    Value::Array(items) => items,
                    Value::Null => Vec::new(),
                    other => vec![other],
                }) {
                    adopt(&object, &mut item);
                    manifests.push(Manifest { line, object: Ok(item) });
                }
            }
            object => manifests.push(Manifest { line, object }),
        }
    }
    manifests
}

fn has_type(object: &Value) -> bool {
    ["apiVersion", "kind"].iter().all(|key| object.get(key).is_some_and(Value::is_string))
}

/// `List`, or `ServiceList` as the API server answers it.
fn is_list(object: &Value) -> bool {
    let kind = object.get("kind").and_then(Value::as_str).unwrap_or_default();
    let items = object.get("items");
    has_type(object) && kind.ends_with("List") && (kind == "List" || items.is_some_and(Value::is_array))
}

/// The items of a `ServiceList` do not repeat that they are Services.
fn adopt(list: &Value, item: &mut Value) {
    let kind = list.get("kind").and_then(Value::as_str).and_then(|kind| kind.strip_suffix("List"));
    let (Some(kind), Value::Object(item)) = (kind.filter(|kind| !kind.is_empty()), item) else { return };
    item.entry("kind").or_insert_with(|| kind.into());
    if let Some(version) = list.get("apiVersion") {
        item.entry("apiVersion").or_insert_with(|| version.clone());
    }
}

/// The documents with the lines on which they begin. A line that begins with `---` ends a document wherever it stands.
fn documents(text: &str) -> impl Iterator<Item = (u32, &str)> {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let mut found = Vec::new();
    let (mut start, mut first, mut at) = (0, 1_u32, 0);
    for (number, line) in (1_u32..).zip(text.split_inclusive('\n')) {
        if let Some(rest) = line.strip_prefix("---")
            && (rest.trim_end().is_empty() || rest.starts_with([' ', '\t']))
        {
            found.push((first, text.get(start..at)));
            // What stands behind the dashes belongs to the next document.
            (start, first) = (at + "---".len(), number);
        }
        at += line.len();
    }
    found.push((first, text.get(start..)));
    found.into_iter().filter_map(|(first, document)| {
        let document = document?;
        // The line of the first word, past comments and empty lines.
        let before = document.lines().take_while(|line| {
            let line = line.trim();
            line.is_empty() || line.starts_with('#')
        });
        let before = u32::try_from(before.count()).unwrap_or(u32::MAX);
        Some((first.saturating_add(before), document)).filter(|(_, document)| !document.trim().is_empty())
    })
}

fn parse(document: &str, line: u32) -> Result<Value, SyntaxError> {
    if document.trim_start().starts_with('{')
        && let Ok(object) = serde_json::from_str(document)
    {
        return Ok(object);
    }
    serde_saphyr::from_str(document).map_err(|error| {
        let within = error.location().map(|location| location.line());
        let first = document
            .lines()
            .take_while(|line| line.trim().is_empty() || line.trim().starts_with('#'))
            .count();
        let first = u64::try_from(first).unwrap_or_default();
        let at =
            within.and_then(|within| u32::try_from((u64::from(line) + within).checked_sub(first + 1)?).ok());
        let message = error.to_string();
        let message = message.lines().next().unwrap_or_default();
        // `error: line 3 column 7: …` counts from where the document begins.
        let message = message
            .strip_prefix("error: line ")
            .and_then(|rest| rest.split_once(": "))
            .map_or(message, |(_, message)| message);
        SyntaxError { line: at, message: message.to_owned() }
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn each_document_is_read_by_itself_with_its_line() {
        let text = "# comment\n---\napiVersion: v1\nkind: A\n--- # next\n\nkind: B\n---\n\n---\nb: 1\na: [\n---\n{\"kind\": \"C\"}\n";
        let read: Vec<_> = read(text)
            .into_iter()
            .map(|manifest| (manifest.line, manifest.object.map_err(|error| error.line)))
            .collect();
        assert_eq!(
            read,
            [
                (3, Ok(json!({"apiVersion": "v1", "kind": "A"}))),
                (7, Ok(json!({"kind": "B"}))),
                (11, Err(Some(12))),
                (14, Ok(json!({"kind": "C"}))),
            ]
        );
    }

    #[test]
    fn the_objects_of_a_list_come_one_by_one() {
        let text = "apiVersion: v1\nkind: List\nitems:\n- {kind: A}\n- {kind: B}\n";
        let objects: Vec<_> = read(text).into_iter().map(|manifest| manifest.object.unwrap()).collect();
        assert_eq!(objects, [json!({"kind": "A"}), json!({"kind": "B"})]);
        let text = "apiVersion: v1\nkind: ServiceList\nitems: [{metadata: {name: a}}]\n";
        let objects: Vec<_> = read(text).into_iter().map(|manifest| manifest.object.unwrap()).collect();
        assert_eq!(objects, [json!({"apiVersion": "v1", "kind": "Service", "metadata": {"name": "a"}})]);
    }

    #[test]
    fn what_is_wrong_is_said_without_the_place_in_its_document() {
        let [Manifest { object: Err(error), .. }] = &read("a: 1\n---\nkind: [\n")[1..] else {
            panic!("the second document cannot be read")
        };
        assert_eq!((error.line, error.to_string().as_str()), (Some(3), "unclosed bracket '['"));
    }

    #[test]
    fn a_manifest_is_known_by_its_type() {
        assert!(is_manifest("apiVersion: v1\nkind: A\n"));
        assert!(is_manifest("# apiVersion\n---\n{\"apiVersion\": \"v1\", \"kind\": \"A\"}"));
        assert!(is_manifest("apiVersion: v1\nkind: A\nspec: [\n"), "one that cannot be read, too");
        assert!(!is_manifest("hostnames: []\n"));
        assert!(!is_manifest("hostnames: [{hostname: apiVersion.example}]\n"));
        assert!(!is_manifest(""));
    }
}
