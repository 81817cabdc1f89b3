//! The one etcd of a rig: its server, copies of its data, compaction.

use std::fs;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use serde_json::{Value, json};
use tempfile::TempDir;

use super::commands;
use super::server::{Server, listens};
use crate::http;
use crate::port::Port;

/// etcd, which holds the state of every cluster of the rig.
#[derive(Debug)]
pub struct Etcd {
    server: Server,
    data: PathBuf,
    client: Port,
    _peer: Port,
}

/// A copy of all that etcd held at one moment.
#[derive(Debug)]
pub struct Snapshot(TempDir);

impl Etcd {
    /// Starts it with its data below `folder`; ready when this returns.
    pub(super) fn start(folder: &Path) -> Self {
        let (client, peer) = (Port::reserve(), Port::reserve());
        let data = folder.join("etcd");
        let address = client.v4();
        let command = commands::etcd(&data, address, peer.v4());
        let healthy = Box::new(move || {
            listens(address) && http::get(address, "/health").is_some_and(|reply| reply.status == 200)
        });
        let server = Server::start("etcd".to_owned(), command, healthy);
        server.wait_until_ready();
        Etcd { server, data, client, _peer: peer }
    }

    /// Its process.
    pub fn server(&self) -> &Server {
        &self.server
    }

    /// Where clients find it.
    pub fn address(&self) -> SocketAddr {
        self.client.v4()
    }

    /// Copies what it holds. Nothing stops for longer than that takes.
    ///
    /// It is frozen meanwhile, so its files are what a machine that dies at that moment leaves behind.
    pub fn snapshot(&self) -> Snapshot {
        let copy = TempDir::with_prefix("mci-test-").expect("a folder for the copy can be made");
        self.server.freeze();
        copy_folder(&self.data, copy.path());
        self.server.thaw();
        Snapshot(copy)
    }

    /// Puts back an older copy, as an administrator does after a disaster; ready when this returns.
    ///
    /// API servers go on meanwhile, and believe in versions that no longer exist.
    #[track_caller]
    pub fn restore(&self, snapshot: &Snapshot) {
        self.server.kill();
        fs::remove_dir_all(&self.data).expect("the data can be removed");
        copy_folder(snapshot.0.path(), &self.data);
        self.server.start_again();
    }

    /// Forgets every version but the present one.
    ///
    /// An API server answers watches from its own memory: one from an older version is told 410 (Gone) once that
    /// server has been restarted, or where it runs with `--watch-cache=false`.
    #[track_caller]
    pub fn compact(&self) {
        // Any range tells the revision.
        let range = self.ask("/v3/kv/range", &json!({"key": "AA==", "count_only": true}));
        let revision = &range["header"]["revision"];
        assert!(revision.is_string(), "etcd did not tell its revision: {range}");
        let compacted = self.ask("/v3/kv/compaction", &json!({"revision": revision, "physical": true}));
        assert!(compacted["header"].is_object(), "etcd did not compact: {compacted}");
    }

    #[track_caller]
    fn ask(&self, path: &str, body: &Value) -> Value {
        let reply = http::post(self.address(), path, &body.to_string())
            .unwrap_or_else(|| panic!("etcd did not answer {path}"));
        serde_json::from_str(&reply.body)
            .unwrap_or_else(|error| panic!("etcd answered {path} with no JSON ({error}): {}", reply.body))
    }
}

fn copy_folder(from: &Path, to: &Path) {
    fs::create_dir_all(to).expect("a folder can be made");
    for entry in fs::read_dir(from).expect("a folder can be read") {
        let entry = entry.expect("a folder can be read");
        let target = to.join(entry.file_name());
        if entry.file_type().expect("a file has a type").is_dir() {
            copy_folder(&entry.path(), &target);
        } else {
            fs::copy(entry.path(), target).expect("a file can be copied");
        }
    }
}
