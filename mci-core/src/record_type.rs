//! Record types and response codes, by their numbers.

use core::fmt;
use core::str::FromStr;

/// A DNS record type (RFC 1035 §3.2.2), any 16-bit number.
///
/// ```
/// use mci_core::RecordType;
/// assert_eq!("aaaa".parse(), Ok(RecordType::AAAA));
/// assert_eq!("TYPE64".parse::<RecordType>().unwrap().to_string(), "SVCB");
/// assert_eq!(RecordType(4711).to_string(), "TYPE4711");
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RecordType(pub u16);

/// The text names no record type: neither a known mnemonic nor `TYPEn` (RFC 3597 §5).
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is no record type: use a name such as A, AAAA or MX, or TYPE followed by its number")]
pub struct UnknownRecordType(String);

macro_rules! record_types {
    ($($name:ident = $number:literal),+ $(,)?) => {
        #[allow(missing_docs, reason = "the mnemonics of the IANA registry")]
        impl RecordType {
            $(pub const $name: Self = Self($number);)+
        }
        const MNEMONICS: &[(u16, &str)] = &[$(($number, stringify!($name))),+];
    };
}

record_types! {
    A = 1, NS = 2, CNAME = 5, SOA = 6, NULL = 10, WKS = 11, PTR = 12, HINFO = 13, MINFO = 14, MX = 15, TXT = 16,
    RP = 17, AFSDB = 18, X25 = 19, ISDN = 20, RT = 21, NSAP = 22, SIG = 24, KEY = 25, PX = 26, AAAA = 28, LOC = 29,
    SRV = 33, NAPTR = 35, KX = 36, CERT = 37, DNAME = 39, OPT = 41, APL = 42, DS = 43, SSHFP = 44, IPSECKEY = 45,
    RRSIG = 46, NSEC = 47, DNSKEY = 48, DHCID = 49, NSEC3 = 50, NSEC3PARAM = 51, TLSA = 52, SMIMEA = 53, HIP = 55,
    CDS = 59, CDNSKEY = 60, OPENPGPKEY = 61, CSYNC = 62, ZONEMD = 63, SVCB = 64, HTTPS = 65, SPF = 99, TKEY = 249,
    TSIG = 250, IXFR = 251, AXFR = 252, MAILB = 253, MAILA = 254, ANY = 255, URI = 256, CAA = 257,
}

impl fmt::Display for RecordType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match MNEMONICS.iter().find(|(number, _)| *number == self.0) {
            Some((_, name)) => f.pad(name),
            None => write!(f, "TYPE{}", self.0),
        }
    }
}

impl FromStr for RecordType {
    type Err = UnknownRecordType;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        if let Some((number, _)) = MNEMONICS.iter().find(|(_, name)| name.eq_ignore_ascii_case(text)) {
            return Ok(Self(*number));
        }
        text.get(..4)
            .filter(|prefix| prefix.eq_ignore_ascii_case("TYPE"))
            .and_then(|_| text.get(4..)?.parse().ok())
            .map(Self)
            .ok_or_else(|| UnknownRecordType(text.to_owned()))
    }
}

/// A DNS response code (RFC 1035 §4.1.1, RFC 6895 §2.3), extended bits included.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Rcode(pub u16);

#[allow(missing_docs, reason = "the mnemonics of the IANA registry")]
impl Rcode {
    pub const NOERROR: Self = Self(0);
    pub const FORMERR: Self = Self(1);
    pub const SERVFAIL: Self = Self(2);
    pub const NXDOMAIN: Self = Self(3);
    pub const NOTIMP: Self = Self(4);
    pub const REFUSED: Self = Self(5);
    pub const BADVERS: Self = Self(16);
    pub const BADCOOKIE: Self = Self(23);

    /// The mnemonic of a code that MCI answers with.
    pub const fn name(self) -> &'static str {
        match self {
            Self::NOERROR => "NOERROR",
            Self::FORMERR => "FORMERR",
            Self::SERVFAIL => "SERVFAIL",
            Self::NXDOMAIN => "NXDOMAIN",
            Self::NOTIMP => "NOTIMP",
            Self::REFUSED => "REFUSED",
            Self::BADVERS => "BADVERS",
            Self::BADCOOKIE => "BADCOOKIE",
            Self(_) => "OTHER",
        }
    }
}

impl fmt::Display for Rcode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}
