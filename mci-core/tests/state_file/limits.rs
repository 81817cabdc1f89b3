//! Files that are large, deep or hostile.

use std::fmt::Write as _;

use super::{RecordType, StateFile, answer, one_problem, problems, snapshot};

#[test]
fn a_file_of_over_five_thousand_hostnames_is_read() {
    let mut text = String::from("zones: [gslb.example]\ndnsServerName: ns.example.net\nhostnames:\n");
    for i in 0..6_000 {
        writeln!(text, "  - hostname: h{i}.gslb.example\n    endpoints:").unwrap();
        writeln!(text, "      - {{cluster: west, addresses: [192.0.2.1]}}").unwrap();
    }
    assert_eq!(snapshot(&text).hostname_count(), 6_000);
}

#[test]
fn anchors_that_explode_are_refused() {
    let mut laughs = String::from("a: &a0 [x, x, x, x, x, x, x, x, x, x]\n");
    for i in 1..12 {
        let aliases = vec![format!("*a{}", i - 1); 10].join(", ");
        writeln!(laughs, "b{i}: &a{i} [{aliases}]").unwrap();
    }
    let said = problems(&laughs);
    assert!(
        said.iter().any(|line| line.contains("anchors and aliases expand to far more than the file holds")),
        "{said:#?}"
    );
    // A long text that is repeated is the same thing.
    let long = "x".repeat(100_000);
    let aliases = vec!["*l"; 1_000].join(", ");
    let text = format!("hostnames:\n  - hostname: &l {long}\n    fallback: [{aliases}]\n");
    assert!(problems(&text).iter().any(|line| line.contains("anchors and aliases")), "a long text");
    // And so is a merge.
    let mut merges = String::from("x: &m0 {k0: 1}\n");
    for i in 1..40 {
        writeln!(merges, "x{i}: &m{i} {{<<: [*m{0}, *m{0}], k{i}: 1}}", i - 1).unwrap();
    }
    assert!(!problems(&merges).is_empty());
}

#[test]
fn anchors_that_repeat_a_little_are_fine() {
    let text = "
hostnames:
  - hostname: a.example
    endpoints: &both
      - {cluster: west, addresses: [192.0.2.1]}
      - {cluster: east, addresses: [192.0.2.2]}
  - {hostname: b.example, endpoints: *both}
";
    assert_eq!(answer(&snapshot(text), "b.example", RecordType::A), "east 50%, west 50%");
}

#[test]
fn deep_nesting_is_refused_and_breaks_nothing() {
    for (open, close) in [("[", "]"), ("{\"a\":", "}")] {
        for begin in ["{\"zones\": ", "zones: ", "hostnames: ", "{\"hostnames\": "] {
            let end = if begin.starts_with('{') { "}" } else { "" };
            let text = format!("{begin}{}1{}{end}", open.repeat(20_000), close.repeat(20_000));
            assert!(!problems(&text).is_empty());
            let text = format!("{begin}{}1{}{end}", open.repeat(60), close.repeat(60));
            assert!(!problems(&text).is_empty());
        }
    }
}

#[test]
fn a_thousand_mistakes_are_shown_and_the_others_counted() {
    let mut text = String::from("hostnames:\n");
    for _ in 0..1_500 {
        text.push_str("  - {hostnam: a}\n");
    }
    let problems = StateFile::parse(&text).unwrap_err();
    assert_eq!(problems.count(), 3_000);
    assert_eq!(problems.iter().count(), 1_000);
    assert!(problems.to_string().ends_with("\nand 2000 more"));
}

#[test]
fn a_list_without_end_is_refused() {
    let text = format!(
        "{{\"hostnames\": [{{\"hostname\": \"a.example\", \"fallback\": [{}1]}}]}}",
        "1,".repeat(1_000_001)
    );
    assert!(one_problem(&text).ends_with("a list or map of more than 1000000 elements"));
}
