//! The cluster of a kube context: API server, clock, definitions, Clusters, leaders.

use std::time::Duration;

use mci_core::{ClusterState, Snapshot};
use mci_kube::client::ClusterClient;
use mci_kube::inspect::{self, Definition, Leader, Nowhere};
use mci_kube::lease;
use mci_kube::resources::Cluster;
use mci_kube::{operator, orchestrator};

use super::Finding;
use crate::kube_facts::{Asked, KubeOptions};

/// Who leads, and what does not happen while nobody does.
const LEADERS: [(&str, &str); 2] = [
    (operator::LEASE, "nothing that changes in this cluster is published"),
    (orchestrator::LEASE, "no hostname is merged, and nobody judges which clusters are alive"),
];
/// Clocks that differ by more are worth a word: overrides end by them (R24).
const CLOCKS: i64 = 2;
/// Between two looks at a Lease.
const LOOK: Duration = Duration::from_millis(500);

/// Examines it; gives what a dns-server there would answer from. `alone`: there is nothing else to examine.
pub(super) async fn examine(
    kube: &KubeOptions,
    alone: bool,
    findings: &mut Vec<Finding>,
) -> Option<Snapshot> {
    let client = match kube.connect().await {
        Ok(client) => client,
        Err(error) => {
            let what = format!("no cluster is asked: {error:#}");
            if alone || kube.is_named() {
                findings.push(Finding::fail(what, "name one by --context, or say --no-cluster"));
            } else {
                findings.push(Finding::unknown(what));
            }
            return None;
        }
    };
    match client.version().await {
        Ok(version) => {
            findings.push(Finding::ok(format!("the API server answers: {version}, {}", client.origin())));
        }
        Err(error) => {
            let what = format!("the API server cannot be asked: {error} ({})", client.origin());
            findings.push(Finding::fail(what, "`kubectl version` with the same context says more"));
            return None;
        }
    }
    clocks(&client, findings).await;
    definitions(&client, findings).await;
    let asked = match kube.ask().await {
        Ok(asked) => asked,
        Err(error) => {
            let fix = match error.downcast_ref() {
                Some(Nowhere::NotInstalled) => "install the chart",
                Some(Nowhere::NoCluster) => "start the orchestrator, or name the namespace by -n",
                Some(Nowhere::Several(_) | Nowhere::Call(_)) | None => "name the namespace by -n",
            };
            findings.push(Finding::fail(format!("{error:#}"), fix));
            return None;
        }
    };
    let facts = match asked.facts().await {
        Ok(facts) => facts,
        Err(error) => {
            findings.push(Finding::fail(format!("{error:#}"), "let this user list MCI's objects"));
            return None;
        }
    };
    for one in &facts.passed_over {
        findings.push(Finding::fail(
            format!("an object cannot be used: {one}"),
            "mend or delete it; who wrote it is in its managedFields",
        ));
    }
    clusters(&asked, &facts.snapshot, &facts.clusters, findings);
    leaders(&asked, findings).await;
    Some(facts.snapshot)
}

async fn clocks(client: &ClusterClient, findings: &mut Vec<Finding>) {
    findings.push(match inspect::clock(client).await {
        Ok(Some(clock)) => {
            let within = i64::try_from(clock.within.as_secs()).unwrap_or(i64::MAX);
            let off = clock.ahead.saturating_abs();
            if off > CLOCKS.saturating_add(within) {
                let side = if clock.ahead > 0 { "ahead of" } else { "behind" };
                Finding::fail(
                    format!("the API server's clock is {off} s {side} this machine's"),
                    "set both by NTP: overrides end by the clock of who answers",
                )
            } else {
                Finding::ok(format!(
                    "the API server's clock and this machine's agree within {} s",
                    CLOCKS + within
                ))
            }
        }
        Ok(None) => Finding::unknown("the API server tells no time"),
        Err(error) => Finding::unknown(format!("the API server's clock: {error}")),
    });
}

async fn definitions(client: &ClusterClient, findings: &mut Vec<Finding>) {
    const FIX: &str = "mci crds | kubectl apply --server-side -f -";
    let definitions = match inspect::definitions(client).await {
        Ok(definitions) => definitions,
        Err(error) if error.is_forbidden() => {
            findings.push(Finding::unknown("this user may not read the definitions of resources"));
            return;
        }
        Err(error) => {
            findings.push(Finding::unknown(format!("the definitions of resources: {error}")));
            return;
        }
    };
    let mut same = 0;
    for definition in definitions {
        findings.push(match definition {
            Definition::Same(_) => {
                same += 1;
                continue;
            }
            Definition::Missing(name) => {
                Finding::fail(format!("the definition {name} is not installed"), FIX)
            }
            Definition::NotEstablished(name) => Finding::fail(
                format!("the definition {name} is not served"),
                format!("kubectl get crd {name} -o yaml says why"),
            ),
            Definition::Differs { name, place } => Finding::fail(
                format!("the definition {name} is not that of mci {} ({place})", env!("CARGO_PKG_VERSION")),
                FIX,
            ),
        });
    }
    if same > 0 {
        let what = format!("{same} definitions of resources are those of mci {}", env!("CARGO_PKG_VERSION"));
        findings.push(Finding::ok(what));
    }
}

fn clusters(asked: &Asked, snapshot: &Snapshot, objects: &[Cluster], findings: &mut Vec<Finding>) {
    for id in snapshot.clusters() {
        let status = snapshot.cluster_status(id).cloned().unwrap_or_default();
        let object = objects.iter().find(|object| object.metadata.name.as_deref() == Some(id.as_str()));
        let said = object.and_then(|object| object.status.as_ref());
        let since = said.and_then(|said| said.since.as_deref());
        let since = since.map(|since| format!(" since {since}")).unwrap_or_default();
        let held_back = status.held_back.map(|held| format!(", and {} by an operator", held.state));
        let what = format!("cluster {id} is {}{since}{}", status.state, held_back.unwrap_or_default());
        findings.push(match (status.state, object) {
            (_, None) => Finding::fail(
                format!("cluster {id} publishes hostnames, and there is no Cluster {id}"),
                "the orchestrator makes one for each peer: is it among its peers?",
            ),
            (ClusterState::Alive | ClusterState::Gone, Some(_)) => Finding::ok(what),
            (ClusterState::Stale, Some(_)) => Finding::fail(
                what,
                "no heartbeat is heard from it: look at its operator, and at the way to it",
            ),
        });
    }
    let count = snapshot.hostname_count();
    let unanswered = snapshot
        .hostnames()
        .filter(|hostname| snapshot.condition(hostname).is_some_and(|condition| !condition.answered))
        .count();
    let namespace = &asked.namespace;
    let unanswered = if unanswered == 0 {
        String::new()
    } else {
        format!(", {unanswered} of them without an answer now (mci status names them)")
    };
    findings.push(Finding::ok(format!("namespace {namespace} holds {count} hostnames{unanswered}")));
}

/// Leases are looked at until each was seen to be renewed, or has not been for as long as it may: by no clock but ours.
async fn leaders(asked: &Asked, findings: &mut Vec<Finding>) {
    let first = match look(asked).await {
        Ok(leaders) => leaders,
        Err(why) => {
            findings.push(Finding::unknown(format!("leaders are not known: {why}")));
            return;
        }
    };
    let began = tokio::time::Instant::now();
    let mut renewed = [false; LEADERS.len()];
    while began.elapsed() <= lease::Timing::default().duration {
        tokio::time::sleep(LOOK).await;
        let Ok(now) = look(asked).await else { continue };
        for ((name, _), renewed) in LEADERS.iter().zip(&mut renewed) {
            let version = |leaders: &[Leader]| {
                let found = leaders.iter().find(|leader| leader.name == *name && leader.holder.is_some());
                found.map(|leader| leader.version.clone())
            };
            *renewed |= version(&now).is_some() && version(&now) != version(&first);
        }
        // One that nobody holds, or that is not there, is not waited for longer than the others.
        let held = |name: &str| now.iter().any(|leader| leader.name == name && leader.holder.is_some());
        if LEADERS.iter().zip(&renewed).all(|((name, _), renewed)| *renewed || !held(name)) {
            break;
        }
    }
    let last = look(asked).await.unwrap_or(first);
    for ((name, without), renewed) in LEADERS.iter().zip(renewed) {
        let leader = last.iter().find(|leader| leader.name == *name);
        findings.push(match leader.and_then(|leader| Some((leader, leader.holder.as_ref()?))) {
            Some((leader, holder)) if renewed => {
                Finding::ok(format!("{name} is led by {holder}, term {}", leader.term))
            }
            Some((_, holder)) => Finding::fail(
                format!("{name} is held by {holder}, who does not renew it: {without}"),
                format!("look at the pods of {name}"),
            ),
            None => Finding::fail(
                format!("nobody leads as {name}: {without}"),
                format!("start it, or look at the log of {name}"),
            ),
        });
    }
}

async fn look(asked: &Asked) -> Result<Vec<Leader>, String> {
    let leases = inspect::leases(&asked.client, &asked.namespace).await;
    leases.map(|leases| leases.leaders).map_err(|error| error.to_string())
}
