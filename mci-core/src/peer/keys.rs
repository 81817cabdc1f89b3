//! Who speaks: keys, known by their hash alone.

use core::fmt;

use sha2::{Digest as _, Sha512};
use subtle::{Choice, ConditionallySelectable as _, ConstantTimeEq as _};

use crate::cluster::ClusterId;

/// The length of a key's stored form: SHA-512 of salt and key.
pub const KEY_HASH_OCTETS: usize = 64;

/// The keys by which other clusters are known here. A cluster may have several at once, so that one can replace another.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct KeyRing {
    salt: Vec<u8>,
    keys: Vec<(ClusterId, [u8; KEY_HASH_OCTETS])>,
}

impl KeyRing {
    /// Nobody is known.
    pub fn new(salt: impl Into<Vec<u8>>) -> Self {
        Self { salt: salt.into(), keys: Vec::new() }
    }

    /// Who says a key with this hash is `cluster`.
    pub fn key(mut self, cluster: ClusterId, hash: [u8; KEY_HASH_OCTETS]) -> Self {
        self.keys.push((cluster, hash));
        self
    }

    /// The stored form of a key: SHA-512 of the salt and the key's text.
    pub fn hash(salt: &[u8], key: &[u8]) -> [u8; KEY_HASH_OCTETS] {
        Sha512::new().chain_update(salt).chain_update(key).finalize().into()
    }

    /// The stored form of a new key here: made with the own salt, which stays inside.
    pub fn stored(&self, key: &[u8]) -> [u8; KEY_HASH_OCTETS] {
        Self::hash(&self.salt, key)
    }

    /// Whose key it is. It takes as long for a good key as for a bad one, wherever they differ.
    pub fn identify(&self, key: &[u8]) -> Option<&ClusterId> {
        let hash = self.stored(key);
        let none = u32::MAX;
        let mut found = none;
        for (at, (_, known)) in (0..none).zip(&self.keys) {
            let same: Choice = known.ct_eq(&hash);
            found.conditional_assign(&at, same);
        }
        let at = usize::try_from(found).ok().filter(|_| found != none)?;
        self.keys.get(at).map(|(cluster, _)| cluster)
    }

    /// The clusters that have a key.
    pub fn clusters(&self) -> impl Iterator<Item = &ClusterId> {
        self.keys.iter().map(|(cluster, _)| cluster)
    }
}

/// Neither salt nor hashes.
impl fmt::Debug for KeyRing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("KeyRing")
            .field("clusters", &self.clusters().collect::<Vec<_>>())
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn id(text: &str) -> ClusterId {
        text.parse().unwrap()
    }

    #[test]
    fn a_key_names_its_cluster_and_several_may_name_one() {
        let salt = b"salt";
        let ring = KeyRing::new(*salt)
            .key(id("east"), KeyRing::hash(salt, b"old"))
            .key(id("east"), KeyRing::hash(salt, b"new"))
            .key(id("west"), KeyRing::hash(salt, b"other"));
        let who = |key: &[u8]| ring.identify(key).map(ClusterId::as_str);
        assert_eq!(
            [who(b"old"), who(b"new"), who(b"other"), who(b"bad"), who(b"")],
            [Some("east"), Some("east"), Some("west"), None, None]
        );
    }

    #[test]
    fn the_hash_is_of_the_salt_and_then_the_key() {
        let one = KeyRing::hash(b"abc", b"def");
        assert_eq!(one, KeyRing::hash(b"", b"abcdef"));
        assert_eq!(one.first_chunk(), Some(&[0xe3, 0x2e, 0xf1, 0x96]));
    }

    #[test]
    fn debug_shows_neither_salt_nor_hashes() {
        let ring = KeyRing::new(*b"pepper").key(id("east"), [7; KEY_HASH_OCTETS]);
        assert_eq!(format!("{ring:?}"), r#"KeyRing { clusters: ["east"], .. }"#);
    }
}
