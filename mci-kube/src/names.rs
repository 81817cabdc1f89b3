//! The names of the caches in the API server.
//!
//! A name is derived from what the object holds, so that two writers that mean the same object name the same one, and an
//! object whose name is not the one derived from its content is nobody's: readers ignore and count it, the owner of its
//! kind deletes it. Whole hostnames do not fit, and `*` is no character of an object name: hence the hash.
//!
//! ```text
//!  <h|c|r|s>-<up to 32 characters, for people>-<first 32 hex digits of SHA-256 of the canonical name>[-s<shard>]
//! ```

use core::fmt::Write as _;

use mci_core::{ClusterId, Hostname};
use sha2::{Digest, Sha256};

use crate::resources::{ClusterCache, HostnameCache, ObjectName, ResourceCache, ServiceCache};

/// The cluster that a ClusterCache belongs to: for people and the admission policy; no watch selects by it.
pub const CLUSTER_LABEL: &str = "mci.dev/cluster";
/// The number of shards of one cluster: part of the format.
pub const SHARDS: u16 = 1_024;

const READABLE: usize = 32;

/// The name of a hostname's HostnameCache.
pub fn hostname_cache(hostname: &Hostname) -> String {
    derived('h', &hostname.to_string())
}

/// The name of one shard of a cluster's ClusterCache.
pub fn cluster_cache(cluster: &ClusterId, shard: u16) -> String {
    let mut name = derived('c', cluster.as_str());
    let _ = write!(name, "-s{shard:03x}");
    name
}

/// The name of an object's ResourceCache.
pub fn resource_cache(object: &ObjectName) -> String {
    derived('r', &canonical(object))
}

/// The name of a Service's ServiceCache.
pub fn service_cache(object: &ObjectName) -> String {
    derived('s', &canonical(object))
}

fn canonical(ObjectName { kind, name, namespace }: &ObjectName) -> String {
    format!("{kind}.{name}.{namespace}").to_ascii_lowercase()
}

fn derived(kind: char, canonical: &str) -> String {
    let allowed = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
    let mut name = format!("{kind}-");
    name.extend(canonical.chars().take(READABLE).map(|c| if allowed(c) { c } else { '-' }));
    name.push('-');
    for octet in Sha256::digest(canonical).iter().take(16) {
        let _ = write!(name, "{octet:02x}");
    }
    name
}

/// A kind whose objects are named after their content.
pub trait DerivedName {
    /// The name that its content asks for; `None` where the content names nothing.
    fn derived_name(&self) -> Option<String>;
}

impl DerivedName for HostnameCache {
    fn derived_name(&self) -> Option<String> {
        let text = self.hostname.as_deref()?;
        let hostname: Hostname = text.parse().ok()?;
        // In another spelling it is no object of ours: one hostname, one object.
        (hostname.to_string() == text).then(|| hostname_cache(&hostname))
    }
}

impl DerivedName for ClusterCache {
    fn derived_name(&self) -> Option<String> {
        let shard = self.shard.filter(|shard| *shard < SHARDS)?;
        Some(cluster_cache(&self.cluster.as_deref()?.parse().ok()?, shard))
    }
}

impl DerivedName for ResourceCache {
    fn derived_name(&self) -> Option<String> {
        Some(resource_cache(self.object.as_ref()?))
    }
}

impl DerivedName for ServiceCache {
    fn derived_name(&self) -> Option<String> {
        Some(service_cache(self.object.as_ref()?))
    }
}

/// Whether an object has the name that its content asks for; one that has not is nobody's.
pub fn is_ours<K: DerivedName + kube::Resource>(object: &K) -> bool {
    object.derived_name().is_some_and(|name| object.meta().name.as_ref() == Some(&name))
}
