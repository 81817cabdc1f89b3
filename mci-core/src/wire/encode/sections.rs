//! A decision as records: the sections of a reply.

use core::net::IpAddr;

use super::{Owner, QUESTION_NAME, Reply, Section};
use crate::decision::{Answer, Authority, Chain, Decision, Soa, SoaOwner};
use crate::hostname::Hostname;
use crate::record_type::RecordType;
use crate::zone::{NameServer, StaticData, StaticRecord, Zone};

/// REFRESH, RETRY and EXPIRE of every SOA, in seconds (D7).
const SOA_TIMES: [u32; 3] = [7200, 3600, 1_209_600];

/// Writes what was decided about `asked`, the query's name in lower case.
///
/// Where something that belongs to the answer does not fit, what fits is sent with TC set, and what would come behind it
/// is left out (D23, RFC 2181 §9).
pub(in crate::wire) fn write_decision(
    reply: &mut Reply<'_>,
    asked: &[u8],
    record_type: RecordType,
    decision: &Decision<'_>,
) {
    let mut writer = Writer { reply, asked, end: QUESTION_NAME };
    let complete = writer.chain(decision.chain.as_deref())
        && writer.answer(record_type, &decision.answer)
        && writer.authority(&decision.authority);
    if complete {
        writer.glue(decision);
    } else {
        writer.reply.truncated = true;
    }
}

struct Writer<'w, 'o> {
    reply: &'w mut Reply<'o>,
    asked: &'w [u8],
    /// Where the name is that the chain ends at; the question's where there is no chain.
    end: u16,
}

impl Writer<'_, '_> {
    /// The CNAMEs, in order (D25).
    fn chain(&mut self, chain: Option<&Chain<'_>>) -> bool {
        chain.is_none_or(|chain| {
            chain.steps.iter().all(|step| {
                let mut target = self.end;
                let fits = self.reply.record(
                    Section::Answer,
                    Owner::At(self.end),
                    RecordType::CNAME,
                    step.ttl,
                    |reply| target = reply.name(step.target.wire()),
                );
                self.end = target;
                fits
            })
        })
    }

    /// The records at the end of the chain.
    fn answer(&mut self, record_type: RecordType, answer: &Answer<'_>) -> bool {
        let owner = Owner::At(self.end);
        match answer {
            Answer::Nothing => true,
            Answer::Addresses(addresses) => {
                self.reply.addresses(self.end, record_type, addresses.ttl(), addresses.octets())
            }
            Answer::NameServerAddresses(zone, addresses) => addresses
                .iter()
                .all(|address| self.address(Section::Answer, owner, zone.ttl.seconds(), *address)),
            Answer::Soa(soa) => self.soa(Section::Answer, soa, soa.ttl),
            Answer::NameServers(zone) => zone.name_servers.iter().all(|server| {
                self.reply.record(Section::Answer, owner, RecordType::NS, zone.ttl.seconds(), |reply| {
                    reply.name(server.name.wire());
                })
            }),
            Answer::Static(zone, records) => {
                records.iter().all(|record| self.static_record(Section::Answer, owner, zone, record))
            }
            Answer::Hinfo(ttl) => {
                self.reply.record(Section::Answer, owner, RecordType::HINFO, *ttl, |reply| {
                    reply.character_string(b"RFC8482");
                    reply.character_string(b"");
                })
            }
        }
    }

    fn authority(&mut self, authority: &Authority<'_>) -> bool {
        match authority {
            Authority::Nothing => true,
            Authority::Soa(soa) => self.soa(Section::Authority, soa, soa.negative_ttl),
            Authority::Referral(zone, records) => records.iter().all(|record| {
                let owner = self.owner(record.name.wire());
                self.static_record(Section::Authority, owner, zone, record)
            }),
        }
    }

    /// Addresses of name servers that are named in answer or authority section.
    fn glue(&mut self, decision: &Decision<'_>) {
        if let Answer::NameServers(zone) = decision.answer {
            // D8: a courtesy, since a resolver can ask for them; what does not fit is left out and nothing is cut off.
            for NameServer { name, addresses } in &zone.name_servers {
                self.optional(|writer| writer.addresses_of(name, zone.ttl.seconds(), addresses));
            }
        }
        if let Authority::Referral(zone, records) = &decision.authority {
            self.referral_glue(zone, records);
        }
    }

    /// RFC 9471: glue inside of what is delegated must be there, or TC is set; any other is a courtesy.
    fn referral_glue(&mut self, zone: &Zone, records: &[&StaticRecord]) {
        let inside = |name: &Hostname| records.iter().any(|record| name.is_within(&record.name));
        let servers = || {
            records.iter().filter_map(|record| match &record.data {
                StaticData::Ns(server) => Some(server),
                _ => None,
            })
        };
        for server in servers().filter(|server| inside(server)) {
            if !self.glue_of(zone, server) {
                self.reply.truncated = true;
                return;
            }
        }
        for server in servers().filter(|server| !inside(server)) {
            self.optional(|writer| writer.glue_of(zone, server));
        }
    }

    /// The addresses that a zone has for a name server: static records, or those of its own name servers.
    fn glue_of(&mut self, zone: &Zone, server: &Hostname) -> bool {
        let owner = self.owner(server.wire());
        zone.records
            .iter()
            .filter(|record| record.name == *server && matches!(record.data, StaticData::Address(_)))
            .all(|record| self.static_record(Section::Additional, owner, zone, record))
            && zone
                .name_servers
                .iter()
                .filter(|own| own.name == *server)
                .all(|own| self.addresses_of(&own.name, zone.ttl.seconds(), &own.addresses))
    }

    fn addresses_of(&mut self, name: &Hostname, ttl: u32, addresses: &[IpAddr]) -> bool {
        let owner = self.owner(name.wire());
        addresses.iter().all(|address| self.address(Section::Additional, owner, ttl, *address))
    }

    /// Writes what fits as a whole, or nothing of it.
    fn optional(&mut self, records: impl FnOnce(&mut Self) -> bool) {
        let mark = self.reply.mark();
        if !records(self) {
            self.reply.go_back(mark);
        }
    }

    /// The query's name keeps its spelling wherever it owns a record (R1).
    fn owner<'n>(&self, name: &'n [u8]) -> Owner<'n> {
        if name == self.asked { Owner::At(QUESTION_NAME) } else { Owner::Name(name) }
    }

    fn address(&mut self, section: Section, owner: Owner<'_>, ttl: u32, address: IpAddr) -> bool {
        match address {
            IpAddr::V4(address) => {
                self.reply.record(section, owner, RecordType::A, ttl, |reply| reply.octets(&address.octets()))
            }
            IpAddr::V6(address) => self
                .reply
                .record(section, owner, RecordType::AAAA, ttl, |reply| reply.octets(&address.octets())),
        }
    }

    fn soa(&mut self, section: Section, soa: &Soa<'_>, ttl: u32) -> bool {
        let owner = match soa.owner {
            SoaOwner::Stored(name) => self.owner(name),
            SoaOwner::Asked => Owner::At(self.end),
        };
        self.reply.record(section, owner, RecordType::SOA, ttl, |reply| {
            reply.name(soa.mname);
            reply.name(soa.rname);
            reply.u32(soa.serial);
            for time in SOA_TIMES {
                reply.u32(time);
            }
            reply.u32(soa.negative_ttl);
        })
    }

    fn static_record(
        &mut self,
        section: Section,
        owner: Owner<'_>,
        zone: &Zone,
        record: &StaticRecord,
    ) -> bool {
        let ttl = record.ttl.unwrap_or(zone.ttl).seconds();
        if let StaticData::Address(address) = record.data {
            return self.address(section, owner, ttl, address);
        }
        self.reply.record(section, owner, record.data.record_type(), ttl, |reply| match &record.data {
            StaticData::Address(_) => {}
            StaticData::Cname(name) | StaticData::Ns(name) => {
                reply.name(name.wire());
            }
            StaticData::Txt(strings) => {
                for string in strings {
                    reply.character_string(string);
                }
            }
            StaticData::Mx { preference, exchange } => {
                reply.u16(*preference);
                reply.name(exchange.as_ref().map_or(b"\0", |name| name.wire()));
            }
            StaticData::Caa { flags, tag, value } => {
                reply.octets(&[*flags]);
                reply.character_string(tag.as_bytes());
                reply.octets(value);
            }
        })
    }
}
