//! A cluster that runs the .NET application beside clusters of MCI: it is told and heard by REST, with all its habits.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use mci_tests::cluster::Mode;
use mci_tests::dotnet::{Caller, Case, DotNet, Settings};
use mci_tests::fleet::key;
use mci_tests::wait;
use serde_json::{Value, json};

use crate::{expose, here, nothing, patient, stale_within};

const TEAM: &str = "team";
const NAME: &str = "app.gslb.example.com";
const WEST: &str = "192.0.2.1";
const OLD: &str = "203.0.113.7";
/// How the cluster is called, and what it holds us for dead after: more than the silence of 15 s that we take for its death.
const CALLED: &str = "old";
const ITS_TIMEOUT: Duration = Duration::from_secs(16);

/// Its heartbeats, until it is dropped.
struct Beating(Arc<AtomicBool>);

impl Beating {
    fn start(caller: Caller) -> Self {
        let ended = Arc::new(AtomicBool::new(false));
        let until = ended.clone();
        thread::spawn(move || {
            while !until.load(Ordering::Relaxed) {
                caller.heartbeat();
                thread::sleep(Duration::from_secs(1));
            }
        });
        Beating(ended)
    }
}

impl Drop for Beating {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

#[test]
fn a_cluster_of_the_net_application_is_told_and_heard_beside_one_of_the_stream() {
    if !here() {
        return;
    }
    let mut fleet = patient(3).start();
    let mut old = DotNet::start(Settings::new(&key("west", CALLED), "west").timeout(ITS_TIMEOUT));
    fleet.configure("west", |west| west.add_peer(CALLED, old.address()));
    let west = fleet.world("west");
    expose(west, TEAM, NAME, &nothing());

    // It is told, and forgets us while it does not hear us; then it is told again.
    let told = json!([{"ipAddress": WEST, "priority": 0, "weight": 50}]);
    let holds = |old: &DotNet, expected: Option<&Value>| {
        wait::until_true("the old cluster holds what west publishes", || {
            old.holds("west").get(NAME) == expected
        });
    };
    holds(&old, Some(&told));
    old.stop();
    wait::until_true("it forgets west", || old.forgot() == 1);
    old.resume();
    holds(&old, Some(&told));
    assert_eq!(old.most_posts_at_once(), 1);

    // It is heard: west answers for it, and so does nobody whom it does not tell.
    let to = west.replicas(Mode::FrontEnd)[0].http();
    let caller = Caller { to, key: key(CALLED, "west"), case: Case::Upper };
    let beating = Beating::start(caller.clone());
    let posted = || caller.host(NAME, &[(OLD, 0, 50)]);
    wait::until_true("its hostname is taken", || posted() == Some(204));
    west.draws(NAME, "A", &[WEST, OLD]);
    for other in ["east", "north"] {
        fleet.world(other).answers(NAME, "A", WEST);
    }

    // Its application dies, then ours, and both come back.
    assert_eq!(caller.host(NAME, &[]), Some(204));
    west.draws(NAME, "A", &[WEST]);
    west.cluster().scale(TEAM, "app", 0);
    holds(&old, None);
    assert_eq!(posted(), Some(204));
    west.draws(NAME, "A", &[OLD]);
    west.cluster().scale(TEAM, "app", 1);
    holds(&old, Some(&told));
    west.draws(NAME, "A", &[WEST, OLD]);

    // It dies whole: its heartbeats are missed.
    drop(beating);
    west.draws_within(stale_within(), NAME, "A", &[WEST]);
}
