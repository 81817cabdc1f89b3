//! The stream between clusters, over real sockets: one that sends, one that hears, and peers that do neither well.

#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a panic is how a test fails"
)]

mod bad_peers;
mod raw;
mod refused;
mod serving;
mod spy;
mod telling;
mod tls;
