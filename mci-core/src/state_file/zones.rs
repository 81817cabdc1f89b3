//! One of `zones`, its name servers and its static records.

use core::net::IpAddr;

use crate::hostname::Hostname;
use crate::hostname_state::Ttl;
use crate::record_type::RecordType;
use crate::state_file::hostnames::ttl;
use crate::state_file::names;
use crate::state_file::node::{Node, Place, Shortened, Value};
use crate::state_file::reader::{Path, Reader, keys};
use crate::zone::{NameServer, StaticData, StaticRecord, Zone};

/// Seconds: MINIMUM and the TTL of negative answers (D6).
const NEGATIVE_TTL: Ttl = Ttl::DEFAULT;
/// Seconds: the TTL of NS, glue and SOA (D8).
const ZONE_TTL: u32 = 3_600;

keys!(ZoneKey {
    Name = "name",
    NameServers = "nameservers",
    ResponsibleEmail = "responsibleEmail",
    NegativeTtl = "negativeTtl",
    Ttl = "ttl",
    Records = "records",
    AcmeDelegation = "acmeDelegation",
});

keys!(NameServerKey { Name = "name", Addresses = "addresses" });

keys!(RecordKey { Name = "name", Type = "type", Value = "value", Ttl = "ttl" });

/// A zone, and where its parts stand.
#[derive(Clone, Debug)]
pub(crate) struct ZoneEntry {
    pub(crate) zone: Zone,
    pub(crate) at: Place,
    /// Of those that could be read: the position in the file's list, and the place.
    pub(crate) name_servers: Vec<(usize, Place)>,
    pub(crate) records: Vec<(usize, Place)>,
    pub(crate) responsible_email: Place,
    pub(crate) acme_delegation: Place,
    /// Whether something in it could not be read.
    pub(crate) is_flawed: bool,
}

/// A zone that has nothing but a name.
fn bare(name: Hostname) -> Zone {
    Zone {
        // RFC 2142 §7.
        responsible_email: format!("hostmaster@{name}"),
        name,
        name_servers: Vec::new(),
        negative_ttl: NEGATIVE_TTL,
        ttl: Ttl::new(ZONE_TTL).expect("an hour is less than a week"),
        records: Vec::new(),
        acme_delegation: None,
    }
}

pub(crate) fn zone(reader: &mut Reader<'_>, node: &Node<'_>, path: &Path<'_>) -> Option<ZoneEntry> {
    let entry = |zone, at| ZoneEntry {
        zone,
        at,
        name_servers: Vec::new(),
        records: Vec::new(),
        responsible_email: at,
        acme_delegation: at,
        is_flawed: false,
    };
    if let Value::Text(_) = &node.value {
        // `zones: [gslb.example.com]`
        return names::hostname(reader, node, path).map(|name| entry(bare(name), node.at));
    }
    // The name comes first: records are relative to it.
    let name = match &node.value {
        Value::Map(entries) => entries.iter().find(|(key, _)| key.text == "name"),
        _ => None,
    };
    let name =
        name.and_then(|(key, node)| Some((names::hostname(reader, node, &path.key(&key.text))?, node.at)));
    let (zone, at) = name.map_or((None, node.at), |(name, at)| (Some(bare(name)), at));
    let has_name = zone.is_some();
    // Where the name is wrong the rest is read for its own mistakes only.
    let nameless = || bare("invalid".parse().expect("a reserved name (RFC 2606)"));
    let mut read = entry(zone.unwrap_or_else(nameless), at);
    let given = reader.map(node, path, |reader, key, node, path| match key {
        ZoneKey::Name => {}
        ZoneKey::NameServers => {
            let mut index = 0..;
            reader.list(node, path, "a list of name servers", |reader, node, path| {
                let index = index.next().unwrap_or_default();
                if let Some(server) = name_server(reader, node, path) {
                    read.zone.name_servers.push(server);
                    read.name_servers.push((index, node.at));
                }
            });
        }
        ZoneKey::ResponsibleEmail => {
            read.responsible_email = node.at;
            if let Some(email) = reader.text(node, path, "a mail address as text") {
                email.clone_into(&mut read.zone.responsible_email);
            }
        }
        ZoneKey::NegativeTtl => read.zone.negative_ttl = ttl(reader, node, path).unwrap_or(NEGATIVE_TTL),
        ZoneKey::Ttl => read.zone.ttl = ttl(reader, node, path).unwrap_or(read.zone.ttl),
        ZoneKey::Records => {
            let mut index = 0..;
            reader.list(node, path, "a list of records", |reader, node, path| {
                let index = index.next().unwrap_or_default();
                if let Some(record) = record(reader, node, path, &read.zone.name) {
                    read.zone.records.push(record);
                    read.records.push((index, node.at));
                }
            });
        }
        ZoneKey::AcmeDelegation => {
            read.acme_delegation = node.at;
            read.zone.acme_delegation = names::hostname(reader, node, path);
        }
    })?;
    if !ZoneKey::Name.is_in(given) {
        reader.problem(path, node.at, "the key \"name\" is missing");
    }
    has_name.then_some(read)
}

fn name_server(reader: &mut Reader<'_>, node: &Node<'_>, path: &Path<'_>) -> Option<NameServer> {
    if let Value::Text(_) = &node.value {
        return Some(NameServer { name: names::hostname(reader, node, path)?, addresses: Vec::new() });
    }
    let mut name = None;
    let mut addresses: Vec<IpAddr> = Vec::new();
    let given = reader.map(node, path, |reader, key, node, path| match key {
        NameServerKey::Name => name = names::hostname(reader, node, path),
        NameServerKey::Addresses => reader.list(node, path, "a list of addresses", |reader, node, path| {
            addresses.extend(names::address(reader, node, path));
        }),
    })?;
    if !NameServerKey::Name.is_in(given) {
        reader.problem(path, node.at, "the key \"name\" is missing");
    }
    Some(NameServer { name: name?, addresses })
}

/// The types of static records (D34).
const TYPES: &[(&str, RecordType)] = &[
    ("A", RecordType::A),
    ("AAAA", RecordType::AAAA),
    ("CNAME", RecordType::CNAME),
    ("TXT", RecordType::TXT),
    ("MX", RecordType::MX),
    ("CAA", RecordType::CAA),
    ("NS", RecordType::NS),
];

fn record(
    reader: &mut Reader<'_>,
    node: &Node<'_>,
    path: &Path<'_>,
    zone: &Hostname,
) -> Option<StaticRecord> {
    let mut name = None;
    let mut record_type = None;
    let mut value = None;
    let mut record_ttl = None;
    let given = reader.map(node, path, |reader, key, node, path| match key {
        RecordKey::Name => name = owner(reader, node, path, zone),
        RecordKey::Type => record_type = reader.word(node, path, TYPES),
        RecordKey::Value => value = Some(node),
        RecordKey::Ttl => record_ttl = ttl(reader, node, path),
    })?;
    for (key, text) in [(RecordKey::Name, "name"), (RecordKey::Type, "type"), (RecordKey::Value, "value")] {
        if !key.is_in(given) {
            reader.problem(path, node.at, format_args!("the key {text:?} is missing"));
        }
    }
    let data = data(reader, value?, &path.key("value"), record_type?)?;
    Some(StaticRecord { name: name?, ttl: record_ttl, data })
}

/// A record's owner: relative to the zone, `@` for its apex, with a final dot as it stands.
fn owner(reader: &mut Reader<'_>, node: &Node<'_>, path: &Path<'_>, zone: &Hostname) -> Option<Hostname> {
    let text = reader.text(node, path, "a name as text")?;
    if text == "@" {
        return Some(zone.clone());
    }
    let name = names::hostname(reader, node, path)?;
    if text.ends_with('.') {
        return Some(name);
    }
    if name.is_within(zone) {
        reader.problem_with(
            path,
            node.at,
            format_args!("names are relative to the zone: this one would be {name}.{zone}"),
            || Some(format!("write {:?}, or the whole name with a final dot", relative(&name, zone))),
        );
        return None;
    }
    match zone.child(&name.to_string()) {
        Ok(name) => Some(name),
        Err(error) => {
            reader.problem(path, node.at, error);
            None
        }
    }
}

/// A name within a zone as its records write it.
pub(crate) fn relative(name: &Hostname, zone: &Hostname) -> String {
    if name == zone {
        return "@".to_owned();
    }
    let text = name.to_string();
    match text.strip_suffix(&format!(".{zone}")) {
        Some(relative) => relative.to_owned(),
        None => format!("{text}."),
    }
}

fn data(
    reader: &mut Reader<'_>,
    node: &Node<'_>,
    path: &Path<'_>,
    record_type: RecordType,
) -> Option<StaticData> {
    match record_type {
        RecordType::TXT => txt(reader, node, path).map(StaticData::Txt),
        RecordType::A | RecordType::AAAA => {
            let address = names::address(reader, node, path)?;
            if address.is_ipv4() != (record_type == RecordType::A) {
                let other = if address.is_ipv4() { "IPv4: type A" } else { "IPv6: type AAAA" };
                reader.problem(path, node.at, format_args!("{address} is {other}, not {record_type}"));
                return None;
            }
            Some(StaticData::Address(address))
        }
        RecordType::CNAME => names::target(reader, node, path).map(StaticData::Cname),
        RecordType::NS => names::target(reader, node, path).map(StaticData::Ns),
        RecordType::MX => mx(reader, node, path),
        _ => caa(reader, node, path),
    }
}

/// One text, cut into strings of 255 octets, or a list of strings.
fn txt(reader: &mut Reader<'_>, node: &Node<'_>, path: &Path<'_>) -> Option<Vec<Vec<u8>>> {
    let Value::List(_) = &node.value else {
        return Some(strings(reader.text(node, path, "a text, or a list of texts")?));
    };
    let mut texts = Vec::new();
    reader.list(node, path, "a list of texts", |reader, node, path| {
        let Some(text) = reader.text(node, path, "a text") else { return };
        if text.len() > MAX_STRING {
            let message = format_args!("{} octets; one string of a TXT record has at most 255", text.len());
            reader.problem_with(path, node.at, message, || {
                Some("write one text: it is cut by itself".to_owned())
            });
        }
        texts.push(text.as_bytes().to_vec());
    });
    if texts.is_empty() {
        reader.problem(path, node.at, "a TXT record has at least one string");
    }
    Some(texts)
}

/// RFC 1035 §3.3: one octet of length.
const MAX_STRING: usize = 255;

fn strings(mut text: &str) -> Vec<Vec<u8>> {
    let mut strings = Vec::new();
    loop {
        // Not within a character, so that each string is text when it is written again.
        let (string, rest) = text.split_at(text.floor_char_boundary(MAX_STRING));
        strings.push(string.as_bytes().to_vec());
        text = rest;
        if text.is_empty() {
            return strings;
        }
    }
}

fn mx(reader: &mut Reader<'_>, node: &Node<'_>, path: &Path<'_>) -> Option<StaticData> {
    let text = reader.text(node, path, "a preference and a name as text")?;
    let parts: Vec<&str> = text.split_whitespace().collect();
    let (preference, exchange) = match parts.as_slice() {
        [preference, exchange] => (preference.parse::<u16>().ok(), *exchange),
        _ => (None, ""),
    };
    let Some(preference) = preference else {
        let message = format_args!("{:?} is no MX record: write \"10 mail.example.com\"", Shortened(text));
        reader.problem(path, node.at, message);
        return None;
    };
    if exchange == "." {
        // RFC 7505: no mail.
        return Some(StaticData::Mx { preference, exchange: None });
    }
    match crate::text::hostname(exchange) {
        Ok(exchange) => Some(StaticData::Mx { preference, exchange: Some(exchange) }),
        Err(error) => {
            reader.problem(path, node.at, error);
            None
        }
    }
}

fn caa(reader: &mut Reader<'_>, node: &Node<'_>, path: &Path<'_>) -> Option<StaticData> {
    let text = reader.text(node, path, "a CAA record as text")?;
    let parse = || {
        let (flags, rest) = text.trim().split_once(char::is_whitespace)?;
        let (tag, value) = rest.trim_start().split_once(char::is_whitespace)?;
        let value = value.trim();
        let value = value.strip_prefix('"').and_then(|value| value.strip_suffix('"')).unwrap_or(value);
        // RFC 8659 §4.1: a tag is letters and digits.
        let tag =
            (!tag.is_empty() && tag.bytes().all(|octet| octet.is_ascii_alphanumeric())).then_some(tag)?;
        let (tag, value) = (tag.to_owned(), value.as_bytes().to_vec());
        Some(StaticData::Caa { flags: flags.parse().ok()?, tag, value })
    };
    let data = parse();
    if data.is_none() {
        let message =
            format_args!("{:?} is no CAA record: write '0 issue \"ca.example.net\"'", Shortened(text));
        reader.problem(path, node.at, message);
    }
    data
}
