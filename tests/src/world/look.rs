//! Asking each way there is, and saying in words what was answered.

use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::time::Duration;

use crate::client::{self, Client, Transport};
use crate::query::Query;
use crate::reply::Reply;
use crate::wait;

use super::World;

/// How long one query may take while something is waited for.
const PATIENCE: Duration = Duration::from_secs(2);

impl World {
    /// Waits until a query is answered so, in the words of [`words`], through `CoreDNS` and by every dns-server itself,
    /// and checks that TCP says the same.
    #[track_caller]
    pub fn answers(&self, name: &str, rtype: &str, expected: &str) {
        self.answers_within(wait::PATIENCE, name, rtype, expected);
    }

    /// The same, with more patience.
    #[track_caller]
    pub fn answers_within(&self, patience: Duration, name: &str, rtype: &str, expected: &str) {
        let mut last = Vec::new();
        let found = wait::within(patience, || {
            last = self.views(name, rtype);
            last.iter().all(|(_, said)| said == expected).then_some(())
        });
        assert!(found.is_some(), "{name} {rtype} is to be answered with {expected:?}, and is with {last:?}");
        for (way, server) in self.ways() {
            let client = Client { server, transport: Transport::Tcp };
            let said = words(&client.query(name, rtype));
            assert_eq!(said, expected, "{name} {rtype} over TCP {way}");
        }
    }

    /// What is answered now, over UDP, by whom.
    pub fn views(&self, name: &str, rtype: &str) -> Vec<(String, String)> {
        let ways = self.ways().into_iter();
        ways.map(|(way, server)| (way, ask(server, name, rtype))).collect()
    }

    /// Waits until the answers that are drawn for a query are these and no others: through `CoreDNS`, and by every
    /// dns-server itself. Each of them is to be drawn often.
    #[track_caller]
    pub fn draws(&self, name: &str, rtype: &str, expected: &[&str]) {
        self.draws_within(wait::PATIENCE, name, rtype, expected);
    }

    /// The same, with another patience.
    #[track_caller]
    pub fn draws_within(&self, patience: Duration, name: &str, rtype: &str, expected: &[&str]) {
        let expected: BTreeSet<String> = expected.iter().map(|&answer| answer.to_owned()).collect();
        let mut last = Vec::new();
        let found = wait::within(patience, || {
            let ways = self.ways().into_iter();
            last = ways.map(|(way, server)| (way, draw(server, name, rtype))).collect();
            last.iter().all(|(_, drawn)| *drawn == expected).then_some(())
        });
        assert!(found.is_some(), "{name} {rtype} is to draw {expected:?}, and draws {last:?}");
    }

    fn ways(&self) -> Vec<(String, SocketAddr)> {
        let coredns = std::iter::once(("through CoreDNS".to_owned(), self.coredns.dns()));
        coredns
            .chain(self.dns_servers.iter().map(|replica| (format!("by {}", replica.name()), replica.dns())))
            .collect()
    }
}

/// The different answers to many queries.
fn draw(server: SocketAddr, name: &str, rtype: &str) -> BTreeSet<String> {
    // Of two that are drawn equally often, one is missed once in 2^39 times.
    (0..40).map(|_| ask(server, name, rtype)).collect()
}

/// What one query over UDP is answered with, in words.
pub fn ask(server: SocketAddr, name: &str, rtype: &str) -> String {
    let query = Query::new(name, rtype);
    match client::udp(server, &query.octets(), PATIENCE).expect("loopback works") {
        None => "nothing".to_owned(),
        Some(octets) => match Reply::read(&octets) {
            Ok(reply) => words(&reply),
            Err(error) => format!("garbage: {error}"),
        },
    }
}

/// A reply in words: `192.0.2.1 192.0.2.2`, `CNAME lb.example.com.`, `NODATA`, `NXDOMAIN`, `SERVFAIL`.
///
/// Addresses are sorted, and stand behind the names that lead to them.
pub fn words(reply: &Reply) -> String {
    if reply.rcode != "NOERROR" {
        return reply.rcode.clone();
    }
    if reply.answer.is_empty() {
        return "NODATA".to_owned();
    }
    let names = reply.answer.iter().filter(|record| record.rtype == "CNAME");
    let mut said: Vec<String> = names.map(|record| format!("CNAME {}", record.data)).collect();
    let others = reply.answer.iter().filter(|record| record.rtype != "CNAME");
    let mut others: Vec<String> = others.map(|record| record.data.clone()).collect();
    others.sort();
    said.extend(others);
    said.join(" ")
}
