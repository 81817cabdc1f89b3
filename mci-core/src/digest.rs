//! A hash of what answers depend on, the same for equal content in whatever order it came.

use core::hash::{BuildHasher, Hash, Hasher};

use foldhash::quality::FixedState;

use crate::snapshot::Snapshot;

pub(crate) fn digest(snapshot: &Snapshot) -> u64 {
    let state = FixedState::with_seed(0x006d_6369);
    let part = |write: &dyn Fn(&mut foldhash::quality::FoldHasher<'_>)| {
        let mut hasher = state.build_hasher();
        write(&mut hasher);
        hasher.finish()
    };
    // A sum does not depend on the order of its parts.
    let mut sum = 0_u64;
    for (id, _, status) in snapshot.clusters.iter() {
        let held_back = status.held_back.as_ref().map(|held_back| held_back.state);
        sum = sum.wrapping_add(part(&|hasher| (id, status.state, held_back).hash(hasher)));
    }
    for node in snapshot.names.iter().filter(|node| node.is_held()) {
        let entry = node.entry();
        // The cluster's identifier stands for its position, which differs between replicas.
        let id = |at| snapshot.clusters.id(at).map(crate::cluster::ClusterId::as_str);
        sum = sum.wrapping_add(part(&|hasher| {
            entry.hash_content(hasher);
            for record in entry.records() {
                id(record.cluster()).hash(hasher);
            }
        }));
    }
    for (hostname, at, held_back) in snapshot.overrides.iter() {
        let id = snapshot.clusters.id(at);
        sum = sum.wrapping_add(part(&|hasher| (hostname, id, held_back.state).hash(hasher)));
    }
    for zone in snapshot.zones.iter() {
        sum = sum.wrapping_add(part(&|hasher| format!("{zone:?}").hash(hasher)));
    }
    sum.wrapping_add(part(&|hasher| format!("{:?}", snapshot.settings()).hash(hasher)))
}
