//! The rules of `docs/dns.md`, octets in and octets out: each test is named after its rule.
//!
//! Queries are put together octet by octet; replies are read with hickory-proto.
#![cfg(feature = "wire")]
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test that cannot go on fails")]

mod allocation;
mod ask;
mod content;
mod edns;
mod malformed;
mod mutation;
mod reply;
mod rfc8906;
mod size;
mod world;

pub(crate) use self::ask::Ask;
pub(crate) use self::reply::Reply;
