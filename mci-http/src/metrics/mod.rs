//! Metrics of whatever answers DNS: counters that cost a few nanoseconds a message, and gauges of the snapshot.
//!
//! | metric | labels |
//! |---|---|
//! | `mci_dns_queries_total` | `transport`, `rcode` (`none`: no reply, D15) |
//! | `mci_dns_query_duration_seconds` | `transport`; of a sample |
//! | `mci_dns_answers_total` | `zone` (`-`: outside every zone), `cluster` |
//! | `mci_dns_overloaded_total` | `transport` |
//! | `mci_dns_truncated_total` | `transport` |
//! | `mci_dns_stale_answers_total`, `mci_dns_chains_cut_total` | – |
//! | `mci_dns_hostname_answers_total` | `hostname`, `cluster` (empty: none drawn) |
//! | `mci_hostnames` | `zone`, `condition` |
//! | `mci_cluster_state` | `cluster`, `state` |
//! | `mci_snapshot_changed_timestamp_seconds`, `mci_snapshot_digest`, `mci_snapshot_ready` | – |
//! | `mci_state_file_reloads_total`, `mci_config_reloads_total` | `result` |
//! | `mci_build_info` | `version` |
//! | `process_*` | – |
//!
//! Labels are bounded: zones and clusters beyond the first thousand of a process's life count as `(other)`. Series of
//! zones, clusters and hostnames that are gone are gone.

mod by_hostname;
mod counters;
mod export;
mod exposition;
mod format;
mod lane;
mod process;
mod summary;

use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{SystemTime, UNIX_EPOCH};

use mci_core::{Exchange, Live, Observe, Way};
use prometheus_client::collector::Collector;
use prometheus_client::registry::Registry;

pub use self::by_hostname::MAX_HOSTNAMES;
pub use self::exposition::Exposition;
pub use self::format::Format;

use self::by_hostname::ByHostname;
use self::counters::{Counter, Counters};
use self::lane::{Lanes, Writers};
use self::summary::{Kept, Summary};

/// What became of a file that was read again.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Reload {
    /// What it says holds.
    Applied,
    /// It says what holds already.
    Unchanged,
    /// It has mistakes: what held before still does.
    Refused,
}

/// Metrics of whatever answers DNS: an [`Observe`] for adapters, and text for Prometheus.
pub struct Metrics {
    live: Arc<Live>,
    version: &'static str,
    started: SystemTime,
    counters: Lanes<Counters>,
    by_hostname: ByHostname,
    /// Milliseconds since 1970.
    changed: AtomicU64,
    reloads: [Counter; 3],
    config_reloads: [Counter; 3],
    kept: Mutex<Kept>,
}

impl fmt::Debug for Metrics {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Metrics").field("version", &self.version).finish_non_exhaustive()
    }
}

fn count([applied, unchanged, refused]: &[Counter; 3], result: Reload) {
    let counter = match result {
        Reload::Applied => applied,
        Reload::Unchanged => unchanged,
        Reload::Refused => refused,
    };
    counter.add(1, Writers::Many);
}

impl Metrics {
    /// Nothing is counted yet. `version` is the program's; the process is taken to start now.
    pub fn new(live: Arc<Live>, version: &'static str) -> Self {
        let started = SystemTime::now();
        Self {
            live,
            version,
            started,
            counters: Lanes::new(),
            by_hostname: ByHostname::default(),
            changed: AtomicU64::new(milliseconds(started)),
            reloads: Default::default(),
            config_reloads: Default::default(),
            kept: Mutex::default(),
        }
    }

    /// Counts the answers of hostnames that match one of these globs (`*` is any text, `?` one character), of
    /// [`MAX_HOSTNAMES`] at most; of hostnames that come later from the next scrape on.
    pub fn count_hostnames(&self, globs: &[String]) {
        self.by_hostname.set(globs);
        self.by_hostname.renew(&self.live.load());
    }

    /// What is served changed at this time.
    pub fn snapshot_changed(&self, at: SystemTime) {
        self.changed.store(milliseconds(at), Ordering::Relaxed);
    }

    /// A state file was read again.
    pub fn state_file_reloaded(&self, result: Reload) {
        count(&self.reloads, result);
    }

    /// The configuration was read again.
    pub fn config_reloaded(&self, result: Reload) {
        count(&self.config_reloads, result);
    }

    /// Everything, as text. Where the snapshot has changed since the last time this looks at every hostname: call it
    /// where that may take a while.
    pub fn text(self: &Arc<Self>, format: Format) -> String {
        encode(format, [Box::new(Arc::clone(self)) as Box<dyn Collector>])
    }

    fn summary(&self) -> Arc<Summary> {
        let (summary, renewed) = self.kept.lock().unwrap_or_else(PoisonError::into_inner).renew(&self.live);
        if renewed {
            self.by_hostname.renew(&self.live.load());
        }
        summary
    }
}

impl Observe for Metrics {
    #[inline]
    fn answered(&self, exchange: &Exchange<'_>) {
        let (counters, writers) = self.counters.mine();
        counters.answered(exchange, writers);
        self.by_hostname.answered(exchange);
    }

    fn overloaded(&self, way: Way) {
        let (counters, writers) = self.counters.mine();
        counters.of_way(way).overloaded.add(1, writers);
    }
}

/// What collectors tell, as text.
fn encode(format: Format, collectors: impl IntoIterator<Item = Box<dyn Collector>>) -> String {
    let mut registry = Registry::default();
    for collector in collectors {
        registry.register_collector(collector);
    }
    let mut text = String::new();
    prometheus_client::encoding::text::encode(&mut text, &registry).expect("a String takes everything");
    match format {
        Format::OpenMetrics => text,
        Format::Prometheus => format::as_prometheus(&text),
    }
}

fn milliseconds(time: SystemTime) -> u64 {
    let since = time.duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
}
