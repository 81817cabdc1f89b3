//! Leadership and heartbeats, as their Leases stand.

use k8s_openapi::api::coordination::v1::Lease;

use crate::client::{CallError, ClusterClient};
use crate::heartbeat::{self, Evidence, Said};
use crate::lease::TERM;
use crate::watch::{self, Source};

/// The Leases of a namespace that mean something to MCI.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Leases {
    /// Who leads what (R28), by name.
    pub leaders: Vec<Leader>,
    /// Whose heartbeats are heard (R20), by cluster.
    pub heard: Vec<Heard>,
    /// What cannot be read, each as a sentence.
    pub passed_over: Vec<String>,
}

/// A Lease of leadership.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Leader {
    /// The Lease's name.
    pub name: String,
    /// Who holds it; nobody after it was released.
    pub holder: Option<String>,
    /// Raised with each takeover.
    pub term: u64,
    /// When it was renewed last, in Unix seconds, by the holder's own clock: for people.
    pub renewed: Option<u64>,
    /// How long others wait for a change of it, in seconds.
    pub duration: Option<u64>,
    /// Differs after each write: to see without any clock whether it is renewed.
    pub version: String,
}

/// A Lease of heartbeats.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Heard {
    /// Whose they are.
    pub cluster: String,
    /// When it was counted up last, in Unix seconds, by the writer's own clock: for people.
    pub renewed: Option<u64>,
    /// That it moves is the evidence.
    pub counter: u64,
    /// What the cluster says of itself.
    pub said: Said,
}

/// Reads the Leases of `namespace`.
pub async fn leases(client: &ClusterClient, namespace: &str) -> Result<Leases, CallError> {
    let source = Source::of::<Lease>("leases", Some(namespace));
    let listing = watch::once(client, &source, watch::decode::<Lease>).await?;
    let mut leases = Leases::default();
    for malformed in listing.malformed {
        leases.passed_over.push(format!("Lease {}: {}", malformed.key, malformed.problem));
    }
    for observed in listing.items {
        leases.take(&observed.value);
    }
    leases.leaders.sort_by(|a, b| a.name.cmp(&b.name));
    leases.heard.sort_by(|a, b| a.cluster.cmp(&b.cluster));
    Ok(leases)
}

impl Leases {
    fn take(&mut self, lease: &Lease) {
        let meta = &lease.metadata;
        let name = meta.name.clone().unwrap_or_default();
        let spec = lease.spec.clone().unwrap_or_default();
        let renewed = spec.renew_time.and_then(|time| u64::try_from(time.0.as_second()).ok());
        match heartbeat::read(lease) {
            Ok(Evidence::Heartbeat { cluster, counter, said }) => {
                self.heard.push(Heard { cluster, renewed, counter, said });
            }
            Ok(Evidence::Receiver { .. }) => {}
            Ok(Evidence::Other) => {
                // Any other program's Lease has no term.
                let Some(term) = meta.annotations.as_ref().and_then(|annotations| annotations.get(TERM))
                else {
                    return;
                };
                self.leaders.push(Leader {
                    name,
                    holder: spec.holder_identity.filter(|holder| !holder.is_empty()),
                    term: term.parse().unwrap_or(0),
                    renewed,
                    duration: spec.lease_duration_seconds.and_then(|seconds| u64::try_from(seconds).ok()),
                    version: meta.resource_version.clone().unwrap_or_default(),
                });
            }
            Err(why) => self.passed_over.push(format!("Lease {name}: {why}")),
        }
    }
}
