//! D18, D19, D21, D22, D30: the OPT record and its options.

use mci_tests::client::Transport;
use mci_tests::query::{Opt, Query, flag, option};
use mci_tests::reply::Reply;

use crate::world::{World, both, expect};

fn app() -> Query {
    Query::new("app.gslb.example.com", "A")
}

#[track_caller]
fn options(reply: &Reply) -> &[(u16, Vec<u8>)] {
    &reply.opt.as_ref().unwrap_or_else(|| panic!("no OPT record:\n{reply}")).options
}

both!(fn d18_direct_no_opt_without_opt, fn d18_coredns_no_opt_without_opt, no_opt_without_opt);

fn no_opt_without_opt(world: &World) {
    for client in world.clients() {
        for name in
            ["app.gslb.example.com", "missing.gslb.example.com", "www.example.net", "stale.gslb.example.com"]
        {
            let reply = client.query(name, "A");
            assert_eq!(reply.opt, None, "{reply}");
        }
    }
}

both!(fn d19_direct_one_opt_for_an_opt, fn d19_coredns_one_opt_for_an_opt, one_opt_for_an_opt);

fn one_opt_for_an_opt(world: &World) {
    for client in world.clients() {
        // A size under 512 counts as 512: the reply fits, and nothing is refused for it.
        for size in [0, 511, 512, 1232, 4096, 65_535] {
            for flags in [0, flag::DO, flag::DO | 0x7fff, 0x4000] {
                let reply = client.ask(&app().opt(Opt::new().size(size).flags(flags)));
                expect(&reply, "NOERROR", true);
                let opt = reply.opt.as_ref().unwrap_or_else(|| panic!("no OPT record:\n{reply}"));
                assert_eq!((opt.version, &opt.options[..]), (0, &[][..]), "{reply}");
                if world.is_direct() {
                    assert_eq!((opt.size, opt.flags), (1232, flags & flag::DO), "{reply}");
                } else {
                    assert_eq!(opt.flags & flag::DO, flags & flag::DO, "{reply}");
                }
            }
        }
    }
}

both!(
    fn d19_direct_options_without_a_meaning_are_not_echoed,
    fn d19_coredns_options_without_a_meaning_are_not_echoed,
    options_without_a_meaning
);

fn options_without_a_meaning(world: &World) {
    for client in world.clients() {
        let table: [(u16, &[u8]); 6] = [
            (option::NSID, b""),
            (option::EXPIRE, b""),
            (option::KEEPALIVE, b""),
            (option::PADDING, &[0; 32]),
            (4, b"x"),
            (65_001, b"unknown"),
        ];
        for (code, data) in table {
            if code == option::KEEPALIVE && client.transport == Transport::Tcp {
                continue;
            }
            let reply = client.ask(&app().opt(Opt::new().option(code, data)));
            expect(&reply, "NOERROR", true);
            assert_eq!(options(&reply), [], "{reply}");
        }
    }
}

#[test]
fn d21_direct_a_cookie_is_answered_with_one_that_is_known_again() {
    let world = World::direct();
    for client in world.clients() {
        let reply = client.ask(&app().opt(Opt::new().option(option::COOKIE, b"8 octets")));
        expect(&reply, "NOERROR", true);
        let [(option::COOKIE, cookie)] = options(&reply) else { panic!("not one cookie:\n{reply}") };
        // The client's own, and one of RFC 9018: version 1, three octets of zero, the time, the hash.
        assert_eq!((cookie.len(), &cookie[..8], &cookie[8..12]), (24, &b"8 octets"[..], &[1, 0, 0, 0][..]));

        let reply = client.ask(&app().opt(Opt::new().option(option::COOKIE, cookie)));
        expect(&reply, "NOERROR", true);
        let [(option::COOKIE, again)] = options(&reply) else { panic!("not one cookie:\n{reply}") };
        assert_eq!(again[..12], cookie[..12], "{reply}");

        // A wrong one is answered too, with a right one.
        let mut wrong = cookie.clone();
        wrong[20] ^= 1;
        let reply = client.ask(&app().opt(Opt::new().option(option::COOKIE, &wrong)));
        expect(&reply, "NOERROR", true);
        let [(option::COOKIE, fresh)] = options(&reply) else { panic!("not one cookie:\n{reply}") };
        assert_eq!((fresh.len(), fresh == &wrong), (24, false), "{reply}");
    }
}

#[test]
fn d21_direct_a_cookie_of_a_wrong_length_is_a_format_error() {
    for client in World::direct().clients() {
        for length in [0, 1, 7, 9, 15, 41, 64] {
            let reply = client.ask(&app().opt(Opt::new().option(option::COOKIE, &vec![1; length])));
            expect(&reply, "FORMERR", false);
        }
        for length in [8, 16, 40] {
            let reply = client.ask(&app().opt(Opt::new().option(option::COOKIE, &vec![1; length])));
            expect(&reply, "NOERROR", true);
        }
    }
}

/// RFC 7873 §5.4: a client may ask for a cookie alone.
#[test]
fn d21_direct_no_question_with_a_cookie_gets_a_cookie() {
    for client in World::direct().clients() {
        let reply = client.ask(&Query::empty().opt(Opt::new().option(option::COOKIE, b"8 octets")));
        assert_eq!((reply.rcode.as_str(), reply.questions.len()), ("NOERROR", 0), "{reply}");
        let [(option::COOKIE, cookie)] = options(&reply) else { panic!("not one cookie:\n{reply}") };
        assert_eq!(cookie.len(), 24);
        assert_eq!((reply.answers(), reply.authorities()), (vec![], vec![]), "{reply}");
    }
}

/// Family, source prefix length, scope, and the octets of the prefix.
fn ecs(family: u8, source: u8, scope: u8, prefix: &[u8]) -> Opt {
    Opt::new().option(option::ECS, &[&[0, family, source, scope], prefix].concat())
}

both!(fn d22_direct_a_client_subnet_is_echoed, fn d22_coredns_a_client_subnet_is_echoed, a_client_subnet);

fn a_client_subnet(world: &World) {
    for client in world.clients() {
        let table: [(u8, u8, &[u8]); 5] = [
            (1, 24, &[192, 0, 2]),
            (1, 32, &[192, 0, 2, 1]),
            (1, 0, &[]),
            (1, 22, &[10, 1, 4]),
            (2, 56, &[0x20, 1, 0xd, 0xb8, 0, 0, 1]),
        ];
        for (family, source, prefix) in table {
            let reply = client.ask(&app().opt(ecs(family, source, 0, prefix)));
            expect(&reply, "NOERROR", true);
            let expected = [&[0, family, source, 0], prefix].concat();
            assert_eq!(options(&reply), [(option::ECS, expected)], "{reply}");
        }
    }
}

#[test]
fn d22_direct_a_malformed_client_subnet_is_a_format_error() {
    for client in World::direct().clients() {
        let table: [(&str, Opt); 8] = [
            ("too few octets", ecs(1, 24, 0, &[192, 0])),
            ("too many octets", ecs(1, 24, 0, &[192, 0, 2, 0])),
            ("bits past the prefix", ecs(1, 22, 0, &[10, 1, 5])),
            ("a scope in a query", ecs(1, 24, 24, &[192, 0, 2])),
            ("33 bits of IPv4", ecs(1, 33, 0, &[192, 0, 2, 1, 0])),
            ("129 bits of IPv6", ecs(2, 129, 0, &[0x20; 17])),
            ("no prefix lengths", Opt::new().option(option::ECS, &[0, 1])),
            ("nothing at all", Opt::new().option(option::ECS, &[])),
        ];
        for (what, opt) in table {
            let reply = client.ask(&app().opt(opt));
            assert_eq!(reply.rcode, "FORMERR", "{what}: {reply}");
        }
    }
}

both!(fn d30_direct_extended_errors, fn d30_coredns_extended_errors, extended_errors);

fn extended_errors(world: &World) {
    for client in world.clients() {
        // 3: R11 serves what is stale.
        let reply = client.ask(&Query::new("stale.gslb.example.com", "A").edns());
        expect(&reply, "NOERROR", true);
        assert_eq!(
            (reply.data("A"), reply.extended_errors()),
            (vec!["203.0.113.5".to_owned()], vec![3]),
            "{reply}"
        );

        // 20: not authoritative.
        let reply = client.ask(&Query::new("www.example.net", "A").edns());
        expect(&reply, "REFUSED", false);
        assert_eq!(reply.extended_errors(), [20], "{reply}");

        for (name, rtype) in
            [("app.gslb.example.com", "A"), ("app.gslb.example.com", "MX"), ("no.gslb.example.com", "A")]
        {
            let reply = client.ask(&Query::new(name, rtype).edns());
            assert_eq!(reply.extended_errors(), [0; 0], "{reply}");
        }
    }
}
