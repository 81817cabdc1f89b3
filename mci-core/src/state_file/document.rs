//! One or several files as one state: what stands in which of them, and what may not stand in two.

use core::fmt;
use core::ops::ControlFlow;
use std::collections::BTreeMap;

use hashbrown::HashMap;

use crate::builder::Builder;
use crate::hostname::Hostname;
use crate::hostname_state::{Policy, WhenAllDown};
use crate::settings::{OutsideZones, Settings};
use crate::snapshot::Snapshot;
use crate::state_file::clusters::{self, ClusterEntry, HostnameOverride};
use crate::state_file::hostnames::{self, ANSWER_MODES, HostnameEntry, WHEN_ALL_DOWN};
use crate::state_file::names::{self, Clusters};
use crate::state_file::node::{Key, Node, Place, Value};
use crate::state_file::problem::{Collected, Problem};
use crate::state_file::reader::{Given, Path, Reader, keys};
use crate::state_file::reading;
use crate::state_file::stream::Detail;
use crate::state_file::text::Text;
use crate::state_file::zones::{self, ZoneEntry};
use crate::zones::{ZonePlace, ZoneProblem, Zones};

keys!(
    /// The top level.
    TopKey {
        Version = "version",
        Zones = "zones",
        Defaults = "defaults",
        Clusters = "clusters",
        Hostnames = "hostnames",
        DnsServerName = "dnsServerName",
        OutsideZones = "outsideZones",
        MaxAddresses = "maxAddresses",
        Overrides = "overrides",
        Serial = "serial",
        Checksum = "checksum",
    }
);

keys!(DefaultsKey { Ttl = "ttl", AnswerMode = "answerMode", WhenAllDown = "whenAllDown" });

pub(crate) const OUTSIDE_ZONES: &[(&str, OutsideZones)] = &[
    ("refused", OutsideZones::Refused),
    ("nxdomain", OutsideZones::Nxdomain),
    ("notFound", OutsideZones::NotFound),
];

/// The format that this program reads and writes.
pub(crate) const VERSION: u32 = 1;

/// How many mistakes are counted before the rest of a file is not looked at.
const MOST_PROBLEMS: usize = 100_000;

/// As many AAAA records as one message of 65,535 octets surely holds (D24).
pub(crate) const MOST_ADDRESSES: i128 = 2_000;

/// Everything but hostnames.
#[derive(Debug, Default)]
pub(crate) struct Head {
    pub(crate) settings: Settings,
    pub(crate) zones: Vec<InFile<ZoneEntry>>,
    pub(crate) clusters: Vec<ClusterEntry>,
    pub(crate) overrides: Vec<HostnameOverride>,
    /// The least serial of SOA records (D7).
    pub(crate) serial: Option<u32>,
    /// Whether `clusters` is present in any file.
    clusters_closed: bool,
    /// Where a name was first given, as text for a message.
    zone_places: BTreeMap<Hostname, String>,
    cluster_places: BTreeMap<String, String>,
    /// Each setting that was given: its value as text, and where.
    settings_given: BTreeMap<&'static str, (String, String)>,
    /// The keys of the file that was read last, and of its `defaults`.
    given: Given,
    defaults_given: Given,
}

/// Something, and which of the files has it, at which position of its list.
#[derive(Debug)]
pub(crate) struct InFile<T> {
    pub(crate) file: usize,
    pub(crate) index: usize,
    pub(crate) entry: T,
}

impl Head {
    /// Reads the top level of one file, `hostnames` excepted: that node comes back.
    pub(crate) fn read<'n, 'a>(
        &mut self,
        reader: &mut Reader<'_>,
        entries: &'n [(Key<'a>, Node<'a>)],
        path: &Path<'_>,
        file: usize,
    ) -> Option<&'n Node<'a>> {
        let mut hostnames = None;
        let given = reader.entries(entries, path, |reader, key, node, path| match key {
            TopKey::Version => {
                let version = i128::from(VERSION);
                reader.integer::<u32>(node, path, (version, version), "the version of the format");
            }
            TopKey::Zones => self.read_zones(reader, node, path, file),
            TopKey::Defaults => self.read_defaults(reader, node, path),
            TopKey::Clusters => self.read_clusters(reader, node, path),
            TopKey::Hostnames => hostnames = Some(node),
            TopKey::DnsServerName => {
                if let Some(name) = names::hostname(reader, node, path)
                    && self.first(reader, "dnsServerName", &name, node, path)
                {
                    self.settings.dns_server_name = Some(name);
                }
            }
            TopKey::OutsideZones => {
                if let Some(value) = reading::outside_zones(reader, node, path)
                    && self.first(reader, "outsideZones", &word_of(OUTSIDE_ZONES, &value), node, path)
                {
                    self.settings.outside_zones = value;
                }
            }
            TopKey::MaxAddresses => {
                if let Some(value) = reading::max_addresses(reader, node, path)
                    && self.first(reader, "maxAddresses", &value, node, path)
                {
                    self.settings.max_addresses = value;
                }
            }
            TopKey::Overrides => reader.list(node, path, "a list of overrides", |reader, node, path| {
                self.overrides.extend(clusters::hostname_override(reader, node, path));
            }),
            // A snapshot file is a state file: who reads it as one has asked for what is in it.
            TopKey::Checksum => {}
            TopKey::Serial => {
                let serial = reader.integer(node, path, (0, u32::MAX.into()), "the serial of SOA records");
                self.serial = self.serial.max(serial);
            }
        });
        self.given = given;
        hostnames
    }

    fn read_defaults(&mut self, reader: &mut Reader<'_>, node: &Node<'_>, path: &Path<'_>) {
        if matches!(node.value, Value::Null) {
            return;
        }
        let given = reader.map(node, path, |reader, key, node, path| match key {
            DefaultsKey::Ttl => {
                if let Some(ttl) = hostnames::ttl(reader, node, path)
                    && self.first(reader, "defaults.ttl", &ttl, node, path)
                {
                    self.settings.ttl = ttl;
                }
            }
            DefaultsKey::AnswerMode => {
                if let Some(mode) = reading::answer_mode(reader, node, path)
                    && self.first(reader, "defaults.answerMode", &word_of(ANSWER_MODES, &mode), node, path)
                {
                    self.settings.answer_mode = mode;
                }
            }
            DefaultsKey::WhenAllDown => {
                if let Some(when) = reading::when_all_down(reader, node, path)
                    && self.first(reader, "defaults.whenAllDown", &word_of(WHEN_ALL_DOWN, &when), node, path)
                {
                    self.settings.when_all_down = when;
                }
            }
        });
        self.defaults_given = given.unwrap_or_default();
    }

    /// Whether a setting is new; one that another file gives differently is a problem.
    fn first(
        &mut self,
        reader: &mut Reader<'_>,
        setting: &'static str,
        value: &impl fmt::Display,
        node: &Node<'_>,
        path: &Path<'_>,
    ) -> bool {
        let value = value.to_string();
        match self.settings_given.get(setting) {
            Some((other, place)) if *other != value => {
                reader.problem(path, node.at, format_args!("{value} here, and {other} at {place}"));
                false
            }
            Some(_) => false,
            None => {
                self.settings_given.insert(setting, (value, reader.place_text(node.at)));
                true
            }
        }
    }

    pub(crate) fn read_zones(
        &mut self,
        reader: &mut Reader<'_>,
        node: &Node<'_>,
        path: &Path<'_>,
        file: usize,
    ) {
        let mut index = 0;
        reader.list(node, path, "a list of zones", |reader, node, path| {
            let problems = reader.problem_count();
            if let Some(mut entry) = zones::zone(reader, node, path) {
                entry.is_flawed = reader.problem_count() > problems;
                let name = &entry.zone.name;
                if let Some(place) = self.zone_places.get(name) {
                    reader.problem(path, entry.at, format_args!("zone {name} is also at {place}"));
                } else {
                    self.zone_places.insert(name.clone(), reader.place_text(entry.at));
                    self.zones.push(InFile { file, index, entry });
                }
            }
            index += 1;
        });
    }

    fn read_clusters(&mut self, reader: &mut Reader<'_>, node: &Node<'_>, path: &Path<'_>) {
        self.clusters_closed = true;
        reader.list(node, path, "a list of clusters", |reader, node, path| {
            let Some(entry) = clusters::cluster(reader, node, path) else { return };
            let name = entry.name.as_str();
            if let Some(place) = self.cluster_places.get(name) {
                reader.problem(path, entry.at, format_args!("cluster {name} is also at {place}"));
            } else {
                self.cluster_places.insert(name.to_owned(), reader.place_text(entry.at));
                self.clusters.push(entry);
            }
        });
    }

    /// Whether the file that was read last has this key.
    pub(crate) fn has(&self, key: TopKey) -> bool {
        key.is_in(self.given)
    }

    /// Whether its `defaults` have this key.
    pub(crate) fn has_default(&self, key: DefaultsKey) -> bool {
        key.is_in(self.defaults_given)
    }

    /// Whether `clusters` is present in any file.
    pub(crate) fn lists_clusters(&self) -> bool {
        self.clusters_closed
    }

    /// The clusters that hostnames may name.
    pub(crate) fn clusters(&self) -> Clusters {
        let mut clusters = Clusters::default();
        for entry in &self.clusters {
            clusters.declare(entry.name.clone());
        }
        if self.clusters_closed {
            clusters.close();
        }
        clusters
    }

    /// The zones, where nothing is wrong with them.
    pub(crate) fn zones(&self, mut report: impl FnMut(&InFile<ZoneEntry>, &ZoneProblem)) -> Zones {
        let zones = self.zones.iter().map(|zone| zone.entry.zone.clone()).collect();
        match Zones::new(zones, self.settings.dns_server_name.as_ref()) {
            Ok(zones) => zones,
            Err(problems) => {
                for problem in &problems {
                    let zone = self.zones.get(problem.zone);
                    // What a zone lacks may be what could not be read.
                    let follows =
                        |zone: &InFile<ZoneEntry>| zone.entry.is_flawed && problem.place == ZonePlace::Zone;
                    if let Some(zone) = zone.filter(|zone| !follows(zone)) {
                        report(zone, problem);
                    }
                }
                Zones::default()
            }
        }
    }
}

/// Reports what the zones' own check found, at its place.
pub(crate) fn report_zone(
    texts: &[Text<'_>],
    zone: &InFile<ZoneEntry>,
    problem: &ZoneProblem,
    into: &mut Collected,
) {
    if let Some(text) = texts.get(zone.file) {
        report_zone_in(text, &Path::Root, zone, problem, into);
    }
}

/// The same for a state that stands below `path`.
pub(crate) fn report_zone_in(
    text: &Text<'_>,
    path: &Path<'_>,
    zone: &InFile<ZoneEntry>,
    problem: &ZoneProblem,
    into: &mut Collected,
) {
    let InFile { file: _, index, entry } = zone;
    let top = path.key("zones");
    let path = top.index(*index);
    let place =
        |places: &[(usize, Place)], index: usize| places.get(index).copied().unwrap_or((index, entry.at));
    let (at, path) = match problem.place {
        ZonePlace::Zone => (entry.at, path.to_string()),
        ZonePlace::NameServer(i) => {
            let (index, at) = place(&entry.name_servers, i);
            (at, format!("{path}.nameservers[{index}]"))
        }
        ZonePlace::Record(i) => {
            let (index, at) = place(&entry.records, i);
            (at, format!("{path}.records[{index}]"))
        }
        ZonePlace::ResponsibleEmail => (entry.responsible_email, format!("{path}.responsibleEmail")),
        ZonePlace::AcmeDelegation => (entry.acme_delegation, format!("{path}.acmeDelegation")),
    };
    let (line, column) = text.line_and_column(at);
    let message = problem.message.clone();
    into.push(|| Problem { file: text.name.clone(), line, column, path, message, hint: None });
}

/// Hostnames, into a snapshot.
#[derive(Debug)]
pub(crate) struct Body {
    builder: Builder,
    clusters: Clusters,
    zones: Zones,
    fallback_by_default: bool,
    /// Where each hostname stands, as text; in the thorough pass only.
    places: HashMap<Hostname, Box<str>, foldhash::fast::FixedState>,
    detail: Detail,
}

impl Body {
    pub(crate) fn new(head: &Head, zones: Zones, detail: Detail) -> Self {
        let mut builder = Builder::new(head.settings.clone(), zones.clone());
        for entry in &head.clusters {
            builder.cluster(&entry.name, entry.state, entry.held_back.clone());
        }
        for held_back in &head.overrides {
            builder.override_hostname(&held_back.hostname, &held_back.cluster, held_back.held_back.clone());
        }
        if let Some(serial) = head.serial {
            builder.stamp(serial);
        }
        Self {
            builder,
            clusters: head.clusters(),
            zones,
            fallback_by_default: head.settings.when_all_down == WhenAllDown::Static,
            places: HashMap::default(),
            detail,
        }
    }

    /// Reads one hostname and packs it.
    pub(crate) fn read(
        &mut self,
        reader: &mut Reader<'_>,
        node: &Node<'_>,
        path: &Path<'_>,
    ) -> ControlFlow<()> {
        if let Some(entry) = hostnames::hostname(reader, node, path, &mut self.clusters) {
            self.warn(reader, &entry, path);
            self.insert(reader, entry, path);
        }
        // Nobody corrects so many one by one: what is wrong is the program that wrote the file.
        if reader.problem_count() >= if self.detail == Detail::Quick { 1 } else { MOST_PROBLEMS } {
            ControlFlow::Break(())
        } else {
            ControlFlow::Continue(())
        }
    }

    fn insert(&mut self, reader: &mut Reader<'_>, entry: HostnameEntry, path: &Path<'_>) {
        let at = entry.at;
        let path = path.key("hostname");
        let name = &entry.hostname;
        if self.builder.contains(name) {
            let elsewhere =
                self.places.get(name).map(|place| format!(": also at {place}")).unwrap_or_default();
            reader.problem(&path, at, format_args!("hostname {name} stands twice{elsewhere}"));
            return;
        }
        let overrides = entry.overrides();
        let state = entry.into_state();
        match self.builder.insert(&state) {
            Ok(()) => {
                for (cluster, held_back) in overrides {
                    self.builder.override_hostname(state.hostname(), &cluster, held_back);
                }
                if self.detail == Detail::Places {
                    self.places.insert(state.hostname, reader.place_text(at).into());
                }
            }
            Err(refused) => reader.problem(&path, at, refused),
        }
    }

    /// What is allowed and probably not meant.
    fn warn(&self, reader: &mut Reader<'_>, entry: &HostnameEntry, path: &Path<'_>) {
        let endpoints = path.key("endpoints");
        for (index, endpoint) in entry.endpoints.iter().enumerate() {
            let endpoint = &endpoint.endpoint;
            if endpoint.ready && endpoint.addresses.is_empty() && endpoint.targets.is_empty() {
                reader.warning(&endpoints.index(index), entry.at, "no address: it is never answered (R14)");
            }
        }
        let of_endpoints = || entry.endpoints.iter().map(|entry| &entry.endpoint.policy);
        let policies = || of_endpoints().chain([&entry.policy]);
        let is_static = |policy: &Policy| policy.when_all_down == Some(WhenAllDown::Static);
        let by_default = self.fallback_by_default && policies().all(|policy| policy.when_all_down.is_none());
        if (by_default || policies().any(is_static)) && policies().all(|policy| policy.fallback.is_empty()) {
            reader.warning(path, entry.at, "`whenAllDown: static` without `fallback` answers NODATA (R11)");
        }
        if !self.zones.is_empty() && self.zones.containing(entry.hostname.wire()).is_none() {
            let name = &entry.hostname;
            let message = format_args!(
                "{name} lies in none of the zones: it is answered, and nothing around it is (D12)"
            );
            reader.warning(&path.key("hostname"), entry.at, message);
        }
    }

    pub(crate) fn build(self) -> Snapshot {
        self.builder.build()
    }
}

/// The word for a value.
pub(crate) fn word_of<T: PartialEq>(words: &'static [(&'static str, T)], value: &T) -> &'static str {
    words.iter().find(|(_, other)| other == value).map_or("", |(word, _)| word)
}
