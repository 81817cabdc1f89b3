//! D34: static records, delegations, and the delegation of ACME challenges.

use crate::world::{World, both, expect, expect_soa_alone};

both!(fn d34_direct_static_records, fn d34_coredns_static_records, static_records);

fn static_records(world: &World) {
    for client in world.clients() {
        let table = [
            ("static.gslb.example.com", "A", "static.gslb.example.com. 1800 A 192.0.2.80"),
            ("static.gslb.example.com", "AAAA", "static.gslb.example.com. 1800 AAAA 2001:db8::80"),
            ("static.gslb.example.com", "TXT", "static.gslb.example.com. 60 TXT \"v=spf1 -all\""),
            ("gslb.example.com", "MX", "gslb.example.com. 1800 MX 10 mx.example.net."),
            ("gslb.example.com", "CAA", "gslb.example.com. 1800 CAA 0 issue \"ca.example.net\""),
        ];
        for (name, rtype, record) in table {
            let reply = client.query(name, rtype);
            expect(&reply, "NOERROR", true);
            assert_eq!(reply.answers(), [record], "{reply}");
            assert_eq!((reply.authorities(), reply.additionals()), (vec![], vec![]), "{reply}");
        }
        // A CNAME is followed to what is held.
        let reply = client.query("alias.gslb.example.com", "A");
        expect(&reply, "NOERROR", true);
        assert_eq!(
            reply.answers(),
            [
                "alias.gslb.example.com. 1800 CNAME static.gslb.example.com.",
                "static.gslb.example.com. 1800 A 192.0.2.80"
            ],
            "{reply}"
        );
        let reply = client.query("static.gslb.example.com", "MX");
        expect(&reply, "NOERROR", true);
        expect_soa_alone(&reply, "gslb.example.com.", 7);
    }
}

both!(fn d34_direct_a_delegation_is_a_referral, fn d34_coredns_a_delegation_is_a_referral, a_delegation);

fn a_delegation(world: &World) {
    for client in world.clients() {
        for name in ["child.gslb.example.com", "www.child.gslb.example.com", "ns1.child.gslb.example.com"] {
            let reply = client.query(name, "A");
            expect(&reply, "NOERROR", false);
            assert_eq!(reply.answers(), [""; 0], "{reply}");
            assert_eq!(
                reply.authorities(),
                [
                    "child.gslb.example.com. 1800 NS ns.example.net.",
                    "child.gslb.example.com. 1800 NS ns1.child.gslb.example.com.",
                ],
                "{reply}"
            );
            assert_eq!(reply.additionals(), ["ns1.child.gslb.example.com. 1800 A 192.0.2.99"], "{reply}");
        }
    }
}

both!(
    fn d34_direct_challenges_of_held_names_are_delegated,
    fn d34_coredns_challenges_of_held_names_are_delegated,
    challenges_of_held_names
);

fn challenges_of_held_names(world: &World) {
    for client in world.clients() {
        let reply = client.query("_acme-challenge.app.gslb.example.com", "TXT");
        expect(&reply, "NOERROR", true);
        let [record] = &reply.answer[..] else { panic!("not one answer:\n{reply}") };
        assert_eq!(
            (record.owner.as_str(), record.rtype.as_str(), record.data.as_str()),
            ("_acme-challenge.app.gslb.example.com.", "CNAME", "app.gslb.example.com.acme.example.net."),
            "{reply}"
        );
        expect(&client.query("_acme-challenge.missing.gslb.example.com", "TXT"), "NXDOMAIN", true);
    }
}
