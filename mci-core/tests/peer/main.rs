//! What clusters tell each other: the outbox, the sender, the receiver, and all of them together under faults.

#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a panic is how a test fails"
)]

mod faults;
mod hearing;
mod names;
mod outbox;
mod publishing;
mod receiver;
mod sender;
mod session;
mod world;
