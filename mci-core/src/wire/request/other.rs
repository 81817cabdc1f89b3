//! Messages that are not of the plain shape, read with hickory-proto.
//!
//! Its decoder judges every name and record; only the OPT record is ours, since hickory-proto forgets options that it
//! cannot parse, and their order among the rules is D15a, D20, D21, D22.

use hickory_proto::op::Query;
use hickory_proto::rr::{Name, Record};
use hickory_proto::serialize::binary::{BinDecodable as _, BinDecoder, DecodeError};

use super::{Counts, HEADER, Opt};

/// No query that is not plain has a reason to be longer, and names that point to names that point to names cost time
/// with the square of a message's length. TCP ends at the same number (D33).
const LONGEST: usize = 4096;

/// TYPE of OPT records.
const OPT: u16 = 41;

/// Something behind the header is wrong (D15a).
#[derive(Debug)]
pub(super) struct Malformed;

impl From<DecodeError> for Malformed {
    fn from(_: DecodeError) -> Self {
        Self
    }
}

/// The OPT record of a message, if it has one and if everything that its counts announce is there and well formed.
pub(super) fn read_opt<'q>(
    message: &'q [u8],
    counts: &Counts,
    question_is_readable: bool,
) -> Result<Option<Opt<'q>>, Malformed> {
    if message.len() > LONGEST || (counts.questions > 0 && !question_is_readable) {
        return Err(Malformed);
    }
    let mut decoder = at(message, HEADER)?;
    for _ in 0..counts.questions {
        Query::read(&mut decoder)?;
    }
    for _ in 0..u32::from(counts.answers) + u32::from(counts.authorities) {
        if read_record(message, &mut decoder)?.is_some() {
            return Err(Malformed);
        }
    }
    let mut opt = None;
    for _ in 0..counts.additionals {
        if let Some(found) = read_record(message, &mut decoder)?
            && opt.replace(found).is_some()
        {
            return Err(Malformed);
        }
    }
    Ok(opt)
}

/// Reads one record, and gives it back if it is an OPT.
fn read_record<'q>(message: &'q [u8], decoder: &mut BinDecoder<'q>) -> Result<Option<Opt<'q>>, Malformed> {
    let start = decoder.index();
    let owner = Name::read(decoder)?;
    if decoder.read_u16()?.unverified(/* any number is a type */) != OPT {
        *decoder = at(message, start)?;
        Record::read(decoder)?;
        return Ok(None);
    }
    if !owner.is_root() {
        return Err(Malformed);
    }
    let rest = message.get(decoder.index()..).ok_or(Malformed)?;
    let (opt, len) = Opt::read(rest).ok_or(Malformed)?;
    decoder.read_slice(len)?;
    Ok(Some(opt))
}

/// A decoder of `message` that goes on at `index`.
fn at(message: &[u8], index: usize) -> Result<BinDecoder<'_>, Malformed> {
    let mut decoder = BinDecoder::new(message);
    decoder.read_slice(index)?;
    Ok(decoder)
}
