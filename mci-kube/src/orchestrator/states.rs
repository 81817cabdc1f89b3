//! From heartbeats to the states of clusters: every replica judges, the leader writes.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use k8s_openapi::api::coordination::v1::Lease;
use mci_core::ClusterId;
use tokio::sync::{mpsc, watch as told};
use tokio::time::{Instant, MissedTickBehavior, interval};
use tracing::{error, info, warn};

use super::foreign::Foreign;
use super::judge::{Judge, Verdict};
use super::merge::Strangers;
use super::wanted::{Exists, Says};
use super::{Judged, LEASE, Options, Settings, leftovers, lock};
use crate::client::ClusterClient;
use crate::content::cluster::{rfc3339, unix_seconds};
use crate::heartbeat::{self, Evidence};
use crate::lease::Claim;
use crate::resources::Cluster;
use crate::shards::Shards;
use crate::unix;
use crate::watch::{self, Batch, Change, ObjectKey, Observed, Progress, Source};
use crate::write::{Desk, Lane};

/// Between two looks for what another application left behind.
const SWEEP: Duration = Duration::from_mins(10);
/// So far from the time at which it was given, by the clock of this machine, a confirmation counts: one that was given for
/// an earlier removal is none for a mistake later.
const CONFIRMED: Duration = Duration::from_hours(1);

pub(super) struct Parts {
    pub(super) client: ClusterClient,
    pub(super) options: Options,
    pub(super) settings: told::Receiver<Settings>,
    pub(super) claim: Claim,
    pub(super) namespace: Arc<str>,
    pub(super) shards: Arc<Mutex<Shards>>,
    pub(super) exists: Desk<Exists>,
    pub(super) says: Desk<Says>,
    pub(super) leases: Arc<Progress>,
    pub(super) judged: Arc<Mutex<Judged>>,
    pub(super) strangers: Arc<Strangers>,
}

pub(super) struct States {
    parts: Parts,
    judge: Judge,
    foreign: Foreign,
    began: Instant,
    /// What was said of each cluster last.
    said: BTreeMap<ClusterId, Verdict>,
    /// When people confirmed that a peer is to be forgotten, in Unix seconds.
    confirmed: BTreeMap<ClusterId, u64>,
    /// Clusters were listed: what was judged before is known.
    listed: bool,
    swept: Option<Duration>,
}

impl States {
    pub(super) fn new(parts: Parts) -> Self {
        let limits = parts.settings.borrow().liveness;
        Self {
            judge: Judge::new(parts.options.cluster.clone(), limits),
            foreign: Foreign::new(Duration::ZERO),
            began: Instant::now(),
            said: BTreeMap::new(),
            confirmed: BTreeMap::new(),
            listed: false,
            swept: None,
            parts,
        }
    }

    pub(super) async fn run(
        mut self,
        mut clusters: mpsc::Receiver<Batch<Arc<Cluster>>>,
        mut leases: mpsc::Receiver<Batch<Lease>>,
    ) {
        let mut settings = self.parts.settings.clone();
        let mut check = checks(&settings.borrow());
        loop {
            tokio::select! {
                Some(batch) = clusters.recv() => self.clusters(batch),
                Some(batch) = leases.recv() => self.leases(batch),
                Ok(()) = settings.changed() => {
                    check = checks(&settings.borrow_and_update());
                    self.configure();
                }
                _ = check.tick() => self.check().await,
                else => return,
            }
        }
    }

    fn now(&self) -> Duration {
        self.began.elapsed()
    }

    fn clusters(&mut self, batch: Batch<Arc<Cluster>>) {
        let now = self.now();
        let confirmed = self.confirmed.clone();
        let see = |states: &mut Self, observed: &Observed<Arc<Cluster>>| {
            let Ok(id) = observed.key.name.parse::<ClusterId>() else { return };
            states.confirms(&id, &observed.value);
            let judged = observed.value.status.as_ref().and_then(|status| status.state);
            states.judge.knew(&id, judged, now);
            if let Some(judged) = judged
                && states.parts.claim.term().is_none()
            {
                states.judge.adopt(&id, judged);
            }
        };
        match &batch {
            Batch::Absent => {}
            Batch::Replace(listing) => {
                for observed in &listing.items {
                    see(self, observed);
                }
            }
            Batch::Changes(changes) => {
                for change in changes {
                    if let Change::Applied(observed) = change {
                        see(self, observed);
                    }
                }
            }
        }
        let first = !std::mem::replace(&mut self.listed, true);
        self.parts.exists.observe(batch.clone());
        self.parts.says.observe(batch);
        if first || self.confirmed != confirmed {
            self.configure();
        }
        if first {
            self.parts.exists.begin();
            self.parts.says.begin();
        } else {
            self.say();
        }
    }

    fn confirms(&mut self, id: &ClusterId, object: &Cluster) {
        let Some(text) = object.spec.forget_confirmed_at.as_deref() else {
            self.confirmed.remove(id);
            return;
        };
        match unix_seconds(text) {
            Ok(at) => {
                self.confirmed.insert(id.clone(), at);
            }
            Err(problem) => warn!(cluster = %id, problem, "spec.forgetConfirmedAt confirms nothing"),
        }
    }

    fn configure(&mut self) {
        if !self.listed {
            return;
        }
        let now = self.now();
        let Settings { peers, liveness } = self.parts.settings.borrow().clone();
        // A cluster that has shards here belonged here.
        let publishing: Vec<ClusterId> =
            lock(&self.parts.shards).publications().clusters().cloned().collect();
        for id in publishing {
            self.judge.knew(&id, None, now);
        }
        let unix = unix::now();
        let counts = |(_, at): &(&ClusterId, &u64)| at.abs_diff(unix) <= CONFIRMED.as_secs();
        let forgotten: BTreeSet<ClusterId> =
            self.confirmed.iter().filter(counts).map(|(id, _)| id.clone()).collect();
        if let Err(refused) = self.judge.configure(&peers, &forgotten, liveness, now) {
            error!(%refused, "The peers stay as they were");
        }
        for id in peers.iter().chain([&self.parts.options.cluster]) {
            let namespace = Arc::clone(&self.parts.namespace);
            self.parts.exists.want(self.key(id), Exists { cluster: id.clone(), namespace }, Lane::Bulk);
        }
        self.say();
    }

    fn leases(&mut self, batch: Batch<Lease>) {
        match batch {
            Batch::Absent => {}
            Batch::Replace(listing) => {
                for key in listing.vanished {
                    self.lease_gone(&key.name);
                }
                for observed in listing.items {
                    self.lease(&observed.value);
                }
            }
            Batch::Changes(changes) => {
                for change in changes {
                    match change {
                        Change::Applied(observed) => self.lease(&observed.value),
                        Change::Deleted { key, .. } => self.lease_gone(&key.name),
                        Change::Malformed(_) => {}
                    }
                }
            }
        }
        self.say();
    }

    fn lease(&mut self, lease: &Lease) {
        let now = self.now();
        let name = lease.metadata.name.as_deref().unwrap_or_default();
        match heartbeat::read(lease) {
            Ok(Evidence::Other) if is_ours(name) => {}
            Ok(Evidence::Other) => {
                let version = lease.metadata.resource_version.clone().unwrap_or_default();
                self.foreign.seen(name, version, now);
            }
            Ok(evidence) => self.judge.take(evidence, now),
            // It says nothing, and so nobody is heard by it.
            Err(problem) => warn!(lease = name, problem, "A heartbeat cannot be read"),
        }
    }

    fn lease_gone(&mut self, name: &str) {
        if let Some(pod) = name.strip_prefix(heartbeat::RECEIVER) {
            self.judge.receiver_gone(pod);
        }
        self.foreign.gone(name);
    }

    /// Lets ages grow: by what the watch says while nobody is in doubt, and else by what a list says at this moment, so
    /// that a watch that is silently dead, or an API server that hangs, makes nobody stale.
    async fn check(&mut self) {
        let now = self.now();
        let contact = if self.judge.is_doubtful() {
            let source = Source::of::<Lease>("leases", Some(&self.parts.namespace));
            match watch::once(&self.parts.client, &source, watch::decode::<Lease>).await {
                Ok(listing) => {
                    for observed in &listing.items {
                        self.lease(&observed.value);
                    }
                    true
                }
                Err(_) => false,
            }
        } else {
            self.parts.leases.state().is_current()
        };
        self.judge.tick(now, contact);
        self.say();
        self.tell();
        if self.parts.claim.term().is_some() {
            self.bury(now).await;
            self.sweep(now).await;
        }
    }

    /// Has written what is new.
    fn say(&mut self) {
        if !self.listed {
            return;
        }
        let verdicts: BTreeMap<ClusterId, Verdict> = self.judge.verdicts(self.now()).into_iter().collect();
        for (id, verdict) in &verdicts {
            let before = self.said.get(id);
            if before == Some(verdict) {
                continue;
            }
            if before.is_some_and(|before| before.state != verdict.state) {
                info!(cluster = %id, state = %verdict.state, because = verdict.reason, "Cluster state changed");
            }
            let since = rfc3339(unix::now()).unwrap_or_default();
            self.parts.says.want(self.key(id), Says { verdict: verdict.clone(), since }, Lane::Changes);
        }
        self.said = verdicts;
    }

    /// For metrics.
    fn tell(&self) {
        let mut judged = lock(&self.parts.judged);
        judged.clusters = self
            .judge
            .ages()
            .map(|(id, age)| {
                let state = self.said.get(id).map(|verdict| verdict.state).unwrap_or_default();
                (id.clone(), state, age)
            })
            .collect();
        judged.frozen = self.judge.is_frozen();
        judged.hostnames = lock(&self.parts.shards).publications().hostnames().len();
    }

    /// Deletes the state of clusters that were removed long enough ago (R20a).
    async fn bury(&mut self, now: Duration) {
        for cluster in self.judge.take_gone(now) {
            let keys: Vec<ObjectKey> = lock(&self.parts.shards).objects_of(&cluster).cloned().collect();
            info!(%cluster, shards = keys.len(), "A removed cluster is gone: its state is deleted");
            self.parts.says.forget(&self.key(&cluster));
            for key in keys {
                leftovers::delete_shard(&self.parts.client, &key).await;
            }
        }
    }

    /// Deletes what the .NET application left behind, once it leads no more.
    async fn sweep(&mut self, now: Duration) {
        let due = self.swept.is_none_or(|last| now.saturating_sub(last) >= SWEEP);
        if !due || self.foreign.may_lead(now) {
            return;
        }
        self.swept = Some(now);
        self.parts.strangers.delete();
        leftovers::sweep(&self.parts.client, &self.parts.namespace).await;
    }

    fn key(&self, id: &ClusterId) -> ObjectKey {
        ObjectKey::new(&self.parts.namespace, id.as_str())
    }
}

/// Leases of this application are named so.
fn is_ours(name: &str) -> bool {
    name == LEASE || name.starts_with("mci-")
}

fn checks(settings: &Settings) -> tokio::time::Interval {
    let mut checks = interval(settings.liveness.check.max(Duration::from_millis(10)));
    checks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    checks
}
