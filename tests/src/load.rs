//! Queries in a steady stream, every reply written down with the times of sending and receiving.

use std::collections::BTreeSet;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use crate::client;
use crate::query::Query;
use crate::reply::Reply;

/// What came back.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Answer {
    /// These addresses, and NOERROR.
    Addresses(BTreeSet<IpAddr>),
    /// NOERROR and no address.
    NoData,
    /// The name does not exist.
    NxDomain,
    /// Another response code.
    Error(String),
    /// Something that is no reply to the query.
    Garbage(String),
    /// Nothing, from any server, in time.
    Nothing,
}

impl Answer {
    /// These addresses.
    #[track_caller]
    pub fn addresses<const N: usize>(addresses: [&str; N]) -> Self {
        Answer::Addresses(addresses.map(|address| address.parse().expect("an address")).into())
    }
}

/// One query and what became of it.
#[derive(Clone, Debug)]
pub struct Exchange {
    /// When it was sent, to the first server.
    pub sent: Instant,
    /// When the reply came, or the last server's time was over.
    pub received: Instant,
    /// What came.
    pub answer: Answer,
}

/// A stream of queries that runs until it is stopped.
#[derive(Debug)]
pub struct Load {
    stop: Arc<AtomicBool>,
    asked: Arc<AtomicUsize>,
    threads: Vec<JoinHandle<Vec<Exchange>>>,
}

/// What to ask, where, and how often.
#[derive(Clone, Debug)]
pub struct Plan {
    /// Asked in turn where one does not answer in time, as resolvers do.
    pub servers: Vec<SocketAddr>,
    /// How long each may take.
    pub patience: Duration,
    /// The name.
    pub name: String,
    /// The type.
    pub rtype: String,
    /// The pause after each reply.
    pub pause: Duration,
    /// How many ask at once.
    pub clients: usize,
    /// A server that answers SERVFAIL is passed over, too, while there is another: as resolvers do. One that starts
    /// and has not synced says so.
    pub passes_over_servfail: bool,
}

impl Plan {
    /// One client that asks for A at a name every few milliseconds, with the second of patience that resolvers have.
    pub fn new(servers: impl IntoIterator<Item = SocketAddr>, name: &str) -> Self {
        Plan {
            servers: servers.into_iter().collect(),
            patience: Duration::from_secs(1),
            name: name.to_owned(),
            rtype: "A".to_owned(),
            pause: Duration::from_millis(3),
            clients: 1,
            passes_over_servfail: false,
        }
    }

    /// Begins.
    pub fn start(self) -> Load {
        let (stop, asked) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicUsize::new(0)));
        let threads = (0..self.clients)
            .map(|_| {
                let (plan, stop, asked) = (self.clone(), Arc::clone(&stop), Arc::clone(&asked));
                thread::spawn(move || {
                    let mut exchanges = Vec::new();
                    while !stop.load(Ordering::Relaxed) {
                        exchanges.push(plan.exchange());
                        asked.fetch_add(1, Ordering::Relaxed);
                        thread::sleep(plan.pause);
                    }
                    exchanges
                })
            })
            .collect();
        Load { stop, asked, threads }
    }

    /// One query, to its end.
    pub fn exchange(&self) -> Exchange {
        let query = Query::new(&self.name, &self.rtype);
        let sent = Instant::now();
        let mut answer = Answer::Nothing;
        for server in &self.servers {
            let octets = client::udp(*server, &query.octets(), self.patience).expect("loopback works");
            answer = octets.map_or(Answer::Nothing, |octets| understand(&query, &octets));
            match &answer {
                Answer::Nothing => {}
                Answer::Error(rcode) if self.passes_over_servfail && rcode == "SERVFAIL" => {}
                _ => break,
            }
        }
        let received = Instant::now();
        Exchange { sent, received, answer }
    }
}

impl Load {
    /// How many queries have come to their end so far.
    pub fn asked(&self) -> usize {
        self.asked.load(Ordering::Relaxed)
    }

    /// Ends it and returns every exchange, in the order of sending.
    pub fn stop(self) -> Vec<Exchange> {
        self.stop.store(true, Ordering::Relaxed);
        let mut exchanges: Vec<Exchange> = self
            .threads
            .into_iter()
            .flat_map(|thread| thread.join().expect("asking does not fail"))
            .collect();
        exchanges.sort_by_key(|exchange| exchange.sent);
        exchanges
    }
}

fn understand(query: &Query, octets: &[u8]) -> Answer {
    let reply = match Reply::read(octets) {
        Ok(reply) => reply,
        Err(error) => return Answer::Garbage(error),
    };
    if reply.id != query.message_id() {
        return Answer::Garbage(format!("the ID of another query:\n{reply}"));
    }
    match reply.rcode.as_str() {
        "NOERROR" => {
            let addresses: BTreeSet<IpAddr> = reply
                .answer
                .iter()
                .filter(|record| record.rtype == "A" || record.rtype == "AAAA")
                .map(|record| record.data.parse().expect("the reader writes addresses"))
                .collect();
            if addresses.is_empty() { Answer::NoData } else { Answer::Addresses(addresses) }
        }
        "NXDOMAIN" => Answer::NxDomain,
        other => Answer::Error(other.to_owned()),
    }
}
