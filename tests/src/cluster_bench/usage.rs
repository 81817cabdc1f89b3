//! What processes have used, and what was written.

use std::collections::BTreeMap;
use std::fs;
use std::time::Duration;

use http::Method;
use nix::time::ClockId;
use nix::unistd::Pid;
use serde_json::{Map, Value, json};

use crate::cluster::{Mode, Replica, request};
use crate::runtime::block_on;
use crate::world::World;

/// The parts of MCI that run in a cluster.
const MODES: [Mode; 4] = [Mode::Operator, Mode::Orchestrator, Mode::DnsServer, Mode::FrontEnd];

/// What the rig itself keeps writing: nodes are reported ready, and Leases of nodes renewed, by what plays the kubelets.
const OF_THE_RIG: [&str; 1] = ["nodes/status"];

/// Memory of a process.
#[derive(Clone, Copy, Debug)]
pub(super) struct Memory {
    /// `VmRSS`, in MiB.
    pub(super) resident: f64,
    /// `VmHWM`, in MiB.
    pub(super) peak: f64,
}

/// The memory of a process.
#[track_caller]
pub(super) fn memory(id: u32) -> Memory {
    let status = fs::read_to_string(format!("/proc/{id}/status")).expect("the process runs");
    let mebibytes = |field: &str| {
        let value = status.lines().find_map(|line| line.strip_prefix(field));
        let kib = value.and_then(|value| value.split_whitespace().next()?.parse::<f64>().ok());
        kib.unwrap_or_else(|| panic!("a process without {field}")) / 1024.0
    };
    Memory { resident: mebibytes("VmRSS:"), peak: mebibytes("VmHWM:") }
}

/// What each program of MCI holds.
#[track_caller]
pub(super) fn memories(world: &World) -> Value {
    let of = |replica: &Replica| {
        let Memory { resident, peak } = memory(replica.process.id());
        json!({"resident": resident, "peak": peak})
    };
    let each = MODES
        .into_iter()
        .filter_map(|mode| Some((mode.name().to_owned(), of(world.replicas(mode).first()?))));
    Value::Object(each.collect::<Map<_, _>>())
}

/// The same for several clusters, by their identifiers.
#[track_caller]
pub(super) fn memories_of(worlds: &[&World]) -> Value {
    let each = worlds.iter().map(|world| (world.identifier().to_owned(), memories(world)));
    Value::Object(each.collect::<Map<_, _>>())
}

/// Processor time by process, in seconds: user and system, of all threads, to the nanosecond.
#[derive(Clone, Debug)]
pub(super) struct Times(BTreeMap<String, f64>);

impl Times {
    /// So far.
    #[track_caller]
    pub(super) fn now(world: &World) -> Self {
        let modes = MODES
            .into_iter()
            .filter_map(|mode| Some((mode.name(), world.replicas(mode).first()?.process.id())));
        let rig = [
            ("kube-apiserver", world.cluster().api_server().id()),
            ("etcd", world.clusters().etcd().server().id()),
        ];
        Times(modes.chain(rig).map(|(name, id)| (name.to_owned(), processor_time(id))).collect())
    }

    /// Since then, each divided.
    pub(super) fn since(&self, before: &Times, divisor: f64) -> Value {
        let each = self.0.iter().map(|(name, time)| {
            let spent = time - before.0.get(name).copied().unwrap_or_default();
            (name.clone(), json!(spent / divisor))
        });
        Value::Object(each.collect())
    }
}

#[track_caller]
fn processor_time(id: u32) -> f64 {
    let id = Pid::from_raw(i32::try_from(id).expect("Linux has no larger process IDs"));
    let time = ClockId::pid_cpu_clock_id(id).and_then(ClockId::now).expect("the process runs");
    Duration::from(time).as_secs_f64()
}

/// Writes that the API server has taken, by resource and subresource.
#[derive(Clone, Debug, Default)]
pub(super) struct Writes(BTreeMap<String, f64>);

impl Writes {
    /// So far.
    #[track_caller]
    pub(super) fn now(world: &World) -> Self {
        let client = world.api().client();
        let metrics =
            block_on(async move { client.request_text(request(Method::GET, "/metrics", None, None)).await });
        read(&metrics.expect("the API server tells its metrics"))
    }

    /// Since then, each divided; what was not written is left out.
    pub(super) fn since(&self, before: &Writes, divisor: f64) -> Value {
        let each = self.0.iter().filter_map(|(resource, count)| {
            let count = count - before.0.get(resource).copied().unwrap_or_default();
            (count > 0.0).then(|| (resource.clone(), json!(count / divisor)))
        });
        Value::Object(each.collect())
    }
}

fn read(metrics: &str) -> Writes {
    let mut writes = Writes::default();
    for line in metrics.lines() {
        let Some(series) = line.strip_prefix("apiserver_request_total{") else { continue };
        let Some((labels, count)) = series.rsplit_once("} ") else { continue };
        let label = |name: &str| {
            labels
                .split(',')
                .find_map(|label| label.strip_prefix(name)?.strip_prefix("=\"")?.strip_suffix('"'))
        };
        let (Some(verb), Some(resource)) = (label("verb"), label("resource")) else { continue };
        let taken = label("code").is_some_and(|code| code.starts_with('2'));
        let writes_something =
            ["POST", "PUT", "PATCH", "APPLY", "DELETE", "DELETECOLLECTION"].contains(&verb);
        // Questions that are put as objects.
        let asks = resource.ends_with("reviews") || label("subresource") == Some("token");
        if !taken || !writes_something || asks {
            continue;
        }
        let key = match label("subresource") {
            None | Some("") => resource.to_owned(),
            Some(subresource) => format!("{resource}/{subresource}"),
        };
        if !OF_THE_RIG.contains(&key.as_str()) {
            *writes.0.entry(key).or_default() += count.parse::<f64>().unwrap_or_default();
        }
    }
    writes
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn writes_that_were_taken_are_counted_by_resource() {
        let line = |verb: &str, resource: &str, subresource: &str, code: u16, count: u32| {
            format!(
                "apiserver_request_total{{code=\"{code}\",component=\"apiserver\",dry_run=\"\",group=\"g\",\
                 resource=\"{resource}\",scope=\"resource\",subresource=\"{subresource}\",verb=\"{verb}\",version=\"v1\"}} {count}\n"
            )
        };
        let before = read(&line("PUT", "leases", "", 200, 3));
        let after = read(
            &[
                line("PUT", "leases", "", 200, 5),
                line("POST", "leases", "", 201, 1),
                line("PUT", "leases", "", 409, 7),
                line("GET", "leases", "", 200, 9),
                line("APPLY", "gslbs", "status", 200, 4),
                line("PATCH", "nodes", "status", 200, 8),
                line("POST", "subjectaccessreviews", "", 201, 2),
                line("POST", "serviceaccounts", "token", 201, 2),
            ]
            .concat(),
        );
        assert_eq!(after.since(&before, 2.0), json!({"leases": 1.5, "gslbs/status": 2.0}));
    }

    #[test]
    fn a_process_has_memory_and_time() {
        let id = std::process::id();
        let Memory { resident, peak } = memory(id);
        assert!(resident > 0.1 && peak >= resident, "{resident} of {peak}");
        assert!(processor_time(id) > 0.0);
    }
}
