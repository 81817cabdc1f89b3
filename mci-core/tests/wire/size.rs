//! How long replies get: D23, D24.

use mci_core::{Builder, NameServer, RecordType, Settings, Snapshot, StaticData, Ttl, Zone, Zones};

use crate::Ask;
use crate::world::{ips, many, name, record, snapshot, zone};

fn most() -> Ask {
    Ask::a("many.gslb.example.com")
}

#[test]
fn d23_over_tcp_and_grpc_everything_fits() {
    for reply in [most().tcp(&snapshot()), most().stream(&snapshot()), most().opt().stream(&snapshot())] {
        assert_eq!((reply.answers.len(), reply.flags.as_str()), (300, "qr aa"));
    }
}

#[test]
fn d23_over_udp_what_fits_and_tc() {
    for (size, limit) in [
        (None, 512),
        (Some(0), 512),
        (Some(511), 512),
        (Some(512), 512),
        (Some(600), 600),
        (Some(1232), 1232),
        (Some(4096), 1232),
        (Some(65_535), 1232),
    ] {
        for (record_type, len) in [(RecordType::A, 16), (RecordType::AAAA, 28)] {
            let ask = Ask::new("many.gslb.example.com", record_type);
            let ask = size.map_or(ask.clone(), |size| ask.opt_with(size, 0, 0, &[]));
            let reply = ask.udp(&snapshot());
            assert_eq!(reply.flags, "qr aa tc");
            assert_eq!(reply.opt.is_some(), size.is_some());
            assert!(
                reply.octets.len() <= limit && reply.octets.len() + len > limit,
                "{size:?} {}",
                reply.octets.len()
            );
            assert!(!reply.answers.is_empty());
        }
    }
}

#[test]
fn d23_room_is_kept_for_the_options() {
    let ask = most().opt_with(512, 0, 0x8000, &[(10, b"12345678"), (8, b"\x00\x01\x18\x00\xc0\x00\x02")]);
    let reply = ask.udp(&snapshot());
    assert!(reply.octets.len() <= 512 && reply.octets.len() + 16 > 512);
    assert_eq!(reply.opt.unwrap().options.len(), 2);
}

#[test]
fn d24_at_most_max_addresses_and_never_65_535_octets() {
    for (max_addresses, answered) in [(100, 100), (1000, 1000), (5000, 2338)] {
        let settings = Settings { max_addresses, ..Settings::default() };
        let zones = Zones::new(vec![zone()], None).unwrap();
        let mut builder = Builder::new(settings, zones);
        let long = "l".repeat(30);
        let hostname = format!("{long}.{long}.{long}.gslb.example.com");
        builder.insert(&crate::world::hostname(&hostname, many(4000))).unwrap();
        let snapshot = builder.build();
        for reply in [
            Ask::new(&hostname, RecordType::AAAA).opt().stream(&snapshot),
            Ask::new(&hostname, RecordType::AAAA).opt().tcp(&snapshot),
        ] {
            assert!(reply.octets.len() < 65_535);
            assert!(reply.answers.len().abs_diff(answered) < 4, "{}", reply.answers.len());
            assert_eq!(reply.flags.contains("tc"), max_addresses == 5000);
        }
    }
}

/// A zone with one delegation to `servers` name servers, inside of it or beside it, and as many of its own.
fn delegating(servers: usize, inside: bool) -> Snapshot {
    let long = "x".repeat(40);
    let mut records = Vec::new();
    for i in 0..servers {
        let parent = if inside { "sub.example" } else { "example" };
        let server = format!("{i}.{long}.{parent}");
        records.push(record("sub.example", StaticData::Ns(name(&server))));
        records.push(record(&server, StaticData::Address("2001:db8::1".parse().unwrap())));
    }
    let own = (0..servers).map(|i| NameServer {
        name: name(&format!("ns{i}.{long}.example")),
        addresses: ips(["192.0.2.1", "2001:db8::1"]),
    });
    let zone = Zone {
        name: name("example"),
        name_servers: own.collect(),
        responsible_email: "a@example".into(),
        negative_ttl: Ttl::DEFAULT,
        ttl: Ttl::DEFAULT,
        records,
        acme_delegation: None,
    };
    Builder::new(Settings::default(), Zones::new(vec![zone], None).unwrap()).build()
}

#[test]
fn d23_glue_inside_of_a_delegation_must_fit_and_other_glue_need_not() {
    // RFC 9471 §3.1: TC is set where glue that is needed does not fit …
    let reply = Ask::a("www.sub.example").udp(&delegating(10, true));
    assert_eq!((reply.flags.as_str(), reply.authorities.len()), ("qr tc", 10));
    assert!((1..10).contains(&reply.additionals.len()) && reply.octets.len() <= 512);
    // … §3.2: and it is not where other glue does not.
    let reply = Ask::a("www.sub.example").udp(&delegating(10, false));
    assert_eq!((reply.flags.as_str(), reply.authorities.len()), ("qr", 10));
    assert!((1..10).contains(&reply.additionals.len()) && reply.octets.len() <= 512);
    // Name servers that do not fit themselves.
    let reply = Ask::a("www.sub.example").udp(&delegating(30, true));
    assert_eq!(reply.flags, "qr tc");
    assert!((1..30).contains(&reply.authorities.len()) && reply.additionals.is_empty());
    let reply = Ask::a("www.sub.example").tcp(&delegating(30, true));
    assert_eq!((reply.flags.as_str(), reply.authorities.len(), reply.additionals.len()), ("qr", 30, 30));
}

#[test]
fn d23_addresses_of_the_zones_name_servers_are_whole_or_absent() {
    let reply = Ask::new("example", RecordType::NS).udp(&delegating(10, false));
    assert_eq!((reply.flags.as_str(), reply.answers.len()), ("qr aa", 10));
    assert!(reply.additionals.len().is_multiple_of(2) && (2..20).contains(&reply.additionals.len()));
    assert!(reply.octets.len() <= 512);
}

#[test]
fn d23_a_chain_that_does_not_fit() {
    let long = |i: usize| format!("{i}.{}.{}.gslb.example.com", "y".repeat(60), i.to_string().repeat(60));
    let mut zone = zone();
    for i in 0..7 {
        zone.records.push(record(&long(i), StaticData::Cname(name(&long(i + 1)))));
    }
    let snapshot = Builder::new(Settings::default(), Zones::new(vec![zone], None).unwrap()).build();
    let reply = Ask::a(&long(0)).udp(&snapshot);
    assert_eq!(reply.flags, "qr aa tc");
    assert!((1..7).contains(&reply.answers.len()) && reply.authorities.is_empty());
    let reply = Ask::a(&long(0)).tcp(&snapshot);
    assert_eq!((reply.flags.as_str(), reply.answers.len(), reply.authorities.len()), ("qr aa", 7, 1));
}

#[test]
fn d24_names_are_compressed_however_many_there_are() {
    let mut zone = zone();
    for i in 0..400_u16 {
        let exchange = Some(name(&format!("mx{i}.gslb.example.com")));
        zone.records.push(record("post.gslb.example.com", StaticData::Mx { preference: i, exchange }));
    }
    let snapshot = Builder::new(Settings::default(), Zones::new(vec![zone], None).unwrap()).build();
    let reply = Ask::new("post.gslb.example.com", RecordType::MX).stream(&snapshot);
    assert_eq!(reply.answers.len(), 400);
    // Owner and suffix are pointers: 12 + 2 + at most 6 + 2 octets.
    assert!(reply.octets.len() < 50 + 400 * 22, "{}", reply.octets.len());
}
