//! What the own `Cluster` says, and since which version of it: what heartbeats repeat (R20a, R24).

/// What the own `Cluster` says.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct OwnCluster {
    /// The version in which this replica first saw it say so: of two replicas the one that saw the newer one is right.
    ///
    /// The orchestrator repeats it in the status of this very object, so a version that differs in nothing else is no
    /// news: if it were, every heartbeat would cause a write, and that write the next heartbeat's news.
    pub(super) version: u64,
    pub(super) left: bool,
    pub(super) overrides: String,
    pub(super) confirmed_at: Option<u64>,
}

impl OwnCluster {
    /// The object as it is now.
    pub(super) fn take(&mut self, version: u64, left: bool, overrides: String, confirmed_at: Option<u64>) {
        if self.version == 0 || (self.left, &self.overrides) != (left, &overrides) {
            *self = Self { version, left, overrides, confirmed_at };
        } else {
            self.confirmed_at = confirmed_at;
        }
    }

    /// The object is gone. A confirmation that is gone is none to be repeated when the object is made again.
    pub(super) fn forget(&mut self) {
        *self = Self { confirmed_at: self.confirmed_at, ..Self::default() };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(version: u64, left: bool, overrides: &str) -> OwnCluster {
        OwnCluster { version, left, overrides: overrides.to_owned(), confirmed_at: None }
    }

    #[test]
    fn only_a_version_that_says_something_else_is_news() {
        let mut own = OwnCluster::default();
        own.take(7, false, String::new(), None);
        assert_eq!(own, said(7, false, ""));
        own.take(8, false, String::new(), None);
        assert_eq!(own, said(7, false, ""));
        own.take(9, false, "{}".to_owned(), None);
        assert_eq!(own, said(9, false, "{}"));
        own.take(10, true, "{}".to_owned(), None);
        assert_eq!(own, said(10, true, "{}"));
    }

    #[test]
    fn a_confirmation_is_seen_in_whichever_version_it_comes() {
        let mut own = said(7, false, "");
        own.take(8, false, String::new(), Some(5));
        assert_eq!(own, OwnCluster { confirmed_at: Some(5), ..said(7, false, "") });
        own.forget();
        assert_eq!(own, OwnCluster { confirmed_at: Some(5), ..OwnCluster::default() });
    }

    #[test]
    fn one_that_is_made_again_says_what_it_says_since_then() {
        let mut own = said(7, false, "");
        own.forget();
        own.take(20, false, String::new(), None);
        assert_eq!(own, said(20, false, ""));
    }
}
