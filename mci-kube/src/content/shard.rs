//! One shard of what a cluster publishes: `(Hostname, Endpoint)` ⇄ `ClusterCache`.

use core::fmt::Write as _;
use std::collections::BTreeMap;

pub use mci_core::peer::ShardVersion as Version;
use mci_core::{ClusterId, Endpoint, Hostname, Shard};
use sha2::{Digest as _, Sha256};

use crate::content::endpoint::{self, Fields};
use crate::content::fault::{Fault, Faults, Read};
use crate::names::{self, CLUSTER_LABEL};
use crate::resources::{ClusterCache, Item, PublishedHostname, ServiceEndpointCount};

/// The most octets of a shard's hostnames: the API server takes objects of up to 1.5 MiB, and a big one slows every
/// change of it.
pub const MAX_OCTETS: usize = 512 * 1024;

/// A shard that was read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ShardContent {
    /// The cluster that publishes it.
    pub cluster: ClusterId,
    /// Which one it is.
    pub shard: Shard,
    /// Its version.
    pub version: Version,
    /// The writer's word for its content.
    pub digest: String,
    /// What it holds, in the object's order.
    pub entries: Vec<(Hostname, Endpoint)>,
}

/// An entry that would push its shard over [`MAX_OCTETS`].
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "the entry of {hostname} has {octets} octets, and its shard may have {MAX_OCTETS}: publish fewer addresses for it"
)]
pub struct TooLarge {
    /// The hostname that is left out.
    pub hostname: Hostname,
    /// How large its entry is.
    pub octets: usize,
}

/// The object that holds a shard, with its name and label, without a namespace; and the entries that did not fit.
///
/// `entries` come in the order of their precedence: what is published already comes first, so that a new hostname that
/// does not fit pushes out no other. The object does not depend on their order otherwise. An entry of another shard is a
/// mistake of the caller.
pub fn write<'a>(
    cluster: &ClusterId,
    shard: Shard,
    version: Version,
    entries: impl IntoIterator<Item = (&'a Hostname, &'a Endpoint)>,
    services: Vec<ServiceEndpointCount>,
) -> (ClusterCache, Vec<TooLarge>) {
    let mut services = services;
    services.sort_unstable();
    let mut octets = services.iter().map(octets_of).sum::<usize>();
    let mut fitting = BTreeMap::new();
    let mut refused = Vec::new();
    for (hostname, endpoint) in entries {
        debug_assert_eq!(Shard::of(hostname), shard, "each hostname lies in its own shard");
        let item = endpoint::published(hostname, endpoint);
        let size = octets_of(&item);
        if octets + size > MAX_OCTETS {
            refused.push(TooLarge { hostname: hostname.clone(), octets: size });
        } else {
            octets += size;
            fitting.insert(item.hostname.clone(), item);
        }
    }
    let hostnames: Vec<PublishedHostname> = fitting.into_values().collect();
    let mut object = ClusterCache::named(&names::cluster_cache(cluster, shard));
    object.metadata.labels = Some(BTreeMap::from([(CLUSTER_LABEL.to_owned(), cluster.to_string())]));
    object.cluster = Some(cluster.to_string());
    object.shard = Some(shard.number().into());
    object.term = version.term;
    object.seq = version.seq;
    object.digest = digest(&hostnames, &services);
    object.hostnames = hostnames.into_iter().map(Item::Read).collect();
    object.service_endpoint_counts = services.into_iter().map(Item::Read).collect();
    (object, refused)
}

/// Whether two objects hold the same, whatever their versions: then there is nothing to write.
pub fn same_content(one: &ClusterCache, other: &ClusterCache) -> bool {
    one.hostnames == other.hostnames && one.service_endpoint_counts == other.service_endpoint_counts
}

/// What an object holds. `Err` where it does not say which shard of which cluster it is.
///
/// Whether the object has the name that belongs to its shard is [`names::is_ours`]'s to say.
pub fn read(object: &ClusterCache) -> Result<Read<ShardContent>, Fault> {
    let mut faults = Faults::of(object);
    let text = object.cluster.as_deref().ok_or_else(|| faults.one("cluster", "it is missing"))?;
    let cluster: ClusterId = text.parse().map_err(|what| faults.one("cluster", what))?;
    let number = object.shard.ok_or_else(|| faults.one("shard", "it is missing"))?;
    let shard = Shard::try_from(number).map_err(|what| faults.one("shard", what))?;
    let mut entries = Vec::with_capacity(object.hostnames.len());
    for (index, item) in object.hostnames.iter().enumerate() {
        let place = format!("hostnames[{index}]");
        let Some(item) = faults.check(|| place.clone(), item.read()) else { continue };
        let hostname = endpoint::hostname(&item.hostname);
        let Some(hostname) = faults.check(|| format!("{place}.hostname"), hostname) else { continue };
        let own = Shard::of(&hostname);
        if own != shard {
            faults.add(place, format_args!("{hostname} belongs to shard {own}, not to {shard}"));
            continue;
        }
        let endpoint = endpoint::read(cluster.clone(), &Fields::from(item), &mut faults, &place);
        entries.push((hostname, endpoint));
    }
    let version = Version { term: object.term, seq: object.seq };
    Ok(faults.with(ShardContent { cluster, shard, version, digest: object.digest.clone(), entries }))
}

/// What one item of a shard says, and what of it cannot be used. `Err` where it does not say of which hostname.
pub(crate) fn read_item(
    cluster: &ClusterId,
    item: &PublishedHostname,
) -> Result<Read<(Hostname, Endpoint)>, String> {
    let hostname = endpoint::hostname(&item.hostname)?;
    let mut faults = Faults::named(format!("{hostname} of cluster {cluster}"));
    let endpoint = endpoint::read(cluster.clone(), &Fields::from(item), &mut faults, "");
    Ok(faults.with((hostname, endpoint)))
}

/// The item of a hostname.
pub(crate) fn write_item(hostname: &Hostname, endpoint: &Endpoint) -> PublishedHostname {
    endpoint::published(hostname, endpoint)
}

fn octets_of<T: serde::Serialize>(item: &T) -> usize {
    // And the comma.
    serde_json::to_vec(item).map_or(0, |text| text.len() + 1)
}

fn digest(hostnames: &[PublishedHostname], services: &[ServiceEndpointCount]) -> String {
    let text = serde_json::to_vec(&(hostnames, services)).expect("caches are made of JSON values");
    let mut hex = String::with_capacity(32);
    for octet in Sha256::digest(text).iter().take(16) {
        let _ = write!(hex, "{octet:02x}");
    }
    hex
}
