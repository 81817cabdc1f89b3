//! An example as much as a test: resolution policies as part of `cargo test`, in a repository of your own.
//!
//! Copy it beside a `gslb.yaml`, name that in the two `include_str!`, and say what must hold.

use std::fs;
use std::path::Path;

use mci_core::policy::Suite;
use mci_core::state_file::StateFile;
use mci_core::{ClusterState, Family, Hostname, Snapshot};

fn base() -> Snapshot {
    StateFile::parse(include_str!("../../examples/standalone.yaml")).expect("a state file").into_snapshot()
}

/// A policy in Rust: whatever the state file allows you to ask, in loops if need be.
#[test]
fn survives_the_loss_of_any_one_cluster() {
    let base = base();
    // A hostname of one cluster goes with it; every other one is there twice for a reason.
    let in_several_clusters = |hostname: &Hostname| {
        let state = base.hostname_state(hostname).expect("a hostname that is listed is held");
        state.endpoints().iter().filter(|endpoint| endpoint.is_ready()).count() > 1
    };
    for down in base.clusters() {
        // O(1): the copy shares everything with `base`, which stays as it is.
        let world = base.edited(|edit| edit.set_cluster(down, ClusterState::Stale));
        for hostname in base.hostnames().filter(in_several_clusters) {
            assert!(
                world.is_answered(&hostname, Family::Any),
                "without {down}: {}",
                world.explain_name(&hostname)
            );
        }
    }
}

/// The same policies as `mci test` runs, from their file.
#[test]
fn the_policy_file_holds() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../examples/policies");
    let policies = fs::read_to_string(folder.join("standalone.test.yaml")).expect("the policy file");
    Suite::parse(&policies, |path| fs::read_to_string(folder.join(path)))
        .expect("a policy file")
        .run()
        .assert_passed();
}
