//! D7 to D9: SOA, NS and ANY.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use mci_tests::client::Client;
use mci_tests::query::Query;
use mci_tests::wait;

use crate::world::{World, both, expect, expect_soa_alone, soa_fields, state};

both!(fn d07_direct_soa_at_the_apex, fn d07_coredns_soa_at_the_apex, soa_at_the_apex);

fn soa_at_the_apex(world: &World) {
    let now = seconds();
    for client in world.clients() {
        let reply = client.query("gslb.example.com", "SOA");
        expect(&reply, "NOERROR", true);
        let [soa] = &reply.answer[..] else { panic!("not one answer:\n{reply}") };
        assert_eq!(
            (soa.owner.as_str(), soa.rtype.as_str(), soa.ttl),
            ("gslb.example.com.", "SOA", 1800),
            "{reply}"
        );
        let [mname, rname, serial, refresh, retry, expire, minimum] = soa_fields(soa);
        assert_eq!(mname, "ns1.gslb.example.com.");
        assert_eq!(rname, r"host\.master.example.com.");
        assert_eq!([refresh, retry, expire, minimum], ["7200", "3600", "1209600", "7"]);
        let serial: u64 = serial.parse().unwrap();
        assert!(
            serial.abs_diff(now) < 60,
            "the serial {serial} is not the time of the last change, about {now}"
        );
        assert_eq!((reply.authorities(), reply.additionals()), (vec![], vec![]), "{reply}");
    }
}

both!(
    fn d07_direct_the_serial_moves_with_hostnames_and_not_with_liveness,
    fn d07_coredns_the_serial_moves_with_hostnames_and_not_with_liveness,
    the_serial_moves_with_hostnames
);

fn the_serial_moves_with_hostnames(world: &World) {
    let [udp, _] = world.clients();
    let before = serial(&udp);
    wait::until_true("the clock shows another second", || seconds() > u64::from(before) + 1);

    // Liveness: east takes over, and the serial stays.
    let down = state().replace("  - name: west\n", "  - name: west\n    state: stale\n");
    world.mci.replace_state(&down);
    wait::until_true("east answers", || {
        udp.query("app.gslb.example.com", "A").data("A") == ["198.51.100.20"]
    });
    assert_eq!(serial(&udp), before);

    // A hostname of the zone.
    world.mci.replace_state(&down.replace("198.51.100.20", "198.51.100.21"));
    wait::until_true("the new address is answered", || {
        udp.query("app.gslb.example.com", "A").data("A") == ["198.51.100.21"]
    });
    let after = serial(&udp);
    assert!(after > before, "{after} is not above {before}");
    assert!(u64::from(after).abs_diff(seconds()) < 60);
}

fn serial(client: &Client) -> u32 {
    let reply = client.query("gslb.example.com", "SOA");
    soa_fields(&reply.answer[0])[2].parse().unwrap()
}

fn seconds() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or(Duration::ZERO).as_secs()
}

both!(
    fn d07_direct_a_configured_server_is_the_mname,
    fn d07_coredns_a_configured_server_is_the_mname,
    a_configured_server_is_the_mname
);

/// Of three zones: with a server of its own, with none.
fn a_configured_server_is_the_mname(world: &World) {
    let state = "dnsServerName: dns.example.net\n\
         zones: [{name: gslb.example.com, nameservers: [ns2.example.net, ns3.example.net]}, {name: bare.example.com}]\n\
         hostnames: []\n";
    world.mci.replace_state(state);
    let [udp, _] = world.clients();
    wait::until_true("the new state is served", || !udp.query("bare.example.com", "SOA").answer.is_empty());
    for zone in ["gslb.example.com", "bare.example.com"] {
        let reply = udp.query(zone, "SOA");
        assert_eq!(soa_fields(&reply.answer[0])[0], "dns.example.net.", "{reply}");
    }
    assert_eq!(udp.query("bare.example.com", "NS").answers(), ["bare.example.com. 3600 NS dns.example.net."]);
}

both!(
    fn d08_direct_ns_with_all_glue_at_the_apex,
    fn d08_coredns_ns_with_all_glue_at_the_apex,
    ns_with_all_glue
);

fn ns_with_all_glue(world: &World) {
    for client in world.clients() {
        let reply = client.query("gslb.example.com", "NS");
        expect(&reply, "NOERROR", true);
        assert_eq!(
            reply.answers(),
            ["gslb.example.com. 1800 NS ns1.gslb.example.com.", "gslb.example.com. 1800 NS ns2.example.net."],
            "{reply}"
        );
        assert_eq!(
            reply.additionals(),
            [
                "ns1.gslb.example.com. 1800 A 192.0.2.53",
                "ns1.gslb.example.com. 1800 A 192.0.2.54",
                "ns1.gslb.example.com. 1800 AAAA 2001:db8::53",
            ],
            "{reply}"
        );
        assert_eq!(reply.authorities(), [""; 0], "{reply}");

        let reply = client.query("ns1.gslb.example.com", "A");
        assert_eq!(
            reply.answers(),
            ["ns1.gslb.example.com. 1800 A 192.0.2.53", "ns1.gslb.example.com. 1800 A 192.0.2.54"],
            "{reply}"
        );
        let reply = client.query("ns1.gslb.example.com", "AAAA");
        assert_eq!(reply.answers(), ["ns1.gslb.example.com. 1800 AAAA 2001:db8::53"], "{reply}");
    }
}

both!(fn d09_direct_any_is_refused_gently, fn d09_coredns_any_is_refused_gently, any_is_refused_gently);

fn any_is_refused_gently(world: &World) {
    for client in world.clients() {
        for name in ["app.gslb.example.com", "gslb.example.com", "b.gslb.example.com", "ns1.gslb.example.com"]
        {
            let reply = client.query(name, "ANY");
            expect(&reply, "NOERROR", true);
            assert_eq!(reply.answers(), [format!("{name}. 7 HINFO \"RFC8482\" \"\"")], "{reply}");
            assert_eq!((reply.authorities(), reply.additionals()), (vec![], vec![]), "{reply}");
        }
        // R9: the CNAME is all there is.
        let reply = client.query("far.gslb.example.com", "ANY");
        expect(&reply, "NOERROR", true);
        assert_eq!(reply.answers(), ["far.gslb.example.com. 5 CNAME www.example.net."], "{reply}");

        let reply = client.query("missing.gslb.example.com", "ANY");
        expect(&reply, "NXDOMAIN", true);
        expect_soa_alone(&reply, "gslb.example.com.", 7);

        let reply = client.ask(&Query::new("nowhere.example.net", "ANY"));
        expect(&reply, "REFUSED", false);
    }
}
