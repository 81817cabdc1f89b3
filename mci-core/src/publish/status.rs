//! What a GSLB's status says.

use core::fmt;

use crate::hostname::Hostname;
use core::net::IpAddr;

/// The status of a GSLB. When a condition last changed is for whoever writes it to say.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Status {
    /// The generation that this is about.
    pub observed_generation: i64,
    /// Sorted by type, one of each at most. The three that are always there come first.
    pub conditions: Vec<Condition>,
    /// The addresses that are published, IPv4 and IPv6.
    pub addresses: Vec<IpAddr>,
    /// The target names that are published (R9).
    pub targets: Vec<Hostname>,
    /// The hostnames that are published: those of the object that were not refused.
    pub hostnames: Vec<Hostname>,
    /// Whether they are published as ready.
    pub ready: bool,
}

impl Status {
    /// The condition of this type.
    pub fn condition(&self, kind: ConditionType) -> Option<&Condition> {
        self.conditions.iter().find(|condition| condition.kind == kind)
    }

    /// Adds a condition that somebody else decides, such as `PolicyMismatch` or `Published=False, TooLarge`, in place
    /// of one of the same type.
    pub fn put(&mut self, condition: Condition) {
        self.conditions.retain(|other| other.kind != condition.kind);
        self.conditions.push(condition);
        self.conditions.sort_by_key(|condition| condition.kind);
    }
}

/// One condition.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Condition {
    /// Its type.
    pub kind: ConditionType,
    /// Whether it holds.
    pub holds: bool,
    /// Why, in a word that does not change between releases.
    pub reason: Reason,
    /// Why, in a sentence that says what would be right.
    pub message: String,
}

macro_rules! words {
    ($(#[$outer:meta])* $name:ident { $($(#[$inner:meta])* $variant:ident),* $(,)? }) => {
        $(#[$outer])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        #[non_exhaustive]
        pub enum $name { $($(#[$inner])* $variant),* }

        impl $name {
            /// Every one.
            pub const ALL: &[Self] = &[$(Self::$variant),*];

            /// The word as it stands in a status.
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$variant => stringify!($variant)),* }
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.pad(self.as_str())
            }
        }
    };
}

words! {
    /// The types of conditions. The first three are always there, the others only while they hold.
    ConditionType {
        /// Every hostname and address of the object is taken.
        Accepted,
        /// The object that it refers to, and that one's backends, are there and may be referred to.
        ResolvedRefs,
        /// At least one hostname is published as ready, with something to answer.
        Published,
        /// The last addresses are kept although the object has none (R25).
        AddressHeld,
        /// Other clusters publish another policy for the same hostname (R10).
        PolicyMismatch,
        /// A target name stands at a zone's apex, where it cannot be answered (R9).
        CnameAtApex,
        /// There are addresses and target names, and the names are not used (R9).
        NamesIgnored,
        /// Clusters of one tier publish addresses here and names there (R9).
        MixedTargets,
        /// Clusters of one tier have different address families (R5).
        FamilyMismatch,
    }
}

words! {
    /// Why a condition is as it is.
    Reason {
        /// Nothing is refused.
        Accepted,
        /// Another object of this cluster has the hostname (R19).
        HostnameConflict,
        /// `hostnamePolicy` does not allow it (R27).
        HostnameNotAllowed,
        /// A hostname that is none.
        InvalidHostname,
        /// An address that is none, or that nobody can reach.
        InvalidAddress,
        /// A field that could not be read.
        InvalidField,
        /// No usable `objectReference`.
        InvalidReference,
        /// Everything referred to is there.
        ResolvedRefs,
        /// Something referred to is not there.
        RefNotFound,
        /// A backend is in another namespace, and no `ReferenceGrant` allows it.
        RefNotPermitted,
        /// It is published.
        Published,
        /// Every hostname of the object is refused.
        NoHostname,
        /// The object has no address.
        NoAddress,
        /// No backend, or with `backendPolicy: all` not every backend, has a ready endpoint.
        NoReadyEndpoints,
        /// No Gateway has accepted the route.
        NotAccepted,
        /// The Gateway is not programmed.
        NotProgrammed,
        /// More addresses or names than can be published.
        TooLarge,
        /// The object has no address for now.
        AddressesLost,
        /// Clusters differ in a policy.
        PolicyMismatch,
        /// A CNAME may not stand at a zone's apex.
        CnameAtApex,
        /// Addresses are preferred to names.
        NamesIgnored,
        /// Addresses and names in one tier.
        MixedTargets,
        /// Families differ in one tier.
        FamilyMismatch,
    }
}
