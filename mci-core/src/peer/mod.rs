//! How clusters tell each other what they publish: what is said, what is believed, and of whom.
//!
//! ```text
//!   own shards ──► Outbox ──► Sender ~~ the stream ~~► ClusterStore::put ── acknowledged when stored ──┐
//!                               ▲                                                                       │
//!                               └───────────────────────────────────────────────────────────────────────┘
//!   who says so: KeyRing      what it may say: Admission      that it lives: Heartbeat
//! ```
//!
//! Everything here is a decision; sockets, clocks and storage belong to whoever drives it.

mod admission;
mod heartbeat;
mod keys;
mod memory;
mod outbox;
mod receiver;
mod sender;
mod shards;
mod store;
mod term;

pub use self::admission::{Admission, PeerLimits, Refusal, RefusalReason};
pub use self::heartbeat::{Heard, Heartbeat, Protocol};
pub use self::keys::{KEY_HASH_OCTETS, KeyRing};
pub use self::memory::MemoryStore;
pub use self::outbox::{Outbox, Standing};
pub use self::receiver::{Decision, HeldShard, Told, decide};
pub use self::sender::{Sender, Violation, Window};
pub use self::shards::{ShardChange, ShardItem, ShardState, ShardUpdate, ShardVersion, Urgency};
pub use self::store::{ClusterStore, StoreError, Stored};
pub use self::term::PeerTerm;
