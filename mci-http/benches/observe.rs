//! What counting one message costs (a part of S2's bar), and what a scrape does.

#![allow(clippy::unwrap_used, missing_docs, reason = "a benchmark stops at the first surprise")]

use std::hint::black_box;
use std::sync::Arc;

use criterion::{BatchSize, Criterion, criterion_group, criterion_main};
use mci_core::wire::Transport;
use mci_core::{
    Builder, Chance, ClusterState, Endpoint, Exchange, HostnameState, Live, Observe, Settings, Snapshot, Way,
    Zones,
};
use mci_http::metrics::Format;
use mci_http::{Metrics, Observers, QueryLog};

/// Always the first.
struct First;

impl Chance for First {
    fn below(&mut self, _n: std::num::NonZeroU64) -> u64 {
        0
    }
}

const QUERY: &[u8] =
    b"\x12\x34\x01\x00\x00\x01\x00\x00\x00\x00\x00\x00\x05app-0\x07example\x03org\x00\x00\x01\x00\x01";

/// Hostnames of three clusters.
fn snapshot(hostnames: usize) -> Snapshot {
    let mut builder = Builder::new(Settings::default(), Zones::default());
    for n in 0..hostnames {
        let state = HostnameState::new(format!("app-{n}.example.org").parse().unwrap());
        let endpoint = |name: &str| Endpoint::new(name.parse().unwrap(), ["192.0.2.1".parse().unwrap()]);
        builder
            .insert(&["east", "north", "west"].into_iter().map(endpoint).fold(state, HostnameState::endpoint))
            .unwrap();
    }
    builder.build()
}

fn observe(criterion: &mut Criterion) {
    let live = Arc::new(Live::new(snapshot(1)));
    let mut reply = Vec::new();
    let facts = live.load().answer(QUERY, Transport::Stream, &mut First, &mut reply);
    assert!(facts.cluster.is_some());
    let exchange =
        Exchange { way: Way::Udp, facts, query: QUERY, reply: &reply, client: None, elapsed: None };

    let metrics = Arc::new(Metrics::new(Arc::clone(&live), "0"));
    let observers =
        Observers { metrics: Arc::clone(&metrics), query_log: Arc::new(QueryLog::new(Arc::clone(&live))) };
    let nobody: &dyn Observe = &();
    let everybody: &dyn Observe = &observers;
    let mut group = criterion.benchmark_group("observe");
    group.bench_function("nobody", |bencher| bencher.iter(|| nobody.answered(black_box(&exchange))));
    group.bench_function("metrics and query log off", |bencher| {
        bencher.iter(|| everybody.answered(black_box(&exchange)));
    });
    metrics.count_hostnames(&["app-*".to_owned()]);
    group.bench_function("metrics with hostnames", |bencher| {
        bencher.iter(|| everybody.answered(black_box(&exchange)));
    });
    group.finish();
}

fn scrape(criterion: &mut Criterion) {
    let live = Arc::new(Live::new(snapshot(100_000)));
    let west = "west".parse().unwrap();
    let mut group = criterion.benchmark_group("scrape of 100,000 hostnames");
    group.sample_size(10);
    let metrics = Arc::new(Metrics::new(Arc::clone(&live), "0"));
    group.bench_function("unchanged", |bencher| bencher.iter(|| metrics.text(Format::Prometheus)));
    let changed = || {
        live.edit(|edit| edit.set_cluster(&west, ClusterState::Stale));
        Arc::new(Metrics::new(Arc::clone(&live), "0"))
    };
    group.bench_function("changed", |bencher| {
        bencher.iter_batched(changed, |metrics| metrics.text(Format::Prometheus), BatchSize::PerIteration);
    });
    group.finish();
}

criterion_group!(benches, observe, scrape);
criterion_main!(benches);
