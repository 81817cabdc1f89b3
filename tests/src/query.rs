//! Queries, octet by octet, right ones and wrong ones.

use std::sync::atomic::{AtomicU16, Ordering};

use crate::wire;

/// A query to build. Everything that a test does not set is what `dig +norec +noedns` would send.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Query {
    id: u16,
    flags: u16,
    questions: Vec<Question>,
    additional: Vec<Vec<u8>>,
    opt: Option<Opt>,
    /// Octets behind the message.
    trailing: Vec<u8>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct Question {
    name: Vec<u8>,
    rtype: u16,
    class: u16,
}

/// An OPT record to send.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Opt {
    size: u16,
    version: u8,
    flags: u16,
    options: Vec<(u16, Vec<u8>)>,
}

/// The flags of the header.
pub mod flag {
    /// The message is a response.
    pub const QR: u16 = 0x8000;
    /// Authoritative answer.
    pub const AA: u16 = 0x0400;
    /// Truncated.
    pub const TC: u16 = 0x0200;
    /// Recursion desired.
    pub const RD: u16 = 0x0100;
    /// Recursion available.
    pub const RA: u16 = 0x0080;
    /// Reserved.
    pub const Z: u16 = 0x0040;
    /// Authentic data.
    pub const AD: u16 = 0x0020;
    /// Checking disabled.
    pub const CD: u16 = 0x0010;
    /// Of the OPT record: DNSSEC records wanted.
    pub const DO: u16 = 0x8000;
}

/// The options of an OPT record.
pub mod option {
    /// NSID (RFC 5001).
    pub const NSID: u16 = 3;
    /// Client subnet (RFC 7871).
    pub const ECS: u16 = 8;
    /// EXPIRE (RFC 7314).
    pub const EXPIRE: u16 = 9;
    /// Cookies (RFC 7873).
    pub const COOKIE: u16 = 10;
    /// TCP keepalive (RFC 7828).
    pub const KEEPALIVE: u16 = 11;
    /// Padding (RFC 7830).
    pub const PADDING: u16 = 12;
    /// Extended DNS errors (RFC 8914).
    pub const EDE: u16 = 15;
}

impl Query {
    /// A query for records of a type at a name, both in presentation form.
    #[track_caller]
    pub fn new(name: &str, rtype: &str) -> Self {
        Query::empty().and_question(name, rtype)
    }

    /// A query without a question.
    pub fn empty() -> Self {
        Query {
            id: next_id(),
            flags: 0,
            questions: Vec::new(),
            additional: Vec::new(),
            opt: None,
            trailing: Vec::new(),
        }
    }

    /// With another question behind those that are there.
    #[track_caller]
    pub fn and_question(mut self, name: &str, rtype: &str) -> Self {
        self.questions.push(Question {
            name: wire::name_octets(name),
            rtype: wire::type_number(rtype),
            class: 1,
        });
        self
    }

    /// With this ID; else it is one that no other query of late had.
    pub fn id(mut self, id: u16) -> Self {
        self.id = id;
        self
    }

    /// With these flags of the header set, beside those that are.
    pub fn flags(mut self, flags: u16) -> Self {
        self.flags |= flags;
        self
    }

    /// With another opcode than QUERY.
    #[track_caller]
    pub fn opcode(mut self, name: &str) -> Self {
        self.flags |= u16::from(wire::opcode_number(name)) << 11;
        self
    }

    /// Every question in another class than IN.
    #[track_caller]
    pub fn class(mut self, name: &str) -> Self {
        for question in &mut self.questions {
            question.class = wire::class_number(name);
        }
        self
    }

    /// With an OPT record, behind all other records.
    pub fn opt(mut self, opt: Opt) -> Self {
        self.opt = Some(opt);
        self
    }

    /// With a plain OPT record: version 0, 1232 octets, no options.
    pub fn edns(self) -> Self {
        self.opt(Opt::new())
    }

    /// With a record in the additional section, in front of the OPT record, as octets.
    pub fn additional(mut self, record: Vec<u8>) -> Self {
        self.additional.push(record);
        self
    }

    /// With octets behind the end of the message.
    pub fn trailing(mut self, octets: &[u8]) -> Self {
        self.trailing = octets.to_vec();
        self
    }

    /// Its ID.
    pub fn message_id(&self) -> u16 {
        self.id
    }

    /// The message.
    pub fn octets(&self) -> Vec<u8> {
        let count = |number: usize| u16::try_from(number).expect("few").to_be_bytes();
        let mut octets = Vec::new();
        octets.extend(self.id.to_be_bytes());
        octets.extend(self.flags.to_be_bytes());
        octets.extend(count(self.questions.len()));
        octets.extend([0; 4]);
        octets.extend(count(self.additional.len() + usize::from(self.opt.is_some())));
        for Question { name, rtype, class } in &self.questions {
            octets.extend(name);
            octets.extend(rtype.to_be_bytes());
            octets.extend(class.to_be_bytes());
        }
        for record in &self.additional {
            octets.extend(record);
        }
        if let Some(opt) = &self.opt {
            octets.extend(opt.octets());
        }
        octets.extend(&self.trailing);
        octets
    }
}

impl Default for Opt {
    fn default() -> Self {
        Opt::new()
    }
}

impl Opt {
    /// Version 0, 1232 octets, no flags, no options.
    pub fn new() -> Self {
        Opt { size: 1232, version: 0, flags: 0, options: Vec::new() }
    }

    /// With this UDP payload size.
    pub fn size(mut self, size: u16) -> Self {
        self.size = size;
        self
    }

    /// With this version.
    pub fn version(mut self, version: u8) -> Self {
        self.version = version;
        self
    }

    /// With these flags, of which DO is the first.
    pub fn flags(mut self, flags: u16) -> Self {
        self.flags |= flags;
        self
    }

    /// With an option behind those that are there.
    pub fn option(mut self, code: u16, data: &[u8]) -> Self {
        self.options.push((code, data.to_vec()));
        self
    }

    /// The record.
    pub fn octets(&self) -> Vec<u8> {
        let mut data = Vec::new();
        for (code, value) in &self.options {
            data.extend(code.to_be_bytes());
            data.extend(u16::try_from(value.len()).expect("short").to_be_bytes());
            data.extend(value);
        }
        record(".", 41, self.size, (u32::from(self.version) << 16) | u32::from(self.flags), &data)
    }
}

/// IDs that follow no order and come again after 65,536.
fn next_id() -> u16 {
    static COUNT: AtomicU16 = AtomicU16::new(1);
    COUNT.fetch_add(1, Ordering::Relaxed).wrapping_mul(40_503)
}

/// A record as octets, for what is to stand in a query.
#[track_caller]
pub fn record(owner: &str, rtype: u16, class: u16, ttl: u32, data: &[u8]) -> Vec<u8> {
    let mut octets = wire::name_octets(owner);
    octets.extend(rtype.to_be_bytes());
    octets.extend(class.to_be_bytes());
    octets.extend(ttl.to_be_bytes());
    octets.extend(u16::try_from(data.len()).expect("short").to_be_bytes());
    octets.extend(data);
    octets
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_query_is_the_octets_that_dig_sends() {
        let query =
            Query::new("a.b", "AAAA").id(0x1234).flags(flag::RD).opt(Opt::new().size(4096).flags(flag::DO));
        assert_eq!(
            query.octets(),
            *b"\x12\x34\x01\x00\0\x01\0\0\0\0\0\x01\x01a\x01b\0\0\x1c\0\x01\0\0\x29\x10\0\0\0\x80\0\0\0"
        );
    }
}
