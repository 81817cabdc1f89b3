//! What several clusters say of one hostname, as one (R23).

use crate::hostname_state::{Endpoint, HostnameState, Policy};

impl HostnameState {
    /// Both, as one: a pure function of what was published, whatever the order it came in (R23).
    ///
    /// Each cluster's endpoint is taken from whichever side has it; where both have one that differs, the one that
    /// changed last counts, then the greater by content. So merging is commutative, associative and idempotent.
    ///
    /// # Panics
    ///
    /// In debug builds, where the two are not the same hostname.
    ///
    /// ```
    /// # use mci_core::{Endpoint, HostnameState};
    /// let hostname = || HostnameState::new("app.example".parse().unwrap());
    /// let west = hostname().endpoint(Endpoint::new("west".parse().unwrap(), ["192.0.2.1".parse().unwrap()]));
    /// let east = hostname().endpoint(Endpoint::new("east".parse().unwrap(), ["192.0.2.2".parse().unwrap()]));
    /// assert_eq!(west.clone().merge(east.clone()), east.merge(west));
    /// ```
    pub fn merge(mut self, other: Self) -> Self {
        debug_assert_eq!(self.hostname, other.hostname, "one hostname is merged at a time");
        if policy_key(&other.policy) > policy_key(&self.policy) {
            self.policy = other.policy;
        }
        for theirs in other.endpoints {
            match self.endpoints.iter_mut().find(|ours| ours.cluster == theirs.cluster) {
                Some(ours) if key(&theirs) > key(ours) => *ours = theirs,
                Some(_) => {}
                None => self.endpoints.push(theirs),
            }
        }
        self.endpoints.sort_by(|a, b| a.cluster.cmp(&b.cluster));
        self
    }
}

/// A total order over endpoints of one cluster: the newest first, then the content.
fn key(endpoint: &Endpoint) -> impl Ord + '_ {
    let Endpoint { cluster, addresses, targets, priority, weight, ready, policy, changed } = endpoint;
    (*changed, *ready, *priority, *weight, addresses, targets, policy_key(policy), cluster)
}

fn policy_key(policy: &Policy) -> impl Ord + '_ {
    let Policy { ttl, answer_mode, when_all_down, fallback } = policy;
    (*ttl, answer_mode.map(|mode| mode as u8), when_all_down.map(|when| when as u8), fallback)
}
