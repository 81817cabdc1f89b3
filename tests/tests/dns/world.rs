//! What the rows are asked against: MCI over `state.yaml`, alone or behind a real `CoreDNS`.

use std::fmt::Write as _;
use std::net::Ipv4Addr;

use mci_tests::client::{Client, TRANSPORTS};
use mci_tests::coredns::{CoreDns, Corefile};
use mci_tests::mci::Mci;
use mci_tests::reply::{Record, Reply};
use mci_tests::require::{self, Component};

/// Written by hand; the names with many addresses are added by [`state`].
const STATE: &str = include_str!("state.yaml");

/// A server, and whether it is `CoreDNS`.
pub(crate) struct World {
    pub(crate) mci: Mci,
    pub(crate) coredns: Option<CoreDns>,
}

impl World {
    /// The direct listener.
    pub(crate) fn direct() -> World {
        World::direct_over(&state())
    }

    /// The direct listener over another state.
    pub(crate) fn direct_over(state: &str) -> World {
        World { mci: Mci::start(state), coredns: None }
    }

    /// `CoreDNS` in front of MCI; nothing where there is no `CoreDNS`.
    pub(crate) fn coredns() -> Option<World> {
        World::coredns_over(&state())
    }

    /// `CoreDNS` in front of MCI over another state.
    pub(crate) fn coredns_over(state: &str) -> Option<World> {
        if !require::present(&[Component::CoreDns]) {
            return None;
        }
        let mci = Mci::start(state);
        let coredns = Corefile::new([mci.grpc()]).start();
        Some(World { mci, coredns: Some(coredns) })
    }

    /// A client for UDP and one for TCP.
    pub(crate) fn clients(&self) -> [Client; 2] {
        let server = self.coredns.as_ref().map_or_else(|| self.mci.dns(), CoreDns::dns);
        TRANSPORTS.map(|transport| Client { server, transport })
    }

    pub(crate) fn is_direct(&self) -> bool {
        self.coredns.is_none()
    }
}

/// Two tests of one check: over the direct listener, and through `CoreDNS`.
macro_rules! both {
    (fn $direct:ident, fn $coredns:ident, $check:path) => {
        #[test]
        fn $direct() {
            $check(&$crate::world::World::direct());
        }

        #[test]
        fn $coredns() {
            if let Some(world) = $crate::world::World::coredns() {
                $check(&world);
            }
        }
    };
}
pub(crate) use both;

/// The state file's text.
pub(crate) fn state() -> String {
    let mut text = STATE.to_owned();
    // D25: more than eight steps.
    for step in 0..12 {
        let _ = writeln!(
            text,
            "  - {{hostname: step{step}.gslb.example.com, \
             endpoints: [{{cluster: west, addresses: [step{}.gslb.example.com]}}]}}",
            step + 1
        );
    }
    for (name, count) in [("many", 300), ("huge", 1_500)] {
        let addresses: Vec<String> = addresses(count).map(|address| address.to_string()).collect();
        let _ = writeln!(
            text,
            "  - {{hostname: {name}.gslb.example.com, endpoints: [{{cluster: west, addresses: [{}]}}]}}",
            addresses.join(", ")
        );
    }
    text
}

/// The addresses of the names that have many.
pub(crate) fn addresses(count: u32) -> impl Iterator<Item = Ipv4Addr> {
    let first = u32::from(Ipv4Addr::new(10, 1, 0, 0));
    (first..first + count).map(Ipv4Addr::from)
}

/// Fails unless the reply has this code, and AA as said.
#[track_caller]
pub(crate) fn expect(reply: &Reply, rcode: &str, authoritative: bool) {
    let aa = reply.has(mci_tests::query::flag::AA);
    assert_eq!((reply.rcode.as_str(), aa), (rcode, authoritative), "{reply}");
}

/// Fails unless there is no answer and the authority section is this zone's SOA alone, with that TTL, as MINIMUM
/// too (D3, D6).
#[track_caller]
pub(crate) fn expect_soa_alone(reply: &Reply, zone: &str, negative_ttl: u32) {
    assert_eq!(reply.answers(), [""; 0], "{reply}");
    expect_soa(reply, zone, negative_ttl);
}

/// Fails unless the authority section is this zone's SOA alone, and additional is empty.
#[track_caller]
pub(crate) fn expect_soa(reply: &Reply, zone: &str, negative_ttl: u32) {
    let [soa] = &reply.authority[..] else { panic!("not one record of authority:\n{reply}") };
    assert_eq!((soa.rtype.as_str(), soa.owner.as_str(), soa.ttl), ("SOA", zone, negative_ttl), "{reply}");
    assert_eq!(soa_fields(soa)[6], negative_ttl.to_string(), "{reply}");
    assert_eq!(reply.additionals(), [""; 0], "{reply}");
}

/// mname, rname, serial, refresh, retry, expire, minimum.
#[track_caller]
pub(crate) fn soa_fields(soa: &Record) -> [String; 7] {
    let fields: Vec<String> = soa.data.split(' ').map(str::to_owned).collect();
    fields.try_into().unwrap_or_else(|fields| panic!("no SOA: {fields:?}"))
}
