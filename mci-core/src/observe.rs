//! What an adapter tells of each message that it answered.

use core::net::SocketAddr;
use core::time::Duration;

use crate::wire::Facts;

/// The way a message came in: a bounded label.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Way {
    /// `CoreDNS` over gRPC.
    Grpc,
    /// The direct listener over UDP.
    Udp,
    /// The direct listener over TCP.
    Tcp,
}

impl Way {
    /// The label's value.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Grpc => "grpc",
            Self::Udp => "udp",
            Self::Tcp => "tcp",
        }
    }
}

/// One message and what became of it.
#[derive(Clone, Copy, Debug)]
pub struct Exchange<'a> {
    /// The way it came in.
    pub way: Way,
    /// What was decided.
    pub facts: Facts,
    /// The octets that came in.
    pub query: &'a [u8],
    /// The octets of the reply; empty where there is none.
    pub reply: &'a [u8],
    /// Who asked, as far as the transport knows.
    pub client: Option<SocketAddr>,
    /// From the message's arrival to its reply, where the adapter's clock was read: a sample.
    pub elapsed: Option<Duration>,
}

/// Metrics and the query log, as adapters see them: a port that the binaries fill.
///
/// It is called for every message on the query path, so it must neither block nor allocate.
pub trait Observe: Send + Sync + 'static {
    /// A message was answered, or deliberately not.
    fn answered(&self, exchange: &Exchange<'_>);

    /// A message was turned away before it was read: the server is at its limit (D27).
    fn overloaded(&self, way: Way);
}

/// Nobody looks.
impl Observe for () {
    fn answered(&self, _exchange: &Exchange<'_>) {}
    fn overloaded(&self, _way: Way) {}
}
