//! Policy tests: each form of expectation met and not met, each assumption, and every mistake in a file.
#![cfg(feature = "policy")]
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "what a helper of a test does not expect is a failed test"
)]

use std::io;

use mci_core::policy::{Report, Suite};

const EXAMPLE: &str = include_str!("../../examples/policies/standalone.test.yaml");
const STATE: &str = include_str!("../../examples/standalone.yaml");

/// The example's state, whatever its name.
#[expect(clippy::unnecessary_wraps, reason = "the signature that a suite asks for")]
fn load(_name: &str) -> io::Result<String> {
    Ok(STATE.to_owned())
}

#[track_caller]
fn suite(text: &str) -> Suite {
    match Suite::parse_named("a.test.yaml", text, load) {
        Ok(suite) => suite,
        Err(problems) => panic!("{problems}"),
    }
}

/// A report of tests on the example's state.
#[track_caller]
fn run(tests: &str) -> Report {
    suite(&format!("state: standalone.yaml\n{tests}")).run()
}

/// What the one test, which is to fail, says that it differs in.
#[track_caller]
fn differences(test: &str) -> Vec<String> {
    let report = run(&format!("tests: [{test}]"));
    assert!(!report.passed(), "{report}");
    report.cases[0].failures[0].differences.clone()
}

#[track_caller]
fn passes(test: &str) {
    run(&format!("tests: [{test}]")).assert_passed();
}

#[track_caller]
fn problems(text: &str) -> Vec<String> {
    let problems = Suite::parse_named("a.test.yaml", text, load).expect_err("there are mistakes");
    problems.iter().map(ToString::to_string).collect()
}

/// What is wrong with one test on the example's state.
#[track_caller]
fn problem(test: &str) -> String {
    let mut problems = problems(&format!("state: standalone.yaml\ntests: [{test}]"));
    assert_eq!(problems.len(), 1, "{problems:#?}");
    problems.remove(0)
}

#[test]
fn the_example_passes() {
    let suite = Suite::parse(EXAMPLE, |path| {
        assert_eq!(path, "../standalone.yaml");
        load(path)
    });
    suite.unwrap().run().assert_passed();
}

#[test]
fn clusters_are_exactly_those_with_a_share() {
    passes("{query: app.gslb.example.com, expect: {clusters: [east, west]}}");
    assert_eq!(
        differences("{query: app.gslb.example.com, expect: {clusters: [west]}}"),
        ["clusters: expected west, found east, west  (+east)"]
    );
    assert_eq!(
        differences("{query: app.gslb.example.com, expect: {clusters: [north, west]}}"),
        ["clusters: expected north, west, found east, west  (-north +east)"]
    );
}

#[test]
fn addresses_are_exactly_their_union() {
    passes("{query: shop.gslb.example.com, expect: {addresses: [198.51.100.21, 192.0.2.11]}}");
    assert_eq!(
        differences("{query: shop.gslb.example.com, expect: {addresses: [192.0.2.11]}}"),
        ["addresses: expected 192.0.2.11, found 192.0.2.11, 198.51.100.21  (+198.51.100.21)"]
    );
    passes("{query: cdn.gslb.example.com, expect: {addresses: [lb-1234.cloud.example.net]}}");
    assert_eq!(
        differences("{query: cdn.gslb.example.com, expect: {addresses: [lb.cloud.example.net]}}"),
        ["targets: expected lb.cloud.example.net, found lb-1234.cloud.example.net  (-lb.cloud.example.net \
         +lb-1234.cloud.example.net)"]
    );
}

#[test]
fn includes_and_excludes_speak_of_a_part() {
    passes("{query: app.gslb.example.com, expect: {includes: [west, 198.51.100.20], excludes: [north]}}");
    passes("{query: app.gslb.example.com, expect: {includes: {clusters: [west], addresses: [192.0.2.10]}}}");
    assert_eq!(
        differences(
            "{query: app.gslb.example.com, expect: {includes: [north, 192.0.2.99], excludes: [east]}}"
        ),
        [
            "includes: north is not answered",
            "includes: 192.0.2.99 is not answered",
            "excludes: east is answered"
        ]
    );
}

#[test]
fn shares_are_percentages_fractions_or_ratios() {
    for shares in [
        "{west: 70%, east: 30%}",
        "{west: 7/10, east: 3/10}",
        "{west: 7, east: 3}",
        "{west: 70.0%, east: 3/10}",
        "{west: 70%, east: 30%, north: 0%}",
    ] {
        passes(&format!("{{query: shop.gslb.example.com, expect: {{shares: {shares}}}}}"));
    }
    assert_eq!(
        differences("{query: shop.gslb.example.com, expect: {shares: {west: 71%}}}"),
        ["shares: expected west 71%, found west 70%", "shares: east is not listed, and has 30%",]
    );
    passes("{query: shop.gslb.example.com, expect: {shares: {west: 71%, east: 29%}, tolerance: 1%}}");
    assert_eq!(
        differences("{query: shop.gslb.example.com, expect: {shares: {west: 2, east: 1}, tolerance: 1%}}"),
        ["shares: expected west 2/3 ± 1%, found west 70%", "shares: expected east 1/3 ± 1%, found east 30%"]
    );
}

#[test]
fn rcode_ttl_and_staleness_are_compared() {
    passes("{query: app.gslb.example.com, expect: {rcode: NOERROR, ttl: 5, stale: false}}");
    passes("{query: app.gslb.example.com, given: {down: ['*']}, expect: {stale: true}}");
    assert_eq!(
        differences("{query: app.gslb.example.com, expect: {rcode: NXDOMAIN, ttl: 6, stale: true}}"),
        [
            "rcode: expected NXDOMAIN, found NOERROR",
            "ttl: expected 6, found 5",
            "stale: expected true, found false"
        ]
    );
    assert_eq!(
        differences("{query: nobody.gslb.example.com, expect: {rcode: REFUSED, ttl: 5}}"),
        ["rcode: expected REFUSED, found NXDOMAIN", "ttl: expected 5, found no answer",]
    );
}

#[test]
fn the_short_forms_say_how_a_name_is_answered() {
    for (query, word) in [
        ("app.gslb.example.com", "answered"),
        ("www.gslb.example.com", "answered"),
        ("db.gslb.example.com AAAA", "NODATA"),
        ("gslb.example.com MX", "NODATA"),
        ("gslb.example.com NS", "answered"),
        ("nobody.gslb.example.com", "NXDOMAIN"),
        ("example.org", "REFUSED"),
    ] {
        passes(&format!("{{query: {query}, expect: {word}}}"));
    }
    assert_eq!(
        differences("{query: app.gslb.example.com, expect: NODATA}"),
        ["expected NODATA, found east 50%, west 50%"]
    );
    assert_eq!(
        differences("{query: db.gslb.example.com AAAA, expect: answered}"),
        ["expected an answer, found NODATA"]
    );
    assert_eq!(
        differences("{query: app.gslb.example.com, given: {down: ['*']}, expect: answered}"),
        ["expected an answer, found only one from what is not alive (R11)"]
    );
}

#[test]
fn given_knows_states_overrides_and_readiness() {
    for (given, clusters) in [
        ("{down: [west]}", "[east]"),
        ("{gone: west}", "[east]"),
        ("{drained: [west]}", "[east]"),
        ("{down: [west, east]}", "[north]"),
        ("{unready: ['app.gslb.example.com@west']}", "[east]"),
        ("{unready: ['*@west', 'a??.gslb.example.com@north']}", "[east]"),
        ("{unready: ['APP.gslb.example.com.']}", "[]"),
        ("{unready: ['*@*'], ready: ['app.*@west']}", "[west]"),
        ("", "[east, west]"),
    ] {
        passes(&format!("{{query: app.gslb.example.com, given: {given}, expect: {{clusters: {clusters}}}}}"));
    }
    passes(
        "{query: api.gslb.example.com, given: {ready: ['api.gslb.example.com@west']}, expect: {clusters: [east, west]}}",
    );
}

#[test]
fn a_patch_is_merged_by_hostname_and_cluster() {
    let patched = |query: &str, patch: &str, expect: &str| {
        passes(&format!("{{query: {query}, given: {{patch: {patch}}}, expect: {expect}}}"));
    };
    // Only what is given changes.
    patched(
        "db.gslb.example.com",
        "{hostnames: [{hostname: db.gslb.example.com, ttl: 30, endpoints: [{cluster: east, priority: 20}]}]}",
        "{clusters: [east], addresses: [198.51.100.22], ttl: 30}",
    );
    // What is new is added, and may be named beside it.
    patched(
        "new.gslb.example.com",
        "{clusters: [{name: south}], hostnames: [{hostname: new.gslb.example.com, endpoints: [{cluster: south, addresses: [192.0.2.7]}]}]}, unready: ['*@west']",
        "{clusters: [south]}",
    );
    patched(
        "app.gslb.example.com",
        "{clusters: [{name: north, override: null}, {name: west, state: gone}]}",
        "{clusters: [east, north]}",
    );
    patched(
        "app.gslb.example.com",
        "{hostnames: [{hostname: app.gslb.example.com, endpoints: [{cluster: west, override: down}]}]}",
        "{clusters: [east]}",
    );
    patched("db.gslb.example.com", "{defaults: {ttl: 9, answerMode: all}}", "{ttl: 9}");
    patched("example.org", "{outsideZones: nxdomain}", "NXDOMAIN");
    patched(
        "x.gslb.example.org",
        "{zones: [{name: gslb.example.org, nameservers: [ns.example.net]}]}",
        "NXDOMAIN",
    );
    patched(
        "cdn.gslb.example.com",
        "{hostnames: [{hostname: cdn.gslb.example.com, endpoints: [{cluster: west, addresses: [192.0.2.9]}]}]}",
        "{addresses: [192.0.2.9], targets: []}",
    );
}

#[test]
fn steps_run_in_order_each_on_top_of_the_last() {
    let report = run("
tests:
  - name: falls back
    query: db.gslb.example.com
    given: {drained: [north]}
    steps:
      - {given: {down: [west]}, expect: {clusters: [east]}}
      - {expect: {clusters: [east]}}
      - {query: app.gslb.example.com, expect: {clusters: [east]}}
      - {given: {alive: [west], unready: ['db.*@east']}, expect: {clusters: [east]}}
");
    let failure = &report.cases[0].failures[0];
    assert_eq!((report.cases[0].checks, report.cases[0].failed), (4, 1));
    assert_eq!(failure.step, Some(4));
    assert_eq!(failure.given, "drained: north, then down: west, then alive: west; unready: db.*@east");
    assert_eq!(failure.differences, ["clusters: expected east, found west  (-east +west)"]);
}

#[test]
fn always_tries_every_hostname_under_every_loss() {
    let report = run("always: [{for: '*.gslb.example.com', losing: 1, expect: answered}]");
    let case = &report.cases[0];
    // 7 hostnames, 3 clusters; what west alone offers is lost with it.
    assert_eq!(case.checks, 21);
    let lost: Vec<(&str, &str)> = case
        .failures
        .iter()
        .map(|failure| (failure.given.as_str(), failure.explanation.name.as_str()))
        .collect();
    assert_eq!(lost, [("lost: east", "api.gslb.example.com"), ("lost: west", "cdn.gslb.example.com")]);
    run("always: [{for: app.gslb.example.com, losing: 2, expect: answered}]").assert_passed();
    assert!(
        !run("always: [{for: app.gslb.example.com, losing: 2, given: {gone: [north]}, expect: answered}]")
            .passed()
    );
    run("always: [{for: 'a*.gslb.example.com', given: {gone: [west]}, type: A, expect: {excludes: [west]}}]")
        .assert_passed();
}

#[test]
fn every_mistake_in_a_policy_file_is_listed() {
    let text = "state: standalone.yaml
tests:
  - name: one
    query: ap.gslb.example.com A
    given: {down: [wset], unready: ['app.gslb.example.com@sout', 'db.gslb.example.com@north']}
    expect: {clusters: [west]}
  - query: ap.gslb.example.com A
    expect: {clusters: [wets], adresses: [10.0.0.256], shares: {est: 1, west: 50%, east: 200%}}
  - query: app.gslb.example.com AAAAA
    expect: NXDOMIAN
  - query: a b c
    stepps: []
always:
  - {for: '*.gslb.exmaple.com', losing: 4, expect: answered}
  - {loosing: 1}
";
    assert_eq!(
        problems(text),
        [
            "a.test.yaml:5:20: tests[0].given.down[0]: no cluster \"wset\"; did you mean \"west\"?",
            "a.test.yaml:5:37: tests[0].given.unready[0]: no cluster \"sout\"",
            "a.test.yaml:5:66: tests[0].given.unready[1]: db.gslb.example.com has no endpoint at north",
            "a.test.yaml:8:25: tests[1].expect.clusters[0]: no cluster \"wets\"; did you mean \"west\"?",
            "a.test.yaml:8:32: tests[1].expect.adresses: unknown key; did you mean \"addresses\"?",
            "a.test.yaml:8:65: tests[1].expect.shares.est: no cluster \"est\"; did you mean \"east\"?",
            "a.test.yaml:8:90: tests[1].expect.shares.east: \"200%\" is no share: write a percentage (70%, 33.3%), a \
         fraction (1/3) or a number that stands in a ratio to the others",
            "a.test.yaml:9:12: tests[2].query: \"AAAAA\" is no record type: use a name such as A, AAAA or MX, or TYPE \
         followed by its number",
            "a.test.yaml:10:13: tests[2].expect: expected one of answered, NODATA, NXDOMAIN, REFUSED, found the text \
         \"NXDOMIAN\"; did you mean \"NXDOMAIN\"?",
            "a.test.yaml:11:5: tests[3]: there is nothing to test: write `expect` or `steps`",
            "a.test.yaml:11:12: tests[3].query: \"b\" is no record type: use a name such as A, AAAA or MX, or TYPE \
         followed by its number",
            "a.test.yaml:11:12: tests[3].query: expected a name and a type, found \"c\" behind them",
            "a.test.yaml:12:5: tests[3].stepps: unknown key; did you mean \"steps\"?",
            "a.test.yaml:14:5: always[0].losing: there are 3 clusters: 4 cannot be lost",
            "a.test.yaml:14:11: always[0].for: no hostname \"*.gslb.exmaple.com\"",
            "a.test.yaml:15:5: always[1]: the key \"for\" is missing",
            "a.test.yaml:15:5: always[1]: the key \"expect\" is missing",
            "a.test.yaml:15:6: always[1].loosing: unknown key; did you mean \"losing\"?",
        ]
    );
}

#[test]
fn a_misspelt_hostname_is_a_mistake_unless_it_is_expected_to_be_missing() {
    assert_eq!(
        problem("{query: ap.gslb.example.com, expect: {clusters: [west]}}"),
        "a.test.yaml:2:17: tests[0].query: no hostname \"ap.gslb.example.com\"; did you mean \"api.gslb.example.com\"?"
    );
    passes("{query: ap.gslb.example.com, expect: NXDOMAIN}");
    // It is there, and then it is not.
    let report = run("tests: [{query: cdn.gslb.example.com, given: {gone: [west]}, expect: answered}]");
    assert_eq!(report.cases[0].failures[0].differences, ["expected an answer, found NXDOMAIN"]);
}

#[test]
fn a_patch_is_checked_as_a_state_file_is() {
    let patch = |patch: &str| {
        problem(&format!("{{query: app.gslb.example.com, given: {{patch: {patch}}}, expect: answered}}"))
    };
    assert!(patch("{hostnames: [{hostname: ap.gslb.example.com, ttl: 1}]}").ends_with(
        "tests[0].given.patch.hostnames[0].hostname: no hostname \"ap.gslb.example.com\"; did you mean \"api.gslb.example.com\"?"
    ));
    assert!(
        patch("{hostnames: [{hostname: app.gslb.example.com, endpoints: [{cluster: wets}]}]}")
            .contains("did you mean \"west\"?")
    );
    assert!(
        patch("{hostnames: [{hostname: app.gslb.example.com, endpoints: [{cluster: west, weight: -1}]}]}")
            .contains("out of range")
    );
    assert!(patch("{zones: [{name: app.example.org}]}").contains("name server"));
    assert!(patch("{hostnames: [{hostname: ns1.gslb.example.com, endpoints: []}]}").contains("name server"));
}

#[test]
fn what_is_no_policy_file_is_said_in_one_line() {
    for (text, said) in [
        (
            "",
            "a.test.yaml:1:1: the file is empty; a policy file has `state` and `tests`; `mci init` writes one",
        ),
        (
            "tests: []",
            "a.test.yaml:1:1: the key \"state\" is missing: the name of a state file, or a state itself",
        ),
        ("state: {hostnames: []}", "a.test.yaml:1:1: there is nothing to test: write `tests` or `always`"),
        (
            "state: 5\ntests: []",
            "a.test.yaml:1:8: state: expected the name of a state file, or a state itself, found the number 5",
        ),
        (
            "state: {hostnmaes: []}\ntests: []",
            "a.test.yaml:1:9: state.hostnmaes: unknown key; did you mean \"hostnames\"?",
        ),
        (
            "state: {zones: [{name: a.example}]}\ntests: []",
            "a.test.yaml:1:24: state.zones[0]: zone a.example has no name server: list its nameservers, or set dnsServerName",
        ),
        ("state: a\ntests: {}", "a.test.yaml:2:8: tests: expected a list of tests, found a map"),
        (
            "state: a\nalways:\n  - {for: *.gslb.example.com, expect: answered}",
            "a.test.yaml:3:11: a name that begins with '*' needs quotes in YAML, where it is an alias otherwise; write \"*.gslb.example.com\"",
        ),
    ] {
        let found = problems(text);
        assert_eq!(found.first().map(String::as_str), Some(said), "{text:?}");
    }
    let refuse = |_: &str| Err(io::Error::new(io::ErrorKind::NotFound, "no such file"));
    let problems = Suite::parse_named("a.test.yaml", "state: b.yaml\ntests: []", refuse).unwrap_err();
    assert_eq!(problems.to_string(), "a.test.yaml:1:8: state: cannot read b.yaml: no such file");
    let wrong = |_: &str| Ok("hostnames: 5".to_owned());
    let problems = Suite::parse_named("a.test.yaml", "state: b.yaml\ntests: []", wrong).unwrap_err();
    assert_eq!(
        problems.to_string(),
        "b.yaml:1:1: hostnames: expected a list of hostnames, found the number 5"
    );
}

#[test]
fn a_query_may_be_a_map_and_its_client_is_an_address() {
    passes(
        "{query: {name: app.gslb.example.com, type: AAAA, client: 192.0.2.1}, expect: {addresses: ['2001:db8::10', '2001:db8:1::20']}}",
    );
    assert!(
        problem("{query: {name: app.gslb.example.com, client: nobody}, expect: answered}")
            .ends_with("\"nobody\" is no IPv4 or IPv6 address")
    );
}

#[test]
fn a_failed_test_shows_expectation_answer_and_reasons() {
    let report = run("
tests:
  - {name: fine, query: app.gslb.example.com, expect: answered}
  - name: west alone
    query: api.gslb.example.com A
    given: {drained: [west]}
    expect: {clusters: [west], ttl: 5}
");
    let shown = report.to_string();
    let shown: Vec<&str> = shown.lines().collect();
    assert_eq!(
        shown[..7],
        [
            "ok    fine",
            "FAIL  west alone  (a.test.yaml:5)",
            "      given     drained: west",
            "      query     api.gslb.example.com A",
            "      expected  clusters west; ttl 5",
            "      answer    east",
            "        * clusters: expected west, found east  (-west +east)",
        ]
    );
    assert!(shown.iter().any(|line| line.contains("R3") && line.contains("west")), "{report}");
    assert_eq!(shown.last(), Some(&"2 tests, 1 failed"));
    assert!(std::panic::catch_unwind(|| report.assert_passed()).is_err());
}

#[test]
fn a_report_is_junit_and_data() {
    let report = run("
tests:
  - {name: fine, query: app.gslb.example.com, expect: answered}
  - {name: \"<west> & \\\"\\0\\\"\", query: api.gslb.example.com A, expect: {clusters: [west]}}
");
    let junit = report.junit();
    assert!(junit.starts_with("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<testsuites name=\"mci\" tests=\"2\" failures=\"1\" errors=\"0\">\n"), "{junit}");
    assert!(
        junit.contains("<testcase name=\"fine\" classname=\"a.test.yaml\" file=\"a.test.yaml\" line=\"4\"/>"),
        "{junit}"
    );
    assert!(junit.contains("name=\"&lt;west&gt; &amp; &quot;\u{fffd}&quot;\""), "{junit}");
    assert!(
        junit.contains(
            "<failure message=\"clusters: expected west, found east  (-west +east)\" type=\"expectation\">"
        ),
        "{junit}"
    );
    let data = serde_json::to_value(&report).unwrap();
    assert_eq!(data["cases"][1]["failures"][0]["explanation"]["answer"]["shares"][0]["cluster"], "east");
}

proptest::proptest! {
    #[test]
    fn any_text_is_read_or_refused(text in "[ -~\n]{0,200}") {
        let _ = Suite::parse(&text, load);
    }

    #[test]
    fn an_altered_file_is_read_or_refused(at in proptest::prelude::any::<proptest::sample::Index>(), c in proptest::char::any()) {
        let mut text: Vec<char> = EXAMPLE.chars().collect();
        let at = at.index(text.len());
        text[at] = c;
        let text: String = text.into_iter().collect();
        if let Ok(suite) = Suite::parse(&text, load) {
            let _ = suite.run().to_string();
        }
    }
}
