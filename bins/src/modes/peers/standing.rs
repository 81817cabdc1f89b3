//! How it goes with each peer: for metrics, readiness and the log.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{SystemTime, UNIX_EPOCH};

use mci_core::ClusterId;
use mci_core::peer::Protocol;
use mci_http::families::Family;
use tokio::time::Instant;
use tracing::{debug, info, warn};

use super::super::families::number;

/// How it goes with one peer.
#[derive(Debug)]
pub(super) struct Standing {
    peer: ClusterId,
    now: Mutex<Now>,
}

#[derive(Clone, Debug, Default)]
struct Now {
    /// What it is spoken to in; nothing while that is not known.
    speaks: Option<Protocol>,
    connected: bool,
    /// When it last acknowledged a heartbeat, and the same as a Unix time in seconds.
    acknowledged: Option<(Instant, f64)>,
    /// Shards (to REST peers: hostnames) that it was not told yet, where this replica tells it.
    unsent: Option<usize>,
    /// Hostnames that it leaves out.
    refused: usize,
    errors: BTreeMap<&'static str, u64>,
    /// Why nothing works now, where that is so.
    error: Option<String>,
    /// What was logged of it: the same is not said again before it works.
    logged: Option<String>,
}

impl Standing {
    pub(super) fn new(peer: ClusterId) -> Self {
        Self { peer, now: Mutex::default() }
    }

    pub(super) fn speaks(&self, protocol: Option<Protocol>) {
        let mut now = self.lock();
        if now.speaks != protocol {
            if let Some(protocol) = protocol {
                info!(peer = %self.peer, %protocol, "Speaking with a peer");
            }
            let Now { errors, error, logged, acknowledged, .. } = std::mem::take(&mut *now);
            *now = Now { speaks: protocol, errors, error, logged, acknowledged, ..Now::default() };
        }
    }

    pub(super) fn is_connected(&self, connected: bool) {
        self.lock().connected = connected;
    }

    /// It acknowledged a heartbeat then.
    pub(super) fn acknowledged(&self, at: Instant) {
        let mut now = self.lock();
        if now.acknowledged.is_none_or(|(before, _)| before < at) {
            let unix = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
            now.acknowledged = Some((at, unix.saturating_sub(at.elapsed()).as_secs_f64()));
            now.error = None;
            if now.logged.take().is_some() {
                info!(peer = %self.peer, "A peer hears us again");
            }
        }
    }

    pub(super) fn last_acknowledged(&self) -> Option<Instant> {
        self.lock().acknowledged.map(|(at, _)| at)
    }

    /// So much waits to be told; nothing where another replica tells it.
    pub(super) fn unsent(&self, unsent: Option<usize>) {
        self.lock().unsent = unsent;
    }

    pub(super) fn refused(&self, hostnames: usize) {
        let mut now = self.lock();
        if now.refused != hostnames {
            warn!(peer = %self.peer, hostnames, "Hostnames that a peer does not take from us (R27)");
            now.refused = hostnames;
        }
    }

    /// Something did not work; `reason` is its label in metrics, `error` what a person reads.
    pub(super) fn failed(&self, reason: &'static str, error: String) {
        let mut now = self.lock();
        *now.errors.entry(reason).or_default() += 1;
        if now.logged.as_ref() == Some(&error) {
            debug!(peer = %self.peer, reason, error, "A peer still cannot be told");
        } else {
            warn!(peer = %self.peer, reason, error, "A peer cannot be told");
            now.logged = Some(error.clone());
        }
        now.error = Some(error);
    }

    fn lock(&self) -> MutexGuard<'_, Now> {
        self.now.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// How it goes with each peer that is configured now.
#[derive(Clone, Debug, Default)]
pub(crate) struct Standings(Arc<Mutex<BTreeMap<ClusterId, Arc<Standing>>>>);

impl Standings {
    pub(super) fn add(&self, peer: &ClusterId) -> Arc<Standing> {
        let standing = Arc::new(Standing::new(peer.clone()));
        self.lock().insert(peer.clone(), Arc::clone(&standing));
        standing
    }

    pub(super) fn remove(&self, peer: &ClusterId) {
        self.lock().remove(peer);
    }

    /// The peers that do not hear us, each with the reason.
    pub(crate) fn ailing(&self) -> Result<(), String> {
        let why = |(peer, standing): (&ClusterId, &Arc<Standing>)| {
            let now = standing.lock();
            match (&now.error, now.acknowledged) {
                (Some(error), _) => Some(format!("{peer}: {error}")),
                (None, None) => Some(format!("{peer}: it has not answered yet")),
                (None, Some(_)) => None,
            }
        };
        let ailing: Vec<String> = self.lock().iter().filter_map(why).collect();
        if ailing.is_empty() { Ok(()) } else { Err(ailing.join("; ")) }
    }

    pub(crate) fn families(&self) -> Vec<Family> {
        let mut connected =
            Family::gauge("mci_peer_connected", "Whether a peer hears us, and in which protocol");
        let mut unsent = Family::gauge(
            "mci_peer_shards_unsent",
            "Shards that a peer has not acknowledged as they are (REST: hostnames); of who leads",
        );
        let mut acknowledged = Family::gauge(
            "mci_peer_heartbeat_acknowledged_timestamp_seconds",
            "When a peer last acknowledged a heartbeat",
        );
        let mut refused =
            Family::gauge("mci_peer_hostnames_refused", "Hostnames that a peer does not take from us (R27)");
        let mut errors = Family::counter("mci_peer_errors", "What kept a peer from being told, by reason");
        for (peer, standing) in &*self.lock() {
            let now = standing.lock().clone();
            let of = [("peer", peer.as_str())];
            let protocol = now.speaks.map_or("none", Protocol::as_str);
            let labels = [("peer", peer.as_str()), ("protocol", protocol)];
            connected = connected.with(labels, f64::from(u8::from(now.connected)));
            if let Some(waiting) = now.unsent {
                unsent = unsent.with(of, number(u64::try_from(waiting).unwrap_or(u64::MAX)));
            }
            if let Some((_, unix)) = now.acknowledged {
                acknowledged = acknowledged.with(of, unix);
            }
            refused = refused.with(of, number(u64::try_from(now.refused).unwrap_or(u64::MAX)));
            for (reason, count) in now.errors {
                errors = errors.with([("peer", peer.as_str()), ("reason", reason)], number(count));
            }
        }
        vec![connected, unsent, acknowledged, refused, errors]
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<ClusterId, Arc<Standing>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
