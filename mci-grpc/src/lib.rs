//! `CoreDNS`'s gRPC DNS service, answered by `mci-core`; and [`peer`], the stream between clusters.
//!
//! ```text
//!   CoreDNS ──one HTTP/2 connection──► Listen (TCP, TLS, unix socket)
//!                                        │ connection: preface, keep-alive, GOAWAY
//!                                        ▼
//!                          /coredns.dns.DnsService/Query ──► answer: octets in, octets out, at once
//!                          everything else ────────────────► health, reflection (tonic)
//! ```
//!
//! [`Server`] serves it; [`Status`](tonic::Status)es are made in one place (`status`). The query path is written against
//! hyper, not through tonic's codecs and router: a query that arrives whole is answered in the task of its connection,
//! without a spawn, a boxed service or a lock of ours. This crate refuses to know Kubernetes, files of state and the
//! rules of DNS.

mod backend;
mod config;
mod connection;
mod error;
mod executor;
mod frame;
#[allow(clippy::all, clippy::pedantic, missing_docs, unreachable_pub, reason = "written by `cargo xtask proto`")]
#[rustfmt::skip]
#[path = "generated/coredns.dns.rs"]
mod generated;
mod health;
mod listen;
#[allow(clippy::all, clippy::pedantic, missing_docs, unreachable_pub, reason = "written by `cargo xtask proto`")]
#[rustfmt::skip]
#[path = "generated/mci.peer.v1.rs"]
mod peer_generated;
mod reply;
mod server;
mod service;
mod status;
mod tls;

pub mod peer;

/// The messages and the client of `coredns.dns.DnsService`, as generated.
pub mod pb {
    pub use crate::generated::dns_service_client::DnsServiceClient;
    pub use crate::generated::dns_service_server::{DnsService, DnsServiceServer};
    pub use crate::generated::{DnsPacket, dns_service_client, dns_service_server};

    /// The definitions, encoded, as reflection serves them.
    pub const FILE_DESCRIPTOR_SET: &[u8] = include_bytes!("generated/descriptors.bin");
}

pub use crate::config::{Config, Listen, ListenError};
pub use crate::error::Error;
pub use crate::server::Server;
pub use crate::tls::{Tls, TlsFiles};
