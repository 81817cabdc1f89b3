//! D23 and D24: many addresses.

use std::collections::BTreeSet;

use mci_tests::client::Transport;
use mci_tests::query::{Opt, Query, flag};
use mci_tests::reply::Reply;

use crate::world::{World, addresses, both};

fn drawn(reply: &Reply) -> BTreeSet<String> {
    reply.data("A").into_iter().collect()
}

fn held(count: u32) -> BTreeSet<String> {
    addresses(count).map(|address| address.to_string()).collect()
}

both!(
    fn d23_direct_what_does_not_fit_is_truncated_over_udp_alone,
    fn d23_coredns_what_does_not_fit_is_truncated_over_udp_alone,
    truncation
);

fn truncation(world: &World) {
    let [udp, tcp] = world.clients();
    let many = || Query::new("many.gslb.example.com", "A");

    // The size asked for, 512 without OPT and at least; 1232 at most.
    let table = [
        (many(), 512),
        (many().opt(Opt::new().size(100)), 512),
        (many().opt(Opt::new().size(512)), 512),
        (many().opt(Opt::new().size(800)), 800),
        (many().opt(Opt::new().size(1232)), 1232),
        (many().opt(Opt::new().size(4096)), 1232),
    ];
    for (query, limit) in table {
        assert_eq!(udp.transport, Transport::Udp);
        let reply = udp.ask(&query);
        assert!(reply.has(flag::TC), "{reply}");
        assert!(reply.length <= limit, "{} octets for {limit}", reply.length);
        let drawn = drawn(&reply);
        assert!(drawn.is_subset(&held(300)), "{reply}");
        if world.is_direct() {
            // What fits: not one more would.
            assert!(reply.length + 16 > limit, "{} octets where {limit} would do:\n{reply}", reply.length);
            assert_eq!(drawn.len(), reply.answer.len(), "an address came twice:\n{reply}");
        }
    }

    let reply = tcp.ask(&many());
    assert!(!reply.has(flag::TC), "{reply}");
    assert_eq!((drawn(&reply), reply.answer.len()), (held(300), 300), "{reply}");
}

both!(
    fn d24_direct_at_most_max_addresses_at_random,
    fn d24_coredns_at_most_max_addresses_at_random,
    at_most_max_addresses
);

fn at_most_max_addresses(world: &World) {
    let [udp, tcp] = world.clients();
    let first = tcp.query("huge.gslb.example.com", "A");
    assert!(!first.has(flag::TC), "{first}");
    assert_eq!((drawn(&first).len(), first.answer.len()), (1_000, 1_000));
    assert!(drawn(&first).is_subset(&held(1_500)));
    if world.is_direct() {
        assert!(first.answer.iter().all(|record| record.compressed), "an owner name is spelt out");
        assert!(first.length <= 12 + 27 + 1_000 * 16, "{} octets", first.length);
    }
    let second = tcp.query("huge.gslb.example.com", "A");
    assert_ne!(drawn(&first), drawn(&second), "two draws of 1,000 from 1,500 were the same");

    assert!(udp.query("huge.gslb.example.com", "A").has(flag::TC));
}
