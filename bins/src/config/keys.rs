//! Every key of the configuration: its shape, its flag, its names in the environment.
//!
//! It knows no value. What a key means, and its default, is where the key is read (`read.rs`).

/// How a value that comes as text (a variable, a flag) is understood.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Shape {
    /// A text as it stands.
    Text,
    /// A number, `true`, `false`, or a text such as `90s`.
    Scalar,
    /// Texts with commas between them, or a list in brackets.
    List,
    /// YAML or JSON.
    Tree,
}

/// Whether a running process takes a new value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Reload {
    /// It does, at once.
    Live,
    /// It has to be restarted.
    Restart,
}

/// One key.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Key {
    /// Its path in the file: `heartbeat.check`.
    pub(crate) path: &'static str,
    pub(crate) shape: Shape,
    pub(crate) reload: Reload,
    /// Its flag, without the dashes.
    pub(crate) flag: Option<&'static str>,
    /// The name that the .NET application gives it in the environment.
    pub(crate) dotnet: Option<&'static str>,
}

const fn key(path: &'static str, shape: Shape, reload: Reload) -> Key {
    Key { path, shape, reload, flag: None, dotnet: None }
}

impl Key {
    const fn flag(mut self, flag: &'static str) -> Self {
        self.flag = Some(flag);
        self
    }

    const fn dotnet(mut self, name: &'static str) -> Self {
        self.dotnet = Some(name);
        self
    }

    /// Its variable: `MCI_` and the path, `heartbeat.check` as `MCI_HEARTBEAT_CHECK`.
    pub(crate) fn variable(&self) -> String {
        let mut name = String::from("MCI_");
        for c in self.path.chars() {
            match c {
                '.' => name.push('_'),
                c if c.is_ascii_uppercase() => {
                    name.push('_');
                    name.push(c);
                }
                c => name.push(c.to_ascii_uppercase()),
            }
        }
        name
    }

    /// The variable of its flag, where that is another one: `--grpc` is `MCI_GRPC` beside `MCI_LISTEN_GRPC`.
    pub(crate) fn flag_variable(&self) -> Option<String> {
        let name = format!("MCI_{}", self.flag?.replace('-', "_").to_ascii_uppercase());
        (name != self.variable()).then_some(name)
    }
}

use Reload::{Live, Restart};
use Shape::{List, Scalar, Text, Tree};

/// All of them, in the order of the documentation.
pub(crate) const KEYS: &[Key] = &[
    key("clusterIdentifier", Text, Restart).flag("cluster-identifier").dotnet("ClusterIdentifier"),
    key("namespace", Text, Restart).flag("namespace").dotnet("Namespace"),
    key("source", Text, Restart).flag("source"),
    key("snapshotFile", Text, Restart).flag("snapshot-file"),
    key("zones", Tree, Live),
    key("defaults.ttl", Scalar, Live).flag("default-ttl").dotnet("DefaultRecordTTL"),
    key("defaults.answerMode", Text, Live).flag("default-answer-mode"),
    key("defaults.whenAllDown", Text, Live).flag("default-when-all-down"),
    key("dnsServerName", Text, Live).flag("dns-server-name").dotnet("DNSHostname"),
    key("outsideZones", Text, Live).flag("outside-zones"),
    key("maxAddresses", Scalar, Live).flag("max-addresses"),
    key("dnsRefreshInterval", Scalar, Restart).flag("dns-refresh-interval").dotnet("DNSRefreshInterval"),
    key("heartbeat.check", Scalar, Restart).flag("heartbeat-check").dotnet("HeartbeatCheckInterval"),
    key("heartbeat.set", Scalar, Restart).flag("heartbeat-set").dotnet("HeartbeatSetInterval"),
    key("heartbeat.timeout", Scalar, Restart).flag("heartbeat-timeout").dotnet("HeartbeatTimeout"),
    key("peers", Tree, Live),
    key("apiKeys", Tree, Live),
    key("clusterSalt", Text, Live).dotnet("ClusterSalt"),
    key("clusterSaltFile", Text, Live),
    key("hostnamePolicy", Tree, Live),
    key("withdrawal.settle", Scalar, Restart).flag("withdrawal-settle"),
    key("withdrawal.share", Scalar, Restart).flag("withdrawal-share"),
    key("withdrawal.count", Scalar, Restart).flag("withdrawal-count"),
    key("withdrawal.hold", Scalar, Restart).flag("withdrawal-hold"),
    key("addressHold", Scalar, Restart).flag("address-hold"),
    key("listen.grpc", List, Restart).flag("grpc"),
    key("listen.dns", List, Restart).flag("dns"),
    key("listen.http", Text, Restart).flag("http"),
    key("tls.grpc.cert", Text, Restart).flag("grpc-tls-cert"),
    key("tls.grpc.key", Text, Restart).flag("grpc-tls-key"),
    key("tls.grpc.clientCa", Text, Restart).flag("grpc-tls-client-ca"),
    key("grpcConcurrency", Scalar, Restart).flag("grpc-concurrency"),
    key("rateLimit", Scalar, Restart).flag("rate-limit"),
    key("cookieSecrets", List, Restart).flag("cookie-secret"),
    key("metrics.hostnames", List, Live).flag("metrics-hostnames"),
    key("log.level", Text, Live).flag("log-level"),
    key("log.format", Text, Restart).flag("log-format"),
    key("log.queries.sample", Scalar, Live).flag("log-queries"),
    key("log.queries.names", List, Live),
    key("log.queries.until", Scalar, Live),
    key("otlp.endpoint", Text, Restart).flag("otlp-endpoint"),
];

/// What stands below a path, one step down: `check`, `set`, `timeout` below `heartbeat`. With nothing: the top level.
pub(crate) fn below(prefix: &str) -> Vec<&'static str> {
    let mut steps = Vec::new();
    for key in KEYS {
        let rest = match prefix {
            "" => Some(key.path),
            prefix => key.path.strip_prefix(prefix).and_then(|rest| rest.strip_prefix('.')),
        };
        let step = rest.and_then(|rest| rest.split('.').next());
        if let Some(step) = step.filter(|step| !steps.contains(step)) {
            steps.push(step);
        }
    }
    steps
}

/// The key at a path.
pub(crate) fn at(path: &str) -> Option<&'static Key> {
    KEYS.iter().find(|key| key.path == path)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn variables_are_derived_from_the_keys() {
        let variable = |path| at(path).unwrap().variable();
        assert_eq!(variable("heartbeat.check"), "MCI_HEARTBEAT_CHECK");
        assert_eq!(variable("tls.grpc.clientCa"), "MCI_TLS_GRPC_CLIENT_CA");
        assert_eq!(at("listen.grpc").unwrap().flag_variable().as_deref(), Some("MCI_GRPC"));
        assert_eq!(at("rateLimit").unwrap().flag_variable(), None);
    }

    #[test]
    fn no_name_in_the_environment_means_two_keys() {
        let names: Vec<String> = KEYS
            .iter()
            .flat_map(|key| {
                [Some(key.variable()), key.flag_variable(), key.dotnet.map(str::to_owned)].into_iter().flatten()
            })
            .collect();
        assert_eq!(names.iter().collect::<BTreeSet<_>>().len(), names.len());
    }

    #[test]
    fn the_steps_below_a_path_are_those_of_the_file() {
        assert_eq!(below("heartbeat"), ["check", "set", "timeout"]);
        assert_eq!(below("tls"), ["grpc"]);
        assert_eq!(below("log.queries"), ["sample", "names", "until"]);
    }

    #[test]
    fn every_key_and_its_names_are_in_the_documentation() {
        let page = include_str!("../../../docs/configuration.md");
        let mut missing = Vec::new();
        for key in KEYS {
            let names = [Some(key.path.to_owned()), Some(key.variable()), key.flag_variable()];
            let names = names.into_iter().flatten().chain(key.dotnet.map(str::to_owned));
            missing.extend(names.filter(|name| !page.contains(&format!("`{name}`"))));
            missing.extend(key.flag.map(|flag| format!("`--{flag}`")).filter(|flag| !page.contains(flag)));
        }
        assert_eq!(missing, [""; 0]);
    }
}
