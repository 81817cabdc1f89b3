//! D10, D13, D14, D16, D20: what is not answered for what it asks.

use mci_tests::query::{Opt, Query, flag};
use mci_tests::reply::Reply;

use crate::world::{World, both, expect};

both!(
    fn d10_direct_zone_transfers_are_refused,
    fn d10_coredns_zone_transfers_are_refused,
    zone_transfers
);

fn zone_transfers(world: &World) {
    for client in world.clients() {
        for rtype in ["AXFR", "IXFR"] {
            // Before the name is looked at.
            for name in
                ["gslb.example.com", "app.gslb.example.com", "missing.gslb.example.com", "www.example.net"]
            {
                let reply = client.query(name, rtype);
                expect(&reply, "REFUSED", false);
                assert_eq!((reply.answers(), reply.authorities()), (vec![], vec![]), "{reply}");
            }
        }
    }
}

#[test]
fn d13_direct_other_classes_are_refused() {
    for client in World::direct().clients() {
        for class in ["CH", "HS", "NONE", "ANY"] {
            let reply = client.ask(&Query::new("app.gslb.example.com", "A").class(class));
            expect(&reply, "REFUSED", false);
            assert_eq!(reply.questions, [format!("app.gslb.example.com. {class} A")], "{reply}");
        }
    }
}

#[test]
fn d13_coredns_refuses_other_classes_itself() {
    let Some(world) = World::coredns() else { return };
    for client in world.clients() {
        for class in ["CH", "HS", "NONE", "ANY"] {
            let reply = client.ask(&Query::new("app.gslb.example.com", "A").class(class));
            assert_eq!(reply.rcode, "REFUSED", "{class}: {reply}");
        }
    }
}

fn questions() -> [Query; 2] {
    let two = Query::new("app.gslb.example.com", "A").and_question("four.gslb.example.com", "A");
    [Query::empty(), two]
}

#[test]
fn d14_direct_no_question_or_two_are_a_format_error() {
    for client in World::direct().clients() {
        for query in questions() {
            let reply = client.ask(&query);
            expect(&reply, "FORMERR", false);
            assert_eq!(reply.answers(), [""; 0], "{reply}");
        }
    }
}

#[test]
fn d14_coredns_answers_no_question_or_two_itself() {
    let Some(world) = World::coredns() else { return };
    for client in world.clients() {
        let replies: Vec<String> = questions().iter().map(|query| client.ask(query).rcode).collect();
        assert_eq!(replies, ["FORMERR", "FORMERR"]);
    }
}

#[test]
fn d16_direct_other_opcodes_are_not_implemented() {
    for client in World::direct().clients() {
        for opcode in ["IQUERY", "STATUS", "OPCODE3", "NOTIFY", "UPDATE", "DSO", "OPCODE15"] {
            let reply = client.ask(&Query::new("gslb.example.com", "SOA").opcode(opcode));
            expect(&reply, "NOTIMP", false);
            assert_eq!(reply.opcode, opcode, "{reply}");
            assert_eq!(reply.questions, ["gslb.example.com. IN SOA"], "{reply}");
            assert_eq!((reply.answers(), reply.authorities()), (vec![], vec![]), "{reply}");

            // The question is echoed only where it can be read (RFC 8906).
            let mut octets = Query::empty().opcode(opcode).octets();
            octets[5] = 1;
            let reply = Reply::read(&client.ask_octets(&octets).expect("a reply")).unwrap();
            expect(&reply, "NOTIMP", false);
            assert_eq!(reply.questions, [""; 0], "{reply}");
        }
    }
}

#[test]
fn d16_coredns_answers_other_opcodes_itself_but_notify() {
    let Some(world) = World::coredns() else { return };
    for client in world.clients() {
        for opcode in ["IQUERY", "STATUS", "UPDATE", "DSO"] {
            let reply = client.ask(&Query::new("gslb.example.com", "SOA").opcode(opcode));
            assert_eq!(reply.rcode, "NOTIMP", "{opcode}: {reply}");
        }
        let reply = client.ask(&Query::new("gslb.example.com", "SOA").opcode("NOTIFY"));
        expect(&reply, "NOTIMP", false);
        assert_eq!(reply.questions, ["gslb.example.com. IN SOA"], "{reply}");
    }
}

#[test]
fn d20_direct_a_newer_edns_version_is_badvers() {
    for client in World::direct().clients() {
        for version in [1, 100, 255] {
            let query =
                Query::new("app.gslb.example.com", "A").opt(Opt::new().version(version).flags(flag::DO));
            let reply = client.ask(&query);
            expect(&reply, "BADVERS", false);
            let opt = reply.opt.as_ref().expect("BADVERS needs an OPT record");
            assert_eq!((opt.version, &opt.options[..]), (0, &[][..]), "{reply}");
            assert_eq!(reply.answers(), [""; 0], "{reply}");
        }
    }
}

#[test]
fn d20_coredns_answers_a_newer_edns_version_itself() {
    let Some(world) = World::coredns() else { return };
    for client in world.clients() {
        let reply = client.ask(&Query::new("app.gslb.example.com", "A").opt(Opt::new().version(1)));
        assert_eq!((reply.rcode.as_str(), reply.answers()), ("BADVERS", vec![]), "{reply}");
        assert_eq!(reply.opt.map(|opt| opt.version), Some(0));
    }
}
