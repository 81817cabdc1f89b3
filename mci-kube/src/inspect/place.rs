//! Where MCI is in a cluster, which installation that is, and who asks.

use std::collections::BTreeSet;

use k8s_openapi::api::authentication::v1::SelfSubjectReview;
use k8s_openapi::api::core::v1::Namespace;

use crate::client::{CallError, ClusterClient};
use crate::resources::Cluster;
use crate::watch::{self, ObjectKey, Source};

/// Why it is not known where MCI's own objects are.
#[derive(Debug, thiserror::Error)]
pub enum Nowhere {
    /// The definition of `Cluster` is not installed.
    #[error(
        "there is no MCI in this cluster: it has no Clusters of multicluster.veccsolutions.io (`mci crds` prints the definitions)"
    )]
    NotInstalled,
    /// There is no `Cluster` anywhere.
    #[error(
        "no namespace holds a Cluster: is the orchestrator running? -n NAMESPACE says where MCI's objects are"
    )]
    NoCluster,
    /// There are several installations.
    #[error("{} each hold Clusters: say which is meant by -n NAMESPACE", .0.join(", "))]
    Several(Vec<String>),
    /// The API server said no.
    #[error("looking for MCI's namespace: {0}; -n NAMESPACE says where it is")]
    Call(CallError),
}

/// Where MCI's objects are: in the context's own namespace if a `Cluster` is there, else in the one that has any.
pub async fn namespace_of(client: &ClusterClient) -> Result<String, Nowhere> {
    match clusters_in(client, Some(client.namespace())).await {
        Ok(namespaces) if !namespaces.is_empty() => return Ok(client.namespace().to_owned()),
        Err(error) if error.is_not_found() => return Err(Nowhere::NotInstalled),
        // In another namespace this user may be allowed to look.
        Ok(_) => {}
        Err(error) if error.is_forbidden() => {}
        Err(error) => return Err(Nowhere::Call(error)),
    }
    let mut namespaces: Vec<String> =
        clusters_in(client, None).await.map_err(Nowhere::Call)?.into_iter().collect();
    match namespaces.len() {
        0 => Err(Nowhere::NoCluster),
        1 => Ok(namespaces.remove(0)),
        _ => Err(Nowhere::Several(namespaces)),
    }
}

async fn clusters_in(client: &ClusterClient, namespace: Option<&str>) -> Result<BTreeSet<String>, CallError> {
    let source = Source::of::<Cluster>("clusters", namespace);
    let listing = watch::once(client, &source, |_| Ok(())).await?;
    Ok(listing.items.into_iter().map(|observed| observed.key.namespace.into_string()).collect())
}

/// The Clusters of a namespace as they are, by name.
pub async fn clusters(client: &ClusterClient, namespace: &str) -> Result<Vec<Cluster>, CallError> {
    let source = Source::of::<Cluster>("clusters", Some(namespace));
    let listing = watch::once(client, &source, watch::decode::<Cluster>).await?;
    let mut clusters: Vec<Cluster> = listing.items.into_iter().map(|observed| observed.value).collect();
    clusters.sort_by(|a, b| a.metadata.name.cmp(&b.metadata.name));
    Ok(clusters)
}

/// Which installation a namespace is: its UID, as operators say it in their heartbeats.
pub async fn installation(client: &ClusterClient, namespace: &str) -> Result<Option<String>, CallError> {
    let found: Option<Namespace> = client.get(&ObjectKey::new("", namespace)).await?;
    Ok(found.and_then(|namespace| namespace.metadata.uid))
}

/// Whom the API server takes us for.
pub async fn user(client: &ClusterClient) -> Result<Option<String>, CallError> {
    let told = client.create(&SelfSubjectReview::default()).await?;
    Ok(told.status.and_then(|status| status.user_info).and_then(|user| user.username))
}
