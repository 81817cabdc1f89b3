//! What can be set.

use core::net::SocketAddr;
use core::num::NonZeroUsize;
use core::time::Duration;

use mci_core::wire::CookieSecrets;

use crate::rate_limit::RateLimit;

/// What the listeners can be told; [`Config::new`] has the defaults.
#[derive(Clone, Debug)]
pub struct Config {
    /// Where to listen, each over UDP and TCP. `0.0.0.0` and `[::]` may both be given: IPv6 sockets take IPv6 alone. Port 0
    /// takes a free one, the same for UDP and TCP.
    pub addresses: Vec<SocketAddr>,
    /// UDP sockets, each with a thread of its own, for each address. Default: one for each core that this process may use.
    pub sockets: NonZeroUsize,
    /// What TCP clients may hold.
    pub tcp: TcpLimits,
    /// Limits responses over UDP to a client's network. Default: off.
    pub rate_limit: Option<RateLimit>,
    /// What server cookies are made with (RFC 9018, D21): the same at all replicas that share an address. Default: random at
    /// start.
    pub cookies: Option<CookieSecrets>,
}

impl Config {
    /// The defaults, at these addresses.
    pub fn new(addresses: impl IntoIterator<Item = SocketAddr>) -> Self {
        Self {
            addresses: addresses.into_iter().collect(),
            sockets: std::thread::available_parallelism().unwrap_or(NonZeroUsize::MIN),
            tcp: TcpLimits::default(),
            rate_limit: None,
            cookies: None,
        }
    }
}

/// What TCP clients may hold (D33; RFC 7766 §6.2).
///
/// A connection beyond a limit is let in, and the one that has been silent for longest is closed for it: idle connections
/// cannot lock anybody out, and one client can only take its own share.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TcpLimits {
    /// Connections at all addresses together. Default: 1,024.
    pub connections: NonZeroUsize,
    /// Connections of one client, an IPv4 address or an IPv6 /64. Default: 128.
    pub connections_per_client: NonZeroUsize,
    /// A connection without a complete query for so long is closed, however many octets of one have come. Default: 10 s.
    pub idle: Duration,
    /// A client that has not taken its replies for so long is closed. Default: 10 s.
    pub write: Duration,
}

impl Default for TcpLimits {
    fn default() -> Self {
        let (connections, connections_per_client) = const {
            (
                NonZeroUsize::new(1024).expect("1024 is not zero"),
                NonZeroUsize::new(128).expect("128 is not zero"),
            )
        };
        Self {
            connections,
            connections_per_client,
            idle: Duration::from_secs(10),
            write: Duration::from_secs(10),
        }
    }
}
