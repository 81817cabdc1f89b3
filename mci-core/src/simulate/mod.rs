//! What would be answered if: clusters that die or are drained, endpoints that turn unready, or another state.
//!
//! ```text
//!  Snapshot ─► Given (down, gone, drained, unready, patch) ─► another Snapshot ─► differences
//! ```
//!
//! Policy tests and `mci simulate` share it.

mod differences;
mod given;
mod patch;

pub(crate) use crate::glob::is_match;
pub use crate::simulate::differences::{Difference, Differences, differences};
pub use crate::simulate::given::{
    ClusterPattern, EndpointPattern, EndpointPatternError, Given, NothingMeant,
};
pub(crate) use crate::simulate::given::{hostnames, no_cluster, no_hostname};
pub(crate) use crate::simulate::patch::patched;
