//! What a cluster publishes (R14–R19, R25, R27), through the public interface.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a panic is how a test fails")]

mod conflicts;
mod gateway;
mod hold;
mod incremental;
mod ingress;
mod overrides;
mod policy;
mod properties;
mod services;
mod status;
mod world;
