//! Which part of a cluster's published hostnames a hostname is kept in.

use core::fmt;

use sha2::{Digest as _, Sha256};

use crate::hostname::Hostname;

/// One of the 1,024 parts that a cluster's hostnames are published in.
///
/// A hostname's part is the first 10 bits of the SHA-256 of its text (lower case, no final dot). The number is part of
/// what clusters exchange, so it never changes: a change of one hostname rewrites a part of a size that stays small.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Shard(u16);

/// A number that is no shard's.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0} is no shard: they are numbered from 0 to 1023")]
pub struct NoSuchShard(pub u64);

impl Shard {
    /// How many there are.
    pub const COUNT: u16 = 1024;

    /// The shard of a hostname.
    ///
    /// ```
    /// # use mci_core::{Hostname, Shard};
    /// let name: Hostname = "app.gslb.example.com".parse().unwrap();
    /// assert_eq!(Shard::of(&name).number(), 0x14c);
    /// ```
    pub fn of(hostname: &Hostname) -> Self {
        let [first, second, ..]: [u8; 32] = Sha256::digest(hostname.to_string()).into();
        Self(u16::from_be_bytes([first, second]) >> 6)
    }

    /// Its number, 0 to 1,023.
    pub const fn number(self) -> u16 {
        self.0
    }
}

impl TryFrom<u64> for Shard {
    type Error = NoSuchShard;

    fn try_from(number: u64) -> Result<Self, Self::Error> {
        match u16::try_from(number) {
            Ok(number) if number < Self::COUNT => Ok(Self(number)),
            _ => Err(NoSuchShard(number)),
        }
    }
}

impl fmt::Display for Shard {
    /// Three hexadecimal digits, `000` to `3ff`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:03x}", self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_number_is_that_of_the_text_in_lower_case_without_its_final_dot() {
        let of = |text: &str| Shard::of(&text.parse().unwrap());
        assert_eq!(of("App.Example.COM."), of("app.example.com"));
    }

    #[test]
    fn hostnames_spread_evenly() {
        let mut counts = [0_u32; Shard::COUNT as usize];
        for index in 0..50_000 {
            let name: Hostname = format!("app-{index}.gslb.example.com").parse().unwrap();
            if let Some(count) = counts.get_mut(usize::from(Shard::of(&name).number())) {
                *count += 1;
            }
        }
        let (fewest, most) = (counts.iter().min().unwrap(), counts.iter().max().unwrap());
        assert!(*fewest > 15 && *most < 90, "{fewest} to {most} of a mean of 49");
    }

    #[test]
    fn numbers_beyond_the_last_are_refused() {
        assert_eq!(Shard::try_from(1023).unwrap().to_string(), "3ff");
        assert_eq!(Shard::try_from(1024), Err(NoSuchShard(1024)));
    }
}
