//! D3 to D6 and D31: what is not there.

use mci_tests::query::Query;

use crate::world::{World, both, expect, expect_soa_alone};

both!(
    fn d03_direct_a_type_that_is_not_there_is_nodata,
    fn d03_coredns_a_type_that_is_not_there_is_nodata,
    a_type_that_is_not_there
);

fn a_type_that_is_not_there(world: &World) {
    for client in world.clients() {
        for rtype in ["AAAA", "MX", "HTTPS", "SVCB", "CAA", "TXT", "NS", "SOA", "SRV", "PTR", "CNAME", "DS"] {
            let reply = client.query("four.gslb.example.com", rtype);
            expect(&reply, "NOERROR", true);
            expect_soa_alone(&reply, "gslb.example.com.", 7);
        }
        // Nothing is eligible (R11): the name is there, its addresses are not.
        let reply = client.query("unready.gslb.example.com", "A");
        expect(&reply, "NOERROR", true);
        expect_soa_alone(&reply, "gslb.example.com.", 7);
    }
}

both!(
    fn d04_direct_a_name_that_is_not_there_is_nxdomain,
    fn d04_coredns_a_name_that_is_not_there_is_nxdomain,
    a_name_that_is_not_there
);

fn a_name_that_is_not_there(world: &World) {
    for client in world.clients() {
        let names = [
            "missing.gslb.example.com",
            "below.app.gslb.example.com",
            "x.a.b.gslb.example.com",
            "*.gslb.example.com",
            "mIsSiNg.gslb.example.com",
        ];
        for name in names {
            for rtype in ["A", "AAAA", "MX"] {
                let reply = client.query(name, rtype);
                expect(&reply, "NXDOMAIN", true);
                expect_soa_alone(&reply, "gslb.example.com.", 7);
            }
        }
        let reply = client.query("missing.inner.gslb.example.com", "A");
        expect(&reply, "NXDOMAIN", true);
        expect_soa_alone(&reply, "inner.gslb.example.com.", 8);
    }
}

both!(
    fn d05_direct_an_empty_non_terminal_is_nodata,
    fn d05_coredns_an_empty_non_terminal_is_nodata,
    an_empty_non_terminal
);

fn an_empty_non_terminal(world: &World) {
    for client in world.clients() {
        let names = [
            "b.gslb.example.com",
            "a.b.gslb.example.com",
            "wild.gslb.example.com",
            "gslb.example.com",
            // A name server: it has addresses, and no TXT.
            "ns1.gslb.example.com",
        ];
        for name in names {
            let reply = client.query(name, "TXT");
            expect(&reply, "NOERROR", true);
            expect_soa_alone(&reply, "gslb.example.com.", 7);
        }
        let reply = client.query("b.gslb.example.com", "A");
        expect(&reply, "NOERROR", true);
        expect_soa_alone(&reply, "gslb.example.com.", 7);
    }
}

both!(
    fn d06_direct_the_negative_ttl_is_the_zones_own,
    fn d06_coredns_the_negative_ttl_is_the_zones_own,
    the_negative_ttl
);

fn the_negative_ttl(world: &World) {
    for client in world.clients() {
        for (zone, ttl) in [("gslb.example.com", 7), ("inner.gslb.example.com", 8), ("other.example.org", 9)]
        {
            for query in [Query::new(zone, "TXT"), Query::new(&format!("missing.{zone}"), "A")] {
                expect_soa_alone(&client.ask(&query), &format!("{zone}."), ttl);
            }
        }
    }
}

both!(
    fn d31_direct_every_other_type_is_nodata_or_nxdomain,
    fn d31_coredns_every_other_type_is_nodata_or_nxdomain,
    every_other_type
);

fn every_other_type(world: &World) {
    for client in world.clients() {
        for rtype in ["TYPE0", "OPT", "TSIG", "TKEY", "MAILA", "MAILB", "TYPE65280", "TYPE65535", "DNSKEY"] {
            let reply = client.query("app.gslb.example.com", rtype);
            expect(&reply, "NOERROR", true);
            expect_soa_alone(&reply, "gslb.example.com.", 7);

            let reply = client.query("missing.gslb.example.com", rtype);
            expect(&reply, "NXDOMAIN", true);
            expect_soa_alone(&reply, "gslb.example.com.", 7);
        }
    }
}
