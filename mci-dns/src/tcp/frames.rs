//! Messages with their length before them (RFC 1035 §4.2.2), out of octets that come in any pieces. No I/O.

/// The shortest message: a header (D15, D33).
const MIN: usize = 12;
/// The longest query that is taken (D33).
const MAX: usize = 4096;
/// The length before each message.
const LENGTH: usize = 2;
/// Room for a query without growing.
const START: usize = 512;

/// A length that no query has: what follows cannot be read either.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct BadLength(pub(super) usize);

/// Octets that have come, and the messages in them.
#[derive(Debug, Default)]
pub(super) struct Frames {
    octets: Vec<u8>,
    /// What is before has been handed out.
    taken: usize,
    /// What is behind is free.
    filled: usize,
}

impl Frames {
    /// The next whole message, if it has come.
    pub(super) fn next(&mut self) -> Result<Option<&[u8]>, BadLength> {
        let come = self.octets.get(self.taken..self.filled).unwrap_or_default();
        let Some((&length, rest)) = come.split_first_chunk::<LENGTH>() else { return Ok(None) };
        let length = usize::from(u16::from_be_bytes(length));
        if !(MIN..=MAX).contains(&length) {
            return Err(BadLength(length));
        }
        let message = rest.get(..length);
        if message.is_some() {
            self.taken += LENGTH + length;
        }
        Ok(message)
    }

    /// Where further octets are to be read to: never empty after [`next`](Self::next) said that none is whole.
    pub(super) fn space(&mut self) -> &mut [u8] {
        self.octets.copy_within(self.taken..self.filled, 0);
        self.filled -= self.taken;
        self.taken = 0;
        if self.filled == self.octets.len() {
            // One whole message always fits; then nothing is left over that a further one could need room for.
            let room = (self.octets.len() * 2).clamp(START, LENGTH + MAX);
            self.octets.resize(room, 0);
        }
        self.octets.get_mut(self.filled..).unwrap_or_default()
    }

    /// So many octets have been read to [`space`](Self::space).
    pub(super) fn filled(&mut self, octets: usize) {
        self.filled = (self.filled + octets).min(self.octets.len());
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn framed(messages: &[Vec<u8>]) -> Vec<u8> {
        messages.iter().fold(Vec::new(), |mut octets, message| {
            octets.extend(u16::try_from(message.len()).unwrap().to_be_bytes());
            octets.extend(message);
            octets
        })
    }

    /// Feeds `octets` in pieces of these sizes, over and over.
    fn messages_of(mut octets: &[u8], pieces: &[usize]) -> (Vec<Vec<u8>>, Option<BadLength>) {
        let (mut frames, mut messages) = (Frames::default(), Vec::new());
        let mut pieces = pieces.iter().copied().cycle();
        loop {
            loop {
                match frames.next() {
                    Ok(Some(message)) => messages.push(message.to_vec()),
                    Ok(None) => break,
                    Err(bad) => return (messages, Some(bad)),
                }
            }
            if octets.is_empty() {
                return (messages, None);
            }
            let space = frames.space();
            let piece = pieces.next().unwrap().min(space.len()).min(octets.len());
            assert!(piece > 0, "no room");
            let (now, later) = octets.split_at(piece);
            space[..piece].copy_from_slice(now);
            frames.filled(piece);
            octets = later;
        }
    }

    proptest! {
        #[test]
        fn d33_direct_any_split_of_the_octets_gives_the_same_messages(
            messages in prop::collection::vec(prop::collection::vec(any::<u8>(), MIN..600), 0..8),
            pieces in prop::collection::vec(1..700_usize, 1..20),
        ) {
            prop_assert_eq!(messages_of(&framed(&messages), &pieces), (messages, None));
        }

        #[test]
        fn any_octets_are_messages_or_a_bad_length(
            octets in prop::collection::vec(any::<u8>(), 0..20_000),
            pieces in prop::collection::vec(1..5000_usize, 1..5),
        ) {
            let (messages, bad) = messages_of(&octets, &pieces);
            prop_assert!(messages.iter().all(|message| (MIN..=MAX).contains(&message.len())));
            prop_assert!(bad.is_none_or(|BadLength(length)| !(MIN..=MAX).contains(&length)));
        }
    }

    #[test]
    fn d33_direct_a_length_under_12_or_over_4096_is_bad_before_its_octets_come() {
        for (length, bad) in [(0, true), (11, true), (12, false), (4096, false), (4097, true), (65_535, true)]
        {
            let octets = u16::try_from(length).unwrap().to_be_bytes();
            assert_eq!(messages_of(&octets, &[1]), (vec![], bad.then_some(BadLength(length))), "{length}");
        }
    }

    #[test]
    fn the_memory_is_that_of_one_message() {
        let long = framed(&[vec![7; 4096], vec![8; 4096]]);
        let mut frames = Frames::default();
        for _ in 0..100 {
            let mut rest = &long[..];
            while !rest.is_empty() {
                while frames.next().unwrap().is_some() {}
                let space = frames.space();
                let piece = space.len().min(rest.len());
                space[..piece].copy_from_slice(&rest[..piece]);
                frames.filled(piece);
                rest = &rest[piece..];
            }
        }
        assert!(frames.octets.len() <= LENGTH + MAX);
    }
}
