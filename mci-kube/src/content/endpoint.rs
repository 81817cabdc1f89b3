//! One endpoint: the fields that ClusterCache and HostnameCache share.

use core::net::IpAddr;
use core::str::FromStr as _;

use mci_core::{AnswerMode, ClusterId, Endpoint, EndpointParts, Hostname, Policy, Ttl, WhenAllDown};

use crate::content::fault::Faults;
use crate::resources::{CachedAddress, CachedEndpoint, PublishedHostname};

/// The fields of an endpoint, from either kind of cache.
pub(super) struct Fields<'a> {
    /// What the list of addresses is called there.
    pub(super) addresses_key: &'static str,
    pub(super) addresses: &'a [CachedAddress],
    pub(super) targets: &'a [String],
    pub(super) priority: i64,
    pub(super) weight: u32,
    pub(super) ready: bool,
    pub(super) ttl: Option<u32>,
    pub(super) answer_mode: Option<AnswerMode>,
    pub(super) when_all_down: Option<WhenAllDown>,
    pub(super) fallback: &'a [String],
    pub(super) changed: u32,
}

impl<'a> From<&'a CachedEndpoint> for Fields<'a> {
    fn from(item: &'a CachedEndpoint) -> Self {
        let CachedEndpoint {
            cluster_identifier: _,
            addresses,
            targets,
            priority,
            weight,
            ready,
            ttl,
            answer_mode,
            when_all_down,
            fallback,
            changed,
        } = item;
        Self {
            addresses_key: "addresses",
            addresses,
            targets,
            priority: *priority,
            weight: *weight,
            ready: *ready,
            ttl: *ttl,
            answer_mode: *answer_mode,
            when_all_down: *when_all_down,
            fallback,
            changed: *changed,
        }
    }
}

impl<'a> From<&'a PublishedHostname> for Fields<'a> {
    fn from(item: &'a PublishedHostname) -> Self {
        let PublishedHostname {
            hostname: _,
            host_ips,
            targets,
            priority,
            weight,
            ready,
            ttl,
            answer_mode,
            when_all_down,
            fallback,
            changed,
        } = item;
        Self {
            addresses_key: "hostIPs",
            addresses: host_ips,
            targets,
            priority: *priority,
            weight: *weight,
            ready: *ready,
            ttl: *ttl,
            answer_mode: *answer_mode,
            when_all_down: *when_all_down,
            fallback,
            changed: *changed,
        }
    }
}

/// The endpoint of a cluster; what of it cannot be used is left out and reported.
pub(super) fn read(cluster: ClusterId, fields: &Fields<'_>, faults: &mut Faults, place: &str) -> Endpoint {
    let key = fields.addresses_key;
    let mut addresses = Vec::with_capacity(fields.addresses.len());
    for (index, item) in fields.addresses.iter().enumerate() {
        // One that is known not to be ready is not offered.
        if item.ready != Some(false) {
            let place = || format!("{place}.{key}[{index}].ipAddress");
            addresses.extend(faults.check(place, address(&item.ip_address)));
        }
    }
    let mut targets = Vec::with_capacity(fields.targets.len());
    for (index, text) in fields.targets.iter().enumerate() {
        let name = target(text);
        targets.extend(faults.check(|| format!("{place}.targets[{index}]"), name));
    }
    let mut fallback = Vec::with_capacity(fields.fallback.len());
    for (index, text) in fields.fallback.iter().enumerate() {
        fallback.extend(faults.check(|| format!("{place}.fallback[{index}]"), address(text)));
    }
    let ttl = fields.ttl.and_then(|ttl| faults.check(|| format!("{place}.ttl"), Ttl::new(ttl)));
    let policy =
        Policy { ttl, answer_mode: fields.answer_mode, when_all_down: fields.when_all_down, fallback };
    Endpoint::new(cluster, addresses)
        .targets(targets)
        .priority(fields.priority)
        .weight(fields.weight)
        .ready(fields.ready)
        .policy(policy)
        .changed(fields.changed)
}

pub(super) fn address(text: &str) -> Result<IpAddr, String> {
    IpAddr::from_str(text).map_err(|_| format!("{text:?} is no IPv4 or IPv6 address"))
}

fn target(text: &str) -> Result<Hostname, String> {
    let name = Hostname::from_str(text).map_err(|error| error.to_string())?;
    if name.is_wildcard() { Err(format!("{text:?}: a target has no '*'")) } else { Ok(name) }
}

pub(super) fn hostname(text: &str) -> Result<Hostname, String> {
    Hostname::from_str(text).map_err(|error| error.to_string())
}

/// For a HostnameCache.
pub(super) fn cached(endpoint: &Endpoint) -> CachedEndpoint {
    let EndpointParts { cluster, addresses, targets, priority, weight, ready, policy, changed } =
        endpoint.parts();
    let Policy { ttl, answer_mode, when_all_down, fallback } = policy;
    CachedEndpoint {
        cluster_identifier: cluster.to_string(),
        addresses: cached_addresses(addresses),
        targets: sorted_names(targets),
        priority,
        weight,
        ready,
        ttl: ttl.map(Ttl::seconds),
        answer_mode: *answer_mode,
        when_all_down: *when_all_down,
        fallback: sorted(fallback),
        changed,
    }
}

/// For a ClusterCache.
pub(super) fn published(name: &Hostname, endpoint: &Endpoint) -> PublishedHostname {
    let EndpointParts { cluster: _, addresses, targets, priority, weight, ready, policy, changed } =
        endpoint.parts();
    let Policy { ttl, answer_mode, when_all_down, fallback } = policy;
    PublishedHostname {
        hostname: name.to_string(),
        host_ips: cached_addresses(addresses),
        targets: sorted_names(targets),
        priority,
        weight,
        ready,
        ttl: ttl.map(Ttl::seconds),
        answer_mode: *answer_mode,
        when_all_down: *when_all_down,
        fallback: sorted(fallback),
        changed,
    }
}

fn cached_addresses(addresses: &[IpAddr]) -> Vec<CachedAddress> {
    let item = |ip_address| CachedAddress { ip_address, ..CachedAddress::default() };
    sorted(addresses).into_iter().map(item).collect()
}

/// Sorted, since the order means nothing: equal content gives equal octets.
fn sorted(addresses: &[IpAddr]) -> Vec<String> {
    let mut addresses = addresses.to_vec();
    addresses.sort_unstable();
    addresses.dedup();
    addresses.iter().map(IpAddr::to_string).collect()
}

fn sorted_names(names: &[Hostname]) -> Vec<String> {
    let mut names: Vec<String> = names.iter().map(Hostname::to_string).collect();
    names.sort_unstable();
    names
}
