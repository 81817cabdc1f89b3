//! S3: gRPC queries on one connection: MCI, `CoreDNS`'s own gRPC server, and a tonic server that copies bytes.

use anyhow::Result;

use super::process::{Core, Server};
use super::report::{Report, Unit};
use super::statistics::{median, paired, show_interval};
use super::world::{self, Format, MANY, Names};
use super::{Bench, grpc_load, servers};

const ROUNDS: usize = 7;
/// Seconds of each measurement.
const TIME: f64 = 2.0;
/// Streams in flight; the bars are those of the last.
const STREAMS: [u32; 3] = [1, 50, 200];

pub(super) fn measure(bench: &Bench, report: &mut Report) -> Result<()> {
    let folder = bench.folder("s3")?;
    let (state, many, few) = (folder.join("state.json"), folder.join("many"), folder.join("few"));
    world::state(&state, Format::Json, MANY, false)?;
    world::queries(&many, Names::Many)?;
    world::queries(&few, Names::Few)?;

    let address = servers::grpc_address()?;
    let mci = servers::mci(bench, &state, Core::Server, std::slice::from_ref(&address), &folder)?;
    let stub = servers::stub(bench, vec![servers::grpc_address()?], &folder)?;
    let coredns = servers::coredns_grpc(bench, &folder)?;
    let contenders = [
        (&mci.server, address.as_str(), &many),
        (&stub.server, first(&stub.addresses), &many),
        (&coredns.server, first(&coredns.addresses), &few),
    ];

    for streams in STREAMS {
        // Microseconds of CPU for each query: of MCI, of the stub, of CoreDNS.
        let mut costs = [const { Vec::new() }; 3];
        for round in 0..=bench.rounds(ROUNDS) {
            for ((server, target, queries), costs) in contenders.iter().zip(&mut costs) {
                let cost = cost(server, || {
                    grpc_load::run(bench, target, queries, streams, bench.time(TIME))
                        .map(|load| load.requests)
                })?;
                // The first round warms up.
                if round > 0 {
                    costs.push(cost);
                }
            }
        }
        let [mci, stub, coredns] = costs;
        let with = format!("gRPC, one connection, {streams} in flight");
        let ratios = paired(&coredns, &mci);
        report.add(
            &format!("S3/{streams}/coredns"),
            &format!("{with}: requests per CPU-second ÷ CoreDNS's own gRPC server's"),
            median(&ratios),
            Unit::Ratio,
            format!(
                "MCI {:.2} µs, CoreDNS {:.2} µs; {}",
                median(&mci),
                median(&coredns),
                show_interval(&ratios)
            ),
        );
        let ratios = paired(&mci, &stub);
        report.add(
            &format!("S3/{streams}/stub"),
            &format!("{with}: CPU ÷ that of a tonic server that copies bytes"),
            median(&ratios),
            Unit::Ratio,
            format!("MCI {:.2} µs, stub {:.2} µs; {}", median(&mci), median(&stub), show_interval(&ratios)),
        );
    }
    Ok(())
}

fn first(addresses: &[String]) -> &str {
    addresses.first().expect("a server listens somewhere")
}

/// Microseconds of a server's CPU for each of the queries that `load` counts.
fn cost(server: &Server, load: impl FnOnce() -> Result<f64>) -> Result<f64> {
    let before = server.cpu()?;
    let queries = load()?;
    Ok((server.cpu()? - before) * 1e6 / queries)
}
