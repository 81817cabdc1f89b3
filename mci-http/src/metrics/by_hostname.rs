//! Answers of single hostnames, for those that globs ask for.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use arc_swap::ArcSwap;
use mci_core::{Exchange, Hostname, Snapshot};
use wildmatch::WildMatch;

use crate::question::Name;

/// Hostnames that have series of their own; more match in vain.
pub const MAX_HOSTNAMES: usize = 200;
/// Clusters that are told apart for one hostname.
const CLUSTERS: usize = 64;

/// Answers of one hostname: by cluster, those beyond together, and those that no cluster gave.
#[derive(Debug)]
pub(crate) struct OfHostname {
    pub(crate) hostname: Hostname,
    clusters: [AtomicU64; CLUSTERS],
    pub(crate) beyond: AtomicU64,
    pub(crate) none: AtomicU64,
}

impl OfHostname {
    fn new(hostname: Hostname) -> Self {
        let (beyond, none) = (AtomicU64::new(0), AtomicU64::new(0));
        Self { hostname, clusters: [const { AtomicU64::new(0) }; CLUSTERS], beyond, none }
    }

    fn add(&self, cluster: Option<u16>) {
        let counter = match cluster {
            None => &self.none,
            Some(cluster) => self.clusters.get(usize::from(cluster)).unwrap_or(&self.beyond),
        };
        counter.fetch_add(1, Ordering::Relaxed);
    }

    /// The answers of each cluster that gave any, by its position.
    pub(crate) fn clusters(&self) -> impl Iterator<Item = (u16, u64)> {
        let counts = self.clusters.iter().map(|counter| counter.load(Ordering::Relaxed));
        (0..).zip(counts).filter(|(_, count)| *count > 0)
    }
}

type Table = HashMap<Box<[u8]>, Arc<OfHostname>>;

/// The hostnames that globs ask for.
#[derive(Debug, Default)]
pub(crate) struct ByHostname {
    any: AtomicBool,
    globs: ArcSwap<Vec<WildMatch>>,
    table: ArcSwap<Table>,
}

impl ByHostname {
    /// Takes other globs; [`renew`](Self::renew) looks for what they match.
    pub(crate) fn set(&self, globs: &[String]) {
        let globs: Vec<_> = globs.iter().map(|glob| WildMatch::new(&glob.to_ascii_lowercase())).collect();
        self.any.store(!globs.is_empty(), Ordering::Release);
        self.globs.store(Arc::new(globs));
    }

    /// Looks for the hostnames that match: those that are counted already stay first, those that are gone go.
    pub(crate) fn renew(&self, snapshot: &Snapshot) {
        let globs = self.globs.load();
        let old = self.table.load();
        if globs.is_empty() {
            if !old.is_empty() {
                self.table.store(Arc::default());
            }
            return;
        }
        let mut matching: Vec<Hostname> = snapshot
            .hostnames()
            .filter(|hostname| {
                let name = hostname.to_string();
                globs.iter().any(|glob| glob.matches(&name))
            })
            .collect();
        matching.sort_by_cached_key(|hostname| (!old.contains_key(hostname.wire()), hostname.to_string()));
        if matching.len() > MAX_HOSTNAMES {
            let (matches, limit) = (matching.len(), MAX_HOSTNAMES);
            tracing::warn!(matches, limit, "More hostnames match metrics.hostnames than get series");
        }
        let table = matching.into_iter().take(MAX_HOSTNAMES).map(|hostname| {
            let key: Box<[u8]> = hostname.wire().into();
            let counted = old.get(&key).cloned();
            (key, counted.unwrap_or_else(|| Arc::new(OfHostname::new(hostname))))
        });
        self.table.store(Arc::new(table.collect()));
    }

    #[inline]
    pub(crate) fn answered(&self, exchange: &Exchange<'_>) {
        if self.any.load(Ordering::Relaxed) {
            self.look(exchange);
        }
    }

    #[cold]
    fn look(&self, exchange: &Exchange<'_>) {
        let table = self.table.load();
        let Some(name) = Name::asked(exchange.query) else { return };
        // A wildcard's series counts what it matches, where the name has no series of its own.
        let counted = table
            .get(name.wire())
            .or_else(|| name.wildcards().find_map(|wildcard| table.get(wildcard.as_slice())));
        if let Some(counted) = counted {
            counted.add(exchange.facts.cluster);
        }
    }

    /// Every hostname that has series, by name.
    pub(crate) fn all(&self) -> Vec<Arc<OfHostname>> {
        let mut all: Vec<_> = self.table.load().values().cloned().collect();
        all.sort_by_cached_key(|counted| counted.hostname.to_string());
        all
    }
}
