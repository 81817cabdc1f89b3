//! The query log: off by default, one atomic load a message while it is off.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::time::SystemTime;

use arc_swap::ArcSwap;
use mci_core::wire::Disposition;
use mci_core::{Exchange, Live};
use wildmatch::WildMatch;

use crate::question::Name;

/// Which queries are logged.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct QueryLogConfig {
    /// One query in so many, of those whose name matches; 0 and 1 are every one.
    pub sample: u32,
    /// Globs (`*` is any text, `?` one character, case does not matter) of which a name must match one; all names where
    /// there are none.
    pub names: Vec<String>,
    /// When it ends by itself.
    pub until: Option<SystemTime>,
}

impl QueryLogConfig {
    /// One query in `sample`, whatever its name, until it is turned off.
    pub const fn every(sample: u32) -> Self {
        Self { sample, names: Vec::new(), until: None }
    }

    /// Only names that match one of these globs.
    pub fn names<S: Into<String>>(mut self, globs: impl IntoIterator<Item = S>) -> Self {
        self.names = globs.into_iter().map(Into::into).collect();
        self
    }

    /// Until this time.
    pub fn until(mut self, end: SystemTime) -> Self {
        self.until = Some(end);
        self
    }
}

/// Writes queries to the log: `tracing` events of level INFO with target `mci::query_log`.
///
/// It may be turned on, changed and turned off while queries are answered.
#[derive(Debug)]
pub struct QueryLog {
    live: Arc<Live>,
    on: AtomicBool,
    seen: AtomicU32,
    rules: ArcSwap<Rules>,
}

#[derive(Debug, Default)]
struct Rules {
    sample: u32,
    names: Vec<WildMatch>,
    until: Option<SystemTime>,
}

impl QueryLog {
    /// Off.
    pub fn new(live: Arc<Live>) -> Self {
        let rules = ArcSwap::from_pointee(Rules::default());
        Self { live, on: AtomicBool::new(false), seen: AtomicU32::new(0), rules }
    }

    /// Turns it on with these rules, or off.
    pub fn set(&self, config: Option<&QueryLogConfig>) {
        if let Some(QueryLogConfig { sample, names, until }) = config {
            let names = names.iter().map(|glob| WildMatch::new(&glob.to_ascii_lowercase())).collect();
            self.rules.store(Arc::new(Rules { sample: (*sample).max(1), names, until: *until }));
        }
        self.on.store(config.is_some(), Ordering::Release);
    }

    /// Whether it is on.
    pub fn is_on(&self) -> bool {
        self.on.load(Ordering::Relaxed)
    }

    /// Logs an exchange, if the rules say so.
    #[inline]
    pub fn answered(&self, exchange: &Exchange<'_>) {
        if self.on.load(Ordering::Acquire) {
            self.look(exchange);
        }
    }

    #[cold]
    fn look(&self, exchange: &Exchange<'_>) {
        let rules = self.rules.load();
        let name = Name::asked(exchange.query).map(|name| name.to_string());
        if !rules.names.is_empty() {
            let Some(name) = &name else { return };
            if !rules.names.iter().any(|glob| glob.matches(name)) {
                return;
            }
        }
        if rules.until.is_some_and(|until| until <= SystemTime::now()) {
            // Unless it was set anew a moment ago.
            if Arc::ptr_eq(&rules, &self.rules.load()) {
                self.set(None);
            }
            return;
        }
        if !self.seen.fetch_add(1, Ordering::Relaxed).is_multiple_of(rules.sample) {
            return;
        }
        let Exchange { way, facts, query, reply, client, elapsed } = *exchange;
        let snapshot = self.live.load();
        tracing::info!(
            target: "mci::query_log",
            name,
            r#type = facts.query_type.map(tracing::field::display),
            rcode = (facts.disposition != Disposition::Drop).then(|| facts.rcode.name()),
            transport = way.as_str(),
            client = client.map(tracing::field::display),
            zone = facts.zone.and_then(|zone| snapshot.zone_at(zone)).map(|zone| tracing::field::display(&zone.name)),
            cluster = facts.cluster.and_then(|cluster| snapshot.cluster_at(cluster)).map(mci_core::ClusterId::as_str),
            stale = facts.stale,
            truncated = facts.truncated,
            query_octets = query.len(),
            reply_octets = reply.len(),
            elapsed_us = elapsed.map(|elapsed| u64::try_from(elapsed.as_micros()).unwrap_or(u64::MAX)),
            "Query answered"
        );
    }
}
