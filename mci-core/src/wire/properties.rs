//! Properties of replies, over worlds and queries that chance makes: ours equals what hickory-proto's encoder makes of
//! the same decision, and cutting it off keeps it whole in all but its end.

use core::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use core::num::NonZeroU64;

use hickory_proto::op::Message;
use proptest::prelude::*;

use super::{Client, CookieSecrets, Disposition, Transport, reference};
use crate::chance::Chance;
use crate::cluster::{ClusterId, ClusterState};
use crate::hostname::Hostname;
use crate::hostname_state::{AnswerMode, Endpoint, HostnameState, Ttl};
use crate::record_type::RecordType;
use crate::snapshot::Snapshot;
use crate::zone::{NameServer, StaticData, StaticRecord, Zone};
use crate::zones::{ZonePlace, Zones};
use crate::{Builder, OutsideZones, Settings};

/// `SplitMix64`: the same numbers for the same seed.
#[derive(Clone)]
struct Seeded(u64);

impl Chance for Seeded {
    fn below(&mut self, n: NonZeroU64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ self.0 >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ mixed >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
        (mixed ^ mixed >> 31) % n
    }
}

/// Few names, so that they meet: wildcards, delegations, chains and loops come about.
fn name() -> impl Strategy<Value = String> {
    let prefix = prop::sample::select(vec![
        "",
        "a.",
        "b.",
        "a.b.",
        "*.w.",
        "x.w.",
        "y.x.w.",
        "ns.",
        "sub.",
        "c.sub.",
        "ns.sub.",
        "_acme-challenge.a.",
        "a-label-that-is-as-long-as-labels-get-in-the-names-of-hosts-63o.",
    ]);
    let suffix = prop::sample::select(vec!["z.example", "in.z.example", "other.test", "example"]);
    (prefix, suffix).prop_map(|(prefix, suffix)| format!("{prefix}{suffix}"))
}

fn hostname() -> impl Strategy<Value = Hostname> {
    name().prop_map(|name| name.parse().unwrap())
}

fn target() -> impl Strategy<Value = Hostname> {
    hostname().prop_filter("a target is a name", |name| !name.is_wildcard())
}

fn ip() -> impl Strategy<Value = IpAddr> {
    let low = 1..200_u8;
    (any::<bool>(), low).prop_map(|(v4, low)| {
        if v4 {
            Ipv4Addr::new(192, 0, 2, low).into()
        } else {
            Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, low.into()).into()
        }
    })
}

fn record() -> impl Strategy<Value = StaticRecord> {
    let data = prop_oneof![
        ip().prop_map(StaticData::Address),
        target().prop_map(StaticData::Cname),
        target().prop_map(StaticData::Ns),
        prop::collection::vec(prop::collection::vec(any::<u8>(), 0..30), 1..4).prop_map(StaticData::Txt),
        (any::<u16>(), prop::option::of(target()))
            .prop_map(|(preference, exchange)| StaticData::Mx { preference, exchange }),
        "[a-z.]{1,20}".prop_map(|value| StaticData::Caa {
            flags: 0,
            tag: "issue".into(),
            value: value.into()
        }),
    ];
    (hostname(), prop::option::of(0..1000_u32), data).prop_map(|(name, ttl, data)| StaticRecord {
        name,
        ttl: ttl.map(|seconds| Ttl::new(seconds).unwrap()),
        data,
    })
}

fn zone(apex: &'static str) -> impl Strategy<Value = Zone> {
    let servers = prop::collection::vec((prop::sample::select(vec!["ns", "ns2", "a"]), ip(), ip()), 1..4);
    (servers, prop::collection::vec(record(), 0..12), any::<bool>()).prop_map(
        move |(servers, records, acme)| {
            let mut name_servers: Vec<NameServer> = Vec::new();
            for (label, first, second) in servers {
                let name: Hostname = format!("{label}.{apex}").parse().unwrap();
                if name_servers.iter().all(|other| other.name != name) {
                    name_servers.push(NameServer { name, addresses: vec![first, second] });
                }
            }
            Zone {
                name: apex.parse().unwrap(),
                name_servers,
                responsible_email: "host.master@example".into(),
                negative_ttl: Ttl::new(7).unwrap(),
                ttl: Ttl::new(3600).unwrap(),
                records,
                acme_delegation: acme.then(|| "acme.test".parse().unwrap()),
            }
        },
    )
}

fn state() -> impl Strategy<Value = HostnameState> {
    let endpoint = (
        prop::sample::select(vec!["west", "east", "north"]),
        prop::collection::vec(ip(), 0..40),
        prop::collection::vec(target(), 0..2),
        any::<bool>(),
    );
    (hostname(), prop::collection::vec(endpoint, 1..4), 0..3_u8).prop_map(|(hostname, endpoints, mode)| {
        let mode = [AnswerMode::Cluster, AnswerMode::Single, AnswerMode::All][usize::from(mode)];
        let mut state = HostnameState::new(hostname).answer_mode(mode);
        for (cluster, addresses, targets, ready) in endpoints {
            let cluster: ClusterId = cluster.parse().unwrap();
            state =
                state.endpoint(Endpoint::new(cluster, addresses).targets(targets).ready(ready).changed(9));
        }
        state
    })
}

/// A snapshot of what the rules for zones and hostnames let through.
fn world() -> impl Strategy<Value = Snapshot> {
    let zones = prop_oneof![
        3 => (zone("z.example"), zone("in.z.example")).prop_map(|(outer, inner)| vec![outer, inner]),
        2 => zone("z.example").prop_map(|zone| vec![zone]),
        1 => Just(Vec::new()),
    ];
    let outside =
        prop::sample::select(vec![OutsideZones::Refused, OutsideZones::Nxdomain, OutsideZones::NotFound]);
    (zones, prop::collection::vec(state(), 0..12), outside, any::<bool>()).prop_map(
        |(zones, states, outside_zones, stale)| {
            let settings = Settings { outside_zones, max_addresses: 30, ..Settings::default() };
            let mut builder = Builder::new(settings, valid(zones));
            builder.cluster(
                &"east".parse().unwrap(),
                if stale { ClusterState::Stale } else { ClusterState::Alive },
                None,
            );
            for state in states {
                // Names of zones and records are refused, and that is not what is looked at here.
                let _ = builder.insert(&state);
            }
            builder.build()
        },
    )
}

/// The zones without the records and servers that cannot be.
fn valid(mut zones: Vec<Zone>) -> Zones {
    loop {
        let problems = match Zones::new(zones.clone(), None) {
            Ok(valid) => return valid,
            Err(problems) => problems,
        };
        let problem = problems.first().expect("an error names a problem");
        let zone = &mut zones[problem.zone];
        match problem.place {
            ZonePlace::Record(i) => drop(zone.records.remove(i)),
            _ if !zone.records.is_empty() => zone.records.clear(),
            _ if zone.acme_delegation.is_some() => zone.acme_delegation = None,
            place => panic!("{place:?}: {}", problem.message),
        }
    }
}

/// A query in some spelling, with an OPT or without.
fn query() -> impl Strategy<Value = Vec<u8>> {
    let types = vec![1, 2, 5, 6, 13, 15, 16, 28, 41, 43, 65, 255, 257, 999];
    let opt = prop::option::of((any::<bool>(), any::<bool>(), 0..5000_u16));
    let name = prop_oneof![
        20 => hostname().prop_map(|name| name.wire().to_vec()),
        1 => Just(vec![0]),
        1 => Just(b"\x04test\x00".to_vec()),
        1 => Just(b"\x03a.b\x01z\x07example\x00".to_vec()),
    ];
    (name, any::<u64>(), prop::sample::select(types), opt, any::<u16>()).prop_map(
        |(name, upper, kind, opt, id)| {
            let mut octets = id.to_be_bytes().to_vec();
            octets.extend([1, 0, 0, 1, 0, 0, 0, 0, 0, u8::from(opt.is_some())]);
            octets.extend(name.iter().enumerate().map(|(i, octet)| {
                if upper >> (i % 64) & 1 == 1 { octet.to_ascii_uppercase() } else { *octet }
            }));
            octets.extend::<[u8; 2]>(RecordType(kind).0.to_be_bytes());
            octets.extend([0, 1]);
            if let Some((dnssec_ok, subnet, size)) = opt {
                octets.extend([0, 0, 41]);
                octets.extend(size.to_be_bytes());
                octets.extend([0, 0, u8::from(dnssec_ok) << 7, 0]);
                let options: &[u8] =
                    if subnet { b"\0\x0b\0\x08\0\x07\0\x01\x18\0\xc0\0\x02" } else { b"\0\0" };
                octets.extend(options);
            }
            octets
        },
    )
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(100))]

    #[test]
    fn replies_equal_what_hickory_proto_makes_of_the_same_decision(
        snapshot in world(),
        queries in prop::collection::vec((query(), any::<u64>()), 30),
    ) {
        for (query, seed) in queries {
            let mut ours = Vec::new();
            let facts = snapshot.answer(&query, Transport::Stream, &mut Seeded(seed), &mut ours);
            prop_assert!(!matches!(facts.disposition, Disposition::Drop | Disposition::Unreadable));
            let theirs = reference::reply(&snapshot, &query, &mut Seeded(seed)).expect("a decision answers");
            reference::assert_same(&ours, &theirs);
        }
    }

    #[test]
    fn d23_a_reply_that_is_cut_off_is_the_whole_one_without_its_end(
        snapshot in world(),
        queries in prop::collection::vec((query(), any::<u64>()), 30),
    ) {
        let cookies = CookieSecrets::new([7; 16], []);
        let client = Client { address: Ipv4Addr::LOCALHOST.into(), now: 1, cookies: &cookies, over_limit: false };
        for (query, seed) in queries {
            let (mut cut, mut whole) = (Vec::new(), Vec::new());
            let facts = snapshot.answer(&query, Transport::Datagram(client), &mut Seeded(seed), &mut cut);
            snapshot.answer(&query, Transport::Tcp(client), &mut Seeded(seed), &mut whole);
            let has_opt = query[11] == 1;
            let size = Message::from_vec(&query).expect("hickory-proto reads the query").max_payload();
            let limit = if has_opt { size.clamp(512, 1232) } else { 512 };
            prop_assert!(cut.len() <= limit.into());
            if !facts.truncated && cut == whole {
                continue;
            }
            let read = |octets| Message::from_vec(octets).expect("hickory-proto reads the reply");
            let (cut, whole) = (read(&cut), read(&whole));
            prop_assert_eq!(cut.metadata.truncation, facts.truncated);
            prop_assert!(whole.answers.starts_with(&cut.answers));
            prop_assert!(whole.authorities.starts_with(&cut.authorities));
            prop_assert!(cut.additionals.iter().all(|record| whole.additionals.contains(record)));
            prop_assert_eq!(&cut.edns, &whole.edns);
            // Without TC, all but courtesies is there.
            prop_assert!(facts.truncated || (cut.answers == whole.answers && cut.authorities == whole.authorities));
        }
    }
}
