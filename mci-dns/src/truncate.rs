//! The empty reply with TC=1 that sends a real client to TCP.

const HEADER: usize = 12;
const TC: u8 = 0x02;
const OPT: [u8; 2] = 41_u16.to_be_bytes();

/// Cuts `reply`, a message of our own encoder, down to its question and its OPT record, if it has one, and sets TC.
///
/// So it is as long as its query, but for options that the query did not have.
pub(crate) fn truncate(reply: &mut Vec<u8>) {
    let (question_end, opt) = question_and_opt(reply).unwrap_or((HEADER, None));
    reply.truncate(question_end);
    if let Some([_, _, flags, _, _, _, counts @ ..]) = reply.get_mut(..HEADER) {
        *flags |= TC;
        counts.copy_from_slice(&[0, 0, 0, 0, 0, u8::from(opt.is_some())]);
    }
    reply.extend_from_slice(opt.as_deref().unwrap_or_default());
}

/// Where the question ends, and the OPT record behind it: it holds no pointer, so it can be moved.
fn question_and_opt(reply: &[u8]) -> Option<(usize, Option<Vec<u8>>)> {
    let count = |at: usize| Some(u32::from(u16::from_be_bytes(*reply.get(at..)?.first_chunk()?)));
    let (questions, records) = (count(4)?, count(6)? + count(8)? + count(10)?);
    let mut at = HEADER;
    for _ in 0..questions {
        at = name_end(reply, at)? + 4;
    }
    let question_end = (at <= reply.len()).then_some(at)?;
    for _ in 0..records {
        let (start, fixed) = (at, name_end(reply, at)?);
        let [high, low] = *reply.get(fixed + 8..)?.first_chunk()?;
        at = fixed + 10 + usize::from(u16::from_be_bytes([high, low]));
        if reply.get(fixed..)?.starts_with(&OPT) {
            return Some((question_end, Some(reply.get(start..at)?.to_vec())));
        }
    }
    Some((question_end, None))
}

/// Where the name at `at` ends.
fn name_end(reply: &[u8], mut at: usize) -> Option<usize> {
    loop {
        match *reply.get(at)? {
            0 => return Some(at + 1),
            length @ 1..=63 => at += 1 + usize::from(length),
            _pointer => return Some(at + 2),
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const QUESTION: &[u8] = b"\x03app\x07example\0\0\x01\0\x01";
    const ADDRESS: &[u8] = b"\xc0\x0c\0\x01\0\x01\0\0\0\x05\0\x04\xc0\0\x02\x01";
    const OPT_RECORD: &[u8] = b"\0\0\x29\x04\xd0\0\0\x80\0\0\x04\0\x0f\0\0";

    fn reply(flags: u8, counts: [u8; 4], parts: &[&[u8]]) -> Vec<u8> {
        let [questions, answers, authority, additional] = counts;
        let mut reply = vec![0xab, 0xcd, flags, 0, 0, questions, 0, answers, 0, authority, 0, additional];
        reply.extend(parts.iter().copied().flatten());
        reply
    }

    #[test]
    fn answers_go_and_the_question_stays() {
        let mut octets = reply(0x84, [1, 2, 0, 0], &[QUESTION, ADDRESS, ADDRESS]);
        truncate(&mut octets);
        assert_eq!(octets, reply(0x86, [1, 0, 0, 0], &[QUESTION]));
    }

    #[test]
    fn the_opt_record_stays() {
        let mut octets = reply(0x84, [1, 1, 1, 2], &[QUESTION, ADDRESS, ADDRESS, ADDRESS, OPT_RECORD]);
        truncate(&mut octets);
        assert_eq!(octets, reply(0x86, [1, 0, 0, 1], &[QUESTION, OPT_RECORD]));
    }

    #[test]
    fn a_reply_without_a_question_keeps_its_header() {
        let mut octets = reply(0x80, [0, 0, 0, 0], &[]);
        truncate(&mut octets);
        assert_eq!(octets, reply(0x82, [0, 0, 0, 0], &[]));
    }

    proptest! {
        #[test]
        fn nothing_panics_and_nothing_grows(mut octets in prop::collection::vec(any::<u8>(), 0..300)) {
            let before = octets.len();
            truncate(&mut octets);
            prop_assert!(octets.len() <= before);
        }
    }
}
