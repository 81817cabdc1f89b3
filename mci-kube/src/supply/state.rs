//! The state of a supply: batches in, edits out. Its clocks are the process's own.

use std::sync::Arc;

use mci_core::{Changes, ClusterId, Edit, Hostname, Intake, Live, Snapshot, WithdrawalLimits};
use tokio::time::Instant;
use tracing::{info, warn};

use super::clusters::Clusters;
use super::hostnames::{Hostnames, Listed, Moved};
use super::{Listener, Options};
use crate::decode::ClusterItem;
use crate::unix;
use crate::watch::Batch;

pub(super) struct State<H: Hostnames> {
    live: Arc<Live>,
    listener: Arc<dyn Listener>,
    own: ClusterId,
    hostnames: H,
    clusters: Clusters,
    intake: Intake,
    /// What was served before this process, until it is known whether that still is.
    file: Option<Snapshot>,
    /// What was listed before the other watch was.
    first: First,
    /// Hostnames are followed now: only then does their absence say anything.
    current: bool,
    confirmed_at: Option<u64>,
    /// Whether overrides end by themselves.
    any_end: bool,
    began: Instant,
}

/// The first sync: both watches have listed before anything is supplied.
#[derive(Default)]
struct First {
    hostnames: Option<Listed>,
    clusters: bool,
    done: bool,
}

impl<H: Hostnames> State<H> {
    pub(super) fn new(
        options: &Options,
        live: Arc<Live>,
        listener: Arc<dyn Listener>,
        file: Option<Snapshot>,
    ) -> Self {
        // After a failure of this very task answers are there already, and go on.
        let file = file.filter(|_| !live.load().is_ready());
        Self {
            live,
            listener,
            own: options.cluster.clone(),
            hostnames: H::default(),
            clusters: Clusters::default(),
            intake: Intake::new(options.withdrawal),
            file,
            first: First::default(),
            current: false,
            confirmed_at: None,
            any_end: false,
            began: Instant::now(),
        }
    }

    /// A batch of hostnames.
    pub(super) fn hostnames(&mut self, batch: Batch<H::Item>) {
        match batch {
            Batch::Absent => {
                if std::mem::take(&mut self.current) {
                    warn!("The definition of the caches is not installed any more: what was answered stays");
                }
                if !self.first.done && self.first.hostnames.is_none() {
                    // A cluster without MCI's definitions has no hostnames; the snapshot file may know better.
                    self.take_over();
                }
            }
            Batch::Replace(listing) => {
                let listed = self.hostnames.list(listing);
                self.current = true;
                if self.first.done {
                    let now = self.began.elapsed();
                    self.edit(|state, edit| {
                        state.intake.replace(edit, listed.states, listed.unread, now);
                    });
                } else {
                    self.first.hostnames = Some(listed);
                    self.finish_first();
                }
            }
            Batch::Changes(changes) => {
                let Moved { put, gone } = self.hostnames.change(changes);
                if !self.first.done {
                    self.amend_first(put, &gone);
                    return;
                }
                let now = self.began.elapsed();
                for hostname in gone {
                    self.intake.gone(hostname, now);
                }
                if !put.is_empty() {
                    self.edit(|state, edit| {
                        for hostname in put {
                            state.intake.put(edit, hostname);
                        }
                    });
                }
            }
        }
    }

    /// A batch of clusters.
    pub(super) fn clusters(&mut self, batch: Batch<ClusterItem>) {
        let listed = !matches!(batch, Batch::Changes(_));
        let unix = unix::now();
        let before = self.confirmed_at;
        self.edit(|state, edit| state.clusters.take(batch, edit, unix));
        self.listener.clusters(&mut self.clusters.views());
        self.any_end = self.clusters.any_end(unix);
        self.confirmed_at = self.clusters.confirmed_at(&self.own);
        if self.first.done && self.confirmed_at > before {
            let now = self.began.elapsed();
            self.edit(|state, edit| {
                let released = state.intake.confirm(edit, now).len();
                info!(hostnames = released, "Held withdrawals were confirmed");
            });
        }
        if listed && !self.first.clusters {
            self.first.clusters = true;
            self.finish_first();
        }
    }

    /// Answers from the snapshot file until the first sync is whole.
    pub(super) fn take_over(&mut self) {
        let Some(file) = self.file.take().filter(|_| !self.first.done) else { return };
        info!(
            hostnames = file.hostname_count(),
            "Answering from the snapshot file until the API server has been heard"
        );
        self.edit(|_, edit| {
            restore(edit, &file);
            edit.answer();
        });
        self.listener.answering_from_file();
    }

    /// When something is due.
    pub(super) fn next_due(&self) -> Option<Instant> {
        // While hostnames are not followed, nothing settles: not to hear of them says nothing.
        self.intake.next().filter(|_| self.current && self.first.done).map(|at| self.began + at)
    }

    /// Lets go what has settled.
    pub(super) fn due(&mut self) {
        let now = self.began.elapsed();
        let mut held = Vec::new();
        self.edit(|state, edit| held = state.intake.due(edit, now).newly_held);
        self.say_held(&held);
    }

    /// Ends overrides whose time is over (R24).
    pub(super) fn tick(&mut self) {
        if self.any_end {
            let unix = unix::now();
            self.edit(|state, edit| state.clusters.apply(edit, unix));
            self.any_end = self.clusters.any_end(unix);
        }
    }

    /// When what goes from now on is held (R26).
    pub(super) fn configure(&mut self, limits: WithdrawalLimits) {
        self.intake.configure(limits);
    }

    /// The hostnames whose withdrawal is held.
    #[cfg(test)]
    pub(super) fn held(&self) -> usize {
        self.intake.held().len()
    }

    fn amend_first(&mut self, put: Vec<mci_core::HostnameState>, gone: &[Hostname]) {
        let Some(listed) = &mut self.first.hostnames else { return };
        let named = |hostname: &Hostname| {
            gone.contains(hostname) || put.iter().any(|state| state.hostname() == hostname)
        };
        listed.states.retain(|state| !named(state.hostname()));
        listed.unread.retain(|hostname| !named(hostname));
        listed.states.extend(put);
    }

    fn finish_first(&mut self) {
        if !self.first.clusters {
            return;
        }
        let Some(listed) = self.first.hostnames.take() else { return };
        self.first.done = true;
        let now = self.began.elapsed();
        let file = self.file.take();
        let mut held = Vec::new();
        let unix = unix::now();
        self.edit(|state, edit| {
            let fresh = file.is_some();
            if let Some(file) = &file {
                restore(edit, file);
                state.clusters.apply(edit, unix);
            }
            state.intake.replace(edit, listed.states, listed.unread, now);
            if fresh {
                // Nobody was answered from the file yet, so nobody is to be given time.
                held = state.intake.settle(edit, now).newly_held;
            }
            edit.answer();
        });
        self.say_held(&held);
        info!(hostnames = self.live.load().hostname_count(), "Synced with the API server");
        self.listener.synced();
    }

    fn edit(&mut self, edits: impl FnOnce(&mut Self, &mut Edit)) {
        let live = Arc::clone(&self.live);
        let changes: Changes = live.edit(|edit| {
            edits(self, edit);
            edit.stamp(unix::stamp());
        });
        for refused in changes.refused() {
            warn!(%refused, "Not answered");
        }
        if changes.any() {
            self.listener.changed(&changes);
        }
        self.listener.holding(&mut self.intake.held());
    }

    fn say_held(&self, held: &[Hostname]) {
        if !held.is_empty() {
            warn!(
                hostnames = held.len(),
                "Too many hostnames would go at once: they stay (R26); `mci withdraw --confirm` lets them go"
            );
            self.listener.held(held);
        }
    }
}

/// Hostnames, clusters and overrides of an earlier snapshot; zones and settings are the configuration's.
fn restore(edit: &mut Edit, file: &Snapshot) {
    for hostname in file.hostnames() {
        if let Some(state) = file.hostname_state(&hostname) {
            edit.upsert(state);
        }
    }
    for id in file.clusters() {
        let Some(status) = file.cluster_status(id) else { continue };
        edit.set_cluster(id, status.state);
        edit.override_cluster(id, status.held_back.clone());
    }
    for (hostname, id, held_back) in file.hostname_overrides() {
        edit.override_hostname(&hostname, &id, Some(held_back));
    }
}
