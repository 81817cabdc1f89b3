//! OPT, cookies and client subnets: D18 to D22.

use mci_core::RecordType;

use crate::Ask;
use crate::ask::a_record;
use crate::reply::Opt;
use crate::world::snapshot;

const COOKIE: u16 = 10;
const SUBNET: u16 = 8;
const NOW: u32 = 1_700_000_000;
const CLIENT: &str = "192.0.2.200";

fn v4() -> Ask {
    Ask::a("v4.gslb.example.com")
}

/// A good cookie for `CLIENT` at `NOW`.
fn good_cookie() -> Vec<u8> {
    v4().option(COOKIE, b"12345678").udp(&snapshot()).option(COOKIE).unwrap().to_vec()
}

#[test]
fn d18_d19_an_opt_for_an_opt() {
    assert_eq!(v4().udp(&snapshot()).opt, None);
    assert_eq!(v4().opt().udp(&snapshot()).opt, Some(Opt::plain()));
    assert_eq!(v4().opt().stream(&snapshot()).opt, Some(Opt::plain()));
    assert_eq!(v4().opt().tcp(&snapshot()).opt, Some(Opt::plain()));
}

#[test]
fn d19_do_is_copied_and_no_other_flag() {
    let opt = |flags| v4().opt_with(1232, 0, flags, &[]).udp(&snapshot()).opt.unwrap();
    assert_eq!(opt(0x8000).flags, 0x8000);
    assert_eq!(opt(0xffff).flags, 0x8000);
    assert_eq!(opt(0x7fff).flags, 0);
}

#[test]
fn d19_other_options_are_ignored_and_never_echoed() {
    // NSID, EXPIRE, TCP KEEPALIVE, PADDING, unknown.
    let options = [(3, &b""[..]), (9, b""), (11, b"\0\0"), (12, &[0; 40]), (100, b"x"), (65_535, b"")];
    let reply = v4().opt_with(1232, 0, 0, &options).udp(&snapshot());
    assert_eq!((reply.rcode, reply.answers.len(), reply.opt), (0, 1, Some(Opt::plain())));
}

#[test]
fn d20_other_versions() {
    for version in [1, 2, 255] {
        // Their options mean nothing here, not even malformed cookies and subnets.
        let options = [(COOKIE, &b"1"[..]), (SUBNET, b"1"), (100, b"")];
        let reply = v4().opt_with(1232, version, 0xffff, &options).udp(&snapshot());
        assert_eq!((reply.rcode, reply.flags.as_str()), (16, "qr"));
        assert_eq!(reply.opt, Some(Opt { flags: 0x8000, ..Opt::plain() }));
        reply.assert_no_records();
        let rcode = |ask: Ask| ask.opt_with(1232, version, 0, &[]).udp(&snapshot()).rcode;
        // D16 comes first; D14, D13 and D10 come after it.
        assert_eq!(rcode(v4().opcode(1)), 4);
        assert_eq!(rcode(v4().class(3)), 16);
        assert_eq!(rcode(Ask::new("gslb.example.com", RecordType::AXFR)), 16);
        let mut none = v4();
        none.questions.clear();
        assert_eq!(rcode(none), 16);
    }
}

#[test]
fn d21_a_client_cookie_gets_a_server_cookie() {
    let cookie = good_cookie();
    assert_eq!((cookie.len(), &cookie[..8]), (24, &b"12345678"[..]));
    let reply = v4().option(COOKIE, &cookie).udp(&snapshot());
    assert!(reply.facts.cookie_valid);
    assert_eq!((reply.option(COOKIE), reply.answers.len()), (Some(&cookie[..]), 1));
    // The same over TCP, and where the message is not plain.
    assert!(v4().option(COOKIE, &cookie).tcp(&snapshot()).facts.cookie_valid);
    assert!(v4().additional(a_record("x")).option(COOKIE, &cookie).udp(&snapshot()).facts.cookie_valid);
}

#[test]
fn d21_a_wrong_server_cookie_is_answered_with_a_new_one() {
    let mut wrong = good_cookie();
    wrong[20] ^= 1;
    let reply = v4().option(COOKIE, &wrong).udp(&snapshot());
    assert_eq!((reply.rcode, reply.answers.len()), (0, 1));
    assert!(!reply.facts.cookie_valid);
    assert_eq!(reply.option(COOKIE), Some(&good_cookie()[..]));
}

#[test]
fn d21_malformed_cookies() {
    for len in [0, 1, 7, 9, 15, 41, 100] {
        let reply = v4().option(COOKIE, &vec![1; len]).udp(&snapshot());
        assert_eq!((reply.rcode, reply.option(COOKIE)), (1, None), "{len}");
        reply.assert_no_records();
    }
}

#[test]
fn d21_over_its_limit_a_client_has_to_show_a_good_cookie() {
    let cookie = good_cookie();
    let over = |content: &[u8]| v4().option(COOKIE, content).udp_from(&snapshot(), CLIENT, NOW, true);
    let reply = over(&cookie);
    assert_eq!((reply.rcode, reply.answers.len()), (0, 1));
    for bad in [&b"12345678"[..], &[1; 24]] {
        let reply = over(bad);
        assert_eq!((reply.rcode, reply.flags.as_str()), (23, "qr"));
        assert_eq!(&reply.option(COOKIE).unwrap()[..8], &bad[..8]);
        reply.assert_no_records();
    }
    // A client without cookies is left to the rate limit.
    assert_eq!(v4().opt().udp_from(&snapshot(), CLIENT, NOW, true).rcode, 0);
}

#[test]
fn d21_a_question_for_a_cookie_alone() {
    let mut none = v4();
    none.questions.clear();
    let ask = |content: &[u8]| none.clone().option(COOKIE, content);
    let reply = ask(b"12345678").udp(&snapshot());
    assert_eq!((reply.rcode, reply.flags.as_str(), reply.question.len()), (0, "qr", 0));
    assert_eq!(reply.option(COOKIE), Some(&good_cookie()[..]));
    reply.assert_no_records();
    assert_eq!(ask(&good_cookie()).udp(&snapshot()).rcode, 0);
    // RFC 7873 §5.4
    assert_eq!(ask(&[1; 24]).udp(&snapshot()).rcode, 23);
    assert_eq!(ask(b"1").udp(&snapshot()).rcode, 1);
}

#[test]
fn d21_over_grpc_cookies_are_ignored() {
    for content in [&b"12345678"[..], b"malformed", &good_cookie()] {
        let reply = v4().option(COOKIE, content).stream(&snapshot());
        assert_eq!((reply.rcode, reply.opt), (0, Some(Opt::plain())));
        assert!(!reply.facts.cookie_valid);
    }
    let mut none = v4();
    none.questions.clear();
    assert_eq!(none.option(COOKIE, b"12345678").stream(&snapshot()).rcode, 1);
}

#[test]
fn d22_a_subnet_is_echoed() {
    for content in [
        &b"\x00\x01\x18\x00\xc0\x00\x02"[..],
        b"\x00\x01\x00\x00",
        b"\x00\x01\x20\x00\xc0\x00\x02\x01",
        b"\x00\x02\x38\x00\x20\x01\x0d\xb8\x00\x00\x00",
    ] {
        for ask in [v4(), v4().additional(a_record("x")), Ask::a("nope.gslb.example.com")] {
            let ask = ask.option(SUBNET, content);
            assert_eq!(ask.udp(&snapshot()).option(SUBNET), Some(content));
            assert_eq!(ask.stream(&snapshot()).option(SUBNET), Some(content));
        }
    }
    // What `dig +subnet=0` sends; hickory-proto knows no family 0.
    let mut out = Vec::new();
    let octets = v4().option(SUBNET, &[0; 4]).octets();
    snapshot().answer(&octets, mci_core::wire::Transport::Stream, &mut crate::world::First, &mut out);
    assert_eq!(out[3], 0);
    assert!(out.ends_with(&[0, 8, 0, 4, 0, 0, 0, 0]));
}

#[test]
fn d22_a_malformed_subnet_is_formerr() {
    for content in [
        &b""[..],
        b"\x00\x01\x18",
        b"\x00\x01\x18\x00\xc0\x00",
        b"\x00\x01\x18\x00\xc0\x00\x02\x00",
        b"\x00\x01\x17\x00\xc0\x00\x03",
        b"\x00\x01\x18\x18\xc0\x00\x02",
        b"\x00\x01\x21\x00\xc0\x00\x02\x00\x00",
    ] {
        for ask in [v4(), v4().additional(a_record("x")), v4().class(3)] {
            let reply = ask.option(SUBNET, content).udp(&snapshot());
            assert_eq!((reply.rcode, reply.opt.as_ref()), (1, Some(&Opt::plain())), "{content:02x?}");
            assert_eq!(reply.question.len(), 1);
            reply.assert_no_records();
        }
    }
}
