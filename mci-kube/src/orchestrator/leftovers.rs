//! Deleting what nobody owns any more: shards of removed clusters, and the caches of the .NET application.

use http::{Method, Request};
use serde::Deserialize;
use tracing::{info, warn};

use crate::client::ClusterClient;
use crate::resources::{CYCLOPS_GROUP, ClusterCache, VERSION};
use crate::watch::{ObjectKey, Version};

/// The kinds of caches that it keeps in its own group.
const KINDS: [&str; 4] = ["hostnamecaches", "clustercaches", "resourcecaches", "servicecaches"];

#[derive(Deserialize)]
struct List {
    items: Vec<Item>,
}

#[derive(Deserialize)]
struct Item {
    metadata: Meta,
}

#[derive(Deserialize)]
struct Meta {
    name: String,
    uid: String,
}

/// Deletes one shard as it is now.
pub(super) async fn delete_shard(client: &ClusterClient, key: &ObjectKey) {
    let deleted = async {
        let Some(object) = client.get::<ClusterCache>(key).await? else { return Ok(()) };
        let version = crate::client::version_of(&object)?;
        let uid = object.metadata.uid.as_deref().unwrap_or_default();
        client.delete::<ClusterCache>(key, uid, Version(version.0)).await
    };
    if let Err(error) = deleted.await {
        warn!(object = %key, %error, "A shard of a removed cluster was not deleted");
    }
}

/// Deletes the caches in the group of the .NET application. Without its definitions there are none.
pub(super) async fn sweep(client: &ClusterClient, namespace: &str) {
    for kind in KINDS {
        let path = format!("/apis/{CYCLOPS_GROUP}/{VERSION}/namespaces/{namespace}/{kind}");
        match sweep_kind(client, &path).await {
            Ok(0) => {}
            Ok(count) => info!(kind, count, "Deleted what the application before left behind"),
            Err(error) if error.is_not_found() => {}
            Err(error) => warn!(kind, %error, "What the application before left behind was not deleted"),
        }
    }
}

async fn sweep_kind(client: &ClusterClient, path: &str) -> Result<usize, crate::client::CallError> {
    let request = |method: Method, path: &str, body: Vec<u8>| {
        Request::builder()
            .method(method)
            .uri(path)
            .header("content-type", "application/json")
            .body(body)
            .expect("a path of kind and name is a request")
    };
    let body = client.call(request(Method::GET, path, Vec::new())).await?;
    let list: List = serde_json::from_slice(&body)
        .map_err(|error| crate::client::CallError::Nonsense(error.to_string()))?;
    let mut count = 0;
    for Item { metadata: Meta { name, uid } } in list.items {
        // That very object, and not one that was made in its place.
        let options = serde_json::json!({"preconditions": {"uid": uid}}).to_string().into_bytes();
        match client.call(request(Method::DELETE, &format!("{path}/{name}"), options)).await {
            Ok(_) => count += 1,
            Err(error) if error.is_not_found() || error.is_conflict() => {}
            Err(error) => return Err(error),
        }
    }
    Ok(count)
}
