//! S1: `resolve` over all hostnames in a shuffled order, three clusters each.
//!
//! `MCI_BENCH_HOSTNAMES=1000000 cargo bench -p mci-core --bench resolve` for another size.

#![allow(missing_docs, reason = "criterion's macros")]

use std::hint::black_box;
use std::net::{IpAddr, Ipv4Addr};

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use mci_core::{
    Builder, ClusterState, Endpoint, HostnameState, Live, NameServer, Query, RecordType, Settings, Snapshot,
    Ttl, Zone, Zones,
};
use rand::seq::SliceRandom;
use rand::{RngExt, SeedableRng, rngs::SmallRng};

/// As in the programs.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

const CLUSTERS: [&str; 3] = ["east", "north", "west"];

fn sizes() -> Vec<usize> {
    match std::env::var("MCI_BENCH_HOSTNAMES") {
        Ok(size) => vec![size.parse().expect("MCI_BENCH_HOSTNAMES is a number")],
        Err(_) => vec![100_000, 1_000_000],
    }
}

fn hostname(i: usize) -> HostnameState {
    let octets = |cluster: u8, address: u8| {
        let [_, b, c, d] = u32::try_from(i).expect("a benchmark's size").to_be_bytes();
        IpAddr::V4(Ipv4Addr::new(10 + cluster * 2 + address, b, c, d))
    };
    let name = format!("app-{i}.team-{}.gslb.example.com", i % 100).parse().expect("a name");
    (0..3_u8).zip(CLUSTERS).fold(HostnameState::new(name), |state, (n, cluster)| {
        let id = cluster.parse().expect("an identifier");
        let addresses = [octets(n, 0), octets(n, 1)];
        state.endpoint(Endpoint::new(id, addresses).weight(u32::from(n + 1) * 10))
    })
}

fn world(hostnames: usize) -> Snapshot {
    let apex: mci_core::Hostname = "gslb.example.com".parse().expect("a name");
    let zone = Zone {
        name_servers: vec![NameServer {
            name: "ns.example.net".parse().expect("a name"),
            addresses: Vec::new(),
        }],
        responsible_email: String::new(),
        negative_ttl: Ttl::DEFAULT,
        ttl: Ttl::DEFAULT,
        records: Vec::new(),
        acme_delegation: None,
        name: apex,
    };
    let zones = Zones::new(vec![zone], None).expect("a zone");
    let mut builder = Builder::new(Settings::default(), zones);
    for i in 0..hostnames {
        builder.insert(&hostname(i)).expect("a hostname");
    }
    builder.build()
}

/// Every hostname once, in an order that no cache can guess.
fn uniform(world: &Snapshot, rng: &mut SmallRng) -> Vec<String> {
    let mut names: Vec<String> = world.hostnames().map(|name| name.to_string()).collect();
    names.shuffle(rng);
    names
}

/// As many names, drawn by Zipf's law with exponent 1.0: by inversion of its distribution.
fn zipf(names: &[String], rng: &mut SmallRng) -> Vec<String> {
    let mut sums = Vec::with_capacity(names.len());
    let mut sum = 0.0;
    for rank in 1..=u32::try_from(names.len()).expect("a benchmark's size") {
        sum += 1.0 / f64::from(rank);
        sums.push(sum);
    }
    let mut draw = || sums.partition_point(|s| *s < rng.random::<f64>() * sum);
    (0..names.len()).filter_map(|_| names.get(draw()).cloned()).collect()
}

/// Queries that lie in the order in which they are asked, as messages that come in do.
fn queries(names: &[String]) -> Vec<Query> {
    names.iter().map(|name| Query::new(name.parse().expect("a hostname's text"), RecordType::A)).collect()
}

fn resolve(criterion: &mut Criterion) {
    for size in sizes() {
        let snapshot = world(size);
        let mut rng = SmallRng::seed_from_u64(1);
        let names = uniform(&snapshot, &mut rng);
        let orders = [("uniform", queries(&names)), ("zipf-1.0", queries(&zipf(&names, &mut rng)))];
        drop(names);
        let live = Live::new(snapshot);
        let mut group = criterion.benchmark_group(format!("S1/{size}"));
        group.throughput(Throughput::Elements(1));
        for (order, queries) in &orders {
            group.bench_function(*order, |bencher| {
                let mut queries = queries.iter().cycle();
                bencher.iter(|| {
                    let query = queries.next().expect("a cycle does not end");
                    let _ = black_box(live.load().resolve(query, &mut rng));
                });
            });
        }
        group.finish();

        let mut group = criterion.benchmark_group(format!("edit/{size}"));
        let mut number = 0;
        group.bench_function("one hostname", |bencher| {
            bencher.iter(|| {
                number += 1;
                let state = hostname(number % size)
                    .ttl(Ttl::new(u32::try_from(number % 1000).unwrap_or(1)).expect("short"));
                black_box(live.edit(|edit| edit.upsert(state)).any())
            });
        });
        let east = "east".parse().expect("an identifier");
        let mut alive = true;
        group.bench_function("one cluster", |bencher| {
            bencher.iter(|| {
                alive = !alive;
                let now = if alive { ClusterState::Alive } else { ClusterState::Stale };
                black_box(live.edit(|edit| edit.set_cluster(&east, now)).any())
            });
        });
        group.finish();
    }
}

criterion_group! {
    name = benches;
    config = Criterion::default().sample_size(30);
    targets = resolve
}
criterion_main!(benches);
