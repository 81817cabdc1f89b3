//! What objects mean: round trips, and what of a broken object can still be used.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a panic is how a test fails")]

mod clusters;
mod hostnames;
mod shards;
mod world;
