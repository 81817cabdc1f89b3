//! S2: message in, message out, beside its parts and hickory-proto.
//!
//! Queries have an OPT and mixed case; hostnames are weighted, 3 clusters with 2 addresses each, and asked uniformly in
//! a shuffled order, 100,000 of them; the counting that adapters do is included.
#![allow(clippy::unwrap_used, missing_docs, reason = "a benchmark that cannot go on ends")]

use core::hint::black_box;
use core::net::{IpAddr, Ipv4Addr};
use core::sync::atomic::{AtomicU64, Ordering};

use criterion::{Criterion, criterion_group, criterion_main};
use hickory_proto::op::{Edns, Message, OpCode};
use hickory_proto::rr::rdata::A;
use hickory_proto::rr::{RData, Record};
use mci_core::wire::{Client, CookieSecrets, Facts, Transport};
use mci_core::{
    Builder, ClusterId, Endpoint, Hostname, HostnameState, Query, RecordType, Settings, Snapshot, Ttl, Zone,
    Zones,
};
use rand::rngs::SmallRng;
use rand::seq::SliceRandom as _;
use rand::{RngExt as _, SeedableRng as _};

/// As in the programs.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

const HOSTNAMES: u32 = 100_000;

fn hostname(i: u32) -> Hostname {
    format!("app-{i}.team-{}.gslb.example.com", i % 97).parse().unwrap()
}

fn snapshot() -> Snapshot {
    let zone = Zone {
        name: "gslb.example.com".parse().unwrap(),
        name_servers: vec![],
        responsible_email: "hostmaster@example.com".into(),
        negative_ttl: Ttl::DEFAULT,
        ttl: Ttl::DEFAULT,
        records: vec![],
        acme_delegation: None,
    };
    let settings =
        Settings { dns_server_name: Some("ns.example.net".parse().unwrap()), ..Settings::default() };
    let zones = Zones::new(vec![zone], settings.dns_server_name.as_ref()).unwrap();
    let mut builder = Builder::new(settings, zones);
    let clusters = ["west", "east", "north"].map(|name| name.parse::<ClusterId>().unwrap());
    for i in 0..HOSTNAMES {
        let mut state = HostnameState::new(hostname(i));
        for (at, (cluster, weight)) in clusters.iter().zip([70, 20, 10]).enumerate() {
            let base = (i << 3 | u32::try_from(at).unwrap() << 1) & 0x00ff_ffff;
            let addresses = [base, base + 1].map(|low| IpAddr::V4(Ipv4Addr::from_bits(0x0a00_0000 | low)));
            state = state.endpoint(Endpoint::new(cluster.clone(), addresses).weight(weight));
        }
        builder.insert(&state).unwrap();
    }
    builder.build()
}

/// All hostnames' numbers in a shuffled order.
fn order(rng: &mut SmallRng) -> Vec<u32> {
    let mut order: Vec<u32> = (0..HOSTNAMES).collect();
    order.shuffle(rng);
    order
}

/// Queries one behind the other, as a receive buffer holds them, so that the names and not the queries are what is
/// looked for all over the memory.
struct Queries {
    octets: Vec<u8>,
    ends: Vec<usize>,
}

impl Queries {
    /// For all hostnames: with OPT, names in mixed case.
    fn new(rng: &mut SmallRng) -> Self {
        let mut queries = Self { octets: Vec::new(), ends: vec![0] };
        for i in order(rng) {
            queries.octets.extend(rng.random::<[u8; 2]>());
            queries.octets.extend([1, 0, 0, 1, 0, 0, 0, 0, 0, 1]);
            queries.octets.extend(hostname(i).wire().iter().map(|octet| {
                if octet.is_ascii_lowercase() && rng.random() { octet.to_ascii_uppercase() } else { *octet }
            }));
            queries.octets.extend([0, 1, 0, 1, 0, 0, 41, 0x04, 0xd0, 0, 0, 0, 0, 0, 0]);
            queries.ends.push(queries.octets.len());
        }
        queries
    }

    /// Each query in turn, without end.
    fn iter(&self) -> impl Iterator<Item = &[u8]> {
        self.ends.windows(2).cycle().map(|ends| match *ends {
            [start, end] => self.octets.get(start..end).unwrap(),
            _ => unreachable!("windows of two"),
        })
    }
}

/// What is counted of each message: by rcode, by type and by cluster.
#[derive(Default)]
struct Counters {
    rcodes: [AtomicU64; 32],
    types: [AtomicU64; 8],
    clusters: [AtomicU64; 8],
}

impl Counters {
    fn count(&self, facts: &Facts) {
        let add = |counters: &[AtomicU64], at: u16| {
            if let Some(counter) = counters.get(usize::from(at)) {
                counter.fetch_add(1, Ordering::Relaxed);
            }
        };
        add(&self.rcodes, facts.rcode.0);
        add(&self.types, facts.query_type.map_or(0, |record_type| record_type.0));
        add(&self.clusters, facts.cluster.unwrap_or(7));
    }
}

fn message(c: &mut Criterion) {
    let mut rng = SmallRng::seed_from_u64(1);
    let snapshot = snapshot();
    let queries = Queries::new(&mut rng);
    let mut group = c.benchmark_group("message");

    let counters = Counters::default();
    let mut out = Vec::with_capacity(1232);
    let mut next = queries.iter();
    group.bench_function("S2 in and out", |b| {
        b.iter(|| {
            let query = next.next().unwrap();
            let facts = snapshot.answer(query, Transport::Stream, &mut rng, &mut out);
            counters.count(&facts);
            black_box(&out);
        });
    });

    let cookies = CookieSecrets::new([7; 16], []);
    let client = Client {
        address: IpAddr::V4(Ipv4Addr::LOCALHOST),
        now: 1_700_000_000,
        cookies: &cookies,
        over_limit: false,
    };
    let mut next = queries.iter();
    group.bench_function("S2 as a datagram", |b| {
        b.iter(|| {
            let query = next.next().unwrap();
            let facts = snapshot.answer(query, Transport::Datagram(client), &mut rng, &mut out);
            counters.count(&facts);
            black_box(&out);
        });
    });

    let names: Vec<Query> =
        order(&mut rng).into_iter().map(|i| Query::new(hostname(i), RecordType::A)).collect();
    let mut next = names.iter().cycle();
    group.bench_function("its decision alone (resolve)", |b| {
        b.iter(|| {
            black_box(snapshot.resolve(next.next().unwrap(), &mut rng));
        });
    });

    let query = queries.iter().next().unwrap();
    group.bench_function("one name, always the same", |b| {
        b.iter(|| {
            black_box(snapshot.answer(query, Transport::Stream, &mut rng, &mut out));
        });
    });

    let mut refused = query.to_vec();
    // Everything but the decision: the class is CH.
    *refused.iter_mut().rev().nth(11).unwrap() = 3;
    group.bench_function("without a decision (class CH)", |b| {
        b.iter(|| {
            black_box(snapshot.answer(&refused, Transport::Stream, &mut rng, &mut out));
        });
    });

    let mut next = queries.iter();
    group.bench_function("hickory-proto in and out, no look-up", |b| {
        b.iter(|| {
            let query = Message::from_vec(next.next().unwrap()).unwrap();
            let mut reply = Message::response(query.id, OpCode::Query);
            let name = query.queries.first().unwrap().name().clone();
            reply.add_queries(query.queries.iter().cloned());
            for last in [1, 2] {
                reply.add_answer(Record::from_rdata(name.clone(), 5, RData::A(A::new(192, 0, 2, last))));
            }
            reply.set_edns(Edns::new());
            black_box(reply.to_vec().unwrap());
        });
    });
    group.finish();
}

criterion_group!(benches, message);
criterion_main!(benches);
