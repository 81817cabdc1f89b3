//! `mci cluster leave`, `join` and `forget` (R20a).

use std::process::ExitCode;
use std::time::{SystemTime, UNIX_EPOCH};

use anyhow::{anyhow, bail};
use mci_core::simulate::differences;
use mci_core::{ClusterId, ClusterState, Hostname, Snapshot};
use mci_kube::content::cluster::rfc3339;
use mci_kube::overriding::amend;
use mci_kube::resources::Cluster;
use mci_kube::watch::ObjectKey;
use serde_json::json;

use super::drain::{identifier, known, left_without, say_alone};
use super::withdraw::{Own, own};
use super::{Out, say_origin, write_data};
use crate::cli::{ClusterCommand, Forget, Join, Leave};
use crate::facts::{Origin, pass_over, runtime};
use crate::kube_facts::Asked;
use crate::progress::during;

/// Says goodbye, comes back, or forgets.
pub(crate) fn cluster(what: &ClusterCommand, out: Out<'_>) -> anyhow::Result<ExitCode> {
    match what {
        ClusterCommand::Leave(arguments) => leave(arguments, out),
        ClusterCommand::Join(arguments) => join(arguments, out),
        ClusterCommand::Forget(arguments) => forget(arguments, out),
    }
}

fn leave(arguments: &Leave, out: Out<'_>) -> anyhow::Result<ExitCode> {
    let runtime = runtime()?;
    let asked = runtime.block_on(arguments.kube.ask())?;
    let facts = during("Reading the cluster", || runtime.block_on(asked.facts()))?;
    let Own { cluster, because } =
        runtime.block_on(itself(&asked, &facts.clusters, arguments.cluster.as_deref()))?;
    let then = without(&facts.snapshot, [&cluster]);
    let alone = left_without(&facts.snapshot, &then);
    let changes = differences(&facts.snapshot, &then).len();
    let peers = others(&facts.clusters, &cluster);

    let format = arguments.output.format;
    let mut origin = Origin::new(&asked);
    pass_over(&mut origin, &facts.passed_over);
    say_origin(out, format.is_data(), "", &origin)?;
    let write = alone.is_empty() || arguments.force;
    if write {
        runtime.block_on(say_left(&asked, &cluster, true))?;
    }
    if format.is_data() {
        let data = json!({
            "cluster": cluster.as_str(),
            "left": true,
            "written": write,
            "answeredByItAlone": texts(&alone),
            "peers": peers,
        });
        write_data(out, format, &data)?;
        return Ok(code(write));
    }
    say_alone(out, cluster.as_str(), &alone)?;
    if !write {
        writeln!(out, "Nothing was written. Give these hostnames another cluster first, or say --force.")?;
        return Ok(code(write));
    }
    writeln!(
        out,
        "{cluster}, this cluster ({because}), says goodbye: its heartbeats repeat it from now on."
    )?;
    match peers.as_slice() {
        [] => writeln!(out, "It has no peers that could hear it.")?,
        peers => writeln!(
            out,
            "Each of its peers ({}) stops answering with it when it hears that, and so does {cluster} itself: {}.",
            peers.join(", "),
            of_hostnames(changes),
        )?,
    }
    writeln!(out, "Its operator and heartbeats go on. `mci cluster join` takes it back.")?;
    Ok(code(write))
}

fn join(arguments: &Join, out: Out<'_>) -> anyhow::Result<ExitCode> {
    let runtime = runtime()?;
    let asked = runtime.block_on(arguments.kube.ask())?;
    let clusters = runtime.block_on(asked.clusters())?;
    let Own { cluster, because } =
        runtime.block_on(itself(&asked, &clusters, arguments.cluster.as_deref()))?;
    let had_left = runtime.block_on(say_left(&asked, &cluster, false))?;

    let format = arguments.output.format;
    say_origin(out, format.is_data(), "", &Origin::new(&asked))?;
    if format.is_data() {
        let data = json!({ "cluster": cluster.as_str(), "left": false, "hadLeft": had_left });
        write_data(out, format, &data)?;
    } else if had_left {
        writeln!(out, "{cluster}, this cluster ({because}), is back: its heartbeats say so from now on.")?;
    } else {
        writeln!(out, "{cluster}, this cluster ({because}), had not left: nothing was written.")?;
    }
    Ok(ExitCode::SUCCESS)
}

fn forget(arguments: &Forget, out: Out<'_>) -> anyhow::Result<ExitCode> {
    let named = arguments.clusters.iter().map(|text| identifier(text));
    let forgotten: Vec<ClusterId> = named.collect::<anyhow::Result<_>>()?;
    let runtime = runtime()?;
    let asked = runtime.block_on(arguments.kube.ask())?;
    let facts = during("Reading the cluster", || runtime.block_on(asked.facts()))?;
    for cluster in &forgotten {
        known(cluster, &facts.clusters)?;
    }
    if let Ok(Own { cluster, because }) = runtime.block_on(own(&asked, &facts.clusters))
        && forgotten.contains(&cluster)
    {
        bail!(
            "{cluster} is this cluster ({because}): it is no peer of itself; `mci cluster leave` says goodbye"
        );
    }
    let configured = configured(&asked);
    if let Some(cluster) = forgotten.iter().find(|cluster| configured.contains(cluster)) {
        bail!("{cluster} is configured as a peer ({asked}): remove it from `peers` first");
    }
    let alone = left_without(&facts.snapshot, &without(&facts.snapshot, &forgotten));

    let format = arguments.output.format;
    let mut origin = Origin::new(&asked);
    pass_over(&mut origin, &facts.passed_over);
    say_origin(out, format.is_data(), "", &origin)?;
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs();
    let at =
        rfc3339(now).ok_or_else(|| anyhow!("this machine's clock is wrong: it is past the year 9999"))?;
    let write = alone.is_empty() || arguments.force;
    if write {
        for cluster in &forgotten {
            let key = ObjectKey::new(&asked.namespace, cluster.as_str());
            let change = |object: &mut Cluster| object.spec.forget_confirmed_at = Some(at.clone());
            runtime.block_on(amend(&asked.client, &key, change))?;
        }
    }
    let listed: Vec<&str> = forgotten.iter().map(ClusterId::as_str).collect();
    if format.is_data() {
        let data = json!({
            "clusters": listed,
            "forgetConfirmedAt": write.then_some(at),
            "written": write,
            "answeredByThemAlone": texts(&alone),
        });
        write_data(out, format, &data)?;
        return Ok(code(write));
    }
    let who = listed.join(", ");
    say_alone(out, &who, &alone)?;
    if write {
        writeln!(out, "That {who} may go is confirmed at {at}, for an hour.")?;
        writeln!(
            out,
            "Where it is no longer configured it is stale now, gone after ten minutes, and then its state is deleted; where it \
             still is, nothing happens."
        )?;
    } else {
        writeln!(out, "Nothing was written. Give these hostnames another cluster first, or say --force.")?;
    }
    Ok(code(write))
}

/// The own cluster: goodbye is said where it is.
async fn itself(asked: &Asked, clusters: &[Cluster], named: Option<&str>) -> anyhow::Result<Own> {
    let Some(named) = named else { return own(asked, clusters).await };
    let named = identifier(named)?;
    known(&named, clusters)?;
    match own(asked, clusters).await {
        Ok(Own { cluster, because }) if cluster != named => bail!(
            "{named} is another cluster here: {cluster} is this one ({because}); say it where {named} is (--context)"
        ),
        Ok(Own { because, .. }) => Ok(Own { cluster: named, because }),
        // It cannot be told here: the person knows.
        Err(_) => Ok(Own { cluster: named, because: "it was named" }),
    }
}

/// Writes whether it has left; whether that was so before.
async fn say_left(asked: &Asked, cluster: &ClusterId, left: bool) -> anyhow::Result<bool> {
    let key = ObjectKey::new(&asked.namespace, cluster.as_str());
    let change = |object: &mut Cluster| {
        let before = object.spec.left.unwrap_or_default();
        if before != left {
            object.spec.left = left.then_some(true);
        }
        before
    };
    Ok(amend(&asked.client, &key, change).await?.1)
}

/// The peers of the configuration, where one was given.
fn configured(asked: &Asked) -> Vec<&ClusterId> {
    asked.config.iter().flat_map(|config| &config.peers).map(|peer| &peer.identifier).collect()
}

fn others(clusters: &[Cluster], own: &ClusterId) -> Vec<String> {
    let names = clusters.iter().filter_map(|object| object.metadata.name.clone());
    names.filter(|name| name != own.as_str()).collect()
}

fn without<'a>(snapshot: &Snapshot, gone: impl IntoIterator<Item = &'a ClusterId>) -> Snapshot {
    snapshot.edited(|edit| {
        for cluster in gone {
            edit.set_cluster(cluster, ClusterState::Gone);
        }
    })
}

fn texts(hostnames: &[Hostname]) -> Vec<String> {
    hostnames.iter().map(ToString::to_string).collect()
}

fn of_hostnames(count: usize) -> String {
    match count {
        0 => "every hostname is answered as before".to_owned(),
        1 => "1 hostname is answered differently".to_owned(),
        count => format!("{count} hostnames are answered differently"),
    }
}

fn code(written: bool) -> ExitCode {
    if written { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

#[cfg(test)]
mod tests {
    use mci_core::state_file::StateFile;

    use super::*;

    #[test]
    fn r20a_hostnames_of_clusters_that_are_gone_are_left_without() {
        let text = "
clusters: [{name: west}, {name: east}, {name: north}]
hostnames:
  - hostname: both.example
    endpoints: [{cluster: west, addresses: [192.0.2.1]}, {cluster: east, addresses: [192.0.2.2]}]
  - hostname: west.example
    endpoints: [{cluster: west, addresses: [192.0.2.1]}]
  - hostname: stale.example
    endpoints: [{cluster: west, addresses: [192.0.2.1], ready: false}, {cluster: north, addresses: [192.0.2.3]}]
";
        let snapshot = StateFile::parse(text).unwrap().into_snapshot();
        let id = |name: &str| name.parse::<ClusterId>().unwrap();
        let alone = |gone: &[ClusterId]| texts(&left_without(&snapshot, &without(&snapshot, gone)));
        assert_eq!(alone(&[id("west")]), ["west.example"]);
        assert_eq!(alone(&[id("west"), id("east")]), ["both.example", "west.example"]);
    }
}
