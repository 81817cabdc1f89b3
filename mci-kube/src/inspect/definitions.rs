//! Whether a cluster has the definitions that this program has.

use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;
use serde_json::Value;

use crate::client::{CallError, ClusterClient};
use crate::crds;
use crate::watch::ObjectKey;

/// One definition, as the API server has it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Definition {
    /// It says all that ours says.
    Same(String),
    /// It is not there.
    Missing(String),
    /// It is there, and not served yet.
    NotEstablished(String),
    /// It says something else.
    Differs {
        /// Its name.
        name: String,
        /// Where, first of all.
        place: String,
    },
}

/// Compares every definition of [`crds::all`] with what the API server has.
///
/// What the API server adds (defaults, what a later version added) is no difference.
pub async fn definitions(client: &ClusterClient) -> Result<Vec<Definition>, CallError> {
    let mut found = Vec::new();
    for ours in crds::all() {
        let name = ours.metadata.name.clone().unwrap_or_default();
        let theirs: Option<CustomResourceDefinition> = client.get(&ObjectKey::new("", &name)).await?;
        found.push(match theirs {
            None => Definition::Missing(name),
            Some(theirs) if !is_established(&theirs) => Definition::NotEstablished(name),
            Some(theirs) => match difference(&spec(&ours), &spec(&theirs), "spec") {
                None => Definition::Same(name),
                Some(place) => Definition::Differs { name, place },
            },
        });
    }
    Ok(found)
}

fn is_established(definition: &CustomResourceDefinition) -> bool {
    let conditions = definition.status.iter().flat_map(|status| status.conditions.iter().flatten());
    conditions.into_iter().any(|condition| condition.type_ == "Established" && condition.status == "True")
}

fn spec(definition: &CustomResourceDefinition) -> Value {
    serde_json::to_value(&definition.spec).expect("a definition is made of JSON values")
}

/// Where `theirs` does not say what `ours` says.
fn difference(ours: &Value, theirs: &Value, place: &str) -> Option<String> {
    match (ours, theirs) {
        (Value::Object(ours), Value::Object(theirs)) => ours.iter().find_map(|(key, ours)| {
            let place = format!("{place}.{key}");
            match theirs.get(key) {
                Some(theirs) => difference(ours, theirs, &place),
                // What is empty is left out by some.
                None => (!is_empty(ours)).then_some(place),
            }
        }),
        (Value::Array(ours), Value::Array(theirs)) if ours.len() == theirs.len() => ours
            .iter()
            .zip(theirs)
            .enumerate()
            .find_map(|(index, (ours, theirs))| difference(ours, theirs, &format!("{place}[{index}]"))),
        (Value::Number(ours), Value::Number(theirs)) => {
            // 1 and 1.0 are the same number in JSON.
            (ours.as_f64() != theirs.as_f64()).then(|| place.to_owned())
        }
        (ours, theirs) => (ours != theirs).then(|| place.to_owned()),
    }
}

fn is_empty(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::Array(items) => items.is_empty(),
        Value::Object(fields) => fields.is_empty(),
        Value::Bool(_) | Value::Number(_) | Value::String(_) => false,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::difference;

    #[test]
    fn what_the_api_server_adds_is_no_difference_and_what_it_lacks_is() {
        let ours = json!({"names": {"kind": "A"}, "versions": [{"name": "v1", "max": 5, "columns": []}]});
        let more = json!({"names": {"kind": "A", "singular": "a"}, "versions": [{"name": "v1", "max": 5.0}], "conversion": {}});
        assert_eq!(difference(&ours, &more, "spec"), None);
        let other = json!({"names": {"kind": "A"}, "versions": [{"name": "v1", "max": 6}]});
        assert_eq!(difference(&ours, &other, "spec").as_deref(), Some("spec.versions[0].max"));
        let less = json!({"names": {"kind": "A"}});
        assert_eq!(difference(&ours, &less, "spec").as_deref(), Some("spec.versions"));
    }
}
