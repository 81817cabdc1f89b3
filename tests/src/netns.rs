//! A network namespace of its own for one test, with nothing to clean up.
//!
//! The test runs itself once more, in a new process inside the namespace, which the kernel removes with the last
//! process in it. So addresses and ports can be had that the machine itself does not have.

use std::env;
use std::net::{IpAddr, TcpListener};
use std::process::Command;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread;

use nix::sched::{CloneFlags, unshare as leave};

const INSIDE: &str = "MCI_TEST_INSIDE_NETNS";

/// Runs `test` inside a network namespace in which loopback is up and has these addresses, too.
///
/// To be the whole body of a test, for the test's name is how it is run again.
#[track_caller]
pub fn inside(addresses: &[IpAddr], test: impl FnOnce()) {
    if env::var_os(INSIDE).is_some() {
        run(Command::new("ip").args(["link", "set", "lo", "up"]));
        for address in addresses {
            let length = if address.is_ipv4() { 32 } else { 128 };
            run(Command::new("ip").args(["address", "add", &format!("{address}/{length}"), "dev", "lo"]));
        }
        return test();
    }
    let name = thread::current().name().expect("the harness names a test's thread").to_owned();
    let output = unshare()
        .arg(env::current_exe().expect("a program knows where it is"))
        .args(["--exact", &name, "--nocapture", "--test-threads=1"])
        .env(INSIDE, "1")
        .output()
        .expect("unshare can be started");
    let said =
        format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "inside the namespace it failed:\n{said}");
    assert!(said.contains("1 passed"), "inside the namespace another number of tests ran:\n{said}");
}

/// The command that runs what follows it inside a new network namespace; root in it, whoever runs this.
pub(crate) fn unshare() -> Command {
    let mut command = Command::new("unshare");
    if !nix::unistd::geteuid().is_root() {
        command.arg("--map-root-user");
    }
    command.args(["--net", "--"]);
    command
}

/// Another network namespace at the end of a wire: what listens there is reached by real packets, which can be lost.
///
/// Only to be made [`inside`] a namespace of the test's own. It goes with that one.
#[derive(Clone, Debug)]
pub struct Beyond {
    jobs: Sender<Job>,
}

/// What the thread does that lives there: what it opens and starts is there, too.
type Job = Box<dyn FnOnce() + Send>;

/// Both ends of the wire: device, hardware address, address.
const HERE: [&str; 3] = ["here", "02:00:00:00:00:01", "10.255.255.1"];
const THERE: [&str; 3] = ["there", "02:00:00:00:00:02", "10.255.255.2"];

impl Beyond {
    /// Makes it, and the wire.
    #[track_caller]
    pub fn wired() -> Self {
        assert!(env::var_os(INSIDE).is_some(), "this machine's own network is no place for wires of a test");
        let (sender, thread) = channel();
        let (jobs, to_do): (Sender<Job>, Receiver<Job>) = channel();
        thread::Builder::new()
            .name("beyond".to_owned())
            .spawn(move || {
                leave(CloneFlags::CLONE_NEWNET).expect("who is root in a namespace may make another");
                sender.send(nix::unistd::gettid()).expect("it is waited for");
                for job in to_do {
                    job();
                }
            })
            .expect("a thread can be started");
        let thread = thread.recv().expect("the thread is there").to_string();
        let beyond = Beyond { jobs };
        let [here, here_hardware, _] = HERE;
        let [there, there_hardware, _] = THERE;
        run(Command::new("ip").args(["link", "add", here, "address", here_hardware, "type", "veth"]).args([
            "peer",
            "name",
            there,
            "address",
            there_hardware,
            "netns",
            &thread,
        ]));
        connect(HERE, THERE);
        beyond.there(|| {
            run(Command::new("ip").args(["link", "set", "lo", "up"]));
            connect(THERE, HERE);
        });
        beyond
    }

    /// Listens there, where it is reached from here.
    #[track_caller]
    pub fn listen(&self) -> TcpListener {
        self.there(|| TcpListener::bind((THERE[2], 0)).expect("a free port can be listened on"))
    }

    /// No packet arrives, in either direction, and nobody is told.
    #[track_caller]
    pub fn lose_packets(&self) {
        self.there(|| run(Command::new("ip").args(["link", "set", THERE[0], "down"])));
    }

    /// Packets arrive again.
    #[track_caller]
    pub fn carry_packets(&self) {
        self.there(|| run(Command::new("ip").args(["link", "set", THERE[0], "up"])));
    }

    #[track_caller]
    fn there<T: Send + 'static>(&self, job: impl FnOnce() -> T + Send + 'static) -> T {
        let (sender, done) = channel();
        let job: Job = Box::new(move || {
            let _ = sender.send(job());
        });
        self.jobs.send(job).expect("the thread lives as long as this");
        done.recv().expect("what is done there succeeds")
    }
}

/// Puts an address on this end of the wire. Neither end asks for the other's hardware address, for when nobody answers
/// that, connections are told.
fn connect([device, _, address]: [&str; 3], [_, hardware, other]: [&str; 3]) {
    run(Command::new("ip").args(["address", "add", &format!("{address}/30"), "dev", device]));
    run(Command::new("ip").args(["link", "set", device, "up"]));
    let neighbour = ["neighbour", "replace", other, "lladdr", hardware, "nud", "permanent", "dev", device];
    run(Command::new("ip").args(neighbour));
}

#[track_caller]
fn run(command: &mut Command) {
    let status = command.status().expect("ip can be started");
    assert!(status.success(), "{command:?} ended with {status}");
}
