//! The zones of a snapshot: checked once, then looked up by the longest match (R2a).

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use crate::hostname::{Hostname, MAX_WIRE, parent, suffixes};
use crate::zone::{NameServer, StaticData, StaticRecord, Zone};

/// The responsible mailbox of a zone that names none, under the zone's own name.
const DEFAULT_MAILBOX: &str = "hostmaster";

/// Zones that have been checked: apexes are unique and no wildcards, every name server can be found, static records
/// fit together (R2a, D7, D8, D34). Cheap to clone.
#[derive(Clone, Debug, Default)]
pub struct Zones {
    /// Position is identity: it stays while a process runs, a zone that is removed leaves `None`.
    slots: Arc<Vec<Option<ZoneData>>>,
    by_apex: Arc<BTreeMap<Hostname, u16>>,
}

/// Equal where the zones are, whatever their positions.
impl PartialEq for Zones {
    fn eq(&self, other: &Self) -> bool {
        self.by_apex.len() == other.by_apex.len()
            && self.iter().all(|zone| other.get(&zone.name).is_some_and(|other| other == zone))
            && self.slots.iter().flatten().all(|data| {
                other
                    .by_apex
                    .get(&data.zone.name)
                    .and_then(|at| other.data(*at))
                    .is_some_and(|o| o.mname == data.mname)
            })
    }
}

/// One zone with what is derived from it.
#[derive(Clone, Debug)]
pub(crate) struct ZoneData {
    pub(crate) zone: Zone,
    /// The SOA's mname in wire form.
    pub(crate) mname: Hostname,
    /// The SOA's rname in wire form.
    pub(crate) rname: Box<[u8]>,
    /// Every name of this zone that exists by configuration: static records, name servers, inner apexes, and the
    /// empty non-terminals above them; the apex only where it has records of its own.
    pub(crate) nodes: BTreeMap<Hostname, StaticNode>,
}

/// What configuration says of one name.
#[derive(Clone, Debug, Default)]
pub(crate) struct StaticNode {
    /// Its static records.
    pub(crate) records: Vec<StaticRecord>,
    /// Its addresses as a name server of ours (D8).
    pub(crate) name_server: Option<NameServer>,
}

impl StaticNode {
    /// Whether the name is delegated: NS below the apex (D34).
    pub(crate) fn is_delegation(&self) -> bool {
        self.records.iter().any(|record| matches!(record.data, StaticData::Ns(_)))
    }

    /// Whether anything is configured here, rather than below.
    fn is_owned(&self) -> bool {
        !self.records.is_empty() || self.name_server.is_some()
    }
}

/// Where in a zone's configuration a problem lies.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[non_exhaustive]
pub enum ZonePlace {
    /// The zone as a whole, or its name.
    Zone,
    /// The name server at this position.
    NameServer(usize),
    /// The static record at this position.
    Record(usize),
    /// The responsible mailbox.
    ResponsibleEmail,
    /// The target of `acmeDelegation`.
    AcmeDelegation,
}

/// What is wrong with a zone, or (from [`Zones::warnings`]) unwise.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct ZoneProblem {
    /// The zone's position in what was given.
    pub zone: usize,
    /// Where in the zone.
    pub place: ZonePlace,
    /// What is wrong, and what would be right.
    pub message: String,
}

impl Zones {
    /// Checks zones that belong together; `dns_server_name` is the name server of a zone that lists none.
    ///
    /// Every problem is reported, not only the first.
    pub fn new(zones: Vec<Zone>, dns_server_name: Option<&Hostname>) -> Result<Self, Vec<ZoneProblem>> {
        let mut problems = Vec::new();
        let apexes: BTreeSet<Hostname> = zones.iter().map(|zone| zone.name.clone()).collect();
        let mut by_apex = BTreeMap::new();
        let mut slots = Vec::new();
        for (position, zone) in zones.into_iter().enumerate() {
            let mut report = |place, message| problems.push(ZoneProblem { zone: position, place, message });
            let Ok(index) = u16::try_from(position)
                .map_err(drop)
                .and_then(|i| if i == NO_ZONE { Err(()) } else { Ok(i) })
            else {
                report(ZonePlace::Zone, format!("more than {NO_ZONE} zones"));
                break;
            };
            if zone.name.is_wildcard() {
                report(ZonePlace::Zone, format!("{}: '*' is not allowed in a zone's name (R2a)", zone.name));
            }
            if by_apex.insert(zone.name.clone(), index).is_some() {
                report(ZonePlace::Zone, format!("zone {} is configured twice", zone.name));
            }
            slots.push(Some(ZoneData::new(zone, dns_server_name, &apexes, &mut report)));
        }
        if problems.is_empty() {
            Ok(Self { slots: Arc::new(slots), by_apex: Arc::new(by_apex) })
        } else {
            Err(problems)
        }
    }

    /// What is allowed and unwise: fewer than two name servers.
    pub fn warnings(&self) -> Vec<ZoneProblem> {
        let lonely = |(zone, data): (usize, &ZoneData)| {
            (data.zone.name_servers.len() < 2).then(|| ZoneProblem {
                zone,
                place: ZonePlace::Zone,
                message: format!(
                    "zone {} has {} name server; two or more are usual (RFC 2182)",
                    data.zone.name,
                    data.zone.name_servers.len()
                ),
            })
        };
        self.slots.iter().enumerate().filter_map(|(at, slot)| lonely((at, slot.as_ref()?))).collect()
    }

    /// The zones, in the order of their names.
    pub fn iter(&self) -> impl Iterator<Item = &Zone> {
        self.by_apex.values().filter_map(|at| self.data(*at)).map(|data| &data.zone)
    }

    /// The zone with this apex.
    pub fn get(&self, apex: &Hostname) -> Option<&Zone> {
        self.by_apex.get(apex).and_then(|at| self.data(*at)).map(|data| &data.zone)
    }

    /// The zone at this position.
    pub fn at(&self, position: u16) -> Option<&Zone> {
        self.data(position).map(|data| &data.zone)
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.by_apex.is_empty()
    }

    pub(crate) fn data(&self, position: u16) -> Option<&ZoneData> {
        self.slots.get(usize::from(position)).and_then(Option::as_ref)
    }

    /// The number of positions, those of removed zones included.
    pub(crate) fn positions(&self) -> usize {
        self.slots.len()
    }

    /// The longest zone that contains the name (R2a).
    pub(crate) fn containing(&self, name: &[u8]) -> Option<u16> {
        if self.by_apex.is_empty() {
            return None;
        }
        suffixes(name).find_map(|suffix| self.at_apex(suffix))
    }

    /// The position of the zone whose apex is this name.
    pub(crate) fn at_apex(&self, name: &[u8]) -> Option<u16> {
        self.by_apex.get(name).copied()
    }

    /// These zones, each at the position that a zone of its name has in `older`.
    pub(crate) fn placed_like(&self, older: &Self) -> Self {
        let mut slots: Vec<Option<ZoneData>> = older.slots.iter().map(|_| None).collect();
        let mut by_apex = BTreeMap::new();
        let known = self.slots.iter().flatten().filter(|data| older.by_apex.contains_key(&data.zone.name));
        let fresh = self.slots.iter().flatten().filter(|data| !older.by_apex.contains_key(&data.zone.name));
        for data in known.chain(fresh) {
            let at = older.by_apex.get(&data.zone.name).copied();
            let at = at.map_or(slots.len(), usize::from);
            if at == slots.len() {
                slots.push(None);
            }
            if let (Some(slot), Ok(index)) = (slots.get_mut(at), u16::try_from(at)) {
                by_apex.insert(data.zone.name.clone(), index);
                *slot = Some(data.clone());
            }
        }
        Self { slots: Arc::new(slots), by_apex: Arc::new(by_apex) }
    }

    /// What keeps a hostname from being held: configuration has its name already (D8, D34).
    pub(crate) fn taken(&self, name: &Hostname) -> Option<Taken> {
        let data = self.data(self.containing(name.wire())?)?;
        let node = data.nodes.get(name);
        if node.is_some_and(|node| node.name_server.is_some()) {
            return Some(Taken::NameServer);
        }
        if node.is_some_and(StaticNode::is_owned) {
            return Some(Taken::StaticRecord);
        }
        data.delegation(name.wire()).map(|(owner, _)| Taken::Delegated(owner.clone()))
    }
}

/// Why configuration keeps a name from being a hostname.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Taken {
    NameServer,
    StaticRecord,
    Delegated(Hostname),
}

/// The position of no zone.
pub(crate) const NO_ZONE: u16 = u16::MAX;

impl ZoneData {
    fn new(
        zone: Zone,
        dns_server_name: Option<&Hostname>,
        apexes: &BTreeSet<Hostname>,
        report: &mut impl FnMut(ZonePlace, String),
    ) -> Self {
        let mut zone = zone;
        if zone.name_servers.is_empty() {
            match dns_server_name {
                Some(name) => {
                    zone.name_servers.push(NameServer { name: name.clone(), addresses: Vec::new() });
                }
                None => report(
                    ZonePlace::Zone,
                    format!(
                        "zone {} has no name server: list its nameservers, or set dnsServerName",
                        zone.name
                    ),
                ),
            }
        }
        let rname = rname(&zone).unwrap_or_else(|message| {
            report(ZonePlace::ResponsibleEmail, message);
            Box::from(&b"\0"[..])
        });
        if zone.acme_delegation.as_ref().is_some_and(Hostname::is_wildcard) {
            report(ZonePlace::AcmeDelegation, "'*' is not allowed in acmeDelegation".to_owned());
        }
        let mname = dns_server_name
            .or(zone.name_servers.first().map(|server| &server.name))
            .unwrap_or(&zone.name)
            .clone();
        let mut data = Self { zone, mname, rname, nodes: BTreeMap::new() };
        data.add_records(apexes, report);
        data.add_name_servers(apexes, report);
        data.add_inner_apexes(apexes);
        data
    }

    /// Whether the name lies in this zone rather than in an inner or another one.
    fn owns(&self, name: &Hostname, apexes: &BTreeSet<Hostname>) -> bool {
        apexes.iter().filter(|apex| name.is_within(apex)).max_by_key(|apex| apex.label_count())
            == Some(&self.zone.name)
    }

    fn add_records(&mut self, apexes: &BTreeSet<Hostname>, report: &mut impl FnMut(ZonePlace, String)) {
        for (position, record) in self.zone.records.clone().into_iter().enumerate() {
            let mut wrong = |message| report(ZonePlace::Record(position), message);
            let name = record.name.clone();
            if !self.owns(&name, apexes) {
                wrong(format!("{name} does not lie in zone {}", self.zone.name));
                continue;
            }
            if name == self.zone.name && matches!(record.data, StaticData::Ns(_) | StaticData::Cname(_)) {
                wrong(format!(
                    "{name}: NS and CNAME are not allowed at the apex; name servers are listed in nameservers"
                ));
                continue;
            }
            if name.is_wildcard() && matches!(record.data, StaticData::Ns(_)) {
                wrong(format!("{name}: a wildcard cannot be delegated (RFC 4592 §4.2)"));
                continue;
            }
            if let StaticData::Cname(target) | StaticData::Ns(target) = &record.data
                && target.is_wildcard()
            {
                wrong(format!("{target}: '*' is not allowed in a target"));
                continue;
            }
            if let StaticData::Caa { tag, value, .. } = &record.data
                && (tag.is_empty()
                    || tag.len() > 15
                    || !tag.bytes().all(|c| c.is_ascii_alphanumeric())
                    || value.len() > 60_000)
            {
                wrong(format!("{name}: a CAA tag is 1 to 15 letters and digits (RFC 8659 §4.1)"));
                continue;
            }
            if let StaticData::Txt(strings) = &record.data
                && (strings.is_empty() || strings.iter().any(|s| s.len() > 255) || strings.len() > 200)
            {
                wrong(format!("{name}: a TXT record has 1 to 200 strings of at most 255 octets each"));
                continue;
            }
            let records = &mut self.entry(&name).records;
            let cname = |record: &StaticRecord| matches!(record.data, StaticData::Cname(_));
            if records.contains(&record) {
                wrong(format!("{name}: the same record is there twice"));
            } else if !records.is_empty() && (cname(&record) || records.iter().any(cname)) {
                wrong(format!("{name}: a CNAME is never beside anything (RFC 1034 §3.6.2)"));
            } else if records.iter().any(|other| {
                core::mem::discriminant(&other.data) == core::mem::discriminant(&record.data)
                    && other.ttl != record.ttl
                    && !matches!(record.data, StaticData::Address(_))
            }) {
                wrong(format!("{name}: records of one name and type have one TTL (RFC 2181 §5.2)"));
            } else {
                records.push(record);
            }
        }
        let cut = |data: &Self, name: &Hostname| {
            data.delegation(name.wire()).is_some_and(|(owner, _)| owner != name)
        };
        for (position, record) in self.zone.records.iter().enumerate() {
            if cut(self, &record.name) && !matches!(record.data, StaticData::Address(_)) {
                let message = format!(
                    "{} lies below a delegation: only addresses (glue) are allowed there",
                    record.name
                );
                report(ZonePlace::Record(position), message);
            }
        }
    }

    fn add_name_servers(&mut self, apexes: &BTreeSet<Hostname>, report: &mut impl FnMut(ZonePlace, String)) {
        let mut seen = BTreeSet::new();
        for (position, server) in self.zone.name_servers.clone().into_iter().enumerate() {
            let mut wrong = |message| report(ZonePlace::NameServer(position), message);
            if server.name.is_wildcard() {
                wrong(format!("{}: '*' is not allowed in a name server's name", server.name));
            } else if !seen.insert(server.name.clone()) {
                wrong(format!("name server {} is listed twice", server.name));
            } else if server.addresses.is_empty() && apexes.iter().any(|apex| server.name.is_within(apex)) {
                wrong(format!(
                    "name server {0} lies in a zone of ours and needs addresses: {{name: {0}, addresses: [192.0.2.53]}}",
                    server.name
                ));
            } else if self.owns(&server.name, apexes) {
                let node = self.entry(&server.name);
                if node.records.is_empty() {
                    node.name_server = Some(server);
                } else {
                    wrong(format!("{} is a name server and has static records too", server.name));
                }
            }
        }
    }

    /// Inner apexes exist in their outer zone (R2a).
    fn add_inner_apexes(&mut self, apexes: &BTreeSet<Hostname>) {
        for inner in apexes {
            let outer = Hostname::from_stored(parent(inner.wire()).unwrap_or(&[0]));
            if *inner != self.zone.name && inner.is_within(&self.zone.name) && self.owns(&outer, apexes) {
                self.entry(inner);
            }
        }
    }

    /// The node of a name of this zone, made with the empty non-terminals above it.
    fn entry(&mut self, name: &Hostname) -> &mut StaticNode {
        for above in suffixes(name.wire()).take_while(|suffix| *suffix != self.zone.name.wire()).skip(1) {
            self.nodes.entry(Hostname::from_stored(above)).or_default();
        }
        self.nodes.entry(name.clone()).or_default()
    }

    /// The node of a name in wire form.
    pub(crate) fn node(&self, name: &[u8]) -> Option<(&Hostname, &StaticNode)> {
        if self.nodes.is_empty() { None } else { self.nodes.get_key_value(name) }
    }

    /// The delegation that the name is at or below (D34).
    pub(crate) fn delegation(&self, name: &[u8]) -> Option<(&Hostname, &StaticNode)> {
        if self.nodes.is_empty() {
            return None;
        }
        let below_apex = suffixes(name).take_while(|suffix| *suffix != self.zone.name.wire());
        below_apex.filter_map(|suffix| self.node(suffix)).filter(|(_, node)| node.is_delegation()).last()
    }
}

/// The mailbox as a name: dots in its local part belong to the first label (RFC 1035 §8).
fn rname(zone: &Zone) -> Result<Box<[u8]>, String> {
    let email = zone.responsible_email.as_str();
    let wrong = || format!("{email:?} is no mail address: write it as hostmaster@example.com");
    let (local, domain) = match email.split_once('@') {
        _ if email.is_empty() => (DEFAULT_MAILBOX, zone.name.clone()),
        Some((local, domain)) => (local, domain.parse().map_err(|_| wrong())?),
        None => return Err(wrong()),
    };
    let printable = !local.is_empty() && local.bytes().all(|octet| octet.is_ascii_graphic());
    let label_len = u8::try_from(local.len()).ok().filter(|len| *len <= 63 && printable).ok_or_else(wrong)?;
    let mut wire = vec![label_len];
    wire.extend_from_slice(local.as_bytes());
    wire.extend_from_slice(domain.wire());
    if wire.len() > MAX_WIRE || domain.is_wildcard() { Err(wrong()) } else { Ok(wire.into()) }
}
