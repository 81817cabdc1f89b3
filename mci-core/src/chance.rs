//! Chance as an argument.

use core::num::NonZeroU64;

/// A source of uniformly distributed numbers.
///
/// Everything in this crate that draws takes one of these, so the same source and the same snapshot give the same
/// answer. With feature `rand` every generator of the `rand` crate is one.
///
/// ```
/// use core::num::NonZeroU64;
/// use mci_core::Chance;
///
/// /// Always the first.
/// struct First;
/// impl Chance for First {
///     fn below(&mut self, _n: NonZeroU64) -> u64 {
///         0
///     }
/// }
/// assert_eq!(First.below(NonZeroU64::MIN), 0);
/// ```
pub trait Chance {
    /// A number in `0..n`, each equally likely.
    fn below(&mut self, n: NonZeroU64) -> u64;
}

#[cfg(feature = "rand")]
impl<R: rand::Rng + ?Sized> Chance for R {
    fn below(&mut self, n: NonZeroU64) -> u64 {
        // Lemire's method: a multiplication, and a division only where the first draw might be biased.
        let n = n.get();
        let mut product = u128::from(self.next_u64()) * u128::from(n);
        if low(product) < n {
            let biased = n.wrapping_neg() % n;
            while low(product) < biased {
                product = u128::from(self.next_u64()) * u128::from(n);
            }
        }
        high(product)
    }
}

#[cfg(feature = "rand")]
#[expect(clippy::cast_possible_truncation, reason = "the low half is what is wanted")]
const fn low(product: u128) -> u64 {
    product as u64
}

#[cfg(feature = "rand")]
const fn high(product: u128) -> u64 {
    (product >> 64) as u64
}

/// `0..n` for an index; 0 where there is nothing to choose.
pub(crate) fn index_below(chance: &mut (impl Chance + ?Sized), n: usize) -> usize {
    match u64::try_from(n).ok().and_then(NonZeroU64::new) {
        // One candidate: no draw is wasted on it.
        None | Some(NonZeroU64::MIN) => 0,
        Some(n) => usize::try_from(chance.below(n)).unwrap_or(0),
    }
}
