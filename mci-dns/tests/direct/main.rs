//! The listeners over a real [`mci_core::Live`], asked over loopback sockets.

mod lifecycle;
mod rate_limit;
mod support;
mod tcp;
mod udp;
