//! `mci orchestrator`: merges what clusters publish, and says which of them are alive.

use std::process::ExitCode;
use std::sync::{Arc, PoisonError};

use anyhow::anyhow;
use mci_core::{ClusterState, LivenessLimits};
use mci_http::Exposition;
use mci_http::families::{Families, Family};
use mci_kube::lease::Claim;
use mci_kube::orchestrator::{Gauges, LEASE, Options, Orchestrator, Settings};

use super::families::{decoding, leadership, number, watches, writes};
use super::{CONFIGURATION, Start, leader, run, serve_http, watched};
use crate::cli;
use crate::config::Config;
use crate::serve::HTTP;
use crate::serve::health::Health;
use crate::supervise::Supervisor;

/// Runs until a signal comes.
pub(crate) fn orchestrator(arguments: &cli::Orchestrator) -> anyhow::Result<ExitCode> {
    run("mci-orchestrator", &arguments.cluster, &arguments.written, begin)
}

fn begin(start: &Start) -> anyhow::Result<Supervisor> {
    let health = Arc::new(Health::of_component());
    let mut supervisor = Supervisor::new(Arc::<Health>::clone(&health));
    let settings = start.follow(&mut supervisor, &health, settings);
    let (claim, contender) = leader::contend(&start.client, &start.namespace, LEASE, &start.pod, || 0);
    let options = Options {
        namespace: start.namespace.clone(),
        cluster: start.config.cluster_identifier.clone(),
        timing: start.timing(),
    };
    let orchestrator = Orchestrator::new(start.client.clone(), options, settings, claim.clone());
    let gauges = orchestrator.gauges();

    let mut readiness = health.tasks(&[CONFIGURATION, HTTP]);
    for watch in gauges.watches.clone() {
        readiness = watched(readiness, watch);
    }
    let exposition = Exposition::of_process(env!("CARGO_PKG_VERSION"))
        .and(Families::new(families(gauges, claim)))
        .and(health.families());
    serve_http(&mut supervisor, &start.config, readiness, exposition)?;

    let stop = supervisor.shutdown();
    leader::run(&mut supervisor, "orchestrator", contender, async move {
        orchestrator.run(stop).await.map_err(|ended| anyhow!(ended))
    });
    Ok(supervisor)
}

fn settings(config: &Config) -> Settings {
    Settings {
        peers: config.peers.iter().map(|peer| peer.identifier.clone()).collect(),
        liveness: LivenessLimits {
            timeout: config.heartbeat.timeout,
            check: config.heartbeat.check,
            interval: config.heartbeat.set,
        },
    }
}

fn families(gauges: Gauges, claim: Claim) -> impl Fn() -> Vec<Family> {
    move || {
        let mut families = watches(&gauges.watches);
        families.extend(decoding(&gauges.decoding));
        families.push(writes(gauges.writes.iter().map(|(kind, counters)| (*kind, &**counters))));
        families.extend(leadership(&claim));
        let judged = gauges.clusters.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let mut states = Family::gauge("mci_cluster_state", "1 where it is so: alive, stale or gone");
        let mut ages = Family::gauge(
            "mci_cluster_heartbeat_age_seconds",
            "How long a cluster has not been heard, as far as it could have been (R20)",
        );
        for (cluster, state, age) in &judged.clusters {
            for (label, one) in
                [("alive", ClusterState::Alive), ("stale", ClusterState::Stale), ("gone", ClusterState::Gone)]
            {
                let labels = [("cluster", cluster.as_str()), ("state", label)];
                states = states.with(labels, f64::from(u8::from(*state == one)));
            }
            ages = ages.with([("cluster", cluster.as_str())], age.as_secs_f64());
        }
        let frozen = Family::gauge("mci_liveness_frozen", "Whether nobody here could hear a peer (R20)");
        let hostnames = Family::gauge("mci_published_hostnames", "Hostnames that some cluster publishes");
        families.extend([
            states,
            ages,
            frozen.with([], f64::from(u8::from(judged.frozen))),
            hostnames.with([], number(u64::try_from(judged.hostnames).unwrap_or(u64::MAX))),
        ]);
        families
    }
}
