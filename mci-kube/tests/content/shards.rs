//! ClusterCache.

use std::collections::BTreeMap;

use mci_core::{Endpoint, Hostname, Shard};
use mci_kube::content::Fault;
use mci_kube::content::shard::{self, MAX_OCTETS, TooLarge, Version};
use mci_kube::names;
use mci_kube::resources::{ClusterCache, ServiceEndpointCount};
use proptest::prelude::*;
use serde_json::json;

use crate::world::{any_entries, cluster, hostname, west};

fn through_json(object: &ClusterCache) -> ClusterCache {
    serde_json::from_str(&serde_json::to_string(object).unwrap()).unwrap()
}

/// Hostnames of one shard: there are 1,024, so a few thousand names have several in each.
fn of_one_shard(count: usize) -> (Shard, Vec<Hostname>) {
    let shard = Shard::of(&hostname("h0.example"));
    let names = (0..).map(|index| hostname(&format!("h{index}.example")));
    (shard, names.filter(|name| Shard::of(name) == shard).take(count).collect())
}

proptest! {
    #[test]
    fn what_is_published_comes_back_as_it_was(entries in any_entries()) {
        let mut by_shard: BTreeMap<Shard, BTreeMap<Hostname, Endpoint>> = BTreeMap::new();
        for (name, endpoint) in entries {
            by_shard.entry(Shard::of(&name)).or_default().insert(name, endpoint);
        }
        for (shard, entries) in by_shard {
            let version = Version { term: 3, seq: 7 };
            let (object, refused) = shard::write(&cluster("west"), shard, version, &entries, Vec::new());
            prop_assert_eq!(refused, []);
            prop_assert!(names::is_ours(&object));
            let read = shard::read(&through_json(&object)).unwrap();
            prop_assert_eq!(&read.faults, &[]);
            prop_assert_eq!((read.content.shard, read.content.version), (shard, version));
            prop_assert_eq!(read.content.entries.into_iter().collect::<BTreeMap<_, _>>(), entries);
        }
    }
}

#[test]
fn equal_content_is_equal_octets_in_whatever_order_it_came() {
    let (shard, names) = of_one_shard(3);
    let entries: Vec<_> = names.iter().map(|name| (name, west(&["192.0.2.1", "192.0.2.2"]))).collect();
    let turned: Vec<_> = names.iter().rev().map(|name| (name, west(&["192.0.2.2", "192.0.2.1"]))).collect();
    let count = |service: &str| ServiceEndpointCount {
        namespace: "shop".to_owned(),
        service: service.to_owned(),
        count: 1,
    };
    let write = |entries: &[(&Hostname, Endpoint)], services| {
        let entries = entries.iter().map(|(name, endpoint)| (*name, endpoint));
        let (object, _) = shard::write(&cluster("west"), shard, Version::default(), entries, services);
        serde_json::to_string(&object).unwrap()
    };
    assert_eq!(write(&entries, vec![count("a"), count("b")]), write(&turned, vec![count("b"), count("a")]));
}

#[test]
fn a_newer_version_of_the_same_content_is_nothing_to_write() {
    let (shard, names) = of_one_shard(1);
    let write = |seq, address: &str| {
        let entries = [(&names[0], &west(&[address]))];
        shard::write(&cluster("west"), shard, Version { term: 1, seq }, entries, Vec::new()).0
    };
    assert!(shard::same_content(&write(1, "192.0.2.1"), &write(2, "192.0.2.1")));
    assert!(!shard::same_content(&write(1, "192.0.2.1"), &write(1, "192.0.2.2")));
    assert_eq!(write(1, "192.0.2.1").digest, write(2, "192.0.2.1").digest);
    assert_ne!(write(1, "192.0.2.1").digest, write(1, "192.0.2.2").digest);
}

#[test]
fn an_entry_that_does_not_fit_is_refused_and_the_others_stay() {
    let (shard, names) = of_one_shard(3);
    let small = west(&["192.0.2.1"]);
    let many = (0..20_000_u32).map(|index| std::net::IpAddr::from(index.to_be_bytes()));
    let large = Endpoint::new(cluster("west"), many);
    let entries = [(&names[0], &small), (&names[1], &large), (&names[2], &small)];
    let (object, refused) = shard::write(&cluster("west"), shard, Version::default(), entries, Vec::new());
    let [TooLarge { hostname, octets }] = refused.as_slice() else { panic!("one is refused: {refused:?}") };
    assert_eq!(hostname, &names[1]);
    assert!(*octets > MAX_OCTETS);
    let read = shard::read(&object).unwrap();
    let mut kept: Vec<_> = read.content.entries.into_iter().map(|(name, _)| name).collect();
    kept.sort();
    assert_eq!(kept, [names[0].clone(), names[2].clone()]);
}

#[test]
fn a_bad_entry_takes_no_other_with_it_and_is_named() {
    let (shard, names) = of_one_shard(1);
    let good = names[0].to_string();
    let foreign = (0..).map(|index| hostname(&format!("f{index}.example")));
    let foreign = foreign.into_iter().find(|name| Shard::of(name) != shard).unwrap();
    let object: ClusterCache = serde_json::from_value(json!({
        "apiVersion": "multicluster.veccsolutions.io/v1alpha",
        "kind": "ClusterCache",
        "metadata": {"name": "c", "namespace": "mci"},
        "cluster": "west",
        "shard": shard.number(),
        "digest": null,
        "newer": {"unknown": true},
        "hostnames": [
            {"hostname": 5},
            {"hostname": "a..b", "hostIPs": []},
            {"hostname": foreign.to_string(), "hostIPs": []},
            {"hostname": good, "hostIPs": [
                {"ipAddress": "192.0.2.1", "newer": 1}, {"ipAddress": "999.0.0.1"},
                {"ipAddress": "192.0.2.9", "ready": false},
            ], "targets": ["*.example"], "ttl": 700_000, "fallback": ["x"], "newer": []},
            "text",
        ],
    }))
    .unwrap();
    let read = shard::read(&object).unwrap();
    assert_eq!(read.content.entries, [(names[0].clone(), west(&["192.0.2.1"]))]);
    let fault = |place: &str, what: String| Fault {
        object: "ClusterCache mci/c".to_owned(),
        place: place.to_owned(),
        what,
    };
    let own = Shard::of(&foreign);
    assert_eq!(
        read.faults,
        [
            fault("hostnames[0]", "invalid type: integer `5`, expected a string".to_owned()),
            fault(
                "hostnames[1].hostname",
                "\"a..b\" has an empty label: two dots in a row, or a dot at the beginning".to_owned()
            ),
            fault("hostnames[2]", format!("{foreign} belongs to shard {own}, not to {shard}")),
            fault("hostnames[3].hostIPs[1].ipAddress", "\"999.0.0.1\" is no IPv4 or IPv6 address".to_owned()),
            fault("hostnames[3].targets[0]", "\"*.example\": a target has no '*'".to_owned()),
            fault("hostnames[3].fallback[0]", "\"x\" is no IPv4 or IPv6 address".to_owned()),
            fault("hostnames[3].ttl", "a TTL of 700000 s is out of range: 0 to 604800 (one week)".to_owned()),
            fault(
                "hostnames[4]",
                "invalid type: string \"text\", expected struct PublishedHostname".to_owned()
            ),
        ]
    );
}

#[test]
fn what_cannot_be_read_is_written_back_as_it_came() {
    let value = json!({
        "apiVersion": "", "kind": "", "metadata": {}, "term": 0, "seq": 0, "digest": "",
        "hostnames": [{"hostname": 5, "newer": [1, 2]}, "text", null],
    });
    let object: ClusterCache = serde_json::from_value(value.clone()).unwrap();
    assert_eq!(serde_json::to_value(&object).unwrap(), value);
}

#[test]
fn an_object_that_does_not_say_which_shard_it_is_holds_nothing() {
    let mut object = ClusterCache::named("x");
    let what = |object: &ClusterCache| shard::read(object).unwrap_err().to_string();
    assert_eq!(what(&object), "ClusterCache x: cluster: it is missing");
    object.cluster = Some("west".to_owned());
    assert_eq!(what(&object), "ClusterCache x: shard: it is missing");
    object.shard = Some(1_024);
    assert_eq!(what(&object), "ClusterCache x: shard: 1024 is no shard: they are numbered from 0 to 1023");
}
