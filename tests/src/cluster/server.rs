//! A server that a test can kill, freeze and start again; its logs are kept through all of it.

use std::net::SocketAddr;
use std::process::Command;
use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::process::Process;
use crate::wait;

/// How much of each server's log is shown when a test fails: there are many servers.
const SHOWN_LINES: usize = 25;

/// Whether a server is ready, asked from outside.
pub(super) type Probe = Box<dyn Fn() -> bool + Send + Sync>;

/// One process of the rig, the same from one start to the next: same port, same data.
///
/// Its methods take `&self`, so that one thread of a test may harm it while another sends load.
pub struct Server {
    name: String,
    command: Command,
    ready: Probe,
    /// The one that runs or ran last, and those before: their logs are shown, too.
    processes: Mutex<Vec<Process>>,
}

impl Server {
    /// Starts it, and does not wait until it is ready.
    pub(super) fn start(name: String, command: Command, ready: Probe) -> Self {
        let server = Server { name, command, ready, processes: Mutex::default() };
        server.launch();
        server
    }

    /// What failures call it, such as `c1 kube-apiserver`.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The process ID of the one that runs or ran last.
    pub fn id(&self) -> u32 {
        self.last(|process| process.id())
    }

    /// What it has written since it was last started.
    pub fn log(&self) -> String {
        self.last(|process| process.log())
    }

    /// Whether it runs; frozen counts.
    pub fn runs(&self) -> bool {
        self.last(|process| process.ended().is_none())
    }

    /// Ends it without asking (SIGKILL), as a machine that dies does.
    pub fn kill(&self) {
        self.last(Process::kill);
    }

    /// Stops it where it is (SIGSTOP), sockets open: it hangs, and clients hear nothing.
    pub fn freeze(&self) {
        self.last(|process| process.freeze());
    }

    /// Lets it go on (SIGCONT).
    pub fn thaw(&self) {
        self.last(|process| process.thaw());
    }

    /// Starts it again where it has ended, and waits until it is ready.
    #[track_caller]
    pub fn start_again(&self) {
        assert!(!self.runs(), "{} runs already", self.name);
        self.launch();
        self.wait_until_ready();
    }

    /// Kills it, starts it again, and waits until it is ready.
    #[track_caller]
    pub fn restart(&self) {
        self.kill();
        self.start_again();
    }

    /// Waits until it is ready, and fails at once where it ends before.
    #[track_caller]
    pub fn wait_until_ready(&self) {
        wait::until_true(&format!("{} is ready", self.name), || {
            if (self.ready)() {
                return true;
            }
            assert!(self.runs(), "{} ended before it was ready:\n{}", self.name, self.log());
            false
        });
    }

    fn launch(&self) {
        // What others write may contain the words for which a log of MCI fails the test.
        let process = Process::start(&self.name, &self.command).shows(SHOWN_LINES).unjudged();
        self.processes().push(process);
    }

    fn last<T>(&self, ask: impl FnOnce(&mut Process) -> T) -> T {
        ask(self.processes().last_mut().expect("it was started when it was made"))
    }

    /// A test that panicked while it held them must still be able to end them.
    fn processes(&self) -> MutexGuard<'_, Vec<Process>> {
        self.processes.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl std::fmt::Debug for Server {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("Server").field("name", &self.name).finish_non_exhaustive()
    }
}

/// Whether something listens there: all that is asked of a server without a readiness of its own.
pub(super) fn listens(address: SocketAddr) -> bool {
    std::net::TcpStream::connect(address).is_ok()
}
