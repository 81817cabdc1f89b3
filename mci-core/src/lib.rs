//! Decides which cluster's address a hostname resolves to.
//!
//! This crate holds every rule of MCI (`docs/resolution.md`, `docs/dns.md`) and nothing else. It refuses to know
//! sockets, files, threads, tasks, the clock and any random source of its own: time and chance are arguments.
//!
//! ```text
//!  state file ──► StateFile ──► Snapshot ──► resolve / shares / explain      (data)
//!                                  │    └──► answer: octets in, octets out   (DNS)
//!  edits ──► Live ─(swap)──────────┘
//!              └──► Changes: what may be answered now, and before
//! ```

mod chance;
mod changes;
mod cluster;
mod decision;
mod edit;
mod hostname;
mod hostname_state;
mod live;
#[cfg(feature = "wire")]
mod observe;
mod outcome;
mod record_type;
mod snapshot;
mod zone;

#[cfg(feature = "wire")]
pub mod wire;

pub use crate::chance::Chance;
pub use crate::changes::Changes;
pub use crate::cluster::{ClusterId, ClusterIdError, ClusterState, Override, OverrideState};
pub use crate::edit::Edit;
pub use crate::hostname::{Hostname, HostnameError};
pub use crate::hostname_state::{
    AnswerMode, DEFAULT_WEIGHT, Endpoint, HostnameState, Policy, Ttl, TtlError, WhenAllDown,
};
pub use crate::live::Live;
#[cfg(feature = "wire")]
pub use crate::observe::{Exchange, Observe, Way};
pub use crate::outcome::Addresses;
pub use crate::record_type::{Rcode, RecordType, UnknownRecordType};
pub use crate::snapshot::Snapshot;
pub use crate::zone::{NameServer, StaticData, StaticRecord, Zone};
