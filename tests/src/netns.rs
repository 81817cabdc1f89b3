//! A network namespace of its own for one test, with nothing to clean up.
//!
//! The test runs itself once more, in a new process inside the namespace, which the kernel removes with the last
//! process in it. So addresses and ports can be had that the machine itself does not have.

use std::env;
use std::net::IpAddr;
use std::process::Command;
use std::thread;

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

#[track_caller]
fn run(command: &mut Command) {
    let status = command.status().expect("ip can be started");
    assert!(status.success(), "{command:?} ended with {status}");
}
