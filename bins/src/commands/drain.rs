//! `mci drain`.

use std::process::ExitCode;
use std::time::Duration;

use anyhow::{Context, anyhow};
use mci_core::simulate::differences;
use mci_core::state_file::nearest;
use mci_core::{ClusterId, Family, Hostname, Override, OverrideState, Snapshot};
use mci_kube::content::cluster::rfc3339;
use mci_kube::overriding::{amend, override_cluster, override_hostname};
use mci_kube::resources::{Cluster, OverrideFields};
use mci_kube::watch::ObjectKey;
use serde_json::json;

use super::{Out, say_origin, write_data};
use crate::cli::Drain;
use crate::facts::{Origin, hostname, pass_over, runtime};
use crate::kube_facts::{Asked, user};
use crate::progress::during;
use crate::unix;

/// How many hostnames are listed for people; programs get all.
const LISTED: usize = 50;

/// Holds a cluster back, or hostnames at it (R24).
pub(crate) fn drain(arguments: &Drain, out: Out<'_>) -> anyhow::Result<ExitCode> {
    let cluster = identifier(&arguments.cluster)?;
    let hostnames = hostnames(&arguments.hostname)?;
    let runtime = runtime()?;
    let asked = runtime.block_on(arguments.kube.ask())?;
    let facts = during("Reading the cluster", || runtime.block_on(asked.facts()))?;
    known(&cluster, &facts.clusters)?;
    // It may be about to be published.
    for hostname in hostnames.iter().filter(|_| !arguments.force) {
        known_hostname(hostname, &facts.snapshot)?;
    }

    let state = if arguments.down { OverrideState::Down } else { OverrideState::Drained };
    let until = arguments.r#for.map(end).transpose()?;
    let then = |state| held_back(&facts.snapshot, &cluster, &hostnames, state);
    // Who is drained still answers where nothing else is left; what matters is who could take over.
    let alone = left_without(&facts.snapshot, &then(OverrideState::Down));
    let changes = differences(&facts.snapshot, &then(state));

    let format = arguments.output.format;
    let mut origin = Origin::new(&asked);
    pass_over(&mut origin, &facts.passed_over);
    say_origin(out, format.is_data(), "", &origin)?;
    let write = alone.is_empty() || arguments.force;
    let fields = if write {
        let by = runtime.block_on(user(&asked.client));
        let fields = OverrideFields { state, reason: Some(arguments.reason.clone()), by: Some(by), until };
        runtime.block_on(set(&asked, &cluster, &hostnames, Some(&fields)))?;
        Some(fields)
    } else {
        None
    };
    if format.is_data() {
        let alone: Vec<_> = alone.iter().map(ToString::to_string).collect();
        let changes: Vec<_> = changes.iter().collect();
        let data = json!({
            "cluster": cluster.as_str(),
            "hostnames": hostnames.iter().map(ToString::to_string).collect::<Vec<_>>(),
            "override": fields,
            "written": write,
            "answeredByItAlone": alone,
            "changes": changes,
        });
        write_data(out, format, &data)?;
    } else {
        say_alone(out, cluster.as_str(), &alone)?;
        let what = meant(&cluster, &hostnames);
        match fields {
            None => writeln!(
                out,
                "Nothing was written. Give these hostnames another cluster first, or say --force."
            )?,
            Some(fields) => {
                let until = fields
                    .until
                    .map_or_else(|| "until `mci undrain`".to_owned(), |end| format!("until {end}"));
                let by = fields.by.unwrap_or_default();
                writeln!(out, "{what} is {state} {until}, by {by}: {}", arguments.reason)?;
                match changes.len() {
                    0 => writeln!(out, "Every hostname is answered as before.")?,
                    1 => writeln!(out, "1 hostname is answered differently.")?,
                    count => writeln!(out, "{count} hostnames are answered differently.")?,
                }
                writeln!(
                    out,
                    "This holds for what this cluster answers. Set in {cluster} itself it reaches all its peers."
                )?;
            }
        }
    }
    Ok(if write { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// `west`, or `app.example, shop.example at west`.
pub(super) fn meant(cluster: &ClusterId, hostnames: &[Hostname]) -> String {
    if hostnames.is_empty() {
        return cluster.to_string();
    }
    let names: Vec<_> = hostnames.iter().map(ToString::to_string).collect();
    format!("{} at {cluster}", names.join(", "))
}

pub(super) fn identifier(text: &str) -> anyhow::Result<ClusterId> {
    text.parse().with_context(|| format!("{text:?} can be no cluster's name"))
}

pub(super) fn hostnames(texts: &[String]) -> anyhow::Result<Vec<Hostname>> {
    texts.iter().map(|text| hostname(text)).collect()
}

/// Sets the override, or lifts it.
pub(super) async fn set(
    asked: &Asked,
    cluster: &ClusterId,
    hostnames: &[Hostname],
    fields: Option<&OverrideFields>,
) -> anyhow::Result<(Cluster, bool)> {
    let key = ObjectKey::new(&asked.namespace, cluster.as_str());
    let change = |object: &mut Cluster| {
        let before = object.spec.clone();
        if hostnames.is_empty() {
            override_cluster(object, fields.cloned());
        }
        for hostname in hostnames {
            override_hostname(object, hostname, fields.cloned());
        }
        object.spec != before
    };
    Ok(amend(&asked.client, &key, change).await?)
}

/// There is a `Cluster` of that name; the nearest is named where there is none.
pub(super) fn known(cluster: &ClusterId, clusters: &[Cluster]) -> anyhow::Result<()> {
    let names = || clusters.iter().filter_map(|object| object.metadata.name.as_deref());
    if names().any(|name| name == cluster.as_str()) {
        return Ok(());
    }
    let hint = match nearest(cluster.as_str(), names()) {
        Some(near) => format!("did you mean {near}?"),
        None if clusters.is_empty() => "there is none at all".to_owned(),
        None => format!("there are {}", names().collect::<Vec<_>>().join(", ")),
    };
    Err(anyhow!("there is no Cluster {cluster}; {hint}"))
}

fn known_hostname(hostname: &Hostname, snapshot: &Snapshot) -> anyhow::Result<()> {
    if snapshot.hostname_state(hostname).is_some() {
        return Ok(());
    }
    let held: Vec<String> = snapshot.hostnames().map(|hostname| hostname.to_string()).collect();
    let hint = nearest(&hostname.to_string(), held.iter().map(String::as_str));
    let hint = hint.map(|near| format!("; did you mean {near}?")).unwrap_or_default();
    Err(anyhow!("no cluster publishes {hostname}{hint} (--force holds it back nonetheless)"))
}

/// The snapshot with the override in it.
fn held_back(
    snapshot: &Snapshot,
    cluster: &ClusterId,
    hostnames: &[Hostname],
    state: OverrideState,
) -> Snapshot {
    snapshot.edited(|edit| {
        if hostnames.is_empty() {
            edit.override_cluster(cluster, Some(Override::from(state)));
        }
        for hostname in hostnames {
            edit.override_hostname(hostname, cluster, Some(Override::from(state)));
        }
    })
}

/// Hostnames that are answered now, and then by nobody but who is held back.
pub(super) fn left_without(now: &Snapshot, then: &Snapshot) -> Vec<Hostname> {
    let lost = |name: &Hostname| now.is_answered(name, Family::Any) && !then.is_answered(name, Family::Any);
    let mut lost: Vec<Hostname> = now.hostnames().filter(lost).collect();
    lost.sort_by_cached_key(ToString::to_string);
    lost
}

/// `who` is a cluster, or several.
pub(super) fn say_alone(out: Out<'_>, who: &str, alone: &[Hostname]) -> anyhow::Result<()> {
    if alone.is_empty() {
        return Ok(());
    }
    writeln!(out, "{who} alone answers these; without it they have no answer left:")?;
    for hostname in alone.iter().take(LISTED) {
        writeln!(out, "  {hostname}")?;
    }
    if alone.len() > LISTED {
        writeln!(out, "  … and {} more: -o json lists all", alone.len() - LISTED)?;
    }
    Ok(())
}

fn end(after: Duration) -> anyhow::Result<String> {
    rfc3339(unix::since().saturating_add(after).as_secs()).ok_or_else(|| anyhow!("--for is too long"))
}

#[cfg(test)]
mod tests {
    use mci_core::state_file::StateFile;

    use super::*;

    #[test]
    fn r24_hostnames_that_only_one_cluster_answers_are_left_without() {
        let text = "
clusters: [{name: west}, {name: east}]
hostnames:
  - hostname: both.example
    endpoints: [{cluster: west, addresses: [192.0.2.1]}, {cluster: east, addresses: [192.0.2.2]}]
  - hostname: west.example
    endpoints: [{cluster: west, addresses: [192.0.2.1]}, {cluster: east, addresses: [192.0.2.2], ready: false}]
  - hostname: down.example
    endpoints: [{cluster: west, addresses: [192.0.2.1], ready: false}]
";
        let snapshot = StateFile::parse(text).unwrap().into_snapshot();
        let west: ClusterId = "west".parse().unwrap();
        let alone = |hostnames: &[Hostname]| {
            let then = held_back(&snapshot, &west, hostnames, OverrideState::Down);
            left_without(&snapshot, &then).iter().map(ToString::to_string).collect::<Vec<_>>()
        };
        assert_eq!(alone(&[]), ["west.example"]);
        assert_eq!(alone(&["both.example".parse().unwrap()]), [""; 0]);
    }
}
