//! What happens, for whoever counts it.

use mci_core::ClusterId;
use mci_core::peer::{Refusal, Urgency};

/// One of the two calls.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Call {
    /// Shards.
    Sync,
    /// Signs of life.
    Heartbeats,
}

impl Call {
    /// As a metric's label.
    pub const fn label(self) -> &'static str {
        match self {
            Self::Sync => "sync",
            Self::Heartbeats => "heartbeats",
        }
    }
}

/// Why a call ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum CallEnd {
    /// The peer ended it, or its connection did.
    Peer,
    /// Its key was taken away.
    Key,
    /// The peer said something that no peer says.
    Malformed,
    /// The key is another cluster's than the peer says it is.
    OtherCluster,
    /// Another installation lives under its identifier.
    Duplicate,
    /// Its state comes by another protocol.
    OtherProtocol,
    /// It sent more than the window allows, or made more calls than it may.
    TooMuch,
    /// It speaks a version of the protocol that is not known here.
    Version,
    /// Nothing came in time.
    Silent,
    /// It may not say what it said.
    Refused,
    /// What it said cannot be stored now.
    Unavailable,
    /// This side ends.
    Stopping,
}

impl CallEnd {
    /// As a metric's label.
    pub const fn label(self) -> &'static str {
        match self {
            Self::Peer => "peer",
            Self::Key => "key",
            Self::Malformed => "malformed",
            Self::OtherCluster => "other_cluster",
            Self::Duplicate => "duplicate_identifier",
            Self::OtherProtocol => "other_protocol",
            Self::TooMuch => "too_much",
            Self::Version => "version",
            Self::Silent => "silent",
            Self::Refused => "refused",
            Self::Unavailable => "unavailable",
            Self::Stopping => "stopping",
        }
    }
}

/// Told of what happens. Every call returns at once.
pub trait ObservePeers: Send + Sync + 'static {
    /// A call came without a valid key.
    fn unauthenticated(&self) {}

    /// A call began.
    fn began(&self, _cluster: &ClusterId, _call: Call) {}

    /// A call ended that had [begun](Self::began).
    fn ended(&self, _cluster: &ClusterId, _call: Call, _end: CallEnd) {}

    /// A heartbeat was heard.
    fn heartbeat(&self, _cluster: &ClusterId) {}

    /// A shard was answered; these of its entries were left out.
    fn stored(&self, _cluster: &ClusterId, _urgency: Urgency, _refused: &[Refusal]) {}
}

/// Nobody counts.
impl ObservePeers for () {}
