//! Deleting what nobody owns any more: shards of removed clusters, and the caches of the .NET application.

use http::Request;
use tracing::{info, warn};

use crate::client::{CallError, ClusterClient};
use crate::resources::{CYCLOPS_GROUP, ClusterCache, VERSION};
use crate::watch::{self, ObjectKey, Observed, Source};

/// The kinds of caches that it keeps in its own group.
const KINDS: [&str; 4] = ["hostnamecaches", "clustercaches", "resourcecaches", "servicecaches"];

/// Deletes one shard as it is now.
pub(super) async fn delete_shard(client: &ClusterClient, key: &ObjectKey) {
    let deleted = async {
        let Some(object) = client.get::<ClusterCache>(key).await? else { return Ok(()) };
        let version = crate::client::version_of(&object)?;
        let uid = object.metadata.uid.as_deref().unwrap_or_default();
        client.delete::<ClusterCache>(key, uid, version).await
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

async fn sweep_kind(client: &ClusterClient, path: &str) -> Result<usize, CallError> {
    // Of objects that are to go nothing is read but who they are.
    let listing = watch::once(client, &Source::at("leftovers", path), |_| Ok(())).await?;
    let mut count = 0;
    for Observed { key, uid, .. } in listing.items {
        // That very object, and not one that was made in its place.
        let options = serde_json::json!({"preconditions": {"uid": uid}}).to_string().into_bytes();
        let request = Request::delete(format!("{path}/{}", key.name))
            .header("content-type", "application/json")
            .body(options)
            .expect("a path of kind and name is a request");
        match client.call(request).await {
            Ok(_) => count += 1,
            Err(error) if error.is_not_found() || error.is_conflict() => {}
            Err(error) => return Err(error),
        }
    }
    Ok(count)
}
