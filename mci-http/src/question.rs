//! The name that a message asks for, read without a parser: for those who look at names only now and then.

/// The longest name in wire form (RFC 1035 §2.3.4).
const MAX_NAME: usize = 255;
/// Where the question begins.
const HEADER: usize = 12;

/// A name in wire form, A–Z folded.
#[derive(Clone, Copy)]
pub(crate) struct Name {
    octets: [u8; MAX_NAME],
    length: usize,
}

impl Name {
    /// The name in the first question of a message, if there is one and it is written without pointers.
    pub(crate) fn asked(message: &[u8]) -> Option<Self> {
        if message.get(4..6)? == [0, 0] {
            return None;
        }
        let question = message.get(HEADER..)?;
        let mut length = 0;
        loop {
            let label = usize::from(*question.get(length)?);
            if label > 63 {
                return None;
            }
            length += 1 + label;
            if length > MAX_NAME {
                return None;
            }
            if label == 0 {
                break;
            }
        }
        let mut octets = [0; MAX_NAME];
        let room = octets.get_mut(..length)?;
        room.copy_from_slice(question.get(..length)?);
        // Lengths of labels are below `A`, so folding everything folds the letters alone.
        room.make_ascii_lowercase();
        Some(Self { octets, length })
    }

    pub(crate) fn wire(&self) -> &[u8] {
        self.octets.get(..self.length).unwrap_or_default()
    }

    /// The names above this one, nearest first, as they look below a `*` label.
    pub(crate) fn wildcards(&self) -> impl Iterator<Item = Vec<u8>> {
        let mut rest = self.wire();
        std::iter::from_fn(move || {
            let label = usize::from(*rest.first()?);
            if label == 0 {
                return None;
            }
            rest = rest.get(1 + label..)?;
            Some([b"\x01*", rest].concat())
        })
    }
}

impl std::fmt::Display for Name {
    /// As in a zone file, without the dot at the end.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let mut rest = self.wire();
        let mut first = true;
        while let Some((&length, after)) = rest.split_first() {
            if length == 0 {
                break;
            }
            if !std::mem::take(&mut first) {
                f.write_str(".")?;
            }
            let (label, next) = after.split_at(usize::from(length).min(after.len()));
            for &octet in label {
                match octet {
                    b'.' | b'\\' => write!(f, "\\{}", char::from(octet))?,
                    0x21..=0x7E => write!(f, "{}", char::from(octet))?,
                    _ => write!(f, "\\{octet:03}")?,
                }
            }
            rest = next;
        }
        if first { f.write_str(".") } else { Ok(()) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn message(name: &[u8]) -> Vec<u8> {
        [&[0, 1, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0][..], name, &[0, 1, 0, 1]].concat()
    }

    #[test]
    fn the_name_is_read_folded_and_shown() {
        let name = Name::asked(&message(b"\x03ApP\x04a.\\b\x02\xff \x00")).unwrap();
        assert_eq!(name.wire(), b"\x03app\x04a.\\b\x02\xff \x00");
        assert_eq!(name.to_string(), "app.a\\.\\\\b.\\255\\032");
        assert_eq!(Name::asked(&message(b"\x00")).unwrap().to_string(), ".");
    }

    #[test]
    fn what_is_no_name_is_none() {
        let whole = message(b"\x03app\x00");
        for cut in 0..17 {
            assert!(Name::asked(&whole[..cut]).is_none(), "{cut}");
        }
        assert!(Name::asked(&message(b"\xc0\x0c")).is_none(), "a pointer");
        assert!(Name::asked(&message(&b"\x3f0123456789".repeat(60))).is_none(), "too long");
        let mut none = whole;
        none[5] = 0;
        assert!(Name::asked(&none).is_none(), "no question");
    }

    #[test]
    fn wildcards_are_tried_from_the_nearest() {
        let name = Name::asked(&message(b"\x01a\x01b\x01c\x00")).unwrap();
        let found: Vec<_> = name.wildcards().collect();
        assert_eq!(found, [&b"\x01*\x01b\x01c\x00"[..], b"\x01*\x01c\x00", b"\x01*\x00"]);
    }
}
