//! S5: the direct listener over UDP beside gdnsd and `CoreDNS`'s `hosts`, as fast as it goes and at a fixed rate.
//!
//! MCI and gdnsd are measured right after one another, in an order that alternates, and compared round by round, until
//! the interval of the ratio is narrow enough. MCI has 100,000 hostnames and draws from three clusters for each answer,
//! and its socket is bound to the wildcard address, so that it sets each reply's source (D32); gdnsd has a hundred
//! names and a socket of one address.

use anyhow::Result;

use super::Bench;
use super::dnsperf::{self, Load, Plan};
use super::process::Core;
use super::report::{Report, Unit};
use super::servers::{self, Dns};
use super::statistics::{half_width, median, paired, show_interval};
use super::world::{self, Format, MANY, Names};

/// Until the interval of the ratio can be judged, and at most until.
const ROUNDS: (usize, usize) = (9, 20);
/// Rounds with `CoreDNS`, which is far from its bar: the first of all.
const COREDNS_ROUNDS: usize = 5;
/// How narrow the interval has to be.
const HALF_WIDTH: f64 = 0.03;
/// Seconds of each measurement of CPU time.
const TIME: f64 = 2.5;
/// Seconds of a measurement of unthrottled latencies.
const LATENCY_TIME: f64 = 1.5;
/// Queries a second.
const RATE: u32 = 20_000;

/// How fast queries come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Pace {
    Unthrottled,
    Fixed,
}

const PACES: [Pace; 2] = [Pace::Unthrottled, Pace::Fixed];

/// What one server did at one pace, round by round.
#[derive(Default)]
struct Series {
    /// Microseconds of CPU for each query.
    costs: Vec<f64>,
    /// Microseconds.
    averages: Vec<f64>,
    /// Microseconds.
    p99s: Vec<f64>,
}

/// A server with all that was measured of it.
struct Contender {
    dns: Dns,
    queries: std::path::PathBuf,
    unthrottled: Series,
    fixed: Series,
    lost: f64,
}

pub(super) fn measure(bench: &Bench, report: &mut Report) -> Result<()> {
    let folder = bench.folder("s5")?;
    let (state, many, few) = (folder.join("state.json"), folder.join("many"), folder.join("few"));
    world::state(&state, Format::Json, MANY, false)?;
    world::queries(&many, Names::Many)?;
    world::queries(&few, Names::Few)?;

    let mci = servers::mci(bench, &state, Core::Server, &[], &folder)?;
    let mut mci = Contender::new(Dns { server: mci.server, address: mci.dns }, &many);
    let mut gdnsd = Contender::new(servers::gdnsd(bench, &folder)?, &few);
    let mut coredns = Contender::new(servers::coredns_hosts(bench, &folder)?, &few);

    for contender in [&mut mci, &mut gdnsd, &mut coredns] {
        contender.warm_up(bench)?;
    }
    let (least, most) = (bench.rounds(ROUNDS.0), bench.rounds(ROUNDS.1));
    for round in 0..most {
        for pace in PACES {
            let mut pair = [&mut mci, &mut gdnsd];
            if round % 2 == 1 {
                pair.reverse();
            }
            for contender in &mut pair {
                contender.round(bench, pace)?;
            }
            if pace == Pace::Unthrottled {
                for contender in &mut pair {
                    contender.latencies(bench)?;
                }
            }
            if round < COREDNS_ROUNDS {
                coredns.round(bench, pace)?;
            }
        }
        let narrow = |pace| {
            let ratios = paired(&gdnsd.series(pace).costs, &mci.series(pace).costs);
            half_width(&ratios).is_some_and(|width| width <= HALF_WIDTH)
        };
        eprintln!("  round {} of {least} to {most}", round + 1);
        if round + 1 >= least && PACES.into_iter().all(narrow) {
            break;
        }
    }
    for pace in PACES {
        tell(report, pace, [&mci, &gdnsd, &coredns]);
    }
    report.add(
        "S5/lost",
        "direct UDP: queries that MCI did not answer",
        mci.lost,
        Unit::Count,
        format!("gdnsd {}, CoreDNS {}", gdnsd.lost, coredns.lost),
    );
    Ok(())
}

impl Contender {
    fn new(dns: Dns, queries: &std::path::Path) -> Self {
        let (unthrottled, fixed) = (Series::default(), Series::default());
        Contender { dns, queries: queries.to_owned(), unthrottled, fixed, lost: 0.0 }
    }

    fn series(&self, pace: Pace) -> &Series {
        match pace {
            Pace::Unthrottled => &self.unthrottled,
            Pace::Fixed => &self.fixed,
        }
    }

    fn series_mut(&mut self, pace: Pace) -> &mut Series {
        match pace {
            Pace::Unthrottled => &mut self.unthrottled,
            Pace::Fixed => &mut self.fixed,
        }
    }

    fn load(&mut self, bench: &Bench, pace: Pace, seconds: f64, each: bool) -> Result<Load> {
        let load = dnsperf::run(
            bench,
            Plan {
                server: self.dns.address,
                queries: &self.queries,
                time: bench.time(seconds),
                rate: (pace == Pace::Fixed).then_some(RATE),
                each,
            },
        )?;
        self.lost += load.lost;
        Ok(load)
    }

    fn warm_up(&mut self, bench: &Bench) -> Result<()> {
        self.load(bench, Pace::Unthrottled, 1.0, false)?;
        self.lost = 0.0;
        Ok(())
    }

    /// One measurement of CPU time, and of latency: its average, and at the fixed rate its 99th percentile too.
    fn round(&mut self, bench: &Bench, pace: Pace) -> Result<()> {
        let before = self.dns.server.cpu()?;
        let load = self.load(bench, pace, TIME, pace == Pace::Fixed)?;
        let used = self.dns.server.cpu()? - before;
        let series = self.series_mut(pace);
        series.costs.push(used * 1e6 / load.completed);
        series.averages.push(load.average);
        series.p99s.extend(load.p99);
        Ok(())
    }

    /// The 99th percentile of unthrottled latencies, from a run of its own: telling each one slows dnsperf down.
    fn latencies(&mut self, bench: &Bench) -> Result<()> {
        let load = self.load(bench, Pace::Unthrottled, LATENCY_TIME, true)?;
        self.unthrottled.p99s.extend(load.p99);
        Ok(())
    }
}

fn tell(report: &mut Report, pace: Pace, [mci, gdnsd, coredns]: [&Contender; 3]) {
    let (id, with) = match pace {
        Pace::Unthrottled => ("unthrottled", "direct UDP, unthrottled".to_owned()),
        Pace::Fixed => ("20000", format!("direct UDP, {RATE} queries a second")),
    };
    let of = |contender: &'_ Contender| -> [f64; 3] {
        let Series { costs, averages, p99s } = contender.series(pace);
        [costs, averages, p99s].map(|values| median(values))
    };
    let ([mci_cost, mci_average, mci_p99], [gdnsd_cost, gdnsd_average, gdnsd_p99]) = (of(mci), of(gdnsd));
    let [coredns_cost, ..] = of(coredns);
    // Thousands of queries for each second of CPU.
    let rate = |cost: f64| format!("{:.0} k", 1e3 / cost);
    let (ours, theirs) = (mci.series(pace), gdnsd.series(pace));

    let ratios = paired(&theirs.costs, &ours.costs);
    report.add(
        &format!("S5/{id}/gdnsd"),
        &format!("{with}: queries per CPU-second ÷ gdnsd's"),
        median(&ratios),
        Unit::Ratio,
        format!("MCI {}, gdnsd {}; {}", rate(mci_cost), rate(gdnsd_cost), show_interval(&ratios)),
    );
    if let Some(width) = half_width(&ratios) {
        let what = format!("{with}: half the width of that ratio's 95 % interval");
        report.add(
            &format!("S5/{id}/interval"),
            &what,
            width,
            Unit::Ratio,
            format!("{} rounds", ratios.len()),
        );
    }
    report.add(
        &format!("S5/{id}/average"),
        &format!("{with}: average latency ÷ gdnsd's"),
        median(&paired(&ours.averages, &theirs.averages)),
        Unit::Ratio,
        format!("MCI {mci_average:.0} µs, gdnsd {gdnsd_average:.0} µs"),
    );
    report.add(
        &format!("S5/{id}/p99"),
        &format!("{with}: p99 latency ÷ gdnsd's"),
        median(&paired(&ours.p99s, &theirs.p99s)),
        Unit::Ratio,
        format!("MCI {mci_p99:.0} µs, gdnsd {gdnsd_p99:.0} µs"),
    );
    // Those rounds alone in which CoreDNS took part.
    let ratios = paired(&coredns.series(pace).costs, &ours.costs);
    report.add(
        &format!("S5/{id}/coredns"),
        &format!("{with}: queries per CPU-second ÷ CoreDNS hosts'"),
        median(&ratios),
        Unit::Ratio,
        format!("MCI {}, CoreDNS {}; {}", rate(mci_cost), rate(coredns_cost), show_interval(&ratios)),
    );
}
