//! Zones and what they hold beside hostnames (R2a, D7, D8, D34).

use core::net::IpAddr;

use crate::hostname::Hostname;
use crate::hostname_state::Ttl;
use crate::record_type::RecordType;

/// A name server of a zone, with the addresses that are its glue (D8).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NameServer {
    /// Its name.
    pub name: Hostname,
    /// Its addresses; needed where the name lies in a zone of ours.
    pub addresses: Vec<IpAddr>,
}

/// The content of a static record (D34); names are as configured.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum StaticData {
    /// A or AAAA.
    Address(IpAddr),
    /// CNAME.
    Cname(Hostname),
    /// TXT: one or more strings of at most 255 octets.
    Txt(Vec<Vec<u8>>),
    /// MX; `exchange` is absent for the null MX of RFC 7505 (`0 .`).
    Mx {
        /// Lower is preferred.
        preference: u16,
        /// The host that takes mail.
        exchange: Option<Hostname>,
    },
    /// CAA (RFC 8659).
    Caa {
        /// 128 is *critical*.
        flags: u8,
        /// The property, such as `issue`.
        tag: String,
        /// Its value.
        value: Vec<u8>,
    },
    /// NS below the apex: a delegation, answered as a referral.
    Ns(Hostname),
}

impl StaticData {
    /// The type of a record with this content.
    pub const fn record_type(&self) -> RecordType {
        match self {
            Self::Address(IpAddr::V4(_)) => RecordType::A,
            Self::Address(IpAddr::V6(_)) => RecordType::AAAA,
            Self::Cname(_) => RecordType::CNAME,
            Self::Txt(_) => RecordType::TXT,
            Self::Mx { .. } => RecordType::MX,
            Self::Caa { .. } => RecordType::CAA,
            Self::Ns(_) => RecordType::NS,
        }
    }
}

/// A static record of a zone (D34).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StaticRecord {
    /// Its owner, within the zone.
    pub name: Hostname,
    /// Its TTL; the zone's where absent.
    pub ttl: Option<Ttl>,
    /// Its content.
    pub data: StaticData,
}

/// A zone that MCI answers with authority.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Zone {
    /// The apex; no wildcard.
    pub name: Hostname,
    /// The name servers, the first of which is the SOA's mname unless `dnsServerName` is set.
    pub name_servers: Vec<NameServer>,
    /// The mailbox of whoever is responsible, as in mail (D7).
    pub responsible_email: String,
    /// TTL and MINIMUM of negative answers (D6).
    pub negative_ttl: Ttl,
    /// TTL of NS, glue and SOA (D8).
    pub ttl: Ttl,
    /// Static records.
    pub records: Vec<StaticRecord>,
    /// `_acme-challenge.X` of every held X is a CNAME to `X.` under this name (D34).
    pub acme_delegation: Option<Hostname>,
}

impl core::fmt::Display for StaticData {
    /// Type and content as in a zone file.
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        let text = |octets: &[u8]| octets.escape_ascii().to_string();
        write!(f, "{} ", self.record_type())?;
        match self {
            Self::Address(address) => address.fmt(f),
            Self::Cname(name) | Self::Ns(name) => name.fmt(f),
            Self::Txt(strings) => {
                let strings: Vec<_> = strings.iter().map(|string| format!("\"{}\"", text(string))).collect();
                f.write_str(&strings.join(" "))
            }
            Self::Mx { preference, exchange: Some(exchange) } => write!(f, "{preference} {exchange}"),
            Self::Mx { preference, exchange: None } => write!(f, "{preference} ."),
            Self::Caa { flags, tag, value } => write!(f, "{flags} {tag} \"{}\"", text(value)),
        }
    }
}
