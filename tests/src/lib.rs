//! The rig: real servers as processes, an independent DNS client, and an independent judge of the answers.
//!
//! ```text
//!   state file ──► Mci ◄──gRPC── CoreDns ◄──UDP, TCP── Client ──► Reply, read octet by octet
//!                   ▲                                    │
//!                   └──────────────UDP, TCP──────────────┤
//!                                                        └──► Load ──► Checker: none failed, none wrong
//! ```
//!
//! It shares no code with the product: messages are written and read here once more, and hickory-proto gives a
//! second opinion on every reply. It panics where a test should fail.
//!
//! A process lives as long as its value, and no longer than the test program whatever becomes of that. Its log
//! is shown when the test fails. Addresses are loopback ones, and ports are free ones.
//!
//! What a machine may lack is asked for with [`require::present`]: a test that lacks it says `SKIPPED` and why,
//! and fails instead where `MCI_TEST_REQUIRE=all` is set, as `cargo xtask test` does.

#![allow(
    clippy::indexing_slicing,
    clippy::missing_panics_doc,
    reason = "this crate is nothing but tests, and a panic is how a test fails"
)]

pub mod certificates;
pub mod checker;
pub mod client;
pub mod cluster;
pub mod cluster_bench;
pub mod coredns;
pub mod demo;
pub mod dig;
pub mod dotnet;
pub mod fleet;
pub mod http;
pub mod load;
pub mod mci;
pub mod netns;
pub mod port;
pub mod process;
pub mod proxy;
pub mod query;
pub mod reply;
pub mod require;
mod runtime;
pub mod secrets;
pub mod signals;
pub mod statistics;
pub mod wait;
pub mod wire;
pub mod world;
