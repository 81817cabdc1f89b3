//! The command line against a real API server: it reads what a dns-server reads, and writes what people say.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a panic is how a test fails")]

mod commands;
mod doctor;
mod whole;
mod world;
