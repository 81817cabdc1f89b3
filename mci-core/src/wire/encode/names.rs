//! Name compression (RFC 1035 §4.1.4).
//!
//! A name points to the longest of its suffixes that the message has already, octet for octet: a suffix in another
//! spelling is another suffix, so no name loses its own (R1).

use smallvec::SmallVec;

/// What marks a pointer in a name.
pub(super) const POINTER: u16 = 0xc000;
/// Pointers reach the offsets below this one.
const REACH: usize = 0x4000;
/// The most suffixes that are remembered: the search for each name stays short.
const MOST: usize = 256;

/// The suffixes that a message has.
#[derive(Debug, Default)]
pub(super) struct Names {
    /// Where they begin.
    offsets: SmallVec<[u16; 32]>,
}

impl Names {
    /// The number of suffixes, to go back to.
    pub(super) fn len(&self) -> usize {
        self.offsets.len()
    }

    /// Forgets all suffixes but the first ones.
    pub(super) fn truncate(&mut self, len: usize) {
        self.offsets.truncate(len);
    }

    /// Appends `wire` to the message `out`, which begins with a header and one question; gives back the offset at which
    /// the whole name can be read.
    pub(super) fn write(&mut self, wire: &[u8], out: &mut Vec<u8>) -> u16 {
        if self.offsets.is_empty() {
            self.remember_question(out);
        }
        let start = out.len();
        let mut rest = wire;
        while let Some((&len, after)) = rest.split_first()
            && len != 0
        {
            if let Some(&known) = self.offsets.iter().find(|&&at| is_at(out, at.into(), rest)) {
                let whole = if out.len() == start { known } else { offset(start) };
                out.extend_from_slice(&(POINTER | known).to_be_bytes());
                return whole;
            }
            let Some((label, after)) = after.split_at_checked(len.into()) else { break };
            self.remember(out.len());
            out.push(len);
            out.extend_from_slice(label);
            rest = after;
        }
        out.push(0);
        offset(start)
    }

    /// Remembers the suffixes of the question's name: done when the first name is written, since most answers have none.
    fn remember_question(&mut self, out: &[u8]) {
        let mut at = usize::from(super::QUESTION_NAME);
        while let Some(&len) = out.get(at)
            && len != 0
        {
            self.remember(at);
            at += 1 + usize::from(len);
        }
    }

    fn remember(&mut self, at: usize) {
        if at < REACH && self.offsets.len() < MOST {
            self.offsets.push(offset(at));
        }
    }
}

/// An offset as a pointer holds it; what lies behind the end of every message is taken back as a whole.
fn offset(at: usize) -> u16 {
    u16::try_from(at).unwrap_or(u16::MAX)
}

/// Whether the name at `at` is `wire`, octet for octet.
fn is_at(out: &[u8], mut at: usize, mut wire: &[u8]) -> bool {
    loop {
        let Some(&len) = out.get(at) else { return false };
        if len & 0xc0 == 0xc0 {
            // Our own pointer: it leads backwards, to a label.
            let Some(&low) = out.get(at + 1) else { return false };
            at = usize::from(u16::from_be_bytes([len & 0x3f, low]));
            continue;
        }
        let end = 1 + usize::from(len);
        let (Some(ours), Some((theirs, rest))) = (out.get(at..at + end), wire.split_at_checked(end)) else {
            return false;
        };
        if ours != theirs {
            return false;
        }
        if len == 0 {
            return true;
        }
        at += end;
        wire = rest;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A header, and a question for `www.Example`.
    fn question() -> Vec<u8> {
        let mut out = vec![0; 12];
        out.extend_from_slice(b"\x03www\x07Example\x00\x00\x01\x00\x01");
        out
    }

    #[test]
    fn a_known_suffix_becomes_a_pointer_and_another_spelling_does_not() {
        let mut out = question();
        let mut names = Names::default();
        let start = out.len();
        assert_eq!(usize::from(names.write(b"\x01a\x07Example\x00", &mut out)), start);
        assert_eq!(out[start..], *b"\x01a\xc0\x10");
        let second = out.len();
        names.write(b"\x01a\x07example\x00", &mut out);
        assert_eq!(out[second..], *b"\x01a\x07example\x00");
        let third = out.len();
        assert_eq!(usize::from(names.write(b"\x01a\x07Example\x00", &mut out)), start);
        assert_eq!(out[third..], [0xc0, u8::try_from(start).unwrap()]);
        assert_eq!(names.write(b"\x03www\x07Example\x00", &mut out), 12);
    }

    #[test]
    fn the_root_is_one_octet() {
        let mut out = question();
        let start = out.len();
        Names::default().write(b"\x00", &mut out);
        assert_eq!(out[start..], [0]);
    }

    #[test]
    fn offsets_beyond_a_pointers_reach_are_not_pointed_to() {
        let mut out = question();
        out.resize(REACH, 0);
        let mut names = Names::default();
        names.write(b"\x01a\x00", &mut out);
        let second = out.len();
        names.write(b"\x01a\x00", &mut out);
        assert_eq!(out[second..], *b"\x01a\x00");
    }
}
