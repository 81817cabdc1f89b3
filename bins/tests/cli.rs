//! The command line, as people and scripts see it.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod common;

use std::fs;
use std::path::Path;

use common::{Ran, mci, mci_in, program, ran};

/// A folder with what `mci init` writes.
fn initialised() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    let ran = mci_in(folder.path(), &["init"]);
    assert_eq!(ran.code, Some(0), "{ran}");
    folder
}

/// Runs `mci` where `mci init` has written its files.
fn with_init(arguments: &[&str]) -> Ran {
    mci_in(initialised().path(), arguments)
}

fn json(ran: &Ran) -> serde_json::Value {
    serde_json::from_str(&ran.stdout).unwrap_or_else(|error| panic!("{error}: {ran}"))
}

#[test]
fn every_command_has_help_with_examples() {
    insta::assert_snapshot!("help", mci(&["--help"]));
    let commands = [
        "standalone",
        "init",
        "resolve",
        "explain",
        "simulate",
        "test",
        "validate",
        "state",
        "status",
        "drain",
        "undrain",
        "withdraw",
        "cluster",
        "doctor",
        "crds",
        "completions",
        "dns-server",
        "operator",
        "orchestrator",
    ];
    for command in commands {
        let ran = mci(&[command, "--help"]);
        assert!(ran.stdout.contains("\nExamples:\n"), "{command}: {ran}");
        insta::assert_snapshot!(format!("help_{command}"), ran);
    }
    insta::assert_snapshot!("help_of_the_dns_server", ran(program("mci-dns-server").arg("--help")));
}

#[test]
fn what_is_misspelt_gets_the_nearest_name() {
    insta::assert_snapshot!(mci(&["standalon", "x.yaml"]), @"
    --- stderr
    error: unrecognized subcommand 'standalon'

      tip: a similar subcommand exists: 'standalone'

    Usage: mci <COMMAND>

    For more information, try '--help'.
    --- exit code 2
    ");
    insta::assert_snapshot!(mci(&["standalone", "x.yaml", "--gprc", "off"]).stderr.lines().nth(2).unwrap(), @"  tip: a similar argument exists: '--grpc'");
    insta::assert_snapshot!(with_init(&["simulate", "--file", "gslb.yaml", "--down", "wets", "--unready", "ap.gslb.example.com@west"]), @r#"
    --- stderr
    error: no cluster "wets"; did you mean "west"?
    no hostname "ap.gslb.example.com"; did you mean "app.gslb.example.com"?
    --- exit code 2
    "#);
    let near = with_init(&["resolve", "ap.gslb.example.com", "--file", "gslb.yaml", "--short"]);
    assert_eq!(near.stderr, "There is no ap.gslb.example.com; did you mean app.gslb.example.com?\n");
}

#[test]
fn resolve_answers_in_digs_form() {
    insta::assert_snapshot!(with_init(&["resolve", "APP.gslb.example.com", "--file", "gslb.yaml"]), @"
    ;; Facts from gslb.yaml
    ;; ->>HEADER<<- opcode: QUERY, status: NOERROR, id: 0
    ;; flags: qr aa; QUERY: 1, ANSWER: 1, AUTHORITY: 0, ADDITIONAL: 1

    ;; OPT PSEUDOSECTION:
    ; EDNS: version: 0, flags:; udp: 1232
    ;; QUESTION SECTION:
    ;APP.gslb.example.com.		IN	A

    ;; ANSWER SECTION:
    APP.gslb.example.com.	5	IN	A	192.0.2.10

    ;; MSG SIZE  rcvd: 65
    --- exit code 0
    ");
    let short = with_init(&["resolve", "cdn.gslb.example.com", "--file", "gslb.yaml", "--short"]);
    assert_eq!(short.stdout, "lb-1234.elb.example.net.\n");
    let none = json(&with_init(&[
        "resolve",
        "nothing.gslb.example.com",
        "TXT",
        "--file",
        "gslb.yaml",
        "-o",
        "json",
    ]));
    assert_eq!((&none["status"], &none["authority"][0]["type"]), (&"NXDOMAIN".into(), &"SOA".into()));
}

#[test]
fn the_source_is_on_stderr_beside_data_for_programs() {
    let ran = with_init(&["resolve", "app.gslb.example.com", "--file", "gslb.yaml", "-o", "json"]);
    assert_eq!(ran.stderr, "Facts from gslb.yaml\n");
    assert_eq!(json(&ran)["answer"][0]["data"], "192.0.2.10");
    let ran = with_init(&["state", "--file", "gslb.yaml", "-o", "json"]);
    assert_eq!(ran.stderr, "Facts from gslb.yaml\n");
    assert_eq!(json(&ran)["clusters"].as_array().unwrap().len(), 2);
}

#[test]
fn counting_shows_observed_and_exact_shares() {
    let ran = json(&with_init(&[
        "resolve",
        "shop.gslb.example.com",
        "--file",
        "gslb.yaml",
        "--count",
        "10000",
        "-o",
        "json",
    ]));
    let shares = ran["shares"].as_array().unwrap();
    let exact: Vec<_> =
        shares.iter().map(|row| (row["cluster"].as_str().unwrap(), row["exact"].as_str().unwrap())).collect();
    assert_eq!(exact, [("west", "70%"), ("east", "30%")]);
    // Six standard deviations.
    let observed = shares[0]["observed"].as_f64().unwrap();
    assert!((observed - 0.7).abs() < 0.028, "{observed}");
    let text = with_init(&["resolve", "app.gslb.example.com", "--file", "gslb.yaml", "--count", "7"]);
    insta::assert_snapshot!(text, @"
    ;; Facts from gslb.yaml
    ;; 7 answers to app.gslb.example.com A
    ;; cluster  answers  observed  exact   for example
    west              7    100.0%  100%    192.0.2.10
    --- exit code 0
    ");
    let nothing = with_init(&["resolve", "nothing.gslb.example.com", "--file", "gslb.yaml", "--count", "3"]);
    insta::assert_snapshot!(nothing, @"
    ;; Facts from gslb.yaml
    ;; 3 answers to nothing.gslb.example.com A
    ;; answers  observed  answer
             3    100.0%  NXDOMAIN
    --- exit code 0
    ");
}

#[test]
fn explain_names_the_rule_for_every_endpoint() {
    insta::assert_snapshot!(with_init(&["explain", "app.gslb.example.com", "A", "--file", "gslb.yaml"]));
    let data = json(&with_init(&["explain", "app.gslb.example.com", "--file", "gslb.yaml", "-o", "json"]));
    let rules: Vec<_> = data["explanations"][1]["endpoints"]
        .as_array()
        .unwrap()
        .iter()
        .map(|e| e["rule"].as_str().unwrap())
        .collect();
    assert_eq!(rules, ["R4", "R5"]);
}

#[test]
fn simulate_lists_what_changes_and_exits_with_1() {
    insta::assert_snapshot!(with_init(&["simulate", "--file", "gslb.yaml", "--gone", "west"]), @"
    Facts from gslb.yaml; if gone: west

    *.apps.gslb.example.com: west -> NXDOMAIN   NO ANSWER LEFT
    app.gslb.example.com: west -> east
    shop.gslb.example.com: east 30%, west 70% -> east
    Hostnames answered differently: 3; with no answer left: 1.
    --- exit code 1
    ");
    let same = with_init(&["simulate", "--file", "gslb.yaml", "--ready", "app.gslb.example.com@*"]);
    assert_eq!(
        (same.stdout.lines().last(), same.code),
        (Some("Every hostname is answered as before."), Some(0))
    );
    let one = with_init(&["simulate", "app.gslb.example.com", "A", "--file", "gslb.yaml", "--down", "west"]);
    assert!(one.stdout.contains("\n  now:  west\n  then: east\n"), "{one}");
    assert_eq!(one.code, Some(0), "{one}");
}

#[test]
fn simulate_compares_two_files() {
    let folder = initialised();
    let text = fs::read_to_string(folder.path().join("gslb.yaml")).unwrap();
    fs::write(folder.path().join("new.yaml"), text.replace("weight: 70", "weight: 60")).unwrap();
    let ran = mci_in(folder.path(), &["simulate", "--file", "gslb.yaml", "--to", "new.yaml", "-o", "json"]);
    assert_eq!(ran.code, Some(1), "{ran}");
    assert_eq!(ran.stderr, "Facts from gslb.yaml; if the state were new.yaml\n");
    let changes = json(&ran);
    assert_eq!(changes["changes"][0]["hostname"], "shop.gslb.example.com");
    assert_eq!(changes["changes"].as_array().unwrap().len(), 1);
}

#[test]
fn state_prints_a_file_that_is_the_same_state() {
    let folder = initialised();
    let printed = mci_in(folder.path(), &["state", "--file", "gslb.yaml"]);
    assert!(printed.stdout.starts_with("# Facts from gslb.yaml\n"), "{printed}");
    fs::write(folder.path().join("printed.yaml"), &printed.stdout).unwrap();
    let compared = mci_in(folder.path(), &["simulate", "--file", "gslb.yaml", "--to", "printed.yaml"]);
    assert_eq!(compared.code, Some(0), "{compared}");
}

#[test]
fn status_of_files_says_which_hostnames_want_a_look() {
    insta::assert_snapshot!(with_init(&["status", "--file", "gslb.yaml"]));
    let data = with_init(&["status", "--file", "gslb.yaml", "-o", "yaml"]);
    assert!(
        data.stdout.starts_with("clusters:\n- name: west\n") || data.stdout.contains("name: west"),
        "{data}"
    );
    assert_eq!(data.stderr, "Facts from gslb.yaml\n");
}

#[test]
fn withdrawals_and_drains_say_what_is_missing() {
    let unconfirmed = mci(&["withdraw"]);
    assert_eq!(unconfirmed.code, Some(2), "{unconfirmed}");
    assert!(unconfirmed.stderr.contains("nothing is withdrawn without --confirm"), "{unconfirmed}");
    let endless = mci(&["drain", "west", "--reason", "x", "--for", "0"]);
    assert!(endless.stderr.contains("expected a duration such as 90s, 5m, 2h or 1d"), "{endless}");
    let unreasoned = mci(&["drain", "west"]);
    assert!(unreasoned.stderr.contains("--reason <TEXT>"), "{unreasoned}");
}

#[test]
fn a_doctor_with_nothing_to_examine_says_what_could_be() {
    let ran = mci(&["doctor"]);
    assert_eq!(ran.code, Some(1), "{ran}");
    assert!(ran.stdout.contains("FAIL  no cluster is asked: no cluster to talk to"), "{ran}");
    let gone = mci(&["doctor", "--no-cluster", "--server", "http://127.0.0.1:1"]);
    assert_eq!(gone.code, Some(1), "{gone}");
    assert!(gone.stdout.contains("FAIL  http://127.0.0.1:1 gave no answer"), "{gone}");
}

#[test]
fn init_does_not_overwrite() {
    let again = mci_in(initialised().path(), &["init"]);
    assert_eq!(again.code, Some(2), "{again}");
    assert!(again.stderr.contains("gslb.yaml is there already and is not overwritten"), "{again}");
}

#[test]
fn exactly_one_source_is_needed() {
    for (arguments, expected) in [
        (
            vec!["resolve", "a.b"],
            "it is not said where the facts come from: --file FILE…, --server dns://, grpc:// or http://HOST:PORT, \
             --context NAME or --kubeconfig FILE",
        ),
        (vec!["simulate", "--down", "west", "--file", "x.yaml", "--context", "west"], "cannot be used with"),
        (
            vec!["drain", "west", "--reason", "x", "--kubeconfig", "/no/such/config"],
            "give --kubeconfig a file that can be read",
        ),
        (
            vec!["status", "--server", "grpc://127.0.0.1"],
            "status needs the whole state, and grpc://127.0.0.1:1153",
        ),
        (vec!["status", "--compare", "--server", "http://127.0.0.1:1"], "it needs a kube context"),
        (
            vec!["resolve", "a.b", "--file", "x.yaml", "--server", "dns://127.0.0.1"],
            "cannot be used with '--server <URL>'",
        ),
        (
            vec!["explain", "a.b", "--server", "dns://127.0.0.1"],
            "explain needs the whole state, and dns://127.0.0.1:53",
        ),
        (vec!["resolve", "a.b", "--server", "http://127.0.0.1:1"], "http://127.0.0.1:1 gave no answer"),
        (vec!["resolve", "a.b", "--server", "127.0.0.1"], "no scheme in front of it: write dns://HOST:PORT"),
    ] {
        let ran = mci(&arguments);
        assert_eq!((ran.code, ran.stdout.as_str()), (Some(2), ""), "{ran}");
        assert!(ran.stderr.contains(expected), "{expected}: {ran}");
    }
}

#[test]
fn names_and_types_that_are_none_say_so() {
    for (arguments, expected) in [
        (vec!["resolve", "a..b"], "\"a..b\" is no DNS name"),
        (vec!["resolve", "a.b", "QUUX"], "is no record type"),
        (vec!["explain", "a b"], "can be no hostname"),
        (vec!["explain"], "NAME is missing"),
    ] {
        let ran = with_init(&[arguments.as_slice(), &["--file", "gslb.yaml"]].concat());
        assert_eq!(ran.code, Some(2), "{ran}");
        assert!(ran.stderr.contains(expected), "{expected}: {ran}");
    }
}

#[test]
fn the_name_may_follow_the_files() {
    let ran = with_init(&["resolve", "--short", "--file", "gslb.yaml", "app.gslb.example.com", "AAAA"]);
    assert_eq!(ran.stdout, "2001:db8::10\n", "{ran}");
}

#[test]
fn completions_are_printed_for_every_shell() {
    for shell in ["bash", "zsh", "fish", "elvish", "powershell"] {
        let ran = mci(&["completions", shell]);
        assert!(ran.code == Some(0) && ran.stdout.contains("standalone"), "{shell}: {ran}");
    }
}

#[test]
fn who_stops_reading_ends_it_quietly() {
    let folder = initialised();
    let mut command = program("mci");
    command.current_dir(folder.path()).args(["completions", "bash"]);
    let (reader, writer) = std::io::pipe().unwrap();
    drop(reader);
    let mut child = command.stdout(writer).stderr(std::process::Stdio::piped()).spawn().unwrap();
    let mut errors = String::new();
    std::io::Read::read_to_string(&mut child.stderr.take().unwrap(), &mut errors).unwrap();
    assert_eq!((child.wait().unwrap().code(), errors.as_str()), (Some(0), ""));
}

/// Every wrong state file: exit code 2, nothing on stdout, each expected text in the message, no panic.
#[test]
fn a_wrong_state_file_says_where_and_what_would_be_right() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("state.yaml");
    let wrong: &[(&[u8], &[&str])] = &[
        (b"", &["state.yaml"]),
        (b"hostnames: [{hostnam: a.b}]", &["state.yaml:1:", "did you mean \"hostname\"?"]),
        (b"hostnames: {}", &["state.yaml:1:"]),
        (b"hostnames:\n  - hostname: *.a.b\n", &["state.yaml:2:", "quote"]),
        (b"hostnames: [{hostname: a.b, endpoints: [{cluster: w, addresses: [192.0.2.256]}]}]", &["192.0.2.256"]),
        (b"hostnames: [{hostname: a.b, endpoints: [{cluster: w, addresses: [192.0.2.1], weight: 4294967296}]}]", &["weight", "4294967295"]),
        (b"clusters: [{name: west}]\nhostnames: [{hostname: a.b, endpoints: [{cluster: wets, addresses: [192.0.2.1]}]}]", &["state.yaml:2:", "did you mean \"west\"?"]),
        (b"hostnames: [{hostname: a.b}, {hostname: a.b}]", &["a.b"]),
        (b"\xff\xfe\x00", &["UTF-8"]),
        (b"a: &a [x,x,x,x,x,x,x,x,x]\nb: &b [*a,*a,*a,*a,*a,*a,*a,*a,*a]\nc: &c [*b,*b,*b,*b,*b,*b,*b,*b,*b]\nhostnames: [*c]", &["state.yaml"]),
        (b"{\"hostnames\": [", &["state.yaml:1:"]),
    ];
    for (content, expected) in wrong {
        fs::write(&file, content).unwrap();
        let ran = mci_in(folder.path(), &["state", "--file", "state.yaml"]);
        let shown = String::from_utf8_lossy(content);
        assert_eq!((ran.code, ran.stdout.as_str()), (Some(2), ""), "{shown}: {ran}");
        assert!(ran.stderr.starts_with("error: "), "{shown}: {ran}");
        for text in *expected {
            assert!(ran.stderr.contains(text), "{shown}: {text}: {ran}");
        }
    }
}

#[test]
fn all_mistakes_are_told_at_once_and_duplicates_name_both_places() {
    let folder = tempfile::tempdir().unwrap();
    let write = |name: &str, content: &str| fs::write(folder.path().join(name), content).unwrap();
    write("a.yaml", "hostnames: [{hostname: a.b, endpoints: [{cluster: w, addresses: [192.0.2.1]}]}]\n");
    write(
        "b.yaml",
        "hostnames:\n  - {hostname: a.b, endpoints: [{cluster: w, addresses: [192.0.2.1]}]}\n  - {hostname: c.d, ttl: -1}\n  - {hostname: e..f}\n",
    );
    let ran = mci_in(folder.path(), &["state", "--file", "a.yaml", "b.yaml"]);
    assert_eq!(ran.code, Some(2), "{ran}");
    for place in ["b.yaml:2:", "a.yaml:1", "b.yaml:3:", "b.yaml:4:"] {
        assert!(ran.stderr.contains(place), "{place}: {ran}");
    }
    assert!(ran.stderr.starts_with("error: 3 mistakes in a.yaml, b.yaml\n"), "{ran}");
}

#[test]
fn files_that_cannot_be_read_say_why() {
    let ran = mci(&["state", "--file", "/no/such/file.yaml", "/dev/zero"]);
    assert_eq!(
        ran.stderr,
        "error: /no/such/file.yaml: no such file or directory\n/dev/zero: it is a device or a socket, not a file\n"
    );
    assert!(Path::new("/dev/zero").exists());
}

#[test]
fn policy_tests_pass_with_0_fail_with_1_and_are_wrong_with_2() {
    let folder = initialised();
    let text = fs::read_to_string(folder.path().join("gslb.test.yaml")).unwrap();
    let failing = text.replace(
        "expect: {clusters: [east]}\n\n  - name: names",
        "expect: {clusters: [west]}\n\n  - name: names",
    );
    fs::write(folder.path().join("failing.test.yaml"), failing).unwrap();
    fs::write(folder.path().join("wrong.test.yaml"), text.replace("shares:", "shraes:")).unwrap();

    insta::assert_snapshot!("test_passes", mci_in(folder.path(), &["test", "gslb.test.yaml"]));
    let failed = mci_in(
        folder.path(),
        &["test", "gslb.test.yaml", "failing.test.yaml", "--output", "junit", "report.xml"],
    );
    insta::assert_snapshot!("test_fails", failed);
    let report = fs::read_to_string(folder.path().join("report.xml")).unwrap();
    assert!(report.contains(r#"tests="12" failures="1""#), "{report}");
    let data = mci_in(folder.path(), &["test", "failing.test.yaml", "-o", "json"]);
    assert_eq!((json(&data)["passed"].as_bool(), data.code), (Some(false), Some(1)));

    let wrong = mci_in(folder.path(), &["test", "."]);
    assert_eq!((wrong.code, wrong.stdout.as_str()), (Some(2), ""), "{wrong}");
    assert!(
        wrong.stderr.contains("wrong.test.yaml:18:") && wrong.stderr.contains("did you mean \"shares\"?"),
        "{wrong}"
    );
    let missing = mci_in(folder.path(), &["test", "missing.test.yaml"]);
    assert_eq!(
        missing.stderr,
        "error: no test was run: a file is wrong\nmissing.test.yaml: no such file or directory\n"
    );
    let format = mci_in(folder.path(), &["test", "gslb.test.yaml", "--output", "junti", "x.xml"]);
    assert!(format.code == Some(2) && format.stderr.contains("--output junit FILE"), "{format}");
}

#[test]
fn validate_checks_state_files_and_policy_tests() {
    let folder = initialised();
    insta::assert_snapshot!(mci_in(folder.path(), &["validate", "."]), @"
    ./gslb.yaml: ok: 4 hostnames, 1 zone, 2 clusters
    ./gslb.test.yaml: ok: a policy test
    --- exit code 0
    ");
    fs::write(
        folder.path().join("more.yaml"),
        "hostnames:\n  - {hostname: app.gslb.example.com, weigth: 1}\n",
    )
    .unwrap();
    insta::assert_snapshot!(
        "validate_tells_all_mistakes",
        mci_in(folder.path(), &["validate", "gslb.yaml", "more.yaml", "missing.yaml"])
    );
    let data = mci_in(folder.path(), &["validate", "gslb.yaml", "more.yaml", "-o", "json"]);
    assert_eq!((json(&data)["valid"].as_bool(), data.code), (Some(false), Some(2)));
    assert_eq!(json(&data)["problems"][0]["file"], "more.yaml");
}

#[test]
fn validate_judges_manifests_as_the_api_server_does() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(
        folder.path().join("app.yaml"),
        "\
apiVersion: multicluster.veccsolutions.io/v1alpha
kind: GSLB
metadata: {name: app, namespace: shop}
objectReference: {kind: Service, name: app}
hostnames: [app.example.com, app..example.com]
weight: -1
",
    )
    .unwrap();
    insta::assert_snapshot!(mci_in(folder.path(), &["validate", "app.yaml"]));
    fs::write(folder.path().join("app.yaml"), mci(&["crds"]).stdout).unwrap();
    insta::assert_snapshot!(mci_in(folder.path(), &["validate", "app.yaml"]), @"
    app.yaml: ok: a manifest with 0 objects of MCI, 7 others
    --- exit code 0
    ");
}

#[test]
fn crds_prints_those_of_the_chart() {
    let chart = Path::new(env!("CARGO_MANIFEST_DIR")).join("../charts/multicluster-ingress/crds");
    let printed = mci(&["crds"]).stdout;
    for entry in fs::read_dir(chart).unwrap() {
        let file = fs::read_to_string(entry.unwrap().path()).unwrap();
        assert!(printed.contains(&file), "{file}");
    }
}

#[test]
fn a_wrong_value_in_the_environment_names_its_variable() {
    let mut command = program("mci");
    command.args(["standalone", "x.yaml"]).env("MCI_RATE_LIMIT", "many");
    let wrong = ran(&mut command);
    assert_eq!(wrong.code, Some(2), "{wrong}");
    assert!(wrong.stderr.contains("invalid value 'many' for '--rate-limit <N>'"), "{wrong}");
    assert!(
        wrong.stderr.ends_with("The value comes from the environment variable MCI_RATE_LIMIT.\n"),
        "{wrong}"
    );
    let flag = ran(command.args(["--rate-limit", "few"]));
    assert!(flag.stderr.contains("'few'") && !flag.stderr.contains("environment"), "{flag}");
    let secret = ran(program("mci").args(["standalone", "x.yaml"]).env("MCI_COOKIE_SECRET", "00112233"));
    assert!(!secret.stderr.contains("00112233"), "{secret}");
}
