//! The REST calls of the front end: how clusters that run the .NET application, and people, speak to this one.
//!
//! ```text
//!   request ──► Call (path, in any case) ──► Caller (X-Api-Key ──► cluster) ──► message ──► ClusterStore
//!                 │ 404, 405                   │ 401                              │ 400, 413, 415   │ 403, 409, 503
//!                 └────────────────────────────┴──────── problem documents ◄──────┴─────────────────┘
//! ```
//!
//! | call | does |
//! |---|---|
//! | `POST /Heartbeat` | says that the caller's cluster lives |
//! | `POST /Host` | says what it offers for one hostname |
//! | `GET /Host` | what this cluster publishes |
//! | `GET /Authentication/Auth?identifier=X` | what to configure on both sides for a new key of X |
//! | `GET /Authentication/Salt` | a new salt |
//! | `GET /Healthz/Liveness`, `/Healthz/Ready` | 200, or 503 with the reason |
//! | `GET /api/v1/peer` | that this cluster speaks the stream |
//!
//! A caller writes the state of the cluster that its key names, whatever it sends. What may be published is the store's
//! decision (R27). It refuses to know Kubernetes, and where the state is kept.

mod body;
mod call;
mod caller;
mod counted;
mod credentials;
mod message;

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::Request;
use axum::http::header::{ALLOW, CACHE_CONTROL, CONTENT_TYPE, RETRY_AFTER};
use axum::http::{Method, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::any;
use mci_core::ClusterId;
use mci_core::peer::{ClusterStore, Heartbeat, KeyRing, Protocol, StoreError};
use serde::Serialize;
use tokio::sync::{Semaphore, watch};

use self::call::Call;
pub use self::counted::RestCounters;
pub(crate) use self::message::{Fault, Json};
pub use self::message::{Host, MOST, Place, Target};
use crate::api::problem::Problem;
use crate::readiness::Readiness;

/// The version of the stream's protocol that `GET /api/v1/peer` tells.
pub const PEER_PROTOCOL: u32 = 1;

/// Requests that list all hostnames at once: each takes some megabytes while it lasts.
const LISTS_AT_ONCE: usize = 2;

/// Who this cluster is to those who call, and how much they may send.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct RestOptions {
    /// This cluster's own identifier.
    pub cluster: ClusterId,
    /// What its stream can do.
    pub capabilities: Vec<&'static str>,
    /// The most octets of one body. Default: 256 KiB, room for 2,000 addresses.
    pub largest_body: usize,
    /// How long a body may take to come. Default: 10 s.
    pub body_timeout: Duration,
}

impl RestOptions {
    /// The limits that suit most.
    pub const fn new(cluster: ClusterId) -> Self {
        Self {
            cluster,
            capabilities: Vec::new(),
            largest_body: 256 * 1024,
            body_timeout: Duration::from_secs(10),
        }
    }

    /// With what the stream can do.
    pub fn capabilities(mut self, capabilities: impl IntoIterator<Item = &'static str>) -> Self {
        self.capabilities = capabilities.into_iter().collect();
        self
    }
}

struct Rest<S> {
    store: Arc<S>,
    keys: watch::Receiver<Arc<KeyRing>>,
    readiness: Readiness,
    options: RestOptions,
    counters: RestCounters,
    lists: Semaphore,
}

/// The routes, over a store; a [`Gate`](crate::Gate) before them bounds how often strangers may ask. They take every path of one and of two parts that no other router has, since case makes no
/// difference in theirs.
pub fn rest<S: ClusterStore>(
    store: Arc<S>,
    keys: watch::Receiver<Arc<KeyRing>>,
    readiness: Readiness,
    options: RestOptions,
    counters: RestCounters,
) -> Router {
    let lists = Semaphore::new(LISTS_AT_ONCE);
    let rest = Arc::new(Rest { store, keys, readiness, options, counters, lists });
    let serve = move |request: Request| {
        let rest = rest.clone();
        async move { rest.serve(request).await }
    };
    let mut router = Router::new();
    for path in ["/{call}", "/{call}/", "/{group}/{call}", "/{group}/{call}/", "/api/v1/peer"] {
        router = router.route(path, any(serve.clone()));
    }
    router
}

impl<S: ClusterStore> Rest<S> {
    async fn serve(&self, request: Request) -> Response {
        let Some(call) = Call::at(request.uri().path()) else { return not_found().into_response() };
        let (answer, cluster) = match self.admit(call, &request) {
            Ok(caller) => (self.answer(call, caller.as_ref(), request).await, caller),
            Err(problem) => (Err(problem), None),
        };
        let answer = match answer {
            Ok(response) => response,
            Err(problem) => {
                if let Some(cluster) = &cluster {
                    let (status, detail) = (problem.status(), problem.detail());
                    tracing::warn!(%cluster, call = call.as_str(), status, detail, "REST call refused");
                } else {
                    tracing::debug!(call = call.as_str(), status = problem.status(), "REST call refused");
                }
                problem.into_response()
            }
        };
        self.counters.count(call, cluster.as_ref(), answer.status());
        answer
    }

    /// Whether the call is one that there is, and who makes it.
    fn admit(&self, call: Call, request: &Request) -> Result<Option<ClusterId>, Problem> {
        if !call.allows(request.method()) {
            let detail = format!("{} is for {} alone", call.as_str(), call.methods());
            let problem =
                Problem::new(StatusCode::METHOD_NOT_ALLOWED, "The method is not for this path", detail);
            return Err(problem.header(ALLOW, call.methods()));
        }
        if !call.needs_key() {
            return Ok(None);
        }
        let keys = self.keys.borrow().clone();
        caller::identify(&keys, request.headers()).map(Some)
    }

    async fn answer(
        &self,
        call: Call,
        caller: Option<&ClusterId>,
        request: Request,
    ) -> Result<Response, Problem> {
        match (call, caller) {
            (Call::Liveness, _) => Ok(([(CACHE_CONTROL, "no-store")], "ok\n").into_response()),
            (Call::Ready, _) => {
                let report = self.readiness.report();
                let status = if report.ready { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
                Ok((status, [(CACHE_CONTROL, "no-store")], report.to_string()).into_response())
            }
            (Call::Salt, _) => Ok(fresh(&credentials::new_salt()?)),
            (Call::Auth, Some(_)) => {
                let credentials = credentials::new_key(&self.options.cluster, &self.keys.borrow(), &request)?;
                Ok(fresh(&credentials))
            }
            (Call::Peer, Some(_)) => Ok(fresh(&Peer {
                protocol: PEER_PROTOCOL,
                capabilities: &self.options.capabilities,
                cluster: self.options.cluster.as_str(),
            })),
            (Call::Heartbeat, Some(cluster)) => {
                let heard = self.store.heard(cluster, &Heartbeat::default(), Protocol::Rest).await;
                heard.map_err(|error| problem_of(&error))?;
                Ok(StatusCode::NO_CONTENT.into_response())
            }
            (Call::Host, Some(cluster)) if request.method() == Method::POST => {
                self.post_host(cluster, request).await
            }
            (Call::Host, Some(_)) => self.list().await,
            (Call::Auth | Call::Peer | Call::Heartbeat | Call::Host, None) => Err(caller::unknown()),
        }
    }

    async fn post_host(&self, cluster: &ClusterId, request: Request) -> Result<Response, Problem> {
        let octets = body::json(request, &self.options).await?;
        let host = Json::parse(&octets).and_then(|json| Host::read(&json, ""));
        let host = host.map_err(|fault| Problem::bad_request(fault.to_string()))?;
        let endpoint = host.endpoint(cluster);
        let stored = self.store.put_host(cluster, &host.hostname, endpoint).await;
        stored.map_err(|error| problem_of(&error))?;
        Ok(StatusCode::NO_CONTENT.into_response())
    }

    async fn list(&self) -> Result<Response, Problem> {
        let _turn = self.lists.acquire().await.map_err(|_| Problem::internal())?;
        let hosts = self.store.own_hosts().await.map_err(|error| problem_of(&error))?;
        // Tens of thousands of hostnames take a while, and heartbeats must not wait for them.
        let written = tokio::task::spawn_blocking(move || {
            let hosts: Vec<Host> =
                hosts.into_iter().map(|(hostname, endpoint)| Host::of(hostname, &endpoint)).collect();
            serde_json::to_vec(&hosts)
        });
        match written.await {
            Ok(Ok(text)) => {
                Ok(([(CACHE_CONTROL, "no-store"), (CONTENT_TYPE, "application/json")], text).into_response())
            }
            Ok(Err(_)) | Err(_) => Err(Problem::internal()),
        }
    }
}

/// What `GET /api/v1/peer` tells.
#[derive(Serialize)]
struct Peer<'a> {
    protocol: u32,
    capabilities: &'a [&'static str],
    cluster: &'a str,
}

fn fresh(body: &impl Serialize) -> Response {
    ([(CACHE_CONTROL, "no-store")], axum::Json(body)).into_response()
}

fn not_found() -> Problem {
    let detail = "there are /Heartbeat, /Host, /Authentication/Auth, /Authentication/Salt, /Healthz/Liveness, \
                  /Healthz/Ready and /api/v1/peer";
    Problem::new(StatusCode::NOT_FOUND, "There is no such path", detail.to_owned())
}

fn problem_of(error: &StoreError) -> Problem {
    let detail = error.to_string();
    match error {
        StoreError::Unavailable { .. } => {
            let problem = Problem::new(StatusCode::SERVICE_UNAVAILABLE, "It cannot be stored now", detail);
            problem.header(RETRY_AFTER, "5")
        }
        StoreError::DuplicateClusterIdentifier { .. } => {
            Problem::new(StatusCode::CONFLICT, "Another cluster lives under this identifier", detail)
        }
        StoreError::OtherProtocol { .. } => {
            Problem::new(StatusCode::CONFLICT, "The cluster's state comes another way", detail)
        }
        StoreError::Refused(_) => Problem::new(StatusCode::FORBIDDEN, "This may not be published", detail),
    }
}
