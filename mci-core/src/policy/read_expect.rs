//! Reads what a test expects.

use core::net::IpAddr;
use std::collections::BTreeSet;

use crate::cluster::ClusterId;
use crate::hostname_state::Ttl;
use crate::policy::expect::{Answers, Expectation, KINDS, Kind, Part, RCODES};
use crate::policy::read::texts;
use crate::policy::share::{ExpectedShare, Percent};
use crate::share::Share;
use crate::simulate::no_cluster;
use crate::snapshot::Snapshot;
use crate::state_file::hostnames;
use crate::state_file::names::{self, Addresses};
use crate::state_file::nearest::did_you_mean;
use crate::state_file::node::{Node, Value};
use crate::state_file::reader::{Given, Path, Reader, keys};

keys!(ExpectKey {
    Rcode = "rcode",
    Clusters = "clusters",
    Addresses = "addresses",
    Targets = "targets",
    Includes = "includes",
    Excludes = "excludes",
    Ttl = "ttl",
    Stale = "stale",
    Shares = "shares",
    Tolerance = "tolerance",
});

keys!(PartKey { Clusters = "clusters", Addresses = "addresses" });

/// What a test expects; nothing where a name in it means nothing.
pub(crate) fn expectation(
    reader: &mut Reader<'_>,
    node: &Node<'_>,
    path: &Path<'_>,
    world: &Snapshot,
) -> Option<Expectation> {
    let problems = reader.problem_count();
    if let Value::Text(_) = &node.value {
        let kind: Kind = reader.word(node, path, KINDS)?;
        return Some(Expectation { kind: Some(kind), ..Expectation::default() });
    }
    let mut expect = Expectation::default();
    let given = reader.map(node, path, |reader, key, node, path| match key {
        ExpectKey::Rcode => expect.rcode = reader.word(node, path, RCODES),
        ExpectKey::Clusters => expect.clusters = Some(clusters(reader, node, path, world)),
        ExpectKey::Addresses => expect.addresses = Some(answers(reader, node, path)),
        ExpectKey::Targets => {
            let mut targets = BTreeSet::new();
            reader.list(node, path, "a list of names", |reader, node, path| {
                targets.extend(names::target(reader, node, path));
            });
            expect.targets = Some(targets);
        }
        ExpectKey::Includes => expect.includes = part(reader, node, path, world),
        ExpectKey::Excludes => expect.excludes = part(reader, node, path, world),
        ExpectKey::Ttl => {
            expect.ttl = hostnames::ttl(reader, node, path).map(Ttl::seconds);
        }
        ExpectKey::Stale => expect.stale = reader.boolean(node, path),
        ExpectKey::Shares => expect.shares = shares(reader, node, path, world),
        ExpectKey::Tolerance => {
            expect.tolerance = reader.parsed::<Percent>(node, path, "a percentage as text, such as 1%");
        }
    })?;
    if given == Given::default() {
        reader.problem(
            path,
            node.at,
            "nothing is expected: write clusters, addresses, shares, rcode, ttl, …",
        );
    }
    if ExpectKey::Tolerance.is_in(given) && !ExpectKey::Shares.is_in(given) {
        reader.problem(path, node.at, "`tolerance` says how near `shares` have to be, which are not here");
    }
    (reader.problem_count() == problems).then_some(expect)
}

fn clusters(
    reader: &mut Reader<'_>,
    node: &Node<'_>,
    path: &Path<'_>,
    world: &Snapshot,
) -> BTreeSet<ClusterId> {
    let mut clusters = BTreeSet::new();
    texts(reader, node, path, "a list of clusters", |reader, node, path, text| {
        clusters.extend(cluster(reader, node, path, text, world));
    });
    clusters
}

/// A cluster that the world has.
fn cluster(
    reader: &mut Reader<'_>,
    node: &Node<'_>,
    path: &Path<'_>,
    text: &str,
    world: &Snapshot,
) -> Option<ClusterId> {
    let found = world.clusters().find(|cluster| cluster.as_str() == text).cloned();
    if found.is_none() {
        reader.problem(path, node.at, no_cluster(text, world));
    }
    found
}

fn answers(reader: &mut Reader<'_>, node: &Node<'_>, path: &Path<'_>) -> Answers {
    let mut found = Addresses::default();
    let expected = "a list of addresses";
    match &node.value {
        Value::Text(_) => names::address_or_target(reader, node, path, &mut found),
        _ => reader.list(node, path, expected, |reader, node, path| {
            names::address_or_target(reader, node, path, &mut found);
        }),
    }
    let Addresses { addresses, targets } = found;
    Answers { addresses: addresses.into_iter().collect(), targets: targets.into_iter().collect() }
}

/// `{clusters: [...], addresses: [...]}`, or a list of both: what is no address and no name with a dot is a cluster.
fn part(reader: &mut Reader<'_>, node: &Node<'_>, path: &Path<'_>, world: &Snapshot) -> Option<Part> {
    let mut part = Part::default();
    if let Value::Map(_) = &node.value {
        reader.map(node, path, |reader, key, node, path| match key {
            PartKey::Clusters => part.clusters = clusters(reader, node, path, world),
            PartKey::Addresses => part.answers = answers(reader, node, path),
        })?;
        return Some(part);
    }
    texts(reader, node, path, "a list of clusters and addresses", |reader, node, path, text| {
        let is_cluster = world.clusters().any(|cluster| cluster.as_str() == text);
        if let Ok(address) = text.parse::<IpAddr>() {
            part.answers.addresses.insert(address);
        } else if is_cluster || !text.contains(['.', ':']) {
            part.clusters.extend(cluster(reader, node, path, text, world));
        } else {
            let found = answers(reader, node, path);
            part.answers.addresses.extend(found.addresses);
            part.answers.targets.extend(found.targets);
        }
    });
    Some(part)
}

/// `{west: 70%, east: 1/3}`, or `{west: 7, east: 3}`.
fn shares(
    reader: &mut Reader<'_>,
    node: &Node<'_>,
    path: &Path<'_>,
    world: &Snapshot,
) -> Option<Vec<(ClusterId, ExpectedShare)>> {
    let Value::Map(entries) = &node.value else {
        reader.unexpected(path, node, "a map from clusters to their shares");
        return None;
    };
    let mut parts: Vec<(ClusterId, u64)> = Vec::new();
    let mut shares = Vec::new();
    let mut seen = BTreeSet::new();
    for (key, value) in entries {
        let path = path.key(&key.text);
        let id = world.clusters().find(|cluster| cluster.as_str() == key.text).cloned();
        let Some(id) = id else {
            let near = || did_you_mean(&key.text, world.clusters().map(ClusterId::as_str));
            reader.problem_with(&path, key.at, format_args!("no cluster {:?}", key.text), near);
            continue;
        };
        if !seen.insert(id.clone()) {
            reader.problem(&path, key.at, "the cluster stands here a second time");
        }
        match &value.value {
            Value::Integer(_) => {
                if let Some(part) = reader.integer(value, &path, (0, u32::MAX.into()), "a part of the whole")
                {
                    parts.push((id, part));
                }
            }
            Value::Text(text) => match ExpectedShare::parse(text) {
                Ok(share) => shares.push((id, share)),
                Err(error) => reader.problem(&path, value.at, error),
            },
            _ => reader.unexpected(&path, value, "70%, 1/3 or a whole number"),
        }
    }
    if parts.is_empty() {
        return Some(shares);
    }
    if !shares.is_empty() {
        reader.problem(path, node.at, "write percentages and fractions, or the numbers of a ratio, not both");
        return None;
    }
    let whole: u64 = parts.iter().map(|(_, part)| part).sum();
    if whole == 0 {
        reader.problem(path, node.at, "a ratio of nothing but zeros");
        return None;
    }
    Some(parts.into_iter().map(|(id, part)| (id, ExpectedShare::Exactly(Share::new(part, whole)))).collect())
}
