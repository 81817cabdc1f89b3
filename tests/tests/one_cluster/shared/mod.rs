//! What does a cluster no harm: each test in namespaces and below hostnames of its own.

mod addresses;
mod claims;
mod conditions;
mod sources;
