//! One cluster with MCI in it: from objects in a real API server to answers through `CoreDNS` and direct, and what
//! harm does to them.
//!
//! Tests that do no harm share a cluster (`shared`). Each of the others has its own.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a panic is how a test fails")]

use mci_tests::require::{self, Component};

mod api_server;
mod caches;
mod dns_server;
mod leaders;
mod liveness;
mod manifests;
mod many;
mod overrides;
mod shared;
mod statuses;
mod strangers;
mod tokens;
mod withdrawals;

/// Whether this machine has all that a world consists of; else the calling test is skipped.
fn here() -> bool {
    require::present(&[Component::Kubernetes, Component::Helm, Component::CoreDns])
}
