//! What Linux says of this process; nothing elsewhere.

use std::fs;
use std::time::SystemTime;

use crate::families::Family;

/// Clock ticks a second in `/proc`: Linux's `USER_HZ`, which is 100 wherever Rust runs.
const USER_HZ: f64 = 100.0;

/// What Linux says of this process.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(crate) struct Process {
    pub(crate) cpu_seconds: Option<f64>,
    pub(crate) resident_octets: Option<u64>,
    pub(crate) open_files: Option<u64>,
}

impl Process {
    pub(crate) fn now() -> Self {
        let stat = fs::read_to_string("/proc/self/stat").ok();
        let status = fs::read_to_string("/proc/self/status").ok();
        let files = fs::read_dir("/proc/self/fd").ok().map(Iterator::count);
        Self {
            cpu_seconds: stat.as_deref().and_then(cpu_seconds),
            resident_octets: status.as_deref().and_then(resident_octets),
            // Reading the folder opens one.
            open_files: files.and_then(|files| u64::try_from(files.saturating_sub(1)).ok()),
        }
    }
}

/// The program's version, when it started, and what it takes of the machine.
#[expect(clippy::cast_precision_loss, reason = "octets and milliseconds since 1970 fit into 53 bits")]
pub(crate) fn families(version: &str, started: SystemTime) -> Vec<Family> {
    let Process { cpu_seconds, resident_octets, open_files } = Process::now();
    let gauge = |name, help, value: f64| Family::gauge(name, help).with([], value);
    let started = super::milliseconds(started) as f64 / 1e3;
    let mut families = vec![
        Family::gauge("mci_build_info", "The program's version; always 1").with([("version", version)], 1.0),
        gauge("process_start_time_seconds", "When the process started, since 1970", started),
    ];
    families.extend(cpu_seconds.map(|seconds| {
        Family::counter("process_cpu_seconds", "User and system CPU time spent").with([], seconds)
    }));
    families.extend(
        resident_octets
            .map(|octets| gauge("process_resident_memory_bytes", "Resident memory", octets as f64)),
    );
    families.extend(open_files.map(|files| gauge("process_open_fds", "Open file descriptors", files as f64)));
    families
}

/// User and system time: the 14th and 15th field, counted behind the name, which may hold anything.
fn cpu_seconds(stat: &str) -> Option<f64> {
    let mut fields = stat.rsplit_once(')')?.1.split_ascii_whitespace().skip(11);
    let (user, system): (f64, f64) = (fields.next()?.parse().ok()?, fields.next()?.parse().ok()?);
    Some((user + system) / USER_HZ)
}

fn resident_octets(status: &str) -> Option<u64> {
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
    line.trim().strip_suffix("kB")?.trim().parse::<u64>().ok()?.checked_mul(1024)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_fields_of_proc_are_found() {
        let stat = "7 (a) b) S 1 1 1 0 -1 4194560 1 0 0 0 250 50 0 0 20 0 1 0 5 1 1";
        assert_eq!(cpu_seconds(stat), Some(3.0));
        assert_eq!(resident_octets("VmHWM:\t 9 kB\nVmRSS:\t  12 kB\n"), Some(12_288));
        assert_eq!((cpu_seconds(""), resident_octets("")), (None, None));
    }
}
