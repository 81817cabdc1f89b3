//! The wall clock: for what people read and for ends that people set, never for how much time has passed.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// The time since 1970; none on a clock that is before it.
pub(crate) fn since() -> Duration {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default()
}

/// The same in whole seconds.
pub(crate) fn now() -> u64 {
    since().as_secs()
}

/// The same, as a snapshot stamps what changed.
pub(crate) fn stamp() -> u32 {
    u32::try_from(now()).unwrap_or(u32::MAX)
}
