//! What a peer may publish (R27), and how much.

use crate::cluster::ClusterId;
use crate::hostname::Hostname;
use crate::hostname_state::Endpoint;

/// How much a peer may publish.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct PeerLimits {
    /// Hostnames of one cluster. Default: 100,000.
    pub hostnames: usize,
    /// Addresses of one hostname at one cluster. Default: 1,000.
    pub addresses: usize,
}

impl Default for PeerLimits {
    fn default() -> Self {
        Self { hostnames: 100_000, addresses: 1_000 }
    }
}

/// What one peer may publish; what is absent allows (R27).
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Admission {
    /// The zones that its hostnames have to be in.
    pub zones: Option<Vec<Hostname>>,
    /// The highest priority that it may ask for.
    pub max_priority: Option<i64>,
    /// How much.
    pub limits: PeerLimits,
}

/// An entry that is not taken from a peer.
#[derive(Clone, Debug, PartialEq, Eq, Hash, thiserror::Error)]
#[error("cluster {cluster} may not publish {hostname}: {reason}")]
pub struct Refusal {
    /// Who asked.
    pub cluster: ClusterId,
    /// For what; as it was sent, since it may be no hostname.
    pub hostname: String,
    /// Why not.
    pub reason: RefusalReason,
}

/// Why an entry is not taken.
#[derive(Clone, Debug, PartialEq, Eq, Hash, thiserror::Error)]
pub enum RefusalReason {
    /// It lies in no zone that this peer may publish in.
    #[error("it lies in none of its allowedZones")]
    Zone,
    /// It asks for more than it may.
    #[error("its priority {asked} is above this peer's maxPriority {most}")]
    Priority {
        /// By the peer.
        asked: i64,
        /// By the configuration.
        most: i64,
    },
    /// It has too many addresses.
    #[error("it has {count} addresses, and a hostname may have {most} at one cluster")]
    Addresses {
        /// As sent.
        count: usize,
        /// By the limits.
        most: usize,
    },
    /// The cluster has too many hostnames.
    #[error("a cluster may publish {most} hostnames")]
    Hostnames {
        /// By the limits.
        most: usize,
    },
    /// Its shard would be too large with it.
    #[error("it has {octets} octets, and all hostnames of its shard together may have {most}")]
    TooLarge {
        /// Of this entry.
        octets: usize,
        /// Of a shard.
        most: usize,
    },
    /// It could not be read.
    #[error("{0}")]
    Malformed(String),
}

impl RefusalReason {
    /// As a metric's label.
    pub const fn label(&self) -> &'static str {
        match self {
            Self::Zone => "zone",
            Self::Priority { .. } => "priority",
            Self::Addresses { .. } => "addresses",
            Self::Hostnames { .. } => "hostnames",
            Self::TooLarge { .. } => "too_large",
            Self::Malformed(_) => "malformed",
        }
    }
}

impl Admission {
    /// Whether this peer may publish this.
    pub fn check(&self, hostname: &Hostname, endpoint: &Endpoint) -> Result<(), Refusal> {
        let refuse = |reason| {
            Err(Refusal { cluster: endpoint.cluster.clone(), hostname: hostname.to_string(), reason })
        };
        if let Some(zones) = &self.zones
            && !zones.iter().any(|zone| hostname.is_within(zone))
        {
            return refuse(RefusalReason::Zone);
        }
        if let Some(most) = self.max_priority
            && endpoint.priority > most
        {
            return refuse(RefusalReason::Priority { asked: endpoint.priority, most });
        }
        let (count, most) = (endpoint.addresses.len() + endpoint.targets.len(), self.limits.addresses);
        if count > most {
            return refuse(RefusalReason::Addresses { count, most });
        }
        Ok(())
    }
}
