//! One hostname, merged: `HostnameState` ⇄ `HostnameCache`.

use core::net::IpAddr;

use mci_core::{ClusterId, Endpoint, EndpointParts, HostnameState};

use crate::content::endpoint::{self, Fields};
use crate::content::fault::{Fault, Faults, Read};
use crate::names;
use crate::resources::{HostnameCache, Item, ProjectedAddress};

/// The object that holds a hostname: its name, its content, no namespace.
///
/// A policy of the hostname's own, over those of its clusters, is not written: clusters publish policies, nobody else.
pub fn write(state: &HostnameState) -> HostnameCache {
    let mut endpoints: Vec<&Endpoint> = state.endpoints().iter().collect();
    endpoints.sort_unstable_by_key(|endpoint| endpoint.cluster());
    HostnameCache {
        hostname: Some(state.hostname().to_string()),
        addresses: endpoints.iter().flat_map(|endpoint| projection(endpoint)).map(Item::Read).collect(),
        endpoints: endpoints.iter().map(|endpoint| Item::Read(endpoint::cached(endpoint))).collect(),
        ..HostnameCache::named(&names::hostname_cache(state.hostname()))
    }
}

/// The ready addresses, with the numbers that the .NET application can read.
fn projection(endpoint: &Endpoint) -> Vec<ProjectedAddress> {
    let EndpointParts { cluster, addresses, targets: _, priority, weight, ready, policy: _, changed: _ } =
        endpoint.parts();
    if !ready {
        return Vec::new();
    }
    let mut addresses: Vec<IpAddr> = addresses.to_vec();
    addresses.sort_unstable();
    let item = |address: IpAddr| ProjectedAddress {
        ip_address: address.to_string(),
        priority: priority.clamp(i32::MIN.into(), i32::MAX.into()),
        weight: weight.min(i32::MAX.unsigned_abs()),
        cluster_identifier: cluster.to_string(),
    };
    addresses.into_iter().map(item).collect()
}

/// What an object says of its hostname. `Err` where it does not say of which.
///
/// Whether the object has the name that belongs to its hostname is [`names::is_ours`]'s to say.
pub fn read(object: &HostnameCache) -> Result<Read<HostnameState>, Fault> {
    let mut faults = Faults::of(object);
    let text = object.hostname.as_deref().ok_or_else(|| faults.one("hostname", "it is missing"))?;
    let hostname = endpoint::hostname(text).map_err(|what| faults.one("hostname", what))?;
    let mut state = HostnameState::new(hostname.clone());
    for (index, item) in object.endpoints.iter().enumerate() {
        let place = format!("endpoints[{index}]");
        let Some(item) = faults.check(|| place.clone(), item.read()) else { continue };
        let cluster = item.cluster_identifier.parse::<ClusterId>();
        let Some(cluster) = faults.check(|| format!("{place}.clusterIdentifier"), cluster) else { continue };
        if state.endpoints().iter().any(|other| *other.cluster() == cluster) {
            faults.add(&place, format_args!("a second endpoint of cluster {cluster}: one a cluster"));
        }
        let endpoint = endpoint::read(cluster, &Fields::from(item), &mut faults, &place);
        // Of two of one cluster that holds which would hold anywhere else (R23).
        state = state.merge(HostnameState::new(hostname.clone()).endpoint(endpoint));
    }
    Ok(faults.with(state))
}
