//! Servers as processes on a core of their own, with what they have used.

use std::fs::{self, File};
use std::net::{Ipv4Addr, TcpListener, UdpSocket};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail};
use nix::time::ClockId;
use nix::unistd::Pid;

use crate::shell;

/// The core that servers run on.
const SERVER: &str = "0";
/// The core that load comes from.
const LOAD: &str = "1";

/// How long a start may take, of a million hostnames too.
const PATIENCE: Duration = Duration::from_mins(2);

/// A running server. It is killed when this value is dropped, and by the kernel when this program ends.
#[derive(Debug)]
pub(super) struct Server {
    name: String,
    child: Child,
    log: PathBuf,
    /// When it was started.
    pub(super) started: Instant,
}

/// What a process holds in memory, in MiB.
#[derive(Clone, Copy, Debug)]
pub(super) struct Memory {
    /// `VmRSS`
    pub(super) resident: f64,
    /// `VmHWM`
    pub(super) peak: f64,
}

/// Where a process may run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Core {
    Server,
    Load,
    Any,
}

/// The command, kept to a core.
pub(super) fn on(core: Core, command: &Command) -> Command {
    let number = match core {
        Core::Server => SERVER,
        Core::Load => LOAD,
        Core::Any => return wrapped("env", &[], command),
    };
    wrapped("taskset", &["-c", number], command)
}

/// Another program that becomes the command: its process ID is the command's.
fn wrapped(program: &str, arguments: &[&str], command: &Command) -> Command {
    let mut wrapped = Command::new(program);
    wrapped.args(arguments).arg(command.get_program()).args(command.get_args());
    for (name, value) in command.get_envs() {
        match value {
            Some(value) => wrapped.env(name, value),
            None => wrapped.env_remove(name),
        };
    }
    if let Some(folder) = command.get_current_dir() {
        wrapped.current_dir(folder);
    }
    wrapped
}

impl Server {
    /// Starts it; its output goes to a file in `folder`.
    pub(super) fn start(name: &str, core: Core, command: &Command, folder: &Path) -> Result<Self> {
        let log = folder.join(format!("{name}.log"));
        let output = File::create(&log).with_context(|| format!("writing {}", log.display()))?;
        let mut command = on(core, command);
        // Of util-linux, as taskset.
        if shell::find("setpriv").is_some() {
            command = wrapped("setpriv", &["--pdeathsig", "KILL", "--"], &command);
        }
        command.stdin(Stdio::null()).stdout(output.try_clone()?).stderr(output);
        let started = Instant::now();
        let child = command.spawn().with_context(|| format!("cannot start {name}"))?;
        Ok(Server { name: name.to_owned(), child, log, started })
    }

    /// Waits until `ready` says so; fails where it ends before, or takes too long.
    pub(super) fn wait_until(&mut self, mut ready: impl FnMut() -> bool) -> Result<()> {
        let began = Instant::now();
        while !ready() {
            let end = self.child.try_wait()?;
            if end.is_some() || began.elapsed() > PATIENCE {
                let end =
                    end.map_or("is not ready in time".to_owned(), |status| format!("ended with {status}"));
                bail!("{} {end}:\n{}", self.name, fs::read_to_string(&self.log).unwrap_or_default());
            }
            thread::sleep(Duration::from_millis(1));
        }
        Ok(())
    }

    /// Its user and system time so far, of all threads, in seconds: to the nanosecond, where `/proc/PID/stat` has
    /// ticks of 10 ms.
    pub(super) fn cpu(&self) -> Result<f64> {
        let time = ClockId::pid_cpu_clock_id(self.pid())
            .and_then(ClockId::now)
            .with_context(|| format!("the CPU time of {}", self.name))?;
        Ok(Duration::from(time).as_secs_f64())
    }

    /// Its memory.
    pub(super) fn memory(&self) -> Result<Memory> {
        let status = fs::read_to_string(format!("/proc/{}/status", self.child.id()))?;
        let mebibytes = |field: &str| -> Result<f64> {
            let value = status.lines().find_map(|line| line.strip_prefix(field));
            let kib = value.and_then(|value| value.split_whitespace().next()?.parse::<f64>().ok());
            Ok(kib.with_context(|| format!("{} has no {field}", self.name))? / 1024.0)
        };
        Ok(Memory { resident: mebibytes("VmRSS:")?, peak: mebibytes("VmHWM:")? })
    }

    fn pid(&self) -> Pid {
        Pid::from_raw(i32::try_from(self.child.id()).expect("Linux has no larger process IDs"))
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A port that is free for UDP and TCP on 127.0.0.1.
pub(super) fn free_port() -> Result<u16> {
    for _ in 0..100 {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
        let port = listener.local_addr()?.port();
        if UdpSocket::bind((Ipv4Addr::UNSPECIFIED, port)).is_ok() {
            return Ok(port);
        }
    }
    bail!("no port is free for both UDP and TCP")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_server_has_used_time_and_memory_and_ends_with_its_value() {
        let folder = tempfile::tempdir().unwrap();
        let mut command = Command::new("sh");
        command.args(["-c", "echo up; while :; do :; done"]);
        let mut server = Server::start("sh", Core::Any, &command, folder.path()).unwrap();
        server
            .wait_until(|| fs::read_to_string(folder.path().join("sh.log")).is_ok_and(|log| log == "up\n"))
            .unwrap();
        let (before, pid) = (server.cpu().unwrap(), server.child.id());
        server.wait_until(|| fs::metadata(format!("/proc/{pid}")).is_ok()).unwrap();
        server
            .wait_until({
                let pid = server.pid();
                move || {
                    ClockId::pid_cpu_clock_id(pid)
                        .and_then(ClockId::now)
                        .is_ok_and(|now| Duration::from(now).as_secs_f64() > before)
                }
            })
            .unwrap();
        let memory = server.memory().unwrap();
        assert!(memory.resident > 0.1 && memory.peak >= memory.resident, "{memory:?}");
        drop(server);
        assert!(!Path::new(&format!("/proc/{pid}")).exists());
    }

    #[test]
    fn one_that_ends_is_told_with_its_log() {
        let folder = tempfile::tempdir().unwrap();
        let mut command = Command::new("sh");
        command.args(["-c", "echo why; exit 3"]);
        let mut server = Server::start("sh", Core::Any, &command, folder.path()).unwrap();
        let error = server.wait_until(|| false).unwrap_err().to_string();
        assert!(error.contains("exit status: 3") && error.contains("why"), "{error}");
    }
}
