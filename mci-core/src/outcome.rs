//! What a query is answered with, for those who embed the library: borrowed, nothing is copied.

use core::fmt;
use core::net::IpAddr;

use smallvec::SmallVec;

use crate::cluster::ClusterId;
use crate::decision::{Answer, Authority, Decision};
use crate::entry::{Entry, IpFamily, address};
use crate::hostname::{Hostname, presentation};
use crate::record_type::{Rcode, RecordType};
use crate::snapshot::Snapshot;

/// A name and a type to resolve.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Query {
    pub(crate) name: Hostname,
    pub(crate) record_type: RecordType,
}

impl Query {
    /// Asks for the records of this type at this name.
    pub fn new(name: Hostname, record_type: RecordType) -> Self {
        Self { name, record_type }
    }

    /// The name that is asked for.
    pub fn name(&self) -> &Hostname {
        &self.name
    }

    /// The type that is asked for.
    pub fn record_type(&self) -> RecordType {
        self.record_type
    }
}

/// What a query is answered with.
#[derive(Debug)]
#[non_exhaustive]
pub enum Outcome<'a> {
    /// Addresses that clusters publish, or the hostname's fallback.
    Addresses(Addresses<'a>),
    /// A CNAME, with what it leads to where MCI holds that too (R9).
    Target(TargetOutcome<'a>),
    /// Records that are configured rather than resolved: SOA, NS, a name server's addresses, static records, HINFO.
    Records(Records<'a>),
    /// The name exists, and has nothing of this type (R12).
    NoData(NoData),
    /// The name does not exist in its zone.
    NxDomain,
    /// The name lies outside all zones and is not held (D11).
    OutsideZones,
}

/// Why there is nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum NoData {
    /// The name exists without records of this type, or no endpoint may answer: [`Snapshot::explain`] says which.
    NothingOfThisType,
    /// The name is delegated to other name servers (D34).
    Delegated,
}

/// Whose addresses they are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Origin<'a> {
    /// The cluster that was drawn; with `answerMode: all` the first of several.
    Cluster(&'a ClusterId),
    /// The hostname's `fallback` (R11).
    Fallback,
}

impl fmt::Display for Origin<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Cluster(cluster) => cluster.fmt(f),
            Self::Fallback => f.pad("fallback"),
        }
    }
}

/// Addresses of one answer, in the order that was drawn (R8).
pub struct Addresses<'a> {
    pub(crate) snapshot: &'a Snapshot,
    pub(crate) entry: Entry<'a>,
    pub(crate) cluster: Option<u16>,
    pub(crate) family: IpFamily,
    pub(crate) ttl: u32,
    pub(crate) stale: bool,
    /// Where in the entry each address begins.
    pub(crate) picks: SmallVec<[u32; 8]>,
}

impl<'a> Addresses<'a> {
    /// Whose addresses they are.
    pub fn cluster(&self) -> Origin<'a> {
        self.cluster.and_then(|at| self.snapshot.cluster_at(at)).map_or(Origin::Fallback, Origin::Cluster)
    }

    /// The addresses, all of one family.
    pub fn iter(&self) -> impl Iterator<Item = IpAddr> + '_ {
        self.octets().map(address)
    }

    /// The octets of each address, 4 or 16, in the same order.
    pub(crate) fn octets(&self) -> impl ExactSizeIterator<Item = &'a [u8]> + '_ {
        self.picks.iter().map(|at| self.entry.octets(*at, self.family))
    }

    /// How many there are; never 0.
    #[expect(clippy::len_without_is_empty, reason = "there is always one")]
    pub fn len(&self) -> usize {
        self.picks.len()
    }

    /// How long they may be cached, in seconds.
    pub fn ttl(&self) -> u32 {
        self.ttl
    }

    /// Whether they are a stale or overridden cluster's (R11).
    pub fn is_stale(&self) -> bool {
        self.stale
    }
}

impl fmt::Debug for Addresses<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Addresses")
            .field("cluster", &self.cluster())
            .field("addresses", &self.iter().collect::<Vec<_>>())
            .field("ttl", &self.ttl)
            .field("stale", &self.stale)
            .finish()
    }
}

/// A CNAME, and where it leads.
#[derive(Debug)]
pub struct TargetOutcome<'a> {
    decision: Decision<'a>,
}

impl<'a> TargetOutcome<'a> {
    /// The name that the query's name is an alias of.
    pub fn name(&self) -> Hostname {
        self.names().next().expect("a target outcome has a first step")
    }

    /// Every name along the chain, in order (R9: at most 8).
    pub fn names(&self) -> impl Iterator<Item = Hostname> + '_ {
        let steps = self.decision.chain.iter().flat_map(|chain| chain.steps.iter());
        steps.map(|step| Hostname::from_stored(step.target.wire()))
    }

    /// How long the first alias may be cached, in seconds.
    pub fn ttl(&self) -> u32 {
        self.decision.chain.as_ref().and_then(|chain| chain.steps.first()).map_or(0, |step| step.ttl)
    }

    /// The addresses at the end of the chain, where MCI holds them.
    pub fn addresses(&self) -> Option<&Addresses<'a>> {
        match &self.decision.answer {
            Answer::Addresses(addresses) => Some(addresses),
            _ => None,
        }
    }

    /// Whether the chain was cut: a loop, or more than 8 steps (D25).
    pub fn is_cut(&self) -> bool {
        self.decision.chain.as_ref().is_some_and(|chain| chain.cut)
    }
}

/// Records that are configured rather than resolved.
#[derive(Debug)]
pub struct Records<'a> {
    decision: Decision<'a>,
}

impl fmt::Display for Records<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.decision.answer {
            Answer::Soa(soa) => {
                let [mname, rname] = [soa.mname, soa.rname].map(presentation);
                write!(f, "SOA {mname} {rname} {}", soa.serial)
            }
            Answer::NameServers(zone) => {
                let names: Vec<_> = zone.name_servers.iter().map(|server| server.name.to_string()).collect();
                write!(f, "NS {}", names.join(", "))
            }
            Answer::NameServerAddresses(_, addresses) => {
                let addresses: Vec<_> = addresses.iter().map(ToString::to_string).collect();
                f.write_str(&addresses.join(", "))
            }
            Answer::Static(_, records) => {
                let records: Vec<_> = records.iter().map(|record| record.data.to_string()).collect();
                f.write_str(&records.join(", "))
            }
            Answer::Hinfo(_) => f.write_str("HINFO \"RFC8482\" \"\""),
            Answer::Nothing | Answer::Addresses(_) => Ok(()),
        }
    }
}

impl<'a> From<Decision<'a>> for Outcome<'a> {
    fn from(decision: Decision<'a>) -> Self {
        if decision.chain.is_some() {
            return Self::Target(TargetOutcome { decision });
        }
        match decision.answer {
            Answer::Addresses(addresses) => Self::Addresses(addresses),
            Answer::Nothing
                if !decision.authoritative && !matches!(decision.authority, Authority::Referral(..)) =>
            {
                Self::OutsideZones
            }
            Answer::Nothing if decision.rcode == Rcode::NXDOMAIN => Self::NxDomain,
            Answer::Nothing => Self::NoData(match decision.authority {
                Authority::Referral(..) => NoData::Delegated,
                Authority::Nothing | Authority::Soa(_) => NoData::NothingOfThisType,
            }),
            Answer::NameServerAddresses(..)
            | Answer::Soa(_)
            | Answer::NameServers(_)
            | Answer::Static(..)
            | Answer::Hinfo(_) => Self::Records(Records { decision }),
        }
    }
}

impl fmt::Display for Outcome<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Addresses(addresses) => {
                let list: Vec<_> = addresses.iter().map(|address| address.to_string()).collect();
                write!(f, "{} ({}, ttl {})", list.join(", "), addresses.cluster(), addresses.ttl())
            }
            Self::Target(target) => write!(f, "CNAME {} (ttl {})", target.name(), target.ttl()),
            Self::Records(records) => records.fmt(f),
            Self::NoData(NoData::NothingOfThisType) => f.write_str("NODATA"),
            Self::NoData(NoData::Delegated) => f.write_str("delegated"),
            Self::NxDomain => f.write_str("NXDOMAIN"),
            Self::OutsideZones => f.write_str("outside all zones"),
        }
    }
}
