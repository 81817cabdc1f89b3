//! One line for each hostname whose answer changed; one for all of them where a batch changed many.

use std::collections::{BTreeMap, HashSet};

use mci_core::{Answers, Change, Changes};
use tracing::info;

/// A batch that changes more is one line.
const LINES: usize = 20;

/// Logs what a batch of edits changed; how many hostnames that are.
pub(crate) fn log(changes: &Changes) -> usize {
    let mut first = Vec::new();
    let mut causes: BTreeMap<String, usize> = BTreeMap::new();
    let mut count = 0;
    for change in changes.iter() {
        count += 1;
        *causes.entry(change.because.to_string()).or_default() += 1;
        if first.len() < LINES {
            first.push(change);
        }
    }
    if count > LINES {
        info!(hostnames = count, because = summary(causes), "Answer changed");
    } else {
        for Change { hostname, before, after, because, .. } in first {
            let (from, to) = texts(&before, &after);
            info!(%hostname, from, to, %because, "Answer changed");
        }
    }
    count
}

/// The causes, the most frequent first, each with its count where there are several.
fn summary(causes: BTreeMap<String, usize>) -> String {
    let mut causes: Vec<_> = causes.into_iter().collect();
    causes.sort_by_key(|(_, count)| std::cmp::Reverse(*count));
    match causes.as_slice() {
        [(only, _)] => only.clone(),
        several => {
            several.iter().map(|(cause, count)| format!("{cause} ({count})")).collect::<Vec<_>>().join(", ")
        }
    }
}

/// What was answered and what is: clusters and shares, and addresses, names and TTL where these alone differ.
fn texts(before: &Answers, after: &Answers) -> (String, String) {
    let (from, to) = (before.to_string(), after.to_string());
    if from == to {
        (format!("{from} [{}]", details(before)), format!("{to} [{}]", details(after)))
    } else {
        (from, to)
    }
}

fn details(answers: &Answers) -> String {
    let both = [&answers.v4, &answers.v6];
    let addresses = both.iter().flat_map(|possible| &possible.addresses).map(ToString::to_string);
    let targets = both.iter().flat_map(|possible| &possible.targets).map(ToString::to_string);
    let ttl = both.iter().find_map(|possible| possible.ttl).map(|ttl| format!("ttl {ttl}"));
    // A name that both families lead to is told once.
    let mut told = HashSet::new();
    let details: Vec<String> =
        addresses.chain(targets).chain(ttl).filter(|detail| told.insert(detail.clone())).collect();
    details.join(", ")
}

#[cfg(test)]
mod tests {
    use mci_core::Live;
    use mci_core::state_file::StateFile;

    use super::*;

    fn state(address: &str) -> String {
        format!(
            "hostnames:\n\
             - {{hostname: a.example.com, endpoints: [{{cluster: west, addresses: [b.example.com]}}]}}\n\
             - {{hostname: b.example.com, endpoints: [{{cluster: west, addresses: [c.example.com]}}]}}\n\
             - {{hostname: c.example.com, endpoints: [{{cluster: west, addresses: [{address}]}}]}}\n"
        )
    }

    #[test]
    fn the_names_of_a_chain_are_told_once_though_both_families_follow_it() {
        let snapshot = |address| StateFile::parse(&state(address)).unwrap().into_snapshot();
        let live = Live::new(snapshot("192.0.2.1"));
        let changes = live.edit(|edit| edit.replace(&snapshot("192.0.2.2")));
        let change = changes.iter().find(|change| change.hostname.to_string() == "a.example.com").unwrap();
        let (from, to) = texts(&change.before, &change.after);
        assert_eq!(from, "west [192.0.2.1, b.example.com, c.example.com, ttl 5]");
        assert_eq!(to, "west [192.0.2.2, b.example.com, c.example.com, ttl 5]");
    }
}
