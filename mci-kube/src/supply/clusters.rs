//! What Clusters say, as edits: states (R20) and overrides (R24) as they hold now.

use std::collections::{BTreeMap, BTreeSet};

use mci_core::{ClusterId, Edit, Hostname};

use crate::content::cluster::ClusterView;
use crate::decode::ClusterItem;
use crate::watch::{Batch, Change};

/// Every Cluster as it was read last.
#[derive(Debug, Default)]
pub(super) struct Clusters {
    views: BTreeMap<ClusterId, ClusterView>,
    /// Hostnames that are overridden in what is answered.
    overridden: BTreeSet<(Hostname, ClusterId)>,
}

impl Clusters {
    /// Takes a batch in, and edits what differs. `unix` is the answering process's own clock: it judges `until`.
    pub(super) fn take(&mut self, batch: Batch<ClusterItem>, edit: &mut Edit, unix: u64) {
        match batch {
            // Its definition is gone, and what was known last stays.
            Batch::Absent => return,
            Batch::Changes(changes) => {
                for change in changes {
                    match change {
                        Change::Applied(observed) => {
                            let ClusterItem(view) = observed.value;
                            self.views.insert(view.id.clone(), view);
                        }
                        Change::Deleted { key, .. } => self.lift(&key.name, edit),
                        Change::Malformed(_) => {}
                    }
                }
            }
            Batch::Replace(listing) => {
                let broken: BTreeSet<Box<str>> =
                    listing.malformed.into_iter().map(|malformed| malformed.key.name).collect();
                let there: BTreeSet<ClusterId> =
                    listing.items.iter().map(|observed| observed.value.0.id.clone()).collect();
                let gone: Vec<ClusterId> = self
                    .views
                    .keys()
                    .filter(|id| !there.contains(id) && !broken.contains(id.as_str()))
                    .cloned()
                    .collect();
                for id in gone {
                    self.lift(id.as_str(), edit);
                }
                self.views.extend(listing.items.into_iter().map(|o| (o.value.0.id.clone(), o.value.0)));
            }
        }
        self.apply(edit, unix);
    }

    /// What every Cluster says.
    pub(super) fn views(&self) -> impl Iterator<Item = &ClusterView> {
        self.views.values()
    }

    /// Edits what holds now.
    pub(super) fn apply(&mut self, edit: &mut Edit, unix: u64) {
        let mut overridden = BTreeSet::new();
        for (id, view) in &self.views {
            edit.set_cluster(id, view.state);
            edit.override_cluster(id, view.overrides.at(unix).cloned());
            for (hostname, overrides) in &view.hostname_overrides {
                if let Some(held_back) = overrides.at(unix) {
                    edit.override_hostname(hostname, id, Some(held_back.clone()));
                    overridden.insert((hostname.clone(), id.clone()));
                }
            }
        }
        for (hostname, id) in self.overridden.difference(&overridden) {
            edit.override_hostname(hostname, id, None);
        }
        self.overridden = overridden;
    }

    /// Whether anything ends by itself.
    pub(super) fn any_end(&self, unix: u64) -> bool {
        let ends = |view: &ClusterView| {
            view.overrides.next_end(unix).is_some()
                || view.hostname_overrides.values().any(|overrides| overrides.next_end(unix).is_some())
        };
        self.views.values().any(ends)
    }

    /// When an operator last confirmed withdrawals in this cluster's object (R26).
    pub(super) fn confirmed_at(&self, own: &ClusterId) -> Option<u64> {
        self.views.get(own).and_then(|view| view.withdrawal_confirmed_at)
    }

    /// A Cluster that was deleted holds nothing back any more. Its state stays: not to hear of it says nothing.
    fn lift(&mut self, name: &str, edit: &mut Edit) {
        let Some((id, _)) = self.views.iter().find(|(id, _)| id.as_str() == name) else { return };
        let id = id.clone();
        self.views.remove(&id);
        edit.override_cluster(&id, None);
    }
}
