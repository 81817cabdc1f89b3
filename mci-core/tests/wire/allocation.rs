//! S1, S2: a plain query for addresses is answered without a heap allocation.

use mci_core::wire::{Client, Transport};
use mci_core::{RecordType, Snapshot};

use crate::Ask;
use crate::ask::secrets;
use crate::world::{First, snapshot};

fn allocations(snapshot: &Snapshot, query: &[u8]) -> u64 {
    let cookies = secrets();
    let client =
        Client { address: "192.0.2.9".parse().unwrap(), now: 1, cookies: &cookies, over_limit: false };
    let mut out = Vec::with_capacity(1232);
    let mut count = 0;
    for transport in [Transport::Stream, Transport::Datagram(client)] {
        let counted = allocation_counter::measure(|| {
            snapshot.answer(query, transport, &mut First, &mut out);
        });
        count += counted.count_total;
    }
    count
}

#[test]
fn plain_queries_for_addresses_allocate_nothing() {
    let snapshot = snapshot();
    let options = [(10, &b"12345678"[..]), (8, b"\x00\x01\x18\x00\xc0\x00\x02")];
    for (what, ask) in [
        ("A", Ask::a("app.gslb.example.com")),
        ("AAAA, mixed case, OPT", Ask::new("APP.gslb.Example.com", RecordType::AAAA).opt()),
        ("a wildcard, cookie and subnet", Ask::a("x.wild.gslb.example.com").opt_with(1232, 0, 0, &options)),
        ("NODATA", Ask::new("v4.gslb.example.com", RecordType::AAAA).opt()),
        ("NXDOMAIN", Ask::a("nope.gslb.example.com").opt()),
        ("malformed", Ask::a("v4.gslb.example.com").option(10, b"1")),
    ] {
        assert_eq!(allocations(&snapshot, &ask.octets()), 0, "{what}");
    }
    // The counter counts: a chain is a list.
    assert_ne!(allocations(&snapshot, &Ask::a("step1.gslb.example.com").octets()), 0);
}
