//! What can come of a call to the API server, as far as callers act differently on it.

use std::time::Duration;

use http::{HeaderMap, StatusCode};
use serde::Deserialize;
use serde::de::DeserializeOwned;

/// Why a call brought no answer.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CallError {
    /// The API server said no.
    #[error("{0}")]
    Refused(Refusal),
    /// No whole answer came in time. Whether it was done is unknown.
    #[error("the API server did not answer within {} s", .0.as_secs_f32())]
    TimedOut(Duration),
    /// The connection could not be made, or broke. Whether it was done is unknown.
    #[error("the API server cannot be reached: {0}")]
    Broken(String),
    /// The answer is not what the API promises.
    #[error("the API server's answer makes no sense: {0}")]
    Nonsense(String),
}

/// What the API server said when it said no.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{code} {reason}: {message}")]
pub struct Refusal {
    /// The HTTP status code.
    pub code: u16,
    /// Kubernetes' word for it, as `AlreadyExists`, or the name of the code.
    pub reason: String,
    /// The sentence for people.
    pub message: String,
    /// How long the API server asks us to wait.
    pub retry_after: Option<Duration>,
}

impl Refusal {
    /// Reads what comes with an HTTP status that is no success.
    pub(crate) fn read(code: StatusCode, headers: &HeaderMap, text: &[u8]) -> Self {
        let name = code.canonical_reason().unwrap_or("Unknown").to_owned();
        let header = headers.get(http::header::RETRY_AFTER).and_then(|value| value.to_str().ok());
        let retry_after = header.and_then(|value| value.trim().parse().ok()).map(Duration::from_secs);
        let status: kube::core::Status = serde_json::from_slice(text).unwrap_or_default();
        let message = if status.message.is_empty() {
            // Proxies and the authentication filter answer in plain text.
            String::from_utf8_lossy(text).trim().chars().take(300).collect()
        } else {
            status.message
        };
        let reason = if status.reason.is_empty() { name } else { status.reason };
        Self { code: code.as_u16(), reason, message, retry_after }
    }

    /// From an `ERROR` event of a watch.
    pub(crate) fn from_status(status: kube::core::Status) -> Self {
        Self { code: status.code, reason: status.reason, message: status.message, retry_after: None }
    }
}

impl CallError {
    /// The status code, where the API server answered.
    pub fn code(&self) -> Option<u16> {
        match self {
            Self::Refused(refusal) => Some(refusal.code),
            Self::TimedOut(_) | Self::Broken(_) | Self::Nonsense(_) => None,
        }
    }

    /// Whether the object, or the whole kind, is not there.
    pub fn is_not_found(&self) -> bool {
        self.code() == Some(404)
    }

    /// Whether what we saw last is not how it is: something else was there first.
    pub fn is_conflict(&self) -> bool {
        self.code() == Some(409)
    }

    /// Whether the version that we asked for is no longer known.
    pub fn is_gone(&self) -> bool {
        match self {
            Self::Refused(refusal) => refusal.code == 410 || refusal.reason == "Expired",
            Self::TimedOut(_) | Self::Broken(_) | Self::Nonsense(_) => false,
        }
    }

    /// Whether we may not, now or as whom the API server takes us for.
    pub fn is_forbidden(&self) -> bool {
        matches!(self.code(), Some(401 | 403))
    }

    /// Whether the API server has too much to do.
    pub fn is_overloaded(&self) -> bool {
        self.code() == Some(429)
    }

    /// Whether the same request would be refused for ever: what was sent is wrong.
    pub fn is_invalid(&self) -> bool {
        matches!(self.code(), Some(400 | 413 | 422))
    }

    /// Whether the request may have been done nonetheless.
    pub fn is_outcome_unknown(&self) -> bool {
        match self {
            Self::Refused(refusal) => refusal.code >= 500,
            Self::TimedOut(_) | Self::Broken(_) | Self::Nonsense(_) => true,
        }
    }

    /// How long the API server asks us to wait.
    pub fn retry_after(&self) -> Option<Duration> {
        match self {
            Self::Refused(refusal) => refusal.retry_after,
            Self::TimedOut(_) | Self::Broken(_) | Self::Nonsense(_) => None,
        }
    }
}

/// Reads an answer's JSON.
pub(crate) fn decode<T: DeserializeOwned>(body: &[u8]) -> Result<T, CallError> {
    decode_borrowed(body)
}

/// Reads an answer's JSON into something that borrows from it.
pub(crate) fn decode_borrowed<'a, T: Deserialize<'a>>(body: &'a [u8]) -> Result<T, CallError> {
    serde_json::from_slice(body).map_err(|error| CallError::Nonsense(error.to_string()))
}
