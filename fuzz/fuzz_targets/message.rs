//! Any octets as a DNS message: never a panic, never an OK with an empty message, never a reply that is longer than it
//! may be, and where a decision answers, the reply that hickory-proto makes of the same decision.
//!
//! The first octet of the input chooses the way in, the others are the message.
#![no_main]

use core::net::{IpAddr, Ipv4Addr};
use core::num::NonZeroU64;
use std::sync::LazyLock;

use hickory_proto::op::Message;
use libfuzzer_sys::fuzz_target;
use mci_core::wire::{Client, CookieSecrets, Disposition, Facts, Transport, reference};
use mci_core::{
    Builder, Chance, ClusterId, ClusterState, Endpoint, Hostname, HostnameState, NameServer, OutsideZones,
    Rcode, Settings, Snapshot, StaticData, StaticRecord, Ttl, Zone, Zones,
};

static WORLDS: LazyLock<[Snapshot; 3]> =
    LazyLock::new(|| [OutsideZones::Refused, OutsideZones::Nxdomain, OutsideZones::NotFound].map(world));
static COOKIES: LazyLock<CookieSecrets> = LazyLock::new(|| CookieSecrets::new([7; 16], [[8; 16]]));

fuzz_target!(|input: &[u8]| {
    let Some((&way, query)) = input.split_first() else { return };
    let snapshot = &WORLDS[usize::from(way >> 3) % WORLDS.len()];
    let client = Client {
        address: Ipv4Addr::LOCALHOST.into(),
        now: 1_700_000_000,
        cookies: &COOKIES,
        over_limit: way & 4 != 0,
    };
    let (transport, longest) = match way & 3 {
        0 | 1 => (Transport::Stream, 65_534),
        2 => (Transport::Tcp(client), 65_534),
        _ => (Transport::Datagram(client), 1232),
    };
    let mut reply = b"left over".to_vec();
    let facts = snapshot.answer(query, transport, &mut Counting(way.into()), &mut reply);
    check(&facts, query, &reply, longest);
    if matches!(transport, Transport::Stream)
        && let Some(theirs) = reference::reply(snapshot, query, &mut Counting(way.into()))
        // Options, pointers and lengths that hickory-proto takes and we do not (D15a, D22).
        && facts.rcode != Rcode::FORMERR
    {
        reference::assert_same(&reply, &theirs);
    }
});

fn check(facts: &Facts, query: &[u8], reply: &[u8], longest: usize) {
    if facts.disposition == Disposition::Drop {
        assert!(reply.is_empty());
        assert!(query.len() < 12 || query[2] & 0x80 != 0, "every message gets a reply (D15)");
        return;
    }
    assert!((12..=longest).contains(&reply.len()), "{} octets", reply.len());
    assert_eq!(reply[..2], query[..2], "the ID (D28)");
    assert_eq!(reply[2] & 0xf9, query[2] & 0x79 | 0x80, "QR, opcode and RD (D1)");
    assert_eq!(reply[3] & 0xf0, 0, "RA, Z, AD and CD (D1)");
    assert_eq!(u16::from(reply[3] & 0xf), facts.rcode.0 & 0xf);
    assert_eq!(reply[2] & 2 != 0, facts.truncated);
    let has_records = reply[6..10] != [0; 4];
    let asks_for_a_cookie = query[4..6] == [0, 0];
    assert!(
        facts.rcode != Rcode::NOERROR || has_records || asks_for_a_cookie || facts.truncated,
        "an empty OK"
    );
    if reply[5] == 1 {
        let question = &reply[12..];
        assert!(query[12..].iter().zip(question).take(5).all(|(a, b)| a == b), "the question (D1)");
    }
    if let Err(error) = Message::from_vec(reply) {
        // hickory-proto refuses client subnets of families that it does not know; we echo them.
        let mut options = reply.windows(6).filter(|octets| octets.starts_with(&[0, 8]));
        assert!(options.any(|octets| !matches!(octets[4..], [0, 1 | 2])), "{error}");
    }
}

/// Numbers that go up.
struct Counting(u64);

impl Chance for Counting {
    fn below(&mut self, n: NonZeroU64) -> u64 {
        self.0 += 1;
        self.0 % n
    }
}

fn name(text: &str) -> Hostname {
    text.parse().expect("a name")
}

fn record(owner: &str, data: StaticData) -> StaticRecord {
    StaticRecord { name: name(owner), ttl: None, data }
}

fn world(outside_zones: OutsideZones) -> Snapshot {
    let ip = |text: &str| -> IpAddr { text.parse().expect("an address") };
    let zone = Zone {
        name: name("z.test"),
        name_servers: vec![NameServer {
            name: name("ns.z.test"),
            addresses: vec![ip("192.0.2.53"), ip("2001:db8::53")],
        }],
        responsible_email: "host.master@z.test".into(),
        negative_ttl: Ttl::DEFAULT,
        ttl: Ttl::MAX,
        records: vec![
            record("t.z.test", StaticData::Txt(vec![vec![0xff; 255], b"two".to_vec()])),
            record("m.z.test", StaticData::Mx { preference: 1, exchange: Some(name("a.z.test")) }),
            record("z.test", StaticData::Caa { flags: 128, tag: "issue".into(), value: b"ca.test".to_vec() }),
            record("c.z.test", StaticData::Cname(name("s.z.test"))),
            record("l.z.test", StaticData::Cname(name("k.z.test"))),
            record("k.z.test", StaticData::Cname(name("l.z.test"))),
            record("s.z.test", StaticData::Address(ip("192.0.2.1"))),
            record("d.z.test", StaticData::Ns(name("n.d.z.test"))),
            record("d.z.test", StaticData::Ns(name("s.z.test"))),
            record("n.d.z.test", StaticData::Address(ip("2001:db8::1"))),
        ],
        acme_delegation: Some(name("acme.test")),
    };
    let settings = Settings { outside_zones, ..Settings::default() };
    let mut builder = Builder::new(settings, Zones::new(vec![zone], None).expect("a zone"));
    let west: ClusterId = "west".parse().expect("a cluster");
    let east: ClusterId = "east".parse().expect("a cluster");
    builder.cluster(&east, ClusterState::Stale, None);
    let many = (0..300_u16).map(|i| IpAddr::V4(Ipv4Addr::from_bits(0x0a00_0000 + u32::from(i))));
    for state in [
        HostnameState::new(name("a.z.test"))
            .endpoint(Endpoint::new(west.clone(), [ip("192.0.2.2"), ip("2001:db8::2")])),
        HostnameState::new(name("*.w.z.test")).endpoint(Endpoint::new(west.clone(), many)),
        HostnameState::new(name("e.z.test")).endpoint(Endpoint::new(east, [ip("192.0.2.3")])),
        HostnameState::new(name("x.z.test"))
            .endpoint(Endpoint::new(west.clone(), []).targets([name("c.z.test")])),
        HostnameState::new(name("h.test")).endpoint(Endpoint::new(west, [ip("192.0.2.4")])),
    ] {
        builder.insert(&state).expect("a hostname");
    }
    builder.build()
}
