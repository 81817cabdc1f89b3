//! Names and addresses in files.

use core::net::IpAddr;
use std::borrow::Cow;

use hashbrown::HashSet;

use crate::cluster::ClusterId;
use crate::hostname::Hostname;
use crate::state_file::nearest::did_you_mean;
use crate::state_file::node::{Node, Shortened, Value};
use crate::state_file::reader::{Path, Reader};
use crate::text::{self, looks_like_an_address};

/// The clusters of all files that are read together.
#[derive(Debug, Default)]
pub(crate) struct Clusters {
    known: HashSet<ClusterId, foldhash::fast::FixedState>,
    /// Whether `clusters:` is present: then no other may be named.
    declared: bool,
}

impl Clusters {
    pub(crate) fn declare(&mut self, cluster: ClusterId) {
        self.declared = true;
        self.known.insert(cluster);
    }

    /// `clusters:` is present, with or without entries.
    pub(crate) fn close(&mut self) {
        self.declared = true;
    }

    /// A cluster that a hostname's endpoint, or a test, names.
    pub(crate) fn named(
        &mut self,
        reader: &mut Reader<'_>,
        node: &Node<'_>,
        path: &Path<'_>,
    ) -> Option<ClusterId> {
        if let Value::Text(text) = &node.value
            && let Some(known) = self.known.get(&ById(text))
        {
            return Some(known.clone());
        }
        let cluster = cluster_id(reader, node, path)?;
        if self.declared {
            reader.problem_with(
                path,
                node.at,
                format_args!("no cluster {:?} in `clusters`", cluster.as_str()),
                || {
                    did_you_mean(cluster.as_str(), self.known.iter().map(ClusterId::as_str))
                        .or_else(|| self.all())
                },
            );
            return None;
        }
        self.known.insert(cluster.clone());
        Some(cluster)
    }

    /// All of them, where they are few enough to read.
    pub(crate) fn all(&self) -> Option<String> {
        let mut all: Vec<&str> = self.known.iter().map(ClusterId::as_str).collect();
        all.sort_unstable();
        (1..=10).contains(&all.len()).then(|| format!("known are {}", all.join(", ")))
    }
}

/// Looks a cluster up by its text.
#[derive(Hash)]
struct ById<'a>(&'a str);

impl hashbrown::Equivalent<ClusterId> for ById<'_> {
    fn equivalent(&self, cluster: &ClusterId) -> bool {
        self.0 == cluster.as_str()
    }
}

/// A cluster's identifier.
pub fn cluster_id(reader: &mut Reader<'_>, node: &Node<'_>, path: &Path<'_>) -> Option<ClusterId> {
    let text = reader.text(node, path, "a cluster's name as text")?;
    match text.parse() {
        Ok(cluster) => Some(cluster),
        Err(error) => {
            let lower = text.to_lowercase();
            reader.problem_with(path, node.at, error, || {
                (lower.parse::<ClusterId>().is_ok()).then(|| format!("did you mean {lower:?}?"))
            });
            None
        }
    }
}

/// A hostname; what is not ASCII becomes A-labels (R1: in configuration only).
pub fn hostname(reader: &mut Reader<'_>, node: &Node<'_>, path: &Path<'_>) -> Option<Hostname> {
    let text = reader.text(node, path, "a name as text")?;
    match text::hostname(text) {
        Ok(name) => Some(name),
        Err(error) => {
            reader.problem_with(path, node.at, error, || hint(text));
            None
        }
    }
}

/// What would be right instead of a text that is no name.
fn hint(text: &str) -> Option<String> {
    let bare = text.trim();
    let bare = bare.split_once("://").map_or(bare, |(_, rest)| rest);
    let bare = bare.split(['/', '?']).next().unwrap_or(bare);
    let bare = bare.split_once(':').map_or(bare, |(name, _)| name);
    (bare != text && text::hostname(bare).is_ok()).then(|| format!("write {bare:?}: the name alone"))
}

/// Addresses and names, each of its kind.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Addresses {
    pub(crate) addresses: Vec<IpAddr>,
    pub(crate) targets: Vec<Hostname>,
}

/// One of `addresses`: IPv4, IPv6, or a target name (R9).
pub(crate) fn address_or_target(
    reader: &mut Reader<'_>,
    node: &Node<'_>,
    path: &Path<'_>,
    found: &mut Addresses,
) {
    let Some(text) = reader.text(node, path, "an IPv4 or IPv6 address, or a target name") else { return };
    if let Ok(address) = text.parse::<IpAddr>() {
        found.addresses.push(address);
    } else if looks_like_an_address(text) {
        not_an_address(reader, node, path, text);
    } else if let Some(name) = target(reader, node, path) {
        found.targets.push(name);
    }
}

/// A name that a CNAME may point to.
pub(crate) fn target(reader: &mut Reader<'_>, node: &Node<'_>, path: &Path<'_>) -> Option<Hostname> {
    let name = hostname(reader, node, path)?;
    if name.is_wildcard() {
        reader.problem(
            path,
            node.at,
            format_args!("{:?} is no target: a CNAME cannot point to a wildcard", &name),
        );
        return None;
    }
    if name.label_count() == 1 {
        let message = format_args!("{name:?} is neither an address nor a fully qualified name");
        reader.problem_with(path, node.at, message, || {
            Some("write the whole name, such as lb.example.net".to_owned())
        });
        return None;
    }
    Some(name)
}

/// An address and nothing else.
pub(crate) fn address(reader: &mut Reader<'_>, node: &Node<'_>, path: &Path<'_>) -> Option<IpAddr> {
    let text = reader.text(node, path, "an IPv4 or IPv6 address as text")?;
    let address = text.parse().ok();
    if address.is_none() {
        not_an_address(reader, node, path, text);
    }
    address
}

fn not_an_address(reader: &mut Reader<'_>, node: &Node<'_>, path: &Path<'_>, text: &str) {
    let message = format_args!("{:?} is no IPv4 or IPv6 address", Shortened(text));
    reader.problem_with(path, node.at, message, || nearest_address(text));
}

/// The address in a text that holds something beside it.
fn nearest_address(text: &str) -> Option<String> {
    let bare = text.trim();
    let bare = bare.split_once("://").map_or(bare, |(_, rest)| rest);
    let without_port: Cow<'_, str> = match bare.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
        Some((inside, _)) => inside.into(),
        None => bare.into(),
    };
    let candidates = [
        Some(&*without_port),
        without_port.split_once(['/', '%']).map(|(address, _)| address),
        // `192.0.2.10:443`; an IPv6 address has several colons.
        without_port.split_once(':').map(|(address, _)| address),
    ];
    let address = candidates.into_iter().flatten().find_map(|candidate| candidate.parse::<IpAddr>().ok());
    if let Some(address) = address {
        return Some(format!("write {address}: the address alone"));
    }
    let octets: Vec<&str> = bare.split('.').collect();
    if octets.len() == 4 && octets.iter().any(|octet| octet.parse::<u64>().is_ok_and(|octet| octet > 255)) {
        return Some("each part of an IPv4 address is 0 to 255".to_owned());
    }
    let stripped: Option<Vec<String>> =
        octets.iter().map(|octet| octet.parse::<u8>().ok().map(|octet| octet.to_string())).collect();
    let stripped = stripped?.join(".");
    (stripped != bare && stripped.parse::<IpAddr>().is_ok())
        .then(|| format!("write {stripped}: zeros in front are read as octal by some programs"))
}
