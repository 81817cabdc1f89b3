//! The listeners over a real [`mci_core::Live`], asked over loopback sockets.

#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test's helpers may fail as a test may")]

mod lifecycle;
mod rate_limit;
mod support;
mod tcp;
mod udp;
