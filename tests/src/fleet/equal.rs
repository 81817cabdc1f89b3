//! Whether every cluster holds the same.

use std::collections::BTreeMap;

use serde_json::Value;

use crate::wait;
use crate::world::{NAMESPACE, World};

use super::Fleet;

const CLUSTER_CACHES: &str = "clustercaches.multicluster.veccsolutions.io";
const HOSTNAME_CACHES: &str = "hostnamecaches.multicluster.veccsolutions.io";

/// By name, what an object says.
type Content = BTreeMap<String, Value>;

impl Fleet {
    /// Waits until every cluster holds the same shards of every cluster, and the same hostnames (R23).
    #[track_caller]
    pub fn wait_until_equal(&self) {
        let (first, others) = self.worlds.split_first().expect("a fleet has clusters");
        for kind in [CLUSTER_CACHES, HOSTNAME_CACHES] {
            for other in others {
                let mut differs = String::new();
                let found = wait::within(wait::PATIENCE, || {
                    let (one, two) = (content(first, kind)?, content(other, kind)?);
                    differs = difference(&one, &two);
                    differs.is_empty().then_some(())
                });
                let names = (first.identifier(), other.identifier());
                assert!(found.is_some(), "{kind} of {} and {} differ: {differs}", names.0, names.1);
            }
        }
    }
}

/// All objects of a kind, without what each API server says of its own; nothing while they cannot be listed.
fn content(world: &World, kind: &str) -> Option<Content> {
    let objects = world.api().list(kind, NAMESPACE).ok()?;
    let plain = objects.into_iter().map(|mut object| {
        let name = object["metadata"]["name"].as_str().unwrap_or_default().to_owned();
        if let Some(fields) = object.as_object_mut() {
            fields.remove("metadata");
        }
        (name, object)
    });
    Some(plain.collect())
}

fn difference(one: &Content, two: &Content) -> String {
    let names: std::collections::BTreeSet<&String> = one.keys().chain(two.keys()).collect();
    let different = names.into_iter().filter(|name| one.get(*name) != two.get(*name));
    let lines = different.take(3).map(|name| format!("{name}: {:?} and {:?}", one.get(name), two.get(name)));
    lines.collect::<Vec<_>>().join("\n")
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn what_is_here_and_not_there_is_a_difference() {
        let of = |pairs: &[(&str, i32)]| -> Content {
            pairs.iter().map(|(name, value)| ((*name).to_owned(), json!(value))).collect()
        };
        assert_eq!(difference(&of(&[("a", 1)]), &of(&[("a", 1)])), "");
        assert_eq!(difference(&of(&[("a", 1)]), &of(&[])), "a: Some(Number(1)) and None");
        assert_eq!(difference(&of(&[]), &of(&[("b", 2)])), "b: None and Some(Number(2))");
        assert_eq!(difference(&of(&[("a", 1)]), &of(&[("a", 2)])), "a: Some(Number(1)) and Some(Number(2))");
    }
}
