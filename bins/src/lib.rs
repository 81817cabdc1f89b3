//! Composes the parts of MCI into programs: arguments, telemetry, supervision, and the modes they run in.
//!
//! It holds no rule of its own: what is answered is decided in `mci-core`, and how it travels in the adapters.

mod dig;
mod files;
mod follow;
mod holder;
mod nearest;
mod supervise;
mod telemetry;
