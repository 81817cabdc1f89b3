//! A cluster in which nothing of MCI runs: its objects are written by hand, and commands read and write them.

use std::fmt;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use mci_tests::cluster::{Cluster, Clusters};
use mci_tests::mci::mci;
use mci_tests::require::{self, Component};
use serde_json::{Value, json};
use tempfile::TempDir;

pub(crate) const NAMESPACE: &str = "mci";
pub(crate) const VERSION: &str = "multicluster.veccsolutions.io/v1alpha";
pub(crate) const CLUSTERS: &str = "clusters.multicluster.veccsolutions.io";

/// Hostnames, and the names of their HostnameCaches: SHA-256 of the hostname.
pub(crate) const APP: (&str, &str) =
    ("app.gslb.example.com", "h-app-gslb-example-com-5319b5d545af95debd5ee593833d2b7c");
pub(crate) const ONLY: (&str, &str) =
    ("only.gslb.example.com", "h-only-gslb-example-com-00a00b43feb302375f617ce1e5d92133");
pub(crate) const OFF: (&str, &str) =
    ("off.gslb.example.com", "h-off-gslb-example-com-efef6e892bfe6e29bad2b4d6e6c5b66d");

pub(crate) const ZONES: &str = "
zones:
  - name: gslb.example.com
    nameservers: [{name: ns1.gslb.example.com, addresses: [127.0.0.2]}]
    responsibleEmail: hostmaster@example.com
";

/// What a run printed, and how it ended.
pub(crate) struct Ran {
    pub(crate) stdout: String,
    pub(crate) stderr: String,
    pub(crate) code: Option<i32>,
}

impl fmt::Display for Ran {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}--- stderr\n{}--- exit code {:?}", self.stdout, self.stderr, self.code)
    }
}

impl Ran {
    #[track_caller]
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.stdout).unwrap_or_else(|error| panic!("{error}: {self}"))
    }

    /// What was printed below the lines that say where the facts come from.
    pub(crate) fn below(&self) -> Vec<&str> {
        self.stdout
            .lines()
            .skip_while(|line| line.starts_with("Facts") || line.starts_with("Zones"))
            .collect()
    }
}

pub(crate) fn run(command: &mut Command) -> Ran {
    let output = command.output().expect("mci can be started");
    let text = |octets: Vec<u8>| String::from_utf8(octets).expect("it prints UTF-8");
    Ran { stdout: text(output.stdout), stderr: text(output.stderr), code: output.status.code() }
}

/// Clusters west and east, of which west is this one, and three hostnames.
pub(crate) struct World {
    pub(crate) clusters: Clusters,
    pub(crate) folder: TempDir,
}

impl World {
    pub(crate) fn start() -> Self {
        let clusters = Clusters::start(1);
        let cluster = clusters.cluster(0);
        cluster.install_chart(NAMESPACE, &["clusterIdentifier=west"]);
        let own = cluster.api().get("namespaces", "", NAMESPACE).unwrap()["metadata"]["uid"].clone();
        for (name, instance) in [("west", own), ("east", "another".into())] {
            object(cluster, "Cluster", name, &json!({}));
            let status = json!({"state": "alive", "since": "2026-07-01T12:00:00Z", "instance": instance});
            cluster.api().merge_status(CLUSTERS, NAMESPACE, name, &status).unwrap();
        }
        let endpoint = |cluster: &str, address: &str, ready: bool| json!({"clusterIdentifier": cluster, "addresses": [{"ipAddress": address}], "ready": ready});
        let west = endpoint("west", "192.0.2.1", true);
        for ((hostname, name), endpoints) in [
            (APP, json!([west, endpoint("east", "198.51.100.1", true)])),
            (ONLY, json!([west])),
            (OFF, json!([endpoint("east", "198.51.100.1", false)])),
        ] {
            let content = json!({"hostname": hostname, "endpoints": endpoints});
            object(cluster, "HostnameCache", name, &content);
        }
        let folder = TempDir::with_prefix("mci-test-").unwrap();
        fs::write(folder.path().join("mci.yaml"), ZONES).unwrap();
        Self { clusters, folder }
    }

    pub(crate) fn cluster(&self) -> &Cluster {
        self.clusters.cluster(0)
    }

    pub(crate) fn config(&self) -> PathBuf {
        self.folder.path().join("mci.yaml")
    }

    /// Runs it as the administrator, where no kubeconfig is named.
    pub(crate) fn run(&self, arguments: &[&str]) -> Ran {
        self.run_as(self.cluster().kubeconfig(), arguments)
    }

    pub(crate) fn run_as(&self, kubeconfig: &Path, arguments: &[&str]) -> Ran {
        let mut command = mci();
        command.env("KUBECONFIG", kubeconfig).current_dir(self.folder.path());
        run(command.args(arguments))
    }

    pub(crate) fn spec(&self, cluster: &str) -> Value {
        self.cluster().api().get(CLUSTERS, NAMESPACE, cluster).unwrap()["spec"].clone()
    }
}

pub(crate) fn object(cluster: &Cluster, kind: &str, name: &str, content: &Value) {
    let mut object = json!({
        "apiVersion": VERSION,
        "kind": kind,
        "metadata": {"name": name, "namespace": NAMESPACE},
    });
    object.as_object_mut().unwrap().extend(content.as_object().unwrap().clone());
    cluster.api().create(&object).unwrap_or_else(|refused| panic!("{kind} {name}: {refused:?}"));
}

pub(crate) fn here() -> bool {
    require::present(&[Component::Kubernetes, Component::Helm])
}
