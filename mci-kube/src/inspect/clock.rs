//! The API server's clock beside ours.

use std::time::Duration;

use http::Request;
use k8s_openapi::jiff::fmt::rfc2822;
use kube::client::Body;
use tokio::time::{Instant, timeout};

use crate::client::{CallError, ClusterClient, DEADLINE};
use crate::unix;

/// What the API server's clock says beside ours.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Clock {
    /// Theirs minus ours, in seconds; as exact as `within`.
    pub ahead: i64,
    /// How far off it may be: the time that asking took, and the second to which the header is cut.
    pub within: Duration,
}

/// Compares the `Date` of the API server's answer with this machine's clock. Nothing where the answer has none.
pub async fn clock(client: &ClusterClient) -> Result<Option<Clock>, CallError> {
    let request = Request::get("/version").body(Body::empty()).expect("a constant path is a request");
    let began = Instant::now();
    let response = timeout(DEADLINE, client.kube().send(request))
        .await
        .map_err(|_| CallError::TimedOut(DEADLINE))?
        .map_err(|error| CallError::Broken(crate::client::with_causes(&error)))?;
    let took = began.elapsed();
    let ours = unix::since().saturating_sub(took / 2);
    let date = response.headers().get(http::header::DATE).and_then(|date| date.to_str().ok());
    let theirs = date.and_then(|date| rfc2822::DateTimeParser::new().parse_timestamp(date).ok());
    Ok(theirs.map(|theirs| Clock {
        ahead: theirs.as_second() - i64::try_from(ours.as_secs()).unwrap_or(i64::MAX),
        within: took + Duration::from_secs(1),
    }))
}
