//! How many rigs run at once on this machine, whichever test programs they belong to.
//!
//! A cluster is five servers, and keeps a core busy while it starts. Eight of them at once, as a harness with eight
//! threads would have, start so slowly that tests of failover would measure their neighbours. So a rig waits for
//! one of a few slots, which are locks on files: the kernel frees them however a test program ends.

use std::env;
use std::fs::{self, File};
use std::io::Write as _;
use std::thread;
use std::time::{Duration, Instant};

/// The variable that says how many rigs may run at once.
const VARIABLE: &str = "MCI_TEST_RIGS";

/// How many may without it: two fill two cores, and leave one test time to wait while another works.
const DEFAULT: usize = 2;

/// After how long a test says that it waits.
const QUIET: Duration = Duration::from_secs(30);

/// The right to run a rig, until it is dropped.
#[derive(Debug)]
pub(super) struct Slot {
    _lock: File,
}

impl Slot {
    /// Waits for one, for as long as others take: their tests have deadlines of their own.
    pub(super) fn take() -> Self {
        let slots = env::var(VARIABLE).map_or(DEFAULT, |text| {
            text.parse().unwrap_or_else(|_| panic!("{VARIABLE} is {text:?}, and no number"))
        });
        let folder = env::temp_dir().join("mci-test-rigs");
        fs::create_dir_all(&folder).expect("the folder of the locks can be made");
        let started = Instant::now();
        let mut said = false;
        loop {
            for slot in 0..slots {
                let lock = File::create(folder.join(slot.to_string())).expect("a file to lock can be made");
                if lock.try_lock().is_ok() {
                    return Slot { _lock: lock };
                }
            }
            if !said && started.elapsed() >= QUIET {
                said = true;
                let _ = std::io::stderr().write_all(b"waiting for another test's clusters to end\n");
            }
            thread::sleep(Duration::from_millis(50));
        }
    }
}
