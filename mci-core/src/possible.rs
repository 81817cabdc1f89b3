//! Everything that may be answered: the decision without the draw.

use core::fmt;
use core::net::IpAddr;
use std::collections::BTreeSet;

use crate::cluster::ClusterId;
use crate::contest::{Contest, has_family};
use crate::decide::Place;
use crate::entry::{IpFamily, Record};
use crate::hostname::Hostname;
use crate::hostname_state::WhenAllDown;
use crate::outcome::Query;
use crate::record_type::{Rcode, RecordType};
use crate::settings::OutsideZones;
use crate::share::Share;
use crate::snapshot::Snapshot;
use crate::zone::StaticData;

/// How far aliases are followed (R9).
const MAX_DEPTH: usize = 8;

/// Which addresses count.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Family {
    /// IPv4, asked for with A.
    V4,
    /// IPv6, asked for with AAAA.
    V6,
    /// Either.
    Any,
}

/// Everything that a query may be answered with now.
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize), serde(rename_all = "camelCase"))]
#[non_exhaustive]
pub struct Possible {
    /// NOERROR, NXDOMAIN, or REFUSED outside all zones.
    #[cfg_attr(feature = "serde", serde(serialize_with = "crate::possible::as_text"))]
    pub rcode: Rcode,
    /// Each cluster that may be drawn, with its exact share (R5), by identifier.
    pub shares: Vec<ClusterShare>,
    /// Every address that may be answered, those at the end of aliases included.
    pub addresses: BTreeSet<IpAddr>,
    /// Every name that an answer's CNAMEs may point to.
    #[cfg_attr(feature = "serde", serde(serialize_with = "crate::possible::as_texts"))]
    pub targets: BTreeSet<Hostname>,
    /// How long an answer may be cached, in seconds, where there is one.
    pub ttl: Option<u32>,
    /// Whether what answers is stale or overridden down (R11).
    pub stale: bool,
    /// Whether the addresses are the hostname's `fallback` (R11).
    pub fallback: bool,
    /// Whether configured records answer: SOA, NS, static records, a name server's addresses.
    pub configured: bool,
}

/// A cluster and its share.
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
pub struct ClusterShare {
    /// The cluster.
    #[cfg_attr(feature = "serde", serde(serialize_with = "crate::possible::as_text"))]
    pub cluster: ClusterId,
    /// Its part of all answers.
    pub share: Share,
}

#[cfg(feature = "serde")]
pub(crate) fn as_text<S: serde::Serializer>(
    value: &impl fmt::Display,
    serializer: S,
) -> Result<S::Ok, S::Error> {
    serializer.collect_str(value)
}

#[cfg(feature = "serde")]
pub(crate) fn as_texts<'a, T: fmt::Display + 'a, S: serde::Serializer>(
    values: impl IntoIterator<Item = &'a T>,
    serializer: S,
) -> Result<S::Ok, S::Error> {
    serializer.collect_seq(values.into_iter().map(ToString::to_string))
}

impl Possible {
    fn nothing(rcode: Rcode) -> Self {
        Self {
            rcode,
            shares: Vec::new(),
            addresses: BTreeSet::new(),
            targets: BTreeSet::new(),
            ttl: None,
            stale: false,
            fallback: false,
            configured: false,
        }
    }

    /// Whether there is anything to answer with: not NODATA, NXDOMAIN or a refusal.
    pub fn is_answered(&self) -> bool {
        self.configured || !self.addresses.is_empty() || !self.targets.is_empty()
    }

    /// The share of a cluster; [`Share::NONE`] where it takes no part.
    pub fn share(&self, cluster: &ClusterId) -> Share {
        self.shares.iter().find(|other| other.cluster == *cluster).map_or(Share::NONE, |found| found.share)
    }
}

impl fmt::Display for Possible {
    /// `west 70%, east 30%`; `fallback`; `NODATA`, `NXDOMAIN`, `REFUSED`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = if self.fallback {
            "fallback".to_owned()
        } else if self.configured {
            "configured records".to_owned()
        } else if !self.shares.is_empty() {
            let one = |share: &ClusterShare| {
                if share.share == Share::ALL {
                    share.cluster.to_string()
                } else {
                    format!("{} {}", share.cluster, share.share)
                }
            };
            let shares = self.shares.iter().map(one).collect::<Vec<_>>().join(", ");
            if self.stale { format!("{shares} (stale)") } else { shares }
        } else if self.rcode == Rcode::NOERROR {
            "NODATA".to_owned()
        } else {
            self.rcode.to_string()
        };
        f.pad(&text)
    }
}

impl Snapshot {
    /// Everything that the query may be answered with now.
    pub fn possible(&self, query: &Query) -> Possible {
        self.possible_within(query.name.wire(), query.record_type, MAX_DEPTH)
    }

    /// The clusters that may answer, with their exact shares (R5), by identifier.
    pub fn shares(&self, query: &Query) -> impl Iterator<Item = (ClusterId, Share)> {
        self.possible(query).shares.into_iter().map(|share| (share.cluster, share.share))
    }

    /// Whether a hostname has an answer that is not stale: addresses, or a name that it points to.
    ///
    /// What R11 serves from stale or overridden clusters does not count: with it, no hostname would ever notice the loss
    /// of its last cluster, and a policy that asks for an answer could not fail. [`Possible::is_answered`] counts it.
    pub fn is_answered(&self, hostname: &Hostname, family: Family) -> bool {
        let answers = |record_type| {
            let possible = self.possible(&Query::new(hostname.clone(), record_type));
            possible.is_answered() && !possible.stale
        };
        match family {
            Family::V4 => answers(RecordType::A),
            Family::V6 => answers(RecordType::AAAA),
            Family::Any => answers(RecordType::A) || answers(RecordType::AAAA),
        }
    }

    fn possible_within(&self, name: &[u8], qtype: RecordType, depth: usize) -> Possible {
        let located = self.locate(name, qtype);
        if located.at_apex && matches!(qtype, RecordType::SOA | RecordType::NS) {
            return Possible { configured: true, ..Possible::nothing(Rcode::NOERROR) };
        }
        match located.place {
            Place::Hostname(contest) => self.possible_at(&contest, qtype, depth),
            Place::Static(data, node) => {
                let mut possible = Possible::nothing(Rcode::NOERROR);
                for record in &node.records {
                    match &record.data {
                        StaticData::Cname(target) => self.follow(&mut possible, target.wire(), qtype, depth),
                        StaticData::Address(address) if record.data.record_type() == qtype => {
                            possible.addresses.insert(*address);
                        }
                        _ => possible.configured |= record.data.record_type() == qtype,
                    }
                }
                let addresses = node.name_server.iter().flat_map(|server| &server.addresses);
                let of_type = |a: &&IpAddr| StaticData::Address(**a).record_type() == qtype;
                possible.addresses.extend(addresses.filter(of_type));
                possible.configured |= possible.is_answered();
                possible.ttl = possible.is_answered().then_some(data.zone.ttl.seconds());
                possible
            }
            Place::Acme(target) => {
                let mut possible = Possible::nothing(Rcode::NOERROR);
                self.follow(&mut possible, &target, qtype, depth);
                possible.configured = true;
                possible
            }
            Place::Delegated(..) | Place::Empty => Possible::nothing(Rcode::NOERROR),
            Place::Missing => Possible::nothing(Rcode::NXDOMAIN),
            Place::Outside => Possible::nothing(match self.settings().outside_zones {
                OutsideZones::Nxdomain => Rcode::NXDOMAIN,
                OutsideZones::Refused | OutsideZones::NotFound => Rcode::REFUSED,
            }),
        }
    }

    fn possible_at(&self, contest: &Contest<'_>, qtype: RecordType, depth: usize) -> Possible {
        let mut possible = Possible::nothing(Rcode::NOERROR);
        let family = match qtype {
            RecordType::A => Some(IpFamily::V4),
            RecordType::AAAA => Some(IpFamily::V6),
            _ => None,
        };
        let takes_part = |record: Record<'_>| family.is_none_or(|family| has_family(record, family));
        let Some(tier) = contest.tier(takes_part) else {
            let fallback = family.filter(|_| contest.when_all_down() == WhenAllDown::Static);
            if let Some(run) = fallback.and_then(|family| contest.fallback(family)) {
                possible.fallback = true;
                possible.addresses = contest.entry.addresses(run).collect();
                possible.ttl = Some(contest.ttl());
            }
            return possible;
        };
        if family.is_none() && !contest.members(tier).all(Record::is_target) {
            return possible;
        }
        let mut ends = Vec::new();
        for record in contest.members(tier).filter(|record| takes_part(*record)) {
            if let Some(cluster) = self.cluster_at(record.cluster()) {
                let share = Share::new(tier.weight(record).into(), tier.sum);
                possible.shares.push(ClusterShare { cluster: cluster.clone(), share });
            }
            if record.is_target() {
                for target in contest.entry.targets(record) {
                    let mut end = Possible::nothing(Rcode::NOERROR);
                    self.follow(&mut end, target, qtype, depth);
                    possible.targets.append(&mut end.targets);
                    possible.addresses.append(&mut end.addresses);
                    ends.push(end.rcode);
                }
            } else if let Some(family) = family {
                possible.addresses.extend(contest.entry.addresses(record.run(family)));
                ends.push(Rcode::NOERROR);
            }
        }
        if !ends.is_empty() && ends.iter().all(|rcode| *rcode == Rcode::NXDOMAIN) {
            possible.rcode = Rcode::NXDOMAIN;
        }
        possible.stale = tier.class.is_stale();
        possible.ttl = (!possible.shares.is_empty()).then(|| contest.ttl());
        possible
    }

    /// Adds what an alias may lead to.
    fn follow(&self, possible: &mut Possible, target: &[u8], qtype: RecordType, depth: usize) {
        let fresh = possible.targets.insert(Hostname::from_stored(target));
        if !fresh || depth == 0 || matches!(qtype, RecordType::CNAME | RecordType::ANY) {
            return;
        }
        let mut end = self.possible_within(target, qtype, depth - 1);
        possible.targets.append(&mut end.targets);
        possible.addresses.append(&mut end.addresses);
        if end.rcode == Rcode::NXDOMAIN && !matches!(self.locate(target, qtype).place, Place::Outside) {
            possible.rcode = Rcode::NXDOMAIN;
        }
    }
}
