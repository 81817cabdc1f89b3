//! What a cluster publishes (R14–R19, R25, R27): from Kubernetes objects to one endpoint a hostname.
//!
//! The objects come as the small types of this module, from whoever watches them or reads them from files. Time comes
//! as an argument. What goes out is what changed, and nothing else. This module refuses to know the API server, how its
//! objects are stored and written, and what other clusters publish.
//!
//! ```text
//!  Service, EndpointSlice, Node ──► readiness of each Service that is used ┐
//!  Ingress, Gateway, Route, ReferenceGrant ────────────────────────────────┴─► what each referent offers ┐
//!  GSLB ──► claims on hostnames ─────────────────────────────────────────────────────────────────────────┴─►
//!           GSLB: content and status ──► hostname: endpoint of the claim that wins ──► Update
//! ```
//!
//! Each step runs only for what its inputs changed, and the next one only where its result differs: the cost of a change
//! does not depend on how much else is published.

mod claims;
mod config;
mod hold;
mod judge;
mod names;
mod objects;
mod places;
mod publisher;
mod reading;
mod references;
mod services;
mod status;
mod update;

pub use self::config::{Config, HostnameRule};
pub use self::names::{
    Group, GslbName, Key, Kind, ObjectName, Reference, Referent, RouteKind, UnknownReferent,
};
pub use self::objects::{
    BackendPolicy, EndpointSlice, Gateway, Gslb, Ingress, IngressBackend, Node, Object, ReferenceGrant,
    Route, RouteParent, Service, ServiceType, SliceEndpoint,
};
pub use self::publisher::Publisher;
pub use self::status::{Condition, ConditionType, Reason, Status};
pub use self::update::{ReferenceView, ServiceView, Update};
