//! What one cluster of a fleet is configured with: who its peers are, and by which keys each knows the other.

use std::net::SocketAddr;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Map, Value, json};
use sha2::{Digest as _, Sha512};

use crate::certificates::Certificates;

/// One cluster's configuration; every program of it reads the same.
#[derive(Clone, Debug)]
pub struct Configuration {
    name: String,
    /// The other clusters.
    pub peers: Vec<PeerOf>,
    /// Any other key, as the file has it.
    pub more: Map<String, Value>,
}

/// Another cluster, as one knows it.
#[derive(Clone, Debug)]
pub struct PeerOf {
    /// Its identifier.
    pub identifier: String,
    /// Where its front ends are.
    pub url: String,
    /// Any other key, as the file has it.
    pub more: Map<String, Value>,
}

impl Configuration {
    /// Of a cluster without peers: heartbeats each second, stale after three.
    pub(super) fn new(name: &str) -> Self {
        let more = json!({
            "heartbeat": {"check": "1s", "set": "1s", "timeout": "3s"},
            "listen": {"insecure": true},
        });
        let Value::Object(more) = more else { unreachable!("it is one") };
        Configuration { name: name.to_owned(), peers: Vec::new(), more }
    }

    /// Whose it is.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// With another cluster that is reached over plain HTTP there.
    pub fn add_peer(&mut self, identifier: &str, at: SocketAddr) {
        let more = Map::from_iter([("insecure".to_owned(), json!(true))]);
        self.peers.push(PeerOf { identifier: identifier.to_owned(), url: format!("http://{at}"), more });
    }

    /// Over TLS, with client certificates: for its front ends, and to all its peers.
    pub(super) fn over_tls(&mut self, certificates: &Certificates) {
        let server = json!({
            "cert": certificates.server_certificate(),
            "key": certificates.server_key(),
            "clientCa": certificates.authority(),
        });
        self.more.insert("tls".to_owned(), json!({"http": server}));
        self.more.remove("listen");
        for peer in &mut self.peers {
            peer.url = peer.url.replace("http://", "https://");
            peer.more.remove("insecure");
            for (key, file) in [
                ("caFile", certificates.authority()),
                ("clientCertFile", certificates.client_certificate()),
                ("clientKeyFile", certificates.client_key()),
            ] {
                peer.more.insert(key.to_owned(), json!(file));
            }
        }
    }

    /// The file: JSON is YAML.
    pub(super) fn text(&self) -> String {
        let peers: Vec<Value> = self
            .peers
            .iter()
            .map(|peer| {
                let mut fields = peer.more.clone();
                fields.insert("identifier".to_owned(), json!(peer.identifier));
                fields.insert("url".to_owned(), json!(peer.url));
                fields.entry("key").or_insert_with(|| json!(key(&self.name, &peer.identifier)));
                Value::Object(fields)
            })
            .collect();
        let keys: Vec<Value> = self
            .peers
            .iter()
            .map(|peer| {
                let stored = stored(&salt(&self.name), &key(&peer.identifier, &self.name));
                json!({"clusterIdentifier": peer.identifier, "key": stored})
            })
            .collect();
        let mut file = self.more.clone();
        file.insert("peers".to_owned(), json!(peers));
        file.entry("apiKeys").or_insert_with(|| json!(keys));
        file.insert("clusterSalt".to_owned(), json!(STANDARD.encode(salt(&self.name))));
        serde_json::to_string_pretty(&file).expect("JSON can be written")
    }
}

/// What one cluster says to another who it is with.
pub fn key(from: &str, to: &str) -> String {
    format!("a-key-of-the-tests-from-{from}-to-{to}")
}

/// The salt of a cluster's stored keys.
pub fn salt(of: &str) -> Vec<u8> {
    format!("salt of the tests for {of}").into_bytes()
}

/// The stored form of a key.
pub fn stored(salt: &[u8], key: &str) -> String {
    STANDARD.encode(Sha512::new().chain_update(salt).chain_update(key).finalize())
}
