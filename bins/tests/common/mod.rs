//! Runs the built programs.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]
#![allow(dead_code, unreachable_pub, reason = "each test program uses a part of it")]

use std::fmt;
use std::io::{BufRead, BufReader, Read};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc::{RecvTimeoutError, Sender, channel};
use std::sync::{Arc, Mutex};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

/// Far above what anything here takes: the machine may be busy.
pub const DEADLINE: Duration = Duration::from_secs(30);

/// What a program printed, and how it ended.
pub struct Ran {
    pub stdout: String,
    pub stderr: String,
    pub code: Option<i32>,
}

impl fmt::Display for Ran {
    /// For snapshots: everything that a person sees.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.stdout)?;
        if !self.stderr.is_empty() {
            write!(f, "--- stderr\n{}", self.stderr)?;
        }
        match self.code {
            Some(code) => writeln!(f, "--- exit code {code}"),
            None => writeln!(f, "--- ended by a signal"),
        }
    }
}

/// A program of this package, with no environment variable of ours and no terminal.
pub fn program(name: &str) -> Command {
    let path = match name {
        "mci" => env!("CARGO_BIN_EXE_mci"),
        "mci-dns-server" => env!("CARGO_BIN_EXE_mci-dns-server"),
        "mci-operator" => env!("CARGO_BIN_EXE_mci-operator"),
        "mci-orchestrator" => env!("CARGO_BIN_EXE_mci-orchestrator"),
        other => panic!("{other} is no program of this package"),
    };
    let mut command = Command::new(path);
    for (variable, _) in std::env::vars_os() {
        if variable.to_string_lossy().starts_with("MCI_") {
            command.env_remove(variable);
        }
    }
    // Nor the cluster of the person who runs the tests.
    command.env_remove("KUBECONFIG").env_remove("KUBERNETES_SERVICE_HOST").env("HOME", "/nonexistent");
    command.stdin(Stdio::null()).env("RUST_BACKTRACE", "0");
    command
}

/// Runs `mci` in `directory` to its end.
pub fn mci_in(directory: &Path, arguments: &[&str]) -> Ran {
    ran(program("mci").current_dir(directory).args(arguments))
}

/// Runs `mci` to its end.
pub fn mci(arguments: &[&str]) -> Ran {
    ran(program("mci").args(arguments))
}

/// Runs a program to its end; one that does not end is ended, and its test fails.
pub fn ran(command: &mut Command) -> Ran {
    let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let pid = Pid::from_raw(child.id().try_into().unwrap());
    let (mut stdout, mut stderr) = (child.stdout.take().unwrap(), child.stderr.take().unwrap());
    let output = thread::spawn(move || read(&mut stdout));
    let errors = thread::spawn(move || read(&mut stderr));
    let (ended, waiting) = channel();
    let watchdog = thread::spawn(move || {
        if waiting.recv_timeout(DEADLINE) == Err(RecvTimeoutError::Timeout) {
            let _ = kill(pid, Signal::SIGKILL);
        }
    });
    let (stdout, stderr) = (output.join().unwrap(), errors.join().unwrap());
    drop::<Sender<()>>(ended);
    watchdog.join().unwrap();
    Ran { stdout, stderr, code: child.wait().unwrap().code() }
}

fn read(from: &mut impl Read) -> String {
    let mut text = String::new();
    from.read_to_string(&mut text).unwrap();
    text
}

/// A server that runs, on free ports of the loopback interface.
pub struct Standalone {
    child: Child,
    /// What it said before it began to answer.
    pub announced: String,
    pub dns: Option<SocketAddr>,
    pub grpc: Option<SocketAddr>,
    pub http: Option<SocketAddr>,
    log: Arc<Mutex<String>>,
    reader: Option<JoinHandle<()>>,
}

impl Standalone {
    /// Serves `files` with free ports, and more arguments.
    pub fn start(files: &[PathBuf], more: &[&str]) -> Self {
        let mut command = program("mci");
        command.arg("standalone").args(files);
        for port in ["--dns", "--grpc", "--http"] {
            if !more.contains(&port) {
                command.args([port, "127.0.0.1:0"]);
            }
        }
        Self::spawn(command.args(more))
    }

    pub fn spawn(command: &mut Command) -> Self {
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let log = Arc::new(Mutex::new(String::new()));
        let (mut stderr, logged) = (BufReader::new(child.stderr.take().unwrap()), Arc::clone(&log));
        let reader = thread::spawn(move || {
            let mut line = String::new();
            while stderr.read_line(&mut line).is_ok_and(|read| read > 0) {
                logged.lock().unwrap().push_str(&line);
                line.clear();
            }
        });
        let mut announced = String::new();
        let mut stdout = BufReader::new(child.stdout.take().unwrap());
        while !announced.contains("ends it.") {
            if stdout.read_line(&mut announced).unwrap() == 0 {
                let _ = stdout.read_to_string(&mut announced);
                let status = child.wait().unwrap();
                reader.join().unwrap();
                panic!("it did not start ({status}): {announced}{}", log.lock().unwrap());
            }
        }
        let address = |label: &str| {
            let line = announced.lines().find(|line| line.trim_start().starts_with(label))?;
            let word = line.split_whitespace().nth(1)?;
            let word = word.strip_prefix("http://").and_then(|rest| rest.split('/').next()).unwrap_or(word);
            word.parse().ok()
        };
        let (dns, grpc, http) = (address("DNS"), address("gRPC"), address("HTTP"));
        Self { child, announced, dns, grpc, http, log, reader: Some(reader) }
    }

    /// What `mci resolve --short` says.
    pub fn ask(&self, name: &str, record_type: &str) -> String {
        let server = format!("dns://{}", self.dns.expect("DNS is on"));
        let ran = mci(&["resolve", name, record_type, "--server", &server, "--short"]);
        assert_eq!(ran.code, Some(0), "{ran}");
        ran.stdout.trim_end().to_owned()
    }

    pub fn log(&self) -> String {
        self.log.lock().unwrap().clone()
    }

    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    pub fn signal(&self, signal: Signal) {
        kill(Pid::from_raw(self.child.id().try_into().unwrap()), signal).unwrap();
    }

    /// How it ends.
    #[track_caller]
    pub fn wait(&mut self) -> ExitStatus {
        let mut status = None;
        wait_until("the server ends", || {
            status = self.child.try_wait().unwrap();
            status.is_some()
        });
        if let Some(reader) = self.reader.take() {
            reader.join().unwrap();
        }
        status.unwrap()
    }

    /// Waits until the log holds `text`.
    #[track_caller]
    pub fn wait_for_log(&self, text: &str) {
        wait_until(&format!("the log holds {text:?}"), || self.log().contains(text));
    }
}

impl Drop for Standalone {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Waits until `condition` holds; `what` is said when it never does.
#[track_caller]
pub fn wait_until(what: &str, mut condition: impl FnMut() -> bool) {
    let begun = Instant::now();
    while !condition() {
        assert!(begun.elapsed() < DEADLINE, "never: {what}");
        thread::sleep(Duration::from_millis(10));
    }
}

/// A state of one zone and one hostname, whose west endpoint has `address`.
pub fn state(address: &str) -> String {
    format!(
        "zones: [{{name: z.example, nameservers: [ns1.example.net, ns2.example.net], responsibleEmail: a@b.example}}]
hostnames:
  - hostname: app.z.example
    endpoints:
      - {{cluster: west, addresses: [{address}]}}
"
    )
}
