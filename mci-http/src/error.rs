//! What keeps the server from serving.

use std::io;
use std::net::SocketAddr;

/// What keeps the server from serving.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The address is taken (`source` is of kind [`io::ErrorKind::AddrInUse`]), refused, or not one of this machine.
    #[error("cannot listen on {listen}: {source}")]
    Bind {
        /// The address.
        listen: SocketAddr,
        /// The operating system's reason.
        source: io::Error,
    },
}

impl Error {
    /// The address that another process holds, if that is the reason.
    pub fn taken(&self) -> Option<SocketAddr> {
        match self {
            Self::Bind { listen, source } if source.kind() == io::ErrorKind::AddrInUse => Some(*listen),
            Self::Bind { .. } => None,
        }
    }
}
