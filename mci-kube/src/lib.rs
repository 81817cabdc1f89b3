//! Kubernetes: resource types, watches, writes, leases, status and events.
//!
//! It translates between the API server's objects and the types of `mci-core`, which decides. It refuses to know DNS
//! messages and HTTP servers.

pub mod content;
pub mod crds;
pub mod names;
pub mod resources;
pub mod rules;
