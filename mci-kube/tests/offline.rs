//! What is said of objects without an API server: the table that a real one is asked, too.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a panic is how a test fails")]

use std::fmt::Write as _;
use std::path::Path;

use mci_kube::offline::{Offline, Violation};
use serde_json::{Value, json};

fn table() -> Vec<Value> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/objects.yaml");
    let text = std::fs::read_to_string(path).unwrap();
    serde_saphyr::from_str(&text).unwrap()
}

/// What a row expects, as sorted violations.
fn expected(row: &Value) -> Vec<Violation> {
    let list = |key: &str| row.get(key).and_then(Value::as_array).cloned().unwrap_or_default();
    let text = |value: &Value, key: &str| value[key].as_str().unwrap().to_owned();
    let mut all: Vec<Violation> = [list("refused"), list("offline")]
        .concat()
        .iter()
        .map(|item| Violation { field: text(item, "field"), message: text(item, "message") })
        .collect();
    all.extend(list("unknown").iter().map(|field| {
        let field = field.as_str().unwrap().to_owned();
        Violation { message: format!("strict decoding error: unknown field \"{field}\""), field }
    }));
    all.sort();
    all
}

#[test]
fn every_object_of_the_table_is_judged_as_it_says() {
    let offline = Offline::new();
    let mut differences = String::new();
    for row in table() {
        let mut found = offline.check(&row["object"]);
        found.sort();
        let expected = expected(&row);
        if found != expected {
            let _ = writeln!(differences, "{}\n  expected {expected:#?}\n  found {found:#?}", row["about"]);
        }
    }
    assert!(differences.is_empty(), "{differences}");
}

#[test]
fn an_object_of_another_kind_is_none_of_ours() {
    let offline = Offline::new();
    for object in [
        json!({"apiVersion": "v1", "kind": "Service", "metadata": {"name": "a"}}),
        json!({"apiVersion": "multicluster.cyclops.io/v1alpha", "kind": "HostnameCache"}),
        json!({"apiVersion": "multicluster.veccsolutions.io/v2", "kind": "GSLB"}),
        json!([]),
        json!(null),
    ] {
        assert!(!offline.knows(&object));
        assert_eq!(offline.check(&object), []);
    }
}
