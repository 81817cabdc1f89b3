//! What answers will read, fetched for many messages at once.

use smallvec::SmallVec;

use crate::hostname::MAX_WIRE;
use crate::names::hash;
use crate::snapshot::Snapshot;

/// Octets before the question's name.
const HEADER: usize = 12;

impl Snapshot {
    /// Fetches from memory what answering `messages` will read.
    ///
    /// For those who receive in batches: with many hostnames an answer mostly waits for memory, link by link of a chain,
    /// and here the chains of all messages are followed side by side. It changes no answer; what is no message is passed
    /// over. Best with 8 to 32 messages.
    pub fn warm<'q>(&self, messages: impl IntoIterator<Item = &'q [u8]>) {
        let hashes: SmallVec<[u64; 32]> = messages.into_iter().filter_map(name_hash).collect();
        self.names.warm(&hashes);
    }
}

/// The hash of the question's name, if that is written out as almost all are.
fn name_hash(message: &[u8]) -> Option<u64> {
    let octets = message.get(HEADER..)?;
    let mut end = 0;
    loop {
        match *octets.get(end)? {
            0 => break,
            length @ 1..=63 => end += 1 + usize::from(length),
            _pointer => return None,
        }
    }
    let name = octets.get(..=end)?;
    let mut folded = [0; MAX_WIRE];
    let folded = folded.get_mut(..name.len())?;
    folded.copy_from_slice(name);
    folded.make_ascii_lowercase();
    Some(hash(folded))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::{Builder, HostnameState, Settings, Zones};

    const NAME: &[u8] = b"\x03app\x07example\0";

    fn message(name: &[u8]) -> Vec<u8> {
        [&[0; HEADER], name, &[0, 1, 0, 1]].concat()
    }

    #[test]
    fn the_name_is_found_in_any_case() {
        assert_eq!(name_hash(&message(NAME)), Some(hash(NAME)));
        assert_eq!(name_hash(&message(b"\x03aPP\x07eXample\0")), Some(hash(NAME)));
    }

    #[test]
    fn what_has_no_whole_name_is_passed_over() {
        for name in [&b"\x03app"[..], b"\xc0\x0c", b"\x40", &b"\x3fa".repeat(200)] {
            assert_eq!(name_hash(&[&[0; HEADER], name].concat()), None, "{name:?}");
        }
        assert_eq!(name_hash(&[0; HEADER]), None);
        assert_eq!(name_hash(&message(&[[1, b'a'].repeat(128), vec![0]].concat())), None);
    }

    proptest! {
        #[test]
        fn any_octets_do(mut messages in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..40), 0..80)) {
            messages.push(message(NAME));
            let mut builder = Builder::new(Settings::default(), Zones::new(vec![], None).unwrap());
            builder.insert(&HostnameState::new("app.example".parse().unwrap())).unwrap();
            builder.build().warm(messages.iter().map(Vec::as_slice));
        }
    }
}
