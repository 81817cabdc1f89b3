//! What a front end tells of itself, as metrics.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use mci_core::ClusterId;
use mci_grpc::peer::{Call, CallEnd, ObservePeers};
use mci_http::families::Family;
use mci_http::{Gate, Turned};
use mci_kube::front::Store;

use super::hearing::Hearing;
use crate::modes::families::{number, watches, writes};

/// Calls of the stream. Their clusters are those that have a key: a bounded set.
#[derive(Debug, Default)]
pub(super) struct Calls {
    open: Mutex<BTreeMap<(ClusterId, &'static str), u64>>,
    ended: Mutex<BTreeMap<(&'static str, &'static str), u64>>,
    heartbeats: Mutex<BTreeMap<ClusterId, u64>>,
    unauthenticated: AtomicU64,
}

fn count<K: Ord>(of: &Mutex<BTreeMap<K, u64>>, key: K) {
    *of.lock().unwrap_or_else(PoisonError::into_inner).entry(key).or_default() += 1;
}

impl ObservePeers for Calls {
    fn unauthenticated(&self) {
        self.unauthenticated.fetch_add(1, Ordering::Relaxed);
    }

    fn began(&self, cluster: &ClusterId, call: Call) {
        count(&self.open, (cluster.clone(), call.label()));
    }

    fn ended(&self, cluster: &ClusterId, call: Call, end: CallEnd) {
        let key = (cluster.clone(), call.label());
        let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(count) = open.get_mut(&key) {
            *count = count.saturating_sub(1);
            if *count == 0 {
                open.remove(&key);
            }
        }
        drop(open);
        count(&self.ended, (call.label(), end.label()));
    }

    fn heartbeat(&self, cluster: &ClusterId) {
        count(&self.heartbeats, cluster.clone());
    }
}

/// Everything that a scrape is told.
pub(super) fn families(
    store: Store,
    gate: Arc<Gate>,
    hearing: Arc<Hearing>,
    calls: Arc<Calls>,
) -> impl Fn() -> Vec<Family> {
    move || {
        let gauges = store.gauges();
        let mut families = watches(&gauges.watches);
        families.push(writes([("ClusterCache", &*gauges.writes)]));
        families.extend(peers(&gauges));
        families.extend(strangers(&gate, &calls));
        families.extend(streams(&calls));
        families.push(
            Family::gauge("mci_front_end_hears", "Whether its own listener answered its last call (R20)")
                .with([], f64::from(u8::from(hearing.state().is_ok()))),
        );
        families
    }
}

fn peers(gauges: &mci_kube::front::Gauges) -> [Family; 3] {
    let mut heard = Family::gauge(
        "mci_cluster_heartbeat_timestamp_seconds",
        "When this front end last heard a cluster, by either protocol",
    );
    for (cluster, at) in &gauges.heard {
        heard = heard.with([("cluster", cluster.as_str())], at.as_secs_f64());
    }
    let mut stored = Family::counter("mci_peer_shards_stored", "Shards of peers that were written");
    for (cluster, count) in &gauges.stored {
        stored = stored.with([("cluster", cluster.as_str())], number(*count));
    }
    let mut refused =
        Family::counter("mci_peer_entries_refused", "Entries of peers that were left out, and why (R27)");
    for (cluster, reason, count) in &gauges.refused {
        refused = refused.with([("cluster", cluster.as_str()), ("reason", reason)], number(*count));
    }
    [heard, stored, refused]
}

fn strangers(gate: &Gate, calls: &Calls) -> [Family; 2] {
    let mut turned =
        Family::counter("mci_requests_turned_away", "Requests that were turned away before any route");
    for why in Turned::ALL {
        turned = turned.with([("reason", why.as_str())], number(gate.turned(why)));
    }
    let unauthenticated = calls.unauthenticated.load(Ordering::Relaxed);
    [
        Family::counter(
            "mci_requests_without_key",
            "Requests without a valid key, those for health left out",
        )
        .with([("to", "any")], number(gate.strangers()))
        .with([("to", "stream")], number(unauthenticated)),
        turned,
    ]
}

fn streams(calls: &Calls) -> [Family; 3] {
    let mut open = Family::gauge("mci_peer_streams_open", "Calls of the stream that are open");
    for ((cluster, call), count) in calls.open.lock().unwrap_or_else(PoisonError::into_inner).iter() {
        open = open.with([("cluster", cluster.as_str()), ("call", call)], number(*count));
    }
    let mut ended = Family::counter("mci_peer_streams_ended", "Calls of the stream that ended, and why");
    for ((call, end), count) in calls.ended.lock().unwrap_or_else(PoisonError::into_inner).iter() {
        ended = ended.with([("call", call), ("reason", end)], number(*count));
    }
    let mut heartbeats = Family::counter("mci_peer_heartbeats", "Heartbeats that came by the stream");
    for (cluster, count) in calls.heartbeats.lock().unwrap_or_else(PoisonError::into_inner).iter() {
        heartbeats = heartbeats.with([("cluster", cluster.as_str())], number(*count));
    }
    [open, ended, heartbeats]
}
