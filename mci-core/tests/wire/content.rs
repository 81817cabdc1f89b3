//! What is answered: D1 to D13, D25 to D31, D34.

use mci_core::wire::{Disposition, Transport};
use mci_core::{OutsideZones, RecordType, Snapshot};

use crate::Ask;
use crate::ask::{RD, send};
use crate::world::{outside, snapshot};

const SOA: &str = "gslb.example.com. 7 IN SOA ns1.gslb.example.com. host\\.master.example.com. 1700000000 7200 3600 1209600 7";
const NOTHING: [&str; 0] = [];

#[test]
fn d01_name_and_type_held() {
    let reply = Ask::a("v4.gslb.example.com").flags(RD).udp(&snapshot());
    assert_eq!((reply.rcode, reply.flags.as_str()), (0, "qr aa rd"));
    assert_eq!(reply.question, ["v4.gslb.example.com. IN A"]);
    assert_eq!(reply.answers, ["v4.gslb.example.com. 5 IN A 192.0.2.12"]);
    assert_eq!((reply.authorities.len(), reply.additionals.len(), reply.opt), (0, 0, None));
    assert_eq!(reply.facts.disposition, Disposition::Reply);
    assert_eq!(reply.facts.query_type, Some(RecordType::A));
    assert_eq!(
        reply.facts.cluster.and_then(|c| snapshot().cluster_at(c).map(ToString::to_string)),
        Some("west".into())
    );
    assert!(reply.facts.zone.is_some());
}

#[test]
fn d01_all_other_header_bits_are_zero() {
    // TC, RA, Z, AD, CD and an rcode in the query.
    let reply = Ask::a("v4.gslb.example.com").flags(0x02f5).udp(&snapshot());
    assert_eq!((reply.rcode, reply.flags.as_str()), (0, "qr aa"));
}

#[test]
fn d02_spelling_is_kept_where_the_querys_name_owns_records() {
    let reply = Ask::a("V4.gSLB.Example.COM").udp(&snapshot());
    assert_eq!(reply.question, ["V4.gSLB.Example.COM. IN A"]);
    assert_eq!(reply.answers, ["V4.gSLB.Example.COM. 5 IN A 192.0.2.12"]);
    let reply = Ask::a("STEP1.GSLB.example.com").udp(&snapshot());
    assert_eq!(
        reply.answers[..2],
        [
            "STEP1.GSLB.example.com. 5 IN CNAME step2.gslb.example.com.",
            "step2.gslb.example.com. 5 IN CNAME app.gslb.example.com.",
        ]
    );
    let reply = Ask::new("Gslb.Example.Com", RecordType::MX).udp(&snapshot());
    assert_eq!(reply.authorities, [SOA.replacen("gslb.example.com", "Gslb.Example.Com", 1)]);
    let reply = Ask::new("V4.GSLB.EXAMPLE.COM", RecordType::MX).udp(&snapshot());
    assert_eq!(reply.authorities, [SOA]);
}

#[test]
fn d03_d31_name_exists_and_type_does_not() {
    for record_type in [0, 15, 16, 28, 41, 65, 249, 250, 254, 257, 1000, 65535].map(RecordType) {
        let reply = Ask::new("v4.gslb.example.com", record_type).udp(&snapshot());
        assert_eq!((reply.rcode, reply.flags.as_str()), (0, "qr aa"), "{record_type}");
        assert_eq!((reply.answers.len(), reply.authorities), (0, vec![SOA.to_owned()]), "{record_type}");
    }
}

#[test]
fn d04_name_does_not_exist() {
    for record_type in [RecordType::A, RecordType::TXT, RecordType::ANY, RecordType(1000)] {
        let reply = Ask::new("nope.gslb.example.com", record_type).udp(&snapshot());
        assert_eq!((reply.rcode, reply.flags.as_str()), (3, "qr aa"));
        assert_eq!((reply.answers.len(), reply.authorities), (0, vec![SOA.to_owned()]));
    }
}

#[test]
fn d05_empty_non_terminal_apex_and_name_server() {
    for (name, record_type) in [
        ("down.gslb.example.com", RecordType::A),
        ("gslb.example.com", RecordType::A),
        ("ns1.gslb.example.com", RecordType::TXT),
    ] {
        let reply = Ask::new(name, record_type).udp(&snapshot());
        assert_eq!(
            (reply.rcode, reply.answers.len(), reply.authorities),
            (0, 0, vec![SOA.to_owned()]),
            "{name}"
        );
    }
}

#[test]
fn d06_d07_soa_at_the_apex_and_in_negative_answers() {
    let reply = Ask::new("gslb.example.com", RecordType::SOA).udp(&snapshot());
    assert_eq!(reply.answers, [SOA.replacen(" 7 ", " 3600 ", 1)]);
    assert_eq!(reply.authorities, NOTHING);
    assert_eq!(reply.flags, "qr aa");
}

#[test]
fn d08_ns_at_the_apex_with_glue() {
    let reply = Ask::new("gslb.example.com", RecordType::NS).udp(&snapshot());
    assert_eq!(
        reply.answers,
        [
            "gslb.example.com. 3600 IN NS ns1.gslb.example.com.",
            "gslb.example.com. 3600 IN NS ns2.example.net.",
        ]
    );
    assert_eq!(
        reply.additionals,
        ["ns1.gslb.example.com. 3600 IN A 192.0.2.53", "ns1.gslb.example.com. 3600 IN AAAA 2001:db8::53",]
    );
    let reply = Ask::new("ns1.gslb.example.com", RecordType::AAAA).udp(&snapshot());
    assert_eq!(reply.answers, ["ns1.gslb.example.com. 3600 IN AAAA 2001:db8::53"]);
}

#[test]
fn d09_any() {
    for name in ["v4.gslb.example.com", "gslb.example.com", "text.gslb.example.com", "down.gslb.example.com"]
    {
        let reply = Ask::new(name, RecordType::ANY).udp(&snapshot());
        assert_eq!((reply.rcode, reply.answers), (0, vec![format!("{name}. 7 IN HINFO RFC8482 ")]));
        assert_eq!(reply.authorities, NOTHING);
    }
    let reply = Ask::new("target.gslb.example.com", RecordType::ANY).udp(&snapshot());
    assert_eq!(reply.answers, ["target.gslb.example.com. 5 IN CNAME lb.example.net."]);
}

#[test]
fn d10_transfers_are_refused_before_the_name_is_looked_at() {
    for name in ["gslb.example.com", "example.org"] {
        for record_type in [RecordType::AXFR, RecordType::IXFR] {
            let reply = Ask::new(name, record_type).opt().tcp(&outside(OutsideZones::Nxdomain));
            assert_eq!((reply.rcode, reply.flags.as_str()), (5, "qr"));
            reply.assert_no_records();
            assert_eq!(reply.extended_errors(), [0; 0]);
        }
    }
}

#[test]
fn d11_outside_all_zones() {
    for (setting, rcode, disposition, errors) in [
        (OutsideZones::Refused, 5, Disposition::Reply, &[20][..]),
        (OutsideZones::Nxdomain, 3, Disposition::Reply, &[]),
        (OutsideZones::NotFound, 5, Disposition::NotFound, &[20]),
    ] {
        let reply = Ask::a("www.example.org").opt().udp(&outside(setting));
        assert_eq!((reply.rcode, reply.flags.as_str()), (rcode, "qr"));
        assert_eq!(reply.facts.disposition, disposition);
        assert_eq!(reply.extended_errors(), errors);
        reply.assert_no_records();
    }
}

#[test]
fn d11_a_name_that_does_not_exist_in_a_zone_is_no_foreign_name() {
    let reply = Ask::a("nope.gslb.example.com").udp(&outside(OutsideZones::NotFound));
    assert_eq!((reply.rcode, reply.facts.disposition), (3, Disposition::Reply));
}

#[test]
fn d12_held_outside_every_zone() {
    let reply = Ask::a("held.example.org").udp(&snapshot());
    assert_eq!(reply.answers, ["held.example.org. 5 IN A 192.0.2.15"]);
    let reply = Ask::new("Held.example.ORG", RecordType::AAAA).udp(&snapshot());
    assert_eq!((reply.rcode, reply.flags.as_str()), (0, "qr aa"));
    assert!(reply.authorities[0].starts_with("Held.example.ORG. "), "{:?}", reply.authorities);
}

#[test]
fn d13_other_classes_are_refused() {
    for class in [0, 2, 3, 4, 254, 255] {
        let reply = Ask::a("v4.gslb.example.com").class(class).udp(&snapshot());
        assert_eq!((reply.rcode, reply.flags.as_str()), (5, "qr"));
        reply.assert_no_records();
    }
}

#[test]
fn d25_chains() {
    let reply = Ask::a("step1.gslb.example.com").udp(&snapshot());
    assert_eq!(reply.flags, "qr aa");
    assert_eq!(
        reply.answers[..2],
        [
            "step1.gslb.example.com. 5 IN CNAME step2.gslb.example.com.",
            "step2.gslb.example.com. 5 IN CNAME app.gslb.example.com.",
        ]
    );
    assert_eq!(reply.answers.len(), 4);
    // The type is not at the end: NODATA.
    let reply = Ask::new("alias.gslb.example.com", RecordType::TXT).udp(&snapshot());
    assert_eq!((reply.rcode, reply.answers.len(), reply.authorities), (0, 1, vec![SOA.to_owned()]));
    // The end does not exist: NXDOMAIN, CNAMEs kept (RFC 6604).
    let reply = Ask::a("dangling.gslb.example.com").udp(&snapshot());
    assert_eq!((reply.rcode, reply.answers.len(), reply.authorities), (3, 1, vec![SOA.to_owned()]));
    // The end is outside: CNAMEs only.
    let reply = Ask::a("target.gslb.example.com").udp(&snapshot());
    assert_eq!(reply.answers, ["target.gslb.example.com. 5 IN CNAME lb.example.net."]);
    assert_eq!((reply.rcode, reply.authorities.len()), (0, 0));
    // A loop: CNAMEs so far, no SOA, counted.
    let reply = Ask::a("loop1.gslb.example.com").udp(&snapshot());
    assert_eq!((reply.rcode, reply.authorities.len()), (0, 0));
    assert!(reply.facts.chain_cut && !reply.answers.is_empty());
}

#[test]
fn d27_before_the_first_sync() {
    let not_ready = Snapshot::unready();
    let reply = Ask::a("v4.gslb.example.com").opt().udp(&not_ready);
    assert_eq!((reply.rcode, reply.flags.as_str()), (2, "qr"));
    assert_eq!(reply.facts.disposition, Disposition::NotReady);
    assert_eq!(reply.extended_errors(), [14]);
    reply.assert_no_records();
    // The rules in front of it answer as ever.
    assert_eq!(Ask::new(".", RecordType::AXFR).udp(&not_ready).rcode, 5);
    assert_eq!(Ask::a("x").class(3).udp(&not_ready).rcode, 5);
}

#[test]
fn d28_the_id_is_the_querys() {
    for id in [0, 1, 0xffff] {
        let mut ask = Ask::a("v4.gslb.example.com");
        ask.id = id;
        assert_eq!(ask.udp(&snapshot()).id(), id);
    }
}

#[test]
fn d30_a_stale_answer_says_so_to_who_sent_an_opt() {
    let reply = Ask::a("stale.gslb.example.com").opt().stream(&snapshot());
    assert_eq!(reply.answers, ["stale.gslb.example.com. 5 IN A 198.51.100.20"]);
    assert!(reply.facts.stale);
    assert_eq!(reply.extended_errors(), [3]);
    assert_eq!(Ask::a("stale.gslb.example.com").stream(&snapshot()).opt, None);
}

#[test]
fn d34_static_records() {
    for (name, record_type, answer) in [
        ("text", RecordType::TXT, "3600 IN TXT onetwo"),
        ("mail", RecordType::MX, "3600 IN MX 10 mx.gslb.example.com."),
        ("nomail", RecordType::MX, "3600 IN MX 0 ."),
        ("static", RecordType::A, "60 IN A 192.0.2.77"),
        ("alias", RecordType::CNAME, "3600 IN CNAME app.gslb.example.com."),
    ] {
        let name = format!("{name}.gslb.example.com");
        let reply = Ask::new(&name, record_type).udp(&snapshot());
        assert_eq!((reply.flags.as_str(), reply.answers), ("qr aa", vec![format!("{name}. {answer}")]));
    }
    let reply = Ask::new("gslb.example.com", RecordType::CAA).udp(&snapshot());
    assert_eq!(reply.answers, ["gslb.example.com. 3600 IN CAA 128 issue \"ca.example.net\""]);
}

#[test]
fn d34_a_delegation_is_a_referral_with_glue() {
    for name in ["www.sub.gslb.example.com", "sub.gslb.example.com"] {
        let reply = Ask::a(name).udp(&snapshot());
        assert_eq!((reply.rcode, reply.flags.as_str(), reply.answers.len()), (0, "qr", 0));
        assert_eq!(
            reply.authorities,
            [
                "sub.gslb.example.com. 3600 IN NS ns.sub.gslb.example.com.",
                "sub.gslb.example.com. 3600 IN NS static.gslb.example.com.",
            ]
        );
        assert_eq!(
            reply.additionals,
            [
                "ns.sub.gslb.example.com. 3600 IN A 192.0.2.99",
                "ns.sub.gslb.example.com. 3600 IN AAAA 2001:db8::99",
                "static.gslb.example.com. 60 IN A 192.0.2.77",
            ]
        );
    }
    // Names that the query spells keep its spelling.
    let reply = Ask::a("NS.SUB.gslb.example.com").udp(&snapshot());
    assert_eq!(reply.additionals[0], "NS.SUB.gslb.example.com. 3600 IN A 192.0.2.99");
}

#[test]
fn d34_acme_delegation() {
    let reply = Ask::new("_acme-challenge.App.gslb.example.com", RecordType::TXT).udp(&snapshot());
    assert_eq!(reply.answers.len(), 1);
    assert!(
        reply.answers[0].starts_with("_acme-challenge.App.gslb.example.com. ")
            && reply.answers[0].ends_with(" IN CNAME app.gslb.example.com.acme.example.net."),
        "{:?}",
        reply.answers
    );
}

#[test]
fn d26_the_same_address_twice_is_answered_once() {
    let reply = Ask::a("app.gslb.example.com").udp(&snapshot());
    assert_eq!(reply.answers.len(), 2);
    assert_ne!(reply.answers[0], reply.answers[1]);
}

#[test]
fn the_buffer_is_cleared_first() {
    let (_, octets) = send(&snapshot(), &Ask::a("v4.gslb.example.com").octets(), Transport::Stream);
    assert_eq!(octets[..2], [0x2a, 0x2b]);
}
