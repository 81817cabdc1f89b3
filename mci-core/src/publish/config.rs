//! What is configured about publishing.

use core::time::Duration;

use crate::cluster::ClusterId;
use crate::hostname::Hostname;

/// How a cluster publishes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Config {
    /// The own cluster.
    pub cluster: ClusterId,
    /// How long the last addresses stay when an object loses them all while its backends are ready (R25); zero: not at
    /// all.
    pub address_hold: Duration,
    /// Who may publish what; nothing allows everything (R27).
    pub hostname_policy: Option<Vec<HostnameRule>>,
    /// The apexes of the configured zones, where a target name cannot be answered (R9).
    pub zones: Vec<Hostname>,
}

impl Config {
    /// The defaults: a hold of 300 s, everything allowed, no zone known.
    pub fn new(cluster: ClusterId) -> Self {
        Self { cluster, address_hold: Duration::from_mins(5), hostname_policy: None, zones: Vec::new() }
    }
}

/// One entry of `hostnamePolicy` (R27). A key that it leaves out allows.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct HostnameRule {
    /// The namespaces that it is about, by name or with `*` and `?`; nothing: every one.
    pub namespaces: Option<Vec<String>>,
    /// The zones that it is about: names at or below one of these; nothing: every name.
    pub zones: Option<Vec<Hostname>>,
    /// Whether `ipOverrides` may be set.
    pub ip_overrides: Option<bool>,
    /// The highest priority allowed.
    pub max_priority: Option<i64>,
}
