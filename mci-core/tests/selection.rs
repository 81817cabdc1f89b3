//! Why the draw of R5 is our own: what `weighted_rand` 0.4.2 does on the inputs that operators write, and that both agree
//! where it is right (`docs/decisions/0001-weighted-rand-is-not-used.md`).
//!
//! Each fault is a test against `weighted_rand`: when one of them fails, a new version has mended it, and the decision can
//! be looked at again.

use core::net::{IpAddr, Ipv4Addr};
use core::num::NonZeroU64;
use std::panic::{AssertUnwindSafe, catch_unwind};

use mci_core::{Chance, ClusterId, Endpoint, HostnameState, Outcome, Query, RecordType, Snapshot};
use rand::SeedableRng as _;
use rand::rngs::StdRng;
use rand_08::SeedableRng as _;
use weighted_rand::builder::{NewBuilder, WalkerTableBuilder};
use weighted_rand::table::WalkerTable;

const DRAWS: u32 = 100_000;

/// A hostname of one cluster for each weight, in that order, all of one priority.
struct Weighed {
    snapshot: Snapshot,
    query: Query,
}

impl Weighed {
    fn new(weights: &[u32]) -> Self {
        Self::with_priorities(weights.iter().map(|&weight| (weight, 0)))
    }

    fn with_priorities(tiers: impl IntoIterator<Item = (u32, i64)>) -> Self {
        let name = "app.example.com".parse().expect("a hostname");
        let state = (0..).zip(tiers).fold(HostnameState::new(name), |state, (at, (weight, priority))| {
            let cluster: ClusterId = format!("c{at:03}").parse().expect("a cluster's identifier");
            let address = IpAddr::V4(Ipv4Addr::from_bits(at));
            state.endpoint(Endpoint::new(cluster, [address]).weight(weight).priority(priority))
        });
        let query = Query::new(state.hostname().clone(), RecordType::A);
        Self { snapshot: Snapshot::default().edited(|edit| edit.upsert(state)), query }
    }

    /// The position of the cluster that was drawn; none where nothing answers.
    fn draw(&self, chance: &mut impl Chance) -> Option<usize> {
        match self.snapshot.resolve(&self.query, chance) {
            Outcome::Addresses(addresses) => match addresses.iter().next() {
                Some(IpAddr::V4(address)) => usize::try_from(address.to_bits()).ok(),
                other => panic!("an IPv4 address, not {other:?}"),
            },
            Outcome::NoData(_) => None,
            other => panic!("addresses or none, not {other:?}"),
        }
    }
}

fn counts_of_ours(weights: &[u32], seed: u64) -> Vec<u32> {
    let weighed = Weighed::new(weights);
    let mut counts = vec![0; weights.len()];
    let mut rng = StdRng::seed_from_u64(seed);
    for _ in 0..DRAWS {
        let drawn = weighed.draw(&mut rng).expect("there is a cluster");
        *counts.get_mut(drawn).expect("an index of the weights") += 1;
    }
    counts
}

fn counts_of_weighted_rand(weights: &[u32], seed: u64) -> Vec<u32> {
    let table = WalkerTableBuilder::new(weights).build();
    let mut counts = vec![0; weights.len()];
    let mut rng = rand_08::rngs::StdRng::seed_from_u64(seed);
    for _ in 0..DRAWS {
        *counts.get_mut(table.next_rng(&mut rng)).expect("an index of the weights") += 1;
    }
    counts
}

/// Pearson's statistic of `counts` against the shares that `weights` ask for; a weight of 0 has to be drawn never.
fn chi_squared(weights: &[u32], counts: &[u32]) -> f64 {
    let sum: u64 = weights.iter().copied().map(u64::from).sum();
    let draws: u64 = counts.iter().copied().map(u64::from).sum();
    weights
        .iter()
        .zip(counts)
        .map(|(&weight, &count)| {
            if weight == 0 {
                return if count == 0 { 0.0 } else { f64::INFINITY };
            }
            #[expect(clippy::cast_precision_loss, reason = "both are far below 2^52")]
            let expected = draws as f64 * f64::from(weight) / sum as f64;
            (f64::from(count) - expected).powi(2) / expected
        })
        .sum()
}

/// What a fit exceeds once in 10,000 seeds, by degrees of freedom (Wilson and Hilferty's approximation).
fn critical(degrees: usize) -> f64 {
    let degrees = f64::from(u32::try_from(degrees).expect("a few weights"));
    let spread = 2.0 / (9.0 * degrees);
    degrees * (1.0 - spread + 3.719 * spread.sqrt()).powi(3)
}

/// Draws this number.
struct Ticket(u64);

impl Chance for Ticket {
    fn below(&mut self, n: NonZeroU64) -> u64 {
        assert_eq!(n.get(), 100_000_001, "the sum of the weights");
        self.0
    }
}

#[test]
fn both_draw_the_shares_that_small_weights_ask_for() {
    let cases: [&[u32]; 6] =
        [&[1], &[70, 30], &[50, 50, 50], &[2, 1, 7, 0], &[1, 1000], &[5, 10, 15, 20, 25, 30, 35, 40, 45, 50]];
    for (seed, weights) in (0..).zip(cases) {
        let degrees = weights.iter().filter(|&&weight| weight > 0).count() - 1;
        for counts in [counts_of_ours(weights, seed), counts_of_weighted_rand(weights, seed)] {
            let statistic = chi_squared(weights, &counts);
            let bound = if degrees == 0 { f64::MIN_POSITIVE } else { critical(degrees) };
            assert!(statistic < bound, "{weights:?}: {counts:?} gives {statistic}, at most {bound} fits");
        }
    }
}

#[test]
fn large_weights_overflow_in_weighted_rand_and_fit_in_ours() {
    let weights = [3_000_000_000, 1_000_000_000];
    let theirs = catch_unwind(|| counts_of_weighted_rand(&weights, 7));
    // With overflow checks it panics; without them it silently answers other shares (46 % and 54 %).
    if cfg!(debug_assertions) {
        assert!(theirs.is_err(), "it multiplies each weight by their number in u32");
    } else {
        assert!(chi_squared(&weights, &theirs.expect("no overflow checks")) > 100.0 * critical(1));
    }
    let ours = counts_of_ours(&weights, 7);
    assert!(chi_squared(&weights, &ours) < critical(1), "{ours:?}");
    let most = [u32::MAX; 3];
    assert!(chi_squared(&most, &counts_of_ours(&most, 8)) < critical(2));
}

#[test]
fn weighted_rand_panics_at_the_draw_when_there_is_nothing_to_draw() {
    let table = WalkerTableBuilder::new(&[0_u32; 0]).build();
    let mut rng = rand_08::rngs::StdRng::seed_from_u64(1);
    assert!(catch_unwind(AssertUnwindSafe(|| table.next_rng(&mut rng))).is_err());
    assert_eq!(Weighed::new(&[]).draw(&mut StdRng::seed_from_u64(1)), None);
}

#[test]
fn weighted_rand_draws_from_weights_that_are_all_zero() {
    assert_eq!(WalkerTableBuilder::new(&[0_u32; 2]).build(), WalkerTable::new(vec![0; 2], vec![0.0; 2]));
    let counts = counts_of_weighted_rand(&[0, 0], 2);
    assert!(chi_squared(&[1, 1], &counts) < critical(1), "{counts:?}");

    // R6: drained endpoints get nothing while one of any priority has a weight above 0. Whether it does is no question
    // for a table of one priority.
    let mut rng = StdRng::seed_from_u64(2);
    let below = Weighed::with_priorities([(0, 10), (0, 10), (50, 0)]);
    assert!((0..DRAWS).all(|_| below.draw(&mut rng) == Some(2)));
    let drained_alone = counts_of_ours(&[0, 0], 3);
    assert!(chi_squared(&[1, 1], &drained_alone) < critical(1), "{drained_alone:?}");
}

#[test]
fn weighted_rand_never_draws_a_small_weight_beside_a_large_one() {
    // Its table is of f32: 99,999,999 / 100,000,001 is rounded to 1, so index 0 always gives way to its alias, 1.
    let weights = [1, 100_000_000];
    let table = WalkerTableBuilder::new(&weights).build();
    assert_eq!(table, WalkerTable::new(vec![1, 1], vec![1.0, 1.0]));
    // Ours draws it with the chance that was asked for: exactly where the ticket is the first.
    let ours = Weighed::new(&weights);
    assert_eq!(ours.draw(&mut Ticket(0)), Some(0));
    assert_eq!(ours.draw(&mut Ticket(1)), Some(1));
    assert_eq!(ours.draw(&mut Ticket(100_000_000)), Some(1));
}
