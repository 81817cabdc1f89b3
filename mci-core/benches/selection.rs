//! The draw of R5 beside `weighted_rand`, for `docs/decisions/0001-weighted-rand-is-not-used.md`.
//!
//! ```text
//! in place                 the sum of the weights, one number, a walk: nothing is kept between answers
//! Snapshot::resolve        all of it: the name looked up, readiness, priorities, families, TTL, and the draw in place
//! weighted_rand, kept      a draw from a table that was built before: one table for each name, family and tier
//! weighted_rand, built     the table is built for the draw, as after each change of readiness
//! ```
//!
//! `cargo bench -p mci-core --bench selection`

use core::hint::black_box;
use core::net::{IpAddr, Ipv4Addr};
use core::num::NonZeroU64;

use criterion::{BenchmarkId, Criterion, criterion_group, criterion_main};
use mci_core::{Chance, ClusterId, Endpoint, HostnameState, Query, RecordType, Snapshot};
use rand::SeedableRng as _;
use rand_08::SeedableRng as _;
use weighted_rand::builder::{NewBuilder, WalkerTableBuilder};

fn draw(weights: &[u32], chance: &mut impl Chance) -> Option<usize> {
    let sum: u64 = weights.iter().copied().map(u64::from).sum();
    let mut ticket = chance.below(NonZeroU64::new(sum)?);
    weights.iter().position(|&weight| {
        let hit = ticket < u64::from(weight);
        ticket = ticket.wrapping_sub(u64::from(weight));
        hit
    })
}

/// One hostname with a cluster for each weight.
fn snapshot(weights: &[u32]) -> (Snapshot, Query) {
    let name = "app.example.com".parse().expect("a hostname");
    let state = (0..).zip(weights).fold(HostnameState::new(name), |state, (at, &weight)| {
        let cluster: ClusterId = format!("c{at:03}").parse().expect("a cluster's identifier");
        state.endpoint(Endpoint::new(cluster, [IpAddr::V4(Ipv4Addr::from_bits(at))]).weight(weight))
    });
    let query = Query::new(state.hostname().clone(), RecordType::A);
    (Snapshot::default().edited(|edit| edit.upsert(state)), query)
}

fn selection(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("selection");
    for clusters in [2_u32, 3, 10, 100] {
        let weights: Vec<u32> = (1..=clusters).map(|n| n * 10).collect();
        let mut rng = rand::rngs::StdRng::seed_from_u64(1);
        group.bench_with_input(BenchmarkId::new("in place", clusters), &weights, |bench, weights| {
            bench.iter(|| draw(black_box(weights), &mut rng));
        });
        let (snapshot, query) = snapshot(&weights);
        group.bench_with_input(
            BenchmarkId::new("Snapshot::resolve", clusters),
            &snapshot,
            |bench, snapshot| {
                bench.iter(|| black_box(snapshot.resolve(&query, &mut rng)));
            },
        );
        let mut rng = rand_08::rngs::StdRng::seed_from_u64(1);
        let table = WalkerTableBuilder::new(&weights).build();
        group.bench_with_input(BenchmarkId::new("weighted_rand, kept", clusters), &table, |bench, table| {
            bench.iter(|| black_box(table).next_rng(&mut rng));
        });
        group.bench_with_input(
            BenchmarkId::new("weighted_rand, built", clusters),
            &weights,
            |bench, weights| {
                bench.iter(|| WalkerTableBuilder::new(black_box(weights)).build().next_rng(&mut rng));
            },
        );
    }
    group.finish();
}

criterion_group!(benches, selection);
criterion_main!(benches);
