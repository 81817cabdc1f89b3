//! What a message asks, read from its octets.
//!
//! Queries of the plain shape, one question and at most one OPT behind it, are read in place and without allocation;
//! every other message is read with hickory-proto.

mod opt;
mod other;

pub(super) use self::opt::{Opt, is_well_formed_subnet};

use crate::hostname::MAX_WIRE;
use crate::record_type::RecordType;

/// Octets of the header (RFC 1035 §4.1.1).
pub(super) const HEADER: usize = 12;

/// A message that is a query of some kind: it has a header and QR=0.
#[derive(Debug)]
pub(super) struct Request<'q> {
    /// The ID, to be copied (D28).
    pub(super) id: [u8; 2],
    /// The header's third octet: opcode and RD.
    flags: u8,
    /// The number of questions that the header claims.
    pub(super) question_count: u16,
    /// The first question, where it could be read.
    pub(super) question: Option<Question<'q>>,
    /// The OPT record of a message that is well formed.
    pub(super) opt: Option<Opt<'q>>,
    /// Whether anything behind the header is wrong (D15a).
    pub(super) malformed: bool,
}

/// A question (RFC 1035 §4.1.2).
#[derive(Clone, Copy, Debug)]
pub(super) struct Question<'q> {
    /// Name, type and class as they came.
    pub(super) octets: &'q [u8],
    /// The name as it was spelt, in wire form and not compressed.
    pub(super) name: &'q [u8],
    /// QTYPE.
    pub(super) record_type: RecordType,
    /// QCLASS.
    pub(super) class: u16,
}

impl<'q> Request<'q> {
    /// Reads a message; `None` if it is none or a reply (D15).
    pub(super) fn read(message: &'q [u8]) -> Option<Self> {
        let (header, _) = message.split_first_chunk::<HEADER>()?;
        let [id_high, id_low, flags, _, count @ ..] = header;
        if *flags & 0x80 != 0 {
            return None;
        }
        let counts = Counts::read(*count);
        let id = [*id_high, *id_low];
        let question =
            if counts.questions == 0 { None } else { message.get(HEADER..).and_then(Question::read) };
        let opt = plain_opt(message, &counts, question.as_ref())
            .or_else(|NotPlain| other::read_opt(message, &counts, question.is_some()));
        let malformed = opt.is_err();
        let opt = opt.unwrap_or(None);
        Some(Self { id, flags: *flags, question_count: counts.questions, question, opt, malformed })
    }

    /// The header's third octet for the reply: QR set, opcode and RD copied (D1).
    pub(super) fn reply_flags(&self) -> u8 {
        0x80 | self.flags & 0x79
    }

    /// Whether the opcode is QUERY (D16).
    pub(super) fn is_query(&self) -> bool {
        self.flags & 0x78 == 0
    }
}

/// The four counts of the header.
#[derive(Debug)]
struct Counts {
    questions: u16,
    answers: u16,
    authorities: u16,
    additionals: u16,
}

impl Counts {
    fn read(octets: [u8; 8]) -> Self {
        let [q0, q1, a0, a1, n0, n1, r0, r1] = octets;
        Self {
            questions: u16::from_be_bytes([q0, q1]),
            answers: u16::from_be_bytes([a0, a1]),
            authorities: u16::from_be_bytes([n0, n1]),
            additionals: u16::from_be_bytes([r0, r1]),
        }
    }

    /// One question, and nothing else but perhaps one additional record.
    fn are_plain(&self) -> bool {
        matches!(self, Self { questions: 1, answers: 0, authorities: 0, additionals: 0 | 1 })
    }
}

impl<'q> Question<'q> {
    /// Reads the first question of a message from the octets behind its header.
    ///
    /// Nothing before it could hold a name, so a compressed name is none here.
    fn read(octets: &'q [u8]) -> Option<Self> {
        let mut end = 0;
        loop {
            let len = *octets.get(end)?;
            end += 1;
            match len {
                0 => break,
                1..=63 => end += usize::from(len),
                64.. => return None,
            }
        }
        if end > MAX_WIRE {
            return None;
        }
        let (name, rest) = octets.split_at_checked(end)?;
        let &[t0, t1, c0, c1] = rest.first_chunk()?;
        Some(Self {
            octets: octets.get(..end + 4)?,
            name,
            record_type: RecordType(u16::from_be_bytes([t0, t1])),
            class: u16::from_be_bytes([c0, c1]),
        })
    }
}

/// The message needs another reading.
struct NotPlain;

/// The OPT record right behind the question, or none where nothing is announced.
fn plain_opt<'q>(
    message: &'q [u8],
    counts: &Counts,
    question: Option<&Question<'q>>,
) -> Result<Option<Opt<'q>>, NotPlain> {
    let Some(question) = question.filter(|_| counts.are_plain()) else { return Err(NotPlain) };
    if counts.additionals == 0 {
        return Ok(None);
    }
    match message.get(HEADER + question.octets.len()..) {
        // The root, then type OPT.
        Some([0, 0, 41, rest @ ..]) => Opt::read(rest).map(|(opt, _)| Some(opt)).ok_or(NotPlain),
        _ => Err(NotPlain),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A message: ID 0x1234, these flags and counts, then these octets.
    fn message(flags: u8, counts: [u8; 4], rest: &[u8]) -> Vec<u8> {
        let [q, a, n, r] = counts;
        let mut message = vec![0x12, 0x34, flags, 0, 0, q, 0, a, 0, n, 0, r];
        message.extend_from_slice(rest);
        message
    }

    const WWW: &[u8] = b"\x03WwW\x07example\x00\x00\x01\x00\x01";
    const OPT: &[u8] = b"\x00\x00\x29\x04\xd0\x00\x00\x80\x00\x00\x00";

    #[test]
    fn a_plain_query_is_read() {
        let octets = message(1, [1, 0, 0, 1], &[WWW, OPT].concat());
        let request = Request::read(&octets).unwrap();
        assert_eq!(request.id, [0x12, 0x34]);
        assert!(!request.malformed && request.is_query());
        assert_eq!(request.reply_flags(), 0x81);
        let question = request.question.unwrap();
        assert_eq!(question.name, b"\x03WwW\x07example\x00");
        assert_eq!((question.record_type, question.class), (RecordType::A, 1));
        let opt = request.opt.unwrap();
        assert_eq!((opt.payload, opt.version, opt.dnssec_ok), (1232, 0, true));
    }

    #[test]
    fn an_opt_between_other_additional_records_is_found() {
        let other = b"\xc0\x0c\x00\x01\x00\x01\x00\x00\x00\x05\x00\x04\xc0\x00\x02\x01";
        let octets = message(1, [1, 0, 0, 3], &[WWW, other, OPT, other].concat());
        let request = Request::read(&octets).unwrap();
        assert!(!request.malformed);
        assert_eq!(request.opt.unwrap().payload, 1232);
    }

    #[test]
    fn a_name_of_255_octets_is_a_name_and_one_of_256_is_not() {
        for (last, well_formed) in [(61, true), (62, false)] {
            let mut name = Vec::new();
            for len in [63, 63, 63, last] {
                name.push(len);
                name.extend(core::iter::repeat_n(b'a', len.into()));
            }
            name.extend_from_slice(b"\x00\x00\x01\x00\x01");
            let octets = message(0, [1, 0, 0, 0], &name);
            assert_eq!(Request::read(&octets).unwrap().question.is_some(), well_formed);
        }
    }
}
