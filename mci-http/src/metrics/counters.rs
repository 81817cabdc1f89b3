//! What is counted for each message, in one thread's lane.

use std::sync::OnceLock;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use mci_core::wire::Disposition;
use mci_core::{Exchange, Rcode, Way};

use super::lane::Writers;

/// A counter. It wraps after 2^64.
#[derive(Debug, Default)]
pub(crate) struct Counter(AtomicU64);

impl Counter {
    #[inline]
    pub(crate) fn add(&self, more: u64, writers: Writers) {
        match writers {
            Writers::One => self.0.store(self.get().wrapping_add(more), Ordering::Relaxed),
            Writers::Many => drop(self.0.fetch_add(more, Ordering::Relaxed)),
        }
    }

    pub(crate) fn get(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

/// The ways, as indices count them.
pub(crate) const WAYS: [Way; 3] = [Way::Grpc, Way::Udp, Way::Tcp];

const fn way_index(way: Way) -> usize {
    match way {
        Way::Grpc => 0,
        Way::Udp => 1,
        Way::Tcp => 2,
    }
}

/// The values of the label `rcode`: what MCI answers with, anything else, and messages that get no reply (D15).
pub(crate) const RCODES: [&str; 10] = [
    Rcode::NOERROR.name(),
    Rcode::FORMERR.name(),
    Rcode::SERVFAIL.name(),
    Rcode::NXDOMAIN.name(),
    Rcode::NOTIMP.name(),
    Rcode::REFUSED.name(),
    Rcode::BADVERS.name(),
    Rcode::BADCOOKIE.name(),
    "OTHER",
    "none",
];

const fn rcode_index(disposition: Disposition, rcode: Rcode) -> usize {
    match (disposition, rcode) {
        (Disposition::Drop, _) => 9,
        (_, Rcode::NOERROR) => 0,
        (_, Rcode::FORMERR) => 1,
        (_, Rcode::SERVFAIL) => 2,
        (_, Rcode::NXDOMAIN) => 3,
        (_, Rcode::NOTIMP) => 4,
        (_, Rcode::REFUSED) => 5,
        (_, Rcode::BADVERS) => 6,
        (_, Rcode::BADCOOKIE) => 7,
        (_, Rcode(_)) => 8,
    }
}

/// Upper bounds of the histogram of durations, in nanoseconds.
pub(crate) const BOUNDS: [u32; 14] = [
    500,
    1_000,
    2_500,
    5_000,
    10_000,
    25_000,
    50_000,
    100_000,
    250_000,
    500_000,
    1_000_000,
    10_000_000,
    100_000_000,
    1_000_000_000,
];

/// Durations of a sample of exchanges.
#[derive(Debug, Default)]
pub(crate) struct Durations {
    pub(crate) nanoseconds: Counter,
    /// One for each bound, and one for what is longer.
    pub(crate) buckets: [Counter; BOUNDS.len() + 1],
}

impl Durations {
    fn observe(&self, elapsed: Duration, writers: Writers) {
        let nanoseconds = u64::try_from(elapsed.as_nanos()).unwrap_or(u64::MAX);
        let bucket = BOUNDS.partition_point(|bound| u64::from(*bound) < nanoseconds);
        self.nanoseconds.add(nanoseconds, writers);
        if let Some(bucket) = self.buckets.get(bucket) {
            bucket.add(1, writers);
        }
    }
}

/// What one thread has counted. Two cache lines' alignment: processors fetch lines in pairs.
#[derive(Debug, Default)]
#[repr(align(128))]
pub(crate) struct Counters {
    ways: [OfWay; WAYS.len()],
    pub(crate) answers: Answers,
    pub(crate) stale: Counter,
    pub(crate) chains_cut: Counter,
}

/// What is counted for each way.
#[derive(Debug, Default)]
pub(crate) struct OfWay {
    pub(crate) rcodes: [Counter; RCODES.len()],
    pub(crate) truncated: Counter,
    pub(crate) overloaded: Counter,
    pub(crate) durations: Durations,
}

impl Counters {
    #[expect(clippy::indexing_slicing, reason = "both indices come from matches over all that there is")]
    #[inline]
    pub(crate) fn answered(&self, exchange: &Exchange<'_>, writers: Writers) {
        let facts = &exchange.facts;
        let way = &self.ways[way_index(exchange.way)];
        way.rcodes[rcode_index(facts.disposition, facts.rcode)].add(1, writers);
        if let Some(cluster) = facts.cluster {
            self.answers.of(facts.zone, cluster).add(1, writers);
        }
        if let Some(elapsed) = exchange.elapsed {
            way.durations.observe(elapsed, writers);
        }
        if facts.truncated {
            way.truncated.add(1, writers);
        }
        if facts.stale {
            self.stale.add(1, writers);
        }
        if facts.chain_cut {
            self.chains_cut.add(1, writers);
        }
    }

    pub(crate) fn of_way(&self, way: Way) -> &OfWay {
        let [grpc, udp, tcp] = &self.ways;
        match way {
            Way::Grpc => grpc,
            Way::Udp => udp,
            Way::Tcp => tcp,
        }
    }
}

/// Zones and clusters that are told apart, outside all zones included; those at later positions are counted together.
const ZONES: usize = 1024;
const CLUSTERS: usize = 1024;
/// Clusters whose counters are allocated together.
const PAGE: usize = 32;

type Page = [Counter; PAGE];
type Row = [OnceLock<Box<Page>>; CLUSTERS / PAGE];

/// Answers by zone and cluster: a table that grows where it is used, and is never locked.
#[derive(Debug)]
pub(crate) struct Answers {
    /// Outside every zone, then zones by their positions.
    rows: Box<[OnceLock<Box<Row>>]>,
}

impl Default for Answers {
    fn default() -> Self {
        Self { rows: std::iter::repeat_with(OnceLock::new).take(ZONES).collect() }
    }
}

/// A zone or a cluster in the table of answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Place {
    /// Outside every zone.
    Outside,
    /// At this position in the snapshot.
    At(u16),
    /// Beyond those that are told apart.
    Beyond,
}

impl Answers {
    #[expect(clippy::indexing_slicing, reason = "each index is at most the length less one")]
    #[inline]
    fn of(&self, zone: Option<u16>, cluster: u16) -> &Counter {
        let row = zone.map_or(0, |zone| (usize::from(zone) + 1).min(ZONES - 1));
        let column = usize::from(cluster).min(CLUSTERS - 1);
        let row = self.rows[row].get_or_init(|| Box::new([const { OnceLock::new() }; CLUSTERS / PAGE]));
        &row[column / PAGE].get_or_init(Box::default)[column % PAGE]
    }

    /// Everything that is not zero.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (Place, Place, u64)> {
        let place = |at: usize, last: usize| match u16::try_from(at) {
            Ok(position) if at < last => Place::At(position),
            _ => Place::Beyond,
        };
        let rows = self.rows.iter().enumerate().filter_map(|(at, row)| Some((at, row.get()?)));
        let pages = rows.flat_map(|(zone, row)| {
            row.iter().enumerate().filter_map(move |(at, page)| Some((zone, at * PAGE, page.get()?)))
        });
        pages.flat_map(move |(zone, first, page)| {
            page.iter().enumerate().filter(|(_, counter)| counter.get() > 0).map(move |(at, counter)| {
                let zone = zone.checked_sub(1).map_or(Place::Outside, |zone| place(zone, ZONES - 2));
                (zone, place(first + at, CLUSTERS - 1), counter.get())
            })
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers_are_told_apart_up_to_the_bounds() {
        let answers = Answers::default();
        for (zone, cluster, times) in [
            (None, 0, 1),
            (Some(0), 0, 2),
            (Some(0), 33, 3),
            (Some(1021), 1022, 4),
            (Some(1022), 1023, 5),
            (Some(u16::MAX), u16::MAX, 6),
        ] {
            answers.of(zone, cluster).add(times, Writers::Many);
        }
        let mut found: Vec<_> = answers.iter().collect();
        found.sort_unstable();
        assert_eq!(
            found,
            [
                (Place::Outside, Place::At(0), 1),
                (Place::At(0), Place::At(0), 2),
                (Place::At(0), Place::At(33), 3),
                (Place::At(1021), Place::At(1022), 4),
                (Place::Beyond, Place::Beyond, 11),
            ]
        );
    }

    #[test]
    fn rcodes_have_the_labels_of_their_indices() {
        for rcode in (0..64).map(Rcode) {
            assert_eq!(RCODES[rcode_index(Disposition::Reply, rcode)], rcode.name());
        }
        assert_eq!(RCODES[rcode_index(Disposition::Drop, Rcode::FORMERR)], "none");
    }

    #[test]
    fn durations_fall_into_the_bucket_of_their_bound() {
        let durations = Durations::default();
        for nanoseconds in [1, 500, 501, 1_000_000_000, 1_000_000_001] {
            durations.observe(Duration::from_nanos(nanoseconds), Writers::Many);
        }
        let counts: Vec<u64> = durations.buckets.iter().map(Counter::get).collect();
        assert_eq!(counts, [2, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 1]);
        assert_eq!(durations.nanoseconds.get(), 2_000_001_003);
    }
}
