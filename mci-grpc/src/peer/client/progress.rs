//! How it goes with one peer: for status and metrics.

use std::collections::BTreeMap;

use mci_core::Shard;
use mci_core::peer::{Sender, ShardState};
use tokio::time::Instant;

use crate::peer::client::PeerError;
use crate::peer::pb;

/// How many hostnames that a peer refuses are kept by name.
const NAMED: usize = 1000;

/// How it goes with one peer.
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct Progress {
    /// How often a connection was tried.
    pub tries: u64,
    /// Since when there is one.
    pub connected: Option<Instant>,
    /// When the last heartbeat was acknowledged, on any connection.
    pub acknowledged: Option<Instant>,
    /// How many heartbeats were acknowledged.
    pub heartbeats: u64,
    /// The highest term that the peer knows of the own cluster. Above the own, the own was forgotten here.
    pub heard_term: u64,
    /// The Sync, while there is one.
    pub syncing: Option<Syncing>,
    /// Shards that the peer acknowledged.
    pub shards: u64,
    /// Octets of items in these.
    pub octets: u64,
    /// Hostnames that the peer leaves out, each with its reason; of very many, some.
    pub refused: BTreeMap<String, String>,
    /// Why the last connection or Sync ended, and when.
    pub error: Option<(Instant, PeerError)>,
    acknowledged_here: bool,
}

/// A Sync.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Syncing {
    /// Since when.
    pub since: Instant,
    /// The peer has said all that it holds.
    pub is_listed: bool,
    /// Shards that it does not hold yet as they are.
    pub unsent: usize,
    /// Of these, the ones that were sent.
    pub on_the_way: usize,
    /// Since when all is acknowledged, if it is.
    pub in_sync: Option<Instant>,
}

impl Progress {
    pub(super) fn tries(&mut self) {
        self.tries += 1;
    }

    pub(super) fn connected(&mut self) {
        self.connected = Some(Instant::now());
        self.acknowledged_here = false;
    }

    pub(super) fn heartbeat_acknowledged(&mut self, term: u64) {
        self.acknowledged = Some(Instant::now());
        self.acknowledged_here = true;
        self.heartbeats += 1;
        self.heard_term = term;
    }

    /// Whether this connection has shown that it works.
    pub(super) const fn was_acknowledged(&self) -> bool {
        self.acknowledged_here
    }

    pub(super) fn lost(&mut self, error: &PeerError) {
        self.connected = None;
        self.acknowledged_here = false;
        self.sync_ended(Some(error));
    }

    pub(super) fn sync_began(&mut self) {
        let since = Instant::now();
        self.syncing = Some(Syncing { since, is_listed: false, unsent: 0, on_the_way: 0, in_sync: None });
    }

    pub(super) fn sync_ended(&mut self, error: Option<&PeerError>) {
        self.syncing = None;
        if let Some(error) = error {
            self.error = Some((Instant::now(), error.clone()));
        }
    }

    pub(super) fn moved(&mut self, sender: &Sender) {
        if let Some(syncing) = &mut self.syncing {
            syncing.is_listed = sender.is_listed();
            syncing.unsent = sender.unsent();
            syncing.on_the_way = sender.on_the_way();
            let is_in_sync = syncing.is_listed && syncing.unsent == 0;
            syncing.in_sync = syncing.in_sync.or_else(|| Some(Instant::now())).filter(|_| is_in_sync);
        }
    }

    /// A shard was answered that carried these hostnames.
    pub(super) fn stored(&mut self, sent: Sent, state: &ShardState, refused: Vec<pb::Refused>) {
        self.shards += 1;
        self.octets += u64::try_from(sent.octets).unwrap_or(u64::MAX);
        if sent.is_whole {
            let shard = state.shard;
            self.refused.retain(|hostname, _| !is_of(hostname, shard));
        }
        for hostname in sent.hostnames {
            self.refused.remove(&hostname);
        }
        for pb::Refused { hostname, reason: _, message } in refused {
            if self.refused.len() < NAMED {
                self.refused.insert(hostname, message);
            }
        }
    }
}

fn is_of(hostname: &str, shard: Shard) -> bool {
    hostname.parse().is_ok_and(|hostname| Shard::of(&hostname) == shard)
}

/// What a shard that was sent carried.
#[derive(Debug, Default)]
pub(super) struct Sent {
    pub(super) octets: usize,
    pub(super) is_whole: bool,
    /// Put or removed by a delta.
    pub(super) hostnames: Vec<String>,
}
