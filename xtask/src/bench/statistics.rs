//! The median and how sure it is; and the tail.

/// The median.
pub(super) fn median(values: &[f64]) -> f64 {
    let sorted = sorted(values);
    let middle = sorted.len() / 2;
    match (sorted.get(middle.wrapping_sub(1)), sorted.get(middle)) {
        (Some(below), Some(above)) if sorted.len().is_multiple_of(2) => f64::midpoint(*below, *above),
        (_, Some(above)) => *above,
        _ => f64::NAN,
    }
}

/// An interval that holds the true median with a probability of at least 95 %, whatever the distribution: from the
/// k-th smallest value to the k-th largest, with k from the binomial distribution. Under six values there is none.
pub(super) fn interval(values: &[f64]) -> Option<(f64, f64)> {
    let sorted = sorted(values);
    let below = excluded(sorted.len())?;
    Some((*sorted.get(below)?, *sorted.get(sorted.len() - 1 - below)?))
}

/// One value over the other, round by round.
pub(super) fn paired(above: &[f64], below: &[f64]) -> Vec<f64> {
    above.iter().zip(below).map(|(above, below)| above / below).collect()
}

/// The [`interval`] of ratios, for people.
pub(super) fn show_interval(ratios: &[f64]) -> String {
    match interval(ratios) {
        Some((low, high)) => format!("95 %: {low:.3} to {high:.3}, {} rounds", ratios.len()),
        None => format!("{} rounds", ratios.len()),
    }
}

/// Half the width of the [`interval`].
pub(super) fn half_width(values: &[f64]) -> Option<f64> {
    interval(values).map(|(low, high)| (high - low) / 2.0)
}

/// The middle and the tail of times in seconds.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Quantiles {
    pub(super) median: f64,
    /// The smallest value that 99 % of all do not exceed.
    pub(super) p99: f64,
    pub(super) maximum: f64,
}

impl Quantiles {
    /// Of none they are no numbers.
    pub(super) fn of(values: &[f64]) -> Self {
        let sorted = sorted(values);
        let rank = (sorted.len() * 99).div_ceil(100).saturating_sub(1);
        Quantiles {
            median: median(values),
            p99: sorted.get(rank).copied().unwrap_or(f64::NAN),
            maximum: sorted.last().copied().unwrap_or(f64::NAN),
        }
    }

    /// In milliseconds.
    pub(super) fn show(&self) -> String {
        let Quantiles { median, p99, maximum } = self;
        format!("p50 {:.1}, p99 {:.1}, max {:.1} ms", median * 1e3, p99 * 1e3, maximum * 1e3)
    }
}

fn sorted(values: &[f64]) -> Vec<f64> {
    let mut sorted = values.to_vec();
    sorted.sort_unstable_by(f64::total_cmp);
    sorted
}

/// How many values at each end are outside of the interval: the largest k with P(X < k + 1) ≤ 2.5 %, where X counts
/// heads of as many coins as there are values; of so many values that lie on one side of the true median.
fn excluded(count: usize) -> Option<usize> {
    let mut term = 0.5_f64.powi(i32::try_from(count).ok()?);
    let mut sum = term;
    let count = f64::from(u32::try_from(count).ok()?);
    let mut excluded = None;
    for heads in 0_usize.. {
        if sum > 0.025 {
            break;
        }
        excluded = Some(heads);
        let next = f64::from(u32::try_from(heads).ok()?) + 1.0;
        term *= (count + 1.0 - next) / next;
        sum += term;
    }
    excluded
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_median_is_in_the_middle() {
        assert!((median(&[3.0, 1.0, 2.0]) - 2.0).abs() < 1e-12);
        assert!((median(&[4.0, 1.0, 2.0, 3.0]) - 2.5).abs() < 1e-12);
        assert!(median(&[]).is_nan());
    }

    #[test]
    fn of_two_hundred_two_are_beyond_p99() {
        let values: Vec<f64> = (1..=200).rev().map(f64::from).collect();
        assert_eq!(Quantiles::of(&values), Quantiles { median: 100.5, p99: 198.0, maximum: 200.0 });
        assert_eq!(Quantiles::of(&[0.0015]).show(), "p50 1.5, p99 1.5, max 1.5 ms");
        assert!(Quantiles::of(&[]).p99.is_nan());
    }

    #[test]
    fn the_interval_is_that_of_the_tables() {
        // Conover, Practical Nonparametric Statistics: the ranks for a 95 % interval of the median.
        let ranks = |count| excluded(count).map(|below| below + 1);
        assert_eq!(
            [5, 6, 8, 9, 12, 15, 20, 25].map(ranks),
            [None, Some(1), Some(1), Some(2), Some(3), Some(4), Some(6), Some(8)]
        );
    }

    #[test]
    fn one_wild_value_among_nine_changes_nothing() {
        let mut values = [0.99, 1.0, 1.01, 1.0, 0.98, 1.02, 1.0, 1.01, 1.0];
        let before = interval(&values).unwrap();
        assert_eq!(before, (0.99, 1.01));
        values[5] = 50.0;
        assert_eq!(interval(&values), Some(before));
    }
}
