//! The rules of `docs/resolution.md`, through the public interface.

#![allow(clippy::unwrap_used, reason = "tests")]

mod alive;
mod draw;
mod explain;
mod liveness;
mod names;
mod properties;
mod publishing;
mod snapshots;
mod tiers;
mod world;
