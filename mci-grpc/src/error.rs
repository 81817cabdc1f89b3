//! What keeps the server from serving.

use std::io;
use std::path::PathBuf;

use crate::config::Listen;

/// What keeps the server from serving.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// Nothing to listen on.
    #[error("the gRPC server has no address to listen on")]
    NoListener,
    /// An address is taken (`source` is of kind [`io::ErrorKind::AddrInUse`]), refused, or not one of this machine.
    #[error("cannot listen on {listen}: {source}")]
    Bind {
        /// The address.
        listen: Listen,
        /// The operating system's reason.
        source: io::Error,
    },
    /// A socket's path leads to something else: it is left alone.
    #[error("cannot listen on unix://{}: it exists and is no socket; remove it, or choose another path", path.display())]
    NoSocket {
        /// The path.
        path: PathBuf,
    },
    /// A certificate, a key or a CA file cannot be used.
    #[error("{}: {problem}", file.display())]
    Tls {
        /// The file.
        file: PathBuf,
        /// What is wrong, and what would be right.
        problem: String,
    },
    /// A listener ended although nobody asked it to.
    #[error("the listener on {listen} ended: {problem}")]
    Ended {
        /// The address.
        listen: Listen,
        /// The reason.
        problem: String,
    },
}

impl Error {
    /// The address that another process (or another listener of this one) holds, if that is the reason.
    pub fn taken(&self) -> Option<&Listen> {
        match self {
            Self::Bind { listen, source } if source.kind() == io::ErrorKind::AddrInUse => Some(listen),
            _ => None,
        }
    }
}
