//! Exact shares (R5).

use core::cmp::Ordering;
use core::fmt;

/// The part of all answers that a cluster gets: an exact fraction in lowest terms.
///
/// ```
/// use mci_core::Share;
/// assert_eq!(Share::new(70, 100).to_string(), "70%");
/// assert_eq!(Share::new(1, 3).to_string(), "1/3");
/// assert_eq!(format!("{:.1}", Share::new(1, 3)), "33.3%");
/// assert!(Share::new(2, 3) > Share::new(1, 2));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Share {
    numerator: u64,
    denominator: u64,
}

impl Share {
    /// Nothing.
    pub const NONE: Self = Self { numerator: 0, denominator: 1 };
    /// Everything.
    pub const ALL: Self = Self { numerator: 1, denominator: 1 };

    /// `part / whole` in lowest terms; nothing of an empty whole.
    pub const fn new(part: u64, whole: u64) -> Self {
        let (mut a, mut b) = (part, whole);
        while b != 0 {
            (a, b) = (b, a % b);
        }
        if whole == 0 { Self::NONE } else { Self { numerator: part / a, denominator: whole / a } }
    }

    /// Of the fraction in lowest terms.
    pub const fn numerator(self) -> u64 {
        self.numerator
    }

    /// Of the fraction in lowest terms; never 0.
    pub const fn denominator(self) -> u64 {
        self.denominator
    }

    /// As a number from 0 to 1.
    #[expect(clippy::cast_precision_loss, reason = "an approximation is asked for")]
    pub fn as_f64(self) -> f64 {
        self.numerator as f64 / self.denominator as f64
    }
}

impl PartialOrd for Share {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Share {
    fn cmp(&self, other: &Self) -> Ordering {
        let cross = |a: &Self, b: &Self| u128::from(a.numerator) * u128::from(b.denominator);
        cross(self, other).cmp(&cross(other, self))
    }
}

impl fmt::Display for Share {
    /// A percentage where two decimals say it exactly or a precision asks for one, a fraction otherwise.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let hundredths = u128::from(self.numerator) * 10_000;
        let exact = hundredths.is_multiple_of(u128::from(self.denominator));
        let text = match (f.precision(), exact) {
            (Some(digits), _) => format!("{:.digits$}%", self.as_f64() * 100.0),
            (None, true) => {
                let hundredths = hundredths / u128::from(self.denominator);
                match (hundredths / 100, hundredths % 100) {
                    (whole, 0) => format!("{whole}%"),
                    (whole, part) if part % 10 == 0 => format!("{whole}.{}%", part / 10),
                    (whole, part) => format!("{whole}.{part:02}%"),
                }
            }
            (None, false) => format!("{}/{}", self.numerator, self.denominator),
        };
        // The precision has been used: `pad` would cut the text to it.
        match f.width() {
            Some(width) => write!(f, "{text:>width$}"),
            None => f.write_str(&text),
        }
    }
}

#[cfg(feature = "serde")]
impl serde::Serialize for Share {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(&format_args!("{}/{}", self.numerator, self.denominator))
    }
}
