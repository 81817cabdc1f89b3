//! What a watch believes there is, and how that is proved.

use std::collections::HashMap;

use super::{ObjectKey, Relist, Version};

/// Keys and versions of all objects, as of one version.
#[derive(Debug, Default)]
pub(super) struct Held {
    objects: HashMap<ObjectKey, Version>,
    /// The newest version that was seen of anything.
    version: Version,
    /// The fewest and the most objects since the last proof was asked for.
    fewest: usize,
    most: usize,
    /// The last proof told another number than we have.
    doubted: bool,
}

/// What the API server says there is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Told {
    pub(super) version: Version,
    /// Not told where something hides objects from the count.
    pub(super) count: Option<usize>,
}

/// What a proof comes to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    Holds,
    /// The number differs for the first time: an event may be on its way.
    Doubtful,
    Relist(Relist),
}

impl Held {
    /// Takes what a list says; gives what was there and is no more.
    pub(super) fn replace(
        &mut self,
        objects: HashMap<ObjectKey, Version>,
        version: Version,
    ) -> Vec<ObjectKey> {
        let before = std::mem::replace(&mut self.objects, objects);
        let mut vanished: Vec<_> = before.into_keys().filter(|key| !self.objects.contains_key(key)).collect();
        vanished.sort_unstable();
        self.version = version;
        self.doubted = false;
        self.begin_proof();
        vanished
    }

    pub(super) fn apply(&mut self, key: ObjectKey, version: Version) {
        self.objects.insert(key, version);
        self.saw(version);
        self.most = self.most.max(self.objects.len());
    }

    pub(super) fn delete(&mut self, key: &ObjectKey, version: Version) {
        self.objects.remove(key);
        self.saw(version);
        self.fewest = self.fewest.min(self.objects.len());
    }

    /// An object or a bookmark had this version.
    pub(super) fn saw(&mut self, version: Version) {
        self.version = self.version.max(version);
    }

    pub(super) fn version(&self) -> Version {
        self.version
    }

    pub(super) fn len(&self) -> usize {
        self.objects.len()
    }

    /// Forgets everything: the kind is gone.
    pub(super) fn clear(&mut self) {
        *self = Self::default();
    }

    /// A proof is asked for now; gives the version that the answer must reach.
    pub(super) fn begin_proof(&mut self) -> Version {
        self.fewest = self.objects.len();
        self.most = self.objects.len();
        self.version
    }

    /// Judges the answer to a proof that was asked for when `asked_at` was our version.
    ///
    /// The watch goes on while the proof is under way, so any number that we had meanwhile is right.
    pub(super) fn judge(&mut self, asked_at: Version, told: Told) -> Verdict {
        if told.version < asked_at {
            return Verdict::Relist(Relist::WentBack);
        }
        let differs = told.count.is_some_and(|count| count < self.fewest || count > self.most);
        let again = std::mem::replace(&mut self.doubted, differs);
        match (differs, again) {
            (false, _) => Verdict::Holds,
            (true, false) => Verdict::Doubtful,
            (true, true) => Verdict::Relist(Relist::Count),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(name: &str) -> ObjectKey {
        ObjectKey::new("ns", name)
    }

    fn held(names: &[&str], version: u64) -> Held {
        let mut held = Held::default();
        held.replace(names.iter().map(|name| (key(name), Version(1))).collect(), Version(version));
        held
    }

    fn told(version: u64, count: usize) -> Told {
        Told { version: Version(version), count: Some(count) }
    }

    #[test]
    fn the_same_number_at_a_later_version_holds() {
        let mut held = held(&["a", "b"], 10);
        let asked_at = held.begin_proof();
        assert_eq!(held.judge(asked_at, told(25, 2)), Verdict::Holds);
    }

    #[test]
    fn a_version_below_ours_means_that_the_store_was_restored() {
        let mut held = held(&["a"], 10);
        held.saw(Version(40));
        let asked_at = held.begin_proof();
        assert_eq!(held.judge(asked_at, told(39, 1)), Verdict::Relist(Relist::WentBack));
    }

    #[test]
    fn what_we_see_while_the_proof_is_under_way_does_not_make_its_version_old() {
        let mut held = held(&["a"], 10);
        let asked_at = held.begin_proof();
        held.saw(Version(40));
        assert_eq!(held.judge(asked_at, told(12, 1)), Verdict::Holds);
    }

    #[test]
    fn a_number_that_differs_once_is_doubted_and_twice_relists() {
        let mut held = held(&["a"], 10);
        let asked_at = held.begin_proof();
        assert_eq!(held.judge(asked_at, told(10, 2)), Verdict::Doubtful);
        let asked_at = held.begin_proof();
        assert_eq!(held.judge(asked_at, told(10, 2)), Verdict::Relist(Relist::Count));
    }

    #[test]
    fn a_number_that_is_right_again_is_no_longer_doubted() {
        let mut held = held(&["a"], 10);
        for count in [2, 1, 2] {
            let asked_at = held.begin_proof();
            assert_ne!(held.judge(asked_at, told(10, count)), Verdict::Relist(Relist::Count));
        }
    }

    #[test]
    fn any_number_that_we_had_while_the_proof_was_under_way_is_right() {
        let mut held = held(&["a", "b"], 10);
        let asked_at = held.begin_proof();
        held.apply(key("c"), Version(11));
        held.delete(&key("c"), Version(12));
        held.delete(&key("b"), Version(13));
        for count in 1..=3 {
            assert_eq!(held.judge(asked_at, told(14, count)), Verdict::Holds);
        }
        assert_eq!(held.judge(asked_at, told(14, 4)), Verdict::Doubtful);
    }

    #[test]
    fn where_the_number_is_not_told_only_the_version_counts() {
        let mut held = held(&["a"], 10);
        let asked_at = held.begin_proof();
        assert_eq!(held.judge(asked_at, Told { version: Version(10), count: None }), Verdict::Holds);
    }

    #[test]
    fn a_list_tells_what_vanished_meanwhile() {
        let mut held = held(&["a", "b", "c"], 10);
        let now = [(key("b"), Version(5)), (key("d"), Version(11))].into_iter().collect();
        assert_eq!(held.replace(now, Version(20)), [key("a"), key("c")]);
        assert_eq!((held.len(), held.version()), (2, Version(20)));
    }
}
