//! State files: what is right, and what is said of everything that is wrong.
#![cfg(feature = "state-file")]
#![allow(clippy::unwrap_used, reason = "what a helper of a test does not expect is a failed test")]

mod limits;

use mci_core::state_file::{Problems, SnapshotFile, SnapshotFileError, StateFile};
use mci_core::{ClusterState, Hostname, OutsideZones, Query, RecordType, Snapshot};

const EXAMPLE: &str = include_str!("../../../examples/standalone.yaml");

#[track_caller]
fn snapshot(text: &str) -> Snapshot {
    match StateFile::parse(text) {
        Ok(file) => file.into_snapshot(),
        Err(problems) => panic!("{problems}"),
    }
}

/// The problems as lines.
#[track_caller]
fn problems(text: &str) -> Vec<String> {
    match StateFile::parse(text) {
        Ok(_) => panic!("nothing was found wrong with\n{text}"),
        Err(problems) => lines(&problems),
    }
}

fn lines(problems: &Problems) -> Vec<String> {
    problems.iter().map(ToString::to_string).collect()
}

fn name(text: &str) -> Hostname {
    text.parse().unwrap()
}

fn answer(snapshot: &Snapshot, hostname: &str, record_type: RecordType) -> String {
    snapshot.possible(&Query::new(name(hostname), record_type)).to_string()
}

#[test]
fn the_example_reads_without_a_warning() {
    let file = StateFile::parse(EXAMPLE).unwrap();
    assert_eq!(file.warnings(), []);
    let snapshot = file.into_snapshot();
    assert_eq!(snapshot.hostname_count(), 7);
    assert_eq!(answer(&snapshot, "app.gslb.example.com", RecordType::A), "east 50%, west 50%");
    assert_eq!(answer(&snapshot, "shop.gslb.example.com", RecordType::A), "east 30%, west 70%");
    assert_eq!(answer(&snapshot, "db.gslb.example.com", RecordType::A), "west");
    assert_eq!(answer(&snapshot, "api.gslb.example.com", RecordType::A), "east");
    assert_eq!(answer(&snapshot, "x.apps.gslb.example.com", RecordType::A), "east 50%, west 50%");
    assert_eq!(answer(&snapshot, "nobody.gslb.example.com", RecordType::A), "NXDOMAIN");
}

#[test]
fn the_example_is_the_same_as_json() {
    let yaml = snapshot(EXAMPLE);
    let json = StateFile::write_json(&yaml);
    assert!(json.starts_with('{'));
    assert_eq!(snapshot(&json).digest(), yaml.digest());
}

#[test]
fn every_mistake_is_listed_with_its_line_its_path_and_what_would_be_right() {
    let text = "
zones:
  - name: gslb.example.com
    nameserver: [ns1.example.net]
clusters:
  - name: west
  - name: east
    state: dead
hostnames:
  - hostname: app.gslb.example.com
    ttl: 604801
    endpoints:
      - cluster: wset
        addresses: [10.0.0.256]
        weigth: 5
      - cluster: east
        weight: 4294967296
        ready: yes
  - hostname: app.gslb.example.com
    endpoints: {}
  - endpoints: []
";
    assert_eq!(
        problems(text),
        [
            "4:5: zones[0].nameserver: unknown key; did you mean \"nameservers\"?",
            "8:12: clusters[1].state: expected one of alive, stale, gone, found the text \"dead\"",
            "11:10: hostnames[0].ttl: 604801 is out of range: seconds from 0 to 604800",
            "13:18: hostnames[0].endpoints[0].cluster: no cluster \"wset\" in `clusters`; did you mean \"west\"?",
            "14:21: hostnames[0].endpoints[0].addresses[0]: \"10.0.0.256\" is no IPv4 or IPv6 address; each part of an \
         IPv4 address is 0 to 255",
            "15:9: hostnames[0].endpoints[0].weigth: unknown key; did you mean \"weight\"?",
            "17:17: hostnames[0].endpoints[1].weight: 4294967296 is out of range: a weight from 0 to 4294967295",
            "18:16: hostnames[0].endpoints[1].ready: expected true or false, found the text \"yes\"; write true",
            "19:15: hostnames[1].hostname: hostname app.gslb.example.com stands twice: also at 10:15",
            "20:16: hostnames[1].endpoints: expected a list of endpoints, found a map",
            "21:5: hostnames[2]: the key \"hostname\" is missing",
        ]
    );
}

#[test]
fn json_has_the_same_places_and_words() {
    let text = "{
  \"clusters\": [\"west\"],
  \"hostnames\": [
    {\"hostname\": \"app.example.com\", \"endpoints\": [
      {\"cluster\": \"wets\", \"addresses\": [\"10.0.0.256\"], \"weigth\": 5}
    ]},
    {\"hostname\": \"app.exämple.com\", \"ttl\": \"5s\"}
  ]
}";
    assert_eq!(
        problems(text),
        [
            "5:19: hostnames[0].endpoints[0].cluster: no cluster \"wets\" in `clusters`; did you mean \"west\"?",
            "5:41: hostnames[0].endpoints[0].addresses[0]: \"10.0.0.256\" is no IPv4 or IPv6 address; each part of an \
         IPv4 address is 0 to 255",
            "5:56: hostnames[0].endpoints[0].weigth: unknown key; did you mean \"weight\"?",
            "7:44: hostnames[1].ttl: expected a whole number (seconds), found the text \"5s\"; write 5, without quotes \
         or a unit",
        ]
    );
}

/// One wrong text and the only line that is said of it.
#[track_caller]
fn one_problem(text: &str) -> String {
    let mut problems = problems(text);
    assert_eq!(problems.len(), 1, "{problems:#?}");
    problems.remove(0)
}

#[test]
fn a_wildcard_without_quotes_is_told_from_an_alias() {
    let text = "hostnames:
  - hostname: *.gslb.example.com
    endpoints: [{cluster: west, addresses: [192.0.2.1], wieght: 1}]
  - hostname: *.apps.example.com
    endpoints: []
";
    assert_eq!(
        problems(text),
        [
            "2:15: a name that begins with '*' needs quotes in YAML, where it is an alias otherwise; write \
         \"*.gslb.example.com\"",
            "3:57: hostnames[0].endpoints[0].wieght: unknown key; did you mean \"weight\"?",
            "4:15: a name that begins with '*' needs quotes in YAML, where it is an alias otherwise; write \
         \"*.apps.example.com\"",
        ]
    );
    assert!(problems("zones: [*]")[0].contains("write \"*\""));
}

#[test]
fn an_address_that_ends_in_two_colons_without_quotes_is_told_from_a_map() {
    for addresses in ["[2001:db8::]", "\n      - 2001:db8::\n"] {
        let text =
            "hostnames: [{hostname: a.example, endpoints: [{cluster: west, addresses: [2001:db8::]}]}]";
        assert!(one_problem(text).ends_with(
            "hostnames[0].endpoints[0].addresses[0]: an address that ends in '::' needs quotes in YAML, where it is a \
             map otherwise; write \"2001:db8::\""
        ));
        let text = format!("hostnames:\n  - hostname: a.example\n    fallback: {addresses}");
        assert!(
            one_problem(&text)
                .ends_with("needs quotes in YAML, where it is a map otherwise; write \"2001:db8::\"")
        );
    }
}

#[test]
fn what_is_no_state_file_is_said_in_one_line() {
    for (text, said) in [
        ("", "the file is empty; a state file has `zones` and `hostnames`; `mci init` writes one"),
        ("# nothing\n", "the file is empty; a state file has `zones` and `hostnames`; `mci init` writes one"),
        ("\u{feff}", "the file is empty; a state file has `zones` and `hostnames`; `mci init` writes one"),
        ("- a", "1:1: expected a map with keys such as zones, clusters and hostnames, found a list"),
        (
            "hello",
            "1:1: expected a map with keys such as zones, clusters and hostnames, found the text \"hello\"",
        ),
        (
            "hostnames:\n\t- hostname: a.example",
            "2:2: the YAML cannot be read: tabs disallowed within this context (block indentation); indent with spaces",
        ),
        (
            "hostnames: []\n---\nhostnames: []",
            "3:1: a second YAML document begins here; put each document into a file of its own, and give all files",
        ),
        ("hostnames: {a: b}", "1:1: hostnames: expected a list of hostnames, found a map"),
        ("hostnames: 5", "1:1: hostnames: expected a list of hostnames, found the number 5"),
        (
            "hostnames: [a.example]",
            "1:13: hostnames[0]: expected a map with the keys hostname, endpoints, ttl, answerMode, whenAllDown, fallback, changed, found the text \"a.example\"",
        ),
        ("hostnames: []\nhostnames: []", "2:1: hostnames: the key stands here a second time"),
        ("version: 2", "1:10: version: 2 is out of range: the version of the format from 1 to 1"),
        (
            "version: \"1\"",
            "1:10: version: expected a whole number (the version of the format), found the text \"1\"; write 1, without quotes or a unit",
        ),
        (
            "{\"version\": 1,}",
            "1:15: the JSON cannot be read: trailing comma; a file that begins with '{' is read as JSON",
        ),
        ("{\"hostnames\": [\n\n{]}", "3:2: the JSON cannot be read: key must be a string"),
        (
            "zones: gslb.example.com",
            "1:8: zones: expected a list of zones, found the text \"gslb.example.com\"",
        ),
        ("hostname: []", "1:1: hostname: unknown key; did you mean \"hostnames\"?"),
        (
            "clusters: [West]",
            "1:12: clusters[0]: \"West\" is no cluster identifier: 1 to 63 lower-case letters, digits, '-' and '.', each part beginning and ending with a letter or digit; did you mean \"west\"?",
        ),
        ("clusters: [west, {name: west}]", "1:25: clusters[1]: cluster west is also at 1:12"),
        (
            "clusters: [1]",
            "1:12: clusters[0]: expected a map with the keys name, state, override, found the number 1",
        ),
        ("dnsServerName: 5", "1:16: dnsServerName: expected a name as text, found the number 5; quote it"),
        ("maxAddresses: 0", "1:15: maxAddresses: 0 is out of range: addresses in one answer from 1 to 2000"),
        (
            "outsideZones: notfound",
            "1:15: outsideZones: expected one of refused, nxdomain, notFound, found the text \"notfound\"; did you mean \"notFound\"?",
        ),
        (
            "defaults: []",
            "1:11: defaults: expected a map with the keys ttl, answerMode, whenAllDown, found a list",
        ),
        (
            "hostnames: [{hostname: a..example}]",
            "1:24: hostnames[0].hostname: \"a..example\" has an empty label: two dots in a row, or a dot at the beginning",
        ),
        (
            "hostnames: [{hostname: \"https://a.example/\"}]",
            "1:24: hostnames[0].hostname: ':' is not allowed in \"https://a.example/\": a label has letters, digits, '-' and '_'; write \"a.example\": the name alone",
        ),
    ] {
        let found = one_problem(text);
        // What the parsers say is theirs: where it stands is ours.
        assert_eq!(found, said, "{text:?}");
    }
}

#[test]
fn octets_that_are_no_text_are_refused() {
    let refused = |octets: &[u8]| lines(&StateFile::parse_all([("a.yaml", octets)]).unwrap_err());
    assert_eq!(
        refused(b"zones: []\n# caf\xe9\n"),
        ["a.yaml:2:6: the file is not UTF-8: octet 0xe9 stands where no character has it; save it as UTF-8"]
    );
    assert_eq!(refused(b"\xff\xfez\0"), ["a.yaml:1:1: the file is UTF-16, not UTF-8; save it as UTF-8"]);
}

#[test]
fn a_byte_order_mark_and_windows_line_ends_are_no_mistake() {
    let text = format!("\u{feff}{}", EXAMPLE.replace('\n', "\r\n"));
    assert_eq!(snapshot(&text).digest(), snapshot(EXAMPLE).digest());
}

#[test]
fn a_key_after_hostnames_is_read_too() {
    let text = "hostnames: [{hostname: a.example, endpoints: [{cluster: wets}]}]\nclusters: [west]\n";
    assert_eq!(
        one_problem(text),
        "1:57: hostnames[0].endpoints[0].cluster: no cluster \"wets\" in `clusters`; did you mean \"west\"?"
    );
    let text = r#"{"hostnames": [{"hostname": "a.example"}], "outsideZones": "nxdomain"}"#;
    assert_eq!(snapshot(text).settings().outside_zones, OutsideZones::Nxdomain);
}

#[test]
fn what_stands_in_two_files_is_refused_with_both_places() {
    let a = "zones: [{name: gslb.example, nameservers: [ns.example.net, ns2.example.net]}]
defaults: {ttl: 5}
clusters: [west]
hostnames:
  - hostname: app.gslb.example
";
    let b = r#"{"zones": ["gslb.example"], "defaults": {"ttl": 6}, "clusters": ["east", "west"],
 "hostnames": [{"hostname": "APP.gslb.example."}, {"hostname": "b.gslb.example", "endpoints": [{"cluster": "west"}]}]}"#;
    let read = StateFile::parse_all([("a.yaml", a.as_bytes()), ("b.json", b.as_bytes())]);
    assert_eq!(
        lines(&read.unwrap_err()),
        [
            "b.json:1:12: zones[0]: zone gslb.example is also at a.yaml:1:16",
            "b.json:1:49: defaults.ttl: 6 here, and 5 at a.yaml:2:17",
            "b.json:1:74: clusters[1]: cluster west is also at a.yaml:3:12",
            "b.json:2:29: hostnames[0].hostname: hostname app.gslb.example stands twice: also at a.yaml:5:15",
        ]
    );
}

#[test]
fn files_that_belong_together_are_merged() {
    let files = [
        ("zones.yaml", "zones: [gslb.example]\ndnsServerName: ns.example.net\n"),
        ("clusters.yaml", "clusters: [{name: west, state: stale}, east]\ndefaults: {ttl: 30}\n"),
        (
            "a.yaml",
            "hostnames: [{hostname: a.gslb.example, endpoints: [{cluster: west, addresses: [192.0.2.1]}]}]",
        ),
        (
            "b.json",
            r#"{"defaults": {"ttl": 30}, "hostnames": [{"hostname": "b.gslb.example", "endpoints": [{"cluster": "east", "addresses": ["192.0.2.2"]}]}]}"#,
        ),
    ];
    let snapshot =
        StateFile::parse_all(files.map(|(name, text)| (name, text.as_bytes()))).unwrap().into_snapshot();
    assert_eq!(answer(&snapshot, "a.gslb.example", RecordType::A), "west (stale)");
    assert_eq!(answer(&snapshot, "b.gslb.example", RecordType::A), "east");
    assert_eq!(snapshot.settings().ttl.seconds(), 30);
    assert_eq!(snapshot.cluster_status(&"west".parse().unwrap()).unwrap().state, ClusterState::Stale);
}

#[test]
fn r01_names_beyond_ascii_become_a_labels() {
    let snapshot = snapshot(
        "hostnames: [{hostname: \"*.Bücher.example\", endpoints: [{cluster: west, addresses: [lb.büro.example]}]}]",
    );
    let hostname = snapshot.hostnames().next().unwrap();
    assert_eq!(hostname.to_string(), "*.xn--bcher-kva.example");
    let possible = snapshot.possible(&Query::new(name("x.xn--bcher-kva.example"), RecordType::A));
    assert_eq!(possible.targets.into_iter().collect::<Vec<_>>(), [name("lb.xn--bro-hoa.example")]);
    assert!(
        one_problem("hostnames: [{hostname: \"xn--a\u{200d}.example\"}]")
            .contains("is no internationalised name")
    );
}

#[test]
fn r09_an_entry_of_addresses_that_looks_like_an_address_must_be_one() {
    for (address, hint) in [
        ("10.0.0.256", "each part of an IPv4 address is 0 to 255"),
        ("192.0.2.10:443", "write 192.0.2.10: the address alone"),
        ("192.0.2.0/24", "write 192.0.2.0: the address alone"),
        ("192.0.2.010", "write 192.0.2.10: zeros in front are read as octal by some programs"),
        ("[2001:db8::1]:443", "write 2001:db8::1: the address alone"),
        ("fe80::1%eth0", "write fe80::1: the address alone"),
        ("http://192.0.2.1", "write 192.0.2.1: the address alone"),
    ] {
        let text = format!(
            "hostnames: [{{hostname: a.example, endpoints: [{{cluster: west, addresses: [\"{address}\"]}}]}}]"
        );
        let expected = format!("{address:?} is no IPv4 or IPv6 address; {hint}");
        assert!(one_problem(&text).ends_with(&expected), "{}", one_problem(&text));
    }
    for address in ["1.2.3", "2001:db8:::1", "123"] {
        let text = format!(
            "hostnames: [{{hostname: a.example, endpoints: [{{cluster: west, addresses: [\"{address}\"]}}]}}]"
        );
        assert!(one_problem(&text).ends_with("is no IPv4 or IPv6 address"), "{}", one_problem(&text));
    }
    let text = "hostnames: [{hostname: a.example, endpoints: [{cluster: west, addresses: [localhost]}]}]";
    assert!(one_problem(text).contains("neither an address nor a fully qualified name"));
}

#[test]
fn r24_overrides_are_words_or_have_a_reason_and_an_end() {
    let snapshot = snapshot("
clusters:
  - {name: west, override: {state: down, reason: 'cable cut: see #5', by: kim, until: 2030-01-31T13:00:00+01:00}}
  - {name: east, override: drained}
hostnames:
  - hostname: a.example
    endpoints: [{cluster: west, addresses: [192.0.2.1], override: {state: drained, until: 99}}]
overrides: [{hostname: gone.example, cluster: east, state: down}]
");
    let west = snapshot.cluster_status(&"west".parse().unwrap()).unwrap().held_back.clone().unwrap();
    assert_eq!(west.until, Some(1_896_091_200));
    assert_eq!(west.reason.as_deref(), Some("cable cut: see #5"));
    let of_hostname = |hostname, cluster: &str| {
        snapshot.hostname_override(&name(hostname), &cluster.parse().unwrap()).cloned().unwrap()
    };
    assert_eq!(of_hostname("a.example", "west").until, Some(99));
    assert_eq!(of_hostname("gone.example", "east").state.to_string(), "down");
    assert_eq!(
        one_problem("clusters: [{name: west, override: {state: down, until: tomorrow}}]"),
        "1:56: clusters[0].override.until: expected a time since 1970 as RFC 3339 has it (2030-01-31T12:00:00Z, 2030-01-31T13:00:00+01:00) or in Unix seconds, found the text \"tomorrow\""
    );
    assert_eq!(
        one_problem("clusters: [{name: west, override: draind}]"),
        "1:35: clusters[0].override: expected one of drained, down, found the text \"draind\"; did you mean \"drained\"?"
    );
}

#[test]
fn d34_static_records_are_read_relative_to_their_zone() {
    let snapshot = snapshot(
        "
zones:
  - name: gslb.example
    nameservers: [{name: ns1.gslb.example, addresses: [192.0.2.53]}, ns2.example.net]
    acmeDelegation: acme.example.net
    records:
      - {name: '@', type: MX, value: 10 mail.example.net}
      - {name: nomail, type: MX, value: 0 ., ttl: 60}
      - {name: '@', type: CAA, value: 0 issue \"ca.example.net; account=1\"}
      - {name: www, type: A, value: 192.0.2.80}
      - {name: www.gslb.example., type: AAAA, value: '2001:db8::'}
      - {name: t, type: TXT, value: [a, b]}
      - {name: sub, type: NS, value: ns.sub.example.net}
",
    );
    let zone = snapshot.zones().get(&name("gslb.example")).unwrap();
    assert_eq!(zone.acme_delegation, Some(name("acme.example.net")));
    let records: Vec<String> =
        zone.records.iter().map(|record| format!("{} {}", record.name, record.data)).collect();
    assert_eq!(
        records,
        [
            "gslb.example MX 10 mail.example.net",
            "nomail.gslb.example MX 0 .",
            "gslb.example CAA 0 issue \"ca.example.net; account=1\"",
            "www.gslb.example A 192.0.2.80",
            "www.gslb.example AAAA 2001:db8::",
            "t.gslb.example TXT \"a\" \"b\"",
            "sub.gslb.example NS ns.sub.example.net",
        ]
    );
    assert_eq!(zone.records[1].ttl.unwrap().seconds(), 60);
}

#[test]
fn d34_wrong_records_are_named_with_their_places() {
    let text = "
zones:
  - name: gslb.example
    nameservers: [ns1.gslb.example]
    records:
      - {name: www.gslb.example, type: A, value: 192.0.2.80}
      - {name: www, type: A, value: '2001:db8::1'}
      - {name: www, type: SRV, value: x}
      - {name: www, type: MX, value: mail.example.net}
      - {name: c, type: CNAME, value: a.example.net}
      - {name: c, type: TXT, value: x}
      - {type: TXT}
hostnames:
  - hostname: c.gslb.example
";
    let problems = problems(text);
    let expected = [
        "4:19: zones[0].nameservers[0]:",
        "6:16: zones[0].records[0].name: names are relative to the zone: this one would be www.gslb.example.gslb.example; write \"www\", or the whole name with a final dot",
        "7:37: zones[0].records[1].value: 2001:db8::1 is IPv6: type AAAA, not A",
        "8:27: zones[0].records[2].type: expected one of A, AAAA, CNAME, TXT, MX, CAA, NS, found the text \"SRV\"",
        "9:38: zones[0].records[3].value: \"mail.example.net\" is no MX record: write \"10 mail.example.com\"",
        "11:9: zones[0].records[5]:",
        "12:9: zones[0].records[6]: the key \"name\" is missing",
        "12:9: zones[0].records[6]: the key \"value\" is missing",
    ];
    for (found, expected) in problems.iter().zip(expected) {
        assert!(found.starts_with(expected), "{found}\n{expected}\n{problems:#?}");
    }
}

#[test]
fn what_is_allowed_and_unwise_is_a_warning() {
    let file = StateFile::parse(
        "
zones: [{name: gslb.example, nameservers: [ns.example.net]}]
hostnames:
  - {hostname: a.gslb.exmaple, endpoints: [{cluster: west}]}
  - {hostname: b.gslb.example, whenAllDown: static}
",
    )
    .unwrap();
    let warnings: Vec<String> = file.warnings().iter().map(ToString::to_string).collect();
    assert_eq!(warnings.len(), 4, "{warnings:#?}");
    assert!(warnings[0].starts_with("2:16: zones[0]"), "{}", warnings[0]);
    assert_eq!(
        warnings[1..],
        [
            "4:16: hostnames[0].endpoints[0]: no address: it is never answered (R14)",
            "4:16: hostnames[0].hostname: a.gslb.exmaple lies in none of the zones: it is answered, and nothing around it is (D12)",
            "5:16: hostnames[1]: `whenAllDown: static` without `fallback` answers NODATA (R11)",
        ]
    );
}

#[test]
fn problems_are_data() {
    let problems = StateFile::parse_all([("a.yaml", b"hostnmaes: []".as_slice())]).unwrap_err();
    assert_eq!(
        serde_json::to_value(&problems).unwrap(),
        serde_json::json!({"count": 1, "problems": [{
            "file": "a.yaml", "line": 1, "column": 1, "path": "hostnmaes", "message": "unknown key",
            "hint": "did you mean \"hostnames\"?",
        }]})
    );
}

#[test]
fn a_snapshot_file_is_read_by_older_and_newer_servers() {
    let before = snapshot(EXAMPLE);
    let octets = SnapshotFile::write(&before);
    assert_eq!(SnapshotFile::read(&octets).unwrap().digest(), before.digest());
    // It is a state file too.
    assert_eq!(snapshot(std::str::from_utf8(&octets).unwrap()).digest(), before.digest());

    let mut damaged = octets.clone();
    *damaged.last_mut().unwrap() = b' ';
    assert_eq!(SnapshotFile::read(&damaged).unwrap_err(), SnapshotFileError::Damaged);
    assert_eq!(SnapshotFile::read(&octets[..octets.len() / 2]).unwrap_err(), SnapshotFileError::Damaged);
    assert_eq!(SnapshotFile::read(b"").unwrap_err(), SnapshotFileError::NoChecksum);
    assert_eq!(SnapshotFile::read(b"{\"checksum\":\"").unwrap_err(), SnapshotFileError::Damaged);
}

#[test]
fn a_snapshot_is_written_as_people_write_it() {
    let written = StateFile::write_yaml(&snapshot(EXAMPLE));
    let lines: Vec<&str> = written.lines().collect();
    assert!(lines.contains(&"  - hostname: \"*.apps.gslb.example.com\""), "{written}");
    assert!(lines.contains(&"        addresses: [192.0.2.10, 2001:db8::10]"), "{written}");
    assert_eq!(snapshot(&written).digest(), snapshot(EXAMPLE).digest());
}
