//! Load over UDP, by dnsperf: one thread each for sending and receiving, 8 sockets, at most 200 queries in flight.
//!
//! Averages are dnsperf's own. It has no quantiles, but tells each latency when asked to (`-v`), in microseconds.
//! At a fixed rate that changes nothing. Unthrottled it slows dnsperf down, with one `write` for each reply, so CPU
//! time is never taken from such a run.

use std::fs;
use std::net::SocketAddr;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use anyhow::{Context as _, Result, bail, ensure};

use super::Bench;
use super::process::{Core, on};

/// What to send.
#[derive(Clone, Copy, Debug)]
pub(super) struct Plan<'a> {
    pub(super) server: SocketAddr,
    /// Messages, each with its length in front.
    pub(super) queries: &'a Path,
    pub(super) time: Duration,
    /// Queries a second; nothing: as many as go.
    pub(super) rate: Option<u32>,
    /// Whether each latency is told.
    pub(super) each: bool,
}

/// What became of it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Load {
    pub(super) completed: f64,
    pub(super) lost: f64,
    /// In microseconds.
    pub(super) average: f64,
    /// In microseconds; only where each was told.
    pub(super) p99: Option<f64>,
}

/// Sends it.
pub(super) fn run(bench: &Bench, plan: Plan<'_>) -> Result<Load> {
    let mut command = Command::new(&bench.programs.dnsperf);
    command.args(["-T", "1", "-c", "8", "-q", "200", "-B", "-d"]).arg(plan.queries);
    command.args(["-s", &plan.server.ip().to_string(), "-p", &plan.server.port().to_string()]);
    command.args(["-l", &plan.time.as_secs_f64().to_string()]);
    if let Some(rate) = plan.rate {
        command.args(["-Q", &rate.to_string()]);
    }
    if plan.each {
        command.arg("-v");
    }
    let log = bench.folder.join("dnsperf.log");
    let status =
        on(Core::Load, &command).stdout(fs::File::create(&log)?).status().context("cannot start dnsperf")?;
    let said = String::from_utf8_lossy(&fs::read(&log)?).into_owned();
    ensure!(status.success(), "dnsperf ended with {status}: {}", log.display());
    read(&said).with_context(|| format!("dnsperf at {}; see {}", plan.server, log.display()))
}

/// Reads what dnsperf says at its end. A reply that is no NOERROR is an error: all servers know all names.
fn read(said: &str) -> Result<Load> {
    let field = |name: &str| {
        let rest = said.lines().find_map(|line| line.trim_start().strip_prefix(name));
        rest.map(str::trim).with_context(|| format!("dnsperf says nothing of {name:?}"))
    };
    let number = |name: &str| -> Result<f64> {
        let word = field(name)?.split_whitespace().next().unwrap_or_default();
        word.parse().with_context(|| format!("dnsperf: {name} {word}"))
    };
    let codes = field("Response codes:")?;
    if !codes.starts_with("NOERROR ") || codes.contains(',') {
        bail!("not every answer is NOERROR: {codes}");
    }
    let mut latencies: Vec<f64> = said
        .lines()
        .filter_map(|line| line.strip_prefix("> NOERROR ")?.rsplit(' ').next()?.parse().ok())
        .collect();
    latencies.sort_unstable_by(f64::total_cmp);
    Ok(Load {
        completed: number("Queries completed:")?,
        lost: number("Queries lost:")?,
        average: number("Average Latency (s):")? * 1e6,
        p99: latencies.get(latencies.len() * 99 / 100).map(|latency| latency * 1e6),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const SAID: &str = "[Status] Testing complete (time limit)

Statistics:

  Queries sent:         59999
  Queries completed:    59998 (100.00%)
  Queries lost:         1 (0.00%)

  Response codes:       NOERROR 59998 (100.00%)
  Average packet size:  request 61, response 93
  Run time (s):         3.006581
  Queries per second:   19956.47

  Average Latency (s):  0.000125 (min 0.000014, max 0.020753)
  Latency StdDev (s):   0.003263
";

    #[test]
    fn what_dnsperf_says_is_read() {
        let load = read(SAID).unwrap();
        assert_eq!(load, Load { completed: 59_998.0, lost: 1.0, average: 125.0, p99: None });
    }

    #[test]
    fn the_99th_percentile_is_that_of_each_latency() {
        let mut lines: Vec<String> =
            (1..=200).rev().map(|micros| format!("> NOERROR binary input 0.{micros:06}")).collect();
        lines.push(SAID.to_owned());
        let p99 = read(&lines.join(
            "
",
        ))
        .unwrap()
        .p99
        .unwrap();
        assert!((p99 - 199.0).abs() < 1e-6, "{p99}");
    }

    #[test]
    fn a_server_that_does_not_know_the_names_is_refused() {
        let said = SAID.replace("NOERROR 59998 (100.00%)", "NOERROR 9 (9.00%), NXDOMAIN 91 (91.00%)");
        assert!(read(&said).unwrap_err().to_string().contains("NXDOMAIN 91"));
    }
}
