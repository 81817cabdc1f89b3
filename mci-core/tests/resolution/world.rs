//! Small worlds to ask.

use std::collections::BTreeMap;
use std::net::IpAddr;

use mci_core::{
    Builder, ClusterId, ClusterState, Endpoint, Hostname, HostnameState, NameServer, Outcome, Query,
    RecordType, Settings, Share, Snapshot, Ttl, Zone, Zones,
};
use rand::SeedableRng;
use rand::rngs::StdRng;

pub(crate) fn name(text: &str) -> Hostname {
    text.parse().unwrap()
}

pub(crate) fn cluster(text: &str) -> ClusterId {
    text.parse().unwrap()
}

pub(crate) fn ip(text: &str) -> IpAddr {
    text.parse().unwrap()
}

pub(crate) fn zone(apex: &str) -> Zone {
    Zone {
        name: name(apex),
        name_servers: vec![NameServer {
            name: name(&format!("ns1.{apex}")),
            addresses: vec![ip("192.0.2.53")],
        }],
        responsible_email: format!("hostmaster@{apex}"),
        negative_ttl: Ttl::new(5).unwrap(),
        ttl: Ttl::new(3600).unwrap(),
        records: Vec::new(),
        acme_delegation: None,
    }
}

/// An endpoint with addresses, or with target names where the text is no address.
pub(crate) fn endpoint(of: &str, offers: &[&str]) -> Endpoint {
    let addresses = offers.iter().filter_map(|offer| offer.parse().ok());
    let names = offers.iter().filter(|offer| offer.parse::<IpAddr>().is_err()).map(|offer| name(offer));
    Endpoint::new(cluster(of), addresses).targets(names)
}

pub(crate) fn hostname(of: &str, endpoints: impl IntoIterator<Item = Endpoint>) -> HostnameState {
    endpoints.into_iter().fold(HostnameState::new(name(of)), HostnameState::endpoint)
}

/// Zone `z.example` with these hostnames.
pub(crate) fn world(hostnames: impl IntoIterator<Item = HostnameState>) -> Snapshot {
    world_in(vec![zone("z.example")], Settings::default(), hostnames)
}

pub(crate) fn world_in(
    zones: Vec<Zone>,
    settings: Settings,
    hostnames: impl IntoIterator<Item = HostnameState>,
) -> Snapshot {
    let mut builder = Builder::new(settings, Zones::new(zones, None).unwrap());
    for state in hostnames {
        builder.insert(&state).unwrap();
    }
    builder.build()
}

pub(crate) fn chance() -> StdRng {
    StdRng::seed_from_u64(7)
}

pub(crate) fn a(of: &str) -> Query {
    Query::new(name(of), RecordType::A)
}

pub(crate) fn aaaa(of: &str) -> Query {
    Query::new(name(of), RecordType::AAAA)
}

/// What a query is answered with, as text: sorted addresses, `CNAME …`, `NODATA`, `NXDOMAIN`, `REFUSED`.
#[track_caller]
pub(crate) fn answer(world: &Snapshot, query: &Query) -> String {
    match world.resolve(query, &mut chance()) {
        Outcome::Addresses(addresses) => {
            let mut list: Vec<_> = addresses.iter().collect();
            list.sort();
            list.iter().map(ToString::to_string).collect::<Vec<_>>().join(" ")
        }
        Outcome::Target(target) => format!("CNAME {}", target.name()),
        Outcome::Records(records) => records.to_string(),
        Outcome::NoData(_) => "NODATA".to_owned(),
        Outcome::NxDomain => "NXDOMAIN".to_owned(),
        Outcome::OutsideZones => "REFUSED".to_owned(),
        other => panic!("{other}"),
    }
}

/// The exact shares, as text.
pub(crate) fn shares(world: &Snapshot, query: &Query) -> BTreeMap<String, Share> {
    world.shares(query).map(|(cluster, share)| (cluster.to_string(), share)).collect()
}

pub(crate) fn share_list(expected: &[(&str, u64, u64)]) -> BTreeMap<String, Share> {
    expected.iter().map(|(cluster, part, whole)| ((*cluster).to_owned(), Share::new(*part, *whole))).collect()
}

pub(crate) fn with_state(world: &Snapshot, of: &str, state: ClusterState) -> Snapshot {
    world.edited(|edit| edit.set_cluster(&cluster(of), state))
}
