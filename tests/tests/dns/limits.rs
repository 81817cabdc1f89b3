//! D27: too much to do. (A standalone server listens when it is ready; that one which is not ready says so is shown
//! by the tests of the adapters.)

use std::time::{Duration, Instant};

use mci_tests::client::Connection;
use mci_tests::coredns::Corefile;
use mci_tests::mci::Mci;
use mci_tests::query::Query;
use mci_tests::require::{self, Component};

use crate::world::state;

/// How many come at once.
const COUNT: u16 = 200;

/// One request may be unfinished, and 200 come at once: each is answered, or refused at once and SERVFAIL; none
/// hangs until `CoreDNS` gives up after 5 s.
#[test]
fn d27_coredns_overload_is_said_at_once() {
    if !require::present(&[Component::CoreDns]) {
        return;
    }
    let mci = Mci::over(&state()).argument("--grpc-concurrency=1").start();
    let coredns = Corefile::new([mci.grpc()]).start();
    let started = Instant::now();
    let mut connection = Connection::open(coredns.dns());
    for id in 0..COUNT {
        connection.send(&Query::new("app.gslb.example.com", "A").id(id).octets());
    }
    let mut rcodes: Vec<String> = (0..COUNT).map(|_| connection.reply().rcode).collect();
    assert!(started.elapsed() < Duration::from_secs(4), "{:?}", started.elapsed());
    rcodes.sort();
    rcodes.dedup();
    assert!(rcodes.iter().all(|rcode| rcode == "NOERROR" || rcode == "SERVFAIL"), "{rcodes:?}");
    assert!(rcodes.contains(&"NOERROR".to_owned()), "{rcodes:?}");
}
