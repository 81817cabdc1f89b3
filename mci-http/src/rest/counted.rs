//! How often each call came, from whom, and what became of it.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use axum::http::StatusCode;
use mci_core::ClusterId;

use super::call::Call;
use crate::families::{Families, Family};

/// Calls by cluster and status; clones share their counts. Those of nobody that is known are counted without a name, so
/// that strangers make no series.
#[derive(Clone, Debug, Default)]
pub struct RestCounters(Arc<Mutex<BTreeMap<Counted, u64>>>);

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Counted {
    call: Call,
    cluster: Option<ClusterId>,
    status: u16,
}

impl RestCounters {
    pub(super) fn count(&self, call: Call, cluster: Option<&ClusterId>, status: StatusCode) {
        let counted = Counted { call, cluster: cluster.cloned(), status: status.as_u16() };
        *self.0.lock().unwrap_or_else(PoisonError::into_inner).entry(counted).or_default() += 1;
    }

    /// As metrics.
    pub fn families(&self) -> Families {
        let counters = self.clone();
        Families::new(move || vec![counters.family()])
    }

    fn family(&self) -> Family {
        let mut family =
            Family::counter("mci_rest_requests", "REST calls by path, calling cluster and status");
        for (Counted { call, cluster, status }, count) in
            self.0.lock().unwrap_or_else(PoisonError::into_inner).iter()
        {
            let cluster = cluster.as_ref().map_or("", ClusterId::as_str);
            #[expect(clippy::cast_precision_loss, reason = "metrics are floating-point numbers")]
            let count = *count as f64;
            let labels = [("call", call.as_str()), ("cluster", cluster), ("status", &status.to_string())];
            family = family.with(labels, count);
        }
        family
    }
}
