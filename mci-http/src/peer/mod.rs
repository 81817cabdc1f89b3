//! Speaks to a peer that knows REST alone: tells it what the own cluster publishes, and reads what it publishes itself.
//!
//! ```text
//!   Outbox ── OutboxFeed ──► SendPlan ──next──► one POST at a time ──► PeerClient ──► peer
//!                               ▲ told, refused, failed; heartbeats ────────┘
//!   peer's GET /Host ──► PollPlan ──► ClusterStore
//! ```
//!
//! The plans decide, without sockets and without a clock. Whatever a peer does (hangs, answers garbage, answers without
//! end) costs a bounded time and a bounded number of octets, and is in nobody's way but its own.

mod client;
mod feed;
mod poll;
mod poll_plan;
mod send;
mod send_plan;

pub use self::client::{ClientError, Hosts, PeerClient, PeerError, Spoken};
pub use self::feed::OutboxFeed;
pub use self::poll::{PollEvent, poll};
pub use self::poll_plan::{Change, PollPlan};
pub use self::send::{SendEvent, Sending};
pub use self::send_plan::{Posted, SendPlan};
