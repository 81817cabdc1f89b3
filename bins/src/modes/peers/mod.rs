//! The peers that this cluster tells: one task each, which follows what is configured while it runs.
//!
//! ```text
//!   configuration ──► one task a peer: Choice ──┬─► stream: heartbeats, shards while this replica leads
//!                        ▲                      └─► REST:   the same, one POST at a time
//!        Outbox, Beat ───┘                      Standing ──► metrics, readiness
//! ```
//!
//! A peer that hangs, answers garbage or cannot be reached is in nobody's way but its own. What goes over the wire, and in
//! which order, is decided in `mci-core` and the adapters.

mod choice;
mod rest;
mod settings;
mod standing;
mod stream;
mod talk;

use std::collections::{BTreeMap, HashMap};
use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use mci_core::ClusterId;
use mci_kube::lease::Claim;
use mci_kube::operator::{Beat, Operator, Outgoing};
use tokio::sync::watch;
use tokio::task::{AbortHandle, Id, JoinSet};
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;
use tracing::{error, info};

pub(crate) use self::settings::PeerSettings;
pub(crate) use self::standing::Standings;

/// Before a peer's task is started again that failed: that is a mistake of this program.
const AGAIN: Duration = Duration::from_secs(5);

/// What peers are told of.
#[derive(Clone, Debug)]
pub(crate) struct Own {
    cluster: ClusterId,
    outgoing: Outgoing,
    beats: watch::Receiver<Beat>,
    claim: Claim,
}

impl Own {
    /// What an operator publishes.
    pub(crate) fn of(operator: &Operator, cluster: ClusterId) -> Self {
        Self { cluster, outgoing: operator.outgoing(), beats: operator.beats(), claim: operator.claim() }
    }
}

/// Tells the peers of `settings`, as they are at each time, until `stop`.
pub(crate) async fn run(
    own: Own,
    mut settings: watch::Receiver<Vec<PeerSettings>>,
    standings: Standings,
    stop: CancellationToken,
) -> anyhow::Result<()> {
    let mut leadership = own.claim.watch();
    let leads = watch::Sender::new(own.claim.term().is_some());
    let mut peers =
        Peers { own, leads, standings, tasks: JoinSet::new(), named: HashMap::new(), told: BTreeMap::new() };
    let now = settings.borrow_and_update().clone();
    peers.configure(now);
    loop {
        tokio::select! {
            () = stop.cancelled() => break,
            Ok(()) = settings.changed() => {
                let now = settings.borrow_and_update().clone();
                peers.configure(now);
            }
            Ok(()) = leadership.changed() => {
                let leads = leadership.borrow_and_update().is_some();
                peers.leads.send_if_modified(|led| std::mem::replace(led, leads) != leads);
            }
            ended = peers.ended() => peers.begin_again(&ended),
        }
    }
    peers.tasks.shutdown().await;
    Ok(())
}

struct Peers {
    own: Own,
    leads: watch::Sender<bool>,
    standings: Standings,
    tasks: JoinSet<Infallible>,
    named: HashMap<Id, ClusterId>,
    told: BTreeMap<ClusterId, (Arc<PeerSettings>, AbortHandle)>,
}

impl Peers {
    /// Only what changed begins anew.
    fn configure(&mut self, settings: Vec<PeerSettings>) {
        let settings: BTreeMap<ClusterId, PeerSettings> =
            settings.into_iter().map(|one| (one.identifier.clone(), one)).collect();
        self.told.retain(|peer, (known, task)| {
            let stays = settings.get(peer) == Some(&**known);
            if !stays {
                task.abort();
                self.standings.remove(peer);
                if !settings.contains_key(peer) {
                    info!(%peer, "A peer is configured no more");
                }
            }
            stays
        });
        for (peer, settings) in settings {
            if !self.told.contains_key(&peer) {
                info!(%peer, url = %settings.url, "A peer is told");
                self.begin(Arc::new(settings), Duration::ZERO);
            }
        }
    }

    fn begin(&mut self, settings: Arc<PeerSettings>, after: Duration) {
        let peer = settings.identifier.clone();
        let standing = self.standings.add(&peer);
        let (own, leads, of_task) = (self.own.clone(), self.leads.subscribe(), Arc::clone(&settings));
        let task = self.tasks.spawn(async move {
            sleep(after).await;
            talk::talk(of_task, own, leads, standing).await
        });
        self.named.insert(task.id(), peer.clone());
        self.told.insert(peer, (settings, task));
    }

    /// Waits for a task that failed; those that were ended on purpose are passed over.
    async fn ended(&mut self) -> ClusterId {
        loop {
            let Some(joined) = self.tasks.join_next_with_id().await else {
                return std::future::pending().await;
            };
            let failed = match joined {
                Ok((_, never)) => match never {},
                Err(failed) => failed,
            };
            let peer = self.named.remove(&failed.id());
            if let Some(peer) = peer.filter(|_| !failed.is_cancelled()) {
                error!(%peer, error = %failed, "The task of a peer failed, and is started again");
                return peer;
            }
        }
    }

    fn begin_again(&mut self, peer: &ClusterId) {
        if let Some((settings, _)) = self.told.remove(peer) {
            self.begin(settings, AGAIN);
        }
    }
}

#[cfg(test)]
mod tests;
