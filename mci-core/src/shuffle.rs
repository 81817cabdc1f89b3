//! Random orders, in place.

use core::num::NonZeroU64;

use crate::chance::{Chance, index_below};

/// Puts `most` of the items in front in a random order, each order equally likely, and drops the rest (Fisher–Yates).
pub(crate) fn partial_shuffle<A: smallvec::Array>(
    items: &mut smallvec::SmallVec<A>,
    most: usize,
    chance: &mut (impl Chance + ?Sized),
) {
    let count = items.len();
    for at in 0..most.min(count) {
        items.swap(at, at + index_below(chance, count - at));
    }
    items.truncate(most);
}

/// Positions in the order of draws without replacement, each by weight: O(n log n) over a tree of sums.
pub(crate) fn weighted_order(weights: &[u64], chance: &mut (impl Chance + ?Sized)) -> Vec<usize> {
    let leaves = weights.len().next_power_of_two();
    // sums[1] is the root, sums[leaves + i] is weight i.
    let mut sums = vec![0_u64; 2 * leaves];
    for (slot, weight) in sums.iter_mut().skip(leaves).zip(weights) {
        *slot = *weight;
    }
    for at in (1..leaves).rev() {
        let both = sum(&sums, 2 * at) + sum(&sums, 2 * at + 1);
        set(&mut sums, at, both);
    }
    let mut order = Vec::with_capacity(weights.len());
    while let Some(total) = NonZeroU64::new(sum(&sums, 1)) {
        let mut left = chance.below(total);
        let mut at = 1;
        while at < leaves {
            at *= 2;
            if left >= sum(&sums, at) {
                left -= sum(&sums, at);
                at += 1;
            }
        }
        order.push(at - leaves);
        let weight = sum(&sums, at);
        while at > 0 {
            let left = sum(&sums, at) - weight;
            set(&mut sums, at, left);
            at /= 2;
        }
    }
    order
}

fn sum(sums: &[u64], at: usize) -> u64 {
    sums.get(at).copied().unwrap_or(0)
}

fn set(sums: &mut [u64], at: usize, value: u64) {
    if let Some(slot) = sums.get_mut(at) {
        *slot = value;
    }
}
