//! The median, and how sure it is.

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
