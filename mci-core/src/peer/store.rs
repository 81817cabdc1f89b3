//! Where the state of other clusters is kept: what adapters that hear peers need of it.

use core::future::Future;

use crate::cluster::ClusterId;
use crate::hostname::Hostname;
use crate::hostname_state::Endpoint;
use crate::peer::{Heard, Heartbeat, Protocol, Refusal, ShardState, ShardUpdate};

/// What is stored now, whether it is what was sent or something newer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stored {
    /// What this side holds after the call. An update whose base is not held changes nothing: the sender sees it here.
    pub state: ShardState,
    /// The entries that were left out, and why.
    pub refused: Vec<Refusal>,
}

/// Why something could not be stored.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum StoreError {
    /// Nothing is wrong with what was said: it can be said again later.
    #[error("the state cannot be stored now: {reason}")]
    Unavailable {
        /// What stands in the way.
        reason: String,
    },
    /// Another installation lives under this identifier.
    #[error(
        "DuplicateClusterIdentifier: cluster {cluster} is alive and is installation {living:?}, and this heartbeat is of \
         {said:?}: give one of the two an identifier of its own"
    )]
    DuplicateClusterIdentifier {
        /// The identifier that both use.
        cluster: ClusterId,
        /// The one that was here first.
        living: String,
        /// The one that is refused.
        said: String,
    },
    /// The cluster's state comes another way.
    #[error("cluster {cluster} sends its state by {living} now, and has one protocol at a time")]
    OtherProtocol {
        /// Whose state it is.
        cluster: ClusterId,
        /// The way that is in use.
        living: Protocol,
    },
    /// What was said may not be said by this peer, or not so much of it.
    #[error("{0}")]
    Refused(Refusal),
}

/// Keeps the state of other clusters. `cluster` is always who the key says it is, whatever a message claims.
///
/// Every call may be made in several processes at once: what is stored decides, and a write that finds something newer
/// than it knew looks again.
pub trait ClusterStore: Send + Sync + 'static {
    /// Everything that is held of a cluster's shards.
    fn shards(&self, cluster: &ClusterId)
    -> impl Future<Output = Result<Vec<ShardState>, StoreError>> + Send;

    /// Stores a shard if its version is higher than what is held, and returns when that is done.
    fn put(
        &self,
        cluster: &ClusterId,
        update: ShardUpdate,
    ) -> impl Future<Output = Result<Stored, StoreError>> + Send;

    /// That cluster was heard.
    fn heard(
        &self,
        cluster: &ClusterId,
        heartbeat: &Heartbeat,
        by: Protocol,
    ) -> impl Future<Output = Result<Heard, StoreError>> + Send;

    /// A REST peer says what it offers for one hostname; `None` where it publishes it no more.
    fn put_host(
        &self,
        cluster: &ClusterId,
        hostname: &Hostname,
        endpoint: Option<Endpoint>,
    ) -> impl Future<Output = Result<(), StoreError>> + Send;

    /// Every hostname that a REST peer is held to publish.
    fn hosts_of(&self, cluster: &ClusterId)
    -> impl Future<Output = Result<Vec<Hostname>, StoreError>> + Send;

    /// What the own cluster publishes.
    fn own_hosts(&self) -> impl Future<Output = Result<Vec<(Hostname, Endpoint)>, StoreError>> + Send;
}
