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

#![cfg_attr(not(feature = "wire"), allow(dead_code, reason = "decisions hold what only messages need"))]

mod builder;
mod chance;
mod changes;
mod cluster;
mod clusters;
mod condition;
mod contest;
mod decide;
mod decision;
mod digest;
mod edit;
mod entry;
mod explain;
mod glob;
mod hostname;
mod hostname_state;
mod intake;
mod live;
mod liveness;
mod membership;
mod merge;
mod names;
#[cfg(feature = "wire")]
mod observe;
mod outcome;
mod overrides;
mod possible;
mod publications;
mod record_type;
mod settings;
mod shard;
mod share;
mod shuffle;
mod snapshot;
mod text;
mod withdrawal;
mod zone;
mod zones;

pub mod peer;
#[cfg(feature = "policy")]
pub mod policy;
pub mod publish;
#[cfg(feature = "policy")]
pub mod simulate;
#[cfg(feature = "state-file")]
pub mod state_file;
#[cfg(feature = "wire")]
pub mod wire;

pub use crate::builder::Builder;
pub use crate::chance::Chance;
pub use crate::changes::{Answers, Cause, Change, Changes};
pub use crate::cluster::{ClusterId, ClusterIdError, ClusterState, Override, OverrideState, Overrides};
pub use crate::clusters::ClusterStatus;
pub use crate::condition::Condition;
pub use crate::edit::{Edit, Refused};
pub use crate::explain::{ExplainedEndpoint, Explanation, Warning};
pub use crate::hostname::{Hostname, HostnameError};
pub use crate::hostname_state::{
    AnswerMode, DEFAULT_WEIGHT, Endpoint, EndpointParts, HostnameState, Policy, Ttl, TtlError, WhenAllDown,
};
pub use crate::intake::Intake;
pub use crate::live::Live;
pub use crate::liveness::{Liveness, LivenessLimits};
pub use crate::membership::{REMOVAL_GRACE, RemovesAllPeers, Roster};
#[cfg(feature = "wire")]
pub use crate::observe::{Exchange, Observe, Way};
pub use crate::outcome::{Addresses, NoData, Origin, Outcome, Query, Records, TargetOutcome};
pub use crate::possible::{ClusterShare, Family, Possible};
pub use crate::publications::Publications;
pub use crate::record_type::{Rcode, RecordType, UnknownRecordType};
pub use crate::settings::{DEFAULT_MAX_ADDRESSES, OutsideZones, Settings};
pub use crate::shard::{NoSuchShard, Shard};
pub use crate::share::Share;
pub use crate::snapshot::Snapshot;
pub use crate::withdrawal::{Due, WithdrawalLimits, Withdrawals};
pub use crate::zone::{NameServer, StaticData, StaticRecord, Zone};
pub use crate::zones::{ZonePlace, ZoneProblem, Zones};
