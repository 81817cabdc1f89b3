//! The REST calls: the server through its router, the client against a stand-in for the .NET application, and both together.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test")]
#![allow(unreachable_pub, clippy::missing_panics_doc, reason = "files of another crate are included")]

#[allow(dead_code, reason = "what other tests use of it")]
#[path = "../../../tests/src/dotnet.rs"]
mod dotnet;
mod peer;
mod polling;
#[allow(dead_code, reason = "what other tests use of it")]
#[path = "../../../tests/src/secrets.rs"]
mod secrets;
mod server;
mod silence;
mod store;
