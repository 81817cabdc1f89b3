//! Who calls: the cluster whose key a request carries. How often strangers may ask is the gate's matter.

use axum::http::header::WWW_AUTHENTICATE;
use axum::http::{HeaderMap, HeaderValue, StatusCode};
use mci_core::ClusterId;
use mci_core::peer::KeyRing;

use crate::api::problem::Problem;

/// Where the key is.
pub(crate) const KEY_HEADER: &str = "x-api-key";
/// The longest key that is looked at: hashing more is work that a stranger can ask for.
const LONGEST_KEY: usize = 1_024;

/// The cluster whose key the request carries.
pub(super) fn identify(keys: &KeyRing, headers: &HeaderMap) -> Result<ClusterId, Problem> {
    let key = headers.get(KEY_HEADER).map(HeaderValue::as_bytes);
    let key = key.filter(|key| !key.is_empty() && key.len() <= LONGEST_KEY);
    key.and_then(|key| keys.identify(key)).cloned().ok_or_else(unknown)
}

/// The same words whether there was no key, a bad one, or one that is no longer good.
pub(super) fn unknown() -> Problem {
    let detail =
        "the header X-Api-Key has to carry a key that is known here: `mci auth key` makes one".to_owned();
    let problem = Problem::new(StatusCode::UNAUTHORIZED, "Nobody is known by this key", detail);
    problem.header(WWW_AUTHENTICATE, "ApiKey header=\"X-Api-Key\"")
}
