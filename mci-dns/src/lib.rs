//! Answers DNS directly: the UDP and TCP listeners over [`mci_core`], for running without `CoreDNS`.
//!
//! ```text
//!  UDP socket ──recvmmsg──► batch ─┐                                   ┌─► replies by local address ──sendmmsg──►
//!  (one thread each,               ├─► Answerer ─► Snapshot::answer ───┤
//!   one a core and address)        │      │  └ rate limit (off by       └─► length and message ──one write──►
//!  TCP connection ──► frames ──────┘      │    default), UDP only
//!  (one task each)                        └─► Observe: metrics, query log
//! ```
//!
//! This crate moves octets: it knows sockets, threads, tasks, the clock, and who asked how often. What an answer *is* it
//! does not know; every rule of a message is in [`mci_core`] (`docs/dns.md`). It knows neither Kubernetes nor gRPC.
//!
//! ```no_run
//! # use std::sync::Arc;
//! # async fn serve(live: Arc<mci_core::Live>) -> Result<(), Box<dyn std::error::Error>> {
//! use mci_dns::{Config, Listeners};
//! use tokio_util::sync::CancellationToken;
//!
//! let listeners = Listeners::bind(Config::new(["127.0.0.1:5300".parse()?]), live, Arc::new(()))?;
//! let shutdown = CancellationToken::new(); // cancel it to end gracefully
//! listeners.run(shutdown).await?;
//! # Ok(())
//! # }
//! ```

#[cfg(not(target_os = "linux"))]
compile_error!(
    "mci-dns runs on Linux only: it needs recvmmsg, sendmmsg, IP_PKTINFO and SO_REUSEPORT as Linux has them"
);

mod answerer;
mod bind;
mod config;
mod listeners;
mod rate_limit;
mod tcp;
mod truncate;
mod udp;

pub use crate::bind::{BindError, BindProblem, Protocol};
pub use crate::config::{Config, TcpLimits};
pub use crate::listeners::{Error, Listeners};
pub use crate::rate_limit::RateLimit;
