//! The watches, and the one channel that they all feed.

use std::collections::BTreeMap;
use std::sync::Arc;

use mci_core::publish::{Group, Kind, Object};
use serde_json::value::RawValue;
use tokio::sync::mpsc;
use tokio::task::AbortHandle;
use tokio::time::Instant;
use tracing::info;

use super::caches::{CacheItem, ClusterItem, ContentHash, GslbItem};
use super::definitions::Definition;
use super::gauges::Gauges;
use super::index::Index;
use super::tasks::Tasks;
use super::{Options, caches, definitions};
use crate::client::ClusterClient;
use crate::decode::Decoding;
use crate::resources::{Cluster, ClusterCache, ResourceCache, ServiceCache};
use crate::translate;
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
async fn follow<T, D>(
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

/// The watches.
pub(super) struct Feeds {
    client: ClusterClient,
    timing: Timing,
    gauges: Arc<Gauges>,
    sender: mpsc::Sender<Message>,
    pub(super) tasks: Tasks,
    /// Of the Gateway API: where each kind is watched.
    optional: BTreeMap<Kind, (String, AbortHandle)>,
    epoch: u64,
}

impl Feeds {
    /// Begins the watches that are always there.
    pub(super) fn begin(
        client: &ClusterClient,
        options: &Options,
        gauges: &Arc<Gauges>,
        sender: mpsc::Sender<Message>,
        decoding: &Arc<Decoding>,
    ) -> Self {
        let mut feeds = Self {
            client: client.clone(),
            timing: options.timing,
            gauges: Arc::clone(gauges),
            sender,
            tasks: Tasks::default(),
            optional: BTreeMap::new(),
            epoch: 0,
        };
        feeds.begin_all(options, decoding);
        feeds
    }

    fn begin_all(&mut self, options: &Options, decoding: &Arc<Decoding>) {
        let Options { namespace, cluster, .. } = options;
        let source = Source::at("customresourcedefinitions", definitions::PATH);
        self.spawn(source, definitions::decode, News::Definitions);
        for group in [Group::Mci, Group::Cyclops] {
            let kind = Kind::Gslb(group);
            let path = translate::built_in_path(kind).expect("a GSLB has one path");
            let source = Source::at(name(kind), path);
            self.spawn(source, caches::gslbs(group), move |batch| News::Gslbs(group, batch));
        }
        for kind in translate::KINDS {
            if let (Some(path), false) = (translate::built_in_path(kind), matches!(kind, Kind::Gslb(_))) {
                let decode = move |raw: &RawValue| translate::decode(kind, raw);
                self.spawn(Source::at(name(kind), path), decode, move |batch| News::Objects(kind, 0, batch));
            }
        }
        let source = Source::of::<ClusterCache>("clustercaches", Some(namespace));
        self.spawn(source, caches::cluster_caches(cluster, Arc::clone(decoding)), News::Shards);
        let source = Source::of::<ResourceCache>("resourcecaches", Some(namespace));
        self.spawn(source, caches::resource_cache, News::Resources);
        let source = Source::of::<ServiceCache>("servicecaches", Some(namespace));
        self.spawn(source, caches::service_cache, News::Services);
        let source = Source::of::<Cluster>("clusters", Some(namespace));
        self.spawn(source, caches::clusters(Arc::clone(decoding)), News::Clusters);
    }

    /// Watches the kinds of the Gateway API where they are now.
    pub(super) fn follow(&mut self, index: &mut Index) {
        for (kind, wanted) in index.plan() {
            if self.optional.get(&kind).map(|(path, _)| path) == wanted.as_ref() {
                continue;
            }
            if let Some((path, task)) = self.optional.remove(&kind) {
                info!(path, "No longer watched");
                task.abort();
                self.gauges.watches_no_more(name(kind));
            }
            let Some(path) = wanted else { continue };
            self.epoch += 1;
            let epoch = self.epoch;
            index.epochs.insert(kind, epoch);
            let decode = move |raw: &RawValue| translate::decode(kind, raw);
            let source = Source::at(name(kind), path.clone());
            let task = self.spawn(source, decode, move |batch| News::Objects(kind, epoch, batch));
            self.optional.insert(kind, (path, task));
        }
    }

    fn spawn<T, D>(
        &mut self,
        source: Source,
        decode: D,
        news: impl Fn(Batch<T>) -> News + Send + 'static,
    ) -> AbortHandle
    where
        T: Send + 'static,
        D: Fn(&RawValue) -> Result<T, String> + Send + Sync + 'static,
    {
        let progress = Arc::new(Progress::new(source.name()));
        self.gauges.watches_now(Arc::clone(&progress));
        let (client, sender) = (self.client.clone(), self.sender.clone());
        let name = source.name();
        self.tasks.spawn(name, follow(client, source, self.timing, progress, decode, sender, news))
    }
}

/// For logs and metrics.
fn name(kind: Kind) -> &'static str {
    match kind {
        Kind::Gslb(Group::Cyclops) => "gslbs.cyclops",
        kind => translate::names(kind).2,
    }
}
