//! Leases of another application in the namespace: whether anybody renews them. Pure: time comes in.

use std::collections::BTreeMap;
use std::time::Duration;

/// A Lease that was not changed for so long is nobody's any more: every leader renews within seconds.
const SILENCE: Duration = Duration::from_mins(1);

/// The Leases that are not ours, and when each was last seen to change.
#[derive(Debug)]
pub(super) struct Foreign {
    began: Duration,
    leases: BTreeMap<String, (String, Duration)>,
}

impl Foreign {
    pub(super) fn new(now: Duration) -> Self {
        Self { began: now, leases: BTreeMap::new() }
    }

    /// A Lease as it stands; `version` differs whenever it was renewed.
    pub(super) fn seen(&mut self, name: &str, version: String, now: Duration) {
        match self.leases.get_mut(name) {
            Some((known, _)) if *known == version => {}
            Some(known) => *known = (version, now),
            // When it was renewed last is not known: as if it were now.
            None => {
                self.leases.insert(name.to_owned(), (version, now));
            }
        }
    }

    pub(super) fn gone(&mut self, name: &str) {
        self.leases.remove(name);
    }

    /// Whether some other application leads here, or may: for a while after the start nobody knows.
    pub(super) fn may_lead(&self, now: Duration) -> bool {
        let within = |since: Duration| now.saturating_sub(since) < SILENCE;
        within(self.began) || self.leases.values().any(|(_, changed)| within(*changed))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn another_application_leads_while_its_lease_changes_and_a_minute_longer() {
        let at = Duration::from_secs;
        let mut foreign = Foreign::new(at(0));
        assert!(foreign.may_lead(at(59)), "nothing is known yet");
        assert!(!foreign.may_lead(at(60)), "there is none");
        foreign.seen("operator-leader", "1".to_owned(), at(61));
        foreign.seen("operator-leader", "2".to_owned(), at(100));
        foreign.seen("operator-leader", "2".to_owned(), at(150));
        assert!(foreign.may_lead(at(159)));
        assert!(!foreign.may_lead(at(160)));
        foreign.seen("operator-leader", "3".to_owned(), at(161));
        foreign.gone("operator-leader");
        assert!(!foreign.may_lead(at(162)));
    }
}
