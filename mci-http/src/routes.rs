//! The paths that every process answers.

use axum::Router;
use axum::extract::State;
use axum::http::header::{ACCEPT, CACHE_CONTROL, CONTENT_TYPE};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::get;

use crate::metrics::{Exposition, Format};
use crate::readiness::Readiness;

const FRESH: (axum::http::HeaderName, &str) = (CACHE_CONTROL, "no-store");

/// `/healthz`, `/readyz`, and `/metrics` where there are any.
pub fn routes(readiness: Readiness, exposition: Option<Exposition>) -> Router {
    let health = Router::new()
        .route("/healthz", get(|| async { ([FRESH], "ok\n") }))
        .route("/readyz", get(readyz))
        .with_state(readiness);
    match exposition {
        None => health,
        Some(exposition) => health.merge(Router::new().route("/metrics", get(scrape)).with_state(exposition)),
    }
}

async fn readyz(State(readiness): State<Readiness>, headers: HeaderMap) -> Response {
    let report = readiness.report();
    let status = if report.ready { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    if accepts(&headers, "application/json") {
        (status, [FRESH], axum::Json(report)).into_response()
    } else {
        (status, [FRESH], report.to_string()).into_response()
    }
}

async fn scrape(State(exposition): State<Exposition>, headers: HeaderMap) -> Response {
    let format = if accepts(&headers, "application/openmetrics-text") {
        Format::OpenMetrics
    } else {
        Format::Prometheus
    };
    // After a change of a large snapshot this computes for a while, and it must not keep queries waiting.
    let text = tokio::task::spawn_blocking(move || exposition.text(format)).await;
    match text {
        Ok(text) => ([(CONTENT_TYPE, format.content_type())], text).into_response(),
        Err(error) => {
            tracing::error!(%error, "Metrics not written");
            StatusCode::INTERNAL_SERVER_ERROR.into_response()
        }
    }
}

/// Whether the client names this type. Its preferences among several do not matter: who names it understands it.
fn accepts(headers: &HeaderMap, kind: &str) -> bool {
    headers
        .get_all(ACCEPT)
        .iter()
        .filter_map(|accept| accept.to_str().ok())
        .any(|accept| accept.contains(kind))
}
