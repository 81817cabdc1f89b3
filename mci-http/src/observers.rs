//! Everyone who looks at an exchange.

use std::sync::Arc;

use mci_core::{Exchange, Observe, Way};

use crate::metrics::Metrics;
use crate::query_log::QueryLog;

/// Metrics and the query log, as one [`Observe`] for the adapters.
#[derive(Clone, Debug)]
pub struct Observers {
    /// Counts.
    pub metrics: Arc<Metrics>,
    /// Writes down, where it is on.
    pub query_log: Arc<QueryLog>,
}

impl Observe for Observers {
    fn answered(&self, exchange: &Exchange<'_>) {
        self.metrics.answered(exchange);
        self.query_log.answered(exchange);
    }

    fn overloaded(&self, way: Way) {
        self.metrics.overloaded(way);
    }
}
