//! Whether what was drawn fits the shares it was drawn with.

/// What chi-squared with 1, 2, … degrees of freedom exceeds once in a million: so rarely does a right draw fail.
const CRITICAL: [f64; 4] = [23.928, 27.631, 30.665, 33.377];

/// Fails where counts do not fit shares, by Pearson's chi-squared test at one in a million.
#[track_caller]
pub fn assert_fits(counts: &[(&str, u32)], shares: &[(&str, f64)]) {
    let total: f64 = counts.iter().map(|(_, count)| f64::from(*count)).sum();
    let whole: f64 = shares.iter().map(|(_, share)| share).sum();
    for (name, count) in counts {
        assert!(
            shares.iter().any(|(other, _)| other == name),
            "{name} was drawn {count} times and has no share"
        );
    }
    let mut statistic = 0.0;
    for (name, share) in shares {
        let count = counts.iter().find(|(other, _)| other == name).map_or(0, |(_, count)| *count);
        let expected = total * share / whole;
        if *share == 0.0 {
            assert_eq!(count, 0, "{name} has a share of 0");
            continue;
        }
        assert!(expected >= 5.0, "too few draws to judge {name} by");
        statistic += (f64::from(count) - expected).powi(2) / expected;
    }
    let drawable = shares.iter().filter(|(_, share)| *share > 0.0).count();
    let limit = CRITICAL[drawable.checked_sub(2).expect("of at least two, one is drawn")];
    assert!(
        statistic <= limit,
        "{counts:?} does not fit {shares:?}: chi-squared is {statistic:.1} > {limit:.1}"
    );
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_within_the_bounds_fit() {
        assert_fits(&[("west", 7_080), ("east", 2_920)], &[("west", 70.0), ("east", 30.0)]);
    }

    #[test]
    #[should_panic(expected = "does not fit")]
    fn seventy_five_to_twenty_five_is_not_seventy_to_thirty() {
        assert_fits(&[("west", 7_500), ("east", 2_500)], &[("west", 70.0), ("east", 30.0)]);
    }

    #[test]
    #[should_panic(expected = "has a share of 0")]
    fn what_has_no_share_is_never_drawn() {
        assert_fits(&[("west", 9_999), ("east", 1)], &[("west", 1.0), ("east", 0.0)]);
    }

    #[test]
    fn the_critical_values_are_exceeded_once_in_a_million() {
        // The closed forms for an even number of degrees of freedom.
        let two = (-CRITICAL[1] / 2.0).exp();
        let four = (-CRITICAL[3] / 2.0).exp() * (1.0 + CRITICAL[3] / 2.0);
        for found in [two, four] {
            assert!((found - 1e-6).abs() < 1e-9, "{found}");
        }
    }
}
