//! Where a status is read, once or again and again.

use std::sync::Arc;
use std::time::Duration;

use anyhow::{anyhow, bail};
use mci_core::{Changes, ClusterId, Hostname, Live, Override, Snapshot, WithdrawalLimits};
use mci_kube::content::cluster::rfc3339;
use mci_kube::heartbeat::View;
use mci_kube::inspect::{self, Leases};
use mci_kube::resources::Cluster;
use mci_kube::supply::{self, Listener, Supply};
use mci_kube::watch::Timing;
use mci_kube::{operator, orchestrator};
use serde_json::Value;
use tokio::runtime::Runtime;
use tokio_util::sync::CancellationToken;

use super::{
    ClusterRow, ComparedRow, HeldBack, HostnameRow, Hostnames, LeaderRow, Mixed, PublishedRow, Status,
};
use crate::facts::{Origin, explained, load, pass_over, runtime, served};
use crate::files::Sources;
use crate::http_client::HttpServer;
use crate::kube_facts::{Asked, KubeOptions};
use crate::source::{Server, Source};

/// The Leases that are there where MCI runs.
const LEASES: [&str; 2] = [operator::LEASE, orchestrator::LEASE];

/// A source that can be looked at again.
pub(crate) struct Looking {
    runtime: Runtime,
    at: At,
    compare: Option<Vec<Asked>>,
}

enum At {
    Files(Sources),
    Server { url: String, client: Box<HttpServer>, last: Option<(String, Snapshot)> },
    Cluster { asked: Box<Asked>, followed: Option<Arc<Live>> },
}

impl Looking {
    /// Connects. `compare`: what each cluster publishes is read too, and compared with what is stored in these contexts.
    pub(crate) fn begin(source: Source, compare: Option<&[String]>) -> anyhow::Result<Self> {
        let runtime = runtime()?;
        let others = match (&source, compare) {
            (_, None) => None,
            (Source::Cluster(options), Some(contexts)) => {
                let of = |context: &String| KubeOptions {
                    context: Some(context.clone()),
                    // The configuration is that of the first.
                    config: None,
                    ..options.clone()
                };
                let asked = contexts.iter().map(|context| {
                    let options = of(context);
                    runtime.block_on(options.ask()).map_err(|error| explained(&options, error))
                });
                Some(asked.collect::<anyhow::Result<Vec<Asked>>>()?)
            }
            (_, Some(_)) => bail!("--compare reads what is stored of each cluster: it needs a kube context"),
        };
        let at = match source {
            Source::Files(sources) => At::Files(sources),
            Source::Server(Server::Http(url)) => {
                let client = Box::new(HttpServer::new(&url)?);
                At::Server { url, client, last: None }
            }
            Source::Server(server @ (Server::Dns(..) | Server::Grpc(..))) => {
                bail!("{server} gives answers alone: use --server http://HOST:PORT or a kube context")
            }
            Source::Cluster(options) => {
                let asked = runtime.block_on(options.ask()).map_err(|error| explained(&options, error))?;
                At::Cluster { asked: Box::new(asked), followed: None }
            }
        };
        Ok(Self { runtime, at, compare: others })
    }

    /// How it stands now.
    pub(crate) fn look(&mut self) -> anyhow::Result<(Status, Origin)> {
        match &mut self.at {
            At::Files(sources) => {
                let snapshot = load(sources)?;
                Ok((of_snapshot(&snapshot), Origin::new(sources)))
            }
            At::Server { url, client, last } => {
                let status = self.runtime.block_on(of_server(url, client, last))?;
                Ok((status, Origin::new(url)))
            }
            At::Cluster { asked, followed } => {
                let compare = self.compare.as_deref();
                self.runtime.block_on(of_cluster(asked, followed.as_deref(), compare))
            }
        }
    }

    /// Waits; what is followed goes on meanwhile. A cluster's hostnames are watched from now on, not listed again.
    pub(crate) fn wait(&mut self, time: Duration) {
        if let At::Cluster { asked, followed } = &mut self.at
            && followed.is_none()
        {
            *followed = Some(follow(&self.runtime, asked));
        }
        // Timers are made where a runtime is entered.
        self.runtime.block_on(async { tokio::time::sleep(time).await });
    }
}

/// Follows the hostnames of a cluster, as a dns-server does.
fn follow(runtime: &Runtime, asked: &Asked) -> Arc<Live> {
    let live = Arc::new(Live::new(Snapshot::unready()));
    let options = supply::Options {
        namespace: asked.namespace.clone(),
        cluster: asked.config.as_ref().map_or_else(
            || "local".parse().expect("the default identifier is one"),
            |config| config.cluster_identifier.clone(),
        ),
        source: asked.source(),
        timing: Timing::default(),
        // What is shown is what is there.
        withdrawal: WithdrawalLimits { hold: Duration::ZERO, ..WithdrawalLimits::default() },
    };
    let supply = Supply::new(asked.client.clone(), options, Arc::clone(&live), Arc::new(Deaf));
    if let Some(config) = &asked.config {
        live.edit(|edit| {
            edit.set_zones(&config.zones);
            edit.set_settings(config.settings.clone());
        });
    }
    // It ends with the runtime, and that with the command.
    runtime.spawn(async move { supply.run(None, CancellationToken::new()).await });
    live
}

/// Looks instead of listening.
struct Deaf;

impl Listener for Deaf {
    fn changed(&self, _: &Changes) {}
    fn held(&self, _: &[Hostname]) {}
    fn holding(&self, _: &mut dyn Iterator<Item = &Hostname>) {}
    fn answering_from_file(&self) {}
    fn synced(&self) {}
}

async fn of_cluster(
    asked: &Asked,
    followed: Option<&Live>,
    compare: Option<&[Asked]>,
) -> anyhow::Result<(Status, Origin)> {
    let mut origin = Origin::new(asked);
    let followed = followed.map(Live::snapshot).filter(Snapshot::is_ready);
    let (snapshot, clusters) = if let Some(snapshot) = followed {
        (snapshot, asked.clusters().await?)
    } else {
        let facts = asked.facts().await?;
        pass_over(&mut origin, &facts.passed_over);
        (facts.snapshot, facts.clusters)
    };
    let mut status = of_snapshot(&snapshot);
    match inspect::leases(&asked.client, &asked.namespace).await {
        Ok(leases) => {
            pass_over(&mut origin, &leases.passed_over);
            beside(&mut status, &clusters, &leases);
        }
        // Who may see hostnames need not be allowed to see Leases.
        Err(error) => {
            beside(&mut status, &clusters, &Leases::default());
            status.leaders = None;
            origin.note(format!("Leaders and heartbeats are not known: {error}"));
        }
    }
    status.mixed = Mixed::of(&snapshot, &status.clusters);
    if let Some(others) = compare {
        let here = published(asked, &mut origin).await?;
        for other in others {
            let there = published(other, &mut origin).await?;
            status.compared.extend(ComparedRow::of(&other.to_string(), &here, &there));
        }
        status.published = Some(here);
    }
    Ok((status, origin))
}

async fn published(asked: &Asked, origin: &mut Origin) -> anyhow::Result<Vec<PublishedRow>> {
    let published = inspect::published(&asked.client, &asked.namespace);
    let (published, passed_over) = published.await.map_err(|error| anyhow!("{asked}: {error}"))?;
    pass_over(origin, &passed_over);
    Ok(published.into_iter().map(PublishedRow::from).collect())
}

/// Adds what the objects tell beside what answers depend on.
fn beside(status: &mut Status, clusters: &[Cluster], leases: &Leases) {
    for row in &mut status.clusters {
        let object = clusters.iter().find(|object| object.metadata.name.as_deref() == Some(&row.name));
        let said = object.and_then(|object| object.status.as_ref());
        row.since = said.and_then(|said| said.since.clone());
        row.reason = said.and_then(|said| said.reason.clone());
        let heard = leases.heard.iter().find(|heard| heard.cluster == row.name);
        row.heartbeat = heard.and_then(|heard| heard.renewed);
        row.protocol = heard.and_then(|heard| heard.said.protocol).map(|protocol| protocol.to_string());
        row.degraded = heard.is_some_and(|heard| heard.said.view == Some(View::Degraded));
    }
    let mut leaders: Vec<LeaderRow> = leases
        .leaders
        .iter()
        .map(|leader| LeaderRow {
            lease: leader.name.clone(),
            holder: leader.holder.clone(),
            term: leader.term,
            renewed: leader.renewed,
        })
        .collect();
    for lease in LEASES {
        if !leaders.iter().any(|leader| leader.lease == lease) {
            leaders.push(LeaderRow { lease: lease.to_owned(), holder: None, term: 0, renewed: None });
        }
    }
    leaders.sort_by(|a, b| a.lease.cmp(&b.lease));
    status.leaders = Some(leaders);
}

async fn of_server(
    url: &str,
    client: &HttpServer,
    last: &mut Option<(String, Snapshot)>,
) -> anyhow::Result<Status> {
    let told = client.json("/api/v1/status").await?;
    let digest = told.get("digest").and_then(Value::as_str).unwrap_or_default().to_owned();
    // The whole state is large: it is read again where it is another one.
    let snapshot = match last {
        Some((known, snapshot)) if *known == digest => snapshot.clone(),
        _ => {
            let snapshot = served(url).await?;
            *last = Some((digest, snapshot.clone()));
            snapshot
        }
    };
    let mut status = of_snapshot(&snapshot);
    let text = |value: &Value, key: &str| value.get(key).and_then(Value::as_str).map(str::to_owned);
    for row in &mut status.clusters {
        let clusters = told.get("clusters").and_then(Value::as_array);
        let known =
            clusters.and_then(|all| all.iter().find(|one| text(one, "name").as_ref() == Some(&row.name)));
        row.since = known.and_then(|known| text(known, "since"));
        row.reason = known.and_then(|known| text(known, "reason"));
    }
    let held = told.get("withdrawalsHeld").and_then(Value::as_array);
    status.withdrawals_held =
        held.map(|held| held.iter().filter_map(|name| name.as_str().map(str::to_owned)).collect());
    status.server = Some(told);
    Ok(status)
}

fn of_snapshot(snapshot: &Snapshot) -> Status {
    let mut rows: Vec<ClusterRow> = snapshot.clusters().map(|id| row(snapshot, id)).collect();
    for (hostname, id, held_back) in snapshot.hostname_overrides() {
        if let Some(row) = rows.iter_mut().find(|row| row.name == id.as_str()) {
            let (hostname, held_back) = (hostname.to_string(), HeldBack::from(&held_back));
            row.hostname_overrides.push(HostnameRow { hostname, held_back });
        }
    }
    Status { clusters: rows, hostnames: Hostnames::of(snapshot), ..Status::default() }
}

fn row(snapshot: &Snapshot, id: &ClusterId) -> ClusterRow {
    let status = snapshot.cluster_status(id).cloned().unwrap_or_default();
    ClusterRow {
        name: id.to_string(),
        state: status.state,
        held_back: status.held_back.as_ref().map(HeldBack::from),
        ..ClusterRow::default()
    }
}

impl From<&Override> for HeldBack {
    fn from(held_back: &Override) -> Self {
        let Override { state, reason, by, until } = held_back;
        let text = |text: &Option<Arc<str>>| text.as_ref().map(ToString::to_string);
        Self { state: *state, reason: text(reason), by: text(by), until: until.and_then(rfc3339) }
    }
}
