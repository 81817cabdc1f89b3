//! A connection to the API server of one cluster, owned by one value.
//!
//! A process may hold several [`ClusterClient`]s. Everything that this crate asks of an API server goes through one of
//! them: [`ClusterClient::call`] has a deadline and reads the whole answer, [`ClusterClient::open`] has a deadline for the
//! beginning of an answer that then streams. Connections are given up when nothing is acknowledged for ten seconds, so
//! that a packet filter that drops without a reset costs no more than that.
//!
//! It refuses to know what is asked, and asks nothing twice: who calls decides what comes after a failure.

mod call;
mod connect;
mod objects;
mod token;

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::Request;
use http_body_util::BodyExt;
use kube::client::Body;
use tokio::time::{Instant, timeout_at};

pub use self::call::{CallError, Refusal};
pub(crate) use self::call::{decode, decode_borrowed};
pub use self::connect::{ConnectError, Options, connect};
pub use self::objects::Kind;
pub(crate) use self::objects::version_of;

/// How long one call may take, unless it says otherwise.
pub const DEADLINE: Duration = Duration::from_secs(10);

/// The one owner of a cluster's connections; cheap to clone.
#[derive(Clone)]
pub struct ClusterClient {
    client: kube::Client,
    origin: Arc<str>,
    namespace: Arc<str>,
}

impl fmt::Debug for ClusterClient {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ClusterClient").field("origin", &self.origin).finish_non_exhaustive()
    }
}

impl ClusterClient {
    /// Wraps a client that is there already; `origin` says to people where it leads.
    pub fn new(client: kube::Client, origin: &str) -> Self {
        let namespace = client.default_namespace().into();
        Self { client, origin: origin.into(), namespace }
    }

    /// The client of the kube library, for what needs no deadline of ours.
    pub fn kube(&self) -> &kube::Client {
        &self.client
    }

    /// Where it leads, for people: file, context and address.
    pub fn origin(&self) -> &str {
        &self.origin
    }

    /// The namespace of the context, or of the pod.
    pub fn namespace(&self) -> &str {
        &self.namespace
    }

    /// Asks and reads the whole answer, within [`DEADLINE`].
    pub async fn call(&self, request: Request<Vec<u8>>) -> Result<Bytes, CallError> {
        self.call_within(request, DEADLINE).await
    }

    /// Asks and reads the whole answer, within `limit`.
    pub async fn call_within(&self, request: Request<Vec<u8>>, limit: Duration) -> Result<Bytes, CallError> {
        let end = Instant::now() + limit;
        let body = self.send(request, end, limit).await?;
        match timeout_at(end, body.collect()).await {
            Ok(Ok(whole)) => Ok(whole.to_bytes()),
            Ok(Err(error)) => Err(CallError::Broken(with_causes(&error))),
            Err(_) => Err(CallError::TimedOut(limit)),
        }
    }

    /// Asks, and gives an answer that streams once it has begun within `limit`.
    pub async fn open(&self, request: Request<Vec<u8>>, limit: Duration) -> Result<Body, CallError> {
        self.send(request, Instant::now() + limit, limit).await
    }

    /// The version that the API server says it has: the cheapest proof that it answers us.
    pub async fn version(&self) -> Result<String, CallError> {
        let request = Request::get("/version").body(Vec::new()).expect("a constant path is a request");
        let body = self.call(request).await?;
        let info: k8s_openapi::apimachinery::pkg::version::Info = decode(&body)?;
        Ok(info.git_version)
    }

    async fn send(
        &self,
        request: Request<Vec<u8>>,
        end: Instant,
        limit: Duration,
    ) -> Result<Body, CallError> {
        let response = match timeout_at(end, self.client.send(request.map(Body::from))).await {
            Ok(Ok(response)) => response,
            Ok(Err(error)) => return Err(CallError::Broken(with_causes(&error))),
            Err(_) => return Err(CallError::TimedOut(limit)),
        };
        let (parts, body) = response.into_parts();
        if parts.status.is_success() {
            return Ok(body);
        }
        let text = match timeout_at(end, body.collect()).await {
            Ok(Ok(whole)) => whole.to_bytes(),
            // The code is the answer; its text is for people.
            Ok(Err(_)) | Err(_) => Bytes::new(),
        };
        Err(CallError::Refused(Refusal::read(parts.status, &parts.headers, &text)))
    }
}

/// An error and what caused it, in one line.
pub(crate) fn with_causes(error: &dyn std::error::Error) -> String {
    let mut line = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        let text = error.to_string();
        // Many errors repeat their cause in their own text.
        if !line.contains(&text) {
            line.push_str(": ");
            line.push_str(&text);
        }
        cause = error.source();
    }
    line
}
