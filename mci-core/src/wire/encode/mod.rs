//! Writes replies straight into the caller's buffer.
//!
//! [`Reply`] is the message as it grows: header, question, records up to a limit, and the OPT record, whose room is
//! kept free from the beginning (D23). [`names`] compresses, [`sections`] turns a decision into records.

mod edns;
mod names;
mod sections;

pub(super) use self::edns::{Edns, ExtendedError};
pub(super) use self::sections::write_decision;

use self::names::Names;
use super::request::{HEADER, Request};
use crate::record_type::{Rcode, RecordType};

/// Class IN.
const IN: [u8; 2] = [0, 1];
/// Where the question's name begins: the first thing that a name can point to.
const QUESTION_NAME: u16 = 12;
/// AA in the header's third octet.
const AUTHORITATIVE: u8 = 0x04;
/// TC in the header's third octet.
const TRUNCATED: u8 = 0x02;

/// A section that records are written into.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Section {
    Answer,
    Authority,
    Additional,
}

/// The owner of a record.
#[derive(Clone, Copy, Debug)]
enum Owner<'a> {
    /// A name that is in the message already, at this offset.
    At(u16),
    /// A name to be written.
    Name(&'a [u8]),
}

/// A reply that is being written.
#[derive(Debug)]
pub(super) struct Reply<'o> {
    out: &'o mut Vec<u8>,
    names: Names,
    /// No record ends behind this offset.
    limit: usize,
    /// Records in answer, authority and additional section.
    counts: [u16; 3],
    truncated: bool,
}

/// A place to go back to.
#[derive(Clone, Copy)]
struct Mark {
    len: usize,
    names: usize,
    counts: [u16; 3],
}

impl<'o> Reply<'o> {
    /// Begins the reply to `request` in `out`, which is empty: at most `size` octets, `room` of them for the OPT record.
    pub(super) fn begin(out: &'o mut Vec<u8>, request: &Request<'_>, size: usize, room: usize) -> Self {
        let [id0, id1] = request.id;
        let question = request.question.map_or(&[][..], |question| question.octets);
        out.extend_from_slice(&[
            id0,
            id1,
            request.reply_flags(),
            0,
            0,
            u8::from(!question.is_empty()),
            0,
            0,
            0,
            0,
            0,
            0,
        ]);
        out.extend_from_slice(question);
        Self {
            out,
            names: Names::default(),
            limit: size.saturating_sub(room),
            counts: [0; 3],
            truncated: false,
        }
    }

    /// Whether TC is set.
    pub(super) fn is_truncated(&self) -> bool {
        self.truncated
    }

    /// Writes the OPT record, if there is one, and what the header still lacks.
    pub(super) fn finish(mut self, rcode: Rcode, authoritative: bool, edns: Option<&Edns<'_>>) {
        if let Some(edns) = edns {
            edns.write(rcode, self.out);
            self.count(Section::Additional, 1);
        }
        let Some(header) = self.out.first_chunk_mut::<HEADER>() else { return };
        let [_, _, flags, codes, _, _, counts @ ..] = header;
        if authoritative {
            *flags |= AUTHORITATIVE;
        }
        if self.truncated {
            *flags |= TRUNCATED;
        }
        let [_, low] = rcode.0.to_be_bytes();
        *codes = low & 0x0f;
        let [[a0, a1], [n0, n1], [r0, r1]] = self.counts.map(u16::to_be_bytes);
        *counts = [a0, a1, n0, n1, r0, r1];
    }

    /// Writes one record, or nothing if it does not fit. `data` writes its RDATA.
    fn record(
        &mut self,
        section: Section,
        owner: Owner<'_>,
        record_type: RecordType,
        ttl: u32,
        data: impl FnOnce(&mut Self),
    ) -> bool {
        let mark = self.mark();
        match owner {
            Owner::At(offset) => self.pointer(offset),
            Owner::Name(name) => {
                self.name(name);
            }
        }
        let [t0, t1] = record_type.0.to_be_bytes();
        let [c0, c1] = IN;
        let [l0, l1, l2, l3] = ttl.to_be_bytes();
        self.octets(&[t0, t1, c0, c1, l0, l1, l2, l3, 0, 0]);
        let start = self.out.len();
        data(self);
        let Ok(len) = u16::try_from(self.out.len() - start) else {
            self.go_back(mark);
            return false;
        };
        if self.out.len() > self.limit {
            self.go_back(mark);
            return false;
        }
        if let Some(place) = self.out.get_mut(start - 2..start) {
            place.copy_from_slice(&len.to_be_bytes());
        }
        self.count(section, 1);
        true
    }

    /// Writes records that hold an address each, as many as fit; says whether all did.
    ///
    /// All are owned by the name at `owner` and have addresses of one length: this is the path of almost every answer.
    fn addresses<'a>(
        &mut self,
        owner: u16,
        record_type: RecordType,
        ttl: u32,
        addresses: impl Iterator<Item = &'a [u8]>,
    ) -> bool {
        let [p0, p1] = (names::POINTER | owner).to_be_bytes();
        let [t0, t1] = record_type.0.to_be_bytes();
        let [c0, c1] = IN;
        let [l0, l1, l2, l3] = ttl.to_be_bytes();
        let len = if record_type == RecordType::A { 4 } else { 16 };
        let head = [p0, p1, t0, t1, c0, c1, l0, l1, l2, l3, 0, len];
        let mut count = 0;
        let mut all_fit = true;
        for address in addresses {
            debug_assert_eq!(address.len(), usize::from(len), "one family in one RRset");
            if self.out.len() + head.len() + address.len() > self.limit {
                all_fit = false;
                break;
            }
            self.out.extend_from_slice(&head);
            self.out.extend_from_slice(address);
            count += 1;
        }
        self.count(Section::Answer, count);
        all_fit
    }

    fn octets(&mut self, octets: &[u8]) {
        self.out.extend_from_slice(octets);
    }

    fn u16(&mut self, number: u16) {
        self.octets(&number.to_be_bytes());
    }

    fn u32(&mut self, number: u32) {
        self.octets(&number.to_be_bytes());
    }

    /// Writes a character string (RFC 1035 §3.3) of at most 255 octets.
    fn character_string(&mut self, string: &[u8]) {
        let len = u8::try_from(string.len()).unwrap_or(u8::MAX);
        self.out.push(len);
        self.out.extend(string.iter().take(len.into()));
    }

    /// Writes a name as short as it gets, and says where it can be pointed to.
    fn name(&mut self, wire: &[u8]) -> u16 {
        self.names.write(wire, self.out)
    }

    /// Points to a name; the root is shorter than a pointer to it.
    fn pointer(&mut self, offset: u16) {
        if self.out.get(usize::from(offset)) == Some(&0) {
            self.out.push(0);
        } else {
            self.u16(names::POINTER | offset);
        }
    }

    fn count(&mut self, section: Section, more: u16) {
        let [answers, authorities, additionals] = &mut self.counts;
        // A record has at least 11 octets, so a message holds fewer than a count can say.
        *match section {
            Section::Answer => answers,
            Section::Authority => authorities,
            Section::Additional => additionals,
        } += more;
    }

    fn mark(&self) -> Mark {
        Mark { len: self.out.len(), names: self.names.len(), counts: self.counts }
    }

    fn go_back(&mut self, mark: Mark) {
        self.out.truncate(mark.len);
        self.names.truncate(mark.names);
        self.counts = mark.counts;
    }
}
