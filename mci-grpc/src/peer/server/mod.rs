//! The side that hears: a router for the listener that everything shares.

mod heartbeats;
mod known;
mod observe;
mod session;
mod status;

use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use futures_util::Stream;
use mci_core::peer::{ClusterStore, KeyRing};
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;
use tonic::{Request, Response, Status, Streaming};
use tower::ServiceExt as _;

use self::known::Known;
pub use self::observe::{Call, CallEnd, ObservePeers};
use crate::peer::pb;
use crate::peer::pb::peer_sync_server::{PeerSync, PeerSyncServer};

/// The limits of the side that hears.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct PeerServerConfig {
    /// Shards of one Sync that may be on their way: sent, and not yet answered.
    pub window_shards: usize,
    /// Octets of items of one Sync that may be on their way.
    pub window_octets: usize,
    /// Shards of one Sync that are stored at once.
    pub writes: usize,
    /// How many of those may be bulk.
    pub bulk_writes: usize,
    /// How often a Sync looks whether still is held what it said. What differs twice is told.
    pub look: Duration,
    /// How long a call may be silent at its beginning.
    pub open_timeout: Duration,
    /// Syncs that one cluster may have open here at once: its leader, and leaders that do not know yet that they no longer are.
    pub syncs: usize,
    /// Calls of Heartbeats that one cluster may have open here at once: one a replica of its operator, and those that are
    /// being replaced.
    pub heartbeats: usize,
    /// For how long a cluster of which a Sync brings shards may be without a heartbeat: then a shard counts as one.
    pub silence: Duration,
}

impl Default for PeerServerConfig {
    fn default() -> Self {
        Self {
            window_shards: 64,
            window_octets: 8 * 1024 * 1024,
            writes: 16,
            bulk_writes: 12,
            look: Duration::from_secs(10),
            open_timeout: Duration::from_secs(10),
            syncs: 8,
            heartbeats: 64,
            silence: Duration::from_secs(15),
        }
    }
}

/// The service, as a router without a fallback that can be merged into another.
///
/// `keys` is read anew with each call and whenever it changes: a call whose key is no longer good ends. All calls end
/// with UNAVAILABLE when `stopping` is cancelled, so that peers go to another replica.
pub fn router<S: ClusterStore>(
    store: Arc<S>,
    keys: watch::Receiver<Arc<KeyRing>>,
    config: PeerServerConfig,
    observe: Arc<dyn ObservePeers>,
    stopping: CancellationToken,
) -> axum::Router {
    let known = Known::new(config.syncs, config.heartbeats);
    let peers = Peers { shared: Arc::new(Shared { store, keys, config, observe, stopping, known }) };
    let service = PeerSyncServer::new(peers);
    let path = format!("/{}/{{*call}}", pb::peer_sync_server::SERVICE_NAME);
    let service = service.map_request(|request: axum::extract::Request| request.map(tonic::body::Body::new));
    axum::Router::new().route_service(&path, service)
}

/// What all calls share.
struct Shared<S> {
    store: Arc<S>,
    keys: watch::Receiver<Arc<KeyRing>>,
    config: PeerServerConfig,
    observe: Arc<dyn ObservePeers>,
    stopping: CancellationToken,
    known: Known,
}

struct Peers<S> {
    shared: Arc<Shared<S>>,
}

type Answers<T> = Pin<Box<dyn Stream<Item = Result<T, Status>> + Send>>;

#[tonic::async_trait]
impl<S: ClusterStore> PeerSync for Peers<S> {
    type SyncStream = Answers<pb::FromReceiver>;

    async fn sync(
        &self,
        request: Request<Streaming<pb::FromSender>>,
    ) -> Result<Response<Self::SyncStream>, Status> {
        let admitted = known::admit(&self.shared, Call::Sync, request.metadata())?;
        let session = session::Session::new(Arc::clone(&self.shared), admitted, request.into_inner());
        Ok(Response::new(Box::pin(session.answers())))
    }

    type HeartbeatsStream = Answers<pb::Heard>;

    async fn heartbeats(
        &self,
        request: Request<Streaming<pb::Heartbeat>>,
    ) -> Result<Response<Self::HeartbeatsStream>, Status> {
        let admitted = known::admit(&self.shared, Call::Heartbeats, request.metadata())?;
        let hearing = heartbeats::Hearing::new(Arc::clone(&self.shared), admitted, request.into_inner());
        Ok(Response::new(Box::pin(hearing.answers())))
    }
}
