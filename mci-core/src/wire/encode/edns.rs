//! The OPT record of a reply (D19 to D22, D30).

use crate::record_type::Rcode;
use crate::wire::UDP_PAYLOAD;
use crate::wire::cookie::Cookie;
use crate::wire::request::Opt;

/// An extended error (RFC 8914): its code, without text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::wire) enum ExtendedError {
    /// Stale clusters answer (R11).
    StaleAnswer,
    /// The first sync is not finished (D27).
    NotReady,
    /// The name lies outside all zones (D11).
    NotAuthoritative,
}

impl ExtendedError {
    const fn code(self) -> u16 {
        match self {
            Self::StaleAnswer => 3,
            Self::NotReady => 14,
            Self::NotAuthoritative => 20,
        }
    }
}

/// What the OPT record of a reply says.
#[derive(Debug)]
pub(in crate::wire) struct Edns<'q> {
    dnssec_ok: bool,
    /// A cookie for the client.
    pub(in crate::wire) cookie: Option<Cookie>,
    /// The client subnet option of the query, well formed (D22).
    pub(in crate::wire) subnet: Option<&'q [u8]>,
    /// Why the answer is what it is.
    pub(in crate::wire) error: Option<ExtendedError>,
}

impl Edns<'_> {
    /// The record for a query with this OPT, without any option yet.
    pub(in crate::wire) fn for_query(opt: &Opt<'_>) -> Self {
        Self { dnssec_ok: opt.dnssec_ok, cookie: None, subnet: None, error: None }
    }

    /// Octets of the whole record.
    pub(in crate::wire) fn len(&self) -> usize {
        11 + self.options_len()
    }

    fn options_len(&self) -> usize {
        let Self { dnssec_ok: _, cookie, subnet, error } = self;
        cookie.map_or(0, |cookie| 4 + cookie.len())
            + subnet.map_or(0, |subnet| 4 + subnet.len())
            + error.map_or(0, |_| 6)
    }

    /// Appends the record.
    pub(super) fn write(&self, rcode: Rcode, out: &mut Vec<u8>) {
        let [s0, s1] = UDP_PAYLOAD.to_be_bytes();
        let extended = (rcode.0 >> 4).to_be_bytes()[1];
        let [l0, l1] = length(self.options_len());
        out.extend_from_slice(&[0, 0, 41, s0, s1, extended, 0, u8::from(self.dnssec_ok) << 7, 0, l0, l1]);
        if let Some(cookie) = &self.cookie {
            out.extend_from_slice(&[0, 10, 0, 24]);
            out.extend_from_slice(cookie);
        }
        if let Some(subnet) = self.subnet {
            // Family, prefix and address as they came; the scope came as 0, and stays 0 until a rule uses the subnet.
            let [l0, l1] = length(subnet.len());
            out.extend_from_slice(&[0, 8, l0, l1]);
            out.extend_from_slice(subnet);
        }
        if let Some(error) = self.error {
            let [e0, e1] = error.code().to_be_bytes();
            out.extend_from_slice(&[0, 15, 0, 2, e0, e1]);
        }
    }
}

/// The length of an option, or of all of them: a cookie, a subnet of at most 36 octets and an error are short.
fn length(len: usize) -> [u8; 2] {
    debug_assert!(len < 128, "options have few octets");
    u16::try_from(len).unwrap_or(0).to_be_bytes()
}
