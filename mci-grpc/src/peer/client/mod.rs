//! The side that sends: one connection to one peer, the calls on it, and what is known of them.
//!
//! ```text
//!   run ──► connect ──► Connection ─┬─► heartbeats, always        an end of these ends the connection
//!    ▲        (backoff)             └─► sync, while this leads     an end of this begins it anew
//!    └──────────────────────────────────┘
//! ```
//!
//! Everything is one future that its caller polls: it delays nobody but itself, and leaves nothing behind when it is
//! dropped.

mod backoff;
mod connect;
mod error;
mod heartbeats;
mod progress;
mod sync;

use std::sync::Arc;

use mci_core::ClusterId;
use mci_core::peer::{Heartbeat, Outbox};
use tokio::sync::{Notify, watch};
use tokio::time::{Duration, sleep};

pub use self::backoff::Backoff;
pub use self::connect::{ApiKey, BadApiKey, Connection, PeerTarget, client_tls, connect};
pub use self::error::PeerError;
pub use self::heartbeats::heartbeats;
pub use self::progress::{Progress, Syncing};
pub use self::sync::sync;

/// What a Sync sends from.
#[derive(Clone, Debug)]
pub struct Source {
    /// What the own cluster publishes.
    pub outbox: Arc<Outbox>,
    /// Its generation: changes when it does.
    pub changed: watch::Receiver<u64>,
    /// Notified when a receiver holds more than the outbox: [`Outbox::take_outdone`] has it.
    pub outdone: Arc<Notify>,
}

/// What heartbeats say, and when.
#[derive(Clone)]
pub struct Pulse {
    /// The own cluster.
    pub cluster: ClusterId,
    /// What the next one says, as it is sent.
    pub heartbeat: Arc<dyn Fn() -> Heartbeat + Send + Sync>,
    /// Changes when one says something new: it goes at once.
    pub altered: watch::Receiver<u64>,
    /// How long it is from one to the next.
    pub interval: Duration,
}

impl std::fmt::Debug for Pulse {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { cluster, heartbeat: _, altered: _, interval } = self;
        f.debug_struct("Pulse").field("cluster", cluster).field("interval", interval).finish_non_exhaustive()
    }
}

/// Tells a peer for as long as it is polled: heartbeats always, shards while `leads`. A connection that ends is made anew
/// after a pause; what became of it is in `progress`.
pub async fn run(
    target: &PeerTarget,
    source: Source,
    pulse: Pulse,
    leads: watch::Receiver<bool>,
    progress: &watch::Sender<Progress>,
) -> std::convert::Infallible {
    let mut backoff = Backoff::default();
    loop {
        progress.send_modify(Progress::tries);
        let error = match connect(target).await {
            Ok(connection) => {
                progress.send_modify(Progress::connected);
                tokio::select! {
                    error = heartbeats(&connection, pulse.clone(), progress) => error,
                    never = lead(&connection, &source, &pulse, leads.clone(), progress) => match never {},
                }
            }
            Err(error) => error,
        };
        if progress.borrow().was_acknowledged() {
            backoff.reset();
        }
        progress.send_modify(|progress| progress.lost(&error));
        sleep(backoff.next()).await;
    }
}

/// Sends shards while this leads, and begins anew after a pause when a Sync ends.
async fn lead(
    connection: &Connection,
    source: &Source,
    pulse: &Pulse,
    mut leads: watch::Receiver<bool>,
    progress: &watch::Sender<Progress>,
) -> std::convert::Infallible {
    let mut backoff = Backoff::default();
    loop {
        if leads.wait_for(|leads| *leads).await.is_err() {
            // Whoever knew is gone: nobody says that this leads.
            std::future::pending::<()>().await;
        }
        let ended = {
            let mut still = leads.clone();
            tokio::select! {
                error = sync(connection, source.clone(), pulse, progress) => Some(error),
                _ = still.wait_for(|leads| !*leads) => None,
            }
        };
        if progress.borrow().syncing.as_ref().is_some_and(|syncing| syncing.is_listed) {
            backoff.reset();
        }
        progress.send_modify(|progress| progress.sync_ended(ended.as_ref()));
        if ended.is_some() {
            sleep(backoff.next()).await;
        }
    }
}
