//! Objects as what is supplied from them; what cannot be used is logged once, counted, and passed over.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use mci_core::HostnameState;
use serde_json::value::RawValue;
use tracing::warn;

use crate::content::cluster::ClusterView;
use crate::content::{self, Fault, Read};
use crate::names;
use crate::resources::{Cluster, ClusterCache, HostnameCache};
use crate::shards::ShardItem;
use crate::watch;

/// What was passed over, and logged.
#[derive(Debug, Default)]
pub struct Decoding {
    /// Parts of objects that cannot be used.
    pub faults: FaultLog,
    strangers: AtomicU64,
}

impl Decoding {
    /// How often an object was seen whose name is not that of its content: it is nobody's.
    pub fn strangers(&self) -> u64 {
        self.strangers.load(Ordering::Relaxed)
    }

    /// An object, unless it is nobody's.
    pub(crate) fn own<K: names::DerivedName + kube::Resource>(&self, object: K) -> Option<K> {
        if names::is_ours(&object) {
            return Some(object);
        }
        self.strangers.fetch_add(1, Ordering::Relaxed);
        None
    }
}

/// Logs each fault of an object once, and counts them.
#[derive(Debug, Default)]
pub struct FaultLog {
    logged: Mutex<HashMap<String, Vec<Fault>>>,
    count: AtomicU64,
}

/// How many objects with faults are remembered.
const REMEMBERED: usize = 10_000;

impl FaultLog {
    /// The content; its faults are logged unless they were already.
    pub fn log<T>(&self, object: &str, read: Read<T>) -> T {
        let Read { content, faults } = read;
        let mut logged = self.logged.lock().unwrap_or_else(PoisonError::into_inner);
        if faults.is_empty() {
            logged.remove(object);
        } else if logged.get(object) != Some(&faults) {
            for fault in &faults {
                warn!(%fault, "Part of an object cannot be used");
            }
            self.count.fetch_add(u64::try_from(faults.len()).unwrap_or(u64::MAX), Ordering::Relaxed);
            if logged.len() < REMEMBERED {
                logged.insert(object.to_owned(), faults);
            }
        }
        content
    }

    /// How many were logged.
    pub fn count(&self) -> u64 {
        self.count.load(Ordering::Relaxed)
    }
}

/// A HostnameCache; nothing where it is nobody's.
pub(crate) struct HostnameItem(pub(crate) Option<HostnameState>);

/// A Cluster.
pub(crate) struct ClusterItem(pub(crate) ClusterView);

fn name(object: &impl kube::Resource) -> &str {
    object.meta().name.as_deref().unwrap_or_default()
}

pub(crate) fn hostname_caches(decoding: Arc<Decoding>) -> impl Fn(&RawValue) -> Result<HostnameItem, String> {
    move |raw| {
        let Some(object) = decoding.own(watch::decode::<HostnameCache>(raw)?) else {
            return Ok(HostnameItem(None));
        };
        let read = content::hostname::read(&object).map_err(|fault| fault.to_string())?;
        Ok(HostnameItem(Some(decoding.faults.log(name(&object), read))))
    }
}

pub(crate) fn cluster_caches(decoding: Arc<Decoding>) -> impl Fn(&RawValue) -> Result<ShardItem, String> {
    move |raw| {
        let Some(object) = decoding.own(watch::decode::<ClusterCache>(raw)?) else {
            return Ok(ShardItem(None));
        };
        let read = content::shard::read(&object).map_err(|fault| fault.to_string())?;
        Ok(ShardItem(Some(decoding.faults.log(name(&object), read))))
    }
}

pub(crate) fn clusters(decoding: Arc<Decoding>) -> impl Fn(&RawValue) -> Result<ClusterItem, String> {
    move |raw| {
        let object: Cluster = watch::decode(raw)?;
        let read = content::cluster::read(&object).map_err(|fault| fault.to_string())?;
        Ok(ClusterItem(decoding.faults.log(name(&object), read)))
    }
}
