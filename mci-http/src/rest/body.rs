//! The body of a request: JSON, of a bounded length, in a bounded time.

use axum::body::{Bytes, to_bytes};
use axum::extract::Request;
use axum::http::StatusCode;
use axum::http::header::{CONTENT_LENGTH, CONTENT_TYPE};
use tokio::time::timeout;

use super::RestOptions;
use crate::api::problem::Problem;

/// All of it.
pub(super) async fn json(request: Request, options: &RestOptions) -> Result<Bytes, Problem> {
    let headers = request.headers();
    if let Some(kind) = headers.get(CONTENT_TYPE)
        && !kind.to_str().is_ok_and(is_json)
    {
        let detail = "Content-Type: the body has to be application/json".to_owned();
        return Err(Problem::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, "The body is of another type", detail));
    }
    let largest = options.largest_body;
    let announced = headers.get(CONTENT_LENGTH).and_then(|length| length.to_str().ok()?.parse::<u64>().ok());
    if announced.is_some_and(|length| usize::try_from(length).is_ok_and(|length| length > largest)) {
        return Err(too_large(largest));
    }
    match timeout(options.body_timeout, to_bytes(request.into_body(), largest)).await {
        Ok(Ok(octets)) => Ok(octets),
        Ok(Err(error)) if is_too_large(&error) => Err(too_large(largest)),
        Ok(Err(_)) => Err(Problem::bad_request("the body broke off".to_owned())),
        Err(_) => {
            let detail = format!("the body did not come within {} s", options.body_timeout.as_secs());
            Err(Problem::new(StatusCode::REQUEST_TIMEOUT, "The request took too long", detail))
        }
    }
}

/// `application/json; charset=utf-8`, `text/json`, `application/problem+json`.
fn is_json(kind: &str) -> bool {
    let kind = kind.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    kind.ends_with("/json") || kind.ends_with("+json")
}

fn is_too_large(error: &axum::Error) -> bool {
    std::error::Error::source(error)
        .is_some_and(<dyn std::error::Error>::is::<http_body_util::LengthLimitError>)
}

fn too_large(largest: usize) -> Problem {
    let detail = format!("a body may have {largest} octets");
    Problem::new(StatusCode::PAYLOAD_TOO_LARGE, "The body is too large", detail)
}
