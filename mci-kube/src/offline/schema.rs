//! The part of a CRD's schema that is no CEL: types, ranges, lengths, what is required and what is unknown.
//!
//! Exactly the keywords that `crds` writes are evaluated; a test fails when it writes another.

use serde_json::{Map, Value, json};

use crate::offline::Violation;

/// The keywords that have a meaning here; `crds` writes no others.
#[cfg(test)]
const KEYWORDS: [&str; 19] = [
    "default",
    "description",
    "enum",
    "format",
    "items",
    "maxItems",
    "maxLength",
    "maximum",
    "minItems",
    "minLength",
    "minimum",
    "nullable",
    "properties",
    "required",
    "type",
    "x-kubernetes-list-map-keys",
    "x-kubernetes-list-type",
    "x-kubernetes-preserve-unknown-fields",
    "x-kubernetes-validations",
];

/// What every object has, whatever its schema says.
const TYPE_META: [&str; 3] = ["apiVersion", "kind", "metadata"];

/// The fields that the schema does not know: the API server would drop them.
pub(super) fn unknown_fields(schema: &Value, object: &Value) -> Vec<String> {
    let mut found = Vec::new();
    unknown(schema, object, "", &mut found);
    found
}

fn unknown(schema: &Value, value: &Value, path: &str, found: &mut Vec<String>) {
    let passes = schema.get("x-kubernetes-preserve-unknown-fields").is_some_and(|flag| flag == &json!(true));
    match value {
        Value::Object(map) => {
            for (key, value) in map {
                if path.is_empty() && TYPE_META.contains(&key.as_str()) {
                    continue;
                }
                match property(schema, key) {
                    Some(schema) => unknown(schema, value, &below(path, key), found),
                    None if passes || schema.get("type") != Some(&json!("object")) => {}
                    None => found.push(below(path, key)),
                }
            }
        }
        Value::Array(list) => {
            let Some(items) = schema.get("items") else { return };
            for (index, value) in list.iter().enumerate() {
                unknown(items, value, &format!("{path}[{index}]"), found);
            }
        }
        _ => {}
    }
}

/// The object as it would be stored: unknown fields and `null` where it is not allowed are dropped, defaults are added.
pub(super) fn stored(schema: &Value, object: &Value) -> Value {
    let mut object = object.clone();
    settle(schema, &mut object, true);
    object
}

fn settle(schema: &Value, value: &mut Value, root: bool) {
    match value {
        Value::Object(map) => {
            let passes = schema.get("x-kubernetes-preserve-unknown-fields") == Some(&json!(true));
            map.retain(|key, value| match property(schema, key) {
                Some(schema) => !value.is_null() || schema.get("nullable") == Some(&json!(true)),
                None => passes || (root && TYPE_META.contains(&key.as_str())),
            });
            for (key, schema) in schema.get("properties").and_then(Value::as_object).into_iter().flatten() {
                if let Some(default) = schema.get("default") {
                    map.entry(key).or_insert_with(|| default.clone());
                }
                if let Some(value) = map.get_mut(key) {
                    settle(schema, value, false);
                }
            }
        }
        Value::Array(list) => {
            let Some(items) = schema.get("items") else { return };
            for value in list {
                settle(items, value, false);
            }
        }
        _ => {}
    }
}

/// What is wrong, and whether CEL rules can still be evaluated after it.
pub(super) fn check(schema: &Value, object: &Value) -> (Vec<Violation>, bool) {
    let mut checker = Checker { found: Vec::new(), blocks: false };
    checker.value(schema, object, "");
    (checker.found, checker.blocks)
}

struct Checker {
    found: Vec<Violation>,
    blocks: bool,
}

impl Checker {
    fn add(&mut self, field: &str, message: String) {
        self.found.push(Violation { field: field.to_owned(), message });
    }

    fn block(&mut self, field: &str, message: String) {
        self.blocks = true;
        self.add(field, message);
    }

    fn value(&mut self, schema: &Value, value: &Value, path: &str) {
        if value.is_null() && schema.get("nullable") == Some(&json!(true)) {
            return;
        }
        let expected = schema.get("type").and_then(Value::as_str).unwrap_or_default();
        let found = type_of(value);
        if !expected.is_empty() && expected != found && !(expected == "number" && found == "integer") {
            // A fraction is a number to the API server before it is no integer.
            let (expected, found) = match (expected, found) {
                ("integer", "number") => ("int64", "float64"),
                other => other,
            };
            let message =
                format!("Invalid value: \"{found}\": {path} in body must be of type {expected}: \"{found}\"");
            self.block(path, message);
            return;
        }
        if let Some(allowed) = schema.get("enum").and_then(Value::as_array)
            && !allowed.contains(value)
        {
            let allowed: Vec<String> = allowed.iter().map(Value::to_string).collect();
            self.block(path, format!("Unsupported value: {value}: supported values: {}", allowed.join(", ")));
        }
        match value {
            Value::Number(_) => self.number(schema, value, path),
            Value::String(text) => self.text(schema, text, path),
            Value::Array(list) => self.list(schema, list, path),
            Value::Object(map) => self.map(schema, map, path),
            Value::Null | Value::Bool(_) => {}
        }
    }

    fn number(&mut self, schema: &Value, value: &Value, path: &str) {
        let bound = |key| schema.get(key).and_then(Value::as_f64);
        let Some(number) = value.as_f64() else { return };
        for (breaks, word, bound) in [
            (bound("minimum").is_some_and(|least| number < least), "greater", bound("minimum")),
            (bound("maximum").is_some_and(|most| number > most), "less", bound("maximum")),
        ] {
            if breaks && let Some(bound) = bound {
                let message = format!(
                    "Invalid value: {value}: {path} in body should be {word} than or equal to {bound}"
                );
                self.add(path, message);
            }
        }
    }

    fn text(&mut self, schema: &Value, text: &str, path: &str) {
        let length = text.chars().count();
        if let Some(most) = limit(schema, "maxLength").filter(|most| length > *most) {
            self.block(path, format!("Too long: may not be more than {most} bytes"));
        }
        if let Some(least) = limit(schema, "minLength").filter(|least| length < *least) {
            let message = format!(
                "Invalid value: {}: {path} in body should be at least {least} chars long",
                json!(text)
            );
            self.add(path, message);
        }
        if schema.get("format") == Some(&json!("date-time"))
            && crate::content::cluster::unix_seconds(text).is_err()
        {
            let shown = json!(text);
            self.block(
                path,
                format!("Invalid value: {shown}: {path} in body must be of type date-time: {shown}"),
            );
        }
    }

    fn list(&mut self, schema: &Value, list: &[Value], path: &str) {
        let length = list.len();
        if let Some(most) = limit(schema, "maxItems").filter(|most| length > *most) {
            self.block(path, format!("Too many: {length}: must have at most {most} items"));
        }
        if let Some(least) = limit(schema, "minItems").filter(|least| length < *least) {
            self.add(
                path,
                format!("Invalid value: {length}: {path} in body should have at least {least} items"),
            );
        }
        if let Some(items) = schema.get("items") {
            for (index, value) in list.iter().enumerate() {
                self.value(items, value, &format!("{path}[{index}]"));
            }
        }
        let keys: Vec<&str> = schema
            .get("x-kubernetes-list-map-keys")
            .and_then(Value::as_array)
            .map(|keys| keys.iter().filter_map(Value::as_str).collect())
            .unwrap_or_default();
        if !keys.is_empty() {
            let key = |value: &Value| {
                keys.iter().map(|key| ((*key).to_owned(), value.get(*key).cloned())).collect::<Vec<_>>()
            };
            for (index, value) in list.iter().enumerate() {
                if list.iter().take(index).any(|other| key(other) == key(value)) {
                    let shown: Map<String, Value> =
                        key(value).into_iter().filter_map(|(key, value)| Some((key, value?))).collect();
                    self.add(
                        &format!("{path}[{index}]"),
                        format!("Duplicate value: {}", Value::Object(shown)),
                    );
                }
            }
        }
    }

    fn map(&mut self, schema: &Value, map: &Map<String, Value>, path: &str) {
        for key in schema.get("required").and_then(Value::as_array).into_iter().flatten() {
            if let Some(key) = key.as_str().filter(|key| !map.contains_key(*key)) {
                self.block(&below(path, key), "Required value".to_owned());
            }
        }
        for (key, value) in map {
            if let Some(schema) = property(schema, key) {
                self.value(schema, value, &below(path, key));
            }
        }
    }
}

/// What stands at a path like `spec.hostnames[0]`.
pub(super) fn at<'a>(object: &'a Value, path: &str) -> Option<&'a Value> {
    let mut value = object;
    for part in path.split(['.', '[']).filter(|part| !part.is_empty()) {
        value = match part.strip_suffix(']') {
            Some(index) => value.get(index.parse::<usize>().ok()?)?,
            None => value.get(part)?,
        };
    }
    Some(value)
}

fn property<'a>(schema: &'a Value, key: &str) -> Option<&'a Value> {
    schema.get("properties")?.get(key)
}

fn limit(schema: &Value, key: &str) -> Option<usize> {
    schema.get(key).and_then(Value::as_u64).and_then(|limit| usize::try_from(limit).ok())
}

fn below(path: &str, key: &str) -> String {
    if path.is_empty() { key.to_owned() } else { format!("{path}.{key}") }
}

fn type_of(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "boolean",
        Value::Number(number) if number.is_i64() || number.is_u64() => "integer",
        Value::Number(_) => "number",
        Value::String(_) => "string",
        Value::Array(_) => "array",
        Value::Object(_) => "object",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn keywords(schema: &Value, found: &mut Vec<String>) {
        let Value::Object(map) = schema else { return };
        found.extend(map.keys().cloned());
        if let Some(properties) = map.get("properties").and_then(Value::as_object) {
            properties.values().for_each(|schema| keywords(schema, found));
        }
        map.get("items").into_iter().for_each(|schema| keywords(schema, found));
    }

    #[test]
    fn every_keyword_of_every_crd_is_evaluated() {
        let mut found = Vec::new();
        for crd in crate::crds::all() {
            let crd = serde_json::to_value(&crd).unwrap();
            keywords(&crd["spec"]["versions"][0]["schema"]["openAPIV3Schema"], &mut found);
        }
        found.sort();
        found.dedup();
        found.retain(|keyword| !KEYWORDS.contains(&keyword.as_str()));
        assert_eq!(found, Vec::<String>::new());
    }

    #[test]
    fn a_path_leads_to_what_stands_there() {
        let object = json!({"spec": {"hostnames": ["a", {"b": 1}]}});
        assert_eq!(at(&object, "spec.hostnames[1].b"), Some(&json!(1)));
        assert_eq!(at(&object, ""), Some(&object));
        assert_eq!(at(&object, "spec.hostnames[2]"), None);
    }
}
