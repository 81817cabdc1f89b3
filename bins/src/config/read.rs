//! From what was given to a [`Config`]: every key's type, default and range.

use std::collections::BTreeMap;
use std::fmt::Debug;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::net::{Ipv4Addr, SocketAddr};
use std::path::Path as FilePath;
use std::time::{Duration, SystemTime};

use mci_core::peer::PeerLimits;
use mci_core::state_file::Problem;
use mci_core::state_file::reading::{self, Node, Path, Reader, ZoneList};
use mci_core::{
    AnswerMode, ClusterId, Hostname, NameServer, OutsideZones, Settings, Ttl, WhenAllDown, WithdrawalLimits,
    Zone, ZonePlace, Zones,
};
use mci_grpc::Listen;
use mci_http::QueryLogConfig;
use secrecy::{ExposeSecret, SecretSlice, SecretString};
use tracing_subscriber::filter::Targets;

use super::input::Input;
use super::keys;
use super::peers::{self, SecretFiles};
use super::value;
use super::{CertificateFiles, Component, Config, Heartbeat, Limits, ListenOn, Log, ReadFrom};
use crate::serve::cookie_secrets;
use crate::telemetry::{Format, levels};

const MINUTE: Duration = Duration::from_mins(1);
const SECOND: Duration = Duration::from_secs(1);

/// What a process listens on for probes and scrapes: they come from outside of its pod.
fn http_default(component: Component) -> SocketAddr {
    let port = match component {
        Component::DnsServer => 5000,
        Component::Operator | Component::Orchestrator | Component::FrontEnd => 8080,
    };
    SocketAddr::from((Ipv4Addr::UNSPECIFIED, port))
}

const SOURCES: &[(&str, ReadFrom)] =
    &[("hostnameCaches", ReadFrom::HostnameCaches), ("clusterCaches", ReadFrom::ClusterCaches)];

const FORMATS: &[(&str, Format)] = &[("text", Format::Text), ("json", Format::Json)];

/// What of a configuration cannot change while a process runs, each by the hash of its value.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Fixed(BTreeMap<&'static str, u64>);

impl Fixed {
    /// The keys whose values differ.
    pub(super) fn differing(&self, other: &Self) -> Vec<&'static str> {
        self.0.iter().filter(|(key, hash)| other.0.get(*key) != Some(hash)).map(|(key, _)| *key).collect()
    }
}

/// Reads keys, with their defaults.
struct Keys<'i, 'a> {
    input: &'i mut Input<'a>,
    fixed: Fixed,
    component: Component,
}

impl Keys<'_, '_> {
    /// A key that may be left out, in which case nothing is known of it.
    fn optional<T: Debug>(
        &mut self,
        key: &'static str,
        read: impl FnMut(&mut Reader<'_>, &Node<'_>, &Path<'_>) -> Option<T>,
    ) -> Option<T> {
        let value = self.input.take(key, read);
        self.fix(key, &format!("{value:?}"));
        value
    }

    /// A key with a default.
    fn value<T: Debug>(
        &mut self,
        key: &'static str,
        default: T,
        read: impl FnMut(&mut Reader<'_>, &Node<'_>, &Path<'_>) -> Option<T>,
    ) -> T {
        let value = self.input.take(key, read).unwrap_or(default);
        self.fix(key, &format!("{value:?}"));
        value
    }

    fn duration(&mut self, key: &'static str, default: Duration, least: Duration) -> Duration {
        self.value(key, default, |reader, node, path| value::duration(reader, node, path, least))
    }

    /// A whole number.
    fn number<T: Debug + TryFrom<i128>>(
        &mut self,
        key: &'static str,
        default: T,
        range: (i128, i128),
        what: &str,
    ) -> T {
        self.value(key, default, |reader, node, path| reader.integer(node, path, range, what))
    }

    fn fix(&mut self, key: &'static str, value: &str) {
        if keys::at(key).is_some_and(|key| key.is_fixed(self.component)) {
            let mut hasher = DefaultHasher::new();
            value.hash(&mut hasher);
            self.fixed.0.insert(key, hasher.finish());
        }
    }
}

/// Reads everything that was given; what is wrong stays in `input`.
pub(super) fn config(
    input: &mut Input<'_>,
    file: Option<&FilePath>,
    component: Component,
    responsible_email: Option<&str>,
) -> Config {
    let mut files = SecretFiles::beside(file);
    let mut keys = Keys { input, fixed: Fixed::default(), component };
    let local: ClusterId = "local".parse().expect("a cluster's name");
    let cluster_identifier = keys.value("clusterIdentifier", local, reading::cluster_id);
    let namespace = keys.optional("namespace", value::namespace);
    let read_from =
        keys.value("source", ReadFrom::HostnameCaches, |reader, node, path| reader.word(node, path, SOURCES));
    let snapshot_file = keys.optional("snapshotFile", value::file);
    let settings = settings(&mut keys);
    let zones = zones(&mut keys, settings.dns_server_name.as_ref(), responsible_email);
    let dns_refresh_interval = keys.duration("dnsRefreshInterval", SECOND * 30, SECOND);
    let heartbeat = heartbeat(&mut keys);
    let peers = keys
        .input
        .take("peers", |reader, node, path| {
            Some(peers::peers(reader, node, path, &cluster_identifier, &mut files))
        })
        .unwrap_or_default();
    let api_keys = keys
        .input
        .take("apiKeys", |reader, node, path| {
            Some(peers::api_keys(reader, node, path, &cluster_identifier, &mut files))
        })
        .unwrap_or_default();
    let cluster_salt = salt(keys.input, &mut files);
    let hostname_policy = keys
        .input
        .take("hostnamePolicy", |reader, node, path| Some(peers::hostname_policy(reader, node, path)));
    let withdrawal = withdrawal(&mut keys);
    let address_hold = keys.duration("addressHold", MINUTE * 5, Duration::ZERO);
    let listen = listen(&mut keys, component);
    let grpc_tls = certificates(&mut keys, ["tls.grpc.cert", "tls.grpc.key", "tls.grpc.clientCa"]);
    let http_tls = certificates(&mut keys, ["tls.http.cert", "tls.http.key", "tls.http.clientCa"]);
    let limits = limits(&mut keys);
    let grpc_concurrency = keys.number("grpcConcurrency", 4_096, (1, 1_000_000), "requests");
    let rate_limit = keys.number("rateLimit", 0_u32, (0, u32::MAX.into()), "responses a second");
    let cookie_secrets = cookies(&mut keys);
    let metrics_hostnames = keys.optional("metrics.hostnames", |reader, node, path| {
        Some(value::texts(reader, node, path, "a list of globs"))
    });
    let log = log(&mut keys);
    if keys
        .optional("otlp.endpoint", |reader, node, path| {
            reader.text(node, path, "a URL as text").map(str::to_owned)
        })
        .is_some()
    {
        warn(keys.input, "otlp.endpoint", "this release exports no spans: the key has no effect");
    }

    if !peers.is_empty() && cluster_identifier.as_str() == "local" {
        let hint = "name this cluster with `clusterIdentifier`, as its peers know it";
        keys.input.wrong("peers", "peers need a cluster that is not called \"local\"", Some(hint));
    }
    if component == Component::FrontEnd {
        hears(keys.input, &listen, http_tls.is_some());
    }
    let names_salt = ["clusterSalt", "clusterSaltFile"].iter().any(|key| keys.input.is_given(key));
    if !api_keys.is_empty() && !names_salt {
        keys.input.wrong("apiKeys", "keys are stored with `clusterSalt`, which is missing", None);
    }
    let fixed = keys.fixed;
    Config {
        cluster_identifier,
        namespace,
        source: read_from,
        snapshot_file,
        zones,
        settings,
        dns_refresh_interval,
        heartbeat,
        peers,
        api_keys,
        cluster_salt,
        hostname_policy,
        withdrawal,
        address_hold,
        listen,
        grpc_tls,
        http_tls,
        limits,
        grpc_concurrency,
        rate_limit: std::num::NonZeroU32::new(rate_limit),
        cookie_secrets,
        metrics_hostnames: metrics_hostnames.unwrap_or_default(),
        log,
        origins: input.origins(),
        warnings: Vec::new(),
        files: files.read,
        files_hash: files.hasher.finish(),
        fixed,
    }
}

fn warn(input: &mut Input<'_>, key: &'static str, message: &str) {
    let place = input.origins().get(key).map(ToString::to_string).unwrap_or_default();
    input.warnings.push(|| Problem::of(&place, key, message));
}

fn settings(keys: &mut Keys<'_, '_>) -> Settings {
    let Settings { ttl, answer_mode, when_all_down, outside_zones, dns_server_name: _, max_addresses } =
        Settings::default();
    let ttl: Ttl = keys.value("defaults.ttl", ttl, reading::ttl);
    let answer_mode: AnswerMode = keys.value("defaults.answerMode", answer_mode, reading::answer_mode);
    let when_all_down: WhenAllDown =
        keys.value("defaults.whenAllDown", when_all_down, reading::when_all_down);
    let outside_zones: OutsideZones = keys.value("outsideZones", outside_zones, reading::outside_zones);
    let dns_server_name = keys.optional("dnsServerName", reading::hostname);
    let max_addresses = keys.value("maxAddresses", max_addresses, reading::max_addresses);
    Settings { ttl, answer_mode, when_all_down, outside_zones, dns_server_name, max_addresses }
}

fn zones(
    keys: &mut Keys<'_, '_>,
    dns_server_name: Option<&Hostname>,
    responsible_email: Option<&str>,
) -> Zones {
    let input = &mut *keys.input;
    let email = responsible_email.filter(|email| match wrong_mailbox(email) {
        None => true,
        Some(message) => {
            let name = super::environment::Values::responsible_email_name();
            input.problems.push(|| Problem::of(&name, "zones[].responsibleEmail", message));
            false
        }
    });
    let read = |reader: &mut Reader<'_>, node: &Node<'_>, path: &Path<'_>, _: &_| {
        Some(ZoneList::read(reader, node, path))
    };
    let Some((mut list, source)) = input.take_with_source("zones", read) else { return Zones::default() };
    if let Some(email) = email {
        list.default_responsible_email(email);
    }
    let source = input.sources.get(source).expect("a source that was given");
    list.check(&source.text, dns_server_name, &mut input.problems, &mut input.warnings)
}

/// What is wrong with a zone's mailbox, as zones say it.
fn wrong_mailbox(email: &str) -> Option<String> {
    let name = |text: &str| text.parse::<Hostname>().expect("a reserved name (RFC 2606)");
    let zone = Zone {
        name: name("invalid"),
        name_servers: vec![NameServer { name: name("ns.example"), addresses: Vec::new() }],
        responsible_email: email.to_owned(),
        negative_ttl: Ttl::DEFAULT,
        ttl: Ttl::DEFAULT,
        records: Vec::new(),
        acme_delegation: None,
    };
    let problems = Zones::new(vec![zone], None).err()?;
    problems
        .into_iter()
        .find(|problem| problem.place == ZonePlace::ResponsibleEmail)
        .map(|problem| problem.message)
}

/// As a function of its own: a method's lifetimes are not general enough.
fn boolean(reader: &mut Reader<'_>, node: &Node<'_>, path: &Path<'_>) -> Option<bool> {
    reader.boolean(node, path)
}

fn heartbeat(keys: &mut Keys<'_, '_>) -> Heartbeat {
    let check = keys.duration("heartbeat.check", SECOND, Duration::from_millis(100));
    let set = keys.duration("heartbeat.set", SECOND * 10, Duration::from_millis(100));
    let timeout = keys.duration("heartbeat.timeout", SECOND * 90, SECOND);
    if timeout <= set * 2 {
        let hint = "three intervals or more: a cluster is stale when one heartbeat is lost otherwise";
        keys.input.wrong("heartbeat.timeout", "it is not longer than two of `heartbeat.set`", Some(hint));
    }
    if timeout <= check * 2 {
        let message = "it is not longer than two of `heartbeat.check` (R20)";
        keys.input.wrong("heartbeat.timeout", message, None);
    }
    Heartbeat { check, set, timeout }
}

fn withdrawal(keys: &mut Keys<'_, '_>) -> WithdrawalLimits {
    let WithdrawalLimits { settle, share, count, hold } = WithdrawalLimits::default();
    WithdrawalLimits {
        settle: keys.duration("withdrawal.settle", settle, Duration::ZERO),
        share: keys.value("withdrawal.share", share, value::share),
        count: keys.number("withdrawal.count", count, (1, i128::from(u32::MAX)), "hostnames"),
        hold: keys.duration("withdrawal.hold", hold, Duration::ZERO),
    }
}

fn salt(input: &mut Input<'_>, files: &mut SecretFiles) -> Option<SecretSlice<u8>> {
    let what = "the salt";
    let direct = input.take("clusterSalt", |reader, node, path| {
        reader.secretly(|reader| {
            let text = reader.text(node, path, "a salt in base64 as text")?;
            value::octets(text, None, what).map_err(|message| reader.problem(path, node.at, message)).ok()
        })
    });
    let of_file = input.take("clusterSaltFile", |reader, node, path| {
        let text = files.text(reader, node, path)?;
        value::octets(text.line(), None, what).map_err(|message| reader.problem(path, node.at, message)).ok()
    });
    if direct.is_some() && of_file.is_some() {
        input.wrong("clusterSaltFile", "`clusterSalt` is given too: one is enough", None);
    }
    direct.or(of_file)
}

fn listen(keys: &mut Keys<'_, '_>, component: Component) -> ListenOn {
    let loopback = SocketAddr::from((Ipv4Addr::LOCALHOST, 1_153));
    ListenOn {
        grpc: keys.value("listen.grpc", vec![Listen::Tcp(loopback)], value::grpc),
        dns: keys.value("listen.dns", Vec::new(), value::dns),
        http: keys.value("listen.http", vec![http_default(component)], value::http).pop(),
        insecure: keys.value("listen.insecure", false, boolean),
    }
}

/// What a front end cannot begin without.
fn hears(input: &mut Input<'_>, listen: &ListenOn, has_certificate: bool) {
    if listen.http.is_none() {
        input.wrong("listen.http", "it is off, and a front end hears nobody without it", None);
    }
    let is_named = [input.is_given("tls.http.cert"), input.is_given("tls.http.key")].contains(&true);
    // What is wrong with one that is named is said where it is read.
    if !has_certificate && !is_named && !listen.insecure {
        let hint = "or `listen.insecure: true` where plain HTTP is meant: everybody on the way can read the keys of peers";
        input.wrong(
            "tls.http.cert",
            "a front end needs a certificate and its key (`tls.http.key`)",
            Some(hint),
        );
    }
}

fn limits(keys: &mut Keys<'_, '_>) -> Limits {
    let PeerLimits { hostnames, addresses, .. } = PeerLimits::default();
    let mut peer = PeerLimits::default();
    let most = 10_000_000;
    peer.hostnames = keys.number("limits.hostnames", hostnames, (1, most), "hostnames");
    peer.addresses = keys.number("limits.addresses", addresses, (1, most), "addresses");
    let unauthenticated = keys.number("limits.unauthenticated", 20_u32, (1, most), "requests a second");
    Limits { peer, unauthenticated }
}

/// The files of a certificate, its key and the authority of clients, by these keys.
fn certificates(
    keys: &mut Keys<'_, '_>,
    [of_certificate, of_key, of_ca]: [&'static str; 3],
) -> Option<CertificateFiles> {
    let certificate = keys.optional(of_certificate, value::file);
    let key = keys.optional(of_key, value::file);
    let client_ca = keys.optional(of_ca, value::file);
    match (certificate, key) {
        (Some(certificate), Some(key)) => Some(CertificateFiles { certificate, key, client_ca }),
        (Some(_), None) => {
            let message = format!("a certificate needs its key (`{of_key}`)");
            keys.input.wrong(of_certificate, message, None);
            None
        }
        (None, Some(_)) => {
            let message = format!("a key needs its certificate (`{of_certificate}`)");
            keys.input.wrong(of_key, message, None);
            None
        }
        (None, None) => {
            if client_ca.is_some() {
                let message =
                    format!("without a certificate (`{of_certificate}`) no client is asked for one");
                keys.input.wrong(of_ca, message, None);
            }
            None
        }
    }
}

fn cookies(keys: &mut Keys<'_, '_>) -> Option<mci_core::wire::CookieSecrets> {
    let secrets = keys.input.take("cookieSecrets", |reader, node, path| {
        reader.secretly(|reader| {
            let texts = value::texts(reader, node, path, "a list of secrets");
            let secrets: Vec<SecretString> = texts.into_iter().map(SecretString::from).collect();
            match cookie_secrets(secrets.iter().map(ExposeSecret::expose_secret)) {
                Ok(read) => Some((read?, secrets)),
                Err(error) => {
                    reader.problem(path, node.at, format_args!("{error:#}"));
                    None
                }
            }
        })
    });
    // Its debug form hides what differs.
    let texts = secrets.iter().flat_map(|(_, texts)| texts).map(ExposeSecret::expose_secret);
    keys.fix("cookieSecrets", &texts.collect::<Vec<_>>().join(","));
    secrets.map(|(read, _)| read)
}

fn log(keys: &mut Keys<'_, '_>) -> Log {
    let level = keys.optional("log.level", |reader, node, path| {
        let text = reader.text(node, path, "a level as text")?;
        levels(text)
            .map_err(|message| reader.problem(path, node.at, format_args!("{text:?}: {message}")))
            .ok()
    });
    let format =
        keys.value("log.format", Format::Text, |reader, node, path| reader.word(node, path, FORMATS));
    let sample = keys.number("log.queries.sample", 0_u32, (0, u32::MAX.into()), "one query in so many");
    let names = keys.optional("log.queries.names", |reader, node, path| {
        Some(value::texts(reader, node, path, "a list of globs"))
    });
    let until = keys.optional("log.queries.until", |reader, node, path| {
        let seconds = reading::time_of(reader, node, path)?;
        let time = SystemTime::UNIX_EPOCH.checked_add(Duration::from_secs(seconds));
        if time.is_none() {
            reader.problem(path, node.at, "it is too far away for this machine's clock");
        }
        time
    });
    let queries = (sample > 0).then(|| {
        let config = QueryLogConfig::every(sample).names(names.unwrap_or_default());
        match until {
            Some(end) => config.until(end),
            None => config,
        }
    });
    let level = level.unwrap_or_else(|| Targets::new().with_default(tracing::Level::INFO));
    Log { level, format, queries }
}
