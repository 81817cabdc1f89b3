//! `mci dns-server`: answers from what the API server holds.

use std::process::ExitCode;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use anyhow::bail;
use mci_core::{Changes, Hostname, Live, Snapshot};
use mci_http::api::{ClusterDetail, Details, SnapshotFileDetail, SourceDetail, api};
use mci_http::families::{Families, Family};
use mci_http::{Exposition, Metrics, Observers, QueryLog};
use mci_kube::content::cluster::ClusterView;
use mci_kube::events::{News, Notice, Recorder, recorder};
use mci_kube::resources::{Cluster, GROUP, VERSION};
use mci_kube::supply::{Gauges, Listener, Options, Source, Supply};

use super::families::{decoding, number, watches};
use super::snapshot_file::Kept;
use super::{CONFIGURATION, EVENTS, Start, current, run};
use crate::cli;
use crate::config::{Config, ReadFrom};
use crate::serve::change_log;
use crate::serve::health::Health;
use crate::serve::ports::{Listening, Ports, Told};
use crate::serve::{CERTIFICATES, HTTP};
use crate::supervise::Supervisor;
use crate::unix;

/// The tasks that are started again, as readiness and logs name them.
const SUPPLY: &str = "watching the API server";
const SNAPSHOT_FILE: &str = "writing the snapshot file";

/// Runs until a signal comes.
pub(crate) fn dns_server(arguments: &cli::DnsServer) -> anyhow::Result<ExitCode> {
    run("mci-dns-server", &arguments.cluster, &arguments.written, begin)
}

fn begin(start: &Start) -> anyhow::Result<Supervisor> {
    let config = Arc::clone(&start.config);
    let live = Arc::new(Live::new(Snapshot::unready()));
    take_zones(&live, &config);
    let metrics = Arc::new(Metrics::new(Arc::clone(&live), env!("CARGO_PKG_VERSION")));
    metrics.count_hostnames(&config.metrics_hostnames);
    let health = Arc::new(Health::in_cluster(Arc::clone(&metrics)));
    let query_log = Arc::new(QueryLog::new(Arc::clone(&live)));
    query_log.set(config.log.queries.as_ref());
    let observers = Arc::new(Observers { metrics: Arc::clone(&metrics), query_log });
    let mut supervisor = Supervisor::new(Arc::<Health>::clone(&health));

    let (events, event_writer) = recorder(start.client.clone(), "mci-dns-server", &start.pod);
    let kept = config.snapshot_file.clone().map(Kept::new);
    let file = kept.as_ref().and_then(|kept| kept.read());
    let heard = Arc::new(Heard {
        health: Arc::clone(&health),
        kept: kept.clone(),
        events,
        cluster: config.cluster_identifier.to_string(),
        namespace: start.namespace.clone(),
        held: Mutex::default(),
        clusters: Mutex::default(),
        from_file: AtomicBool::new(false),
    });
    let supply = Arc::new(Supply::new(
        start.client.clone(),
        options(start),
        Arc::clone(&live),
        Arc::<Heard>::clone(&heard),
    ));
    let gauges = supply.gauges();

    let mut tasks = vec![SUPPLY, CONFIGURATION, HTTP, EVENTS];
    tasks.extend(kept.is_some().then_some(SNAPSHOT_FILE));
    tasks.extend(config.grpc_tls.is_some().then_some(CERTIFICATES));
    let mut readiness = health.readiness(Arc::clone(&live), &tasks);
    for watch in gauges.watches.clone() {
        readiness = readiness.detail(watch.name(), move || current(&watch));
    }
    let of_file = Arc::clone(&heard);
    readiness = readiness.detail("snapshot file", move || of_file.file_detail());
    let told = Told {
        readiness,
        exposition: Exposition::of_queries(Arc::clone(&metrics)).and(Families::new(families(
            gauges.clone(),
            Arc::clone(&heard),
            kept.clone(),
        ))),
        api: api(Arc::clone(&live), Arc::new(details(gauges, Arc::clone(&heard), kept.clone()))),
    };
    let ports = Ports::bind(&listening(&config)?, &live, &observers, told)?;
    tracing::info!(listening = ports.addresses(), "Listening");
    ports.run(&mut supervisor);

    follow(start, &mut supervisor, &health, &live, &metrics, &observers, &supply);
    let (stop, file) = (supervisor.shutdown(), Mutex::new(file));
    supervisor.keep_up(SUPPLY, move || {
        let (supply, stop) = (Arc::clone(&supply), stop.clone());
        // Read at the start: later what is answered is newer than it.
        let file = file.lock().unwrap_or_else(PoisonError::into_inner).take();
        async move {
            supply.run(file, stop).await;
            Ok(())
        }
    });
    if let Some(kept) = kept {
        let (live, stop) = (Arc::clone(&live), supervisor.shutdown());
        supervisor.keep_up(SNAPSHOT_FILE, move || Arc::clone(&kept).keep(Arc::clone(&live), stop.clone()));
    }
    let (stop, mut event_writer) = (supervisor.shutdown(), Some(event_writer));
    supervisor.keep_up(EVENTS, move || {
        let (writer, stop) = (event_writer.take(), stop.clone());
        async move {
            match writer {
                Some(writer) => writer.run(stop).await,
                // It failed once: what is told is logged, too.
                None => stop.cancelled().await,
            }
            Ok(())
        }
    });
    Ok(supervisor)
}

fn listening(config: &Config) -> anyhow::Result<Listening> {
    if config.listen.dns.is_empty() && config.listen.grpc.is_empty() {
        bail!("listen.dns and listen.grpc are both off: nothing would be answered");
    }
    Ok(Listening {
        dns: config.listen.dns.clone(),
        grpc: config.listen.grpc.clone(),
        http: config.listen.http,
        tls: config.grpc_tls.clone(),
        grpc_concurrency: config.grpc_concurrency,
        rate_limit: config.rate_limit,
        cookies: config.cookie_secrets.clone(),
    })
}

fn options(start: &Start) -> Options {
    Options {
        namespace: start.namespace.clone(),
        cluster: start.config.cluster_identifier.clone(),
        source: match start.config.source {
            ReadFrom::HostnameCaches => Source::HostnameCaches,
            ReadFrom::ClusterCaches => Source::ClusterCaches,
        },
        timing: start.timing(),
        withdrawal: start.config.withdrawal,
    }
}

fn take_zones(live: &Live, config: &Config) -> Changes {
    live.edit(|edit| {
        edit.set_zones(&config.zones);
        edit.set_settings(config.settings.clone());
        edit.stamp(u32::try_from(unix::now()).unwrap_or(u32::MAX));
    })
}

/// Takes what may change while it answers.
fn follow(
    start: &Start,
    supervisor: &mut Supervisor,
    health: &Arc<Health>,
    live: &Arc<Live>,
    metrics: &Arc<Metrics>,
    observers: &Arc<Observers>,
    supply: &Arc<Supply>,
) {
    let supply = Arc::clone(supply);
    let (mut news, levels, stop) = (start.follower.subscribe(), start.levels.clone(), supervisor.shutdown());
    let (live, metrics, observers, of_health) =
        (Arc::clone(live), Arc::clone(metrics), Arc::clone(observers), Arc::clone(health));
    supervisor.vital("taking the configuration", async move {
        while let Some(Ok(())) = stop.run_until_cancelled(news.changed()).await {
            let config = Arc::clone(&news.borrow_and_update());
            levels.set(config.log.level.clone());
            metrics.count_hostnames(&config.metrics_hostnames);
            observers.query_log.set(config.log.queries.as_ref());
            supply.configure(config.withdrawal);
            let changes = take_zones(&live, &config);
            if changes.any() {
                of_health.served(true);
                change_log::log(&changes);
            }
        }
        stop.cancelled().await;
        Ok(())
    });
    start.follow_file(supervisor, health);
}

/// Hears what is supplied, and tells it on.
struct Heard {
    health: Arc<Health>,
    kept: Option<Arc<Kept>>,
    events: Recorder,
    cluster: String,
    namespace: String,
    /// Hostnames whose withdrawal is held.
    held: Mutex<Vec<Hostname>>,
    /// What is known of clusters beside what answers depend on.
    clusters: Mutex<Vec<ClusterDetail>>,
    from_file: AtomicBool,
}

impl Heard {
    fn holds(&self) -> MutexGuard<'_, Vec<Hostname>> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn file_detail(&self) -> Result<(), String> {
        let Some(kept) = &self.kept else { return Ok(()) };
        if self.from_file.load(Ordering::Relaxed) {
            let age = kept.age().unwrap_or_default().as_secs();
            return Err(format!(
                "answers come from it: the API server has not been heard since the start ({age} s old)"
            ));
        }
        Ok(())
    }
}

impl Listener for Heard {
    fn changed(&self, changes: &Changes) {
        self.health.served(true);
        // The first sync is no news about each hostname.
        if changes.before().is_ready() {
            change_log::log(changes);
        }
        if let Some(kept) = &self.kept {
            kept.changed();
        }
    }

    fn held(&self, hostnames: &[Hostname]) {
        let first = hostnames.first().map(ToString::to_string).unwrap_or_default();
        self.events.tell(Notice {
            regarding: k8s_reference::<Cluster>(&self.namespace, &self.cluster),
            news: News::Warning,
            reason: "WithdrawalHeld",
            action: "Serve",
            note: format!(
                "{} hostnames would go at once, {first} among them: they are still answered. If that is meant: mci withdraw --confirm",
                hostnames.len()
            ),
        });
    }

    fn holding(&self, hostnames: &mut dyn Iterator<Item = &Hostname>) {
        let mut held = self.holds();
        held.clear();
        held.extend(hostnames.cloned());
    }

    fn clusters(&self, views: &mut dyn Iterator<Item = &ClusterView>) {
        let detail = |view: &ClusterView| ClusterDetail {
            name: view.id.to_string(),
            since: view.since.clone(),
            reason: view.reason.clone(),
        };
        *self.clusters.lock().unwrap_or_else(PoisonError::into_inner) = views.map(detail).collect();
    }

    fn answering_from_file(&self) {
        self.from_file.store(true, Ordering::Relaxed);
    }

    fn synced(&self) {
        self.from_file.store(false, Ordering::Relaxed);
    }
}

fn k8s_reference<K: mci_kube::Resource<DynamicType = ()>>(
    namespace: &str,
    name: &str,
) -> mci_kube::events::ObjectReference {
    mci_kube::events::ObjectReference {
        api_version: Some(format!("{GROUP}/{VERSION}")),
        kind: Some(K::kind(&()).into_owned()),
        namespace: Some(namespace.to_owned()),
        name: Some(name.to_owned()),
        ..Default::default()
    }
}

fn details(gauges: Gauges, heard: Arc<Heard>, kept: Option<Arc<Kept>>) -> impl Fn() -> Details {
    move || Details {
        program: concat!("mci-dns-server ", env!("CARGO_PKG_VERSION")).to_owned(),
        sources: gauges
            .watches
            .iter()
            .map(|watch| SourceDetail {
                name: watch.name().to_owned(),
                synced: watch.is_synced(),
                heard_seconds_ago: watch.since_contact().map(|since| since.as_secs()),
                why: current(watch).err(),
            })
            .collect(),
        snapshot_file: kept.as_ref().map(|kept| SnapshotFileDetail {
            path: kept.path().display().to_string(),
            age_seconds: kept.age().map(|age| age.as_secs()),
            serving: heard.from_file.load(Ordering::Relaxed),
        }),
        withdrawals_held: heard.holds().iter().map(ToString::to_string).collect(),
        clusters: heard.clusters.lock().unwrap_or_else(PoisonError::into_inner).clone(),
    }
}

fn families(gauges: Gauges, heard: Arc<Heard>, kept: Option<Arc<Kept>>) -> impl Fn() -> Vec<Family> {
    move || {
        let mut families = watches(&gauges.watches);
        families.extend(decoding(&gauges.decoding));
        let held = u64::try_from(heard.holds().len()).unwrap_or(u64::MAX);
        families.push(
            Family::gauge("mci_withdrawal_held", "Hostnames whose withdrawal is held (R26)")
                .with([], number(held)),
        );
        if let Some(kept) = &kept {
            let written =
                Family::gauge("mci_snapshot_file_timestamp_seconds", "When the snapshot file was written");
            families.extend(kept.written().map(|seconds| written.with([], number(seconds))));
            families.push(
                Family::counter(
                    "mci_snapshot_file_failures",
                    "Snapshot files that could not be read or written",
                )
                .with([], number(kept.failures())),
            );
            families.push(
                Family::gauge("mci_snapshot_file_serving", "Whether answers come from the snapshot file")
                    .with([], f64::from(u8::from(heard.from_file.load(Ordering::Relaxed)))),
            );
        }
        families
    }
}
