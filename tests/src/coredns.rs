//! The real `CoreDNS` as a process, with a Corefile made for a test.

use std::fs;
use std::net::SocketAddr;
use std::path::Path;
use std::process::Command;

use tempfile::TempDir;

use crate::client::{Client, TRANSPORTS, Transport};
use crate::port::Port;
use crate::process::Process;
use crate::require::{COREDNS_VERSION, program};

/// A running `CoreDNS`.
#[derive(Debug)]
pub struct CoreDns {
    /// The process.
    pub process: Process,
    port: Port,
    _folder: TempDir,
}

/// A Corefile with one server block.
#[derive(Clone, Debug)]
pub struct Corefile {
    plugins: Vec<String>,
    zone: String,
    upstreams: Vec<String>,
    grpc: Vec<String>,
}

impl Corefile {
    /// One that asks these servers over gRPC for every name.
    pub fn new(upstreams: impl IntoIterator<Item = impl ToString>) -> Self {
        Corefile {
            plugins: vec!["errors".to_owned(), "bufsize 1232".to_owned()],
            zone: ".".to_owned(),
            upstreams: upstreams.into_iter().map(|upstream| upstream.to_string()).collect(),
            grpc: Vec::new(),
        }
    }

    /// One that asks over unix sockets.
    pub fn over_sockets(sockets: &[impl AsRef<Path>]) -> Self {
        Corefile::new(sockets.iter().map(|path| format!("unix://{}", path.as_ref().display())))
    }

    /// Only names of this zone are asked there.
    pub fn zone(mut self, zone: &str) -> Self {
        zone.clone_into(&mut self.zone);
        self
    }

    /// With another plugin, as a line or a block.
    pub fn plugin(mut self, text: &str) -> Self {
        self.plugins.push(text.to_owned());
        self
    }

    /// Without a plugin that is there by default, or was added.
    pub fn without(mut self, name: &str) -> Self {
        self.plugins.retain(|plugin| plugin.split_whitespace().next() != Some(name));
        self
    }

    /// With a line in the block of `grpc`.
    pub fn grpc(mut self, line: &str) -> Self {
        self.grpc.push(line.to_owned());
        self
    }

    /// Its text.
    fn text(&self, port: u16) -> String {
        let mut lines = vec![format!(".:{port} {{"), "    bind 127.0.0.1".to_owned()];
        lines.extend(self.plugins.iter().map(|plugin| format!("    {plugin}")));
        lines.push(format!("    grpc {} {} {{", self.zone, self.upstreams.join(" ")));
        lines.extend(self.grpc.iter().map(|line| format!("        {line}")));
        lines.extend(["    }".to_owned(), "}".to_owned(), String::new()]);
        lines.join("\n")
    }

    /// Starts `CoreDNS` with it, and waits until it listens.
    #[track_caller]
    pub fn start(&self) -> CoreDns {
        CoreDns::start_with(|port| self.text(port))
    }
}

impl CoreDns {
    /// Starts one that asks nobody over gRPC, with these plugins, each a line or a block.
    #[track_caller]
    pub fn start_alone(plugins: &[&str]) -> Self {
        CoreDns::start_with(|port| {
            let lines: Vec<String> = plugins.iter().map(|plugin| format!("    {plugin}\n")).collect();
            format!(".:{port} {{\n    bind 127.0.0.1\n{}}}\n", lines.concat())
        })
    }

    #[track_caller]
    fn start_with(text: impl FnOnce(u16) -> String) -> Self {
        let port = Port::reserve();
        let folder = TempDir::with_prefix("mci-test-").expect("a folder for the Corefile can be made");
        let file = folder.path().join("Corefile");
        fs::write(&file, text(port.number())).expect("the Corefile can be written");
        let mut command = Command::new(program("coredns", COREDNS_VERSION));
        command.arg("-conf").arg(file);
        let mut process = Process::start("CoreDNS", &command);
        // It prints its name and version when every server of it listens.
        process.wait_for_log("CoreDNS-");
        CoreDns { process, port, _folder: folder }
    }

    /// Where it answers, UDP and TCP.
    pub fn dns(&self) -> SocketAddr {
        self.port.v4()
    }

    /// A client of it.
    pub fn client(&self, transport: Transport) -> Client {
        Client { server: self.dns(), transport }
    }

    /// A client for each protocol.
    pub fn clients(&self) -> [Client; 2] {
        TRANSPORTS.map(|transport| self.client(transport))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_corefile_is_what_one_would_write() {
        let corefile =
            Corefile::new(["127.0.0.1:1153"]).zone("gslb.example.com").plugin("cache 30").without("errors");
        assert_eq!(
            corefile.grpc("tls_servername mci").text(1053),
            ".:1053 {\n    bind 127.0.0.1\n    bufsize 1232\n    cache 30\n    \
             grpc gslb.example.com 127.0.0.1:1153 {\n        tls_servername mci\n    }\n}\n"
        );
    }
}
