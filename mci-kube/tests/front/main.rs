//! What a front end stores, against an API server in this process. Time is paused: a minute of waiting takes none.

#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::missing_panics_doc,
    unreachable_pub,
    dead_code,
    missing_docs,
    reason = "a panic is how a test fails, and nobody else uses this"
)]

#[path = "../common/mod.rs"]
mod common;

mod heartbeats;
mod hosts;
mod shards;
mod world;
