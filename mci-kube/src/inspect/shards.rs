//! What each cluster publishes, shard by shard, as it is stored here: to compare clusters with each other.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use sha2::{Digest as _, Sha256};

use crate::client::{CallError, ClusterClient};
use crate::content::shard::Version;
use crate::supply;

/// What one cluster publishes, as it is stored here.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Published {
    /// The cluster.
    pub cluster: String,
    /// Its shards, by number.
    pub shards: Vec<ShardView>,
}

/// One shard.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ShardView {
    /// Its number, in three hexadecimal digits.
    pub shard: String,
    /// Term and number of the change.
    pub version: Version,
    /// The writer's word for its content.
    pub digest: String,
    /// How many hostnames it holds.
    pub hostnames: usize,
}

impl Published {
    /// How many hostnames.
    pub fn hostnames(&self) -> usize {
        self.shards.iter().map(|shard| shard.hostnames).sum()
    }

    /// The highest version of any shard.
    pub fn newest(&self) -> Version {
        self.shards.iter().map(|shard| shard.version).max().unwrap_or_default()
    }

    /// One word for all its shards: equal in two clusters that hold the same of it. Shards that are empty do not count.
    pub fn digest(&self) -> String {
        let mut hash = Sha256::new();
        for shard in self.shards.iter().filter(|shard| shard.hostnames > 0) {
            let ShardView { shard, version: Version { term, seq }, digest, hostnames } = shard;
            hash.update(format!("{shard} {term} {seq} {digest} {hostnames}\n"));
        }
        let mut digest = String::new();
        for octet in hash.finalize().iter().take(8) {
            write!(digest, "{octet:02x}").expect("a String takes everything");
        }
        digest
    }
}

/// Reads what every cluster publishes, by cluster; and what was passed over.
pub async fn published(
    client: &ClusterClient,
    namespace: &str,
) -> Result<(Vec<Published>, Vec<String>), CallError> {
    let mut passed_over = Vec::new();
    let mut found: BTreeMap<String, Vec<ShardView>> = BTreeMap::new();
    for content in supply::shards(client, namespace, &mut passed_over).await? {
        found.entry(content.cluster.to_string()).or_default().push(ShardView {
            shard: content.shard.to_string(),
            version: content.version,
            digest: content.digest,
            hostnames: content.entries.len(),
        });
    }
    let published = found.into_iter().map(|(cluster, mut shards)| {
        shards.sort_by(|a, b| a.shard.cmp(&b.shard));
        Published { cluster, shards }
    });
    Ok((published.collect(), passed_over))
}
