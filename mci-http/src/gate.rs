//! What stands before every route of a front end: strangers may ask, but not often.
//!
//! ```text
//!   request ──► health? ──────────────────────────────────────────► routes
//!            └► a client certificate where one is asked for ─ no ──► 403
//!            └► a valid key ───────────────────────────────────────► routes; its connection is known from now on
//!            └► a token of the client's network ───────────── no ──► 429
//!                                  └───────── yes ─────────────────► routes, which want a key or not
//! ```
//!
//! A request of gRPC is refused in gRPC's own words. It refuses to know which routes want a key.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use axum::Router;
use axum::extract::{Request, State};
use axum::http::header::CONTENT_TYPE;
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::{IntoResponse, Response};
use ipnet::{IpNet, Ipv4Net, Ipv6Net};
use mci_core::peer::KeyRing;
use tokio::sync::watch;

use crate::api::problem::Problem;
use crate::connection::Connection;

/// The header that carries a key.
const KEY: HeaderName = HeaderName::from_static("x-api-key");
/// The longest key that is looked at: hashing more is work that a stranger can ask for.
const LONGEST_KEY: usize = 1_024;
/// What probes ask for: nobody is kept from it, so that no stranger can make a front end look dead.
const HEALTH: [&str; 4] = ["/healthz", "/readyz", "/healthz/liveness", "/healthz/ready"];
/// What monitoring asks for, without a key: it has tokens of its own, so that strangers who guess keys do not use them up.
const METRICS: &str = "/metrics";
/// Networks that are told apart; all others share one bucket.
const NETWORKS: usize = 4096;

/// Why a request was turned away.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Turned {
    /// Its network asked too often without a valid key.
    TooMany,
    /// It showed no certificate of the configured authority.
    NoCertificate,
}

impl Turned {
    /// All of them, for metrics.
    pub const ALL: [Self; 2] = [Self::TooMany, Self::NoCertificate];

    /// As a metric's label.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::TooMany => "too_many",
            Self::NoCertificate => "no_certificate",
        }
    }
}

/// What stands before every route.
#[derive(Debug)]
pub struct Gate {
    keys: watch::Receiver<Arc<KeyRing>>,
    /// Requests a second without a valid key, from each network.
    rate: watch::Receiver<u32>,
    needs_certificate: bool,
    buckets: Mutex<Buckets>,
    of_metrics: Mutex<Buckets>,
    strangers: AtomicU64,
    turned: [AtomicU64; Turned::ALL.len()],
}

impl Gate {
    /// Knows the clusters of `keys`, and lets through `rate` requests a second without a valid key from each network.
    pub fn new(
        keys: watch::Receiver<Arc<KeyRing>>,
        rate: watch::Receiver<u32>,
        needs_certificate: bool,
    ) -> Self {
        Self {
            keys,
            rate,
            needs_certificate,
            buckets: Mutex::default(),
            of_metrics: Mutex::default(),
            strangers: AtomicU64::new(0),
            turned: Default::default(),
        }
    }

    /// These routes behind it.
    pub fn before(self: &Arc<Self>, routes: Router) -> Router {
        routes.layer(from_fn_with_state(Arc::clone(self), pass))
    }

    /// How many requests came without a valid key, those for health left out.
    pub fn strangers(&self) -> u64 {
        self.strangers.load(Ordering::Relaxed)
    }

    /// How many requests were turned away.
    pub fn turned(&self, why: Turned) -> u64 {
        self.counter(why).load(Ordering::Relaxed)
    }

    fn counter(&self, why: Turned) -> &AtomicU64 {
        let [too_many, no_certificate] = &self.turned;
        match why {
            Turned::TooMany => too_many,
            Turned::NoCertificate => no_certificate,
        }
    }

    fn judge(&self, path: &str, headers: &HeaderMap, connection: Option<&Connection>) -> Result<(), Turned> {
        if HEALTH.iter().any(|health| path.eq_ignore_ascii_case(health)) {
            return Ok(());
        }
        if self.needs_certificate && !connection.is_some_and(Connection::has_certificate) {
            return Err(Turned::NoCertificate);
        }
        let key = headers.get(KEY).map(HeaderValue::as_bytes).filter(|key| key.len() <= LONGEST_KEY);
        if key.is_some_and(|key| self.keys.borrow().identify(key).is_some()) {
            if let Some(connection) = connection {
                connection.make_known();
            }
            return Ok(());
        }
        self.strangers.fetch_add(1, Ordering::Relaxed);
        let network = connection.map(|connection| network(connection.client().ip()));
        let rate = *self.rate.borrow();
        let buckets = if path == METRICS { &self.of_metrics } else { &self.buckets };
        let mut buckets = buckets.lock().unwrap_or_else(PoisonError::into_inner);
        if buckets.take(network, rate, Instant::now()) { Ok(()) } else { Err(Turned::TooMany) }
    }
}

async fn pass(State(gate): State<Arc<Gate>>, request: Request, next: Next) -> Response {
    let connection = request.extensions().get::<Connection>();
    match gate.judge(request.uri().path(), request.headers(), connection) {
        Ok(()) => next.run(request).await,
        Err(why) => {
            gate.counter(why).fetch_add(1, Ordering::Relaxed);
            refuse(why, request.headers())
        }
    }
}

fn refuse(why: Turned, headers: &HeaderMap) -> Response {
    let (status, code, title, detail) = match why {
        Turned::TooMany => (
            StatusCode::TOO_MANY_REQUESTS,
            "8",
            "Too many requests without a valid key",
            "ask again later, or with a key that this cluster knows",
        ),
        Turned::NoCertificate => (
            StatusCode::FORBIDDEN,
            "7",
            "A client certificate is needed",
            "show one that the authority of this front end (tls.http.clientCa) has signed",
        ),
    };
    let is_grpc =
        headers.get(CONTENT_TYPE).is_some_and(|kind| kind.as_bytes().starts_with(b"application/grpc"));
    if is_grpc {
        // An answer of trailers alone: HTTP's own status says nothing there.
        let message = HeaderValue::try_from(format!("{title}: {detail}")).expect("these are printable ASCII");
        return [
            (CONTENT_TYPE, HeaderValue::from_static("application/grpc")),
            (HeaderName::from_static("grpc-status"), HeaderValue::from_static(code)),
            (HeaderName::from_static("grpc-message"), message),
        ]
        .into_response();
    }
    Problem::new(status, title, detail.to_owned()).into_response()
}

/// Whom a client shares its tokens with: who has one address of a network has many.
fn network(client: IpAddr) -> IpNet {
    match client.to_canonical() {
        IpAddr::V4(address) => IpNet::V4(Ipv4Net::new_assert(address, 24).trunc()),
        IpAddr::V6(address) => IpNet::V6(Ipv6Net::new_assert(address, 56).trunc()),
    }
}

/// Tokens by network.
#[derive(Debug, Default)]
struct Buckets {
    of: HashMap<IpNet, Bucket>,
    /// Of those that found no bucket of their own, or have no address.
    others: Option<Bucket>,
}

#[derive(Clone, Copy, Debug)]
struct Bucket {
    tokens: f64,
    at: Instant,
}

impl Bucket {
    fn refill(&mut self, rate: f64, now: Instant) {
        let since = now.saturating_duration_since(self.at).as_secs_f64();
        self.tokens = (self.tokens + since * rate).min(rate);
        self.at = now;
    }

    fn take(&mut self, rate: f64, now: Instant) -> bool {
        self.refill(rate, now);
        let has = self.tokens >= 1.0;
        if has {
            self.tokens -= 1.0;
        }
        has
    }
}

impl Buckets {
    /// Takes a token, of which there are `rate` a second and never more.
    fn take(&mut self, network: Option<IpNet>, rate: u32, now: Instant) -> bool {
        let rate = f64::from(rate);
        let full = Bucket { tokens: rate, at: now };
        let Some(network) = network else { return self.others.get_or_insert(full).take(rate, now) };
        if !self.of.contains_key(&network) && self.of.len() >= NETWORKS {
            // A full bucket says what none would say.
            self.of.retain(|_, bucket| {
                bucket.refill(rate, now);
                bucket.tokens < rate
            });
            if self.of.len() >= NETWORKS {
                return self.others.get_or_insert(full).take(rate, now);
            }
        }
        self.of.entry(network).or_insert(full).take(rate, now)
    }
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;
    use std::time::Duration;

    use super::*;

    fn net(last: u32) -> IpNet {
        network(IpAddr::V4(Ipv4Addr::from_bits(last << 8)))
    }

    #[test]
    fn each_network_has_its_tokens_and_gets_them_back() {
        let (mut buckets, begin) = (Buckets::default(), Instant::now());
        let mut granted = |network, at: u64| {
            (0..5).filter(|_| buckets.take(Some(net(network)), 3, begin + Duration::from_secs(at))).count()
        };
        assert_eq!(
            [granted(1, 0), granted(1, 0), granted(2, 0), granted(1, 1), granted(1, 60)],
            [3, 0, 3, 3, 3]
        );
    }

    #[test]
    fn networks_beyond_count_share_one_bucket_until_others_are_full_again() {
        let (mut buckets, begin) = (Buckets::default(), Instant::now());
        let most = u32::try_from(NETWORKS).unwrap();
        let all = (0..most).all(|network| buckets.take(Some(net(network)), 1, begin));
        let beyond = [most, most + 1].map(|network| buckets.take(Some(net(network)), 1, begin));
        assert_eq!((all, beyond), (true, [true, false]));
        assert!(buckets.take(Some(net(most + 1)), 1, begin + Duration::from_secs(2)));
        assert_eq!(buckets.of.len(), 1);
    }

    #[test]
    fn who_has_one_address_of_a_network_has_many() {
        let [one, other, far] = ["2001:db8::1", "2001:db8:0:ff::9", "2001:db8:0:100::1"]
            .map(|address| network(address.parse().unwrap()));
        assert_eq!((one == other, one == far), (true, false));
        assert_eq!(network("::ffff:192.0.2.7".parse().unwrap()).to_string(), "192.0.2.0/24");
    }
}
