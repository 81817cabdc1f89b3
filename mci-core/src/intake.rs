//! What a server takes in from a source that may lose things: many names going at once are held (R26).
//!
//! ```text
//!  a hostname is there ──► put ──► Edit::upsert          (at once)
//!  a hostname is not ────► gone ──► settling, then due ──► Edit::remove, or held
//! ```

use core::time::Duration;
use std::collections::BTreeSet;

use crate::edit::Edit;
use crate::hostname::Hostname;
use crate::hostname_state::HostnameState;
use crate::withdrawal::{Due, WithdrawalLimits, Withdrawals};

/// The way of hostnames into a snapshot, with their withdrawal held where R26 says so.
///
/// Time is the caller's monotonic clock, as a duration since any fixed moment.
#[derive(Clone, Debug)]
pub struct Intake {
    withdrawals: Withdrawals,
    /// Until when a confirmation counts.
    confirmed_until: Option<Duration>,
}

/// How long a confirmation counts: the publisher it released settles, withdraws, and the names settle here once more.
const CONFIRMED: Duration = Duration::from_mins(1);

impl Intake {
    /// Nothing is going.
    pub fn new(limits: WithdrawalLimits) -> Self {
        Self { withdrawals: Withdrawals::new(limits), confirmed_until: None }
    }

    /// Takes new limits for what goes from now on.
    pub fn configure(&mut self, limits: WithdrawalLimits) {
        self.withdrawals.configure(limits);
    }

    /// A hostname as the source has it now.
    pub fn put(&mut self, edit: &mut Edit, state: HostnameState) {
        self.withdrawals.returns(state.hostname());
        edit.upsert(state);
    }

    /// The source has the hostname no longer. It is answered until [`due`](Self::due) lets it go.
    pub fn gone(&mut self, hostname: Hostname, now: Duration) {
        self.withdrawals.goes(hostname, now);
    }

    /// Everything that the source has: what is held and not among it would go. What is `unread` is there too, and stays
    /// as it is held.
    pub fn replace(
        &mut self,
        edit: &mut Edit,
        states: impl IntoIterator<Item = HostnameState>,
        unread: impl IntoIterator<Item = Hostname>,
        now: Duration,
    ) {
        let mut listed: BTreeSet<Hostname> = unread.into_iter().collect();
        for hostname in &listed {
            self.withdrawals.returns(hostname);
        }
        for state in states {
            listed.insert(state.hostname().clone());
            self.put(edit, state);
        }
        for hostname in edit.after.hostnames().filter(|hostname| !listed.contains(hostname)) {
            self.withdrawals.goes(hostname, now);
        }
    }

    /// Lets go what has settled, or was held for long enough.
    pub fn due(&mut self, edit: &mut Edit, now: Duration) -> Due {
        let mut due = self.withdrawals.due(now, edit.after.hostname_count());
        if self.confirmed_until.is_some_and(|until| now < until) {
            due.newly_held.clear();
            due.released.extend(self.withdrawals.confirm());
        }
        remove(edit, &due.released);
        due
    }

    /// Decides at once about what is settling: after a start there is nobody to wait for.
    pub fn settle(&mut self, edit: &mut Edit, now: Duration) -> Due {
        let due = self.withdrawals.settle(now, edit.after.hostname_count());
        remove(edit, &due.released);
        due
    }

    /// Lets go everything that is held (`mci withdraw --confirm`), and for a minute what settles: it is what a publisher
    /// withdraws by the same confirmation.
    pub fn confirm(&mut self, edit: &mut Edit, now: Duration) -> Vec<Hostname> {
        self.confirmed_until = Some(now + CONFIRMED);
        let released = self.withdrawals.confirm();
        remove(edit, &released);
        released
    }

    /// What is held now.
    pub fn held(&self) -> impl ExactSizeIterator<Item = &Hostname> {
        self.withdrawals.held()
    }

    /// When [`due`](Self::due) is next worth asking.
    pub fn next(&self) -> Option<Duration> {
        self.withdrawals.next()
    }
}

fn remove(edit: &mut Edit, hostnames: &[Hostname]) {
    for hostname in hostnames {
        edit.remove(hostname);
    }
}
