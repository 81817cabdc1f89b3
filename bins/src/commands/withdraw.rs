//! `mci withdraw`.

use std::process::ExitCode;

use anyhow::{anyhow, bail};
use mci_core::ClusterId;
use mci_kube::content::cluster::rfc3339;
use mci_kube::overriding::amend;
use mci_kube::resources::Cluster;
use mci_kube::watch::ObjectKey;
use serde_json::json;

use super::drain::{identifier, known};
use super::{Out, say_origin, write_data};
use crate::cli::Withdraw;
use crate::facts::{Origin, runtime};
use crate::kube_facts::Asked;
use crate::unix;

/// Releases the withdrawals that are held now (R26).
pub(crate) fn withdraw(arguments: &Withdraw, out: Out<'_>) -> anyhow::Result<ExitCode> {
    if !arguments.confirm {
        bail!(
            "nothing is withdrawn without --confirm: hostnames that went at once, many of all, are still answered (R26); \
             with it they go now"
        );
    }
    let named = arguments.cluster.as_deref().map(identifier).transpose()?;
    let runtime = runtime()?;
    let asked = runtime.block_on(arguments.kube.ask())?;
    let clusters = runtime.block_on(asked.clusters())?;
    let own = match named {
        Some(cluster) => {
            known(&cluster, &clusters)?;
            Own { cluster, because: "it was named" }
        }
        None => runtime.block_on(own(&asked, &clusters))?,
    };
    let at = rfc3339(unix::now())
        .ok_or_else(|| anyhow!("this machine's clock is wrong: it is past the year 9999"))?;
    let key = ObjectKey::new(&asked.namespace, own.cluster.as_str());
    runtime.block_on(amend(&asked.client, &key, |object| {
        object.spec.withdrawal_confirmed_at = Some(at.clone());
    }))?;

    let format = arguments.output.format;
    say_origin(out, format.is_data(), "", &Origin::new(&asked))?;
    let Own { cluster, because } = own;
    if format.is_data() {
        write_data(out, format, &json!({ "cluster": cluster.as_str(), "withdrawalConfirmedAt": at }))?;
    } else {
        writeln!(out, "What is held at {at} goes now: said in Cluster {cluster}, the own one ({because}).")?;
    }
    Ok(ExitCode::SUCCESS)
}

/// The own cluster, and how that is known.
pub(super) struct Own {
    pub(super) cluster: ClusterId,
    pub(super) because: &'static str,
}

/// Which of the Clusters is this very cluster.
pub(super) async fn own(asked: &Asked, clusters: &[Cluster]) -> anyhow::Result<Own> {
    // Only an identifier that was written says something: the default is anybody's.
    let configured = asked.config.as_ref().filter(|config| config.origin("clusterIdentifier").is_some());
    if let Some(config) = configured {
        known(&config.cluster_identifier, clusters)?;
        return Ok(Own { cluster: config.cluster_identifier.clone(), because: "by the configuration" });
    }
    let name = |object: &Cluster| object.metadata.name.clone().unwrap_or_default();
    // An operator says in its heartbeats in which namespace it runs; that of this one is the own cluster's.
    let installation = mci_kube::inspect::installation(&asked.client, &asked.namespace).await.ok().flatten();
    if let Some(installation) = installation {
        let is_own = |object: &&Cluster| {
            object.status.as_ref().and_then(|status| status.instance.as_deref()) == Some(&installation)
        };
        let mut own = clusters.iter().filter(is_own);
        if let (Some(one), None) = (own.next(), own.next()) {
            return Ok(Own {
                cluster: identifier(&name(one))?,
                because: "its operator runs in this namespace",
            });
        }
    }
    match clusters {
        [one] => Ok(Own { cluster: identifier(&name(one))?, because: "the only one" }),
        [] => bail!("namespace {} holds no Cluster: is the orchestrator running?", asked.namespace),
        several => {
            let names: Vec<_> = several.iter().map(name).collect();
            bail!("which of {} is this cluster? Say it by --cluster NAME or --config FILE", names.join(", "))
        }
    }
}
