//! What *is* answered, as data, read only: `/api/v1`.
//!
//! | path | returns |
//! |---|---|
//! | `GET /api/v1/status` | readiness, digest, clusters, zones, sources, held withdrawals |
//! | `GET /api/v1/hostnames?after=NAME&limit=N` | hostnames, each with what may be answered; 500 at once, 5,000 at most; ordered by wire form |
//! | `GET /api/v1/explain?name=NAME&type=TYPE` | why: every endpoint with the rule that took or dropped it; A and AAAA without a type |
//! | `GET /api/v1/state` | the whole state file, as JSON |
//!
//! Everything comes from one snapshot, whose digest is in the header `mci-digest`: replicas that agree have the same.
//! An error is a problem document (RFC 9457) that says what to do.

pub(crate) mod problem;
mod status;

use std::collections::BinaryHeap;
use std::sync::Arc;

use axum::extract::{Query as Parameters, State};
use axum::http::header::CACHE_CONTROL;
use axum::http::{HeaderMap, HeaderValue};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::{Json, Router};
use mci_core::state_file::StateFile;
use mci_core::{Answers, Explanation, Hostname, Live, Query, RecordType, Snapshot};
use serde::{Deserialize, Serialize};
use tokio::sync::Semaphore;

use self::problem::Problem;
pub use self::status::{ClusterDetail, Details, SnapshotFileDetail, SourceDetail};

/// Hostnames of one page, where the client names no number, and at most.
const PAGE: usize = 500;
const LONGEST_PAGE: usize = 5_000;
/// Requests that look at every hostname, at once: the rest waits, and queries go first.
const AT_ONCE: usize = 2;

/// What the process knows of itself beside its snapshot, looked at whenever somebody asks.
pub type Look = dyn Fn() -> Details + Send + Sync;

#[derive(Clone)]
struct Api {
    live: Arc<Live>,
    look: Arc<Look>,
    turns: Arc<Semaphore>,
}

/// The routes of `/api/v1`, over what `live` serves.
pub fn api(live: Arc<Live>, look: Arc<Look>) -> Router {
    let api = Api { live, look, turns: Arc::new(Semaphore::new(AT_ONCE)) };
    Router::new()
        .route("/api/v1/status", get(status))
        .route("/api/v1/hostnames", get(hostnames))
        .route("/api/v1/explain", get(explain))
        .route("/api/v1/state", get(state))
        .route("/api/v1/{*path}", get(async || Problem::not_found()))
        .with_state(api)
}

impl Api {
    /// Does what may take a while where it keeps no query waiting.
    async fn compute<T: Send + 'static>(
        &self,
        compute: impl FnOnce(&Snapshot) -> T + Send + 'static,
    ) -> Result<(T, u64), Problem> {
        let _turn = self.turns.acquire().await.map_err(|_| Problem::internal())?;
        let snapshot = self.live.snapshot();
        tokio::task::spawn_blocking(move || (compute(&snapshot), snapshot.digest())).await.map_err(|error| {
            tracing::error!(%error, "An API request was not answered");
            Problem::internal()
        })
    }
}

async fn status(State(api): State<Api>) -> Result<Response, Problem> {
    let details = (api.look)();
    let (status, digest) = api.compute(|snapshot| status::Status::new(snapshot, details)).await?;
    Ok(reply(digest, &status))
}

#[derive(Deserialize)]
struct Page {
    after: Option<String>,
    limit: Option<usize>,
}

#[derive(Serialize)]
struct Hostnames {
    hostnames: Vec<Answered>,
    /// What to ask for as `after`, where there are more.
    #[serde(skip_serializing_if = "Option::is_none")]
    next: Option<String>,
}

#[derive(Serialize)]
struct Answered {
    hostname: String,
    #[serde(flatten)]
    answers: Answers,
}

async fn hostnames(
    State(api): State<Api>,
    page: Result<Parameters<Page>, axum::extract::rejection::QueryRejection>,
) -> Result<Response, Problem> {
    let Parameters(page) = page.map_err(|rejection| Problem::bad_request(rejection.body_text()))?;
    let limit = page.limit.unwrap_or(PAGE);
    if limit == 0 || limit > LONGEST_PAGE {
        return Err(Problem::bad_request(format!("limit: {limit} is out of range: 1 to {LONGEST_PAGE}")));
    }
    let after = page.after.map(|text| hostname("after", &text)).transpose()?;
    let (hostnames, digest) = api.compute(move |snapshot| list(snapshot, after.as_ref(), limit)).await?;
    Ok(reply(digest, &hostnames))
}

/// The first hostnames behind `after`, in the order of their wire form.
fn list(snapshot: &Snapshot, after: Option<&Hostname>, limit: usize) -> Hostnames {
    // The smallest so far, the greatest of them on top; one more than asked for tells whether there are more.
    let mut first = BinaryHeap::with_capacity(limit + 2);
    for hostname in snapshot.hostnames().filter(|hostname| after.is_none_or(|after| hostname > after)) {
        first.push(hostname);
        if first.len() > limit + 1 {
            first.pop();
        }
    }
    let mut names = first.into_sorted_vec();
    let more = names.len() > limit;
    names.truncate(limit);
    let next = names.last().filter(|_| more).map(ToString::to_string);
    let answered = |name: Hostname| Answered {
        hostname: name.to_string(),
        answers: Answers {
            v4: snapshot.possible(&Query::new(name.clone(), RecordType::A)),
            v6: snapshot.possible(&Query::new(name, RecordType::AAAA)),
        },
    };
    Hostnames { hostnames: names.into_iter().map(answered).collect(), next }
}

#[derive(Deserialize)]
struct Asked {
    name: String,
    #[serde(rename = "type")]
    record_type: Option<String>,
}

#[derive(Serialize)]
struct Explanations {
    explanations: Vec<Explanation>,
}

async fn explain(
    State(api): State<Api>,
    asked: Result<Parameters<Asked>, axum::extract::rejection::QueryRejection>,
) -> Result<Response, Problem> {
    let Parameters(asked) = asked.map_err(|rejection| Problem::bad_request(rejection.body_text()))?;
    let name = hostname("name", &asked.name)?;
    let types = match asked.record_type {
        None => vec![RecordType::A, RecordType::AAAA],
        Some(text) => {
            let one = text.parse().map_err(|error| Problem::bad_request(format!("type: {error}")))?;
            vec![one]
        }
    };
    let (explanations, digest) = api
        .compute(move |snapshot| {
            types.into_iter().map(|one| snapshot.explain(&Query::new(name.clone(), one))).collect()
        })
        .await?;
    Ok(reply(digest, &Explanations { explanations }))
}

async fn state(State(api): State<Api>) -> Result<Response, Problem> {
    let (text, digest) = api.compute(StateFile::write_json).await?;
    let headers = [("content-type", "application/json")];
    Ok((fresh(digest), headers, text).into_response())
}

fn hostname(parameter: &str, text: &str) -> Result<Hostname, Problem> {
    text.parse().map_err(|error| Problem::bad_request(format!("{parameter}: {error}")))
}

fn reply(digest: u64, body: &impl Serialize) -> Response {
    (fresh(digest), Json(body)).into_response()
}

fn fresh(digest: u64) -> HeaderMap {
    let mut headers = HeaderMap::new();
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    let digest = HeaderValue::from_str(&format!("{digest:016x}")).expect("hexadecimal digits are a header");
    headers.insert("mci-digest", digest);
    headers
}
