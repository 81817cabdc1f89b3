//! Every rule of `docs/resolution.md` and `docs/dns.md` has its tests, and no test cites a rule that is none.
//!
//! A test belongs to a rule by its name: `r05_…` to R5, `r02a_…` to R2a. A row of `dns.md` says in its column *by*
//! how it is to be seen: `d14_direct_…` asks the direct listener, `d14_coredns_…` a real `CoreDNS`.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a panic is how a test fails")]

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

use mci_tests::mci::repository;

/// What a rule asks for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Rule {
    /// It comes with a later release, and has no tests yet.
    later: bool,
    /// The kinds of test that it needs: `d14_direct` for `direct`; any test, where it names no kind.
    kinds: Vec<&'static str>,
}

/// The rules of the two documents, by the prefix of their tests' names.
fn rules(resolution: &str, dns: &str) -> BTreeMap<String, Rule> {
    let mut rules = BTreeMap::new();
    for line in resolution.lines() {
        // - **R5 Weight**: …
        let Some(rest) = line.strip_prefix("- **R") else { continue };
        let number = rest.split([' ', '*']).next().unwrap_or_default();
        let rule = Rule { later: rest.contains("*(not in this release"), kinds: Vec::new() };
        assert!(rules.insert(prefix('r', number), rule).is_none(), "R{number} is there twice");
    }
    for line in dns.lines() {
        // | D14 | direct, core | …
        let mut cells = line.split('|').map(str::trim).skip(1);
        let Some(number) = cells.next().and_then(|cell| cell.strip_prefix('D')) else { continue };
        if !number.starts_with(|first: char| first.is_ascii_digit()) {
            continue;
        }
        let by = cells.next().unwrap_or_default();
        let mut kinds = Vec::new();
        if by.contains("direct") || by.contains("both") {
            kinds.push("direct");
        }
        if by.contains("core") || by.contains("both") {
            kinds.push("coredns");
        }
        assert!(!kinds.is_empty(), "D{number}: the column *by* says {by:?}");
        let rule = Rule { later: line.contains("*(not in this release"), kinds };
        assert!(rules.insert(prefix('d', number), rule).is_none(), "D{number} is there twice");
    }
    rules
}

/// `r05` for R5, `d15a` for D15a.
fn prefix(letter: char, number: &str) -> String {
    let digits: String = number.chars().take_while(char::is_ascii_digit).collect();
    format!("{letter}{digits:0>2}{}", &number[digits.len()..])
}

/// The names of functions that look like tests of a rule.
fn citing(source: &str) -> Vec<String> {
    let mut names = Vec::new();
    for line in source.lines().filter(|line| !line.trim_start().starts_with("//")) {
        for after in line.split("fn ").skip(1) {
            let name: String = after.chars().take_while(|c| c.is_ascii_alphanumeric() || *c == '_').collect();
            let Some((rule, _)) = name.split_once('_') else { continue };
            let digits = rule.get(1..).unwrap_or_default();
            if rule.starts_with(['r', 'd']) && digits.starts_with(|c: char| c.is_ascii_digit()) {
                names.push(name);
            }
        }
    }
    names
}

fn all_sources() -> Vec<String> {
    let mut folders = vec![repository()];
    let mut names = Vec::new();
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).expect("a folder of the repository can be read") {
            let path = entry.expect("an entry can be read").path();
            let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
            if path.is_dir() && name != "target" && !name.starts_with('.') {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "rs") && !path.ends_with(file!())
            {
                names.extend(citing(&fs::read_to_string(&path).expect("a source is UTF-8")));
            }
        }
    }
    names
}

/// What is wrong, a line each.
fn complaints(rules: &BTreeMap<String, Rule>, names: &[String]) -> Vec<String> {
    let mut complaints = BTreeSet::new();
    for (prefix, rule) in rules {
        let has = |start: &str| names.iter().any(|name| name.starts_with(start));
        if rule.later {
            if has(&format!("{prefix}_")) {
                complaints.insert(format!("{prefix}: has tests, and the document says that it comes later"));
            }
        } else if rule.kinds.is_empty() && !has(&format!("{prefix}_")) {
            complaints.insert(format!("{prefix}: no test is called {prefix}_…"));
        }
        for kind in rule.kinds.iter().filter(|_| !rule.later) {
            if !has(&format!("{prefix}_{kind}_")) {
                complaints.insert(format!("{prefix}: no test is called {prefix}_{kind}_…"));
            }
        }
    }
    for name in names {
        let prefix = name.split('_').next().unwrap_or_default();
        if !rules.contains_key(prefix) {
            complaints.insert(format!("{name}: there is no such rule"));
        }
    }
    complaints.into_iter().collect()
}

fn read(path: &Path) -> String {
    fs::read_to_string(path).unwrap_or_else(|error| panic!("cannot read {}: {error}", path.display()))
}

#[test]
fn every_rule_has_its_tests_and_every_test_its_rule() {
    let docs = repository().join("docs");
    let rules = rules(&read(&docs.join("resolution.md")), &read(&docs.join("dns.md")));
    assert!(rules.len() > 60, "only {} rules were found: the documents have another form now", rules.len());
    let complaints = complaints(&rules, &all_sources());
    assert!(complaints.is_empty(), "{} complaints:\n{}", complaints.len(), complaints.join("\n"));
}

#[test]
fn a_rule_without_its_tests_and_a_test_without_its_rule_are_found() {
    let rules = rules(
        "- **R5 Weight**: a share\n- **R20 Alive**: *(not in this release)* later\n- **R2a Zones**: the longest",
        "| # | by | query |\n| D14 | direct, core | QDCOUNT |\n| D32 | direct | address |\n| D1 | both | held |",
    );
    assert_eq!(rules["d14"].kinds, ["direct", "coredns"]);
    assert_eq!(rules["d32"].kinds, ["direct"]);

    let names = citing(
        "fn r05_shares_are_exact() {\n    async fn d14_direct_refuses() {\n// fn d32_direct_in_a_comment()\n\
         pub(crate) fn d99_direct_of_nothing() {\nboth!(fn d01_direct_a, fn d01_x, a);\nfn ready_to_go() {\nfn rest() {",
    );
    assert_eq!(
        names,
        ["r05_shares_are_exact", "d14_direct_refuses", "d99_direct_of_nothing", "d01_direct_a", "d01_x"]
    );

    let found = complaints(&rules, &names);
    assert_eq!(
        found,
        [
            "d01: no test is called d01_coredns_…",
            "d14: no test is called d14_coredns_…",
            "d32: no test is called d32_direct_…",
            "d99_direct_of_nothing: there is no such rule",
            "r02a: no test is called r02a_…",
        ]
    );
    assert_eq!(complaints(&rules, &[names, vec!["r20_early".to_owned()]].concat()).len(), 6);
}
