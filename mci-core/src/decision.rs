//! What is to be answered, as data: made by the rules, read by the encoder and by [`Outcome`](crate::Outcome).

use crate::outcome::Addresses;
use crate::record_type::Rcode;
use crate::zone::{StaticRecord, Zone};

/// One decision about one name and type.
#[derive(Debug)]
pub(crate) struct Decision<'a> {
    /// NOERROR, NXDOMAIN, or REFUSED for a name outside all zones (D11).
    pub(crate) rcode: Rcode,
    /// Whether the answer is given with authority (AA).
    pub(crate) authoritative: bool,
    /// The zone of the query's name.
    pub(crate) zone: Option<u16>,
    /// The cluster that was drawn first, along the chain.
    pub(crate) cluster: Option<u16>,
    /// Whether a stale or overridden cluster answers (R11).
    pub(crate) stale: bool,
    /// CNAMEs in front of the answer (D25); `None` for almost every query.
    pub(crate) chain: Option<Box<Chain<'a>>>,
    /// Records owned by the end of the chain, or by the query's name where there is none.
    pub(crate) answer: Answer<'a>,
    /// What the authority section holds.
    pub(crate) authority: Authority<'a>,
}

/// CNAMEs in order: the first is owned by the query's name, each other one by the target before it.
#[derive(Debug, Default)]
pub(crate) struct Chain<'a> {
    /// The steps, at most 8.
    pub(crate) steps: Vec<Step<'a>>,
    /// Whether it ended in a loop or after 8 steps (D25).
    pub(crate) cut: bool,
}

/// One CNAME.
#[derive(Debug)]
pub(crate) struct Step<'a> {
    /// Where it points, in lower-case wire form.
    pub(crate) target: Target<'a>,
    /// In seconds.
    pub(crate) ttl: u32,
}

/// A target in wire form.
#[derive(Debug)]
pub(crate) enum Target<'a> {
    /// As it is stored.
    Stored(&'a [u8]),
    /// Made for this answer (`acmeDelegation`, D34).
    Made(Box<[u8]>),
}

impl Target<'_> {
    pub(crate) fn wire(&self) -> &[u8] {
        match self {
            Self::Stored(wire) => wire,
            Self::Made(wire) => wire,
        }
    }
}

/// The records at the end.
#[derive(Debug)]
pub(crate) enum Answer<'a> {
    /// None: NODATA, NXDOMAIN, a referral, a refusal, or CNAMEs only.
    Nothing,
    /// A or AAAA records that clusters publish.
    Addresses(Addresses<'a>),
    /// A or AAAA at a name server's own name (D8): its configured addresses of the asked family, TTL = zone `ttl`.
    NameServerAddresses(&'a Zone, Vec<core::net::IpAddr>),
    /// The zone's SOA, at its apex (D7).
    Soa(Soa<'a>),
    /// The zone's NS records at its apex; their glue goes into the additional section (D8).
    NameServers(&'a Zone),
    /// Static records of the asked type at this name (D34); TTL = their own, else the zone's.
    Static(&'a Zone, Vec<&'a StaticRecord>),
    /// `HINFO "RFC8482" ""` with this TTL (D9).
    Hinfo(u32),
}

/// The records of the authority section.
#[derive(Debug)]
pub(crate) enum Authority<'a> {
    /// Empty.
    Nothing,
    /// The SOA of a negative answer: its TTL is its MINIMUM (D6).
    Soa(Soa<'a>),
    /// A delegation below the apex (D34): NS records of this owner, with glue from the zone's static address records.
    Referral(&'a Zone, Vec<&'a StaticRecord>),
}

/// What an SOA record is written from (D7).
#[derive(Clone, Debug)]
pub(crate) struct Soa<'a> {
    /// Its owner in wire form.
    pub(crate) owner: SoaOwner<'a>,
    /// mname in wire form.
    pub(crate) mname: &'a [u8],
    /// rname in wire form.
    pub(crate) rname: &'a [u8],
    /// The newest change stamp.
    pub(crate) serial: u32,
    /// MINIMUM, and the TTL of negative answers.
    pub(crate) negative_ttl: u32,
    /// The TTL at the apex.
    pub(crate) ttl: u32,
}

/// Who owns an SOA record.
#[derive(Clone, Copy, Debug)]
pub(crate) enum SoaOwner<'a> {
    /// This name: a zone's apex, or a held name outside every zone (D12).
    Stored(&'a [u8]),
    /// The name that the decision ended at: the query's, or the chain's last target (D12, wildcards and empty
    /// non-terminals).
    Asked,
}
