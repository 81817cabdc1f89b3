//! DNS messages: octets in, octets out (rules D1 to D34).
//!
//! ```text
//!  octets ──► request ──► answer: the rules in their order ──► Snapshot::decide
//!             (plain queries in place,        │                      │
//!              all others by hickory-proto)   ▼                      ▼
//!  octets ◄───────────────────────────── encode ◄─────────────── Decision
//! ```
//!
//! This module refuses to know which name exists and which cluster answers: that is a decision, and it comes as data.

mod answer;
mod cookie;
mod encode;
mod facts;
#[cfg(test)]
mod properties;
#[cfg(any(test, fuzzing))]
pub mod reference;
mod request;
mod transport;
mod warm;

pub use self::cookie::CookieSecrets;
pub use self::facts::{Disposition, Facts};
pub use self::transport::{Client, Transport};

/// The size of UDP messages that is offered, and the largest that is sent (D19, D23): it fits every path's MTU.
pub const UDP_PAYLOAD: u16 = 1232;
