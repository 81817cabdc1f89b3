//! The one place where the statuses of calls between clusters are made.

use mci_core::ClusterId;
use mci_core::peer::StoreError;
use tonic::{Code, Status};

use crate::peer::server::observe::CallEnd;
use crate::peer::wire::Malformed;
use crate::peer::{KEY_HEADER, PROTOCOL};

/// A status, and what it is counted as.
#[derive(Debug)]
pub(super) struct Ended {
    pub(super) status: Status,
    pub(super) end: CallEnd,
}

fn ended(end: CallEnd, code: Code, message: impl Into<String>) -> Ended {
    Ended { status: Status::new(code, message), end }
}

/// It does not say what is wrong with the key: who has none learns nothing.
pub(super) fn no_key() -> Ended {
    ended(CallEnd::Key, Code::Unauthenticated, format!("no valid key: send one as {KEY_HEADER}"))
}

pub(super) fn other_cluster(of_key: &ClusterId, said: &str) -> Ended {
    let message = format!(
        "the key is that of cluster {of_key}, and the sender says that it is {said:?}: one of both configurations is wrong"
    );
    ended(CallEnd::OtherCluster, Code::PermissionDenied, message)
}

pub(super) fn version(said: u32) -> Ended {
    let message = format!("version {said} of the protocol is not known here: version {PROTOCOL} is");
    ended(CallEnd::Version, Code::FailedPrecondition, message)
}

pub(super) fn no_open() -> Ended {
    ended(CallEnd::Malformed, Code::InvalidArgument, "the first message of a Sync is Open, and no other is")
}

pub(super) fn malformed(problem: &Malformed) -> Ended {
    ended(CallEnd::Malformed, Code::InvalidArgument, problem.to_string())
}

pub(super) fn silent() -> Ended {
    ended(CallEnd::Silent, Code::DeadlineExceeded, "the first message did not come in time")
}

pub(super) fn window() -> Ended {
    let message = "more is on the way than the window of Opened allows";
    ended(CallEnd::TooMuch, Code::ResourceExhausted, message)
}

pub(super) fn calls(most: usize) -> Ended {
    let message = format!("this cluster has {most} such calls open here already");
    ended(CallEnd::TooMuch, Code::ResourceExhausted, message)
}

pub(super) fn stopping() -> Ended {
    ended(CallEnd::Stopping, Code::Unavailable, "this replica ends: call another one")
}

pub(super) fn store(error: &StoreError) -> Ended {
    let (end, code) = match error {
        StoreError::Unavailable { .. } => (CallEnd::Unavailable, Code::Unavailable),
        StoreError::DuplicateClusterIdentifier { .. } => (CallEnd::Duplicate, Code::FailedPrecondition),
        StoreError::OtherProtocol { .. } => (CallEnd::OtherProtocol, Code::FailedPrecondition),
        StoreError::Refused(_) => (CallEnd::Refused, Code::PermissionDenied),
    };
    ended(end, code, error.to_string())
}

/// The request's own end: the peer, its connection, or a message that is no message.
pub(super) fn inbound(status: Status) -> Ended {
    let end = match status.code() {
        Code::OutOfRange | Code::ResourceExhausted => CallEnd::TooMuch,
        Code::Internal | Code::InvalidArgument | Code::Unimplemented => CallEnd::Malformed,
        _ => CallEnd::Peer,
    };
    Ended { status, end }
}
