//! `mci.peer.v1.PeerSync`: how one cluster tells another what it publishes, and that it lives (`docs/peers.md`).
//!
//! ```text
//!   Outbox ──► client::sync ────── Sync ───────► server::session ──► ClusterStore::put
//!              client::heartbeats ─ Heartbeats ─► server::heartbeats ─► ClusterStore::heard
//!              one connection                     x-api-key ──► KeyRing: whose state it is
//! ```
//!
//! Which shard goes next and what replaces what is decided in [`mci_core::peer`]; this module moves it over HTTP/2. It
//! refuses to know where state is stored, who leads, and how keys are configured.

mod client;
mod server;
mod wire;

/// The messages, the client and the server of `mci.peer.v1.PeerSync`, as generated.
pub mod pb {
    pub use crate::peer_generated::*;
}

pub use self::client::{
    ApiKey, Backoff, BadApiKey, Connection, PeerError, PeerTarget, Progress, Pulse, Source, Syncing,
    client_tls, connect, heartbeats, run, sync,
};
pub use self::server::{Call, CallEnd, ObservePeers, PeerServerConfig, router};

/// The metadata that carries the key.
pub const KEY_HEADER: &str = "x-api-key";
/// The version of the protocol.
pub const PROTOCOL: u32 = 1;
/// What this implementation can do beyond that.
pub const CAPABILITIES: [&str; 1] = ["delta"];
