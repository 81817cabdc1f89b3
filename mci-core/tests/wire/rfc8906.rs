//! RFC 8906 §8.1 and §8.2, each test of its list.

use mci_core::RecordType;

use crate::ask::RD;
use crate::world::snapshot;
use crate::{Ask, Reply};

const ZONE: &str = "gslb.example.com";
const NOERROR: u16 = 0;
const NOTIMP: u16 = 4;
const BADVERS: u16 = 16;
const CD: u16 = 0x0010;
const AD: u16 = 0x0020;
const MBZ: u16 = 0x0040;
const DO: u16 = 0x8000;

struct Expect {
    rcode: u16,
    /// The SOA record is in the answer section.
    soa: bool,
    flags: &'static str,
    /// The flags of the OPT record in the reply.
    opt: Option<u16>,
}

fn soa() -> Ask {
    Ask::new(ZONE, RecordType::SOA)
}

fn edns(version: u8, flags: u16, options: &[(u16, &[u8])]) -> Ask {
    soa().opt_with(1232, version, flags, options)
}

#[test]
fn rfc8906_the_list() {
    let mut header_only = soa().opcode(15);
    header_only.questions.clear();
    let several = [(10, &b"12345678"[..]), (3, b""), (9, b""), (8, b"\x00\x01\x00\x00")];
    let found = |opt| Expect { rcode: NOERROR, soa: true, flags: "qr aa", opt };
    let nodata = || Expect { rcode: NOERROR, soa: false, flags: "qr aa", opt: None };
    let badvers = |flags| Expect { rcode: BADVERS, soa: false, flags: "qr", opt: Some(flags) };
    let list = [
        ("8.1.1 the zone is served", soa(), found(None)),
        ("8.1.2 unknown types", Ask::new(ZONE, RecordType(1000)), nodata()),
        ("8.1.3.1 CD=1", soa().flags(CD), found(None)),
        ("8.1.3.2 AD=1", soa().flags(AD), found(None)),
        ("8.1.3.3 the reserved bit", soa().flags(MBZ), found(None)),
        ("8.1.3.4 recursive queries", soa().flags(RD), Expect { flags: "qr aa rd", ..found(None) }),
        ("8.1.4 unknown opcodes", header_only, Expect { rcode: NOTIMP, soa: false, flags: "qr", opt: None }),
        ("8.2.1 minimal EDNS", edns(0, 0, &[]), found(Some(0))),
        ("8.2.2 version negotiation", edns(1, 0, &[]), badvers(0)),
        ("8.2.3 unknown options", edns(0, 0, &[(100, b"")]), found(Some(0))),
        ("8.2.4 unknown flags", edns(0, 0x40, &[]), found(Some(0))),
        ("8.2.5 version negotiation, unknown flags", edns(1, 0x40, &[]), badvers(0)),
        ("8.2.6 version negotiation, unknown options", edns(1, 0, &[(100, b"")]), badvers(0)),
        ("8.2.8 DO=1", edns(0, DO, &[]), found(Some(DO))),
        ("8.2.9 version negotiation, DO=1", edns(1, DO, &[]), badvers(DO)),
        ("8.2.10 several defined options", edns(0, 0, &several), found(Some(0))),
    ];
    for (what, ask, expect) in &list {
        // 8.1.5 is the same over TCP.
        for (way, reply) in
            [("UDP", ask.udp(&snapshot())), ("TCP", ask.tcp(&snapshot())), ("gRPC", ask.stream(&snapshot()))]
        {
            check(&format!("{what}, {way}"), &reply, expect);
        }
    }
}

fn check(what: &str, reply: &Reply, expect: &Expect) {
    assert_eq!((reply.rcode, reply.flags.as_str()), (expect.rcode, expect.flags), "{what}");
    let soa = reply.answers.iter().any(|answer| answer.contains(" IN SOA "));
    assert_eq!((soa, reply.answers.len()), (expect.soa, expect.soa.into()), "{what}");
    assert_eq!(
        reply.opt.as_ref().map(|opt| (opt.version, opt.flags)),
        expect.opt.map(|flags| (0, flags)),
        "{what}"
    );
    assert_eq!(reply.option(100), None, "{what}");
}

#[test]
fn rfc8906_8_2_7_truncated_replies_have_an_opt() {
    let reply = Ask::a("many.gslb.example.com").opt_with(512, 0, DO, &[]).udp(&snapshot());
    assert_eq!((reply.rcode, reply.flags.as_str()), (NOERROR, "qr aa tc"));
    assert_eq!(reply.opt.map(|opt| (opt.version, opt.flags)), Some((0, DO)));
}
