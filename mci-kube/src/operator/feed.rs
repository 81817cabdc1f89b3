//! The watches, and the one channel that they all feed.

use std::sync::Arc;

use mci_core::publish::{Group, Kind, Object};
use serde_json::value::RawValue;
use tokio::sync::mpsc;
use tokio::time::Instant;

use super::caches::{CacheItem, ClusterItem, ContentHash, GslbItem};
use super::definitions::Definition;
use crate::client::ClusterClient;
use crate::watch::{Batch, Progress, Source, Timing, watch};

/// Batches that wait for the index. Each holds a burst already, and while the channel is full the watches wait, and with
/// them the API server's connections: so it only has to be long enough that every watch can hand one over while the index
/// works.
pub(super) const WAITING: usize = 32;

/// What a watch saw.
pub(super) enum News {
    Definitions(Batch<Definition>),
    Gslbs(Group, Batch<GslbItem>),
    /// Of any other kind that is published from. The number tells the watches of one kind apart: what an earlier one left
    /// in the channel is of no concern.
    Objects(Kind, u64, Batch<Object>),
    Shards(Batch<CacheItem>),
    Resources(Batch<ContentHash>),
    Services(Batch<ContentHash>),
    Clusters(Batch<ClusterItem>),
}

/// What a watch saw, and when.
pub(super) struct Message {
    pub(super) at: Instant,
    pub(super) news: News,
}

/// Follows one kind for as long as anybody receives.
pub(super) async fn follow<T, D>(
    client: ClusterClient,
    source: Source,
    timing: Timing,
    progress: Arc<Progress>,
    decode: D,
    to: mpsc::Sender<Message>,
    news: impl Fn(Batch<T>) -> News,
) where
    D: Fn(&RawValue) -> Result<T, String>,
{
    // One: what waits, waits in the common channel.
    let (sender, mut batches) = mpsc::channel(1);
    let forward = async move {
        while let Some(batch) = batches.recv().await {
            let message = Message { at: Instant::now(), news: news(batch) };
            if to.send(message).await.is_err() {
                return;
            }
        }
    };
    tokio::join!(watch(client, source, timing, progress, decode, sender), forward);
}
