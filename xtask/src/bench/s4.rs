//! S4: through `CoreDNS` over UDP, with MCI behind it or a server that copies bytes; both processes on one core.

use std::fs;

use anyhow::Result;

use super::Bench;
use super::dnsperf::{self, Plan};
use super::process::{Core, Server};
use super::report::{Report, Unit};
use super::servers::{self, Dns};
use super::statistics::{median, paired, show_interval};
use super::world::{self, Format, MANY, Names};

const ROUNDS: usize = 9;
/// Seconds of each measurement.
const TIME: f64 = 3.0;

/// A `CoreDNS` with what is behind it.
struct Chain<'a> {
    front: Dns,
    back: &'a Server,
    /// Microseconds of CPU for each query, in each round: of the front, and of the back.
    costs: Vec<(f64, f64)>,
    lost: f64,
}

pub(super) fn measure(bench: &Bench, report: &mut Report) -> Result<()> {
    let folder = bench.folder("s4")?;
    let (state, many, few) = (folder.join("state.json"), folder.join("many"), folder.join("few"));
    world::state(&state, Format::Json, MANY, false)?;
    world::queries(&many, Names::Many)?;
    world::queries(&few, Names::Few)?;

    let both = |name: &str| -> Result<Vec<String>> {
        Ok(vec![format!("unix://{}/{name}.sock", folder.display()), servers::grpc_address()?])
    };
    let of_mci = both("mci")?;
    let mci = servers::mci(bench, &state, Core::Server, &of_mci, &folder)?;
    let stub = servers::stub(bench, both("stub")?, &folder)?;
    let coredns = servers::coredns_grpc(bench, &folder)?;

    for (position, over) in ["unix", "tcp"].into_iter().enumerate() {
        let mut backs = vec![(&mci.server, &of_mci, &many), (&stub.server, &stub.addresses, &many)];
        if over == "tcp" {
            backs.push((&coredns.server, &coredns.addresses, &few));
        }
        let mut chains = Vec::new();
        for (number, (back, addresses, queries)) in backs.into_iter().enumerate() {
            // Its own server has one address, which is TCP.
            let upstream = addresses.get(position).or(addresses.last()).expect("a server listens somewhere");
            let folder = folder.join(format!("{over}-{number}"));
            fs::create_dir_all(&folder)?;
            let front = servers::coredns_front(bench, upstream, &folder)?;
            chains.push((Chain { front, back, costs: Vec::new(), lost: 0.0 }, queries));
        }
        for round in 0..=bench.rounds(ROUNDS) {
            for (chain, queries) in &mut chains {
                let plan = Plan {
                    server: chain.front.address,
                    queries,
                    time: bench.time(TIME),
                    rate: None,
                    each: false,
                };
                let front = chain.front.server.cpu()?;
                let back = chain.back.cpu()?;
                let load = dnsperf::run(bench, plan)?;
                let cost = |after: f64, before: f64| (after - before) * 1e6 / load.completed;
                let costs = (cost(chain.front.server.cpu()?, front), cost(chain.back.cpu()?, back));
                // The first round warms up.
                if round > 0 {
                    chain.costs.push(costs);
                    chain.lost += load.lost;
                }
            }
        }
        let chains: Vec<Chain<'_>> = chains.into_iter().map(|(chain, _)| chain).collect();
        tell(report, over, &chains);
    }
    Ok(())
}

impl Chain<'_> {
    /// Of both processes.
    fn together(&self) -> Vec<f64> {
        self.costs.iter().map(|(front, back)| front + back).collect()
    }

    fn show(&self) -> String {
        let (front, back): (Vec<f64>, Vec<f64>) = self.costs.iter().copied().unzip();
        let lost = if self.lost > 0.0 { format!(", {} queries lost", self.lost) } else { String::new() };
        format!("{:.1} µs ({:.1} + {:.1}){lost}", median(&self.together()), median(&front), median(&back))
    }
}

fn tell(report: &mut Report, over: &str, chains: &[Chain<'_>]) {
    let Some((mci, others)) = chains.split_first() else { return };
    for (other, name) in others.iter().zip(["stub", "coredns"]) {
        // More queries for each second of CPU is less CPU for each query.
        let ratios = paired(&other.together(), &mci.together());
        let whose = if name == "stub" { "with a server that copies bytes" } else { "with CoreDNS's own" };
        report.add(
            &format!("S4/{over}/{name}"),
            &format!("through CoreDNS, {over}: queries per CPU-second of both ÷ the same {whose}"),
            median(&ratios),
            Unit::Ratio,
            format!(
                "CoreDNS + MCI {}; CoreDNS + {name} {}; {}",
                mci.show(),
                other.show(),
                show_interval(&ratios)
            ),
        );
    }
}
