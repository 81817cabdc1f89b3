//! D25: chains of CNAMEs.

use crate::world::{World, both, expect, expect_soa};

both!(fn d25_direct_a_chain_is_followed, fn d25_coredns_a_chain_is_followed, a_chain_is_followed);

fn a_chain_is_followed(world: &World) {
    for client in world.clients() {
        let reply = client.query("First.gslb.example.com", "A");
        expect(&reply, "NOERROR", true);
        // In order, the first with the query's spelling and the others as configured (R1).
        let lines: Vec<String> = reply.answer.iter().map(ToString::to_string).collect();
        assert_eq!(
            lines,
            [
                "First.gslb.example.com. 5 CNAME second.gslb.example.com.",
                "second.gslb.example.com. 5 CNAME four.gslb.example.com.",
                "four.gslb.example.com. 30 A 192.0.2.12",
            ],
            "{reply}"
        );
        assert_eq!((reply.authorities(), reply.additionals()), (vec![], vec![]), "{reply}");

        // The CNAME itself is asked for: nothing is followed.
        let reply = client.query("first.gslb.example.com", "CNAME");
        assert_eq!(reply.answers(), ["first.gslb.example.com. 5 CNAME second.gslb.example.com."], "{reply}");
    }
}

both!(fn d25_direct_how_a_chain_ends, fn d25_coredns_how_a_chain_ends, how_a_chain_ends);

fn how_a_chain_ends(world: &World) {
    for client in world.clients() {
        // The name exists without the type: the SOA of the target's zone.
        let reply = client.query("second.gslb.example.com", "AAAA");
        expect(&reply, "NOERROR", true);
        assert_eq!(reply.answers(), ["second.gslb.example.com. 5 CNAME four.gslb.example.com."], "{reply}");
        expect_soa(&reply, "gslb.example.com.", 7);

        // In a zone, and not there: NXDOMAIN with the CNAMEs kept (RFC 6604).
        let reply = client.query("lost.gslb.example.com", "A");
        expect(&reply, "NXDOMAIN", true);
        assert_eq!(reply.answers(), ["lost.gslb.example.com. 5 CNAME missing.other.example.org."], "{reply}");
        expect_soa(&reply, "other.example.org.", 9);

        // Outside: the CNAME alone.
        let reply = client.query("far.gslb.example.com", "A");
        expect(&reply, "NOERROR", true);
        assert_eq!(reply.answers(), ["far.gslb.example.com. 5 CNAME www.example.net."], "{reply}");
        assert_eq!(reply.authorities(), [""; 0], "{reply}");
    }
}

both!(
    fn d25_direct_loops_and_long_chains_end,
    fn d25_coredns_loops_and_long_chains_end,
    loops_and_long_chains_end
);

fn loops_and_long_chains_end(world: &World) {
    for client in world.clients() {
        let reply = client.query("loop.gslb.example.com", "A");
        expect(&reply, "NOERROR", true);
        assert_eq!(
            reply.answers(),
            [
                "loop.gslb.example.com. 5 CNAME pool.gslb.example.com.",
                "pool.gslb.example.com. 5 CNAME loop.gslb.example.com.",
            ],
            "{reply}"
        );
        assert_eq!(reply.authorities(), [""; 0], "{reply}");

        let reply = client.query("step0.gslb.example.com", "A");
        expect(&reply, "NOERROR", true);
        let owners: Vec<&str> = reply.answer.iter().map(|record| record.owner.as_str()).collect();
        let steps: Vec<String> = (0..8).map(|step| format!("step{step}.gslb.example.com.")).collect();
        assert_eq!(owners, steps, "{reply}");
        assert_eq!(reply.authorities(), [""; 0], "{reply}");
    }
}
