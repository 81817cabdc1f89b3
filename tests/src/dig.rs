//! `dig`, the client that people use.

use std::net::SocketAddr;
use std::process::Command;

/// What dig printed.
#[derive(Clone, Debug)]
pub struct Output {
    /// All of it.
    pub text: String,
    /// The status, such as `NOERROR`.
    pub status: String,
    /// The flags, such as `qr aa`.
    pub flags: String,
}

/// Runs `dig @server` with these arguments, which has to get a reply.
#[track_caller]
pub fn dig(server: SocketAddr, arguments: &[&str]) -> Output {
    let output = command(server, arguments).output().expect("dig can be started");
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(output.status.success(), "dig {arguments:?} ended with {}:\n{text}", output.status);
    let after = |word: &str| {
        let rest = text.split_once(word)?.1;
        Some(rest.split([',', ';']).next().unwrap_or(rest).trim().to_owned())
    };
    let status = after("status: ").unwrap_or_else(|| panic!("dig {arguments:?} printed no status:\n{text}"));
    let flags = after("flags: ").expect("a header has flags");
    Output { text, status, flags }
}

/// Runs `dig +short @server` and returns the lines, sorted.
#[track_caller]
pub fn short(server: SocketAddr, arguments: &[&str]) -> Vec<String> {
    let output = command(server, arguments).arg("+short").output().expect("dig can be started");
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(output.status.success(), "dig {arguments:?} ended with {}:\n{text}", output.status);
    let mut lines: Vec<String> = text.lines().map(str::to_owned).collect();
    lines.sort();
    lines
}

impl Output {
    /// The records of a section, such as `ANSWER`, with single spaces, sorted.
    pub fn section(&self, name: &str) -> Vec<String> {
        let heading = format!(";; {name} SECTION:");
        let mut lines: Vec<String> = self
            .text
            .lines()
            .skip_while(|line| *line != heading)
            .skip(1)
            .take_while(|line| !line.is_empty())
            .map(|line| line.split_whitespace().collect::<Vec<_>>().join(" "))
            .collect();
        lines.sort();
        lines
    }
}

fn command(server: SocketAddr, arguments: &[&str]) -> Command {
    let mut command = Command::new("dig");
    // No file of the user's changes what it asks.
    command.arg("-r").arg(format!("@{}", server.ip())).args(["-p", &server.port().to_string()]);
    command.args(["+tries=1", "+time=5", "+norecurse"]).args(arguments);
    command
}
