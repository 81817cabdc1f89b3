//! The zones and hostnames that the tests ask for.

use core::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use core::num::NonZeroU64;

use mci_core::{
    Builder, Chance, ClusterId, ClusterState, Endpoint, Hostname, HostnameState, NameServer, OutsideZones,
    Settings, Snapshot, StaticData, StaticRecord, Ttl, Zone, Zones,
};

/// Always the first.
pub(crate) struct First;

impl Chance for First {
    fn below(&mut self, _: NonZeroU64) -> u64 {
        0
    }
}

pub(crate) fn name(text: &str) -> Hostname {
    text.parse().unwrap()
}

pub(crate) fn cluster(text: &str) -> ClusterId {
    text.parse().unwrap()
}

pub(crate) fn ips<const N: usize>(texts: [&str; N]) -> Vec<IpAddr> {
    texts.iter().map(|text| text.parse().unwrap()).collect()
}

/// `n` IPv4 addresses and as many of IPv6.
pub(crate) fn many(n: u16) -> impl Iterator<Item = IpAddr> {
    let v4 = (0..n).map(|i| IpAddr::V4(Ipv4Addr::from_bits(0x0a00_0000 + u32::from(i))));
    let v6 = (0..n).map(|i| IpAddr::V6(Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, i)));
    v4.chain(v6)
}

pub(crate) fn record(owner: &str, data: StaticData) -> StaticRecord {
    StaticRecord { name: name(owner), ttl: None, data }
}

/// `gslb.example.com`, with name servers, static records and a delegation.
pub(crate) fn zone() -> Zone {
    Zone {
        name: name("gslb.example.com"),
        name_servers: vec![
            NameServer { name: name("ns1.gslb.example.com"), addresses: ips(["192.0.2.53", "2001:db8::53"]) },
            NameServer { name: name("ns2.example.net"), addresses: Vec::new() },
        ],
        responsible_email: "host.master@example.com".into(),
        negative_ttl: Ttl::new(7).unwrap(),
        ttl: Ttl::new(3600).unwrap(),
        records: vec![
            record("text.gslb.example.com", StaticData::Txt(vec![b"one".to_vec(), b"two".to_vec()])),
            record(
                "mail.gslb.example.com",
                StaticData::Mx { preference: 10, exchange: Some(name("mx.gslb.example.com")) },
            ),
            record("nomail.gslb.example.com", StaticData::Mx { preference: 0, exchange: None }),
            record(
                "gslb.example.com",
                StaticData::Caa { flags: 128, tag: "issue".into(), value: b"ca.example.net".to_vec() },
            ),
            StaticRecord {
                name: name("static.gslb.example.com"),
                ttl: Some(Ttl::new(60).unwrap()),
                data: StaticData::Address("192.0.2.77".parse().unwrap()),
            },
            record("alias.gslb.example.com", StaticData::Cname(name("app.gslb.example.com"))),
            record("loop1.gslb.example.com", StaticData::Cname(name("loop2.gslb.example.com"))),
            record("loop2.gslb.example.com", StaticData::Cname(name("loop1.gslb.example.com"))),
            record("dangling.gslb.example.com", StaticData::Cname(name("nowhere.gslb.example.com"))),
            record("sub.gslb.example.com", StaticData::Ns(name("ns.sub.gslb.example.com"))),
            record("sub.gslb.example.com", StaticData::Ns(name("static.gslb.example.com"))),
            record("ns.sub.gslb.example.com", StaticData::Address("192.0.2.99".parse().unwrap())),
            record("ns.sub.gslb.example.com", StaticData::Address("2001:db8::99".parse().unwrap())),
        ],
        acme_delegation: Some(name("acme.example.net")),
    }
}

pub(crate) fn hostname(text: &str, addresses: impl IntoIterator<Item = IpAddr>) -> HostnameState {
    HostnameState::new(name(text)).endpoint(Endpoint::new(cluster("west"), addresses).changed(1_700_000_000))
}

pub(crate) fn target(text: &str, target: &str) -> HostnameState {
    HostnameState::new(name(text)).endpoint(Endpoint::new(cluster("west"), []).targets([name(target)]))
}

pub(crate) fn snapshot() -> Snapshot {
    with_settings(Settings::default())
}

pub(crate) fn outside(outside_zones: OutsideZones) -> Snapshot {
    with_settings(Settings { outside_zones, ..Settings::default() })
}

pub(crate) fn with_settings(settings: Settings) -> Snapshot {
    let zones = Zones::new(vec![zone()], settings.dns_server_name.as_ref()).unwrap();
    let mut builder = Builder::new(settings, zones);
    builder.cluster(&cluster("west"), ClusterState::Alive, None);
    builder.cluster(&cluster("east"), ClusterState::Stale, None);
    let stale = HostnameState::new(name("stale.gslb.example.com"))
        .endpoint(Endpoint::new(cluster("east"), ips(["198.51.100.20"])));
    for state in [
        hostname("app.gslb.example.com", ips(["192.0.2.10", "192.0.2.11", "2001:db8::10"])),
        hostname("v4.gslb.example.com", ips(["192.0.2.12"])),
        hostname("deep.down.gslb.example.com", ips(["192.0.2.13"])),
        hostname("*.wild.gslb.example.com", ips(["192.0.2.14"])),
        hostname("held.example.org", ips(["192.0.2.15"])),
        hostname("many.gslb.example.com", many(300)),
        stale,
        target("target.gslb.example.com", "lb.example.net"),
        target("step1.gslb.example.com", "step2.gslb.example.com"),
        target("step2.gslb.example.com", "app.gslb.example.com"),
    ] {
        builder.insert(&state).unwrap();
    }
    builder.build()
}
