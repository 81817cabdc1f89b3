//! What changed: the only thing that leaves the publisher.

use core::net::IpAddr;
use std::sync::Arc;

use crate::hostname::Hostname;
use crate::hostname_state::Endpoint;
use crate::publish::names::{GslbName, ObjectName, Reference};
use crate::publish::status::Status;

/// What differs from the last update: nothing that stayed the same is in here. Each list is in order and names each
/// thing once.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Update {
    /// Hostnames with what is published for them; nothing where one is no longer published.
    pub hostnames: Vec<(Hostname, Option<Endpoint>)>,
    /// The status of GSLBs; nothing where one was deleted.
    pub gslbs: Vec<(GslbName, Option<Status>)>,
    /// The Services that GSLBs use, directly or as backends; nothing where one is used no longer, or deleted.
    pub services: Vec<(ObjectName, Option<ServiceView>)>,
    /// The objects that GSLBs refer to; nothing where one is no longer referred to, or deleted.
    pub references: Vec<(Reference, Option<ReferenceView>)>,
}

impl Update {
    /// Whether nothing changed.
    pub fn is_empty(&self) -> bool {
        let Self { hostnames, gslbs, services, references } = self;
        hostnames.is_empty() && gslbs.is_empty() && services.is_empty() && references.is_empty()
    }
}

/// A Service that is used.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ServiceView {
    /// How many endpoints are ready. One that has an address of each family counts once.
    pub ready_endpoints: usize,
    /// Their addresses, where those can be reached: of headless Services.
    pub addresses: Vec<IpAddr>,
}

/// An object that a GSLB refers to, and what it offers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReferenceView {
    /// The `resourceVersion` that the object had when the rest of this last changed.
    pub version: Arc<str>,
    /// Its own addresses, overrides aside.
    pub addresses: Vec<IpAddr>,
    /// Its own target names.
    pub targets: Vec<Hostname>,
    /// Whether it is ready, at least one of its backends being enough.
    pub ready: bool,
}
