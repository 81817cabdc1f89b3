//! What MCI costs and how quickly it follows in a whole cluster: the measurements behind `cargo xtask bench`.
//!
//! ```text
//!   World (API server, operator, orchestrator, dns-server, CoreDNS)
//!     ▲ crowd: GSLBs, Services, slices, shards of other clusters, HostnameCaches by the thousand
//!     │ asker: one socket, one question, until the answer is another one
//!     │ chain: three hops of write and watch, by a client of its own
//!     │ usage: processor time and memory of each process, writes that the API server counted
//!     └──── s6, s8, s9, s10, s11, s12 ──► one JSON document each, raw: who asks makes figures of it
//! ```
//!
//! It refuses to know what a figure has to be: bars are the reader's. Where something does not come about at all it
//! panics, as every part of the rig does.

mod asker;
mod chain;
mod crowd;
mod other;
mod s10;
mod s11;
mod s12;
mod s6;
mod s8;
mod s9;
mod usage;

use std::time::Duration;

use serde_json::Value;

/// How long anything may take that is done by the ten thousand.
const PATIENCE: Duration = Duration::from_mins(10);

/// What is measured, by its number in the list of bars.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Number {
    /// From a slice's change to the answer's.
    S6,
    /// The same, seen from another cluster.
    S6Other,
    /// From a cluster's death until nobody is sent there.
    S7,
    /// What a dns-server holds in memory.
    S8,
    /// From the start of a dns-server until it is ready.
    S9,
    /// What one change of readiness costs.
    S10,
    /// What that costs another cluster.
    S10Other,
    /// What everything costs while nothing changes.
    S11,
    /// What operator, orchestrator and front end hold in memory.
    S12,
    /// How long a new peer takes to hold everything.
    Sync,
}

/// Whether a run measures, or only shows that everything runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Size {
    /// As the bars want it.
    Full,
    /// So small that it says nothing.
    Quick,
}

impl Size {
    /// A number of things, or the few that do for a quick run.
    fn of<T>(self, full: T, quick: T) -> T {
        match self {
            Size::Full => full,
            Size::Quick => quick,
        }
    }
}

impl Number {
    /// Starts what it needs, measures, and ends it again.
    #[track_caller]
    pub fn measure(self, size: Size) -> Value {
        match self {
            Number::S6 => s6::measure(size),
            Number::S6Other => other::changes(size),
            Number::S7 => other::death(size),
            Number::S8 => s8::measure(size),
            Number::S9 => s9::measure(size),
            Number::S10 => s10::measure(size),
            Number::S10Other => other::cost(size),
            Number::S11 => s11::measure(size),
            Number::S12 => s12::measure(size),
            Number::Sync => other::sync(size),
        }
    }
}

/// Says what is being done: standard output is the document's.
fn say(what: &str) {
    eprintln!("    {what}");
}
