//! The same as is supplied, read once: for commands that look and go.

use mci_core::{HostnameState, Publications, Snapshot};

use super::Source;
use super::clusters::Clusters;
use crate::client::{CallError, ClusterClient};
use crate::content::shard::ShardContent;
use crate::content::{self, Read};
use crate::decode::ClusterItem;
use crate::names::{self, DerivedName};
use crate::resources::{Cluster, ClusterCache, HostnameCache};
use crate::unix;
use crate::watch::{self, Batch, Listing, Observed, Source as Listed};

/// What a namespace holds now.
#[derive(Debug)]
pub struct Facts {
    /// What a dns-server would answer from, without zones: those are its configuration's.
    pub snapshot: Snapshot,
    /// The Clusters as they are, by name.
    pub clusters: Vec<Cluster>,
    /// What was passed over, each as a sentence that names its object.
    pub passed_over: Vec<String>,
}

/// Reads the caches and Clusters of `namespace`.
///
/// An error is one of the API server; what an object of it says wrongly is passed over, and told.
pub async fn once(client: &ClusterClient, namespace: &str, source: Source) -> Result<Facts, CallError> {
    let mut passed_over = Vec::new();
    let states = match source {
        Source::HostnameCaches => hostnames(client, namespace, &mut passed_over).await?,
        Source::ClusterCaches => merged(client, namespace, &mut passed_over).await?,
    };
    let source = Listed::of::<Cluster>("clusters", Some(namespace));
    let listing = watch::once(client, &source, watch::decode::<Cluster>).await?;
    let mut clusters: Vec<Cluster> = listing.items.iter().map(|observed| observed.value.clone()).collect();
    clusters.sort_by(|a, b| a.metadata.name.cmp(&b.metadata.name));
    let listing = read(listing, &mut passed_over, |object| {
        let Read { content, faults } = content::cluster::read(&object).map_err(|fault| fault.to_string())?;
        Ok(Read { content: ClusterItem(content), faults })
    });
    let unix = unix::now();
    let snapshot = Snapshot::default().edited(|edit| {
        Clusters::default().take(Batch::Replace(listing), edit, unix);
        for state in states {
            edit.upsert(state);
        }
        edit.stamp(u32::try_from(unix).unwrap_or(u32::MAX));
    });
    Ok(Facts { snapshot, clusters, passed_over })
}

async fn hostnames(
    client: &ClusterClient,
    namespace: &str,
    passed_over: &mut Vec<String>,
) -> Result<Vec<HostnameState>, CallError> {
    let source = Listed::of::<HostnameCache>("hostnamecaches", Some(namespace));
    let listing = watch::once(client, &source, watch::decode::<HostnameCache>).await?;
    let listing = read(listing, passed_over, |object| {
        ours(&object)?;
        content::hostname::read(&object).map_err(|fault| fault.to_string())
    });
    Ok(listing.items.into_iter().map(|observed| observed.value).collect())
}

/// What each cluster publishes, merged here (R23).
async fn merged(
    client: &ClusterClient,
    namespace: &str,
    passed_over: &mut Vec<String>,
) -> Result<Vec<HostnameState>, CallError> {
    let mut publications = Publications::default();
    for content in shards(client, namespace, passed_over).await? {
        publications.put(&content.cluster, content.shard, content.entries);
    }
    Ok(publications.hostnames().filter_map(|hostname| publications.state(hostname)).collect())
}

/// Every shard of every cluster, as it is stored.
pub(crate) async fn shards(
    client: &ClusterClient,
    namespace: &str,
    passed_over: &mut Vec<String>,
) -> Result<Vec<ShardContent>, CallError> {
    let source = Listed::of::<ClusterCache>("clustercaches", Some(namespace));
    let listing = watch::once(client, &source, watch::decode::<ClusterCache>).await?;
    let listing = read(listing, passed_over, |object| {
        ours(&object)?;
        content::shard::read(&object).map_err(|fault| fault.to_string())
    });
    Ok(listing.items.into_iter().map(|observed| observed.value).collect())
}

/// What is under another name than its content asks for is nobody's.
fn ours<K: DerivedName + kube::Resource<DynamicType = ()>>(object: &K) -> Result<(), String> {
    if names::is_ours(object) {
        return Ok(());
    }
    let meta = object.meta();
    Err(format!(
        "{} {}/{}: its name is not the one of its content, so it is nobody's",
        K::kind(&()),
        meta.namespace.as_deref().unwrap_or_default(),
        meta.name.as_deref().unwrap_or_default()
    ))
}

/// What the objects of a list say; what they say wrongly goes to `passed_over`.
fn read<K, T>(
    listing: Listing<K>,
    passed_over: &mut Vec<String>,
    one: impl Fn(K) -> Result<Read<T>, String>,
) -> Listing<T> {
    let Listing { version, reason, items, malformed, vanished } = listing;
    passed_over.extend(malformed.iter().map(|malformed| format!("{}: {}", malformed.key, malformed.problem)));
    let mut kept = Vec::with_capacity(items.len());
    for Observed { key, uid, version, value } in items {
        match one(value) {
            Ok(Read { content, faults }) => {
                passed_over.extend(faults.iter().map(ToString::to_string));
                kept.push(Observed { key, uid, version, value: content });
            }
            Err(problem) => passed_over.push(problem),
        }
    }
    Listing { version, reason, items: kept, malformed, vanished }
}
