//! The configuration of the programs: one file, environment variables over it, flags over both.
//!
//! ```text
//!  keys.rs: every key ──┬─► flags.rs ───────┐
//!                       ├─► environment.rs ─┼─► input.rs ──► read.rs ──► Config ──► ConfigFollower ──► watch
//!  the file ────────────┴───────────────────┘   (origins)    (types)                 (the file again)
//! ```
//!
//! All mistakes are told at once, each with its place. It knows what values may be, and nothing of what is done with them.

mod environment;
mod flags;
mod follower;
mod input;
mod keys;
mod peers;
mod read;
mod value;

use std::collections::BTreeMap;
use std::fmt;
use std::net::SocketAddr;
use std::num::NonZeroU32;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use mci_core::peer::{Admission, KeyRing, PeerLimits};
use mci_core::publish::{self, HostnameRule};
use mci_core::state_file::reading::{Collected, Text};
use mci_core::state_file::{Problem, Problems};
use mci_core::wire::CookieSecrets;
use mci_core::{ClusterId, Settings, WithdrawalLimits, Zones};
use mci_grpc::Listen;
use mci_http::QueryLogConfig;
use secrecy::{ExposeSecret, SecretSlice};
use tracing_subscriber::filter::Targets;

pub(crate) use self::environment::Environment;
pub(crate) use self::flags::{DNS_SERVER, FRONT_END, OPERATOR, ORCHESTRATOR, Written};
pub(crate) use self::follower::ConfigFollower;
pub(crate) use self::input::Origin;
use self::input::{Input, Kind, Source};
pub(crate) use self::keys::Component;
use self::keys::Key;
pub(crate) use self::peers::{ApiKey, Peer, PolicyEntry, Protocol};
use self::read::Fixed;
pub(crate) use self::value::{parse_duration, salt_octets};
use crate::files::{Content, Unreadable};
use crate::telemetry::Format;

/// Everything that a program is told, checked.
#[derive(Debug)]
pub(crate) struct Config {
    /// What this cluster is called.
    pub(crate) cluster_identifier: ClusterId,
    /// Where MCI's own objects are; that of the kube context where absent.
    pub(crate) namespace: Option<String>,
    /// What a DNS server answers from.
    pub(crate) source: ReadFrom,
    /// Where a DNS server keeps its last state.
    pub(crate) snapshot_file: Option<PathBuf>,
    /// The zones that are answered with authority.
    pub(crate) zones: Zones,
    /// What holds for hostnames and zones that set nothing of their own.
    pub(crate) settings: Settings,
    /// How often watches are proved.
    pub(crate) dns_refresh_interval: Duration,
    pub(crate) heartbeat: Heartbeat,
    /// The other clusters, in the order of the file.
    pub(crate) peers: Vec<Peer>,
    /// How they are known here; several a cluster where keys are being replaced.
    pub(crate) api_keys: Vec<ApiKey>,
    /// What `api_keys` are stored with; there is one where there are keys.
    pub(crate) cluster_salt: Option<SecretSlice<u8>>,
    /// Who may publish what (R27); everybody everything where absent. An empty list refuses everything.
    pub(crate) hostname_policy: Option<Vec<PolicyEntry>>,
    /// When many names that go at once are held (R26).
    pub(crate) withdrawal: WithdrawalLimits,
    /// How long lost addresses stay (R25).
    pub(crate) address_hold: Duration,
    pub(crate) listen: ListenOn,
    /// Certificates for gRPC over TCP.
    pub(crate) grpc_tls: Option<CertificateFiles>,
    /// Certificates of the front end.
    pub(crate) http_tls: Option<CertificateFiles>,
    /// What peers and strangers may ask of a front end.
    pub(crate) limits: Limits,
    /// gRPC requests that may be unfinished at once.
    pub(crate) grpc_concurrency: u32,
    /// Responses a second over UDP to each network, if they are limited.
    pub(crate) rate_limit: Option<NonZeroU32>,
    /// The secrets for DNS cookies; random ones where absent.
    pub(crate) cookie_secrets: Option<CookieSecrets>,
    /// Globs of the hostnames that have metrics of their own.
    pub(crate) metrics_hostnames: Vec<String>,
    pub(crate) log: Log,
    origins: BTreeMap<&'static str, Origin>,
    warnings: Vec<Problem>,
    /// Files with secrets that were read too.
    files: Vec<PathBuf>,
    /// What they held.
    files_hash: u64,
    fixed: Fixed,
}

/// What a DNS server answers from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ReadFrom {
    /// The hostnames of all clusters, merged by the orchestrator.
    HostnameCaches,
    /// Those of each cluster.
    ClusterCaches,
}

/// How heartbeats are sent and judged (R20).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Heartbeat {
    /// How often ages are looked at.
    pub(crate) check: Duration,
    /// How often one is sent.
    pub(crate) set: Duration,
    /// The age at which a cluster is stale.
    pub(crate) timeout: Duration,
}

/// Where to listen; nowhere where it is empty.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct ListenOn {
    pub(crate) grpc: Vec<Listen>,
    pub(crate) dns: Vec<SocketAddr>,
    /// Health and metrics, and what a front end hears.
    pub(crate) http: Option<SocketAddr>,
    /// A front end hears peers over plain HTTP.
    pub(crate) insecure: bool,
}

/// What peers and strangers may ask of a front end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Limits {
    /// How much one peer may publish.
    pub(crate) peer: PeerLimits,
    /// Requests a second without a valid key, from each network.
    pub(crate) unauthenticated: u32,
}

/// Files of certificates (PEM).
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct CertificateFiles {
    pub(crate) certificate: PathBuf,
    pub(crate) key: PathBuf,
    /// Clients need a certificate of this authority.
    pub(crate) client_ca: Option<PathBuf>,
}

/// What is logged.
#[derive(Clone, Debug)]
pub(crate) struct Log {
    pub(crate) level: Targets,
    pub(crate) format: Format,
    /// The query log, where it is on.
    pub(crate) queries: Option<QueryLogConfig>,
}

impl Config {
    /// How the own cluster publishes (R25, R27).
    pub(crate) fn publishing(&self) -> publish::Config {
        let rule = |entry: &PolicyEntry| {
            let PolicyEntry { namespaces, zones, ip_overrides, max_priority } = entry;
            HostnameRule {
                namespaces: namespaces.clone(),
                zones: zones.clone(),
                ip_overrides: Some(*ip_overrides),
                max_priority: max_priority.map(i64::from),
            }
        };
        publish::Config {
            address_hold: self.address_hold,
            hostname_policy: self.hostname_policy.as_ref().map(|rules| rules.iter().map(rule).collect()),
            zones: self.zones.iter().map(|zone| zone.name.clone()).collect(),
            ..publish::Config::new(self.cluster_identifier.clone())
        }
    }

    /// The keys by which other clusters are known here.
    pub(crate) fn key_ring(&self) -> KeyRing {
        let salt = self.cluster_salt.as_ref().map(ExposeSecret::expose_secret).unwrap_or_default();
        self.api_keys.iter().fold(KeyRing::new(salt), |ring, ApiKey { cluster_identifier, hash }| {
            let hash = hash.expose_secret().try_into().expect("its length was checked when it was read");
            ring.key(cluster_identifier.clone(), hash)
        })
    }

    /// What each peer may publish here (R27).
    pub(crate) fn admissions(&self) -> BTreeMap<ClusterId, Admission> {
        let admission = |peer: &Peer| Admission {
            zones: peer.allowed_zones.clone(),
            max_priority: peer.max_priority.map(i64::from),
            limits: self.limits.peer,
        };
        self.peers.iter().map(|peer| (peer.identifier.clone(), admission(peer))).collect()
    }

    /// Where the value of a key (`heartbeat.check`) comes from; nothing where it is the default.
    pub(crate) fn origin(&self, key: &str) -> Option<&Origin> {
        self.origins.get(key)
    }

    /// What is allowed and probably not meant; to be logged once there is a log.
    pub(crate) fn warnings(&self) -> &[Problem] {
        &self.warnings
    }
}

/// Everything that a configuration is made from, beside the content of the file.
#[derive(Clone)]
struct Given {
    component: Component,
    /// The file, if there is one.
    file: Option<PathBuf>,
    written: Vec<(&'static Key, String)>,
    environment: Environment,
}

impl fmt::Debug for Given {
    /// Without what was written, which may be secret.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Given")
            .field("component", &self.component)
            .field("file", &self.file)
            .field("environment", &self.environment)
            .finish_non_exhaustive()
    }
}

/// Reads the configuration of a program, and begins to follow its file; or says all that is wrong with it.
pub(crate) fn load<const OF: u8>(
    file: Option<&Path>,
    written: &Written<OF>,
    environment: Environment,
) -> Result<(Arc<Config>, ConfigFollower), Problems> {
    let given = Given {
        component: Written::<OF>::COMPONENT,
        // `MCI_CONFIG=` is no file, as every other variable that is set and empty.
        file: file.filter(|file| !file.as_os_str().is_empty()).map(Path::to_owned),
        written: written.values(),
        environment,
    };
    ConfigFollower::begin(given)
}

/// What an operator would be told, for commands that are about peers: the environment, and the file below it.
pub(crate) fn of_peers(file: Option<&Path>) -> Result<Arc<Config>, Problems> {
    load::<OPERATOR>(file, &Written::default(), Environment::of_process()).map(|(config, _)| config)
}

/// What a dns-server's configuration file says by itself, for commands that ask a cluster.
pub(crate) fn read(file: &Path) -> Result<Arc<Config>, Problems> {
    let given = Given {
        component: Component::DnsServer,
        file: Some(file.to_owned()),
        written: Vec::new(),
        environment: Environment::default(),
    };
    ConfigFollower::begin(given).map(|(config, _)| config)
}

/// Checks the content of a configuration file by itself; what is to be looked at.
pub(crate) fn check(path: &Path, content: &Content) -> Result<Vec<Problem>, Problems> {
    parse(path, content).map(|config| config.warnings)
}

/// Reads the content of a configuration file by itself.
pub(crate) fn parse(path: &Path, content: &Content) -> Result<Config, Problems> {
    let given = Given {
        component: Component::DnsServer,
        file: Some(path.to_owned()),
        written: Vec::new(),
        environment: Environment::default(),
    };
    given.parse(Some(content))
}

/// Whether a text at the top level has a key that only a configuration has: neither state files nor policy tests do.
pub(crate) fn is_config(octets: &[u8]) -> bool {
    // These are of state files too.
    let shared = ["zones", "defaults", "dnsServerName", "outsideZones", "maxAddresses"];
    let own = keys::below("");
    str::from_utf8(octets)
        .is_ok_and(|text| crate::policy::has_keys(text, |key| own.contains(&key) && !shared.contains(&key)))
}

/// What keeps a file from being read, as problems.
fn unreadable(Unreadable(lines): Unreadable) -> Problems {
    let mut problems = Collected::default();
    for line in lines {
        problems.push(|| Problem::of("", "", line));
    }
    problems.into_problems()
}

impl Given {
    /// Makes a configuration from the file's content and everything else.
    fn parse(&self, content: Option<&Content>) -> Result<Config, Problems> {
        let (mut problems, mut warnings) = (Collected::default(), Collected::default());
        let values = self.environment.values(&mut problems, &mut warnings);
        let mut sources = Vec::new();
        for (key, value) in &self.written {
            let flag = format!("--{}", key.flag.map_or(key.path, |flag| flag.name));
            sources.push(Source { text: Text::new(&flag, value), kind: Kind::Flag(flag) });
        }
        values.sources(&mut sources);
        let mut file = None;
        if let Some(content) = content {
            match Text::from_bytes(&content.name, &content.octets) {
                Ok(text) => {
                    file = Some(sources.len());
                    sources.push(Source { kind: Kind::File(content.name.clone()), text });
                }
                Err(problem) => problems.push(|| problem),
            }
        }
        let pod = sources.len();
        sources.extend(values.pod_source());

        let mut input = Input::new(&sources);
        (input.problems, input.warnings) = (problems, warnings);
        for (index, (key, value)) in self.written.iter().enumerate() {
            input.give_text(key, index, value);
        }
        values.give(&mut input, self.written.len());
        if let Some(file) = file {
            input.give_file(file);
        }
        if let Some(namespace) = &values.pod_namespace {
            let key = keys::at("namespace").expect("a key of the table");
            input.give_text(key, pod, namespace);
        }
        let email = values.responsible_email.as_deref();
        let mut config = read::config(&mut input, self.file.as_deref(), self.component, email);
        config.warnings = input.finish()?;
        Ok(config)
    }
}

#[cfg(test)]
mod tests;
