//! Processes that end with the value that stands for them, or with the test program at the latest.

use std::fs::{self, File};
use std::io;
use std::os::unix::process::ExitStatusExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::OnceLock;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread;

use nix::sys::signal::{self, Signal};
use nix::unistd::Pid;
use tempfile::TempDir;

use crate::wait;

/// How much of its log is shown when a test fails.
const SHOWN_LINES: usize = 150;

/// A running program, in a process group of its own, with its output in a file.
///
/// When it is dropped the whole group is killed. Where the test is failing by then, the log is shown; where it
/// is not, a panic in the log makes it fail: no server may panic, whatever it was asked.
#[derive(Debug)]
pub struct Process {
    name: String,
    child: Child,
    folder: TempDir,
    ended: Option<ExitStatus>,
    shown_lines: usize,
    judged: bool,
}

impl Process {
    /// Starts it; `name` is what failures call it.
    pub fn start(name: &str, command: &Command) -> Self {
        let folder = TempDir::with_prefix("mci-test-").expect("a folder for the log can be made");
        let log = File::create(folder.path().join("log")).expect("a log can be written");
        let mut command = tied_to_us(command);
        command
            .stdin(Stdio::null())
            .stdout(log.try_clone().expect("the log can be written from two sides"))
            .stderr(log);
        let child = spawn(command).unwrap_or_else(|error| panic!("cannot start {name}: {error}"));
        Process { name: name.to_owned(), child, folder, ended: None, shown_lines: SHOWN_LINES, judged: true }
    }

    /// Shows this many lines of its log when the test fails, for one of many processes.
    pub fn shows(mut self, lines: usize) -> Self {
        self.shown_lines = lines;
        self
    }

    /// Does not fail the test for a panic in its log: for a program that is not the one under test.
    pub fn unjudged(mut self) -> Self {
        self.judged = false;
        self
    }

    /// Its process ID.
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// What it has written so far, standard output and error together.
    pub fn log(&self) -> String {
        String::from_utf8_lossy(&fs::read(self.log_path()).expect("the log is there")).into_owned()
    }

    /// How it ended, if it did.
    pub fn ended(&mut self) -> Option<ExitStatus> {
        if self.ended.is_none() {
            self.ended = self.child.try_wait().expect("it is our child");
        }
        self.ended
    }

    /// Waits until its log contains `text`; fails at once where it ends before.
    #[track_caller]
    pub fn wait_for_log(&mut self, text: &str) {
        self.wait_until(&format!("{} writes {text:?}", self.name.clone()), |log| log.contains(text));
    }

    /// Waits until `ready` says so of its log, or fails where it ends before.
    #[track_caller]
    pub fn wait_until(&mut self, what: &str, mut ready: impl FnMut(&str) -> bool) {
        wait::until_true(what, || {
            let log = self.log();
            if ready(&log) {
                return true;
            }
            if let Some(status) = self.ended() {
                panic!("{} ended with {status} before this: {what}", self.name);
            }
            false
        });
    }

    /// Waits for its end.
    #[track_caller]
    pub fn wait(&mut self) -> ExitStatus {
        let what = format!("{} ends", self.name);
        wait::until(&what, || self.ended())
    }

    /// Sends a signal to it alone.
    pub fn signal(&self, signal: Signal) {
        if self.ended.is_none() {
            signal::kill(self.pid(), signal).expect("it is our child and runs");
        }
    }

    /// Asks it to end (SIGTERM) and waits for that.
    #[track_caller]
    pub fn terminate(&mut self) -> ExitStatus {
        self.signal(Signal::SIGTERM);
        self.wait()
    }

    /// Ends it without asking (SIGKILL).
    pub fn kill(&mut self) {
        if self.ended().is_none() {
            // The group, with whatever it started; gone already where the child has just ended.
            let _ = signal::killpg(self.pid(), Signal::SIGKILL);
            self.ended = Some(self.child.wait().expect("it is our child"));
        }
    }

    /// Stops it where it is (SIGSTOP), sockets open: a process that hangs. It does nothing more when this returns.
    #[track_caller]
    pub fn freeze(&self) {
        self.signal(Signal::SIGSTOP);
        wait::until_true(&format!("{} is stopped", self.name), || {
            threads(self.id()).iter().all(|state| !"RSDI".contains(*state))
        });
    }

    /// Lets it go on (SIGCONT).
    pub fn thaw(&self) {
        self.signal(Signal::SIGCONT);
    }

    fn pid(&self) -> Pid {
        Pid::from_raw(i32::try_from(self.child.id()).expect("Linux has no larger process IDs"))
    }

    fn log_path(&self) -> PathBuf {
        self.folder.path().join("log")
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let by_itself = self.ended();
        self.kill();
        let log = self.log();
        if thread::panicking() {
            let lines: Vec<&str> = log.lines().collect();
            let from = lines.len().saturating_sub(self.shown_lines);
            let end =
                by_itself.map_or("ran until the test failed".to_owned(), |status| match status.signal() {
                    Some(signal) => format!("was ended by signal {signal}"),
                    None => format!("had ended: {status}"),
                });
            eprintln!("--- {} ({end}); last lines of its log:\n{}\n---", self.name, lines[from..].join("\n"));
        } else if self.judged {
            assert!(!log.contains("panicked at"), "{} panicked:\n{log}", self.name);
        }
    }
}

/// The state of each thread of a process, as Linux's letters: T is stopped.
fn threads(id: u32) -> Vec<char> {
    let Ok(tasks) = fs::read_dir(format!("/proc/{id}/task")) else { return Vec::new() };
    tasks
        .filter_map(|task| fs::read_to_string(task.ok()?.path().join("stat")).ok())
        // The name before it, in brackets, may hold anything.
        .filter_map(|stat| stat.rsplit_once(") ")?.1.chars().next())
        .collect()
}

/// A command in a process group of its own that the kernel ends with this program, even where that is killed.
fn tied_to_us(command: &Command) -> Command {
    use std::os::unix::process::CommandExt as _;

    let setpriv = Path::new("/usr/bin/setpriv");
    let mut tied = if setpriv.exists() {
        let mut tied = Command::new(setpriv);
        tied.args(["--pdeathsig", "KILL", "--"]).arg(command.get_program());
        tied
    } else {
        Command::new(command.get_program())
    };
    tied.args(command.get_args());
    for (name, value) in command.get_envs() {
        match value {
            Some(value) => tied.env(name, value),
            None => tied.env_remove(name),
        };
    }
    if let Some(folder) = command.get_current_dir() {
        tied.current_dir(folder);
    }
    tied.process_group(0);
    tied
}

type Job = (Command, Sender<io::Result<Child>>);

/// Starts a process from a thread that lives as long as the program: the kernel's signal at the death of the
/// parent comes when the *thread* that started the child ends, and each test is a thread.
fn spawn(command: Command) -> io::Result<Child> {
    static SPAWNER: OnceLock<Sender<Job>> = OnceLock::new();
    let spawner = SPAWNER.get_or_init(|| {
        let (sender, jobs): (Sender<Job>, Receiver<Job>) = channel();
        thread::Builder::new()
            .name("spawner".to_owned())
            .spawn(move || {
                for (mut command, answer) in jobs {
                    // Nobody is left to answer where the test has ended meanwhile.
                    let _ = answer.send(command.spawn());
                }
            })
            .expect("a thread can be started");
        sender
    });
    let (sender, answer) = channel();
    spawner.send((command, sender)).expect("the spawner lives as long as the program");
    answer.recv().expect("the spawner answers every job")
}

#[cfg(test)]
mod tests {
    use std::panic;

    use super::*;

    fn shell(script: &str) -> Command {
        let mut command = Command::new("sh");
        command.args(["-c", script]);
        command
    }

    fn is_alive(id: u32) -> bool {
        // A zombie has been ended, too.
        fs::read_to_string(format!("/proc/{id}/stat")).is_ok_and(|stat| !stat.contains(") Z "))
    }

    #[test]
    fn nothing_is_left_of_a_dropped_process_and_of_what_it_started() {
        let mut process = Process::start("sh", &shell("sleep 1000 & echo $!; wait"));
        process.wait_until("the shell names its child", |log| log.ends_with('\n'));
        let grandchild: u32 = process.log().trim().parse().unwrap();
        let id = process.id();
        assert!(is_alive(id) && is_alive(grandchild));
        drop(process);
        wait::until_true("both are gone", || !is_alive(id) && !is_alive(grandchild));
    }

    #[test]
    fn nothing_is_left_after_a_panic() {
        let (sender, id) = channel();
        let result = thread::spawn(move || {
            let process = Process::start("sleep", &shell("exec sleep 1000"));
            sender.send(process.id()).unwrap();
            panic!("on purpose");
        })
        .join();
        assert!(result.is_err());
        assert!(!is_alive(id.recv().unwrap()));
    }

    #[test]
    fn a_process_outlives_the_thread_that_asked_for_it() {
        let mut process =
            thread::spawn(|| Process::start("sleep", &shell("exec sleep 1000"))).join().unwrap();
        assert_eq!(process.ended(), None);
    }

    #[test]
    fn the_end_and_the_log_are_known() {
        let mut process = Process::start("sh", &shell("echo out; echo err >&2; exit 3"));
        assert_eq!(process.wait().code(), Some(3));
        assert_eq!(process.log(), "out\nerr\n");
    }

    #[test]
    fn a_frozen_process_does_nothing_until_it_is_thawed() {
        let mut process = Process::start(
            "sh",
            &shell("trap 'echo ended; exit 0' TERM; echo up; while :; do sleep 0.01; done"),
        );
        process.wait_for_log("up");
        process.freeze();
        process.signal(Signal::SIGTERM);
        let state = || fs::read_to_string(format!("/proc/{}/stat", process.id())).unwrap();
        wait::until_true("it is stopped", || state().contains(") T "));
        process.thaw();
        assert!(process.wait().success());
    }

    #[test]
    fn a_panic_in_the_log_fails_the_test() {
        let mut process = Process::start("sh", &shell("echo \"thread 'main' panicked at src/main.rs\""));
        process.wait();
        let result = panic::catch_unwind(panic::AssertUnwindSafe(|| drop(process)));
        assert!(result.is_err());
    }
}
