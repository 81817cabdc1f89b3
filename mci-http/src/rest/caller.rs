//! Who calls: the key of a request, and how often somebody may come with one that nobody has.

use std::sync::{Mutex, PoisonError};

use axum::http::header::{RETRY_AFTER, WWW_AUTHENTICATE};
use axum::http::{HeaderMap, StatusCode};
use mci_core::ClusterId;
use mci_core::peer::KeyRing;
use tokio::time::Instant;

use crate::api::problem::Problem;

/// Where the key is.
pub(crate) const KEY_HEADER: &str = "x-api-key";
/// The longest key that is looked at: hashing more is work that a stranger can ask for.
const LONGEST_KEY: usize = 1_024;

/// The cluster whose key the request carries. A good key is never counted: strangers cannot keep a peer out.
pub(super) fn identify(
    keys: &KeyRing,
    headers: &HeaderMap,
    strangers: &Strangers,
) -> Result<ClusterId, Problem> {
    let key = headers.get(KEY_HEADER).map(axum::http::HeaderValue::as_bytes);
    let key = key.filter(|key| !key.is_empty() && key.len() <= LONGEST_KEY);
    match key.and_then(|key| keys.identify(key)) {
        Some(cluster) => Ok(cluster.clone()),
        None if strangers.come(Instant::now()) => Err(unknown()),
        None => {
            let detail = "too many requests without a valid key: wait a second".to_owned();
            let problem = Problem::new(StatusCode::TOO_MANY_REQUESTS, "Too many requests", detail);
            Err(problem.header(RETRY_AFTER, "1"))
        }
    }
}

/// The same words whether there was no key, a bad one, or one that is no longer good.
pub(super) fn unknown() -> Problem {
    let detail =
        "the header X-Api-Key has to carry a key that is known here: `mci auth key` makes one".to_owned();
    let problem = Problem::new(StatusCode::UNAUTHORIZED, "Nobody is known by this key", detail);
    problem.header(WWW_AUTHENTICATE, "ApiKey header=\"X-Api-Key\"")
}

/// How many requests without a valid key are looked at in a second, whoever sends them.
#[derive(Debug)]
pub(super) struct Strangers {
    per_second: u32,
    left: Mutex<(u32, Option<Instant>)>,
}

impl Strangers {
    pub(super) fn new(per_second: u32) -> Self {
        Self { per_second, left: Mutex::new((per_second, None)) }
    }

    /// One more; whether it is still one of those that are looked at.
    fn come(&self, now: Instant) -> bool {
        let (left, since) = &mut *self.left.lock().unwrap_or_else(PoisonError::into_inner);
        if since.is_none_or(|since| now.saturating_duration_since(since).as_secs() >= 1) {
            (*left, *since) = (self.per_second, Some(now));
        }
        match left.checked_sub(1) {
            Some(less) => {
                *left = less;
                true
            }
            None => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn only_so_many_strangers_a_second_are_looked_at() {
        let strangers = Strangers::new(2);
        let now = Instant::now();
        let at = |millis| strangers.come(now + Duration::from_millis(millis));
        assert_eq!(
            [at(0), at(10), at(20), at(999), at(1_000), at(1_001), at(1_002)],
            [true, true, false, false, true, true, false]
        );
    }
}
