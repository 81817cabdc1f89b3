//! Errors of the API, as problem documents (RFC 9457): the one place where they are made.

use axum::Json;
use axum::http::header::CONTENT_TYPE;
use axum::http::{HeaderName, HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use serde::Serialize;

/// What is wrong with a request, and what to do.
#[derive(Debug, Serialize)]
pub(crate) struct Problem {
    title: &'static str,
    status: u16,
    detail: String,
    /// What the status asks for beside the body: when to try again, which methods there are.
    #[serde(skip)]
    header: Option<(HeaderName, HeaderValue)>,
}

impl Problem {
    pub(crate) fn bad_request(detail: String) -> Self {
        Self::new(StatusCode::BAD_REQUEST, "The request cannot be understood", detail)
    }

    pub(super) fn not_found() -> Self {
        let detail = "there are /api/v1/status, /api/v1/hostnames, /api/v1/explain and /api/v1/state";
        Self::new(StatusCode::NOT_FOUND, "There is no such path", detail.to_owned())
    }

    pub(crate) fn internal() -> Self {
        let detail = "the log of this process says why";
        Self::new(StatusCode::INTERNAL_SERVER_ERROR, "The request was not answered", detail.to_owned())
    }

    pub(crate) fn new(status: StatusCode, title: &'static str, detail: String) -> Self {
        Self { title, status: status.as_u16(), detail, header: None }
    }

    pub(crate) fn header(mut self, name: HeaderName, value: &'static str) -> Self {
        self.header = Some((name, HeaderValue::from_static(value)));
        self
    }

    pub(crate) const fn status(&self) -> u16 {
        self.status
    }

    pub(crate) fn detail(&self) -> &str {
        &self.detail
    }
}

impl IntoResponse for Problem {
    fn into_response(mut self) -> Response {
        let status = StatusCode::from_u16(self.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let header = self.header.take();
        let mut response = (status, [(CONTENT_TYPE, "application/problem+json")], Json(self)).into_response();
        if let Some((name, value)) = header {
            response.headers_mut().insert(name, value);
        }
        response
    }
}
