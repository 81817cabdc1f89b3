//! The way a message came in, as far as the reply depends on it.

use core::net::IpAddr;

use super::cookie::CookieSecrets;

/// The way a message came in, as far as the reply depends on it.
#[derive(Clone, Copy, Debug)]
pub enum Transport<'a> {
    /// A transport without a size of its own and without a client: gRPC, or an embedder. Everything fits, cookies are
    /// ignored (D21, D23).
    Stream,
    /// DNS over TCP: everything fits, cookies are answered.
    Tcp(Client<'a>),
    /// DNS over UDP: truncated to the size asked for (D23), cookies are answered.
    Datagram(Client<'a>),
}

/// Who asks, and when: what cookies are made of (RFC 9018).
#[derive(Clone, Copy, Debug)]
pub struct Client<'a> {
    /// The client's address.
    pub address: IpAddr,
    /// Unix time in seconds.
    pub now: u32,
    /// The secrets of this server.
    pub cookies: &'a CookieSecrets,
    /// Whether this client is over its rate limit: one that sends a cookie over UDP, and not a good one of ours, then gets
    /// BADCOOKIE (D21). Clients without cookies are left to whoever limits the rate.
    pub over_limit: bool,
}
