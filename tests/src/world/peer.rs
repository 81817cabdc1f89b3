//! Another cluster, as far as this one hears of it: its shards and its heartbeats, written as a front end writes them.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

use super::{NAMESPACE, World};

const GROUP: &str = "multicluster.veccsolutions.io/v1alpha";

/// A cluster that exists in its publications alone.
#[derive(Clone, Debug)]
pub struct Peer {
    name: String,
    counter: u64,
}

impl Peer {
    /// One of this identifier.
    pub fn new(name: &str) -> Self {
        Peer { name: name.to_owned(), counter: 0 }
    }

    /// Its identifier.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Counts its heartbeat up.
    #[track_caller]
    pub fn beat(&mut self, world: &World) {
        self.counter += 1;
        let lease = json!({
            "apiVersion": "coordination.k8s.io/v1",
            "kind": "Lease",
            "metadata": {
                "name": format!("mci-heartbeat-{}", self.name),
                "namespace": NAMESPACE,
                "annotations": {
                    "mci.dev/counter": self.counter.to_string(),
                    "mci.dev/instance": "a-test",
                    "mci.dev/term": "1",
                    "mci.dev/left": "false",
                    "mci.dev/overrides": "",
                },
            },
            "spec": {},
        });
        world.apply(&lease);
    }

    /// Publishes these hostnames, each with one ready address, and nothing else in their shards.
    #[track_caller]
    pub fn publish(&self, world: &World, hostnames: &[(&str, &str)]) {
        for object in self.shards(hostnames) {
            world.apply(&object);
        }
    }

    /// The shards that hold these hostnames.
    pub fn shards(&self, hostnames: &[(&str, &str)]) -> Vec<Value> {
        let mut shards: BTreeMap<u16, Vec<Value>> = BTreeMap::new();
        for (hostname, address) in hostnames {
            shards.entry(shard(hostname)).or_default().push(json!({
                "hostname": hostname,
                "hostIPs": [{"ipAddress": address}],
                "ready": true,
            }));
        }
        let objects = shards.into_iter().map(|(number, hostnames)| {
            json!({
                "apiVersion": GROUP,
                "kind": "ClusterCache",
                "metadata": {
                    "name": format!("{}-s{number:03x}", derived("c", &self.name)),
                    "namespace": NAMESPACE,
                    "labels": {"mci.dev/cluster": self.name},
                },
                "cluster": self.name,
                "shard": number,
                "term": 1,
                "seq": 1,
                "digest": "by-a-test",
                "hostnames": hostnames,
            })
        });
        objects.collect()
    }
}

/// The number of the shard that holds a hostname: the first 10 bits of its SHA-256.
pub fn shard(hostname: &str) -> u16 {
    let hash = Sha256::digest(hostname);
    u16::from_be_bytes([hash[0], hash[1]]) >> 6
}

/// The name of a cache: what people read, and a hash.
pub(crate) fn derived(kind: &str, canonical: &str) -> String {
    let mut name = format!("{kind}-");
    for c in canonical.chars().take(32) {
        name.push(if c.is_ascii_lowercase() || c.is_ascii_digit() { c } else { '-' });
    }
    name.push('-');
    for octet in Sha256::digest(canonical).iter().take(16) {
        let _ = write!(name, "{octet:02x}");
    }
    name
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shards_and_names_are_those_of_the_format() {
        assert_eq!(shard("app.gslb.example.com"), 0x14c);
        // As sha256sum has it.
        assert_eq!(
            derived("h", "*.app_1.example.com"),
            "h---app-1-example-com-e0967ef609fa9b0f6ac2c66c3a621f3a"
        );
    }
}
