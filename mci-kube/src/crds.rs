//! The CustomResourceDefinitions, generated from the Rust types.
//!
//! What a schema or CEL can state is stated here, so that `kubectl apply` refuses what is wrong. The caches are another
//! matter: only MCI writes them, a schema over their items costs the API server time on each write, and an older schema
//! would cut off what a newer writer added. So their items are passed through, and `content` checks them.

use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;
use kube::Resource;
use schemars::JsonSchema;
use schemars::generate::SchemaSettings;
use serde_json::{Map, Value, json};

use crate::resources::{
    CYCLOPS_GROUP, Cluster, ClusterCache, ClusterSpec, ClusterStatus, CyclopsGslb, Gslb, GslbFields,
    GslbStatus, HostnameCache, ObjectName, ResourceCache, ServiceCache, VERSION,
};
use crate::rules::{CLUSTER_NAME, MAX_HOSTNAME, NOT_BOTH, REQUIRED};

/// All of them, in the order in which they are listed and installed.
pub fn all() -> Vec<CustomResourceDefinition> {
    vec![
        gslb(),
        cyclops_gslb(),
        cluster(),
        cluster_cache(),
        hostname_cache(),
        resource_cache(),
        service_cache(),
    ]
}

/// One as YAML.
pub fn yaml(crd: &CustomResourceDefinition) -> String {
    let value = serde_json::to_value(crd).expect("a definition is made of JSON values");
    serde_saphyr::to_string(&value).expect("JSON values are YAML values")
}

/// The file that one is kept in.
pub fn file_name(crd: &CustomResourceDefinition) -> String {
    format!("{}.yaml", crd.metadata.name.as_deref().unwrap_or_default())
}

fn gslb() -> CustomResourceDefinition {
    let fields = derived::<GslbFields>();
    let mut root = fields.clone();
    // On the top level a default would be added to objects with a spec too, and the rule against both refuse them all.
    take(&mut root, "required");
    let rules = [json!(NOT_BOTH), json!(REQUIRED)];
    list(&mut root, "x-kubernetes-validations").splice(0..0, rules);
    let properties = object(&mut root, "properties");
    properties.insert("spec".to_owned(), spec(fields));
    properties.insert("status".to_owned(), derived::<GslbStatus>());
    describe(
        &mut root,
        "Exposes an Ingress, a Service or a Gateway API object of its namespace under DNS names, across clusters. Its \
         fields stand under spec or on the top level, never both.",
    );
    definition::<Gslb>(&Kind { short: &["veccgslb"], status: true, columns: gslb_columns(), schema: root })
}

fn cyclops_gslb() -> CustomResourceDefinition {
    let schema = json!({
        "type": "object",
        "description": "Exposes an Ingress, a Service or a Gateway API object of its namespace under DNS names, across \
                        clusters. The same as GSLB in the group multicluster.veccsolutions.io, for manifests that were \
                        written for the .NET application.",
        "required": ["spec"],
        "properties": {"spec": spec(derived::<GslbFields>()), "status": derived::<GslbStatus>()},
    });
    definition::<CyclopsGslb>(&Kind {
        short: &["cyclopsgslb"],
        status: true,
        columns: gslb_columns(),
        schema,
    })
}

/// The fields where they stand under `spec`: there defaults and required fields can be stated.
fn spec(mut fields: Value) -> Value {
    describe(&mut fields, "What is exposed, under which names, and how.");
    if let Some(map) = fields.as_object_mut() {
        map.insert("required".to_owned(), json!(["hostnames", "objectReference"]));
    }
    let properties = object(&mut fields, "properties");
    for (name, default) in [("priority", json!(0)), ("weight", json!(mci_core::DEFAULT_WEIGHT))] {
        if let Some(property) = properties.get_mut(name).and_then(Value::as_object_mut) {
            property.insert("default".to_owned(), default);
        }
    }
    fields
}

/// `..name` finds a field wherever it stands; a column can name one path only.
fn gslb_columns() -> Value {
    json!([
        column("Kind", "string", "..objectReference.kind", "The kind of the object that is exposed"),
        column("Reference", "string", "..objectReference.name", "The object that is exposed"),
        column("Hostnames", "string", "..hostnames", "The DNS names"),
        column("Priority", "integer", "..priority", "The highest that is ready answers; default 0"),
        column("Weight", "integer", "..weight", "The share; default 50"),
        column(
            "Ready",
            "string",
            r#".status.conditions[?(@.type=="Published")].status"#,
            "Whether this cluster publishes it as ready"
        ),
        age(),
    ])
}

fn cluster() -> CustomResourceDefinition {
    let mut spec = derived::<ClusterSpec>();
    describe(&mut spec, "What people say of this cluster.");
    let schema = json!({
        "type": "object",
        "description": "One cluster, named by its identifier: what liveness says of it, and what people say of it.",
        "x-kubernetes-validations": [CLUSTER_NAME],
        "properties": {"spec": spec, "status": derived::<ClusterStatus>()},
    });
    let columns = json!([
        column("State", "string", ".status.state", "alive, stale or gone"),
        column("Override", "string", ".spec.override.state", "What an operator says: drained or down"),
        column("Own override", "string", ".status.ownOverride.state", "What the cluster says of itself"),
        column("Since", "string", ".status.since", "Since when it is in this state"),
        age(),
    ]);
    definition::<Cluster>(&Kind { short: &["mcicluster"], status: true, columns, schema })
}

fn cluster_cache() -> CustomResourceDefinition {
    let schema = cache(
        "One of the 1,024 shards of what one cluster publishes. Written by MCI.",
        &json!({
            "cluster": {"type": "string", "maxLength": 63, "description": "The cluster that publishes it."},
            "shard": number(1_023, "The first 10 bits of the SHA-256 of each of its hostnames."),
            "term": counter("The term of the leader that wrote it."),
            "seq": counter("Grows by one with each change of this shard."),
            "digest": {"type": "string", "description": "The writer's word for the content."},
            "hostnames": items(
                "For each hostname of this shard: hostname, hostIPs[] {ipAddress, ready, hostname, ports[]}, targets[], \
                 priority, weight, ready, ttl, answerMode, whenAllDown, fallback[], changed (Unix seconds)."
            ),
            "serviceEndpointCounts": items(
                "For each tracked Service: namespace, service, count (1 if it is ready, 0 if not)."
            ),
        }),
    );
    let columns = json!([
        column("Cluster", "string", ".cluster", "The cluster that publishes it"),
        column("Shard", "integer", ".shard", "The number of the shard"),
        column("Term", "integer", ".term", "The term of the leader that wrote it"),
        column("Seq", "integer", ".seq", "How often it changed in this term"),
        age(),
    ]);
    definition::<ClusterCache>(&Kind { short: &["mcicc"], status: false, columns, schema })
}

fn hostname_cache() -> CustomResourceDefinition {
    let schema = cache(
        "One hostname, merged from every cluster that publishes it. Written by MCI.",
        &json!({
            "hostname": {"type": "string", "maxLength": MAX_HOSTNAME, "description": "The name that is answered."},
            "endpoints": items(
                "For each cluster that publishes it: clusterIdentifier, addresses[] {ipAddress, ready, hostname, \
                 ports[]}, targets[], priority, weight, ready, ttl, answerMode, whenAllDown, fallback[], changed (Unix \
                 seconds)."
            ),
            "addresses": items(
                "The ready ones, for people and scripts: ipAddress, priority, weight, clusterIdentifier. MCI never reads \
                 it."
            ),
        }),
    );
    let columns = json!([
        column("Hostname", "string", ".hostname", "The name that is answered"),
        column(
            "Clusters",
            "string",
            ".endpoints[*].clusterIdentifier",
            "The first cluster that publishes it"
        ),
        column("Address", "string", ".addresses[*].ipAddress", "Its first ready address"),
        age(),
    ]);
    definition::<HostnameCache>(&Kind { short: &["mcihc"], status: false, columns, schema })
}

fn resource_cache() -> CustomResourceDefinition {
    let schema = cache(
        "What an object that a GSLB names offers. Written by MCI, for people to look at.",
        &json!({
            "object": derived::<ObjectName>(),
            "objectResourceVersion": {
                "type": "string",
                "description": "The object's resourceVersion at which what it offers last changed.",
            },
            "ready": {"type": "boolean", "description": "Whether it is ready."},
            "addresses": strings("The addresses that it offers."),
            "targets": strings("The names that it offers."),
        }),
    );
    let columns = json!([
        column("Kind", "string", ".object.kind", "The kind of the object"),
        column("Object", "string", ".object.name", "The name of the object"),
        column("Namespace", "string", ".object.namespace", "The namespace of the object"),
        column("Ready", "boolean", ".ready", "Whether it is ready"),
        column("Addresses", "string", ".addresses", "What it offers"),
        age(),
    ]);
    definition::<ResourceCache>(&Kind { short: &["mcirc"], status: false, columns, schema })
}

fn service_cache() -> CustomResourceDefinition {
    let schema = cache(
        "How many endpoints of a tracked Service are ready. Written by MCI, for people to look at.",
        &json!({
            "object": derived::<ObjectName>(),
            "readyEndpoints": number(i64::from(u32::MAX), "How many of its endpoints are ready."),
            "addresses": strings("Their addresses, where those are routable (headless Services)."),
        }),
    );
    let columns = json!([
        column("Service", "string", ".object.name", "The name of the Service"),
        column("Namespace", "string", ".object.namespace", "The namespace of the Service"),
        column("Ready", "integer", ".readyEndpoints", "How many of its endpoints are ready"),
        age(),
    ]);
    definition::<ServiceCache>(&Kind { short: &["mcisc"], status: false, columns, schema })
}

/// What a definition has beside the names that its type gives.
struct Kind {
    short: &'static [&'static str],
    status: bool,
    columns: Value,
    schema: Value,
}

fn definition<K: Resource<DynamicType = ()>>(kind: &Kind) -> CustomResourceDefinition {
    let Kind { short, status, columns, schema } = kind;
    let (group, plural, name) = (K::group(&()), K::plural(&()), K::kind(&()));
    let mut version = json!({
        "name": VERSION,
        "served": true,
        "storage": true,
        "additionalPrinterColumns": columns,
        "schema": {"openAPIV3Schema": schema},
    });
    if *status && let Some(version) = version.as_object_mut() {
        version.insert("subresources".to_owned(), json!({"status": {}}));
    }
    let definition = json!({
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": format!("{plural}.{group}")},
        "spec": {
            "group": group,
            "names": {
                "categories": if group == CYCLOPS_GROUP { json!([]) } else { json!(["mci"]) },
                "kind": name,
                "listKind": format!("{name}List"),
                "plural": plural,
                "shortNames": short,
                "singular": name.to_lowercase(),
            },
            "scope": "Namespaced",
            "versions": [version],
        },
    });
    serde_json::from_value(definition).expect("it is written as a definition")
}

/// A cache: what a newer writer adds on the top level stays.
fn cache(description: &str, properties: &Value) -> Value {
    json!({
        "type": "object",
        "description": description,
        "x-kubernetes-preserve-unknown-fields": true,
        "properties": properties,
    })
}

fn items(description: &str) -> Value {
    json!({
        "type": "array",
        "description": description,
        "x-kubernetes-list-type": "atomic",
        "items": {"type": "object", "x-kubernetes-preserve-unknown-fields": true},
    })
}

fn strings(description: &str) -> Value {
    json!({
        "type": "array",
        "description": description,
        "x-kubernetes-list-type": "atomic",
        "items": {"type": "string"},
    })
}

fn number(most: i64, description: &str) -> Value {
    json!({"type": "integer", "format": "int64", "minimum": 0, "maximum": most, "description": description})
}

fn counter(description: &str) -> Value {
    json!({"type": "integer", "format": "int64", "minimum": 0, "description": description})
}

fn column(name: &str, of: &str, path: &str, description: &str) -> Value {
    json!({"name": name, "type": of, "jsonPath": path, "description": description})
}

fn age() -> Value {
    column("Age", "date", ".metadata.creationTimestamp", "Since when it exists")
}

/// A type's schema as the API server takes it.
fn derived<T: JsonSchema>() -> Value {
    let settings = SchemaSettings::openapi3().with(|settings| {
        settings.inline_subschemas = true;
        settings.meta_schema = None;
    });
    let settings = settings
        .with_transform(kube::core::schema::StructuralSchemaRewriter)
        .with_transform(kube::core::schema::OptionalEnum);
    let mut schema = settings.into_generator().into_root_schema_for::<T>().to_value();
    take(&mut schema, "title");
    structural(&mut schema);
    schema
}

/// Takes out what the derive says beyond what holds here: a missing field is missing, not `null` (only the lists that
/// say so themselves take `null`), and no field has a default but those of [`spec`].
fn structural(schema: &mut Value) {
    let Some(map) = schema.as_object_mut() else { return };
    if map.get("type").and_then(Value::as_str) != Some("array") {
        map.remove("nullable");
    }
    map.remove("default");
    if let Some(format) = map.get_mut("format")
        && format.as_str().is_some_and(|format| format.starts_with("uint"))
    {
        *format = json!("int64");
    }
    if let Some(text) = map.get("description").and_then(Value::as_str) {
        // Doc comments are broken where a line ends.
        let flowing = text.replace('\n', " ");
        map.insert("description".to_owned(), json!(flowing));
    }
    if let Some(properties) = map.get_mut("properties").and_then(Value::as_object_mut) {
        properties.values_mut().for_each(structural);
    }
    if let Some(items) = map.get_mut("items") {
        structural(items);
    }
}

fn describe(schema: &mut Value, description: &str) {
    if let Some(map) = schema.as_object_mut() {
        map.insert("description".to_owned(), json!(description));
    }
}

fn take(schema: &mut Value, key: &str) {
    if let Some(map) = schema.as_object_mut() {
        map.remove(key);
    }
}

fn object<'a>(schema: &'a mut Value, key: &str) -> &'a mut Map<String, Value> {
    let map = schema.as_object_mut().expect("a schema is an object");
    map.entry(key).or_insert_with(|| json!({})).as_object_mut().expect("properties are an object")
}

fn list<'a>(schema: &'a mut Value, key: &str) -> &'a mut Vec<Value> {
    let map = schema.as_object_mut().expect("a schema is an object");
    map.entry(key).or_insert_with(|| json!([])).as_array_mut().expect("rules are a list")
}
