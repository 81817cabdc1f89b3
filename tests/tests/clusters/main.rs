//! Two and three clusters with MCI in each: every cluster's DNS says the same, whatever happens to one of them.
//!
//! Tests that do no harm share a fleet (`answers`). Each of the others has its own. Every query of every load is judged: none
//! failed, none wrong.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a panic is how a test fails")]

use std::time::Duration;

use mci_tests::fleet::{Configuration, Fleet, FleetOptions};
use mci_tests::load::Answer;
use mci_tests::require::{self, Component};
use mci_tests::world::{CALM, INGRESSES, World, gslb, ingress};
use serde_json::{Value, json};

mod answers;
mod changes;
mod clocks;
mod deaf;
mod deaths;
mod links;
mod many;
mod rest;
mod trust;

/// Whether this machine has all that a fleet consists of; else the calling test is skipped.
fn here() -> bool {
    require::present(&[Component::Kubernetes, Component::Helm, Component::CoreDns])
}

/// The timeout of heartbeats where somebody dies: long enough that a machine which is busy kills nobody.
const TIMEOUT: Duration = Duration::from_secs(6);

/// A fleet in which clusters are stale after [`TIMEOUT`].
#[track_caller]
fn patient(count: usize) -> FleetOptions {
    Fleet::options(count).adjust(be_patient)
}

fn be_patient(configuration: &mut Configuration) {
    let heartbeat = json!({"check": "1s", "set": "1s", "timeout": format!("{}s", TIMEOUT.as_secs())});
    configuration.more.insert("heartbeat".to_owned(), heartbeat);
}

/// How long an answer may lag behind around a cluster's death: the timeout and 1.5 s, and what a busy machine takes.
fn stale_within() -> Duration {
    TIMEOUT + Duration::from_millis(1_500) + CALM
}

/// An answer from any of these is right.
fn all_of<'a>(addresses: impl IntoIterator<Item = &'a str>) -> Vec<Answer> {
    addresses.into_iter().map(|address| Answer::addresses([address])).collect()
}

/// The first address of each cluster, by its place.
const ADDRESSES: [(&str, &str); 3] =
    [("west", "192.0.2.1"), ("east", "198.51.100.1"), ("north", "203.0.113.1")];

/// A cluster's address.
#[track_caller]
fn address(cluster: &str) -> &'static str {
    ADDRESSES.iter().find(|(name, _)| *name == cluster).expect("a cluster of these tests").1
}

/// Exposes an application of this name in a cluster, at the cluster's address: a Deployment, a Service, an Ingress and
/// a GSLB with these fields more.
#[track_caller]
fn expose(world: &World, namespace: &str, hostname: &str, more: &Value) {
    world.deploy(namespace, "app", 1);
    world.apply(&ingress(namespace, "app", "app"));
    world.cluster().set_addresses(INGRESSES, namespace, "app", &[address(world.identifier())]);
    world.apply(&with(gslb(namespace, "app", ("Ingress", "app"), &[hostname]), more));
}

/// A GSLB with more fields.
fn with(mut object: Value, more: &Value) -> Value {
    for (field, value) in more.as_object().expect("fields are an object") {
        object["spec"][field] = value.clone();
    }
    object
}

/// Nothing more.
fn nothing() -> Value {
    json!({})
}
