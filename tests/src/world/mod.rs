//! One cluster with MCI in it: every program as a process, with its own `ServiceAccount`'s token, and `CoreDNS` in front.
//!
//! ```text
//!   a test ── applies, scales, deletes ──► API server ◄── (Proxy) ── operators, orchestrators
//!     │                                        ▲                                         HostnameCaches
//!     │                                        └──────── (Proxy) ─────────── dns-servers ◄──┘
//!     │                                                                       ▲      ▲
//!     └── asks each way there is ── UDP, TCP ── CoreDNS ── gRPC ──────────────┘      │
//!                               └── UDP, TCP ─────────────────────────────── direct ─┘
//! ```
//!
//! The chart is installed by helm: what a program may do is what the chart grants it. Tests that do no harm to it share
//! one ([`World::shared`]) and work in namespaces and below hostnames of their own.

use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::Duration;

use serde_json::Value;

use crate::cluster::{Api, Cluster, Clusters, Mode, Replica, Setup};
use crate::coredns::CoreDns;
use crate::http;
use crate::proxy::Proxy;
use crate::wait;

mod look;
mod objects;
mod options;
mod peer;
mod steady;

pub use look::{ask, words};
pub use objects::{GSLBS, INGRESSES, gslb, ingress, service};
pub use options::Options;
pub(crate) use options::{Spawned, Starting};
pub(crate) use peer::derived;
pub use peer::{Peer, shard};
pub use steady::{Steady, UNLIMITED};

/// The namespace that the chart is installed in.
pub const NAMESPACE: &str = "mci";

/// The cluster's identifier.
pub const CLUSTER: &str = "west";

const CLUSTERS: &str = "clusters.multicluster.veccsolutions.io";

/// The zone that it answers.
pub const ZONE: &str = "gslb.example.com";

/// The node that pods run on, and its address from outside.
pub const NODE: (&str, &str) = ("n1", "203.0.113.7");

/// A cluster with MCI in it.
// Fields are dropped in order: who asks before who is asked.
#[derive(Debug)]
pub struct World {
    /// In front of all dns-servers.
    pub coredns: CoreDns,
    /// Those that answer.
    pub dns_servers: Vec<Replica>,
    /// Those that merge.
    pub orchestrators: Vec<Replica>,
    /// Those that publish.
    pub operators: Vec<Replica>,
    /// Those that hear other clusters: none where there are no others.
    pub front_ends: Vec<Replica>,
    proxies: Vec<Proxy>,
    clusters: Arc<Clusters>,
    index: usize,
    options: Options,
}

impl World {
    /// To be started with more than is said by default.
    pub fn options() -> Options {
        Options::default()
    }

    /// One replica of each program.
    #[track_caller]
    pub fn start() -> Self {
        World::options().start()
    }

    /// One for all tests of a program that run at the same time and do it no harm.
    ///
    /// Namespaces `team-…` may publish every hostname. `limited` may publish below `limited.gslb.example.com` alone,
    /// without overrides and up to priority 10 (R27). Addresses that are lost are held for 5 minutes (R25).
    #[track_caller]
    pub fn shared() -> Arc<Self> {
        static SHARED: Mutex<Weak<World>> = Mutex::new(Weak::new());
        // Held while it starts, so that all others wait for the same one.
        let mut shared = SHARED.lock().unwrap_or_else(PoisonError::into_inner);
        shared.upgrade().unwrap_or_else(|| {
            let policy = "[{namespaces: [limited], zones: [limited.gslb.example.com], ipOverrides: false, \
                          maxPriority: 10}, {namespaces: ['team-*']}]";
            let options = World::options().replicas(Mode::DnsServer, 2);
            let started = Arc::new(options.variable("MCI_HOSTNAME_POLICY", policy).start());
            *shared = Arc::downgrade(&started);
            started
        })
    }

    /// The cluster.
    pub fn cluster(&self) -> &Cluster {
        self.clusters.cluster(self.index)
    }

    /// Its identifier.
    pub fn identifier(&self) -> &str {
        self.options.name()
    }

    /// Its API server, as the administrator.
    pub fn api(&self) -> &Api {
        self.cluster().api()
    }

    /// The rig, for etcd and files.
    pub fn clusters(&self) -> &Clusters {
        &self.clusters
    }

    /// The connections between programs and the API server, where the options asked for proxies: all of them.
    pub fn proxies(&self) -> &[Proxy] {
        &self.proxies
    }

    /// The one of one replica.
    #[track_caller]
    pub fn proxy(&self, mode: Mode, index: usize) -> &Proxy {
        let before = match mode {
            Mode::Operator => 0,
            Mode::Orchestrator => self.operators.len(),
            Mode::DnsServer => self.operators.len() + self.orchestrators.len(),
            Mode::FrontEnd => self.operators.len() + self.orchestrators.len() + self.dns_servers.len(),
        };
        &self.proxies[before + index]
    }

    /// The replicas of a mode.
    pub fn replicas(&self, mode: Mode) -> &[Replica] {
        match mode {
            Mode::Operator => &self.operators,
            Mode::Orchestrator => &self.orchestrators,
            Mode::DnsServer => &self.dns_servers,
            Mode::FrontEnd => &self.front_ends,
        }
    }

    /// The same, to be harmed.
    pub fn replicas_mut(&mut self, mode: Mode) -> &mut Vec<Replica> {
        match mode {
            Mode::Operator => &mut self.operators,
            Mode::Orchestrator => &mut self.orchestrators,
            Mode::DnsServer => &mut self.dns_servers,
            Mode::FrontEnd => &mut self.front_ends,
        }
    }

    /// Every replica.
    pub fn all(&self) -> impl Iterator<Item = &Replica> {
        self.operators.iter().chain(&self.orchestrators).chain(&self.dns_servers).chain(&self.front_ends)
    }

    /// The replica of a mode that says that it leads; waits until one does.
    #[track_caller]
    pub fn leader(&self, mode: Mode) -> usize {
        wait::until(&format!("one {} leads", mode.name()), || {
            self.replicas(mode).iter().position(|replica| {
                http::get(replica.http(), "/metrics")
                    .is_some_and(|reply| http::sample(&reply.body, "mci_leader") == Some(1.0))
            })
        })
    }

    /// One more replica, as the options say, to be started.
    #[track_caller]
    pub fn setup(&self, mode: Mode) -> Setup {
        self.options.setup(self.cluster(), self.cluster().address(), mode)
    }

    /// Asks one to end (SIGTERM), and starts it again: same pod name, same ports. Ready when this returns.
    #[track_caller]
    pub fn replace(&mut self, mode: Mode, index: usize) {
        let replicas = self.replicas_mut(mode);
        let replica = replicas.remove(index).replace();
        replicas.insert(index, replica);
    }

    /// Starts one again after it ended: same pod name, same ports. Ready when this returns.
    #[track_caller]
    pub fn revive(&mut self, mode: Mode, index: usize) {
        let replicas = self.replicas_mut(mode);
        let replica = replicas.remove(index).restart();
        replicas.insert(index, replica);
    }

    /// Waits until `CoreDNS` asks a dns-server that was started again, while some load goes on: it dials again after a
    /// second or more. Whoever replaces the next one before that leaves `CoreDNS` without any.
    #[track_caller]
    pub fn wait_until_asked(&self, index: usize) {
        let replica = &self.dns_servers[index];
        wait::until_true(&format!("CoreDNS asks {} again", replica.name()), || {
            let labels = [("transport", "grpc"), ("rcode", "NOERROR")];
            total(&replica.metrics(), "mci_dns_queries_total", &labels) >= 50
        });
    }

    /// A Deployment with a Service, ready, in a namespace that is made where it is missing.
    #[track_caller]
    pub fn deploy(&self, namespace: &str, name: &str, replicas: u32) {
        self.cluster().namespace(namespace);
        self.cluster().deploy(namespace, name, replicas);
        self.cluster().wait_for_ready(namespace, name, replicas as usize);
    }

    /// An Ingress with an address and a ready Service of the same name, published below one hostname.
    #[track_caller]
    pub fn publish(&self, namespace: &str, name: &str, hostname: &str, address: &str) {
        self.deploy(namespace, name, 1);
        self.apply(&ingress(namespace, name, name));
        self.cluster().set_addresses(INGRESSES, namespace, name, &[address]);
        self.apply(&gslb(namespace, name, ("Ingress", name), &[hostname]));
    }

    /// Applies an object, which has to be taken.
    #[track_caller]
    pub fn apply(&self, object: &Value) {
        if let Err(refused) = self.api().apply(object) {
            panic!("{} {}: {refused:?}", object["kind"], object["metadata"]["name"]);
        }
    }

    /// Deletes an object, which has to be there.
    #[track_caller]
    pub fn delete(&self, resource: &str, namespace: &str, name: &str) {
        if let Err(refused) = self.api().delete(resource, namespace, name) {
            panic!("{resource} {namespace}/{name}: {refused:?}");
        }
    }

    /// What this cluster says of a cluster, itself or another: `alive`, `stale`; nothing while it says nothing.
    pub fn state_of(&self, cluster: &str) -> Option<String> {
        let object = self.api().get(CLUSTERS, NAMESPACE, cluster).ok()?;
        object["status"]["state"].as_str().map(str::to_owned)
    }

    /// The condition of a GSLB, as `STATUS REASON`; nothing where it has none of that type.
    pub fn condition(&self, namespace: &str, name: &str, kind: &str) -> Option<String> {
        condition(&self.api().get(GSLBS, namespace, name).ok()?, kind)
    }

    /// Waits until a GSLB has a condition, as `STATUS REASON`.
    #[track_caller]
    pub fn wait_for_condition(&self, namespace: &str, name: &str, kind: &str, expected: &str) {
        let mut last = None;
        let found = wait::within(wait::PATIENCE, || {
            last = self.condition(namespace, name, kind);
            (last.as_deref() == Some(expected)).then_some(())
        });
        assert!(found.is_some(), "{kind} of GSLB {namespace}/{name} is {last:?}, and not {expected:?}");
    }

    /// Waits for an Event about an object of this name, and gives its note.
    #[track_caller]
    pub fn wait_for_event(&self, namespace: &str, name: &str, reason: &str) -> String {
        wait::until(&format!("an Event {reason} about {namespace}/{name}"), || {
            let events = self.api().list("events.events.k8s.io", namespace).ok()?;
            events
                .into_iter()
                .find(|event| event["regarding"]["name"] == name && event["reason"] == reason)
                .map(|event| event["note"].as_str().unwrap_or_default().to_owned())
        })
    }
}

/// The condition of an object of this type, as `STATUS REASON`.
pub fn condition(object: &Value, kind: &str) -> Option<String> {
    let conditions = object["status"]["conditions"].as_array()?;
    let found = conditions.iter().find(|condition| condition["type"] == kind)?;
    Some(format!("{} {}", found["status"].as_str()?, found["reason"].as_str()?))
}

/// The sum of all samples of a family of counts whose labels contain these; 0 where there are none.
#[track_caller]
pub fn total(metrics: &str, family: &str, labels: &[(&str, &str)]) -> u64 {
    let sum: f64 = metrics
        .lines()
        .filter_map(|line| {
            let rest = line.strip_prefix(family)?;
            let (series, value) = rest.rsplit_once(' ')?;
            if !(series.is_empty() || series.starts_with('{')) {
                return None;
            }
            let has = |(name, value): &(&str, &str)| series.contains(&format!("{name}=\"{value}\""));
            labels.iter().all(has).then(|| value.parse::<f64>().ok())?
        })
        // A sum of nothing would be -0.
        .fold(0.0, |sum, value| sum + value);
    sum.to_string().parse().unwrap_or_else(|_| panic!("{family} counts nothing: {sum}"))
}

/// How long a fault lasts: nothing is waited for but that the time is over.
pub fn lasts(time: Duration) {
    std::thread::sleep(time);
}

/// How long an answer may lag behind in calm.
///
/// The bar of S6 is a benchmark's, on a machine that does nothing else: here two rigs share two cores with the tests.
pub const CALM: Duration = Duration::from_secs(2);

/// How long an answer may lag behind around a leader's death (R28).
pub const LEADERLESS: Duration = Duration::from_secs(8);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn samples_are_added_up_by_their_labels() {
        let metrics = "# TYPE a counter\na_total{x=\"1\",y=\"2\"} 5\na_total{x=\"1\",y=\"3\"} 7\na_total{x=\"2\",y=\"2\"} 1\n\
                       a_total_more{x=\"1\"} 100\nb 3\n";
        let of = |labels: &[(&str, &str)]| total(metrics, "a_total", labels);
        assert_eq!([of(&[]), of(&[("x", "1")]), of(&[("x", "1"), ("y", "2")])], [13, 12, 5]);
        assert_eq!(["b", "c"].map(|family| total(metrics, family, &[])), [3, 0]);
    }

    #[test]
    fn a_condition_is_its_status_and_its_reason() {
        let object = serde_json::json!({"status": {"conditions": [
            {"type": "Accepted", "status": "True", "reason": "Accepted"},
            {"type": "Published", "status": "False", "reason": "NoAddress"},
        ]}});
        assert_eq!(condition(&object, "Published").as_deref(), Some("False NoAddress"));
        assert_eq!(condition(&object, "AddressHeld"), None);
    }
}
