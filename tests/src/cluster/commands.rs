//! The command lines of the servers: what is written here is what differs from their defaults, and why.

use std::net::SocketAddr;
use std::path::Path;
use std::process::Command;

use super::credentials::Credentials;
use crate::require::{ETCD_VERSION, KUBERNETES_VERSION, KWOK_VERSION, program};

/// Controllers that a test of MCI has a use for; the others only cost memory.
const CONTROLLERS: &str = "deployment-controller,replicaset-controller,endpointslice-controller,\
                           namespace-controller,garbage-collector-controller,serviceaccount-controller";

/// What a controller may ask in a second. The defaults (20 to 50) would be what tests of 5,000 objects measure.
const REQUESTS: [&str; 2] = ["--kube-api-qps=2000", "--kube-api-burst=4000"];

pub(super) fn etcd(data: &Path, client: SocketAddr, peer: SocketAddr) -> Command {
    let mut command = Command::new(program("etcd", ETCD_VERSION));
    command.arg("--data-dir").arg(data);
    // A test's data need not outlive the machine; a process that is killed loses nothing by it.
    command.arg("--unsafe-no-fsync");
    command.args([
        "--quota-backend-bytes=8589934592".to_owned(),
        format!("--listen-client-urls=http://{client}"),
        format!("--advertise-client-urls=http://{client}"),
        format!("--listen-peer-urls=http://{peer}"),
        format!("--initial-advertise-peer-urls=http://{peer}"),
        format!("--initial-cluster=default=http://{peer}"),
        "--log-level=warn".to_owned(),
    ]);
    command
}

/// Where things are that an API server is told of.
pub(super) struct ApiServer<'a> {
    /// The cluster's name, which is its prefix in etcd, too.
    pub(super) name: &'a str,
    /// From 1: tells the networks of clusters apart.
    pub(super) number: usize,
    pub(super) etcd: SocketAddr,
    pub(super) address: SocketAddr,
    pub(super) folder: &'a Path,
    pub(super) credentials: &'a Credentials,
    pub(super) extra: &'a [String],
}

impl ApiServer<'_> {
    pub(super) fn command(&self) -> Command {
        let mut command = Command::new(program("kube-apiserver", KUBERNETES_VERSION));
        command.args([
            format!("--etcd-servers=http://{}", self.etcd),
            format!("--etcd-prefix=/{}", self.name),
            format!("--secure-port={}", self.address.port()),
            "--bind-address=127.0.0.1".to_owned(),
            "--advertise-address=127.0.0.1".to_owned(),
            // Nobody asks for the Service `kubernetes`, and its address on loopback is refused.
            "--endpoint-reconciler-type=none".to_owned(),
            "--authorization-mode=RBAC".to_owned(),
            format!("--service-cluster-ip-range=10.{}.0.0/16", self.number),
            format!("--service-account-issuer=https://{}/", self.address),
            // Pods need no tokens, for no kubelet runs them. A node that is made is ready, and not tainted until
            // a controller that does not run here has seen it.
            "--disable-admission-plugins=ServiceAccount,TaintNodesByCondition".to_owned(),
        ]);
        command.arg("--cert-dir").arg(self.folder.join("certificates"));
        for (flag, path) in [
            ("--tls-cert-file", self.credentials.certificate()),
            ("--tls-private-key-file", self.credentials.key()),
            ("--token-auth-file", self.credentials.tokens()),
            ("--service-account-key-file", self.credentials.service_account_public_key()),
            ("--service-account-signing-key-file", self.credentials.service_account_key()),
        ] {
            command.arg(flag).arg(path);
        }
        command.args(self.extra);
        command
    }
}

pub(super) fn controller_manager(kubeconfig: &Path, credentials: &Credentials) -> Command {
    let mut command = Command::new(program("kube-controller-manager", KUBERNETES_VERSION));
    command.arg("--kubeconfig").arg(kubeconfig);
    command.arg("--service-account-private-key-file").arg(credentials.service_account_key());
    command.args(["--secure-port=0", "--leader-elect=false"]).args(REQUESTS);
    command.arg(format!("--controllers={CONTROLLERS}"));
    command
}

pub(super) fn scheduler(kubeconfig: &Path) -> Command {
    let mut command = Command::new(program("kube-scheduler", KUBERNETES_VERSION));
    command.arg("--kubeconfig").arg(kubeconfig).args(["--secure-port=0", "--leader-elect=false"]);
    command.args(REQUESTS);
    command
}

pub(super) fn kwok(kubeconfig: &Path, stages: &Path, number: usize, server: SocketAddr) -> Command {
    let mut command = Command::new(program("kwok", KWOK_VERSION));
    command.arg("--kubeconfig").arg(kubeconfig).arg("--config").arg(stages).arg("--manage-all-nodes=true");
    command.arg(format!("--cidr=10.{}.0.0/16", 200 + number));
    command.args(["--node-ip=127.0.0.1".to_owned(), format!("--server-address={server}")]);
    command
}
