//! What a person asks of a cluster, once: who leads, whose heartbeats are heard, what is installed, what time it is.
//!
//! Each function makes the few calls that it needs and ends. Nothing here is watched, and nothing is decided: what is
//! healthy is the caller's to say. What may be answered is read by [`crate::supply::once`].

mod clock;
mod definitions;
mod leases;
mod place;
mod shards;

pub use self::clock::{Clock, clock};
pub use self::definitions::{Definition, definitions};
pub use self::leases::{Heard, Leader, Leases, leases};
pub use self::place::{Nowhere, clusters, installation, namespace_of, user};
pub use self::shards::{Published, ShardView, published};
