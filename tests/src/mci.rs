//! The product as a process: `mci standalone` over state files in a folder of its own.

use std::env;
use std::fs;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;
use std::time::SystemTime;

use tempfile::TempDir;

use crate::certificates::Certificates;
use crate::client::{Client, TRANSPORTS, Transport};
use crate::http;
use crate::port::Port;
use crate::process::Process;

/// The name of the state file.
const FILE: &str = "state.yaml";

/// A running `mci standalone`.
#[derive(Debug)]
pub struct Mci {
    /// The process.
    pub process: Process,
    setup: Builder,
}

/// How to start it.
#[derive(Debug)]
pub struct Builder {
    folder: TempDir,
    dns: Port,
    grpc: Port,
    http: Port,
    grpc_tcp: bool,
    sockets: Vec<PathBuf>,
    arguments: Vec<String>,
    paths: Vec<PathBuf>,
    ipv6: bool,
}

impl Mci {
    /// Serves a state file with this text, in YAML, on 127.0.0.1; starts when it is ready.
    #[track_caller]
    pub fn start(state: &str) -> Self {
        Mci::over(state).start()
    }

    /// To be started with more than [`Mci::start`] says.
    #[track_caller]
    pub fn over(state: &str) -> Builder {
        let folder = TempDir::with_prefix("mci-test-").expect("a folder for the state file can be made");
        let file = folder.path().join(FILE);
        fs::write(&file, state).expect("the state file can be written");
        Builder {
            paths: vec![file],
            folder,
            dns: Port::reserve(),
            grpc: Port::reserve(),
            http: Port::reserve(),
            grpc_tcp: true,
            sockets: Vec::new(),
            arguments: Vec::new(),
            ipv6: false,
        }
    }

    /// Where the direct listener answers, UDP and TCP.
    pub fn dns(&self) -> SocketAddr {
        self.setup.dns.v4()
    }

    /// The direct listener over IPv6, where the builder asked for it.
    pub fn dns_v6(&self) -> SocketAddr {
        self.setup.dns.v6()
    }

    /// Where `CoreDNS` asks.
    pub fn grpc(&self) -> SocketAddr {
        self.setup.grpc.v4()
    }

    /// The unix sockets for `CoreDNS`.
    pub fn sockets(&self) -> &[PathBuf] {
        &self.setup.sockets
    }

    /// Health, readiness and metrics.
    pub fn http(&self) -> SocketAddr {
        self.setup.http.v4()
    }

    /// A client of the direct listener.
    pub fn client(&self, transport: Transport) -> Client {
        Client { server: self.dns(), transport }
    }

    /// A client for each protocol.
    pub fn clients(&self) -> [Client; 2] {
        TRANSPORTS.map(|transport| self.client(transport))
    }

    /// The path of the state file.
    pub fn state_file(&self) -> PathBuf {
        self.setup.folder.path().join(FILE)
    }

    /// Replaces the state file by a rename, as editors do.
    pub fn replace_state(&self, state: &str) {
        let new = self.setup.folder.path().join(".state.yaml.new");
        fs::write(&new, state).expect("a file can be written");
        fs::rename(new, self.state_file()).expect("a file can be renamed");
    }

    /// Writes over the state file in place.
    pub fn overwrite_state(&self, state: &[u8]) {
        fs::write(self.state_file(), state).expect("the state file can be written");
    }

    /// The metrics in Prometheus' text format.
    #[track_caller]
    pub fn metrics(&self) -> String {
        let response = http::get(self.http(), "/metrics").expect("metrics are served");
        assert_eq!(response.status, 200, "{}", response.body);
        response.body
    }

    /// Ends it without asking and starts it again on the same ports.
    #[track_caller]
    pub fn restart(self) -> Self {
        let Mci { mut process, setup } = self;
        process.kill();
        drop(process);
        setup.start()
    }
}

impl Builder {
    /// Over another file or folder, and not over the text.
    pub fn over_file(mut self, path: &Path) -> Self {
        self.paths = vec![path.to_owned()];
        self
    }

    /// Over one more file or folder.
    pub fn and_file(mut self, path: &Path) -> Self {
        self.paths.push(path.to_owned());
        self
    }

    /// With another argument.
    pub fn argument(mut self, argument: impl Into<String>) -> Self {
        self.arguments.push(argument.into());
        self
    }

    /// The direct listener on `::1`, too.
    pub fn ipv6(mut self) -> Self {
        self.ipv6 = true;
        self
    }

    /// `CoreDNS` asks over this many unix sockets, and not over TCP.
    pub fn unix_sockets(mut self, count: usize) -> Self {
        self.grpc_tcp = false;
        self.sockets =
            (0..count).map(|number| self.folder.path().join(format!("dns-{number}.sock"))).collect();
        self
    }

    /// TLS on the gRPC port; with `client`, only for who shows a certificate of the same authority.
    pub fn tls(self, certificates: &Certificates, client: bool) -> Self {
        let path = |path: &Path| path.to_str().expect("UTF-8").to_owned();
        let builder = self
            .argument("--grpc-tls-cert")
            .argument(path(&certificates.server_certificate()))
            .argument("--grpc-tls-key")
            .argument(path(&certificates.server_key()));
        if client {
            builder.argument("--grpc-tls-client-ca").argument(path(&certificates.authority()))
        } else {
            builder
        }
    }

    /// The command line that is meant.
    pub fn command(&self) -> Command {
        let mut command = mci();
        command.arg("standalone").args(&self.paths);
        let mut dns = vec![self.dns.v4().to_string()];
        if self.ipv6 {
            dns.push(self.dns.v6().to_string());
        }
        let mut grpc = Vec::new();
        if self.grpc_tcp {
            grpc.push(self.grpc.v4().to_string());
        }
        grpc.extend(self.sockets.iter().map(|path| format!("unix://{}", path.display())));
        command.args(["--dns", &dns.join(",")]);
        command.args(["--grpc", &grpc.join(",")]);
        command.args(["--http", &self.http.v4().to_string()]);
        command.args(&self.arguments);
        command
    }

    /// Starts it and waits until it is ready.
    #[track_caller]
    pub fn start(self) -> Mci {
        let mut mci = self.spawn();
        let address = mci.http();
        mci.process.wait_until("mci standalone is ready", |_| {
            http::get(address, "/readyz").is_some_and(|response| response.status == 200)
        });
        mci
    }

    /// Starts it, and does not wait.
    #[track_caller]
    pub fn spawn(self) -> Mci {
        let process = Process::start("mci standalone", &self.command());
        Mci { process, setup: self }
    }
}

/// The program `mci`: `$MCI_BIN`, else the one of the folder this test was built into, built anew where a
/// source is newer.
pub fn mci() -> Command {
    let mut command = Command::new(program());
    // What the person who runs the tests has set is not what is tested.
    for (name, _) in env::vars_os() {
        if name.as_encoded_bytes().starts_with(b"MCI_") {
            command.env_remove(name);
        }
    }
    command
}

/// Where that program is.
pub fn program() -> &'static Path {
    static PROGRAM: OnceLock<PathBuf> = OnceLock::new();
    PROGRAM.get_or_init(|| env::var_os("MCI_BIN").map_or_else(built, PathBuf::from))
}

fn built() -> PathBuf {
    let test = env::current_exe().expect("a program knows where it is");
    // target/PROFILE/deps/TEST, or target/PROFILE/PROGRAM
    let mut folder = test.parent().expect("a program is in a folder");
    if folder.file_name().is_some_and(|name| name == "deps") {
        folder = folder.parent().expect("cargo has built this test");
    }
    let program = folder.join("mci");
    if modified(&program).is_none_or(|built| newest_source() > built) {
        let mut command = Command::new(env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
        command.args(["build", "--package", "mci", "--bin", "mci"]).current_dir(repository());
        if folder.file_name().is_some_and(|name| name == "release") {
            command.arg("--release");
        }
        // What the test's own cargo told it of itself: build scripts that look at it would run again.
        for (name, _) in env::vars_os() {
            let variable = name.to_string_lossy();
            if variable.starts_with("CARGO_PKG_") || variable.starts_with("CARGO_MANIFEST_") {
                command.env_remove(&name);
            }
        }
        command.env("CARGO_TARGET_DIR", folder.parent().expect("a profile's folder is in the target folder"));
        let status = command.status().expect("cargo can be started");
        assert!(status.success(), "cargo cannot build mci");
    }
    program
}

/// The folder of the repository.
pub fn repository() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("tests is a folder of the repository").to_owned()
}

fn newest_source() -> SystemTime {
    let repository = repository();
    let mut folders = vec![repository.join("bins").join("src")];
    for entry in fs::read_dir(&repository).expect("the repository can be read").flatten() {
        if entry.file_name().as_encoded_bytes().starts_with(b"mci-") {
            folders.push(entry.path().join("src"));
        }
    }
    let mut newest = SystemTime::UNIX_EPOCH;
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).into_iter().flatten().flatten() {
            if entry.path().is_dir() {
                folders.push(entry.path());
            } else if let Some(modified) = modified(&entry.path()) {
                newest = newest.max(modified);
            }
        }
    }
    newest
}

fn modified(path: &Path) -> Option<SystemTime> {
    fs::metadata(path).and_then(|metadata| metadata.modified()).ok()
}
