//! Kubernetes: resource types, watches, writes, leases, status and events.
//!
//! It translates between the API server's objects and the types of `mci-core`, which decides. It refuses to know DNS
//! messages and HTTP servers.

pub mod client;
pub mod content;
pub mod crds;
pub mod decode;
pub mod events;
pub mod front;
pub mod heartbeat;
pub mod inspect;
pub mod lease;
pub mod manifest;
pub mod names;
pub mod offline;
pub mod operator;
pub mod orchestrator;
pub mod overriding;
mod pause;
pub mod resources;
pub mod rules;
mod shards;
pub mod supply;
pub mod translate;
mod unix;
pub mod watch;
pub mod write;

pub use kube::Resource;
