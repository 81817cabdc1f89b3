//! MCI in a cluster: each mode as a process on this machine, with the `ServiceAccount` that the chart made for it.

use std::ffi::OsString;
use std::fs;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::Command;
use std::sync::atomic::{AtomicUsize, Ordering};

use super::chart::RELEASE;
use super::member::Cluster;
use super::server::listens;
use crate::client::{Client, TRANSPORTS, Transport};
use crate::http;
use crate::mci::mci;
use crate::port::Port;
use crate::process::Process;

/// A mode of MCI that runs in a cluster.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// Publishes what this cluster offers.
    Operator,
    /// Merges what clusters publish, and judges who is alive.
    Orchestrator,
    /// Answers.
    DnsServer,
    /// Hears other clusters.
    FrontEnd,
}

/// One replica of a mode, to be started.
#[derive(Debug)]
pub struct Setup {
    mode: Mode,
    namespace: String,
    identifier: String,
    kubeconfig: PathBuf,
    pod: String,
    http: Port,
    grpc: Port,
    dns: Port,
    arguments: Vec<String>,
    environment: Vec<(String, OsString)>,
    over_tls: bool,
}

/// One replica of a mode that runs.
#[derive(Debug)]
pub struct Replica {
    /// The process.
    pub process: Process,
    setup: Setup,
}

impl Mode {
    /// All of them.
    pub const ALL: [Mode; 4] = [Mode::Operator, Mode::Orchestrator, Mode::DnsServer, Mode::FrontEnd];

    /// How it is called on the command line.
    pub fn name(self) -> &'static str {
        match self {
            Mode::Operator => "operator",
            Mode::Orchestrator => "orchestrator",
            Mode::DnsServer => "dns-server",
            Mode::FrontEnd => "front-end",
        }
    }

    /// The `ServiceAccount` that the chart makes for it.
    pub fn service_account(self) -> String {
        format!("{RELEASE}-{}", self.name())
    }
}

impl Cluster {
    /// A replica of a mode, in the namespace that the chart is installed in, of the cluster with this identifier.
    #[track_caller]
    pub fn mci(&self, mode: Mode, namespace: &str, identifier: &str) -> Setup {
        self.mci_at(self.address(), mode, namespace, identifier)
    }

    /// The same, with the API server behind another address: a proxy's.
    #[track_caller]
    pub fn mci_at(&self, server: SocketAddr, mode: Mode, namespace: &str, identifier: &str) -> Setup {
        static PODS: AtomicUsize = AtomicUsize::new(1);
        Setup {
            mode,
            namespace: namespace.to_owned(),
            identifier: identifier.to_owned(),
            kubeconfig: self.token_kubeconfig_at(server, namespace, &mode.service_account()),
            pod: format!("{}-{}", mode.service_account(), PODS.fetch_add(1, Ordering::Relaxed)),
            http: Port::reserve(),
            grpc: Port::reserve(),
            dns: Port::reserve(),
            arguments: Vec::new(),
            environment: Vec::new(),
            over_tls: false,
        }
    }
}

impl Setup {
    /// With another argument.
    pub fn argument(mut self, argument: impl Into<String>) -> Self {
        self.arguments.push(argument.into());
        self
    }

    /// With a variable of the environment.
    pub fn variable(mut self, name: &str, value: impl Into<OsString>) -> Self {
        self.environment.push((name.to_owned(), value.into()));
        self
    }

    /// One whose configuration says that it speaks TLS: it counts as ready once it accepts connections, for the rig speaks
    /// none.
    pub(crate) fn over_tls(mut self) -> Self {
        self.over_tls = true;
        self
    }

    /// Where it will serve health and metrics, and what a front end hears.
    pub fn http(&self) -> SocketAddr {
        self.http.v4()
    }

    /// The command line that is meant.
    pub fn command(&self) -> Command {
        let mut command = mci();
        command.args(self.line()).args(&self.arguments);
        command.env("KUBECONFIG", &self.kubeconfig);
        // As the downward API tells a pod.
        command.env("POD_NAME", &self.pod).env("POD_NAMESPACE", &self.namespace);
        command.envs(self.environment.iter().map(|(name, value)| (name, value)));
        command
    }

    /// Starts it and waits until it is ready.
    #[track_caller]
    pub fn start(self) -> Replica {
        self.spawn().when_ready()
    }

    /// Starts it, and does not wait.
    #[track_caller]
    pub fn spawn(self) -> Replica {
        let process = Process::start(&self.pod, &self.command());
        Replica { process, setup: self }
    }

    fn line(&self) -> Vec<String> {
        let mut words = vec![
            self.mode.name().to_owned(),
            format!("--cluster-identifier={}", self.identifier),
            format!("--namespace={}", self.namespace),
            format!("--http={}", self.http.v4()),
        ];
        if self.mode == Mode::DnsServer {
            words.extend([format!("--grpc={}", self.grpc.v4()), format!("--dns={}", self.dns.v4())]);
        }
        words
    }
}

impl Replica {
    /// Waits until it says that it is ready; fails at once where it ends before.
    #[track_caller]
    pub fn when_ready(mut self) -> Self {
        let (address, over_tls) = (self.http(), self.setup.over_tls);
        let what = format!("{} is ready", self.setup.pod);
        self.process.wait_until(&what, |_| is_ready(address, over_tls));
        self
    }

    /// The name of its pod.
    pub fn name(&self) -> &str {
        &self.setup.pod
    }

    /// Writes a new token of its `ServiceAccount` in place of the one that it has, as the kubelet does.
    #[track_caller]
    pub fn write_token(&self, token: &str) {
        let mut file = self.setup.kubeconfig.clone().into_os_string();
        file.push(".token");
        let new = self.setup.kubeconfig.with_extension("new-token");
        fs::write(&new, token).expect("a token can be written");
        fs::rename(new, file).expect("a file can be renamed");
    }

    /// Whether it says that it is ready.
    pub fn is_ready(&self) -> bool {
        is_ready(self.http(), self.setup.over_tls)
    }

    /// Health, readiness and metrics.
    pub fn http(&self) -> SocketAddr {
        self.setup.http.v4()
    }

    /// Where `CoreDNS` asks a dns-server.
    pub fn grpc(&self) -> SocketAddr {
        self.setup.grpc.v4()
    }

    /// Where a dns-server answers itself, UDP and TCP.
    pub fn dns(&self) -> SocketAddr {
        self.setup.dns.v4()
    }

    /// A client of a dns-server's direct listener for each protocol.
    pub fn clients(&self) -> [Client; 2] {
        TRANSPORTS.map(|transport| self.client(transport))
    }

    /// A client of a dns-server's direct listener.
    pub fn client(&self, transport: Transport) -> Client {
        Client { server: self.dns(), transport }
    }

    /// The metrics in Prometheus' text format.
    #[track_caller]
    pub fn metrics(&self) -> String {
        let response = http::get(self.http(), "/metrics").expect("metrics are served");
        assert_eq!(response.status, 200, "{}", response.body);
        response.body
    }

    /// Ends it without asking (SIGKILL), and starts it again: same pod name, same ports.
    #[track_caller]
    pub fn restart(self) -> Self {
        let Replica { mut process, setup } = self;
        process.kill();
        drop(process);
        setup.start()
    }

    /// Asks it to end (SIGTERM), which it has to do well, and starts it again: same pod name, same ports.
    #[track_caller]
    pub fn replace(self) -> Self {
        let Replica { mut process, setup } = self;
        let status = process.terminate();
        assert!(status.success(), "{} ended with {status}:\n{}", setup.pod, process.log());
        drop(process);
        setup.start()
    }
}

fn is_ready(address: SocketAddr, over_tls: bool) -> bool {
    if over_tls {
        return listens(address);
    }
    http::get(address, "/readyz").is_some_and(|response| response.status == 200)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_dns_server_is_told_where_to_answer() {
        let line = |mode| {
            let setup = Setup {
                mode,
                namespace: "mci".to_owned(),
                identifier: "west".to_owned(),
                kubeconfig: PathBuf::new(),
                pod: String::new(),
                http: Port::reserve(),
                grpc: Port::reserve(),
                dns: Port::reserve(),
                arguments: Vec::new(),
                environment: Vec::new(),
                over_tls: false,
            };
            let flags = setup.line().into_iter().map(|word| word.split('=').next().unwrap().to_owned());
            flags.collect::<Vec<_>>()
        };
        let common = ["--cluster-identifier", "--namespace", "--http"];
        assert_eq!(line(Mode::Operator), [&["operator"], &common[..]].concat());
        assert_eq!(line(Mode::DnsServer), [&["dns-server"], &common[..], &["--grpc", "--dns"]].concat());
    }
}
