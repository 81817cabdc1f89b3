//! D11 and D12: names outside every zone, held and not held.

use mci_tests::wait;

use crate::world::{World, both, expect, expect_soa_alone, state};

both!(
    fn d11_direct_outside_all_zones_is_refused,
    fn d11_coredns_outside_all_zones_is_refused,
    outside_all_zones_is_refused
);

fn outside_all_zones_is_refused(world: &World) {
    for client in world.clients() {
        for name in ["www.example.net", "xgslb.example.com", "net"] {
            let reply = client.query(name, "A");
            expect(&reply, "REFUSED", false);
            assert_eq!((reply.answers(), reply.authorities(), reply.additionals()), (vec![], vec![], vec![]));
        }
    }
}

both!(
    fn d11_direct_outside_all_zones_as_configured,
    fn d11_coredns_outside_all_zones_as_configured,
    outside_all_zones_as_configured
);

fn outside_all_zones_as_configured(world: &World) {
    let [udp, tcp] = world.clients();
    world.mci.replace_state(&format!("outsideZones: nxdomain\n{}", state()));
    wait::until_true("the setting is in force", || udp.query("www.example.net", "A").rcode == "NXDOMAIN");
    for client in [udp, tcp] {
        let reply = client.query("www.example.net", "A");
        expect(&reply, "NXDOMAIN", false);
        assert_eq!((reply.answers(), reply.authorities()), (vec![], vec![]), "{reply}");
        expect(&client.query("missing.gslb.example.com", "A"), "NXDOMAIN", true);
    }

    // Over gRPC it is the status NOT_FOUND, which CoreDNS makes an NXDOMAIN of; a message has no such thing.
    world
        .mci
        .replace_state(&format!("outsideZones: notFound\n{}", state().replace("192.0.2.12", "192.0.2.112")));
    wait::until_true("the setting is in force", || {
        udp.query("four.gslb.example.com", "A").data("A") == ["192.0.2.112"]
    });
    for client in [udp, tcp] {
        let reply = client.query("www.example.net", "A");
        expect(&reply, if world.is_direct() { "REFUSED" } else { "NXDOMAIN" }, false);
        assert_eq!((reply.answers(), reply.authorities()), (vec![], vec![]), "{reply}");
    }
}

both!(
    fn d12_direct_held_outside_every_zone,
    fn d12_coredns_held_outside_every_zone,
    held_outside_every_zone
);

fn held_outside_every_zone(world: &World) {
    for client in world.clients() {
        let reply = client.query("held.example.com", "A");
        expect(&reply, "NOERROR", true);
        assert_eq!(reply.answers(), ["held.example.com. 5 A 192.0.2.19"], "{reply}");

        // The owner of the SOA: the held name, the query's name under a wildcard, the empty non-terminal itself.
        for name in ["held.example.com", "any.free.example.com", "high.example.com"] {
            let reply = client.query(name, "TXT");
            expect(&reply, "NOERROR", true);
            expect_soa_alone(&reply, &format!("{name}."), 5);
        }
        let reply = client.query("any.free.example.com", "A");
        assert_eq!(reply.answers(), ["any.free.example.com. 5 A 192.0.2.20"], "{reply}");

        expect(&client.query("below.held.example.com", "A"), "REFUSED", false);
    }
}
