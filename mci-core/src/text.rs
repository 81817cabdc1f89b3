//! Names and addresses as people and controllers write them.

use core::net::IpAddr;

use crate::hostname::Hostname;

/// So much of a text is repeated in a message.
const SHOWN: usize = 80;
/// No name is written with more octets than this: letters outside ASCII take up to four, and escape to more.
const LONGEST: usize = 1024;

/// A text for a message, cut where it is long.
pub(crate) fn shortened(text: &str) -> String {
    if text.chars().count() <= SHOWN {
        return text.to_owned();
    }
    text.chars().take(SHOWN).chain(['…']).collect()
}

/// A hostname, converted to A-labels where it is not ASCII (R1); or what is wrong with it.
pub(crate) fn hostname(text: &str) -> Result<Hostname, String> {
    if text.len() > LONGEST {
        return Err(format!("{:?} is longer than 255 octets in wire form (RFC 1035)", shortened(text)));
    }
    if text.is_ascii() {
        return text.parse().map_err(|error: crate::hostname::HostnameError| error.to_string());
    }
    let (star, rest) = text.strip_prefix("*.").map_or(("", text), |rest| ("*.", rest));
    let ascii = to_ascii(rest)?;
    format!("{star}{ascii}").parse().map_err(|error: crate::hostname::HostnameError| error.to_string())
}

#[cfg(feature = "idna")]
fn to_ascii(text: &str) -> Result<String, String> {
    idna::domain_to_ascii(text)
        .map_err(|_| format!("{:?} is no internationalised name (IDNA, UTS 46)", shortened(text)))
}

#[cfg(not(feature = "idna"))]
fn to_ascii(text: &str) -> Result<String, String> {
    Err(format!("{:?} has letters outside ASCII: write it in A-labels (xn--…)", shortened(text)))
}

/// An address, or a name to point to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Place {
    Address(IpAddr),
    Target(Hostname),
}

/// An address that can be an answer, or a target name (R9); or what is wrong with it.
pub(crate) fn place(text: &str) -> Result<Place, String> {
    if let Some(address) = parsed(text)? {
        return Ok(Place::Address(address));
    }
    let name = hostname(text)?;
    if name.is_wildcard() {
        return Err(format!("{name} is no target: a CNAME cannot point to a wildcard"));
    }
    if name.label_count() == 1 {
        return Err(format!(
            "{name} is neither an address nor a whole name: write all of it, such as lb.example.net"
        ));
    }
    Ok(Place::Target(name))
}

/// An address that can be an answer; or what is wrong with it.
pub(crate) fn address(text: &str) -> Result<IpAddr, String> {
    parsed(text)?.ok_or_else(|| format!("{:?} is no IPv4 or IPv6 address", shortened(text)))
}

/// A target name alone: a number is no address here, and no name either.
pub(crate) fn target(text: &str) -> Result<Place, String> {
    match place(text)? {
        Place::Address(address) => Err(format!("{address} is an address, where a name is asked for")),
        target @ Place::Target(_) => Ok(target),
    }
}

/// The address that a text is, nothing where it rather looks like a name.
fn parsed(text: &str) -> Result<Option<IpAddr>, String> {
    match text.parse() {
        Ok(address) => answerable(address).map(Some),
        Err(_) if looks_like_an_address(text) => Err(format!(
            "{:?} is no IPv4 or IPv6 address: write the address alone, without port, length or zone",
            shortened(text)
        )),
        Err(_) => Ok(None),
    }
}

/// Digits and dots only, or anything with a colon or a slash: no name looks like that (RFC 1123 §2.1).
pub(crate) fn looks_like_an_address(text: &str) -> bool {
    let last = text.trim_end_matches('.').rsplit('.').next().unwrap_or_default();
    text.contains([':', '/', '[', '%'])
        || (!last.is_empty() && last.bytes().all(|octet| octet.is_ascii_digit()))
}

/// Whether an address can lead a client anywhere: what Kubernetes refuses in endpoints and external addresses, too.
pub(crate) fn answerable(address: IpAddr) -> Result<IpAddr, String> {
    let mapped = match address {
        IpAddr::V4(_) => None,
        IpAddr::V6(v6) => v6.to_ipv4_mapped(),
    };
    if let Some(v4) = mapped {
        return Err(format!("{address} is an IPv4 address in IPv6 notation: write {v4}"));
    }
    let (link_local, broadcast) = match address {
        IpAddr::V4(v4) => (v4.is_link_local(), v4.is_broadcast()),
        IpAddr::V6(v6) => (v6.is_unicast_link_local(), false),
    };
    let what = if address.is_unspecified() {
        "unspecified"
    } else if address.is_loopback() {
        "a loopback address"
    } else if address.is_multicast() {
        "a multicast address"
    } else if link_local {
        "a link-local address"
    } else if broadcast {
        "the broadcast address"
    } else {
        return Ok(address);
    };
    Err(format!("{address} is {what}: no client could reach this cluster by it"))
}
