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

use mci_core::{ClusterId, Hostname, Shard};
use sha2::{Digest, Sha256};

use crate::resources::{ClusterCache, HostnameCache, ObjectName, ResourceCache, ServiceCache};

/// The cluster that a ClusterCache belongs to: for people and the admission policy; no watch selects by it.
pub const CLUSTER_LABEL: &str = "mci.dev/cluster";

const READABLE: usize = 32;

/// The name of a hostname's HostnameCache.
pub fn hostname_cache(hostname: &Hostname) -> String {
    derived('h', &hostname.to_string())
}

/// The name of one shard of a cluster's ClusterCache.
pub fn cluster_cache(cluster: &ClusterId, shard: Shard) -> String {
    let mut name = derived('c', cluster.as_str());
    let _ = write!(name, "-s{shard}");
    name
}

/// What the names of all shards of a cluster begin with.
pub(crate) fn cluster_caches_of(cluster: &ClusterId) -> String {
    let mut name = derived('c', cluster.as_str());
    name.push_str("-s");
    name
}

/// Whether a name has the shape of those that are derived from content: the application before this one had others.
pub(crate) fn is_derived_shape(kind: char, name: &str) -> bool {
    let Some((head, hash)) = name.rsplit_once('-') else { return false };
    let mut head = head.chars();
    (head.next(), head.next()) == (Some(kind), Some('-'))
        && hash.len() == READABLE
        && hash.bytes().all(|octet| matches!(octet, b'0'..=b'9' | b'a'..=b'f'))
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
        let shard = Shard::try_from(self.shard?).ok()?;
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

#[cfg(test)]
mod tests {
    use super::*;

    fn hostname(text: &str) -> Hostname {
        text.parse().unwrap()
    }

    #[test]
    fn a_name_is_the_kind_then_what_people_read_then_the_hash() {
        assert_eq!(
            hostname_cache(&hostname("*.App_1.example.com.")),
            "h---app-1-example-com-e0967ef609fa9b0f6ac2c66c3a621f3a"
        );
    }

    #[test]
    fn no_name_is_longer_than_an_object_name_may_be() {
        let long = format!("{0}.{0}.{0}", "a".repeat(63));
        let name = hostname_cache(&hostname(&long));
        assert_eq!(name.len(), 2 + 32 + 1 + 32);
    }

    #[test]
    fn a_shard_is_the_end_of_its_name_in_three_hexadecimal_digits() {
        let west: ClusterId = "west".parse().unwrap();
        let names = [0, 1_023].map(|shard| cluster_cache(&west, Shard::try_from(shard).unwrap()));
        let base = derived('c', "west");
        assert_eq!(names, [format!("{base}-s000"), format!("{base}-s3ff")]);
    }

    #[test]
    fn an_object_under_another_name_than_its_contents_is_nobodys() {
        let cache = |name: &str, hostname: Option<&str>| HostnameCache {
            hostname: hostname.map(str::to_owned),
            ..HostnameCache::named(name)
        };
        let name = hostname_cache(&hostname("app.example"));
        assert!(is_ours(&cache(&name, Some("app.example"))));
        assert!(!is_ours(&cache(&name, Some("APP.example"))), "another spelling");
        assert!(!is_ours(&cache(&name, Some("other.example"))));
        assert!(!is_ours(&cache(&name, Some("a..b"))));
        assert!(!is_ours(&cache(&name, None)));
        // What the .NET application wrote.
        assert!(!is_ours(&cache("app.example", Some("app.example"))));
    }
}
