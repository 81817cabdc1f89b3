//! Asks REST peers what they publish: one task for each that is heard by REST.

use std::collections::BTreeMap;
use std::time::Duration;

use mci_core::ClusterId;
use mci_http::peer::{PollEvent, PollPlan, poll};
use mci_kube::front::Store;
use tokio::sync::watch;
use tokio::task::{AbortHandle, JoinSet};
use tokio::time::{MissedTickBehavior, interval};
use tracing::{debug, info, warn};

use crate::config::Protocol;
use crate::modes::peers::PeerSettings;

/// How often it is looked at how peers are heard.
const LOOK: Duration = Duration::from_secs(10);

/// The peers that may be asked.
pub(super) struct Polls {
    store: Store,
    peers: watch::Receiver<Vec<PeerSettings>>,
    running: BTreeMap<ClusterId, Running>,
    /// Why a peer cannot be asked, as it was logged.
    problems: BTreeMap<ClusterId, String>,
    tasks: JoinSet<()>,
}

struct Running {
    /// With what it is asked: another configuration is another task.
    peer: PeerSettings,
    alive: watch::Sender<bool>,
    task: AbortHandle,
}

impl Polls {
    pub(super) fn new(store: Store, peers: watch::Receiver<Vec<PeerSettings>>) -> Self {
        Self { store, peers, running: BTreeMap::new(), problems: BTreeMap::new(), tasks: JoinSet::new() }
    }

    pub(super) async fn run(mut self) {
        let mut look = interval(LOOK);
        look.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                _ = look.tick() => {}
                Ok(()) = self.peers.changed() => {}
                Some(ended) = self.tasks.join_next() => {
                    if let Err(error) = ended.as_ref()
                        && error.is_panic()
                    {
                        warn!(%error, "Asking a REST peer failed");
                    }
                    self.running.retain(|_, running| !running.task.is_finished());
                    continue;
                }
            }
            let peers = self.peers.borrow_and_update().clone();
            self.running.retain(|cluster, running| {
                let same = peers.iter().any(|peer| peer.identifier == *cluster && *peer == running.peer);
                if !same {
                    running.task.abort();
                }
                same
            });
            for peer in peers.iter().filter(|peer| peer.protocol != Protocol::Stream) {
                self.look(peer).await;
            }
        }
    }

    async fn look(&mut self, peer: &PeerSettings) {
        let alive = match self.store.hears_by_rest(&peer.identifier).await {
            Ok(alive) => alive,
            Err(error) => {
                return debug!(cluster = %peer.identifier, %error, "It is not known how a peer is heard");
            }
        };
        match (alive, self.running.get(&peer.identifier)) {
            (Some(alive), Some(running)) => {
                running.alive.send_if_modified(|before| std::mem::replace(before, alive) != alive);
            }
            (Some(alive), None) => self.begin(peer, alive),
            (None, Some(running)) => {
                running.task.abort();
                self.running.remove(&peer.identifier);
            }
            (None, None) => {}
        }
    }

    fn begin(&mut self, peer: &PeerSettings, alive: bool) {
        let cluster = peer.identifier.clone();
        let client = match peer.rest_client() {
            Ok(client) => client,
            Err(problem) => {
                if self.problems.get(&cluster) != Some(&problem) {
                    warn!(%cluster, problem, "A REST peer cannot be asked for what it publishes");
                    self.problems.insert(cluster, problem);
                }
                return;
            }
        };
        self.problems.remove(&cluster);
        info!(%cluster, "A REST peer is asked for what it publishes");
        let (sender, receiver) = watch::channel(alive);
        let (store, of) = (self.store.clone(), cluster.clone());
        let task = self.tasks.spawn(async move {
            let plan = PollPlan::new(of.clone());
            poll(&client, &of, &store, plan, receiver, |event| tell(&of, &event)).await;
        });
        self.running.insert(cluster, Running { peer: peer.clone(), alive: sender, task });
    }
}

fn tell(cluster: &ClusterId, event: &PollEvent) {
    match event {
        PollEvent::Told { hostnames, faults } => {
            for fault in faults.iter().take(10) {
                warn!(%cluster, fault, "Part of what a REST peer publishes cannot be used");
            }
            debug!(%cluster, hostnames, "A REST peer told what it publishes");
        }
        PollEvent::NoView => info!(%cluster, "A REST peer has no view of its own cluster now"),
        PollEvent::Unanswered(error) => {
            warn!(%cluster, %error, "A REST peer does not tell what it publishes");
        }
        // The store has named it already.
        PollEvent::Refused(error) => debug!(%cluster, %error, "A hostname is not taken from a REST peer"),
        PollEvent::NotStored(error) => warn!(%cluster, %error, "What a REST peer publishes cannot be stored"),
    }
}
