//! Zones and what they hold beside hostnames (R2a, D7, D8, D34).

use core::net::IpAddr;

use crate::hostname::Hostname;
use crate::hostname_state::Ttl;

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
