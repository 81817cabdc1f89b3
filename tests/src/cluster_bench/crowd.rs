//! Objects by the thousand: what a cluster exposes, what others publish, and waiting until MCI has done with it.

use std::time::Duration;

use serde_json::{Value, json};

use super::{PATIENCE, Size, say};
use crate::cluster::{Answer, Api, Replica};
use crate::http;
use crate::wait;
use crate::world::{NAMESPACE, Peer, World, ZONE, derived, gslb, total};

/// The namespace of everything that is exposed.
pub(super) const TEAM: &str = "bench";

/// As many as are sent at once: their answers are kept until all have come.
const BATCH: usize = 2_000;

/// Nothing is written for so long once everything is done: `ResourceCache`s and `ServiceCache`s may come 5 s later.
const QUIET: [Duration; 2] = [Duration::from_secs(7), Duration::from_secs(1)];

/// How often it is looked whether something is done, by a request that costs little.
const LOOK: Duration = Duration::from_millis(250);

/// Creates objects, each of which has to be taken.
#[track_caller]
pub(super) fn create(api: &Api, objects: impl IntoIterator<Item = Value>) {
    let mut batch = Vec::new();
    let mut objects = objects.into_iter();
    loop {
        batch.extend(objects.by_ref().take(BATCH));
        if batch.is_empty() {
            return;
        }
        let refused = api.create_all(&batch).into_iter().find_map(Answer::err);
        assert!(refused.is_none(), "an object was refused: {refused:?}");
        batch.clear();
    }
}

/// GSLBs, each with a headless Service of its own with one ready endpoint, and with hostnames of its own.
#[track_caller]
pub(super) fn expose(world: &World, gslbs: std::ops::Range<usize>, hostnames_each: usize) {
    expose_at(world, gslbs, hostnames_each, "");
}

/// The same at a cluster's own addresses.
#[track_caller]
pub(super) fn expose_at(world: &World, gslbs: std::ops::Range<usize>, hostnames_each: usize, cluster: &str) {
    say(&format!("creating {} GSLBs with {hostnames_each} hostnames each", gslbs.len()));
    world.cluster().namespace(TEAM);
    let objects = gslbs.flat_map(|number| {
        let name = format!("crowd-{number}");
        let first = number * hostnames_each;
        let hostnames: Vec<String> = (first..first + hostnames_each).map(hostname).collect();
        let hostnames: Vec<&str> = hostnames.iter().map(String::as_str).collect();
        [
            headless(&name),
            slice(&name, &[(address_at(cluster, number).as_str(), true)]),
            gslb(TEAM, &name, ("Service", &name), &hostnames),
        ]
    });
    create(world.api(), objects);
}

/// One of the crowd.
pub(super) fn hostname(number: usize) -> String {
    format!("app-{number}.crowd.{ZONE}")
}

/// An address for each number; those of the same 2^20 differ.
pub(super) fn address(number: usize) -> String {
    format!("10.{}.{}.{}", 64 + (number >> 16) % 16, (number >> 8) % 256, number % 256)
}

/// An address for each number, other ones in each cluster.
pub(super) fn address_at(cluster: &str, number: usize) -> String {
    address(number + (cluster.bytes().fold(0, |sum, octet| sum * 31 + usize::from(octet)) & 0xf_0000))
}

/// A Service without selector and without an address of its own.
pub(super) fn headless(name: &str) -> Value {
    json!({
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {"name": name, "namespace": TEAM},
        "spec": {"clusterIP": "None", "ports": [{"name": "http", "port": 80}]},
    })
}

/// The slice of a Service, with addresses that are ready or not.
pub(super) fn slice(service: &str, endpoints: &[(&str, bool)]) -> Value {
    let endpoints: Vec<Value> = endpoints
        .iter()
        .map(|(address, ready)| {
            json!({
                "addresses": [address],
                "conditions": {"ready": ready, "serving": ready, "terminating": false},
            })
        })
        .collect();
    json!({
        "apiVersion": "discovery.k8s.io/v1",
        "kind": "EndpointSlice",
        "metadata": {
            "name": service,
            "namespace": TEAM,
            "labels": {
                "kubernetes.io/service-name": service,
                "endpointslice.kubernetes.io/managed-by": "bench",
            },
        },
        "addressType": "IPv4",
        "ports": [{"name": "http", "protocol": "TCP", "port": 80}],
        "endpoints": endpoints,
    })
}

/// The shards of another cluster that publishes these hostnames of the crowd, as its front end would write them.
pub(super) fn shards(peer: &Peer, hostnames: std::ops::Range<usize>) -> Vec<Value> {
    // Each cluster has addresses of its own.
    let from = peer.name().bytes().fold(1 << 19, |sum, octet| sum * 31 + usize::from(octet)) % (1 << 20);
    let named: Vec<(String, String)> =
        hostnames.map(|number| (hostname(number), address(number + from))).collect();
    let named: Vec<(&str, &str)> =
        named.iter().map(|(hostname, address)| (hostname.as_str(), address.as_str())).collect();
    peer.shards(&named)
}

/// `HostnameCache`s of the crowd with an endpoint in each of three clusters, as an orchestrator writes them.
pub(super) fn hostname_caches(numbers: std::ops::Range<usize>) -> impl Iterator<Item = Value> {
    numbers.map(|number| {
        let hostname = hostname(number);
        let endpoints: Vec<Value> = ["west", "east", "north"]
            .iter()
            .zip([0, 1 << 18, 1 << 19])
            .map(|(cluster, from)| {
                json!({
                    "clusterIdentifier": cluster,
                    "addresses": [{"ipAddress": address(number + from)}],
                    "weight": 50,
                    "ready": true,
                    "changed": 1_760_000_000,
                })
            })
            .collect();
        let addresses: Vec<Value> = endpoints
            .iter()
            .map(|endpoint| {
                json!({
                    "ipAddress": endpoint["addresses"][0]["ipAddress"],
                    "priority": 0,
                    "weight": 50,
                    "clusterIdentifier": endpoint["clusterIdentifier"],
                })
            })
            .collect();
        json!({
            "apiVersion": "multicluster.veccsolutions.io/v1alpha",
            "kind": "HostnameCache",
            "metadata": {"name": derived("h", &hostname), "namespace": NAMESPACE},
            "hostname": hostname,
            "endpoints": endpoints,
            "addresses": addresses,
        })
    })
}

/// Waits until every dns-server answers so many hostnames.
#[track_caller]
pub(super) fn wait_until_answered(world: &World, count: usize) {
    say(&format!("waiting until {count} hostnames are answered"));
    let mut last = 0;
    let found = wait::within(PATIENCE, || {
        std::thread::sleep(LOOK);
        let answered = |server: &Replica| gauge(server.http(), "mci_hostnames", &[("condition", "answered")]);
        last = world.dns_servers.iter().map(answered).min().unwrap_or(0);
        (last >= count as u64).then_some(())
    });
    assert!(found.is_some(), "{last} of {count} hostnames are answered");
}

/// Waits until MCI has written all that it had to.
#[track_caller]
pub(super) fn wait_until_quiet(world: &World, size: Size) {
    let quiet = size.of(QUIET[0], QUIET[1]);
    let writes =
        || -> u64 { world.all().map(|replica| gauge(replica.http(), "mci_writes_total", &[])).sum() };
    let mut last = (writes(), std::time::Instant::now());
    let found = wait::within(PATIENCE, || {
        std::thread::sleep(LOOK);
        let now = writes();
        if now != last.0 {
            last = (now, std::time::Instant::now());
        }
        (last.1.elapsed() >= quiet).then_some(())
    });
    assert!(found.is_some(), "MCI never ceases to write: {} writes", last.0);
}

/// A sum over the series of a program's metrics; 0 where it does not answer.
pub(super) fn gauge(http: std::net::SocketAddr, family: &str, labels: &[(&str, &str)]) -> u64 {
    http::get(http, "/metrics").map_or(0, |reply| total(&reply.body, family, labels))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_cluster_has_addresses_of_its_own() {
        assert_eq!(address_at("", 7), address(7));
        assert_ne!(address_at("west", 7), address_at("east", 7));
    }
}
