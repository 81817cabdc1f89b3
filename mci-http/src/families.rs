//! Metrics of what is no DNS server: families of series that a component tells whenever it is scraped.

use std::fmt::{self, Error};
use std::sync::Arc;

use prometheus_client::collector::Collector;
use prometheus_client::encoding::{
    CounterValueEncoder, DescriptorEncoder, EncodeCounterValue, EncodeGaugeValue, GaugeValueEncoder,
    MetricEncoder, NoLabelSet,
};
use prometheus_client::metrics::MetricType;

/// What a value does over time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// It grows; `_total` is put behind its name.
    Counter,
    /// It goes up and down.
    Gauge,
    /// How often what was how large.
    Histogram,
}

/// Series of one name.
#[derive(Clone, Debug, PartialEq)]
pub struct Family {
    /// Its name, without `_total`.
    pub name: &'static str,
    /// What it means, in a sentence.
    pub help: &'static str,
    /// What its values do.
    pub kind: Kind,
    /// Labels and values. What is gone is not listed, and so has no series.
    pub series: Vec<(Labels, f64)>,
    /// Labels and distributions, of a histogram.
    pub distributions: Vec<(Labels, Distribution)>,
}

/// The labels of one series.
pub type Labels = Vec<(&'static str, String)>;

/// How often what was how large.
#[derive(Clone, Debug, PartialEq)]
pub struct Distribution {
    /// How many there were.
    pub count: u64,
    /// What they add up to.
    pub sum: f64,
    /// Upper bounds, each with how many were at most so large; without the one that has no bound.
    pub at_most: Vec<(f64, u64)>,
}

impl Family {
    /// A family that grows.
    pub fn counter(name: &'static str, help: &'static str) -> Self {
        Self::of(name, help, Kind::Counter)
    }

    /// A family that goes up and down.
    pub fn gauge(name: &'static str, help: &'static str) -> Self {
        Self::of(name, help, Kind::Gauge)
    }

    /// A family of distributions.
    pub fn histogram(name: &'static str, help: &'static str) -> Self {
        Self::of(name, help, Kind::Histogram)
    }

    fn of(name: &'static str, help: &'static str, kind: Kind) -> Self {
        Self { name, help, kind, series: Vec::new(), distributions: Vec::new() }
    }

    /// With one more distribution, of a histogram.
    pub fn distributed<const N: usize>(
        mut self,
        labels: [(&'static str, &str); N],
        distribution: Distribution,
    ) -> Self {
        self.distributions.push((owned(labels), distribution));
        self
    }

    /// With one more series.
    pub fn with<const N: usize>(mut self, labels: [(&'static str, &str); N], value: f64) -> Self {
        self.series.push((owned(labels), value));
        self
    }
}

fn owned<const N: usize>(labels: [(&'static str, &str); N]) -> Labels {
    labels.map(|(name, value)| (name, value.to_owned())).into()
}

/// Tells its families whenever it is scraped; it must not block.
#[derive(Clone)]
pub struct Families(Arc<dyn Fn() -> Vec<Family> + Send + Sync>);

impl Families {
    /// Told by `tell`.
    pub fn new(tell: impl Fn() -> Vec<Family> + Send + Sync + 'static) -> Self {
        Self(Arc::new(tell))
    }
}

impl fmt::Debug for Families {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Families").field(&(self.0)()).finish()
    }
}

impl Collector for Families {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> Result<(), Error> {
        for family in (self.0)() {
            self::encode(&mut encoder, &family)?;
        }
        Ok(())
    }
}

/// Writes one family.
pub(crate) fn encode(encoder: &mut DescriptorEncoder<'_>, family: &Family) -> Result<(), Error> {
    let Family { name, help, kind, series, distributions } = family;
    let metric_type = match kind {
        Kind::Counter => MetricType::Counter,
        Kind::Gauge => MetricType::Gauge,
        Kind::Histogram => MetricType::Histogram,
    };
    let mut family = encoder.encode_descriptor(name, help, None, metric_type)?;
    let write = |metric: &mut MetricEncoder<'_>, value: f64| match kind {
        Kind::Counter => metric.encode_counter::<NoLabelSet, _, u64>(&Value(value), None),
        // A value without a distribution is no series of a histogram.
        Kind::Gauge | Kind::Histogram => metric.encode_gauge(&Value(value)),
    };
    for (labels, Distribution { count, sum, at_most }) in distributions {
        // Cumulative as they come, while each bucket is asked for by itself.
        let mut below = 0;
        let bucket = |(bound, at_most): &(f64, u64)| {
            let inside = at_most.saturating_sub(below);
            below = *at_most;
            (*bound, inside)
        };
        let mut buckets: Vec<(f64, u64)> = at_most.iter().map(bucket).collect();
        buckets.push((f64::INFINITY, count.saturating_sub(below)));
        family.encode_family(labels)?.encode_histogram::<NoLabelSet>(*sum, *count, &buckets, None)?;
    }
    for (labels, value) in series {
        if labels.is_empty() {
            write(&mut family, *value)?;
        } else {
            write(&mut family.encode_family(labels)?, *value)?;
        }
    }
    Ok(())
}

/// Whole numbers are written as such.
struct Value(f64);

impl EncodeCounterValue for Value {
    fn encode(&self, encoder: &mut CounterValueEncoder<'_>) -> Result<(), Error> {
        match whole(self.0) {
            Some(number) => EncodeCounterValue::encode(&number, encoder),
            None => EncodeCounterValue::encode(&self.0, encoder),
        }
    }
}

impl EncodeGaugeValue for Value {
    fn encode(&self, encoder: &mut GaugeValueEncoder<'_>) -> Result<(), Error> {
        match whole(self.0).and_then(|number| i64::try_from(number).ok()) {
            Some(number) => EncodeGaugeValue::encode(&number, encoder),
            None => EncodeGaugeValue::encode(&self.0, encoder),
        }
    }
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "checked to be whole and in range"
)]
fn whole(value: f64) -> Option<u64> {
    let in_range = (0.0..9_007_199_254_740_992.0).contains(&value);
    (in_range && value.fract() == 0.0).then_some(value as u64)
}
