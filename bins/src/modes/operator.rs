//! `mci operator`: publishes what this cluster exposes, and tells its peers.

use std::process::ExitCode;
use std::sync::Arc;

use anyhow::anyhow;
use mci_http::Exposition;
use mci_http::families::{Distribution, Families, Family};
use mci_kube::lease::Timing;
use mci_kube::operator::{BOUNDS, Gauges, Histogram, Operator, Options, Settings, Stage};

use super::families::{decoding, leadership, number, watches, writes};
use super::peers::{self, Own, PeerSettings, Standings};
use super::{CONFIGURATION, Start, current, run, serve_http};
use crate::cli;
use crate::config::Config;
use crate::serve::HTTP;
use crate::serve::health::Health;
use crate::supervise::Supervisor;

/// The task that tells peers, as readiness and logs name it.
const PEERS: &str = "telling peers";

/// Runs until a signal comes.
pub(crate) fn operator(arguments: &cli::Operator) -> anyhow::Result<ExitCode> {
    run("mci-operator", &arguments.cluster, &arguments.written, begin)
}

fn begin(start: &Start) -> anyhow::Result<Supervisor> {
    let health = Arc::new(Health::of_component());
    let mut supervisor = Supervisor::new(Arc::<Health>::clone(&health));
    let settings = start.follow(&mut supervisor, &health, settings);
    let options = Options {
        namespace: start.namespace.clone(),
        cluster: start.config.cluster_identifier.clone(),
        pod: start.pod.clone(),
        timing: start.timing(),
        lease: Timing::default(),
    };
    let operator = Operator::new(start.client.clone(), options, settings);
    let gauges = operator.gauges();
    let standings = Standings::default();
    let (of_readiness, of_metrics) = (standings.clone(), standings.clone());
    let own = Own::of(&operator, start.config.cluster_identifier.clone());
    let told = start.tell(&mut supervisor, "telling which peers there are", PeerSettings::of);
    let stop = supervisor.shutdown();
    supervisor.keep_up(PEERS, move || peers::run(own.clone(), told.clone(), standings.clone(), stop.clone()));

    let (of_sync, of_watches) = (Arc::clone(&gauges), Arc::clone(&gauges));
    let readiness = health
        .tasks(&[CONFIGURATION, HTTP, PEERS])
        .require("synced", move || {
            if of_sync.is_synced() { Ok(()) } else { Err("not everything was listed yet".to_owned()) }
        })
        .detail("watches", move || {
            let ailing: Vec<String> = of_watches
                .watches()
                .iter()
                .filter_map(|watch| current(watch).err().map(|why| format!("{}: {why}", watch.name())))
                .collect();
            if ailing.is_empty() { Ok(()) } else { Err(ailing.join("; ")) }
        })
        .detail("peers", move || of_readiness.ailing());
    let exposition = Exposition::of_process(env!("CARGO_PKG_VERSION"))
        .and(Families::new(move || families(&gauges)))
        .and(Families::new(move || of_metrics.families()))
        .and(health.families());
    serve_http(&mut supervisor, &start.config, readiness, exposition)?;

    let stop = supervisor.shutdown();
    supervisor.vital("operator", async move { operator.run(stop).await.map_err(|failure| anyhow!(failure)) });
    Ok(supervisor)
}

fn settings(config: &Config) -> Settings {
    Settings { publish: config.publishing(), withdrawal: config.withdrawal, heartbeat: config.heartbeat.set }
}

fn distribution(histogram: &Histogram) -> Distribution {
    Distribution {
        count: histogram.count(),
        sum: histogram.sum().as_secs_f64(),
        at_most: BOUNDS.into_iter().zip(histogram.buckets()).collect(),
    }
}

fn families(gauges: &Gauges) -> Vec<Family> {
    let mut families = watches(&gauges.watches());
    families.extend(decoding(gauges.decoding()));
    families.push(writes(gauges.writes()));
    families.extend(leadership(gauges.claim()));

    let mut conditions = Family::gauge("mci_gslb_conditions", "GSLBs by condition and status");
    for (condition, holds, count) in gauges.conditions() {
        let status = if holds { "True" } else { "False" };
        conditions = conditions.with([("condition", condition.as_str()), ("status", status)], number(count));
    }
    let mut propagation = Family::histogram(
        "mci_propagation_seconds",
        "From what the API server sent to the decision, and to the write that was acknowledged",
    );
    for stage in Stage::ALL {
        propagation =
            propagation.distributed([("stage", stage.as_str())], distribution(gauges.propagation(stage)));
    }
    let (sent, failed) = gauges.heartbeats();
    let one = |family: Family, value: u64| family.with([], number(value));
    families.extend([
        one(Family::gauge("mci_gslbs", "GSLBs"), gauges.gslbs()),
        conditions,
        one(
            Family::gauge(
                "mci_published_hostnames",
                "Hostnames that this cluster publishes, held ones included",
            ),
            gauges.hostnames(),
        ),
        one(Family::gauge("mci_withdrawal_held", "Hostnames whose withdrawal is held (R26)"), gauges.held()),
        one(
            Family::counter(
                "mci_hostnames_joined",
                "Hostnames of other clusters that this one published for the first time (R27)",
            ),
            gauges.joined(),
        ),
        one(
            Family::counter("mci_status_refused", "Statuses that the API server refused"),
            gauges.refused_statuses(),
        ),
        Family::histogram("mci_reconcile_seconds", "How long one batch of changes took")
            .distributed([], distribution(gauges.updates())),
        Family::counter("mci_heartbeats", "Heartbeats of the own cluster")
            .with([("result", "sent")], number(sent))
            .with([("result", "failed")], number(failed)),
        propagation,
    ]);
    families
}
