//! Kinds whose definition vanished while they were in use. Pure: time comes in.
//!
//! Who deletes a definition deletes every object of it, and hardly ever means to: an upgrade gone wrong, a chart that was
//! removed for a moment. Not to see a kind any more is no word about its objects (unknown is not unhealthy), so they stay
//! as they were last seen, for ten minutes: as long as a withdrawal is held (R26). When the kind is back, what is deleted
//! then is deleted; what did not come back has the rest of the ten minutes to do so.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use mci_core::publish::{Kind, ObjectName};

/// How long objects stay whose kind is gone.
pub(super) const STAY: Duration = Duration::from_mins(10);

#[derive(Debug)]
struct Absence {
    until: Duration,
    back: bool,
    /// Deleted with the definition, and not seen again.
    gone: BTreeSet<ObjectName>,
}

/// What became of an absence when its time was over.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Over {
    /// The kind is back: these objects are not.
    Without(BTreeSet<ObjectName>),
    /// The kind is not back.
    Gone,
}

/// The kinds that are, or were lately, not there.
#[derive(Debug, Default)]
pub(super) struct Absences {
    kinds: BTreeMap<Kind, Absence>,
}

impl Absences {
    /// The kind's definition is gone, or going; whether that is news.
    pub(super) fn begin(&mut self, kind: Kind, now: Duration) -> bool {
        let until = now + STAY;
        // Not known to be away is as good as back.
        let absence = self.kinds.entry(kind).or_insert(Absence { until, back: true, gone: BTreeSet::new() });
        if absence.back {
            absence.until = until;
        }
        std::mem::replace(&mut absence.back, false)
    }

    /// The kind can be listed again.
    pub(super) fn back(&mut self, kind: Kind) {
        if let Some(absence) = self.kinds.get_mut(&kind) {
            absence.back = true;
        }
    }

    /// Whether the kind is away, and an object's absence therefore says nothing: the object stays until the time is over.
    pub(super) fn keeps(&mut self, kind: Kind, name: &ObjectName) -> bool {
        match self.kinds.get_mut(&kind) {
            Some(absence) if !absence.back => {
                absence.gone.insert(name.clone());
                true
            }
            _ => false,
        }
    }

    /// The object is there.
    pub(super) fn applied(&mut self, kind: Kind, name: &ObjectName) {
        if let Some(absence) = self.kinds.get_mut(&kind) {
            absence.gone.remove(name);
        }
    }

    /// The absences whose time is over.
    pub(super) fn over(&mut self, now: Duration) -> Vec<(Kind, Over)> {
        let over = self.kinds.extract_if(.., |_, absence| absence.until <= now);
        over.map(|(kind, Absence { back, gone, .. })| {
            (kind, if back { Over::Without(gone) } else { Over::Gone })
        })
        .collect()
    }

    pub(super) fn next_due(&self) -> Option<Duration> {
        self.kinds.values().map(|absence| absence.until).min()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const KIND: Kind = Kind::Gateway;

    fn name(text: &str) -> ObjectName {
        ObjectName::new("shop", text)
    }

    fn at(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    #[test]
    fn a_deletion_counts_while_the_kind_is_there() {
        assert!(!Absences::default().keeps(KIND, &name("a")));
    }

    #[test]
    fn what_went_with_its_definition_stays_for_ten_minutes() {
        let mut absences = Absences::default();
        assert!(absences.begin(KIND, at(5)));
        assert!(absences.keeps(KIND, &name("a")));
        assert_eq!(absences.over(at(604)), []);
        assert_eq!(absences.over(at(605)), [(KIND, Over::Gone)]);
        assert_eq!(absences.next_due(), None);
    }

    #[test]
    fn what_came_back_stays_and_what_is_deleted_then_is_deleted() {
        let mut absences = Absences::default();
        assert!(absences.begin(KIND, at(0)));
        for gone in ["a", "b"] {
            assert!(absences.keeps(KIND, &name(gone)));
        }
        absences.back(KIND);
        absences.applied(KIND, &name("a"));
        assert!(!absences.keeps(KIND, &name("a")));
        assert_eq!(absences.over(at(600)), [(KIND, Over::Without([name("b")].into()))]);
    }

    #[test]
    fn a_kind_that_goes_again_begins_again() {
        let mut absences = Absences::default();
        assert!(absences.begin(KIND, at(0)));
        assert!(!absences.begin(KIND, at(10)));
        assert_eq!(absences.next_due(), Some(at(600)));
        absences.back(KIND);
        assert!(absences.begin(KIND, at(20)));
        assert_eq!(absences.next_due(), Some(at(620)));
    }
}
