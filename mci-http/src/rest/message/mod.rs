//! One hostname of one cluster as the REST calls say it: `{"hostname": …, "hostIPs": [{"ipAddress", "priority", "weight"}]}`.
//!
//! ```text
//!   POST /Host, GET /Host of a peer ──read──► Host ──► Endpoint            a cluster has one priority and one weight
//!   own Endpoint ───────────────────────────► Host ──► GET /Host           for a hostname here, and many on the wire
//!   an item of an own shard ────────────────► Host ──► POST to a peer      (IPv4 alone: the peer knows nothing else)
//! ```
//!
//! Of several entries those of the highest priority count (R4), drained ones only where nothing else is there (R6), and the
//! first of them gives the weight.

mod json;
mod read;

use std::net::{IpAddr, Ipv4Addr};

use mci_core::{ClusterId, DEFAULT_WEIGHT, Endpoint, EndpointParts, Hostname};
use serde::{Deserialize, Serialize, Serializer};

pub(crate) use self::json::{Fault, Json};

/// The most that `priority` and `weight` are on the wire: they are read into 32 bits with a sign there.
pub const MOST: u32 = i32::MAX as u32;

/// What a cluster says of one hostname.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Host {
    /// Which one.
    #[serde(serialize_with = "as_text")]
    pub hostname: Hostname,
    /// Where it is; nowhere says that it is published no more.
    #[serde(rename = "hostIPs")]
    pub places: Vec<Place>,
}

/// One place where a hostname is.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Place {
    /// An address, or a name to answer instead.
    #[serde(rename = "ipAddress")]
    pub target: Target,
    /// 0 to 2³¹−1.
    pub priority: u32,
    /// 0 to 2³¹−1.
    pub weight: u32,
    /// Whether it is ready; who says nothing means that it is. The .NET application knows no such field.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ready: Option<bool>,
}

/// What a [`Place`] points to.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Target {
    /// By its address.
    Address(IpAddr),
    /// By its name (R9).
    Name(Hostname),
    /// The sender has none yet: a load balancer that has a name only, at the .NET application.
    Nothing,
}

impl Serialize for Target {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Address(address) => serializer.collect_str(address),
            Self::Name(name) => serializer.collect_str(name),
            Self::Nothing => serializer.serialize_str(""),
        }
    }
}

fn as_text<S: Serializer>(hostname: &Hostname, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(hostname)
}

impl Host {
    /// A hostname that is published no more.
    pub const fn none(hostname: Hostname) -> Self {
        Self { hostname, places: Vec::new() }
    }

    /// What `cluster` offers for it; nothing where it publishes it no more.
    pub fn endpoint(&self, cluster: &ClusterId) -> Option<Endpoint> {
        if self.places.is_empty() {
            return None;
        }
        let is_ready = |place: &&Place| place.ready != Some(false) && place.target != Target::Nothing;
        let mut places: Vec<&Place> = self.places.iter().filter(is_ready).collect();
        let ready = !places.is_empty();
        if !ready {
            places = self.places.iter().collect();
        }
        // As between clusters: weight first (R6), then priority (R4).
        if places.iter().any(|place| place.weight > 0) {
            places.retain(|place| place.weight > 0);
        }
        let priority = places.iter().map(|place| place.priority).max().unwrap_or_default();
        places.retain(|place| place.priority == priority);
        let weight = places.first().map_or(DEFAULT_WEIGHT, |place| place.weight);
        let addresses = places.iter().filter_map(|place| match place.target {
            Target::Address(address) => Some(address),
            Target::Name(_) | Target::Nothing => None,
        });
        let names = places.iter().filter_map(|place| match &place.target {
            Target::Name(name) => Some(name.clone()),
            Target::Address(_) | Target::Nothing => None,
        });
        let endpoint = Endpoint::new(cluster.clone(), addresses)
            .targets(names)
            .priority(priority.into())
            .weight(weight)
            .ready(ready);
        Some(endpoint)
    }

    /// What the own cluster offers, as it shows it: every address, and whether it is ready.
    pub fn of(hostname: Hostname, endpoint: &Endpoint) -> Self {
        let EndpointParts { cluster: _, addresses, targets, priority, weight, ready, policy: _, changed: _ } =
            endpoint.parts();
        let place = |target| Place {
            target,
            priority: clamped(priority),
            weight: clamped(weight),
            ready: Some(ready),
        };
        // Names beside addresses are ignored (R9).
        let places = if addresses.is_empty() {
            targets.iter().cloned().map(Target::Name).map(place).collect()
        } else {
            addresses.iter().copied().map(Target::Address).map(place).collect()
        };
        Self { hostname, places }
    }

    /// What a REST peer is told of an item of an own shard, which is JSON: the IPv4 addresses that are ready, or the names
    /// where there is no address at all; sorted, so that an order that changed is no change.
    pub fn from_item(hostname: Hostname, json: &str) -> Result<Self, serde_json::Error> {
        let item: PublishedItem = serde_json::from_str(json)?;
        let PublishedItem { host_ips, targets, priority, weight, ready } = item;
        if ready == Some(false) {
            return Ok(Self::none(hostname));
        }
        let host_ips = host_ips.unwrap_or_default();
        let mut targets: Vec<Target> = if host_ips.is_empty() {
            let names = targets.unwrap_or_default();
            names.iter().filter_map(|text| text.parse().ok()).map(Target::Name).collect()
        } else {
            let ready = host_ips.iter().filter(|item| item.ready != Some(false));
            let v4 = ready.filter_map(|item| item.ip_address.parse::<Ipv4Addr>().ok());
            v4.map(|address| Target::Address(address.into())).collect()
        };
        targets.sort();
        targets.dedup();
        let (priority, weight) =
            (clamped(priority), clamped(weight.unwrap_or_else(|| DEFAULT_WEIGHT.into())));
        let place = |target| Place { target, priority, weight, ready: None };
        Ok(Self { hostname, places: targets.into_iter().map(place).collect() })
    }
}

/// Of an item of a ClusterCache: what a REST peer can be told.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct PublishedItem {
    #[serde(rename = "hostIPs")]
    host_ips: Option<Vec<PublishedAddress>>,
    targets: Option<Vec<String>>,
    #[serde(default)]
    priority: i64,
    weight: Option<i64>,
    ready: Option<bool>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct PublishedAddress {
    ip_address: String,
    ready: Option<bool>,
}

/// As near as the wire comes to it.
fn clamped(number: impl Into<i64>) -> u32 {
    let least_and_most = number.into().clamp(0, MOST.into());
    u32::try_from(least_and_most).expect("a number that was clamped to 31 bits")
}

#[cfg(test)]
mod tests;
