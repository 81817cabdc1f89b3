//! A snapshot as a state file.
//!
//! What is written reads back as the same snapshot, with one exception: octets in a TXT or CAA record that are no
//! UTF-8, which only a program can have put there, become U+FFFD.

use core::net::IpAddr;

use serde::{Serialize, Serializer};
use serde_saphyr::FlowSeq;

use crate::cluster::{ClusterId, ClusterState, Override, OverrideState};
use crate::hostname::Hostname;
use crate::hostname_state::{AnswerMode, DEFAULT_WEIGHT, Endpoint, Policy, WhenAllDown};
use crate::settings::{DEFAULT_MAX_ADDRESSES, OutsideZones, Settings};
use crate::snapshot::Snapshot;
use crate::state_file::clusters::Time;
use crate::state_file::document::VERSION;
use crate::state_file::zones::relative;
use crate::zone::{NameServer, StaticData, StaticRecord, Zone};

/// As YAML.
pub(crate) fn yaml(snapshot: &Snapshot) -> String {
    let options = serde_saphyr::ser_options! {
        // `192.0.2.1` without quotes, as people write it: YAML 1.1 took it for a number in some readers.
        yaml_12: true,
        no_lang_directive: true,
        compact_list_indent: false,
        // Every text on its own line, whatever is in it.
        prefer_block_scalars: false,
    };
    let document = Document::new(snapshot, Order::ByName);
    serde_saphyr::to_string_with_options(&document, options).expect("a state has text keys and no cycles")
}

/// As JSON.
pub(crate) fn json(snapshot: &Snapshot) -> String {
    let document = Document::new(snapshot, Order::ByName);
    let mut text = serde_json::to_string(&document).expect("a state has text keys");
    text.push('\n');
    text
}

/// As JSON behind `begin`, hostnames in whatever order they are held.
pub(crate) fn json_behind(begin: Vec<u8>, snapshot: &Snapshot) -> Vec<u8> {
    let mut octets = begin;
    serde_json::to_writer(&mut octets, &Document::new(snapshot, Order::AsHeld))
        .expect("a state has text keys");
    octets
}

/// How hostnames are ordered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Order {
    /// So that two files can be compared.
    ByName,
    /// So that nothing is kept beside the text.
    AsHeld,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Document<'s> {
    version: u32,
    #[serde(skip_serializing_if = "Option::is_none")]
    serial: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    dns_server_name: Option<Text<&'s Hostname>>,
    #[serde(skip_serializing_if = "is_default")]
    outside_zones: OutsideZones,
    #[serde(skip_serializing_if = "Option::is_none")]
    max_addresses: Option<usize>,
    zones: Vec<ZoneOut<'s>>,
    defaults: Defaults,
    clusters: Vec<ClusterOut<'s>>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    overrides: Vec<HostnameOverrideOut<'s>>,
    hostnames: HostnamesOut<'s>,
}

impl<'s> Document<'s> {
    fn new(snapshot: &'s Snapshot, order: Order) -> Self {
        let Settings { ttl, answer_mode, when_all_down, outside_zones, dns_server_name, max_addresses } =
            snapshot.settings();
        Self {
            version: VERSION,
            serial: newest_serial(snapshot),
            dns_server_name: dns_server_name.as_ref().map(Text),
            outside_zones: *outside_zones,
            max_addresses: (*max_addresses != DEFAULT_MAX_ADDRESSES).then_some(*max_addresses),
            zones: snapshot.zones().iter().map(ZoneOut::new).collect(),
            defaults: Defaults {
                ttl: ttl.seconds(),
                answer_mode: *answer_mode,
                when_all_down: *when_all_down,
            },
            clusters: snapshot.clusters().map(|cluster| ClusterOut::new(snapshot, cluster)).collect(),
            overrides: elsewhere(snapshot),
            hostnames: HostnamesOut { snapshot, order },
        }
    }
}

/// The newest serial, if there is any (D7).
fn newest_serial(snapshot: &Snapshot) -> Option<u32> {
    let zones = (0..=u16::MAX).map_while(|at| snapshot.zone_at(at).map(|_| snapshot.serial(Some(at))));
    zones.chain([snapshot.serial(None)]).max().filter(|serial| *serial > 0)
}

/// Overrides that no endpoint of their hostname can carry.
fn elsewhere(snapshot: &Snapshot) -> Vec<HostnameOverrideOut<'_>> {
    let has_endpoint = |hostname: &Hostname, cluster: &ClusterId| {
        let state = snapshot.hostname_state(hostname);
        state.is_some_and(|state| state.endpoints.iter().any(|endpoint| endpoint.cluster == *cluster))
    };
    snapshot
        .overrides
        .iter()
        .filter_map(|(hostname, at, held_back)| Some((hostname, snapshot.cluster_at(at)?, held_back)))
        .filter(|(hostname, cluster, _)| !has_endpoint(hostname, cluster))
        .map(|(hostname, cluster, held_back)| HostnameOverrideOut {
            hostname: Text(hostname),
            cluster: cluster.as_str(),
            held_back: Fields::new(held_back),
        })
        .collect()
}

/// Written as its text.
#[derive(Clone, Copy)]
struct Text<T>(T);

impl<T: core::fmt::Display> Serialize for Text<T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(&self.0)
    }
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Defaults {
    ttl: u32,
    answer_mode: AnswerMode,
    when_all_down: WhenAllDown,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct ZoneOut<'s> {
    name: Text<&'s Hostname>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    nameservers: Vec<NameServerOut<'s>>,
    responsible_email: &'s str,
    negative_ttl: u32,
    ttl: u32,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    records: Vec<RecordOut<'s>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    acme_delegation: Option<Text<&'s Hostname>>,
}

impl<'s> ZoneOut<'s> {
    fn new(zone: &'s Zone) -> Self {
        let Zone { name, name_servers, responsible_email, negative_ttl, ttl, records, acme_delegation } =
            zone;
        Self {
            name: Text(name),
            nameservers: name_servers.iter().map(NameServerOut::new).collect(),
            responsible_email,
            negative_ttl: negative_ttl.seconds(),
            ttl: ttl.seconds(),
            records: records.iter().map(|record| RecordOut::new(record, name)).collect(),
            acme_delegation: acme_delegation.as_ref().map(Text),
        }
    }
}

#[derive(Serialize)]
#[serde(untagged)]
enum NameServerOut<'s> {
    Name(Text<&'s Hostname>),
    WithAddresses { name: Text<&'s Hostname>, addresses: FlowSeq<&'s [IpAddr]> },
}

impl<'s> NameServerOut<'s> {
    fn new(NameServer { name, addresses }: &'s NameServer) -> Self {
        if addresses.is_empty() {
            Self::Name(Text(name))
        } else {
            Self::WithAddresses { name: Text(name), addresses: FlowSeq(addresses) }
        }
    }
}

#[derive(Serialize)]
struct RecordOut<'s> {
    name: String,
    #[serde(rename = "type")]
    record_type: Text<crate::record_type::RecordType>,
    value: ValueOut<'s>,
    #[serde(skip_serializing_if = "Option::is_none")]
    ttl: Option<u32>,
}

#[derive(Serialize)]
#[serde(untagged)]
enum ValueOut<'s> {
    Text(String),
    Texts(Vec<std::borrow::Cow<'s, str>>),
}

impl<'s> RecordOut<'s> {
    fn new(StaticRecord { name, ttl, data }: &'s StaticRecord, zone: &Hostname) -> Self {
        let value = match data {
            StaticData::Address(address) => ValueOut::Text(address.to_string()),
            StaticData::Cname(name) | StaticData::Ns(name) => ValueOut::Text(name.to_string()),
            StaticData::Txt(texts) => {
                ValueOut::Texts(texts.iter().map(|text| String::from_utf8_lossy(text)).collect())
            }
            StaticData::Mx { preference, exchange: Some(name) } => {
                ValueOut::Text(format!("{preference} {name}"))
            }
            StaticData::Mx { preference, exchange: None } => ValueOut::Text(format!("{preference} .")),
            StaticData::Caa { flags, tag, value } => {
                ValueOut::Text(format!("{flags} {tag} \"{}\"", String::from_utf8_lossy(value)))
            }
        };
        Self {
            name: relative(name, zone),
            record_type: Text(data.record_type()),
            value,
            ttl: ttl.map(crate::hostname_state::Ttl::seconds),
        }
    }
}

#[derive(Serialize)]
struct ClusterOut<'s> {
    name: &'s str,
    #[serde(skip_serializing_if = "is_default")]
    state: ClusterState,
    #[serde(rename = "override", skip_serializing_if = "Option::is_none")]
    held_back: Option<OverrideOut<'s>>,
}

impl<'s> ClusterOut<'s> {
    fn new(snapshot: &'s Snapshot, cluster: &'s ClusterId) -> Self {
        let status = snapshot.cluster_status(cluster);
        Self {
            name: cluster.as_str(),
            state: status.map(|status| status.state).unwrap_or_default(),
            held_back: status.and_then(|status| status.held_back.as_ref()).map(OverrideOut::new),
        }
    }
}

/// A word where there is nothing to say beside it.
#[derive(Serialize)]
#[serde(untagged)]
enum OverrideOut<'s> {
    Word(OverrideState),
    Fields(Fields<'s>),
}

#[derive(Serialize)]
struct Fields<'s> {
    state: OverrideState,
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<&'s str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    by: Option<&'s str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    until: Option<Time>,
}

impl<'s> Fields<'s> {
    fn new(Override { state, reason, by, until }: &'s Override) -> Self {
        Self { state: *state, reason: reason.as_deref(), by: by.as_deref(), until: until.map(Time) }
    }
}

impl<'s> OverrideOut<'s> {
    fn new(held_back: &'s Override) -> Self {
        match Fields::new(held_back) {
            Fields { state, reason: None, by: None, until: None } => Self::Word(state),
            fields => Self::Fields(fields),
        }
    }
}

#[derive(Serialize)]
struct HostnameOverrideOut<'s> {
    hostname: Text<&'s Hostname>,
    cluster: &'s str,
    #[serde(flatten)]
    held_back: Fields<'s>,
}

/// Written one by one: no copy of all of them is made.
struct HostnamesOut<'s> {
    snapshot: &'s Snapshot,
    order: Order,
}

impl Serialize for HostnamesOut<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let one = |hostname: Hostname| HostnameOut { snapshot: self.snapshot, hostname };
        match self.order {
            Order::AsHeld => serializer.collect_seq(self.snapshot.hostnames().map(one)),
            Order::ByName => {
                let mut hostnames: Vec<Hostname> = self.snapshot.hostnames().collect();
                hostnames.sort_by_cached_key(ToString::to_string);
                serializer.collect_seq(hostnames.into_iter().map(one))
            }
        }
    }
}

struct HostnameOut<'s> {
    snapshot: &'s Snapshot,
    hostname: Hostname,
}

impl Serialize for HostnameOut<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        #[derive(Serialize)]
        struct Entry<'s> {
            hostname: Text<&'s Hostname>,
            #[serde(flatten)]
            policy: PolicyOut<'s>,
            endpoints: Vec<EndpointOut<'s>>,
        }
        let state = self.snapshot.hostname_state(&self.hostname).expect("a hostname that is listed is held");
        let endpoint = |endpoint| EndpointOut::new(self.snapshot, &self.hostname, endpoint);
        Entry {
            hostname: Text(&self.hostname),
            policy: PolicyOut::new(&state.policy),
            endpoints: state.endpoints.iter().map(endpoint).collect(),
        }
        .serialize(serializer)
    }
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct PolicyOut<'s> {
    #[serde(skip_serializing_if = "Option::is_none")]
    ttl: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    answer_mode: Option<AnswerMode>,
    #[serde(skip_serializing_if = "Option::is_none")]
    when_all_down: Option<WhenAllDown>,
    #[serde(skip_serializing_if = "is_empty")]
    fallback: FlowSeq<&'s [IpAddr]>,
}

impl<'s> PolicyOut<'s> {
    fn new(Policy { ttl, answer_mode, when_all_down, fallback }: &'s Policy) -> Self {
        Self {
            ttl: ttl.map(crate::hostname_state::Ttl::seconds),
            answer_mode: *answer_mode,
            when_all_down: *when_all_down,
            fallback: FlowSeq(fallback),
        }
    }
}

#[derive(Serialize)]
struct EndpointOut<'s> {
    cluster: &'s str,
    #[serde(skip_serializing_if = "is_empty")]
    addresses: FlowSeq<&'s [IpAddr]>,
    #[serde(skip_serializing_if = "is_empty")]
    targets: FlowSeq<Vec<Text<&'s Hostname>>>,
    #[serde(skip_serializing_if = "is_default")]
    priority: i64,
    #[serde(skip_serializing_if = "Option::is_none")]
    weight: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    ready: Option<bool>,
    #[serde(rename = "override", skip_serializing_if = "Option::is_none")]
    held_back: Option<OverrideOut<'s>>,
    #[serde(flatten)]
    policy: PolicyOut<'s>,
    #[serde(skip_serializing_if = "is_default")]
    changed: u32,
}

impl<'s> EndpointOut<'s> {
    fn new(snapshot: &'s Snapshot, hostname: &Hostname, endpoint: &'s Endpoint) -> Self {
        let Endpoint { cluster, addresses, targets, priority, weight, ready, policy, changed } = endpoint;
        Self {
            cluster: cluster.as_str(),
            addresses: FlowSeq(addresses),
            targets: FlowSeq(targets.iter().map(Text).collect()),
            priority: *priority,
            weight: (*weight != DEFAULT_WEIGHT).then_some(*weight),
            ready: (!ready).then_some(false),
            held_back: snapshot.hostname_override(hostname, cluster).map(OverrideOut::new),
            policy: PolicyOut::new(policy),
            changed: *changed,
        }
    }
}

fn is_default<T: Default + PartialEq>(value: &T) -> bool {
    *value == T::default()
}

fn is_empty<T: AsRef<[I]>, I>(list: &FlowSeq<T>) -> bool {
    list.0.as_ref().is_empty()
}
