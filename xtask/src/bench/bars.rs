//! What the figures have to be, and the check of a report against it.

use anyhow::{Result, bail};

use super::report::{Report, Unit};

/// A limit to a figure.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Bar {
    AtMost(f64),
    AtLeast(f64),
}

use Bar::{AtLeast, AtMost};

/// The bars, by the ID of the figure. Figures that are not here are for the record.
const BARS: &[(&str, Bar)] = &[
    ("S1/100000/uniform", AtMost(200.0)),
    ("S1/1000000/uniform", AtMost(500.0)),
    ("S2/message", AtMost(450.0)),
    ("S3/200/coredns", AtLeast(3.0)),
    ("S3/200/stub", AtMost(1.3)),
    ("S4/unix/stub", AtLeast(0.95)),
    ("S4/tcp/stub", AtLeast(0.95)),
    ("S5/unthrottled/gdnsd", AtLeast(0.95)),
    ("S5/unthrottled/interval", AtMost(0.03)),
    ("S5/unthrottled/average", AtMost(1.1)),
    ("S5/unthrottled/p99", AtMost(1.1)),
    ("S5/unthrottled/coredns", AtLeast(2.0)),
    ("S5/20000/gdnsd", AtLeast(0.95)),
    ("S5/20000/interval", AtMost(0.03)),
    ("S5/20000/average", AtMost(1.1)),
    ("S5/20000/p99", AtMost(1.1)),
    ("S5/20000/coredns", AtLeast(2.0)),
    ("S5/lost", AtMost(0.0)),
    ("S6/calm/p50", AtMost(15.0)),
    ("S6/calm/p99", AtMost(1.0)),
    ("S6/joining/p50", AtMost(15.0)),
    ("S6/joining/p99", AtMost(1.0)),
    ("S6/other/p50", AtMost(30.0)),
    ("S6/other/p99", AtMost(1.0)),
    ("S7/p99", AtMost(4.5)),
    // The state of the one that died, and no more however many hostnames it has.
    ("S7/writes", AtMost(4.0)),
    ("S7/failed", AtMost(0.0)),
    ("S8/100000/resident", AtMost(150.0)),
    ("S8/100000/peak", AtMost(150.0 * 2.5)),
    ("S8/1000000/resident", AtMost(600.0)),
    ("S8/1000000/peak", AtMost(600.0 * 2.5)),
    ("S8/api-server/resident", AtMost(150.0)),
    ("S8/api-server/peak", AtMost(150.0 * 2.5)),
    ("S9/json", AtMost(1.0)),
    ("S9/snapshot", AtMost(1.0)),
    ("S9/api-server", AtMost(2.0)),
    // A shard and a HostnameCache; the GSLB's status, its Event, a ResourceCache and a ServiceCache.
    ("S10/path", AtMost(2.0)),
    ("S10/off", AtMost(4.0)),
    ("S10/count", AtMost(0.0)),
    ("S10/api-server", AtMost(10.0)),
    // A ClusterCache and a HostnameCache.
    ("S10/other/path", AtMost(2.0)),
    // Fifty times as many hostnames are no more work, except that a shard of 50 entries is longer than one of one.
    ("S10/independent", AtMost(1.5)),
    ("S11/few/operator/resident", AtMost(20.0)),
    ("S11/few/operator/cpu", AtMost(0.2)),
    ("S11/few/orchestrator/resident", AtMost(20.0)),
    ("S11/few/orchestrator/cpu", AtMost(0.2)),
    ("S11/few/dns-server/resident", AtMost(20.0)),
    ("S11/few/dns-server/cpu", AtMost(0.2)),
    ("S11/few/writes", AtMost(0.0)),
    ("S12/3/operator", AtMost(250.0)),
    ("S12/3/orchestrator", AtMost(250.0)),
    ("S12/3/front-end", AtMost(250.0)),
    ("S12/20/operator", AtMost(1024.0)),
    ("S12/20/orchestrator", AtMost(1024.0)),
    ("S12/20/front-end", AtMost(1024.0)),
];

/// The bar of a figure, if it has one.
pub(super) fn of(id: &str) -> Option<Bar> {
    BARS.iter().find(|(other, _)| *other == id).map(|(_, bar)| *bar)
}

impl Bar {
    /// Whether a figure keeps to it.
    fn is_met(self, value: f64) -> bool {
        match self {
            AtMost(limit) => value <= limit,
            AtLeast(limit) => value >= limit,
        }
    }

    /// The figure as a part of the bar; nothing where the bar is zero.
    pub(super) fn ratio(self, value: f64) -> Option<f64> {
        let (AtMost(limit) | AtLeast(limit)) = self;
        (limit != 0.0).then(|| value / limit)
    }

    /// Such as `≤ 200 ns`.
    pub(super) fn show(self, unit: Unit) -> String {
        match self {
            AtMost(limit) => format!("≤ {}", unit.show(limit)),
            AtLeast(limit) => format!("≥ {}", unit.show(limit)),
        }
    }
}

/// Says of each bar whether the report meets it, and fails where one is missed or was not measured.
pub(super) fn check(report: &Report) -> Result<()> {
    let mut missed = 0;
    for (id, bar) in BARS {
        let (verdict, figure) = match report.figure(id) {
            Some(figure) => {
                let verdict = if bar.is_met(figure.value) { "met" } else { "MISSED" };
                (verdict, format!("{}: {}", bar.show(figure.unit), figure.unit.show(figure.value)))
            }
            None => ("NOT MEASURED", String::new()),
        };
        println!("{}", format!("{verdict:<12}  {id:<25}  {figure}").trim_end());
        missed += usize::from(verdict != "met");
    }
    if report.quick {
        bail!("the report is one of `--quick`, which measures nothing; {missed} bars would be missed by it");
    }
    if missed > 0 {
        bail!("{missed} of {} bars are missed or were not measured", BARS.len());
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::super::machine::Machine;
    use super::*;

    fn report(quick: bool, off: f64) -> Report {
        let mut report = Report::new(Machine::default(), quick);
        for (id, bar) in BARS {
            let value = match bar {
                AtMost(limit) => limit + off,
                AtLeast(limit) => limit - off,
            };
            report.add(id, "", value, Unit::Ratio, String::new());
        }
        report
    }

    #[test]
    fn a_report_that_meets_every_bar_passes() {
        check(&report(false, 0.0)).unwrap();
    }

    #[test]
    fn a_report_that_misses_bars_fails() {
        let all = BARS.len();
        let said = check(&report(false, 0.001)).unwrap_err().to_string();
        assert!(said.contains(&format!("{all} of {all}")), "{said}");
    }

    #[test]
    fn a_bar_that_was_not_measured_is_missed() {
        let empty = Report::new(Machine::default(), false);
        assert!(check(&empty).is_err());
    }

    #[test]
    fn a_quick_report_never_passes() {
        assert!(check(&report(true, 0.0)).unwrap_err().to_string().contains("--quick"));
    }
}
