//! The same reply by other hands: from the same decision, with hickory-proto's parser and encoder.
//!
//! Tests and fuzz targets hold our replies against it. It knows queries that are answered from a decision, and nothing of
//! cookies, limits and errors.

use core::net::IpAddr;

use hickory_proto::op::{Edns, Message, MessageType, OpCode, Query, ResponseCode};
use hickory_proto::rr::rdata::opt::EdnsOption;
use hickory_proto::rr::rdata::{A, AAAA, CNAME, HINFO, MX, NS, NULL, SOA, TXT};
use hickory_proto::rr::{DNSClass, Name, RData, Record, RecordType as Type};

use crate::chance::Chance;
use crate::decision::{Answer, Authority, Decision, Soa, SoaOwner};
use crate::hostname::{Hostname, labels};
use crate::record_type::{Rcode, RecordType};
use crate::snapshot::Snapshot;
use crate::zone::{StaticData, StaticRecord, Zone};

/// The reply to `query` over a transport on which everything fits, by the same draw; `None` if the rules in front of
/// zones and names answer it, or hickory-proto cannot read it.
pub fn reply(snapshot: &Snapshot, query: &[u8], chance: &mut (impl Chance + ?Sized)) -> Option<Vec<u8>> {
    let message = Message::from_vec(query).ok()?;
    let [question] = &message.queries[..] else { return None };
    let record_type = question.query_type();
    let is_decided = snapshot.is_ready()
        && message.metadata.message_type == MessageType::Query
        && message.metadata.op_code == OpCode::Query
        && message.edns.as_ref().is_none_or(|edns| edns.version() == 0)
        && question.query_class() == DNSClass::IN
        && !matches!(record_type, Type::AXFR | Type::IXFR);
    if !is_decided {
        return None;
    }
    let asked = wire(&question.name().to_lowercase());
    let decision = snapshot.decide(&asked, RecordType(record_type.into()), chance);
    let reply = Answering { question, asked: &asked, decision: &decision }.reply(&message);
    reply.to_vec().ok()
}

struct Answering<'a> {
    question: &'a Query,
    asked: &'a [u8],
    decision: &'a Decision<'a>,
}

impl Answering<'_> {
    fn reply(&self, query: &Message) -> Message {
        let decision = self.decision;
        let mut reply = Message::response(query.metadata.id, OpCode::Query);
        reply.metadata.recursion_desired = query.metadata.recursion_desired;
        reply.metadata.authoritative = decision.authoritative;
        reply.metadata.response_code =
            ResponseCode::from(0, decision.rcode.0.try_into().expect("decisions have no extended rcode"));
        reply.add_query(self.question.clone());
        reply.answers = self.answers();
        let (authorities, additionals) = self.authorities();
        reply.authorities = authorities;
        reply.additionals = additionals;
        if let Some(theirs) = &query.edns {
            reply.edns = Some(self.edns(theirs));
        }
        reply
    }

    fn edns(&self, theirs: &Edns) -> Edns {
        let mut edns = Edns::new();
        edns.set_max_payload(1232).set_version(0).set_dnssec_ok(theirs.flags().dnssec_ok);
        let options = theirs.options().as_ref().iter();
        let mut subnets = options.map(|(_, option)| option).filter(|o| matches!(o, EdnsOption::Subnet(_)));
        if let Some(subnet) = subnets.next() {
            edns.options_mut().insert(subnet.clone());
        }
        let error = match self.decision {
            Decision { stale: true, .. } => Some(3),
            Decision { rcode: Rcode::REFUSED, .. } => Some(20),
            _ => None,
        };
        if let Some(code) = error {
            edns.options_mut().insert(EdnsOption::Unknown(15, vec![0, code]));
        }
        edns
    }

    /// The name that the chain ends at.
    fn end(&self) -> Name {
        let steps = self.decision.chain.iter().flat_map(|chain| &chain.steps);
        steps.last().map_or_else(|| self.question.name().clone(), |step| name(step.target.wire()))
    }

    /// A name as owner: the query's in its spelling (R1).
    fn owner(&self, stored: &[u8]) -> Name {
        if stored == self.asked { self.question.name().clone() } else { name(stored) }
    }

    fn answers(&self) -> Vec<Record> {
        let mut records = Vec::new();
        let mut owner = self.question.name().clone();
        for step in self.decision.chain.iter().flat_map(|chain| &chain.steps) {
            let target = name(step.target.wire());
            records.push(Record::from_rdata(owner, step.ttl, RData::CNAME(CNAME(target.clone()))));
            owner = target;
        }
        let record = |ttl, data| Record::from_rdata(owner.clone(), ttl, data);
        match &self.decision.answer {
            Answer::Nothing => {}
            Answer::Addresses(addresses) => {
                records.extend(addresses.iter().map(|ip| record(addresses.ttl(), address(ip))));
            }
            Answer::NameServerAddresses(zone, addresses) => {
                records.extend(addresses.iter().map(|ip| record(zone.ttl.seconds(), address(*ip))));
            }
            Answer::Soa(data) => records.push(record(data.ttl, soa(data))),
            Answer::NameServers(zone) => records.extend(
                zone.name_servers
                    .iter()
                    .map(|server| record(zone.ttl.seconds(), RData::NS(NS(name(server.name.wire()))))),
            ),
            Answer::Static(zone, found) => records.extend(
                found.iter().map(|found| record(found.ttl.unwrap_or(zone.ttl).seconds(), data(found))),
            ),
            Answer::Hinfo(ttl) => {
                records.push(record(*ttl, RData::HINFO(HINFO::new("RFC8482".into(), String::new()))));
            }
        }
        records
    }

    /// Authority and additional section.
    fn authorities(&self) -> (Vec<Record>, Vec<Record>) {
        let mut additionals = Vec::new();
        if let Answer::NameServers(zone) = self.decision.answer {
            for server in &zone.name_servers {
                additionals.extend(server.addresses.iter().map(|ip| {
                    Record::from_rdata(self.owner(server.name.wire()), zone.ttl.seconds(), address(*ip))
                }));
            }
        }
        let authorities = match &self.decision.authority {
            Authority::Nothing => Vec::new(),
            Authority::Soa(data) => {
                let owner = match data.owner {
                    SoaOwner::Stored(stored) => self.owner(stored),
                    SoaOwner::Asked => self.end(),
                };
                vec![Record::from_rdata(owner, data.negative_ttl, soa(data))]
            }
            Authority::Referral(zone, cut) => {
                let is_inside = |server: &Hostname| cut.iter().any(|record| server.is_within(&record.name));
                let servers = || {
                    cut.iter().filter_map(|record| match &record.data {
                        StaticData::Ns(server) => Some(server),
                        _ => None,
                    })
                };
                for server in servers().filter(|s| is_inside(s)).chain(servers().filter(|s| !is_inside(s))) {
                    additionals.extend(self.glue(zone, server));
                }
                let record = |record: &&StaticRecord| self.static_record(zone, record);
                cut.iter().map(record).collect()
            }
        };
        (authorities, additionals)
    }

    fn static_record(&self, zone: &Zone, record: &StaticRecord) -> Record {
        let ttl = record.ttl.unwrap_or(zone.ttl).seconds();
        Record::from_rdata(self.owner(record.name.wire()), ttl, data(record))
    }

    fn glue(&self, zone: &Zone, server: &Hostname) -> Vec<Record> {
        let of_records = zone
            .records
            .iter()
            .filter(|record| record.name == *server && matches!(record.data, StaticData::Address(_)));
        let own = zone.name_servers.iter().filter(|own| own.name == *server);
        let of_servers = own
            .flat_map(|own| &own.addresses)
            .map(|ip| Record::from_rdata(self.owner(server.wire()), zone.ttl.seconds(), address(*ip)));
        of_records.map(|record| self.static_record(zone, record)).chain(of_servers).collect()
    }
}

fn address(ip: IpAddr) -> RData {
    match ip {
        IpAddr::V4(ip) => RData::A(A(ip)),
        IpAddr::V6(ip) => RData::AAAA(AAAA(ip)),
    }
}

fn soa(soa: &Soa<'_>) -> RData {
    RData::SOA(SOA::new(
        name(soa.mname),
        name(soa.rname),
        soa.serial,
        7200,
        3600,
        1_209_600,
        soa.negative_ttl,
    ))
}

fn data(record: &StaticRecord) -> RData {
    match &record.data {
        StaticData::Address(ip) => address(*ip),
        StaticData::Cname(target) => RData::CNAME(CNAME(name(target.wire()))),
        StaticData::Ns(server) => RData::NS(NS(name(server.wire()))),
        StaticData::Txt(strings) => RData::TXT(TXT::from_bytes(strings.iter().map(Vec::as_slice).collect())),
        StaticData::Mx { preference, exchange } => {
            RData::MX(MX::new(*preference, exchange.as_ref().map_or(Name::root(), |to| name(to.wire()))))
        }
        // RFC 8659 §4.1, written by hand: hickory-proto makes only the properties that it knows.
        StaticData::Caa { flags, tag, value } => {
            let tag_len = tag.len().try_into().expect("a checked tag is short");
            let octets = [&[*flags, tag_len], tag.as_bytes(), value].concat();
            RData::Unknown { code: Type::CAA, rdata: NULL::with(octets) }
        }
    }
}

fn name(wire: &[u8]) -> Name {
    let mut name = Name::from_labels(labels(wire)).expect("a stored name is a name");
    name.set_fqdn(true);
    name
}

fn wire(name: &Name) -> Vec<u8> {
    let mut wire = Vec::new();
    for label in name {
        wire.push(label.len().try_into().expect("a label has at most 63 octets"));
        wire.extend(label);
    }
    wire.push(0);
    wire
}

/// Whether two messages say the same, the spelling of names and the TTLs included, and ours is no longer than theirs.
///
/// # Panics
///
/// If they do not, with both.
pub fn assert_same(ours: &[u8], theirs: &[u8]) {
    let read = |octets| Message::from_vec(octets).expect("hickory-proto reads the reply");
    let (our_message, their_message) = (read(ours), read(theirs));
    // Names and records are equal in any spelling and with any TTL, so they are compared as text too.
    assert_eq!(our_message, their_message);
    let text = |message: &Message| {
        let Message { metadata, queries, answers, authorities, additionals, .. } = message;
        format!("{metadata:?} {queries:?} {answers:?} {authorities:?} {additionals:?}")
    };
    assert_eq!(text(&our_message), text(&their_message));
    assert!(ours.len() <= theirs.len(), "ours has {} octets, theirs {}", ours.len(), theirs.len());
}
