//! How long state files take to read and to write, by size and format (S9).
//!
//! `cargo bench -p mci-core --bench state_file`

use std::fmt::Write as _;
use std::hint::black_box;

use criterion::{BatchSize, BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use mci_core::state_file::{SnapshotFile, StateFile};

const CLUSTERS: [&str; 3] = ["west", "east", "north"];

/// `hostnames` hostnames with an endpoint at each of three clusters.
fn yaml(hostnames: usize) -> String {
    let mut text = String::from(
        "zones:\n  - name: gslb.example.com\n    nameservers: [ns1.example.net, ns2.example.net]\n\
         clusters: [west, east, north]\nhostnames:\n",
    );
    for i in 0..hostnames {
        let _ = writeln!(text, "  - hostname: h{i}.gslb.example.com\n    endpoints:");
        for (cluster, name) in CLUSTERS.into_iter().enumerate() {
            let [.., a, b] = i.to_be_bytes();
            let weight = 10 + cluster;
            let _ = writeln!(text, "      - cluster: {name}");
            let _ = writeln!(text, "        addresses: [198.{cluster}.{a}.{b}]\n        weight: {weight}");
        }
    }
    text
}

fn json(hostnames: usize) -> String {
    let mut text = String::from(
        r#"{"version":1,"zones":[{"name":"gslb.example.com","nameservers":["ns1.example.net","ns2.example.net"]}],
"clusters":["west","east","north"],"hostnames":["#,
    );
    for i in 0..hostnames {
        let comma = if i == 0 { "" } else { "," };
        let _ = write!(text, "{comma}{{\"hostname\":\"h{i}.gslb.example.com\",\"endpoints\":[");
        for (cluster, name) in CLUSTERS.into_iter().enumerate() {
            let [.., a, b] = i.to_be_bytes();
            let comma = if cluster == 0 { "" } else { "," };
            let weight = 10 + cluster;
            let _ =
                write!(text, "{comma}{{\"cluster\":\"{name}\",\"addresses\":[\"198.{cluster}.{a}.{b}\"],");
            let _ = write!(text, "\"weight\":{weight}}}");
        }
        text.push_str("]}");
    }
    text.push_str("]}\n");
    text
}

fn read(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("read");
    group.sample_size(10);
    for (format, hostnames, text) in
        [("json", 10_000, json(10_000)), ("json", 100_000, json(100_000)), ("yaml", 10_000, yaml(10_000))]
    {
        group.throughput(Throughput::Bytes(text.len() as u64));
        group.bench_with_input(BenchmarkId::new(format, hostnames), &text, |bencher, text| {
            let read = |()| StateFile::parse(text).expect("the text is right");
            bencher.iter_batched(|| (), read, BatchSize::PerIteration);
        });
    }
    let snapshot = StateFile::parse(&json(100_000)).expect("the text is right").into_snapshot();
    let octets = SnapshotFile::write(&snapshot);
    group.throughput(Throughput::Bytes(octets.len() as u64));
    group.bench_with_input(BenchmarkId::new("snapshot file", 100_000), &octets, |bencher, octets| {
        let read = |()| SnapshotFile::read(octets).expect("it was just written");
        bencher.iter_batched(|| (), read, BatchSize::PerIteration);
    });
    group.finish();
}

fn write(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("write");
    group.sample_size(10);
    let snapshot = StateFile::parse(&json(100_000)).expect("the text is right").into_snapshot();
    group.bench_function("json/100000", |bencher| {
        bencher.iter(|| black_box(StateFile::write_json(&snapshot)).len());
    });
    group.bench_function("snapshot file/100000", |bencher| {
        bencher.iter(|| black_box(SnapshotFile::write(&snapshot)).len());
    });
    group.finish();
}

/// The slow pass: one mistake near the end of a large file.
fn mistakes(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("one mistake in");
    group.sample_size(10);
    for (format, text) in [("json/100000", json(100_000)), ("yaml/10000", yaml(10_000))] {
        let text = text.replacen("h9999.gslb", "h9999..gslb", 1);
        group.bench_function(format, |bencher| {
            bencher.iter(|| StateFile::parse(&text).expect_err("it is wrong").count());
        });
    }
    group.finish();
}

criterion_group!(benches, read, write, mistakes);
criterion_main!(benches);
