//! What was decided about a message, for counting without a look into octets.

use crate::record_type::{Rcode, RecordType};

/// What the adapter does with the reply.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Disposition {
    /// Send the octets.
    Reply,
    /// The first sync is not finished (D27): gRPC says UNAVAILABLE; UDP and TCP send the octets, a SERVFAIL.
    NotReady,
    /// Foreign name under `outsideZones: notFound` (D11): gRPC says `NOT_FOUND`; UDP and TCP send the octets.
    NotFound,
    /// No question could be read (D15a): gRPC says `INVALID_ARGUMENT`; UDP and TCP send the octets, a FORMERR.
    Unreadable,
    /// No message at all (D15): gRPC says `INVALID_ARGUMENT`, UDP sends nothing, TCP closes. There are no octets.
    Drop,
}

/// What was decided about one message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
#[expect(clippy::struct_excessive_bools, reason = "each is a fact of its own, and counted alone")]
pub struct Facts {
    /// What to do with the reply.
    pub disposition: Disposition,
    /// The response code, extended bits included.
    pub rcode: Rcode,
    /// The type that was asked for, where the question could be read.
    pub query_type: Option<RecordType>,
    /// The zone that answered, by its index in [`Snapshot::zone_at`](crate::Snapshot::zone_at).
    pub zone: Option<u16>,
    /// The cluster whose addresses or target were drawn, by its index in
    /// [`Snapshot::cluster_at`](crate::Snapshot::cluster_at).
    pub cluster: Option<u16>,
    /// Whether a stale or overridden cluster answered (R11).
    pub stale: bool,
    /// Whether TC is set (D23).
    pub truncated: bool,
    /// Whether a CNAME chain ended in a loop or was too long (D25).
    pub chain_cut: bool,
    /// Whether the query carried a server cookie of ours that is still good (D21).
    pub cookie_valid: bool,
}

impl Facts {
    /// What is no message (D15).
    pub(super) const DROPPED: Self = Self {
        disposition: Disposition::Drop,
        rcode: Rcode::FORMERR,
        query_type: None,
        zone: None,
        cluster: None,
        stale: false,
        truncated: false,
        chain_cut: false,
        cookie_valid: false,
    };
}
