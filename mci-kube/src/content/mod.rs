//! What objects mean: conversion between the objects of the API server and the types of `mci-core`, both ways.
//!
//! Pure: no client, no clock. Reading never fails as a whole where a part can be used: what cannot be used is left out
//! and comes back as a [`Fault`] that names its object and place. Writing is the same for equal content, octet by octet,
//! so that comparing objects tells whether there is anything to write.
//!
//! ```text
//!  (Hostname, Endpoint) ──► shard::write ──► ClusterCache ──► shard::read ──► (Hostname, Endpoint)
//!  HostnameState ──► hostname::write ──► HostnameCache ──► hostname::read ──► HostnameState
//!  Cluster ──► cluster::read ──► ClusterState, overrides
//! ```

pub mod cluster;
mod endpoint;
mod fault;
pub mod hostname;
pub mod shard;

pub use self::fault::{Fault, Read};
