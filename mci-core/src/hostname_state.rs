//! What clusters offer for one hostname: the input of every decision.

use core::fmt;
use core::net::IpAddr;

use crate::cluster::ClusterId;
use crate::hostname::Hostname;

/// The weight of an endpoint that sets none (R5).
pub const DEFAULT_WEIGHT: u32 = 50;

/// How long an answer may be cached, in seconds: 0 to 604,800, one week (R10).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Ttl(u32);

/// A number of seconds beyond one week.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a TTL of {0} s is out of range: 0 to 604800 (one week)")]
pub struct TtlError(pub u64);

impl Ttl {
    /// The default for hostnames: 5 seconds.
    pub const DEFAULT: Self = Self(5);
    /// One week.
    pub const MAX: Self = Self(604_800);

    /// `seconds`, if they are at most one week.
    pub const fn new(seconds: u32) -> Result<Self, TtlError> {
        if seconds <= Self::MAX.0 { Ok(Self(seconds)) } else { Err(TtlError(seconds as u64)) }
    }

    /// The number of seconds.
    pub const fn seconds(self) -> u32 {
        self.0
    }
}

impl Default for Ttl {
    fn default() -> Self {
        Self::DEFAULT
    }
}

impl fmt::Display for Ttl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0, f)
    }
}

/// Which addresses one answer has (R8).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize), serde(rename_all = "lowercase"))]
pub enum AnswerMode {
    /// All addresses of the cluster that was drawn.
    #[default]
    Cluster,
    /// One of them.
    Single,
    /// The addresses of every cluster that takes part.
    All,
}

/// What answers when nothing is eligible and nothing stale is left (R11).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize), serde(rename_all = "lowercase"))]
pub enum WhenAllDown {
    /// NODATA.
    #[default]
    Nodata,
    /// All endpoints, as if they were eligible.
    Any,
    /// The addresses of `fallback`.
    Static,
}

/// How a hostname is answered; what is absent is decided elsewhere (R10).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Policy {
    /// How long its answers may be cached.
    pub ttl: Option<Ttl>,
    /// Which addresses one answer has.
    pub answer_mode: Option<AnswerMode>,
    /// What answers when nothing else does.
    pub when_all_down: Option<WhenAllDown>,
    /// The addresses for [`WhenAllDown::Static`].
    pub fallback: Vec<IpAddr>,
}

/// What one cluster offers for one hostname.
///
/// Without any address or target it counts as not ready, whatever [`ready`](Self::ready) says (R14).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Endpoint {
    pub(crate) cluster: ClusterId,
    pub(crate) addresses: Vec<IpAddr>,
    pub(crate) targets: Vec<Hostname>,
    pub(crate) priority: i64,
    pub(crate) weight: u32,
    pub(crate) ready: bool,
    pub(crate) policy: Policy,
    pub(crate) changed: u32,
}

impl Endpoint {
    /// A ready endpoint of `cluster`: priority 0, weight 50; an address that is given twice counts once (D26).
    pub fn new(cluster: ClusterId, addresses: impl IntoIterator<Item = IpAddr>) -> Self {
        let mut endpoint = Self {
            cluster,
            addresses: Vec::new(),
            targets: Vec::new(),
            priority: 0,
            weight: DEFAULT_WEIGHT,
            ready: true,
            policy: Policy::default(),
            changed: 0,
        };
        for address in addresses {
            if !endpoint.addresses.contains(&address) {
                endpoint.addresses.push(address);
            }
        }
        endpoint
    }

    /// With target names, answered as a CNAME (R9) where there is no address.
    pub fn targets(mut self, names: impl IntoIterator<Item = Hostname>) -> Self {
        for name in names {
            if !self.targets.contains(&name) {
                self.targets.push(name);
            }
        }
        self
    }

    /// With this priority: the highest that is eligible answers (R4).
    pub fn priority(mut self, priority: i64) -> Self {
        self.priority = priority;
        self
    }

    /// With this weight: its share is `weight / sum` (R5), 0 drains (R6).
    pub fn weight(mut self, weight: u32) -> Self {
        self.weight = weight;
        self
    }

    /// Ready or not (R14).
    pub fn ready(mut self, ready: bool) -> Self {
        self.ready = ready;
        self
    }

    /// With what this cluster publishes as the hostname's policy (R10).
    pub fn policy(mut self, policy: Policy) -> Self {
        self.policy = policy;
        self
    }

    /// With the publisher's Unix time of its last change (D7).
    pub fn changed(mut self, unix_seconds: u32) -> Self {
        self.changed = unix_seconds;
        self
    }
}

impl Endpoint {
    /// The cluster that offers it.
    pub fn cluster(&self) -> &ClusterId {
        &self.cluster
    }

    /// Whether it is ready.
    pub fn is_ready(&self) -> bool {
        self.ready
    }

    /// All that it says, to be taken apart in full by whoever writes it down.
    pub fn parts(&self) -> EndpointParts<'_> {
        let Self { cluster, addresses, targets, priority, weight, ready, policy, changed } = self;
        EndpointParts {
            cluster,
            addresses,
            targets,
            priority: *priority,
            weight: *weight,
            ready: *ready,
            policy,
            changed: *changed,
        }
    }
}

/// An [`Endpoint`], taken apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct EndpointParts<'a> {
    /// The cluster that offers it.
    pub cluster: &'a ClusterId,
    /// Its addresses, each once, in the order in which they were given.
    pub addresses: &'a [IpAddr],
    /// Its target names, each once, in the order in which they were given (R9).
    pub targets: &'a [Hostname],
    /// The highest that is eligible answers (R4).
    pub priority: i64,
    /// Its share is `weight / sum` (R5).
    pub weight: u32,
    /// Ready or not (R14).
    pub ready: bool,
    /// What this cluster publishes as the hostname's policy (R10).
    pub policy: &'a Policy,
    /// The publisher's Unix time of its last change (D7).
    pub changed: u32,
}

/// One hostname with its endpoints, one a cluster: what [`Edit::upsert`](crate::Edit::upsert) takes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HostnameState {
    pub(crate) hostname: Hostname,
    pub(crate) policy: Policy,
    pub(crate) endpoints: Vec<Endpoint>,
}

impl HostnameState {
    /// A hostname that exists and has no endpoint yet: NODATA (R12).
    pub fn new(hostname: Hostname) -> Self {
        Self { hostname, policy: Policy::default(), endpoints: Vec::new() }
    }

    /// With one more endpoint; a second one of the same cluster replaces the first.
    pub fn endpoint(mut self, endpoint: Endpoint) -> Self {
        self.endpoints.retain(|other| other.cluster != endpoint.cluster);
        self.endpoints.push(endpoint);
        self
    }

    /// With a policy of its own, over those of its clusters (R10).
    pub fn policy(mut self, policy: Policy) -> Self {
        self.policy = policy;
        self
    }

    /// With a TTL of its own.
    pub fn ttl(mut self, ttl: Ttl) -> Self {
        self.policy.ttl = Some(ttl);
        self
    }

    /// With an answer mode of its own.
    pub fn answer_mode(mut self, mode: AnswerMode) -> Self {
        self.policy.answer_mode = Some(mode);
        self
    }

    /// The name that is answered.
    pub fn hostname(&self) -> &Hostname {
        &self.hostname
    }

    /// What each cluster offers.
    pub fn endpoints(&self) -> &[Endpoint] {
        &self.endpoints
    }
}
