//! Why a peer cannot be told.

use std::time::Duration;

use mci_core::peer::Violation;
use tonic::{Code, Status};

use crate::peer::PROTOCOL;
use crate::peer::client::ApiKey;
use crate::peer::wire::Malformed;

/// Why a peer cannot be told. No text holds a key.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum PeerError {
    /// The peer's address or the files for it are wrong: a person has to act.
    #[error("{0}")]
    Configuration(String),
    /// No connection came about.
    #[error("cannot connect to {url}: {problem}")]
    Connect {
        /// Where to.
        url: String,
        /// Why not.
        problem: String,
    },
    /// The peer refuses, and will until a person acts there or here.
    #[error("the peer refuses: {message} ({code})")]
    Refused {
        /// The name of the gRPC code.
        code: &'static str,
        /// In the peer's words.
        message: String,
    },
    /// The call ended; the next may do better.
    #[error("the call ended: {message} ({code})")]
    Ended {
        /// The name of the gRPC code.
        code: &'static str,
        /// In the peer's words, or the transport's.
        message: String,
    },
    /// It said something that no peer says.
    #[error("the peer does not keep to the protocol: {0}")]
    Garbage(String),
    /// It speaks another version.
    #[error("the peer speaks version {0} of the protocol, and this is version {PROTOCOL}")]
    Version(u32),
    /// A heartbeat was not acknowledged in time.
    #[error("a heartbeat was not acknowledged for {0:?}")]
    Unacknowledged(Duration),
    /// Nothing came of what was sent in time.
    #[error("the peer did not answer for {0:?}")]
    Stuck(Duration),
}

/// A peer's words are cut here: they are for a line of a log.
const LONGEST: usize = 500;

impl PeerError {
    /// What a call ended with, without the key: who is sent one may repeat it.
    pub(super) fn of_status(status: &Status, key: &ApiKey) -> Self {
        let code = status.code();
        let message = key.hide_in(status.message()).chars().take(LONGEST).collect();
        let is_refusal = matches!(
            code,
            Code::Unauthenticated
                | Code::PermissionDenied
                | Code::FailedPrecondition
                | Code::InvalidArgument
                | Code::Unimplemented
        );
        let code = name(code);
        if is_refusal { Self::Refused { code, message } } else { Self::Ended { code, message } }
    }

    /// As a metric's label.
    pub const fn label(&self) -> &'static str {
        match self {
            Self::Configuration(_) => "configuration",
            Self::Connect { .. } => "connect",
            Self::Refused { .. } => "refused",
            Self::Ended { .. } => "ended",
            Self::Garbage(_) => "garbage",
            Self::Version(_) => "version",
            Self::Unacknowledged(_) => "unacknowledged",
            Self::Stuck(_) => "stuck",
        }
    }
}

impl From<Malformed> for PeerError {
    fn from(problem: Malformed) -> Self {
        Self::Garbage(problem.to_string())
    }
}

impl From<Violation> for PeerError {
    fn from(violation: Violation) -> Self {
        Self::Garbage(violation.to_string())
    }
}

const fn name(code: Code) -> &'static str {
    match code {
        Code::Ok => "OK",
        Code::Cancelled => "CANCELLED",
        Code::Unknown => "UNKNOWN",
        Code::InvalidArgument => "INVALID_ARGUMENT",
        Code::DeadlineExceeded => "DEADLINE_EXCEEDED",
        Code::NotFound => "NOT_FOUND",
        Code::AlreadyExists => "ALREADY_EXISTS",
        Code::PermissionDenied => "PERMISSION_DENIED",
        Code::ResourceExhausted => "RESOURCE_EXHAUSTED",
        Code::FailedPrecondition => "FAILED_PRECONDITION",
        Code::Aborted => "ABORTED",
        Code::OutOfRange => "OUT_OF_RANGE",
        Code::Unimplemented => "UNIMPLEMENTED",
        Code::Internal => "INTERNAL",
        Code::Unavailable => "UNAVAILABLE",
        Code::DataLoss => "DATA_LOSS",
        Code::Unauthenticated => "UNAUTHENTICATED",
    }
}
