//! What a cluster says of itself with every heartbeat.

use std::time::Duration;

/// How a cluster was heard.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Protocol {
    /// `mci.peer.v1.PeerSync`.
    Stream,
    /// The REST calls of the .NET application.
    Rest,
}

impl Protocol {
    /// As it is written.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Stream => "stream",
            Self::Rest => "rest",
        }
    }
}

impl core::fmt::Display for Protocol {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str(self.as_str())
    }
}

/// One heartbeat (R20, R20a, R24).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Heartbeat {
    /// Which installation it is: the UID of its operator's namespace. Empty where the protocol cannot say.
    pub instance: String,
    /// Grows with each change of what follows: the highest that was seen decides.
    pub term: u64,
    /// It says goodbye.
    pub left: bool,
    /// The overrides that its own `Cluster` holds, as JSON; empty for none.
    pub overrides: String,
    /// How long ago its leader last had a working view of its API server. Nothing where it does not say.
    pub view_age: Option<Duration>,
}

/// What the hearer answers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Heard {
    /// The highest term that is known of this cluster here. One above what it sends says that it forgot.
    pub term: u64,
}
