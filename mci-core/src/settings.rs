//! What holds for every hostname and zone that sets nothing of its own.

use crate::hostname::Hostname;
use crate::hostname_state::{AnswerMode, Ttl, WhenAllDown};

/// The most addresses in one answer unless set otherwise (R8).
pub const DEFAULT_MAX_ADDRESSES: usize = 1_000;

/// How a name is answered that lies outside all zones and is not held (D11).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize), serde(rename_all = "camelCase"))]
pub enum OutsideZones {
    /// REFUSED.
    #[default]
    Refused,
    /// NXDOMAIN without authority and SOA, for `grpc .` in front of another plugin.
    Nxdomain,
    /// gRPC `NOT_FOUND`; REFUSED on the direct listener.
    NotFound,
}

/// What holds for every hostname and zone that sets nothing of its own.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settings {
    /// The TTL of hostnames (R10): 5 seconds.
    pub ttl: Ttl,
    /// Which addresses one answer has (R8): those of one cluster.
    pub answer_mode: AnswerMode,
    /// What answers when nothing is eligible (R11): NODATA.
    pub when_all_down: WhenAllDown,
    /// What answers foreign names (D11): REFUSED.
    pub outside_zones: OutsideZones,
    /// This server's own name: the mname of every SOA where set (D7).
    pub dns_server_name: Option<Hostname>,
    /// The most addresses in one answer (R8): 1,000.
    pub max_addresses: usize,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            ttl: Ttl::DEFAULT,
            answer_mode: AnswerMode::default(),
            when_all_down: WhenAllDown::default(),
            outside_zones: OutsideZones::default(),
            dns_server_name: None,
            max_addresses: DEFAULT_MAX_ADDRESSES,
        }
    }
}
