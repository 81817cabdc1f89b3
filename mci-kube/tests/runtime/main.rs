//! Watches, writes, leases and heartbeats against an API server in this process that misbehaves on purpose. Time is
//! paused: a minute of waiting takes none.

#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::missing_panics_doc,
    unreachable_pub,
    missing_docs,
    reason = "a panic is how a test fails, and nobody else uses this"
)]

#[path = "../common/mod.rs"]
mod common;

mod events;
mod heartbeat;
mod lease;
mod watch;
mod write;
