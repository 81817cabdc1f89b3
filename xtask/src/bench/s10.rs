//! S10: what one change of readiness costs among few and many hostnames: writes, and processor time.

use anyhow::{Context as _, Result};
use serde::Deserialize;

use super::Bench;
use super::cluster_bench::{self, ByName};
use super::report::{Report, Unit};

/// What an answer waits for.
const ON_THE_PATH: [&str; 2] = ["clustercaches", "hostnamecaches"];

/// What the measurement itself writes, and what is written without any change.
const NOT_OF_A_CHANGE: [&str; 2] = ["endpointslices", "leases"];

/// MCI's own programs.
const MCI: [&str; 3] = ["operator", "orchestrator", "dns-server"];

const API_SERVER: &str = "kube-apiserver";

#[derive(Deserialize)]
struct Measured {
    /// Few hostnames, and many.
    sizes: [Sized; 2],
}

/// What another cluster is written, each for one change.
#[derive(Deserialize)]
struct Other {
    hostnames: usize,
    changes: usize,
    idle: Window,
    unready: Window,
    ready: Window,
}

/// Each for one change.
#[derive(Deserialize)]
struct Sized {
    hostnames: usize,
    changes: usize,
    /// Nothing changes, for as long as the others take.
    idle: Window,
    unready: Window,
    ready: Window,
    /// The number of endpoints changes, and readiness does not.
    count: Window,
}

#[derive(Deserialize)]
struct Window {
    writes: ByName,
    /// Seconds.
    cpu: ByName,
}

pub(super) fn measure(bench: &Bench, report: &mut Report) -> Result<()> {
    let Measured { sizes: [few, many] } = cluster_bench::run(bench, "s10")?;
    let with = format!("a change of readiness among {} hostnames", many.hostnames);
    let writes = |is_meant: &dyn Fn(&str) -> bool| {
        f64::midpoint(many.unready.written(is_meant), many.ready.written(is_meant))
            - many.idle.written(is_meant)
    };
    let average = Unit::Average;
    let changes = format!("average of {} changes each way", many.changes);
    let detail = |kept: &dyn Fn(&str) -> bool| {
        format!("{}; {changes}", many.unready.show(|kind| kept(kind) && !NOT_OF_A_CHANGE.contains(&kind)))
    };
    report.add(
        "S10/path",
        &format!("{with}: writes on the path of the answer"),
        writes(&on_path),
        average,
        detail(&on_path),
    );
    report.add("S10/off", &format!("{with}: writes off it"), writes(&off_path), average, detail(&off_path));
    report.add(
        "S10/count",
        "a change of count that leaves readiness: writes on the path",
        many.count.written(&on_path) - many.idle.written(&on_path),
        average,
        format!("off it {}", many.count.show(off_path)),
    );
    let cpu = many.cpu(&[API_SERVER])?;
    report.add(
        "S10/api-server",
        &format!("{with}: processor time of the API server"),
        cpu * 1e3,
        Unit::Milliseconds,
        format!(
            "{:.2} ms among {} hostnames; etcd {:.2} ms",
            few.cpu(&[API_SERVER])? * 1e3,
            few.hostnames,
            many.cpu(&["etcd"])? * 1e3
        ),
    );
    let (of_few, of_many) = (few.cpu(&MCI)?, many.cpu(&MCI)?);
    let mut each = Vec::new();
    for program in MCI {
        each.push(format!(
            "{program} {:.2} and {:.2}",
            few.cpu(&[program])? * 1e3,
            many.cpu(&[program])? * 1e3
        ));
    }
    let Other { hostnames, changes, idle, unready, ready } = cluster_bench::run(bench, "s10-other")?;
    let in_another = |is_meant: &dyn Fn(&str) -> bool| {
        f64::midpoint(unready.written(is_meant), ready.written(is_meant)) - idle.written(is_meant)
    };
    report.add(
        "S10/other/path",
        &format!("a change of readiness among {hostnames} hostnames: writes in another cluster"),
        in_another(&|kind| !NOT_OF_A_CHANGE.contains(&kind)),
        average,
        format!(
            "{}; average of {changes} changes each way",
            unready.show(|kind| !NOT_OF_A_CHANGE.contains(&kind))
        ),
    );
    report.add(
        "S10/independent",
        &format!("{with}: processor time of MCI ÷ the same among {}", few.hostnames),
        of_many / of_few,
        Unit::Ratio,
        format!("{:.2} and {:.2} ms: {}", of_few * 1e3, of_many * 1e3, each.join(", ")),
    );
    Ok(())
}

fn on_path(kind: &str) -> bool {
    ON_THE_PATH.contains(&kind)
}

fn off_path(kind: &str) -> bool {
    !on_path(kind) && !NOT_OF_A_CHANGE.contains(&kind)
}

impl Sized {
    /// What these programs use for one change, in seconds, beyond what they use without any.
    fn cpu(&self, programs: &[&str]) -> Result<f64> {
        let mut sum = 0.0;
        for program in programs {
            let [unready, ready, idle] =
                [&self.unready, &self.ready, &self.idle].map(|window| window.cpu.get(*program));
            let missing = || format!("cluster-bench does not tell the processor time of {program}");
            let used = f64::midpoint(*unready.with_context(missing)?, *ready.with_context(missing)?);
            sum += used - idle.with_context(missing)?;
        }
        Ok(sum)
    }
}

impl Window {
    fn written(&self, is_meant: &dyn Fn(&str) -> bool) -> f64 {
        self.writes
            .iter()
            .filter(|(kind, _)| is_meant(kind))
            .map(|(_, count)| count)
            .fold(0.0, |sum, count| sum + count)
    }

    fn show(&self, is_meant: impl Fn(&str) -> bool) -> String {
        let each: Vec<String> = self
            .writes
            .iter()
            .filter(|(kind, _)| is_meant(kind))
            .map(|(kind, count)| format!("{kind} {count:.2}"))
            .collect();
        if each.is_empty() { "none".to_owned() } else { each.join(", ") }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn window(writes: &[(&str, f64)], cpu: f64) -> Window {
        let owned =
            |each: &[(&str, f64)]| each.iter().map(|(name, value)| ((*name).to_owned(), *value)).collect();
        Window { writes: owned(writes), cpu: owned(&[("operator", cpu)]) }
    }

    #[test]
    fn what_nobody_changed_is_not_of_a_change() {
        let writes = [
            ("clustercaches", 1.0),
            ("hostnamecaches", 1.0),
            ("leases", 9.0),
            ("gslbs/status", 1.0),
            ("endpointslices", 1.0),
        ];
        let window = window(&writes, 0.0);
        let sums = [window.written(&on_path), window.written(&off_path)];
        assert!((sums[0] - 2.0).abs() < 1e-9 && (sums[1] - 1.0).abs() < 1e-9, "{sums:?}");
        assert_eq!(window.show(off_path), "gslbs/status 1.00");
    }

    #[test]
    fn processor_time_is_what_is_more_than_without_a_change() {
        let of = |cpu| window(&[], cpu);
        let sized = Sized {
            hostnames: 1,
            changes: 1,
            idle: of(0.5),
            unready: of(2.0),
            ready: of(3.0),
            count: of(9.0),
        };
        assert!((sized.cpu(&["operator"]).unwrap() - 2.0).abs() < 1e-9);
        assert!(sized.cpu(&["front-end"]).unwrap_err().to_string().contains("front-end"));
    }
}
