//! Batches of a watch, for more than one who wants them, or for one who wants less.

use super::caches::SeenShard;
use crate::names::is_derived_shape;
use crate::watch::{Batch, Change, Listing, Malformed, ObjectKey, Observed};

/// The same batch for two who each want a part of its objects.
pub(super) fn split<T, A, B>(
    batch: Batch<T>,
    mut parts: impl FnMut(&ObjectKey, &str, T) -> (A, B),
) -> (Batch<A>, Batch<B>) {
    let mut both = |observed: Observed<T>| {
        let Observed { key, uid, version, value } = observed;
        let (one, other) = parts(&key, &uid, value);
        let first = Observed { key: key.clone(), uid: uid.clone(), version, value: one };
        (first, Observed { key, uid, version, value: other })
    };
    match batch {
        Batch::Replace(Listing { version, reason, items, malformed, vanished }) => {
            let (ones, others): (Vec<_>, Vec<_>) = items.into_iter().map(&mut both).unzip();
            let first = Listing {
                version,
                reason,
                items: ones,
                malformed: malformed.clone(),
                vanished: vanished.clone(),
            };
            (
                Batch::Replace(first),
                Batch::Replace(Listing { version, reason, items: others, malformed, vanished }),
            )
        }
        Batch::Changes(changes) => {
            let (ones, others): (Vec<_>, Vec<_>) = changes
                .into_iter()
                .map(|change| match change {
                    Change::Applied(observed) => {
                        let (one, other) = both(observed);
                        (Change::Applied(one), Change::Applied(other))
                    }
                    Change::Malformed(fault) => (Change::Malformed(fault.clone()), Change::Malformed(fault)),
                    Change::Deleted { key, version } => {
                        (Change::Deleted { key: key.clone(), version }, Change::Deleted { key, version })
                    }
                })
                .unzip();
            (Batch::Changes(ones), Batch::Changes(others))
        }
        Batch::Absent => (Batch::Absent, Batch::Absent),
    }
}

/// Only what concerns the own cluster's shards.
pub(super) fn only_own(batch: Batch<Option<SeenShard>>) -> Batch<SeenShard> {
    retain(batch, |_| true, |value| value)
}

/// Only what has a name of our shape: the application before this one kept objects of the same kinds.
pub(super) fn within<T>(kind: char, batch: Batch<T>) -> Batch<T> {
    retain(batch, move |key| is_derived_shape(kind, &key.name), Some)
}

fn retain<T, U>(
    batch: Batch<T>,
    is_ours: impl Fn(&ObjectKey) -> bool,
    of: impl Fn(T) -> Option<U>,
) -> Batch<U> {
    let one = |observed: Observed<T>| {
        let Observed { key, uid, version, value } = observed;
        if !is_ours(&key) {
            return None;
        }
        Some(Observed { value: of(value)?, key, uid, version })
    };
    let fault = |fault: &Malformed| is_ours(&fault.key);
    match batch {
        Batch::Replace(Listing { version, reason, items, malformed, vanished }) => {
            let items = items.into_iter().filter_map(one).collect();
            let malformed = malformed.into_iter().filter(fault).collect();
            Batch::Replace(Listing { version, reason, items, malformed, vanished })
        }
        Batch::Changes(changes) => Batch::Changes(
            changes
                .into_iter()
                .filter_map(|change| match change {
                    Change::Applied(observed) => one(observed).map(Change::Applied),
                    Change::Malformed(found) => fault(&found).then_some(Change::Malformed(found)),
                    Change::Deleted { key, version } => Some(Change::Deleted { key, version }),
                })
                .collect(),
        ),
        Batch::Absent => Batch::Absent,
    }
}
