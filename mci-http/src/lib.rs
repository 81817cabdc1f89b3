//! Health, readiness and metrics over HTTP, the REST calls between clusters, and the query log.
//!
//! ```text
//!   adapters ──Observe──► Observers ─┬─► Metrics   counters: a few nanoseconds a message, no lock
//!                                    └─► QueryLog  off by default
//!   Live ──at scrape time──► gauges of the snapshot, kept until it changes
//!
//!   GET /healthz  the process runs
//!   GET /readyz   every condition with its reason; 503 until all that are required hold
//!   GET /metrics  Prometheus or OpenMetrics, as the client asks
//!   GET /api/v1/… what is answered, and why, as data
//!
//!   a cluster's .NET application ──POST──► rest ──ClusterStore──► kept by whoever can
//!                                ◄──POST── peer ◄── what the own cluster publishes
//! ```
//!
//! This crate refuses to know Kubernetes, gRPC and the rules of DNS.

pub mod api;
mod connection;
mod error;
pub mod families;
mod gate;
pub mod metrics;
mod observers;
mod own;
pub mod peer;
mod query_log;
mod question;
mod readiness;
pub mod rest;
mod routes;
mod server;

pub use crate::connection::Connection;
pub use crate::error::Error;
pub use crate::gate::{Gate, Turned};
pub use crate::metrics::{Exposition, Metrics, Reload};
pub use crate::observers::Observers;
pub use crate::own::call_own;
pub use crate::query_log::{QueryLog, QueryLogConfig};
pub use crate::readiness::{Condition, Readiness};
pub use crate::routes::routes;
pub use crate::server::{Config, Server, TlsSource};
