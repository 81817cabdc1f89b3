//! A share as a test writes it: `70%`, `1/3`, or a number that stands in a ratio to the others.

use core::fmt;
use core::str::FromStr;

use crate::share::Share;

/// The most digits behind a percentage's point: more would be longer than what a share is computed with.
const MOST_DIGITS: usize = 9;

/// A share that is expected.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ExpectedShare {
    /// Compared at the digits that are written: `33%` is a third, and so is `33.3%`.
    Percent(Percent),
    /// Compared exactly.
    Exactly(Share),
}

/// A percentage with its digits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Percent {
    /// In units of the last digit.
    units: u64,
    digits: u8,
}

/// Why a text is no share.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "{0:?} is no share: write a percentage (70%, 33.3%), a fraction (1/3) or a number that stands in a ratio to the others"
)]
pub(crate) struct ShareError(String);

impl FromStr for Percent {
    type Err = ShareError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let error = || ShareError(text.to_owned());
        let number = text.trim().strip_suffix('%').ok_or_else(error)?.trim_end();
        let (whole, fraction) = number.split_once('.').unwrap_or((number, ""));
        let digits = |text: &str| text.bytes().all(|octet| octet.is_ascii_digit());
        if whole.is_empty() || !digits(whole) || !digits(fraction) || fraction.len() > MOST_DIGITS {
            return Err(error());
        }
        let units: u64 = format!("{whole}{fraction}").parse().map_err(|_| error())?;
        let percent = Self { units, digits: u8::try_from(fraction.len()).map_err(|_| error())? };
        if percent.as_f64() > 1.0 { Err(error()) } else { Ok(percent) }
    }
}

impl Percent {
    /// Whether a share, rounded to these digits, is this one; the middle rounds to both sides.
    fn is_met_by(self, share: Share) -> bool {
        // |numerator · 100 · 10^digits - units · denominator| ≤ denominator / 2
        let scale = 100 * 10_u128.pow(self.digits.into());
        let actual = u128::from(share.numerator()) * scale;
        let expected = u128::from(self.units) * u128::from(share.denominator());
        actual.abs_diff(expected) * 2 <= u128::from(share.denominator())
    }

    /// From 0 to 1.
    #[expect(clippy::cast_precision_loss, reason = "a tolerance needs no more than 52 bits")]
    pub(crate) fn as_f64(self) -> f64 {
        self.units as f64 / 10_f64.powi(i32::from(self.digits) + 2)
    }
}

impl ExpectedShare {
    /// Whether a share is the expected one, or within `tolerance` of it.
    pub(crate) fn is_met_by(self, share: Share, tolerance: Option<Percent>) -> bool {
        let met = match self {
            Self::Percent(percent) => percent.is_met_by(share),
            Self::Exactly(expected) => expected == share,
        };
        // What is a rounding error in the eleventh digit is not a difference.
        met || tolerance.is_some_and(|most| (self.as_f64() - share.as_f64()).abs() <= most.as_f64() + 1e-11)
    }

    fn as_f64(self) -> f64 {
        match self {
            Self::Percent(percent) => percent.as_f64(),
            Self::Exactly(share) => share.as_f64(),
        }
    }

    /// `70%` or `1/3`.
    pub(crate) fn parse(text: &str) -> Result<Self, ShareError> {
        let Some((part, whole)) = text.split_once('/') else { return text.parse().map(Self::Percent) };
        let number = |text: &str| text.trim().parse::<u64>().ok();
        match (number(part), number(whole)) {
            (Some(part), Some(whole)) if whole > 0 && part <= whole => {
                Ok(Self::Exactly(Share::new(part, whole)))
            }
            _ => Err(ShareError(text.to_owned())),
        }
    }
}

impl fmt::Display for Percent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let digits = usize::from(self.digits);
        let units = format!("{:0>width$}", self.units, width = digits + 1);
        let (whole, fraction) = units.split_at(units.len() - digits);
        if digits == 0 { write!(f, "{whole}%") } else { write!(f, "{whole}.{fraction}%") }
    }
}

impl fmt::Display for ExpectedShare {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Percent(percent) => percent.fmt(f),
            Self::Exactly(share) => share.fmt(f),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn share(text: &str) -> ExpectedShare {
        ExpectedShare::parse(text).unwrap()
    }

    #[test]
    fn a_percentage_is_compared_at_the_digits_that_are_written() {
        let third = Share::new(1, 3);
        for (text, met) in
            [("33%", true), ("33.3%", true), ("33.33%", true), ("33.4%", false), ("34%", false)]
        {
            assert_eq!(share(text).is_met_by(third, None), met, "{text}");
        }
        // 12.5 % rounds to both.
        assert!(share("12%").is_met_by(Share::new(1, 8), None));
        assert!(share("13%").is_met_by(Share::new(1, 8), None));
        assert!(!share("12.4%").is_met_by(Share::new(1, 8), None));
        assert!(share("100%").is_met_by(Share::ALL, None));
        assert!(!share("99.999999999%").is_met_by(Share::new(u64::MAX - 1, u64::MAX), None));
        assert!(share("100.000000000%").is_met_by(Share::new(u64::MAX - 1, u64::MAX), None));
    }

    #[test]
    fn a_fraction_is_exact() {
        assert!(share("2/6").is_met_by(Share::new(1, 3), None));
        assert!(!share("333333/1000000").is_met_by(Share::new(1, 3), None));
    }

    #[test]
    fn a_tolerance_widens_both() {
        let one = "1%".parse().unwrap();
        assert!(share("32.4%").is_met_by(Share::new(1, 3), Some(one)));
        assert!(!share("32%").is_met_by(Share::new(1, 3), Some(one)));
        assert!(share("1/2").is_met_by(Share::new(49, 100), Some(one)));
        assert!(!share("1/2").is_met_by(Share::new(48, 100), Some(one)));
    }

    #[test]
    fn what_is_no_share_is_refused() {
        for text in [
            "",
            "%",
            "70",
            "-1%",
            "101%",
            "1/0",
            "3/2",
            "1.2.3%",
            "a%",
            "1.0000000001%",
            "99999999999999999999%",
        ] {
            assert!(ExpectedShare::parse(text).is_err(), "{text:?}");
        }
    }

    #[test]
    fn it_is_shown_as_it_was_written() {
        for text in ["70%", "33.30%", "0.5%", "0%"] {
            assert_eq!(share(text).to_string(), text);
        }
    }
}
