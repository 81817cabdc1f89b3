//! The OPT record of a query (RFC 6891): the options that are answered, and whether they are well formed.

/// Option codes (IANA, DNS EDNS0 option codes).
const CLIENT_SUBNET: u16 = 8;
const COOKIE: u16 = 10;

/// What an OPT record asks for.
#[derive(Clone, Copy, Debug)]
pub(in crate::wire) struct Opt<'q> {
    /// The size of UDP messages that the client takes.
    pub(in crate::wire) payload: u16,
    /// The EDNS version.
    pub(in crate::wire) version: u8,
    /// The flag DO.
    pub(in crate::wire) dnssec_ok: bool,
    /// The content of the first COOKIE option, of any length.
    pub(in crate::wire) cookie: Option<&'q [u8]>,
    /// The content of the first client subnet option, well formed or not.
    pub(in crate::wire) subnet: Option<&'q [u8]>,
}

impl<'q> Opt<'q> {
    /// Reads an OPT record from its class on, and says how many octets that takes; `None` if it is cut off or an option
    /// passes the end of its RDATA.
    pub(super) fn read(octets: &'q [u8]) -> Option<(Self, usize)> {
        let (&[size0, size1, _rcode, version, flags, _, len0, len1], rest) = octets.split_first_chunk()?;
        let len = usize::from(u16::from_be_bytes([len0, len1]));
        let mut opt = Self {
            payload: u16::from_be_bytes([size0, size1]),
            version,
            dnssec_ok: flags & 0x80 != 0,
            cookie: None,
            subnet: None,
        };
        let mut options = rest.get(..len)?;
        while !options.is_empty() {
            let (&[code0, code1, len0, len1], rest) = options.split_first_chunk()?;
            let (content, rest) = rest.split_at_checked(u16::from_be_bytes([len0, len1]).into())?;
            match u16::from_be_bytes([code0, code1]) {
                COOKIE => opt.cookie = opt.cookie.or(Some(content)),
                CLIENT_SUBNET => opt.subnet = opt.subnet.or(Some(content)),
                _ => {}
            }
            options = rest;
        }
        Some((opt, 8 + len))
    }
}

/// Whether the content of a client subnet option is as a query may have it (D22, RFC 7871 §6): as many octets as the
/// prefix needs, no bits past it, scope 0.
pub(in crate::wire) fn is_well_formed_subnet(content: &[u8]) -> bool {
    let Some((&[family0, family1, source, scope], address)) = content.split_first_chunk() else {
        return false;
    };
    let longest = match u16::from_be_bytes([family0, family1]) {
        1 => 32,
        2 => 128,
        // Unknown families mean nothing here, so only their form is checked; `dig +subnet=0` sends family 0.
        _ => u8::MAX,
    };
    let past_the_prefix = match address.last() {
        Some(last) if source % 8 != 0 => last & (0xff >> (source % 8)),
        _ => 0,
    };
    scope == 0
        && source <= longest
        && address.len() == usize::from(source).div_ceil(8)
        && past_the_prefix == 0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn d22_the_form_of_a_subnet_is_checked_to_the_bit() {
        for (content, well_formed) in [
            (&b"\x00\x01\x18\x00\xc0\x00\x02"[..], true),
            (b"\x00\x01\x19\x00\xc0\x00\x02\x80", true),
            (b"\x00\x01\x00\x00", true),
            (b"\x00\x00\x00\x00", true),
            (b"\x00\x02\x38\x00\x20\x01\x0d\xb8\x00\x00\x00", true),
            (b"\x00\x01\x19\x00\xc0\x00\x02\x40", false),
            (b"\x00\x01\x18\x01\xc0\x00\x02", false),
            (b"\x00\x01\x18\x00\xc0\x00", false),
            (b"\x00\x01\x18\x00\xc0\x00\x02\x00", false),
            (b"\x00\x01\x21\x00\xc0\x00\x02\x01\x00", false),
            (b"\x00\x01\x18", false),
            (b"", false),
        ] {
            assert_eq!(is_well_formed_subnet(content), well_formed, "{content:02x?}");
        }
    }
}
