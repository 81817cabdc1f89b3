//! RFC 8906, §8.1 and §8.2: what every DNS server has to do with queries that it might find strange, each test of
//! the document, at the direct listener and through `CoreDNS`.

use mci_tests::client::Client;
use mci_tests::query::{Opt, Query, flag, option};
use mci_tests::reply::Reply;

use crate::world::{World, both, expect};

/// A zone that is served.
const ZONE: &str = "gslb.example.com";

/// A check for each protocol.
fn each(world: &World, check: impl Fn(&Client)) {
    for client in world.clients() {
        check(&client);
    }
}

fn soa() -> Query {
    Query::new(ZONE, "SOA")
}

/// NOERROR with the SOA as the answer, AA, no AD, no Z.
#[track_caller]
fn expect_soa_answer(reply: &Reply) {
    expect(reply, "NOERROR", true);
    assert_eq!(
        reply.answer.iter().map(|record| record.rtype.as_str()).collect::<Vec<_>>(),
        ["SOA"],
        "{reply}"
    );
    assert!(!reply.has(flag::AD) && !reply.has(flag::Z), "{reply}");
}

#[track_caller]
fn expect_no_rd_no_opt(reply: &Reply) {
    assert!(!reply.has(flag::RD), "{reply}");
    assert_eq!(reply.opt, None, "{reply}");
}

/// An OPT record of version 0 with no flag but DO, where that was asked for.
#[track_caller]
fn expect_opt(reply: &Reply, flags: u16) {
    let opt = reply.opt.as_ref().unwrap_or_else(|| panic!("no OPT record:\n{reply}"));
    assert_eq!((opt.version, opt.flags), (0, flags), "{reply}");
}

/// BADVERS, nothing of what was asked, and an OPT record of version 0.
#[track_caller]
fn expect_badvers(reply: &Reply) {
    expect(reply, "BADVERS", false);
    assert_eq!((reply.answers(), reply.has(flag::AD)), (vec![], false), "{reply}");
    let opt = reply.opt.as_ref().unwrap_or_else(|| panic!("no OPT record:\n{reply}"));
    assert_eq!((opt.version, opt.flags & !flag::DO), (0, 0), "{reply}");
    assert!(opt.options.iter().all(|(code, _)| *code != 100), "{reply}");
}

both!(fn rfc8906_8_1_1_direct_serves_the_zone, fn rfc8906_8_1_1_coredns_serves_the_zone, serves_the_zone);

fn serves_the_zone(world: &World) {
    each(world, |client| {
        let reply = client.ask(&soa());
        expect_soa_answer(&reply);
        expect_no_rd_no_opt(&reply);
    });
}

both!(fn rfc8906_8_1_2_direct_unknown_types, fn rfc8906_8_1_2_coredns_unknown_types, unknown_types);

fn unknown_types(world: &World) {
    each(world, |client| {
        let reply = client.query(ZONE, "TYPE1000");
        expect(&reply, "NOERROR", true);
        assert_eq!((reply.answers(), reply.has(flag::AD)), (vec![], false), "{reply}");
        expect_no_rd_no_opt(&reply);
    });
}

both!(fn rfc8906_8_1_3_1_direct_cd, fn rfc8906_8_1_3_1_coredns_cd, cd);

fn cd(world: &World) {
    each(world, |client| {
        let reply = client.ask(&soa().flags(flag::CD));
        expect_soa_answer(&reply);
        expect_no_rd_no_opt(&reply);
    });
}

both!(fn rfc8906_8_1_3_2_direct_ad, fn rfc8906_8_1_3_2_coredns_ad, ad);

fn ad(world: &World) {
    each(world, |client| {
        let reply = client.ask(&soa().flags(flag::AD));
        expect_soa_answer(&reply);
        expect_no_rd_no_opt(&reply);
    });
}

both!(fn rfc8906_8_1_3_3_direct_reserved_bit, fn rfc8906_8_1_3_3_coredns_reserved_bit, reserved_bit);

fn reserved_bit(world: &World) {
    each(world, |client| {
        let reply = client.ask(&soa().flags(flag::Z));
        expect_soa_answer(&reply);
        expect_no_rd_no_opt(&reply);
    });
}

both!(fn rfc8906_8_1_3_4_direct_rd, fn rfc8906_8_1_3_4_coredns_rd, rd);

fn rd(world: &World) {
    each(world, |client| {
        let reply = client.ask(&soa().flags(flag::RD));
        expect_soa_answer(&reply);
        assert!(reply.has(flag::RD), "{reply}");
        assert_eq!(reply.opt, None, "{reply}");
    });
}

both!(fn rfc8906_8_1_4_direct_unknown_opcode, fn rfc8906_8_1_4_coredns_unknown_opcode, unknown_opcode);

/// A header alone.
fn unknown_opcode(world: &World) {
    each(world, |client| {
        let reply = client.ask(&Query::empty().opcode("OPCODE15"));
        expect(&reply, "NOTIMP", false);
        assert_eq!(reply.opcode, "OPCODE15", "{reply}");
        let sections = (reply.questions.len(), reply.answers(), reply.authorities(), reply.additionals());
        assert_eq!(sections, (0, vec![], vec![], vec![]), "{reply}");
        assert!(!reply.has(flag::AD), "{reply}");
        expect_no_rd_no_opt(&reply);
    });
}

both!(fn rfc8906_8_1_5_direct_tcp, fn rfc8906_8_1_5_coredns_tcp, tcp);

fn tcp(world: &World) {
    let [_, tcp] = world.clients();
    let reply = tcp.ask(&soa());
    expect_soa_answer(&reply);
    expect_no_rd_no_opt(&reply);
}

both!(fn rfc8906_8_2_1_direct_minimal_edns, fn rfc8906_8_2_1_coredns_minimal_edns, minimal_edns);

fn minimal_edns(world: &World) {
    each(world, |client| {
        let reply = client.ask(&soa().edns());
        expect_soa_answer(&reply);
        expect_opt(&reply, 0);
    });
}

both!(fn rfc8906_8_2_2_direct_edns_version, fn rfc8906_8_2_2_coredns_edns_version, edns_version);

fn edns_version(world: &World) {
    each(world, |client| expect_badvers(&client.ask(&soa().opt(Opt::new().version(1)))));
}

both!(fn rfc8906_8_2_3_direct_unknown_option, fn rfc8906_8_2_3_coredns_unknown_option, unknown_option);

fn unknown_option(world: &World) {
    each(world, |client| {
        let reply = client.ask(&soa().opt(Opt::new().option(100, b"")));
        expect_soa_answer(&reply);
        expect_opt(&reply, 0);
        assert_eq!(reply.opt.unwrap().options, []);
    });
}

both!(fn rfc8906_8_2_4_direct_unknown_flag, fn rfc8906_8_2_4_coredns_unknown_flag, unknown_flag);

fn unknown_flag(world: &World) {
    each(world, |client| {
        let reply = client.ask(&soa().opt(Opt::new().flags(0x40)));
        expect_soa_answer(&reply);
        expect_opt(&reply, 0);
    });
}

both!(
    fn rfc8906_8_2_5_direct_version_with_unknown_flag,
    fn rfc8906_8_2_5_coredns_version_with_unknown_flag,
    version_with_unknown_flag
);

fn version_with_unknown_flag(world: &World) {
    each(world, |client| expect_badvers(&client.ask(&soa().opt(Opt::new().version(1).flags(0x40)))));
}

both!(
    fn rfc8906_8_2_6_direct_version_with_unknown_option,
    fn rfc8906_8_2_6_coredns_version_with_unknown_option,
    version_with_unknown_option
);

fn version_with_unknown_option(world: &World) {
    each(world, |client| expect_badvers(&client.ask(&soa().opt(Opt::new().version(1).option(100, b"")))));
}

both!(fn rfc8906_8_2_7_direct_truncation, fn rfc8906_8_2_7_coredns_truncation, truncation);

/// The document asks for DNSKEY, which is large where a zone is signed; here it is large for 300 addresses.
fn truncation(world: &World) {
    let [udp, _] = world.clients();
    let opt = || Opt::new().size(512).flags(flag::DO);
    let reply = udp.ask(&Query::new(ZONE, "DNSKEY").opt(opt()));
    expect(&reply, "NOERROR", true);
    expect_opt(&reply, flag::DO);

    let reply = udp.ask(&Query::new("many.gslb.example.com", "A").opt(opt()));
    expect(&reply, "NOERROR", true);
    assert!(reply.has(flag::TC) && reply.length <= 512, "{reply}");
    expect_opt(&reply, flag::DO);
}

both!(fn rfc8906_8_2_8_direct_do, fn rfc8906_8_2_8_coredns_do, dnssec_ok);

fn dnssec_ok(world: &World) {
    each(world, |client| {
        let reply = client.ask(&soa().opt(Opt::new().flags(flag::DO)));
        expect_soa_answer(&reply);
        expect_opt(&reply, flag::DO);
    });
}

both!(fn rfc8906_8_2_9_direct_version_with_do, fn rfc8906_8_2_9_coredns_version_with_do, version_with_do);

fn version_with_do(world: &World) {
    each(world, |client| expect_badvers(&client.ask(&soa().opt(Opt::new().version(1).flags(flag::DO)))));
}

both!(fn rfc8906_8_2_10_direct_several_options, fn rfc8906_8_2_10_coredns_several_options, several_options);

fn several_options(world: &World) {
    each(world, |client| {
        let opt = Opt::new()
            .option(option::NSID, b"")
            .option(option::EXPIRE, b"")
            .option(option::COOKIE, b"8 octets")
            .option(option::ECS, &[0, 1, 0, 0]);
        let reply = client.ask(&soa().opt(opt));
        expect_soa_answer(&reply);
        expect_opt(&reply, 0);
        assert!(reply.opt.unwrap().options.contains(&(option::ECS, vec![0, 1, 0, 0])));
    });
}
