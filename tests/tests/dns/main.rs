//! The rows of `docs/dns.md`, one after the other: at the direct listener's sockets, and through a real `CoreDNS`.
//!
//! `d14_direct_…` asks the direct listener, `d14_coredns_…` asks `CoreDNS` in front of MCI. What both have to do is
//! one function over a [`world::World`], and it is asked over UDP and over TCP.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a panic is how a test fails")]

mod world;

mod answers;
mod apex;
mod chains;
mod edns;
mod limits;
mod malformed;
mod negative;
mod outside;
mod records;
mod refused;
mod rfc8906;
mod sizes;
mod sockets;
