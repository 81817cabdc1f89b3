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
    /// These programs do, at once; others have to be restarted.
    LiveIn(&'static [Component]),
    /// It has to be restarted.
    Restart,
}

/// Which program.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Component {
    Operator,
    Orchestrator,
    DnsServer,
    FrontEnd,
}

/// A flag that says what a key says.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Flag {
    /// Its name, without the dashes.
    pub(crate) name: &'static str,
    /// What its value is called in help texts.
    pub(crate) value: &'static str,
    /// Its help text.
    pub(crate) about: &'static str,
    /// What it is listed below.
    pub(crate) heading: &'static str,
    /// Which programs have it.
    pub(crate) of: &'static [Component],
    /// Whether serving state files has it too: then it is declared there (`ServeOptions`).
    pub(crate) is_served: bool,
}

/// One key.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Key {
    /// Its path in the file: `heartbeat.check`.
    pub(crate) path: &'static str,
    pub(crate) shape: Shape,
    pub(crate) reload: Reload,
    pub(crate) flag: Option<Flag>,
    /// The name that the .NET application gives it in the environment.
    pub(crate) dotnet: Option<&'static str>,
}

const fn key(path: &'static str, shape: Shape, reload: Reload) -> Key {
    Key { path, shape, reload, flag: None, dotnet: None }
}

impl Key {
    /// Whether this program has to be restarted for it.
    pub(crate) fn is_fixed(&self, component: Component) -> bool {
        match self.reload {
            Live => false,
            LiveIn(components) => !components.contains(&component),
            Restart => true,
        }
    }

    const fn flag(
        mut self,
        of: &'static [Component],
        heading: &'static str,
        name: &'static str,
        value: &'static str,
        about: &'static str,
    ) -> Self {
        self.flag = Some(Flag { name, value, about, heading, of, is_served: false });
        self
    }

    /// A flag that serving state files has too; `about` is its help text where it is declared here.
    const fn served(
        self,
        of: &'static [Component],
        heading: &'static str,
        name: &'static str,
        value: &'static str,
        about: &'static str,
    ) -> Self {
        let mut key = self.flag(of, heading, name, value, about);
        if let Some(flag) = &mut key.flag {
            flag.is_served = true;
        }
        key
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
        let name = format!("MCI_{}", self.flag?.name.replace('-', "_").to_ascii_uppercase());
        (name != self.variable()).then_some(name)
    }
}

use Component::{DnsServer, FrontEnd, Operator, Orchestrator};
use Reload::{Live, LiveIn, Restart};
use Shape::{List, Scalar, Text, Tree};

const ALL: &[Component] = &[Operator, Orchestrator, DnsServer, FrontEnd];
const DNS: &[Component] = &[DnsServer];
const FRONT: &[Component] = &[FrontEnd];
/// A front end proves each interval that it hears: it begins with that interval.
const JUDGING: &[Component] = &[Operator, Orchestrator, DnsServer];
const HEARTBEATS: &[Component] = &[Operator, Orchestrator, FrontEnd];
const PUBLISHING: &[Component] = &[Operator, DnsServer];

const CLUSTER: &str = "Cluster";
const ANSWERS: &str = "Answers";
const LIVENESS: &str = "Heartbeats";
const SAFETY: &str = "Withdrawals";
const LISTEN: &str = "Where to listen";
const LIMITS: &str = "Limits";
const LOGS: &str = "Logs (on stderr)";
const TRACES: &str = "Traces";

/// All of them, in the order of the documentation.
#[rustfmt::skip]
pub(crate) const KEYS: &[Key] = &[
    key("clusterIdentifier", Text, Restart).dotnet("ClusterIdentifier")
        .flag(ALL, CLUSTER, "cluster-identifier", "NAME", "What this cluster is called among its peers [default: local]"),
    key("namespace", Text, Restart).dotnet("Namespace")
        .flag(ALL, CLUSTER, "namespace", "NAME", "Where MCI's own objects are [default: $POD_NAMESPACE, else that of the kube context]"),
    key("source", Text, Restart)
        .flag(DNS, CLUSTER, "source", "KIND", "Which objects are answered from: hostnameCaches or clusterCaches [default: hostnameCaches]"),
    key("snapshotFile", Text, Restart)
        .flag(DNS, CLUSTER, "snapshot-file", "FILE", "Where the last state is kept, to answer from when the API server is away at a start"),
    key("zones", Tree, Live)
        .flag(DNS, ANSWERS, "zones", "ZONE,…", "The zones that are answered with authority, as names or as YAML"),
    key("defaults.ttl", Scalar, Live).dotnet("DefaultRecordTTL")
        .flag(DNS, ANSWERS, "default-ttl", "SECONDS", "The TTL of hostnames that set none [default: 5]"),
    key("defaults.answerMode", Text, Live)
        .flag(DNS, ANSWERS, "default-answer-mode", "MODE", "Which addresses one answer has: cluster, single or all [default: cluster]"),
    key("defaults.whenAllDown", Text, Live)
        .flag(DNS, ANSWERS, "default-when-all-down", "WHAT", "What answers when nothing is ready: nodata, any or static [default: nodata]"),
    key("dnsServerName", Text, Live).dotnet("DNSHostname")
        .flag(DNS, ANSWERS, "dns-server-name", "NAME", "This server's own name: the first name of every SOA record"),
    key("outsideZones", Text, Live)
        .flag(DNS, ANSWERS, "outside-zones", "WHAT", "What answers foreign names: refused, nxdomain or notFound [default: refused]"),
    key("maxAddresses", Scalar, Live)
        .flag(DNS, ANSWERS, "max-addresses", "N", "The most addresses in one answer [default: 1000]"),
    key("dnsRefreshInterval", Scalar, Restart).dotnet("DNSRefreshInterval")
        .flag(DNS, CLUSTER, "dns-refresh-interval", "DURATION", "How often what was watched is compared with the API server [default: 30s]"),
    key("heartbeat.check", Scalar, LiveIn(JUDGING)).dotnet("HeartbeatCheckInterval")
        .flag(HEARTBEATS, LIVENESS, "heartbeat-check", "DURATION", "How often the age of heartbeats is looked at [default: 1s]"),
    key("heartbeat.set", Scalar, LiveIn(JUDGING)).dotnet("HeartbeatSetInterval")
        .flag(HEARTBEATS, LIVENESS, "heartbeat-set", "DURATION", "How often a heartbeat is sent [default: 10s]"),
    key("heartbeat.timeout", Scalar, LiveIn(JUDGING)).dotnet("HeartbeatTimeout")
        .flag(HEARTBEATS, LIVENESS, "heartbeat-timeout", "DURATION", "The age at which a cluster is stale [default: 90s]"),
    key("peers", Tree, Live),
    key("apiKeys", Tree, Live),
    key("clusterSalt", Text, Live).dotnet("ClusterSalt"),
    key("clusterSaltFile", Text, Live),
    key("hostnamePolicy", Tree, Live),
    key("withdrawal.settle", Scalar, Live)
        .flag(PUBLISHING, SAFETY, "withdrawal-settle", "DURATION", "How long hostnames that would go are collected [default: 2s]"),
    key("withdrawal.share", Scalar, Live)
        .flag(PUBLISHING, SAFETY, "withdrawal-share", "PERCENT", "The share of all hostnames at which they are held, if they are so many too [default: 50%]"),
    key("withdrawal.count", Scalar, Live)
        .flag(PUBLISHING, SAFETY, "withdrawal-count", "N", "The number of hostnames at which they are held, if they are such a share too [default: 20]"),
    key("withdrawal.hold", Scalar, Live)
        .flag(PUBLISHING, SAFETY, "withdrawal-hold", "DURATION", "How long they are held; 0 never holds [default: 10m]"),
    key("addressHold", Scalar, Live)
        .flag(&[Operator], SAFETY, "address-hold", "DURATION", "How long lost addresses stay while their backends are ready [default: 5m]"),
    key("listen.grpc", List, Restart)
        .served(DNS, LISTEN, "grpc", "ADDR", "CoreDNS's gRPC: IP:PORT or unix:///PATH, several with commas; off [default: 127.0.0.1:1153]"),
    key("listen.dns", List, Restart)
        .served(DNS, LISTEN, "dns", "ADDR", "DNS over UDP and TCP: IP:PORT, several with commas; off [default: off]"),
    key("listen.http", Text, Restart)
        .served(ALL, LISTEN, "http", "ADDR", "Health and metrics, and what a front end hears: IP:PORT; off [default: 0.0.0.0:8080]"),
    key("listen.insecure", Scalar, Restart)
        .flag(FRONT, LISTEN, "insecure", "true|false", "Hear peers over plain HTTP, where everybody on the way can read their keys [default: false]"),
    key("tls.grpc.cert", Text, Restart)
        .served(DNS, LISTEN, "grpc-tls-cert", "FILE", "The certificate chain for gRPC over TCP (PEM)"),
    key("tls.grpc.key", Text, Restart)
        .served(DNS, LISTEN, "grpc-tls-key", "FILE", "Its private key (PEM)"),
    key("tls.grpc.clientCa", Text, Restart)
        .served(DNS, LISTEN, "grpc-tls-client-ca", "FILE", "Clients need a certificate of this authority (PEM)"),
    key("tls.http.cert", Text, Restart)
        .flag(FRONT, LISTEN, "http-tls-cert", "FILE", "The certificate chain of the front end (PEM)"),
    key("tls.http.key", Text, Restart)
        .flag(FRONT, LISTEN, "http-tls-key", "FILE", "Its private key (PEM)"),
    key("tls.http.clientCa", Text, Restart)
        .flag(FRONT, LISTEN, "http-tls-client-ca", "FILE", "Peers need a certificate of this authority (PEM); probes need none"),
    key("limits.hostnames", Scalar, Live)
        .flag(FRONT, LIMITS, "limits-hostnames", "N", "The most hostnames that one peer may publish [default: 100000]"),
    key("limits.addresses", Scalar, Live)
        .flag(FRONT, LIMITS, "limits-addresses", "N", "The most addresses of one hostname at one peer [default: 1000]"),
    key("limits.unauthenticated", Scalar, Live)
        .flag(FRONT, LIMITS, "limits-unauthenticated", "N", "Requests a second without a valid key, from each client network [default: 20]"),
    key("grpcConcurrency", Scalar, Restart)
        .served(DNS, LISTEN, "grpc-concurrency", "N", "Requests that may be unfinished at once [default: 4096]"),
    key("rateLimit", Scalar, Restart)
        .served(DNS, LISTEN, "rate-limit", "N", "Responses a second over UDP to each client network; 0 is off"),
    key("cookieSecrets", List, Restart)
        .served(DNS, LISTEN, "cookie-secret", "HEX|@FILE", "Secrets for DNS cookies"),
    key("metrics.hostnames", List, Live)
        .served(DNS, "Metrics", "metrics-hostnames", "GLOB", "Count by hostname too where it matches (at most 200)"),
    key("log.level", Text, Live)
        .served(ALL, LOGS, "log-level", "LEVEL", "error, warn, info, debug or trace; or by module, such as info,mci_kube=debug [default: info]"),
    key("log.format", Text, Restart)
        .served(ALL, LOGS, "log-format", "FORMAT", "One line of text, or one JSON object, for each event: text or json [default: text]"),
    key("log.queries.sample", Scalar, Live)
        .served(DNS, LOGS, "log-queries", "N", "Log one in N queries; 0 logs none"),
    key("log.queries.names", List, Live),
    key("log.queries.until", Scalar, Live),
    key("otlp.endpoint", Text, Restart)
        .flag(ALL, TRACES, "otlp-endpoint", "URL", "Where spans go (OTLP); this release exports none"),
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
                [Some(key.variable()), key.flag_variable(), key.dotnet.map(str::to_owned)]
                    .into_iter()
                    .flatten()
            })
            .collect();
        assert_eq!(names.iter().collect::<BTreeSet<_>>().len(), names.len());
    }

    #[test]
    fn the_steps_below_a_path_are_those_of_the_file() {
        assert_eq!(below("heartbeat"), ["check", "set", "timeout"]);
        assert_eq!(below("tls"), ["grpc", "http"]);
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
            missing.extend(
                key.flag.map(|flag| format!("`--{}`", flag.name)).filter(|flag| !page.contains(flag)),
            );
        }
        assert_eq!(missing, [""; 0]);
    }
}
