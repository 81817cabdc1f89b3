//! What objects mean: round trips, and what of a broken object can still be used.

mod clusters;
mod hostnames;
mod shards;
mod world;
