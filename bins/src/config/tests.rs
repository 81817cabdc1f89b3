//! What configurations say, from every source.

mod followed;

use std::fs;

use secrecy::ExposeSecret;

use super::*;

const KEY: &str = "s3cr3t-k3y";
/// `key` and 64 octets of it, in base64.
const HASH: &str = "a2V5a2V5a2V5a2V5a2V5a2V5a2V5a2V5a2V5a2V5a2V5a2V5a2V5a2V5a2V5a2V5a2V5a2V5a2V5a2V5a2V5aw==";

/// What a configuration is made from, in a test.
#[derive(Default)]
struct From<'t> {
    /// An operator's where absent.
    component: Option<Component>,
    file: &'t str,
    environment: &'t [(&'t str, &'t str)],
    flags: &'t [(&'static str, &'t str)],
}

impl From<'_> {
    fn read(&self) -> Result<Config, Problems> {
        let written = self.flags.iter().map(|(path, value)| (keys::at(path).unwrap(), (*value).to_owned()));
        let variables = self.environment.iter().map(|(name, value)| ((*name).into(), (*value).into()));
        let given = Given {
            component: self.component.unwrap_or(Component::Operator),
            file: Some("c.yaml".into()),
            written: written.collect(),
            environment: Environment::new(variables),
        };
        let content = Content {
            name: "c.yaml".to_owned(),
            octets: self.file.as_bytes().to_vec(),
            ..Content::default()
        };
        given.parse(Some(&content))
    }
}

#[track_caller]
fn file(text: &str) -> Config {
    From { file: text, ..From::default() }.read().unwrap_or_else(|problems| panic!("{problems}"))
}

fn wrong_file(text: &str) -> String {
    From { file: text, ..From::default() }.read().map(drop).unwrap_err().to_string()
}

#[track_caller]
fn environment(variables: &[(&str, &str)]) -> Config {
    From { environment: variables, ..From::default() }.read().unwrap_or_else(|problems| panic!("{problems}"))
}

fn wrong_environment(variables: &[(&str, &str)]) -> String {
    From { environment: variables, ..From::default() }.read().map(drop).unwrap_err().to_string()
}

fn warnings(config: &Config) -> Vec<String> {
    config.warnings().iter().map(ToString::to_string).collect()
}

#[test]
fn nothing_at_all_is_a_configuration() {
    let config = file("");
    let seconds = Duration::from_secs;
    assert_eq!(config.cluster_identifier.as_str(), "local");
    assert_eq!((&config.namespace, config.source), (&None, ReadFrom::HostnameCaches));
    assert_eq!(config.settings, Settings::default());
    assert_eq!(config.dns_refresh_interval, seconds(30));
    assert_eq!(config.heartbeat, Heartbeat { check: seconds(1), set: seconds(10), timeout: seconds(90) });
    assert_eq!(config.withdrawal, WithdrawalLimits::default());
    assert_eq!(config.address_hold, seconds(300));
    assert_eq!(
        config.listen,
        ListenOn {
            grpc: vec!["127.0.0.1:1153".parse().unwrap()],
            dns: vec![],
            http: Some("0.0.0.0:8080".parse().unwrap()),
            insecure: false,
        }
    );
    assert!(config.hostname_policy.is_none() && config.zones.iter().next().is_none());
    assert_eq!((warnings(&config), config.origin("heartbeat.check")), (vec![], None));
}

#[test]
fn the_example_is_right_and_shows_every_key() {
    let text = include_str!("../../../examples/config.yaml");
    let config = file(text);
    assert_eq!(config.cluster_identifier.as_str(), "west");
    assert_eq!(warnings(&config), [""; 0]);
    // What is not set there is shown as a comment.
    let shown = |key: &str| {
        let last = key.rsplit('.').next().unwrap();
        text.lines().any(|line| line.trim_start_matches(['#', ' ']).starts_with(&format!("{last}:")))
    };
    let hidden: Vec<_> = keys::KEYS.iter().map(|key| key.path).filter(|key| !shown(key)).collect();
    assert_eq!(hidden, [""; 0]);
}

#[test]
fn durations_are_seconds_or_have_a_unit() {
    let config =
        file("heartbeat: {check: 500ms, set: 20, timeout: 2m}\naddressHold: 1h\nwithdrawal: {hold: 0}");
    assert_eq!(
        config.heartbeat,
        Heartbeat {
            check: Duration::from_millis(500),
            set: Duration::from_secs(20),
            timeout: Duration::from_mins(2)
        }
    );
    assert_eq!((config.address_hold, config.withdrawal.hold), (Duration::from_hours(1), Duration::ZERO));
}

#[test]
fn all_mistakes_are_told_at_once_with_their_places() {
    insta::assert_snapshot!(wrong_file(
        "clusterIdentifer: west
heartbeat: {check: 0, set: soon, timeout: -1}
heartbeatTimeout: 90
source: clusters
zones:
  - gslb.example.com
  - {name: b.example, nameserver: [ns1.example.net]}
defaults: {ttl: 5s}
withdrawal: {share: 0.5}
listen: {grpc: [localhost:1153], dns: [off, 127.0.0.1:53], http: 8080}
level: debug
log: {level: loud, queries: {until: tomorrow}}
namespace: MCI
namespace: mci
tls: {grpc: {clientCa: ca.pem}}
peers:
  - {identifier: east, url: ftp://east}
apiKeys: []
metrics: 5
"
    ), @r#"
    c.yaml:1:1: clusterIdentifer: unknown key; did you mean "clusterIdentifier"?
    c.yaml:2:20: heartbeat.check: 0s is out of range: 100ms to 31d
    c.yaml:2:28: heartbeat.set: expected seconds, or a duration such as 90s or 5m, found the text "soon"
    c.yaml:2:43: heartbeat.timeout: expected seconds, or a duration such as 90s or 5m, found the number -1
    c.yaml:3:1: heartbeatTimeout: unknown key; did you mean "heartbeat.timeout"?
    c.yaml:4:9: source: expected one of hostnameCaches, clusterCaches, found the text "clusters"
    c.yaml:6:5: zones[0]: zone gslb.example.com has no name server: list its nameservers, or set dnsServerName
    c.yaml:7:23: zones[1].nameserver: unknown key; did you mean "nameservers"?
    c.yaml:8:17: defaults.ttl: expected a whole number (seconds), found the text "5s"; write 5, without quotes or a unit
    c.yaml:9:21: withdrawal.share: expected a percentage from 0% to 100%, found the number 0.5; write "50%"
    c.yaml:10:17: listen.grpc[0]: "localhost:1153" is no address to listen on: write ADDRESS:PORT, such as 127.0.0.1:1153 or [::1]:1153, or unix:///PATH, such as unix:///run/mci/1.sock, or off
    c.yaml:10:40: listen.dns[0]: off stands alone: it means no address at all
    c.yaml:10:66: listen.http: expected IP:PORT as text, or off, found the number 8080; quote it
    c.yaml:11:1: level: unknown key; did you mean "log.level"?
    c.yaml:12:37: log.queries.until: expected a time since 1970 as RFC 3339 has it (2030-01-31T12:00:00Z, 2030-01-31T13:00:00+01:00) or in Unix seconds, found the text "tomorrow"
    c.yaml:13:12: namespace: "MCI" is no namespace: 1 to 63 lower-case letters, digits and '-', beginning and ending with a letter or digit
    c.yaml:14:1: namespace: the key stands here a second time
    c.yaml:15:24: tls.grpc.clientCa: without a certificate (`tls.grpc.cert`) no client is asked for one
    c.yaml:17:29: peers[0].url: it is no URL such as https://mci.example.com:8443
    c.yaml:19:10: metrics: expected a map with the keys hostnames, found the number 5
    "#);
}

#[test]
fn zones_are_read_as_state_files_read_them() {
    let config = file(
        "zones: [{name: a.example, nameservers: [ns1.example.net, ns2.example.net], ttl: 60}]\ndefaults: {answerMode: all}",
    );
    let state = mci_core::state_file::StateFile::parse(
        "zones: [{name: a.example, nameservers: [ns1.example.net, ns2.example.net], ttl: 60}]",
    );
    assert_eq!(config.zones, *state.unwrap().into_snapshot().zones());
    assert_eq!(config.settings.answer_mode, mci_core::AnswerMode::All);
    let config = file("zones: [a.example]\ndnsServerName: ns.example.net");
    assert_eq!(config.zones.iter().count(), 1, "a name alone is a zone whose name server is this one");
}

#[test]
fn flags_win_over_the_environment_and_that_over_the_file() {
    let from = |environment, flags| {
        let file = "heartbeat: {set: 1}\nzones: [a.example]\ndnsServerName: ns.example.net";
        let config = From { component: None, file, environment, flags }.read().unwrap();
        (config.heartbeat.set.as_secs(), config.origin("heartbeat.set").unwrap().to_string())
    };
    let variable: &[_] = &[("MCI_HEARTBEAT_SET", "2")];
    assert_eq!(from(&[], &[]), (1, "c.yaml:1".to_owned()));
    assert_eq!(from(variable, &[]), (2, "environment variable MCI_HEARTBEAT_SET".to_owned()));
    assert_eq!(from(variable, &[("heartbeat.set", "3s")]), (3, "--heartbeat-set".to_owned()));
}

#[test]
fn a_value_that_another_one_hides_is_checked_all_the_same() {
    let problems = From {
        file: "heartbeat: {set: x}",
        environment: &[("MCI_HEARTBEAT_SET", "y")],
        flags: &[("heartbeat.set", "z")],
        ..From::default()
    };
    insta::assert_snapshot!(problems.read().map(drop).unwrap_err(), @r#"
    --heartbeat-set: heartbeat.set: expected seconds, or a duration such as 90s or 5m, found the text "z"
    environment variable MCI_HEARTBEAT_SET: heartbeat.set: expected seconds, or a duration such as 90s or 5m, found the text "y"
    c.yaml:1:18: heartbeat.set: expected seconds, or a duration such as 90s or 5m, found the text "x"
    "#);
}

#[test]
fn the_environment_takes_lists_and_maps_as_text() {
    let config = environment(&[
        ("MCI_DNS_SERVER_NAME", "ns.example.net"),
        ("MCI_ZONES", "a.example, b.example"),
        ("MCI_LISTEN_DNS", "127.0.0.1:53,[::1]:53"),
        ("MCI_GRPC", "off"),
        ("MCI_METRICS_HOSTNAMES", "[a.example, '*.b.example']"),
        ("MCI_HOSTNAME_POLICY", "[{namespaces: [shop-*], maxPriority: 5}]"),
        ("MCI_LOG_QUERIES", "100"),
        ("MCI_HTTP", ""),
    ]);
    assert_eq!(config.zones.iter().count(), 2);
    assert_eq!((config.listen.dns.len(), config.listen.grpc.len()), (2, 0));
    assert_eq!(config.metrics_hostnames, ["a.example", "*.b.example"]);
    let rule = PolicyEntry {
        namespaces: Some(vec!["shop-*".to_owned()]),
        zones: None,
        ip_overrides: true,
        max_priority: Some(5),
    };
    assert_eq!(config.hostname_policy, Some(vec![rule]));
    assert_eq!(config.log.queries.as_ref().unwrap().sample, 100);
    assert_eq!(config.listen.http, file("").listen.http, "set to nothing is not set");
}

#[test]
fn the_names_of_the_dotnet_application_are_understood() {
    let config = environment(&[
        ("ClusterIdentifier", "west"),
        ("ClusterSalt", "c2FsdA=="),
        ("DNSHostname", "dns.example.net"),
        ("DNSServerResponsibleEmailAddress", "ops@example.net"),
        ("NameserverNames__b.example__0", "ns1.example.net"),
        ("NameserverNames__a.example__1", "ns2.example.net"),
        ("NameserverNames__a.example__0", "ns1.example.net"),
        ("DefaultRecordTTL", "7"),
        ("DNSRefreshInterval", "11"),
        ("PeriodicRefreshInterval", "300"),
        ("HeartbeatCheckInterval", "2"),
        ("HeartbeatSetInterval", "3"),
        ("HeartbeatTimeout", "30"),
        ("Peers__0__Identifier", "east"),
        ("Peers__0__Url", "https://east.example.com"),
        ("Peers__0__Key", KEY),
        ("Peers__10__Identifier", "north"),
        ("Peers__10__Url", "https://north.example.com"),
        ("Authentication__ApiKeys__0__ClusterIdentifier", "east"),
        ("Authentication__ApiKeys__0__Key", HASH),
        ("ListenPort", "5000"),
        ("ListenGrpcPort", "1153"),
        ("Namespace", "dns"),
    ]);
    assert_eq!(config.cluster_identifier.as_str(), "west");
    assert_eq!(config.cluster_salt.as_ref().unwrap().expose_secret(), b"salt");
    assert_eq!(config.settings.dns_server_name.as_ref().unwrap().to_string(), "dns.example.net");
    let zones: Vec<_> = config
        .zones
        .iter()
        .map(|zone| (zone.name.to_string(), zone.name_servers.len(), zone.responsible_email.as_str()))
        .collect();
    assert_eq!(
        zones,
        [("a.example".to_owned(), 2, "ops@example.net"), ("b.example".to_owned(), 1, "ops@example.net")]
    );
    assert_eq!((config.settings.ttl.seconds(), config.dns_refresh_interval.as_secs()), (7, 11));
    let Heartbeat { check, set, timeout } = config.heartbeat;
    assert_eq!([check, set, timeout].map(|of| of.as_secs()), [2, 3, 30]);
    let peers: Vec<_> = config
        .peers
        .iter()
        .map(|peer| (peer.identifier.as_str(), peer.url.to_string(), peer.key.is_some()))
        .collect();
    assert_eq!(
        peers,
        [
            ("east", "https://east.example.com/".to_owned(), true),
            ("north", "https://north.example.com/".to_owned(), false)
        ]
    );
    assert_eq!(config.api_keys.len(), 1);
    assert_eq!(config.listen.http, Some("0.0.0.0:5000".parse().unwrap()));
    assert_eq!(config.listen.grpc, ["0.0.0.0:1153".parse().unwrap()]);
    assert_eq!(config.namespace.as_deref(), Some("dns"));
    insta::assert_snapshot!(warnings(&config).join("\n"), @"
    environment variable PeriodicRefreshInterval: it has no effect: nothing is refreshed periodically here: watches are checked all the time
    environment variable NameserverNames__b.example__0: zones[1]: zone b.example has 1 name server; two or more are usual (RFC 2182)
    ");
}

#[test]
fn a_mistake_in_the_environment_names_the_variable() {
    insta::assert_snapshot!(wrong_environment(&[
        ("HeartbeatTimeout", "thirty"),
        ("MCI_HEARTBEAT_CHEK", "1"),
        ("MCI_ZONES", "[a.example, {name: }"),
        ("Peers__0__Identifier", "East"),
        ("Peers__0__Url", "east"),
        ("Peers__1__Identifier", "north"),
        ("Peers__1__Uri", "https://north.example.com"),
        ("NameserverNames__a.example__first", "ns1.example.net"),
        ("NameserverNames__b.example__0", "192.0.2.1"),
        ("DNSServerResponsibleEmailAddress", "nobody"),
        ("ListenPort", "0"),
        ("MCI_OTHER_SERVICE_HOST", "10.0.0.1"),
        ("MCI_FRONT_END_PORT_8080_TCP_ADDR", "10.0.0.1"),
    ]), @r#"
    environment variable ListenPort: listen.http: expected a port from 1 to 65535, found "0"
    environment variable Peers__1__Uri: peers: unknown variable; did you mean "Url"?
    environment variable NameserverNames__a.example__first: zones: unknown variable; write NameserverNames__ZONE__0, NameserverNames__ZONE__1, …
    environment variable MCI_HEARTBEAT_CHEK: unknown variable; did you mean "MCI_HEARTBEAT_CHECK"?
    environment variable MCI_ZONES:1:1: zones: the YAML cannot be read: unclosed bracket '['
    environment variable DNSServerResponsibleEmailAddress: zones[].responsibleEmail: "nobody" is no mail address: write it as hostmaster@example.com
    environment variable HeartbeatTimeout: heartbeat.timeout: expected seconds, or a duration such as 90s or 5m, found the text "thirty"
    environment variable Peers__0__Identifier: peers[0].identifier: "East" is no cluster identifier: 1 to 63 lower-case letters, digits, '-' and '.', each part beginning and ending with a letter or digit; did you mean "east"?
    environment variable Peers__0__Url: peers[0].url: it is no URL such as https://mci.example.com:8443
    environment variable Peers__1__Identifier: peers[1]: the key "url" is missing
    "#);
}

#[test]
fn of_two_names_ours_wins_and_that_is_said() {
    let config = environment(&[
        ("MCI_CLUSTER_IDENTIFIER", "west"),
        ("ClusterIdentifier", "east"),
        ("MCI_HEARTBEAT_SET", "5"),
        ("HeartbeatSetInterval", "5"),
        ("MCI_LISTEN_GRPC", "127.0.0.1:2"),
        ("MCI_GRPC", "127.0.0.1:3"),
        ("ListenGrpcPort", "4"),
        ("MCI_SOMETHING_ELSE", "x"),
    ]);
    assert_eq!((config.cluster_identifier.as_str(), config.heartbeat.set.as_secs()), ("west", 5));
    assert_eq!(config.listen.grpc, ["127.0.0.1:2".parse().unwrap()]);
    insta::assert_snapshot!(warnings(&config).join("\n"), @"
    environment variable ClusterIdentifier: clusterIdentifier: MCI_CLUSTER_IDENTIFIER says otherwise, and is taken
    environment variable MCI_GRPC: listen.grpc: MCI_LISTEN_GRPC says otherwise, and is taken
    environment variable ListenGrpcPort: listen.grpc: MCI_LISTEN_GRPC is set too, and is taken
    environment variable MCI_SOMETHING_ELSE: nothing reads this variable
    ");
}

#[test]
fn the_namespace_of_the_pod_holds_where_nothing_else_names_one() {
    assert_eq!(environment(&[("POD_NAMESPACE", "pod")]).namespace.as_deref(), Some("pod"));
    let both = From { file: "namespace: file", environment: &[("POD_NAMESPACE", "pod")], ..From::default() };
    assert_eq!(both.read().unwrap().namespace.as_deref(), Some("file"));
}

#[test]
fn who_the_peers_are_is_checked() {
    let peer = |name: &str| format!("{{identifier: {name}, url: 'https://{name}.example.com'}}");
    insta::assert_snapshot!(wrong_file(&format!("peers: [{}]", peer("east"))), @r#"c.yaml:1:8: peers: peers need a cluster that is not called "local"; name this cluster with `clusterIdentifier`, as its peers know it"#);
    let twice = format!(
        "clusterIdentifier: west\npeers: [{}, {}, {}]\napiKeys: [{{clusterIdentifier: west, key: {HASH}}}]",
        peer("east"),
        peer("west"),
        peer("east")
    );
    insta::assert_snapshot!(wrong_file(&twice), @"
    c.yaml:2:75: peers[1].identifier: west is this cluster's own identifier (`clusterIdentifier`); each cluster needs an identifier of its own
    c.yaml:2:115: peers[2].identifier: peer east is also at c.yaml:2:9
    c.yaml:3:31: apiKeys[0].clusterIdentifier: west is this cluster's own identifier (`clusterIdentifier`); each cluster needs an identifier of its own
    ");
    let plain = "clusterIdentifier: west\npeers:\n- {identifier: east, url: http://east.example.com}\n- {identifier: north, url: http://north.example.com, insecure: true}";
    insta::assert_snapshot!(wrong_file(plain), @"c.yaml:3:3: peers[0].url: plain HTTP: everybody on the way can read the key; write https://…, or `insecure: true` where that is meant");
}

#[test]
fn a_key_is_of_one_cluster_and_a_cluster_may_have_several() {
    let keys = |clusters: [&str; 2], hashes: [&str; 2]| {
        format!(
            "clusterIdentifier: west\nclusterSalt: c2FsdA==\napiKeys:\n- {{clusterIdentifier: {}, key: {}}}\n- {{clusterIdentifier: {}, key: {}}}",
            clusters[0], hashes[0], clusters[1], hashes[1]
        )
    };
    let other = HASH.replace("a2V5a2V5", "b2V5a2V5");
    let config = file(&keys(["east", "east"], [HASH, &other]));
    assert_eq!(config.key_ring().clusters().map(ClusterId::as_str).collect::<Vec<_>>(), ["east", "east"]);
    insta::assert_snapshot!(wrong_file(&keys(["east", "north"], [HASH, HASH])), @"c.yaml:5:3: apiKeys[1]: it is the key of cluster east too: a key says who a cluster is, so each needs one of its own");
}

#[test]
fn a_peer_is_admitted_as_it_is_configured() {
    let config = file(
        "clusterIdentifier: west\nlimits: {hostnames: 7, addresses: 3}\npeers:\n\
         - {identifier: east, url: 'https://e.example', allowedZones: [gslb.example], maxPriority: 5}\n\
         - {identifier: north, url: 'https://n.example'}",
    );
    let admissions = config.admissions();
    let said = |name: &str| {
        let one = &admissions[&name.parse().unwrap()];
        let zones = one.zones.as_ref().map(|zones| zones.iter().map(ToString::to_string).collect::<Vec<_>>());
        (zones, one.max_priority, one.limits.hostnames, one.limits.addresses)
    };
    assert_eq!(said("east"), (Some(vec!["gslb.example".to_owned()]), Some(5), 7, 3));
    assert_eq!(said("north"), (None, None, 7, 3));
}

#[test]
fn a_front_end_needs_a_certificate_or_to_be_told_that_it_needs_none() {
    let read = |file| From { component: Some(Component::FrontEnd), file, ..From::default() }.read();
    insta::assert_snapshot!(read("").unwrap_err(), @"tls.http.cert: a front end needs a certificate and its key (`tls.http.key`); or `listen.insecure: true` where plain HTTP is meant: everybody on the way can read the keys of peers");
    insta::assert_snapshot!(read("listen: {http: off}\ntls: {http: {cert: a.pem}}").unwrap_err(), @"
    c.yaml:1:16: listen.http: it is off, and a front end hears nobody without it
    c.yaml:2:20: tls.http.cert: a certificate needs its key (`tls.http.key`)
    ");
    assert!(read("listen: {insecure: true}").unwrap().listen.insecure);
    let certified = read("tls: {http: {cert: a.pem, key: b.pem, clientCa: c.pem}}").unwrap();
    let files = CertificateFiles {
        certificate: "a.pem".into(),
        key: "b.pem".into(),
        client_ca: Some("c.pem".into()),
    };
    assert_eq!(
        (certified.http_tls, certified.listen.http),
        (Some(files), Some("0.0.0.0:8080".parse().unwrap()))
    );
    // To other programs none of that matters.
    assert!(!file("").listen.insecure);
    // Truth comes as text, too.
    let insecure = |text| environment(&[("MCI_LISTEN_INSECURE", text)]).listen.insecure;
    assert_eq!([insecure("true"), insecure("false")], [true, false]);
}

#[test]
fn stored_keys_need_their_salt() {
    let keys = format!("apiKeys: [{{clusterIdentifier: east, key: {HASH}}}]");
    insta::assert_snapshot!(wrong_file(&keys), @"c.yaml:1:10: apiKeys: keys are stored with `clusterSalt`, which is missing");
    let empty = format!("clusterSaltFile: /dev/null\n{keys}");
    insta::assert_snapshot!(wrong_file(&empty), @"c.yaml:1:18: clusterSaltFile: the salt is empty");
}

#[test]
fn more_mistakes_than_are_kept_are_counted() {
    let entries = "- {maxPriority: x}\n".repeat(1_500);
    let problems = From { file: &format!("hostnamePolicy:\n{entries}"), ..From::default() };
    let problems = problems.read().map(drop).unwrap_err();
    assert_eq!((problems.iter().len(), problems.count()), (1_000, 1_500));
}

#[test]
fn keys_of_one_cluster_may_be_several_while_they_are_replaced() {
    let key = format!("{{clusterIdentifier: east, key: {HASH}}}");
    let config = file(&format!("clusterSalt: c2FsdA==\napiKeys: [{key}, {key}]"));
    assert_eq!(config.api_keys.len(), 2);
    assert_eq!(config.api_keys[0].hash.expose_secret().len(), 64);
}

#[test]
fn secrets_are_in_no_message() {
    let secret = "S3CRET";
    let config = From {
        file: &format!(
            "clusterIdentifier: west\npeers: [{{identifier: e, url: 'https://e.example', key: {secret}}}]"
        ),
        environment: &[
            ("MCI_COOKIE_SECRET", "00112233445566778899aabbccddeeff"),
            ("ClusterSalt", "UzNDUkVU"),
        ],
        ..From::default()
    };
    let read = config.read().unwrap();
    let shown = format!("{read:?}");
    assert!(!shown.contains(secret) && !shown.contains("UzNDUkVU") && !shown.contains("00112233"), "{shown}");
    assert!(!format!("{:?}", Environment::new([("ClusterSalt".into(), secret.into())])).contains(secret));
    for text in [
        format!("clusterSalt: {secret}!"),
        format!("clusterSalt: [{secret}]"),
        format!("apiKeys: [{secret}]"),
        format!("apiKeys: {secret}"),
        format!("apiKeys: [{{clusterIdentifier: east, key: {secret}}}]"),
        format!("apiKeys: [{{clusterIdentifier: east, key: {secret}{HASH}}}]"),
        format!("peers: [{{identifier: east, url: 'https://u:{secret}@e.example', key: {secret}}}]"),
        format!("peers: [{{identifier: east, url: 'https://e.example', key: '{secret} '}}]"),
        format!(
            "peers: [{{identifier: east, url: 'https://e.example', insecure: {secret}, key: *{secret}}}]"
        ),
        format!(
            "peers: [{{identifier: east, url: 'https://e.example', insecure: {secret}, protocol: {secret}}}]"
        ),
        format!("cookieSecrets: [{secret}]"),
        format!("cookieSecrets: {secret}"),
    ] {
        let problems = wrong_file(&text);
        assert!(!problems.contains(secret), "{text}: {problems}");
    }
}

#[test]
fn numbers_that_are_secrets_are_not_shown_either() {
    let problems =
        wrong_file("clusterSalt: 8675309\ncookieSecrets: [8675309]\napiKeys: [8675309]\npeers: 8675309");
    assert!(!problems.contains("8675309"), "{problems}");
}

#[test]
fn secrets_may_come_from_files_beside_the_configuration() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("config.yaml");
    fs::write(folder.path().join("salt"), "c2FsdA==\n").unwrap();
    fs::write(folder.path().join("east"), format!("{KEY}\n")).unwrap();
    let text = "clusterIdentifier: west\nclusterSaltFile: salt\npeers:\n- {identifier: east, url: 'https://east.example', keyFile: east}\n- {identifier: north, url: 'https://north.example', keyFile: missing}";
    fs::write(&path, text).unwrap();
    let load = || load(Some(&path), &Written::<OPERATOR>::default(), Environment::default());
    let problems = load().map(drop).unwrap_err().to_string();
    let missing = folder.path().join("missing");
    assert_eq!(
        problems,
        format!(
            "{}:5:62: peers[1].keyFile: {} cannot be read: No such file or directory (os error 2)",
            path.display(),
            missing.display()
        )
    );
    fs::write(&missing, "other").unwrap();
    let (config, _) = load().unwrap();
    let keys: Vec<_> = config.peers.iter().map(|peer| peer.key.as_ref().unwrap().expose_secret()).collect();
    assert_eq!(keys, [KEY, "other"]);
    assert_eq!(config.cluster_salt.as_ref().unwrap().expose_secret(), b"salt");
}

#[test]
fn a_configuration_is_known_by_its_keys() {
    for text in ["clusterIdentifier: west", "# a\nzones: []\nlog: {level: info}\n", "{\"peers\": []}"] {
        assert!(is_config(text.as_bytes()), "{text}");
    }
    for text in
        ["zones: []\nhostnames: []\n", "", "hostnames:\n- hostname: a.example\n  source: x\n", "tests: []"]
    {
        assert!(!is_config(text.as_bytes()), "{text}");
    }
}
