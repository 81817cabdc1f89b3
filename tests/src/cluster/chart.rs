//! The chart of the repository, installed by helm; definitions of resources, ours and the Gateway API's.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use super::member::Cluster;
use crate::mci::repository;
use crate::require::{GATEWAY_API_VERSION, HELM_VERSION, program};

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
        self.apply_folder(&chart().join("crds"));
    }

    /// Applies the definitions of the Gateway API's resources.
    #[track_caller]
    pub fn apply_gateway_api(&self) {
        self.apply_folder(&program("gateway-api", GATEWAY_API_VERSION));
    }

    /// Applies all manifests of a folder.
    #[track_caller]
    pub fn apply_folder(&self, folder: &Path) {
        let mut files: Vec<PathBuf> = fs::read_dir(folder)
            .unwrap_or_else(|error| panic!("cannot read {}: {error}", folder.display()))
            .map(|entry| entry.expect("a folder can be read").path())
            .filter(|path| path.extension().is_some_and(|extension| extension == "yaml"))
            .filter(|path| path.file_stem().is_some_and(|name| name != "kustomization"))
            .collect();
        files.sort();
        assert!(!files.is_empty(), "no manifests in {}", folder.display());
        let manifests = files.into_iter().map(|file| fs::read_to_string(file).expect("a file can be read"));
        self.apply(&manifests.collect::<Vec<_>>().join("\n---\n"));
    }
}

fn chart() -> PathBuf {
    repository().join("charts").join("multicluster-ingress")
}
