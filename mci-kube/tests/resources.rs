//! Objects as Rust types.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a panic is how a test fails")]

use mci_kube::resources::{Cluster, CyclopsGslb, Gslb, GslbSpec, ShapeError};
use serde_json::{Value, json};

fn fields() -> Value {
    json!({
        "objectReference": {"kind": "HTTPRoute", "name": "app"}, "hostnames": ["app.example.com"],
        "ipOverrides": null, "weight": 7, "answerMode": "all", "whenAllDown": "static", "fallback": ["192.0.2.1"],
        "backendPolicy": "any", "newer": true,
    })
}

fn flat() -> Value {
    let mut object = fields();
    object["metadata"] = json!({"name": "app", "namespace": "shop"});
    object
}

fn under_spec(fields: &Value) -> Value {
    json!({"metadata": {"name": "app", "namespace": "shop"}, "spec": fields})
}

fn content(object: Value) -> Result<GslbSpec, ShapeError> {
    serde_json::from_value::<Gslb>(object).unwrap().content()
}

#[test]
fn a_gslb_means_the_same_wherever_its_fields_stand() {
    let flat = content(flat()).unwrap();
    assert_eq!(flat.weight, Some(7));
    assert_eq!(content(under_spec(&fields())), Ok(flat.clone()));
    let cyclops: CyclopsGslb = serde_json::from_value(under_spec(&fields())).unwrap();
    assert_eq!(cyclops.content(), Ok(flat));
}

#[test]
fn a_gslb_that_came_past_validation_says_what_its_shape_lacks() {
    let mut both = under_spec(&fields());
    both["weight"] = json!(7);
    assert_eq!(content(both), Err(ShapeError::Both));
    assert_eq!(content(json!({"metadata": {}})), Err(ShapeError::NoReference));
    let half = json!({"objectReference": {"kind": "Service", "name": "app"}});
    assert_eq!(content(under_spec(&half)), Err(ShapeError::NoHostnames));
    let none: CyclopsGslb = serde_json::from_value(json!({"metadata": {}})).unwrap();
    assert_eq!(none.content(), Err(ShapeError::NoReference));
}

#[test]
fn what_is_read_is_written_with_its_fields_where_they_stood() {
    for object in [flat(), under_spec(&fields())] {
        let gslb: Gslb = serde_json::from_value(object.clone()).unwrap();
        let again: Gslb = serde_json::from_value(serde_json::to_value(&gslb).unwrap()).unwrap();
        assert_eq!(again, gslb);
        assert_eq!(serde_json::to_value(&gslb).unwrap().get("spec").is_some(), object.get("spec").is_some());
    }
}

#[test]
fn a_cluster_without_a_spec_is_one_of_which_nothing_is_said() {
    for object in [json!({"metadata": {"name": "west"}}), json!({"metadata": {"name": "west"}, "spec": null})]
    {
        let cluster: Cluster = serde_json::from_value(object).unwrap();
        let expected = Cluster { api_version: String::new(), kind: String::new(), ..Cluster::named("west") };
        assert_eq!(cluster, expected);
    }
}
