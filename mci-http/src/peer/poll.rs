//! Reads what a REST peer publishes, and stores it: carries out a [`PollPlan`].

use std::time::Duration;

use mci_core::ClusterId;
use mci_core::peer::{ClusterStore, StoreError};
use tokio::sync::watch;
use tokio::time::{Instant, sleep_until};

use super::client::{PeerClient, PeerError};
use super::poll_plan::{Change, PollPlan};

/// How often a list is read again until it is the same as the one before.
const AGAIN: usize = 3;

/// What became of asking a peer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PollEvent {
    /// It told so many hostnames; what of its list could not be used is named.
    Told {
        /// That could be read.
        hostnames: usize,
        /// With their places.
        faults: Vec<String>,
    },
    /// It has no view of its own cluster.
    NoView,
    /// It gave no answer.
    Unanswered(PeerError),
    /// A hostname is not taken from it.
    Refused(StoreError),
    /// What it said could not be stored.
    NotStored(StoreError),
}

/// Asks a peer until it is dropped. `alive` tells whether the peer is alive: one that comes back is asked at once.
pub async fn poll<S: ClusterStore>(
    client: &PeerClient,
    cluster: &ClusterId,
    store: &S,
    mut plan: PollPlan,
    mut alive: watch::Receiver<bool>,
    observe: impl Fn(PollEvent) + Send + Sync,
) {
    let start = Instant::now();
    let mut watched = true;
    loop {
        plan.is_alive(*alive.borrow_and_update(), start.elapsed());
        tokio::select! {
            () = sleep_until(start + plan.due()) => {
                once(client, cluster, store, &mut plan, start, &observe).await;
            }
            moved = alive.changed(), if watched => watched = moved.is_ok(),
        }
    }
}

/// Asks once, and stores what follows.
async fn once<S: ClusterStore>(
    client: &PeerClient,
    cluster: &ClusterId,
    store: &S,
    plan: &mut PollPlan,
    start: Instant,
    observe: &(impl Fn(PollEvent) + Send + Sync),
) {
    let asked = match client.get_host().await {
        Ok(Some(hosts)) => match store.hosts_of(cluster).await {
            Ok(held) => {
                observe(PollEvent::Told { hostnames: hosts.hosts.len(), faults: hosts.faults.clone() });
                let changes = plan.told(&hosts, &held, start.elapsed());
                write(cluster, store, changes, observe).await
            }
            Err(error) => Err(error),
        },
        Ok(None) => {
            observe(PollEvent::NoView);
            return plan.has_no_view(start.elapsed());
        }
        Err(error) => {
            observe(PollEvent::Unanswered(error));
            return plan.failed(start.elapsed());
        }
    };
    if let Err(error) = asked {
        observe(PollEvent::NotStored(error));
        return plan.failed(start.elapsed());
    }
    for _ in 0..AGAIN {
        // Its next turn is soon enough where it does not tell now.
        let Ok(Some(hosts)) = client.get_host().await else { return };
        let changes = plan.told_again(&hosts);
        if changes.is_empty() {
            return;
        }
        if let Err(error) = write(cluster, store, changes, observe).await {
            observe(PollEvent::NotStored(error));
            return plan.failed(start.elapsed());
        }
    }
    // Too lively to be read at leisure.
    let soon = start.elapsed() + Duration::from_secs(1);
    plan.due_by(soon);
}

async fn write<S: ClusterStore>(
    cluster: &ClusterId,
    store: &S,
    changes: Vec<Change>,
    observe: &(impl Fn(PollEvent) + Send + Sync),
) -> Result<(), StoreError> {
    for (hostname, endpoint) in changes {
        match store.put_host(cluster, &hostname, endpoint).await {
            Ok(()) => {}
            // One hostname that it may not publish keeps none of the others out.
            Err(error @ StoreError::Refused(_)) => observe(PollEvent::Refused(error)),
            Err(error) => return Err(error),
        }
    }
    Ok(())
}
