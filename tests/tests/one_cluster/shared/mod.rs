//! What does a cluster no harm: each test in namespaces and below hostnames of its own.

mod addresses;
mod checks;
mod claims;
mod conditions;
mod sources;
