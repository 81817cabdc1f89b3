//! Overrides of one hostname at one cluster (R24): a side table, almost always empty.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::cluster::{Override, OverrideState};
use crate::hostname::Hostname;

/// Overrides by hostname and cluster position.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct HostnameOverrides(Arc<BTreeMap<Hostname, BTreeMap<u16, Override>>>);

impl HostnameOverrides {
    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(crate) fn get(&self, hostname: &[u8], cluster: u16) -> Option<&Override> {
        self.0.get(hostname)?.get(&cluster)
    }

    pub(crate) fn state(&self, hostname: &[u8], cluster: u16) -> Option<OverrideState> {
        self.get(hostname, cluster).map(|held_back| held_back.state)
    }

    /// Sets or lifts one; says whether that changed anything.
    pub(crate) fn set(&mut self, hostname: &Hostname, cluster: u16, held_back: Option<Override>) -> bool {
        if self.get(hostname.wire(), cluster) == held_back.as_ref() {
            return false;
        }
        let table = Arc::make_mut(&mut self.0);
        match held_back {
            Some(held_back) => {
                table.entry(hostname.clone()).or_default().insert(cluster, held_back);
            }
            None => {
                if let Some(of_hostname) = table.get_mut(hostname) {
                    of_hostname.remove(&cluster);
                    if of_hostname.is_empty() {
                        table.remove(hostname);
                    }
                }
            }
        }
        true
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = (&Hostname, u16, &Override)> {
        self.0
            .iter()
            .flat_map(|(hostname, by_cluster)| by_cluster.iter().map(move |(at, o)| (hostname, *at, o)))
    }
}
