//! What counting one message costs: part of the bar of S2.

#![allow(clippy::unwrap_used, missing_docs, reason = "a benchmark stops at the first surprise")]

use std::hint::black_box;
use std::sync::Arc;

use criterion::{Criterion, criterion_group, criterion_main};
use mci_core::wire::Transport;
use mci_core::{Builder, Chance, Endpoint, Exchange, HostnameState, Live, Observe, Settings, Way, Zones};
use mci_http::{Metrics, Observers, QueryLog};

/// Always the first.
struct First;

impl Chance for First {
    fn below(&mut self, _n: std::num::NonZeroU64) -> u64 {
        0
    }
}

const QUERY: &[u8] =
    b"\x12\x34\x01\x00\x00\x01\x00\x00\x00\x00\x00\x00\x03app\x07example\x03org\x00\x00\x01\x00\x01";

fn observe(criterion: &mut Criterion) {
    let mut builder = Builder::new(Settings::default(), Zones::default());
    let endpoint = Endpoint::new("east".parse().unwrap(), ["192.0.2.1".parse().unwrap()]);
    builder.insert(&HostnameState::new("app.example.org".parse().unwrap()).endpoint(endpoint)).unwrap();
    let live = Arc::new(Live::new(builder.build()));
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
    metrics.count_hostnames(&["app.*".to_owned()]);
    group.bench_function("metrics with hostnames", |bencher| {
        bencher.iter(|| everybody.answered(black_box(&exchange)));
    });
    group.finish();
}

criterion_group!(benches, observe);
criterion_main!(benches);
