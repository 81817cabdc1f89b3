//! The chart of the repository, installed by helm.

use std::fs;
use std::path::PathBuf;
use std::process::Command;

use super::member::Cluster;
use crate::mci::repository;
use crate::require::{HELM_VERSION, program};

/// The release's name: what the chart makes is called `mci-operator`, `mci-front-end` and so on.
pub const RELEASE: &str = "mci";

impl Cluster {
    /// Installs the chart into a namespace, which is made where it is missing; `values` are `KEY=VALUE`.
    #[track_caller]
    pub fn install_chart(&self, namespace: &str, values: &[&str]) {
        if let Err(said) = self.try_install_chart(namespace, values) {
            panic!("helm did not install the chart: {said}");
        }
    }

    /// The same, or what helm says against it.
    #[track_caller]
    pub fn try_install_chart(&self, namespace: &str, values: &[&str]) -> Result<(), String> {
        let mut command = Command::new(program("helm", HELM_VERSION));
        command.args(["install", RELEASE]).arg(chart());
        command.args(["--namespace", namespace, "--create-namespace"]);
        for value in values {
            command.args(["--set-string", value]);
        }
        self.run(&mut command).map(drop)
    }

    /// Applies the definitions of MCI's resources alone.
    #[track_caller]
    pub fn apply_crds(&self) {
        let mut files: Vec<PathBuf> = fs::read_dir(chart().join("crds"))
            .expect("the chart has a folder `crds`")
            .map(|entry| entry.expect("a folder can be read").path())
            .filter(|path| path.extension().is_some_and(|extension| extension == "yaml"))
            .collect();
        files.sort();
        for file in files {
            self.apply(&fs::read_to_string(file).expect("a definition can be read"));
        }
    }
}

fn chart() -> PathBuf {
    repository().join("charts").join("multicluster-ingress")
}
