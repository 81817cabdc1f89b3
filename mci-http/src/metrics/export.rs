//! What Prometheus is told.

use std::collections::BTreeMap;
use std::fmt::Error;
use std::sync::atomic::Ordering;

use mci_core::{ClusterState, OverrideState, Snapshot};
use prometheus_client::collector::Collector;
use prometheus_client::encoding::{
    DescriptorEncoder, EncodeCounterValue, EncodeGaugeValue, MetricEncoder, NoLabelSet,
};
use prometheus_client::metrics::MetricType;

use super::Metrics;
use super::counters::{BOUNDS, Counter, Counters, OfWay, Place, RCODES, WAYS};
use super::process;
use super::summary::OUTSIDE;
use crate::families;

/// The label of what is beyond the bounds.
const OTHER: &str = "(other)";
/// A float holds so many bits of the digest; the lowest ones.
const DIGEST_BITS: u32 = 53;

type Labels<'a, const N: usize> = [(&'static str, &'a str); N];

/// Writes families of series.
struct Writer<'a>(DescriptorEncoder<'a>);

impl Writer<'_> {
    fn family<'l, V, const N: usize>(
        &mut self,
        (name, help): (&str, &str),
        kind: MetricType,
        series: impl IntoIterator<Item = (Labels<'l, N>, V)>,
        write: impl Fn(&mut MetricEncoder<'_>, V) -> Result<(), Error>,
    ) -> Result<(), Error> {
        let mut family = self.0.encode_descriptor(name, help, None, kind)?;
        for (labels, value) in series {
            if N == 0 {
                write(&mut family, value)?;
            } else {
                write(&mut family.encode_family(&labels)?, value)?;
            }
        }
        Ok(())
    }

    /// `_total` is put behind the name.
    fn counters<'l, V: EncodeCounterValue, const N: usize>(
        &mut self,
        about: (&str, &str),
        series: impl IntoIterator<Item = (Labels<'l, N>, V)>,
    ) -> Result<(), Error> {
        self.family(about, MetricType::Counter, series, |series, value| {
            series.encode_counter::<NoLabelSet, _, u64>(&value, None)
        })
    }

    fn gauges<'l, V: EncodeGaugeValue, const N: usize>(
        &mut self,
        about: (&str, &str),
        series: impl IntoIterator<Item = (Labels<'l, N>, V)>,
    ) -> Result<(), Error> {
        self.family(about, MetricType::Gauge, series, |series, value| series.encode_gauge(&value))
    }
}

impl Collector for Metrics {
    fn encode(&self, encoder: DescriptorEncoder<'_>) -> Result<(), Error> {
        let mut writer = Writer(encoder);
        // First, as it may change which hostnames have series.
        let summary = self.summary();
        let snapshot = self.live.snapshot();
        self.messages(&mut writer)?;
        self.answers(&mut writer, &snapshot)?;
        self.hostnames(&mut writer, &snapshot)?;

        let about = (
            "mci_hostnames",
            "Hostnames by what is so of them: answered or unanswerable, and of those beside",
        );
        writer.gauges(
            about,
            summary.zones.iter().flat_map(|(zone, conditions)| {
                let of = |condition, count: u64| ([("zone", zone.as_str()), ("condition", condition)], count);
                [
                    of("answered", conditions.answered),
                    of("unanswerable", conditions.unanswerable),
                    of("single_cluster", conditions.single_cluster),
                    of("stale", conditions.stale),
                    of("drained", conditions.drained),
                ]
            }),
        )?;
        clusters(&mut writer, &snapshot)?;
        let about = (
            "mci_snapshot_digest",
            "The lowest 53 bits of a hash of all that answers depend on: equal where replicas agree",
        );
        writer.gauges(about, [([], summary.digest & ((1 << DIGEST_BITS) - 1))])?;
        let about = ("mci_snapshot_ready", "Whether the first sync has finished");
        writer.gauges(about, [([], u64::from(snapshot.is_ready()))])?;
        self.facts(&mut writer)
    }
}

impl Metrics {
    fn messages(&self, writer: &mut Writer<'_>) -> Result<(), Error> {
        let ways = || {
            WAYS.map(|way| {
                (way.as_str(), self.counters.all().map(move |lane| lane.of_way(way)).collect::<Vec<_>>())
            })
        };
        let sum =
            |lanes: &[&OfWay], counter: fn(&OfWay) -> &Counter| total(lanes.iter().map(|lane| counter(lane)));

        let mut series = Vec::new();
        for (transport, lanes) in ways() {
            for (at, rcode) in RCODES.iter().enumerate() {
                let count = total(lanes.iter().filter_map(|lane| lane.rcodes.get(at)));
                if count > 0 {
                    series.push(([("transport", transport), ("rcode", *rcode)], count));
                }
            }
        }
        writer.counters(("mci_dns_queries", "Messages by response code; none: no reply"), series)?;

        let about = ("mci_dns_query_duration_seconds", "From a message's arrival to its reply, of a sample");
        let durations = ways().map(|(transport, lanes)| {
            let mut buckets: Vec<(f64, u64)> =
                BOUNDS.iter().map(|bound| (f64::from(*bound) / 1e9, 0)).chain([(f64::INFINITY, 0)]).collect();
            for lane in &lanes {
                for ((_, count), counter) in buckets.iter_mut().zip(&lane.durations.buckets) {
                    *count += counter.get();
                }
            }
            let count: u64 = buckets.iter().map(|(_, count)| count).sum();
            #[expect(clippy::cast_precision_loss, reason = "a sum of seconds is a float")]
            let seconds = sum(&lanes, |lane| &lane.durations.nanoseconds) as f64 / 1e9;
            ([("transport", transport)], (seconds, count, buckets))
        });
        writer.family(about, MetricType::Histogram, durations, |series, (seconds, count, buckets)| {
            series.encode_histogram::<NoLabelSet>(seconds, count, &buckets, None)
        })?;

        let by_way =
            |counter| ways().map(|(transport, lanes)| ([("transport", transport)], sum(&lanes, counter)));
        let about = ("mci_dns_overloaded", "Messages turned away unread at the limit of concurrency");
        writer.counters(about, by_way(|lane| &lane.overloaded))?;
        let about = ("mci_dns_truncated", "Replies with TC set");
        writer.counters(about, by_way(|lane| &lane.truncated))?;
        let of_all = |counter: fn(&Counters) -> &Counter| total(self.counters.all().map(counter));
        let about = ("mci_dns_stale_answers", "Answers from stale clusters or those overridden down (R11)");
        writer.counters(about, [([], of_all(|lane| &lane.stale))])?;
        let about = ("mci_dns_chains_cut", "CNAME chains that end in a loop or are too long (D25)");
        writer.counters(about, [([], of_all(|lane| &lane.chains_cut))])
    }

    /// Series of zones and clusters that are gone are left out; should they come back, they count on.
    fn answers(&self, writer: &mut Writer<'_>, snapshot: &Snapshot) -> Result<(), Error> {
        let mut sums: BTreeMap<(String, String), u64> = BTreeMap::new();
        for (zone, cluster, count) in self.counters.all().flat_map(|lane| lane.answers.iter()) {
            let zone = match zone {
                Place::Outside => OUTSIDE.to_owned(),
                Place::At(zone) => match snapshot.zone_at(zone) {
                    Some(zone) => zone.name.to_string(),
                    None => continue,
                },
                Place::Beyond => OTHER.to_owned(),
            };
            let cluster = match cluster {
                Place::At(cluster) => match snapshot.cluster_at(cluster) {
                    Some(cluster) => cluster.to_string(),
                    None => continue,
                },
                Place::Outside | Place::Beyond => OTHER.to_owned(),
            };
            *sums.entry((zone, cluster)).or_default() += count;
        }
        let series = sums.iter().map(|((zone, cluster), count)| {
            ([("zone", zone.as_str()), ("cluster", cluster.as_str())], *count)
        });
        writer.counters(("mci_dns_answers", "Answers by the cluster that was drawn"), series)
    }

    fn hostnames(&self, writer: &mut Writer<'_>, snapshot: &Snapshot) -> Result<(), Error> {
        let mut sums = Vec::new();
        for counted in self.by_hostname.all() {
            let hostname = counted.hostname.to_string();
            sums.push((hostname.clone(), String::new(), counted.none.load(Ordering::Relaxed)));
            for (cluster, count) in counted.clusters() {
                if let Some(cluster) = snapshot.cluster_at(cluster) {
                    sums.push((hostname.clone(), cluster.to_string(), count));
                }
            }
            let beyond = counted.beyond.load(Ordering::Relaxed);
            if beyond > 0 {
                sums.push((hostname, OTHER.to_owned(), beyond));
            }
        }
        let series = sums.iter().map(|(hostname, cluster, count)| {
            ([("hostname", hostname.as_str()), ("cluster", cluster.as_str())], *count)
        });
        let about = (
            "mci_dns_hostname_answers",
            "Replies about hostnames of metrics.hostnames by the cluster that was drawn, if any",
        );
        writer.counters(about, series)
    }

    fn facts(&self, writer: &mut Writer<'_>) -> Result<(), Error> {
        #[expect(clippy::cast_precision_loss, reason = "milliseconds since 1970 fit into 53 bits")]
        let seconds = |milliseconds: u64| milliseconds as f64 / 1e3;
        let about = ("mci_snapshot_changed_timestamp_seconds", "When what is served changed last");
        writer.gauges(about, [([], seconds(self.changed.load(Ordering::Relaxed)))])?;
        let of_files = ("mci_state_file_reloads", "State files read again");
        let of_configurations = ("mci_config_reloads", "The configuration read again");
        for (about, [applied, unchanged, refused]) in
            [(of_files, &self.reloads), (of_configurations, &self.config_reloads)]
        {
            let reloads = [("applied", applied), ("unchanged", unchanged), ("refused", refused)];
            let series = reloads.map(|(result, counter)| ([("result", result)], counter.get()));
            writer.counters(about, series)?;
        }
        for family in process::families(self.version, self.started) {
            families::encode(&mut writer.0, &family)?;
        }
        Ok(())
    }
}

/// 1 where it is so: what liveness says, and beside it what an operator says.
fn clusters(writer: &mut Writer<'_>, snapshot: &Snapshot) -> Result<(), Error> {
    let series = snapshot.clusters().filter_map(|id| Some((id, snapshot.cluster_status(id)?))).flat_map(
        |(id, status)| {
            let held_back = status.held_back.as_ref().map(|held_back| held_back.state);
            let of = |state, is: bool| ([("cluster", id.as_str()), ("state", state)], u64::from(is));
            [
                of("alive", status.state == ClusterState::Alive),
                of("stale", status.state == ClusterState::Stale),
                of("gone", status.state == ClusterState::Gone),
                of("drained", held_back == Some(OverrideState::Drained)),
                of("down", held_back == Some(OverrideState::Down)),
            ]
        },
    );
    let about =
        ("mci_cluster_state", "1 where it is so: alive, stale or gone, and drained or down by an operator");
    writer.gauges(about, series)
}

fn total<'a>(counters: impl Iterator<Item = &'a Counter>) -> u64 {
    counters.fold(0, |sum, counter| sum.wrapping_add(counter.get()))
}
