//! Facts from a cluster's API server: which cluster, which namespace, and what a dns-server there would answer from.
//!
//! ```text
//!  --kubeconfig, --context ──► client ──┬─► namespace: -n, the configuration's, or where the Clusters are
//!  --config (zones, defaults) ──────────┴─► caches and Clusters ──► Snapshot
//! ```

use std::path::PathBuf;
use std::sync::Arc;

use anyhow::{Context, anyhow};
use clap::Args;
use mci_kube::client::{self, ClusterClient};
use mci_kube::inspect;
use mci_kube::resources::Cluster;
use mci_kube::supply::{self, Source};

use crate::config::{self, Config, ReadFrom};
use crate::facts::wrong;

/// Which cluster, and where in it.
#[derive(Args, Clone, Debug, Default)]
pub(crate) struct KubeOptions {
    /// The context of the kubeconfig [default: the current one]
    #[arg(long, value_name = "NAME", help_heading = HEADING)]
    pub(crate) context: Option<String>,

    /// The kubeconfig file [default: $KUBECONFIG, else ~/.kube/config]
    #[arg(long, value_name = "FILE", help_heading = HEADING)]
    pub(crate) kubeconfig: Option<PathBuf>,

    /// Where MCI's own objects are [default: the context's namespace if it has Clusters, else the one that has]
    #[arg(long, short, value_name = "NAME", help_heading = HEADING)]
    pub(crate) namespace: Option<String>,

    /// The dns-server's configuration file: zones and defaults are in no cluster
    #[arg(long, env = "MCI_CONFIG", value_name = "FILE", help_heading = HEADING)]
    pub(crate) config: Option<PathBuf>,
}

const HEADING: &str = "Cluster";

/// A cluster that is asked.
#[derive(Clone, Debug)]
pub(crate) struct Asked {
    pub(crate) client: ClusterClient,
    pub(crate) namespace: String,
    /// The dns-server's configuration, where one was given.
    pub(crate) config: Option<Arc<Config>>,
}

impl KubeOptions {
    /// Whether a cluster was named.
    pub(crate) fn is_named(&self) -> bool {
        self.context.is_some() || self.kubeconfig.is_some()
    }

    /// Connects, and finds the namespace.
    pub(crate) async fn ask(&self) -> anyhow::Result<Asked> {
        let client = self.connect().await?;
        let config = self.read_config()?;
        let configured = config.as_ref().and_then(|config| config.namespace.clone());
        let namespace = match self.namespace.clone().or(configured) {
            Some(namespace) => namespace,
            None => inspect::namespace_of(&client).await.with_context(|| client.origin().to_owned())?,
        };
        Ok(Asked { client, namespace, config })
    }

    /// Connects, and asks nothing yet.
    pub(crate) async fn connect(&self) -> anyhow::Result<ClusterClient> {
        let options = client::Options {
            kubeconfig: self.kubeconfig.clone(),
            context: self.context.clone(),
            component: "mci".to_owned(),
        };
        Ok(client::connect(&options).await?)
    }

    fn read_config(&self) -> anyhow::Result<Option<Arc<Config>>> {
        // `MCI_CONFIG=` is no file, as for the programs.
        let file = self.config.as_deref().filter(|file| !file.as_os_str().is_empty());
        let read = |file| config::read(file).map_err(|problems| wrong(&"the configuration", &problems));
        file.map(read).transpose()
    }
}

impl Asked {
    /// Which objects a dns-server there answers from.
    pub(crate) fn source(&self) -> Source {
        match self.config.as_ref().map(|config| config.source) {
            Some(ReadFrom::ClusterCaches) => Source::ClusterCaches,
            Some(ReadFrom::HostnameCaches) | None => Source::HostnameCaches,
        }
    }

    /// What a dns-server there would answer from, zones and defaults included where the configuration is known.
    pub(crate) async fn facts(&self) -> anyhow::Result<supply::Facts> {
        let mut facts = supply::once(&self.client, &self.namespace, self.source())
            .await
            .map_err(|error| anyhow!("{self}: {error}"))?;
        if let Some(config) = &self.config {
            facts.snapshot = facts.snapshot.edited(|edit| {
                edit.set_zones(&config.zones);
                edit.set_settings(config.settings.clone());
            });
        }
        Ok(facts)
    }

    /// The Clusters alone, by name.
    pub(crate) async fn clusters(&self) -> anyhow::Result<Vec<Cluster>> {
        inspect::clusters(&self.client, &self.namespace).await.map_err(|error| anyhow!("{self}: {error}"))
    }

    /// What people should know of these facts, if anything.
    pub(crate) fn caution(&self) -> Option<&'static str> {
        self.config.is_none().then_some(
            "Zones are not known here: they are the dns-server's configuration (--config FILE, or --server http://HOST:PORT)",
        )
    }
}

impl std::fmt::Display for Asked {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}, namespace {}", self.client.origin(), self.namespace)
    }
}

/// Who asks, for people: whom the API server takes us for, else the user of this machine.
pub(crate) async fn user(client: &ClusterClient) -> String {
    if let Ok(Some(user)) = inspect::user(client).await {
        return user;
    }
    let named = |name| std::env::var(name).ok().filter(|value| !value.is_empty());
    let host = named("HOSTNAME")
        .or_else(|| std::fs::read_to_string("/proc/sys/kernel/hostname").ok())
        .unwrap_or_default();
    format!("{}@{}", named("USER").unwrap_or_else(|| "somebody".to_owned()), host.trim())
}
