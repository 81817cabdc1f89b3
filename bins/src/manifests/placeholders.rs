//! Addresses that stand for those which only a cluster knows.
//!
//! They are of 198.18.0.0/15, which is for tests and in nobody's use (RFC 2544). Each depends on the name of its object
//! alone, so that another object more or less does not change the others.

use std::collections::BTreeSet;
use std::net::Ipv4Addr;

use mci_core::ClusterId;

/// The addresses that were given away.
#[derive(Debug, Default)]
pub(super) struct Placeholders(BTreeSet<Ipv4Addr>);

const FIRST: u32 = u32::from_be_bytes([198, 18, 0, 0]);
/// Of the 2^17 addresses the first and the last are left out.
const COUNT: u32 = (1 << 17) - 2;

impl Placeholders {
    /// The address that stands for that of an object, such as `Ingress shop/web`; nobody else has it.
    pub(super) fn of(&mut self, cluster: &ClusterId, object: &str) -> Ipv4Addr {
        let hash = hash(format!("{cluster}/{object}").as_bytes());
        let start = u32::try_from(hash % u64::from(COUNT)).expect("a remainder is below its divisor");
        let at = |step| Ipv4Addr::from(FIRST + 1 + (start + step) % COUNT);
        let mut steps = (0..COUNT).map(at);
        let free = steps.find(|address| !self.0.contains(address)).unwrap_or(at(0));
        self.0.insert(free);
        free
    }
}

/// FNV-1a, since the hash is to be the same in every release.
fn hash(octets: &[u8]) -> u64 {
    octets
        .iter()
        .fold(0xcbf2_9ce4_8422_2325, |hash, octet| (hash ^ u64::from(*octet)).wrapping_mul(0x0100_0000_01b3))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_object_has_one_of_its_own_that_stays() {
        let (mut one, mut other) = (Placeholders::default(), Placeholders::default());
        let west: ClusterId = "west".parse().unwrap();
        let first = one.of(&west, "Ingress shop/web");
        other.of(&west, "Ingress shop/api");
        assert_eq!(other.of(&west, "Ingress shop/web"), first, "whatever else there is");
        let mut all = Placeholders::default();
        let given: BTreeSet<Ipv4Addr> =
            (0..2_000).map(|number| all.of(&west, &format!("Service shop/s{number}"))).collect();
        assert_eq!(given.len(), 2_000);
        assert!(given.iter().all(|address| matches!(address.octets(), [198, 18 | 19, ..])));
    }
}
