//! What objects are called.

use core::cmp::Ordering;
use core::fmt;
use core::str::FromStr;
use std::sync::Arc;

/// A namespaced object's name, as `namespace/name`; cheap to clone. A Node has an empty namespace.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ObjectName {
    /// Its namespace; empty for an object that has none.
    pub namespace: Arc<str>,
    /// Its name.
    pub name: Arc<str>,
}

impl ObjectName {
    /// The object `name` in `namespace`.
    pub fn new(namespace: impl Into<Arc<str>>, name: impl Into<Arc<str>>) -> Self {
        Self { namespace: namespace.into(), name: name.into() }
    }

    /// The object `name` in the same namespace.
    pub fn sibling(&self, name: impl Into<Arc<str>>) -> Self {
        Self { namespace: self.namespace.clone(), name: name.into() }
    }

    /// The order of the texts `namespace/name` (R19), which is not that of the pairs: `a-b/x` comes before `a/x`.
    fn text_order(&self, other: &Self) -> Ordering {
        let text = |name: &Self| (name.namespace.clone(), name.name.clone());
        let ((a_space, a_name), (b_space, b_name)) = (text(self), text(other));
        let octets = a_space.bytes().chain([b'/']).chain(a_name.bytes());
        octets.cmp(b_space.bytes().chain([b'/']).chain(b_name.bytes()))
    }
}

impl fmt::Display for ObjectName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.namespace.is_empty() {
            f.write_str(&self.name)
        } else {
            write!(f, "{}/{}", self.namespace, self.name)
        }
    }
}

impl fmt::Debug for ObjectName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}", self.to_string())
    }
}

/// The API group of a GSLB object, in the order that decides conflicts (R19).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Group {
    /// `multicluster.cyclops.io`, of the .NET application's manifests.
    Cyclops,
    /// `multicluster.veccsolutions.io`.
    Mci,
}

impl Group {
    /// The group as manifests spell it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Cyclops => "multicluster.cyclops.io",
            Self::Mci => "multicluster.veccsolutions.io",
        }
    }
}

impl fmt::Display for Group {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// A GSLB object: there may be one of the same name in each group.
///
/// Ordered by the text `namespace/name` and then by group, as conflicts are decided (R19).
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct GslbName {
    /// Where it is, and what it is called.
    pub object: ObjectName,
    /// Its API group.
    pub group: Group,
}

impl GslbName {
    /// The GSLB `name` of `namespace` in this group.
    pub fn new(group: Group, namespace: impl Into<Arc<str>>, name: impl Into<Arc<str>>) -> Self {
        Self { object: ObjectName::new(namespace, name), group }
    }
}

impl PartialOrd for GslbName {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for GslbName {
    fn cmp(&self, other: &Self) -> Ordering {
        self.object.text_order(&other.object).then(self.group.cmp(&other.group))
    }
}

impl fmt::Display for GslbName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({})", self.object, self.group)
    }
}

/// The kinds that an `objectReference` may name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Referent {
    /// An Ingress (R15).
    Ingress,
    /// A Service (R16).
    Service,
    /// A Gateway (R17).
    Gateway,
    /// A route of the Gateway API (R17).
    Route(RouteKind),
}

/// The routes of the Gateway API that MCI reads (R17).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum RouteKind {
    /// An `HTTPRoute`.
    Http,
    /// A `GRPCRoute`.
    Grpc,
    /// A `TLSRoute`.
    Tls,
}

/// A text that is no kind a GSLB may refer to.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "{0:?} is no kind that a GSLB can refer to: write Ingress, Service, Gateway, HTTPRoute, GRPCRoute or TLSRoute"
)]
pub struct UnknownReferent(pub String);

impl Referent {
    /// Every kind.
    pub const ALL: [Self; 6] = [
        Self::Ingress,
        Self::Service,
        Self::Gateway,
        Self::Route(RouteKind::Http),
        Self::Route(RouteKind::Grpc),
        Self::Route(RouteKind::Tls),
    ];

    /// The kind as Kubernetes spells it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Ingress => "Ingress",
            Self::Service => "Service",
            Self::Gateway => "Gateway",
            Self::Route(RouteKind::Http) => "HTTPRoute",
            Self::Route(RouteKind::Grpc) => "GRPCRoute",
            Self::Route(RouteKind::Tls) => "TLSRoute",
        }
    }
}

impl fmt::Display for Referent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

impl FromStr for Referent {
    type Err = UnknownReferent;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let kind = Self::ALL.into_iter().find(|kind| kind.as_str() == text);
        kind.ok_or_else(|| UnknownReferent(crate::text::shortened(text)))
    }
}

/// An object that a GSLB refers to.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Reference {
    /// Its kind.
    pub kind: Referent,
    /// Its name.
    pub object: ObjectName,
}

impl Reference {
    /// The object of this kind and name.
    pub fn new(kind: Referent, object: ObjectName) -> Self {
        Self { kind, object }
    }
}

impl fmt::Display for Reference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.kind, self.object)
    }
}

/// Every kind of object that a [`Publisher`](super::Publisher) takes: one watch each.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Kind {
    /// GSLBs of one group.
    Gslb(Group),
    /// Ingresses.
    Ingress,
    /// Services.
    Service,
    /// `EndpointSlices`.
    EndpointSlice,
    /// Nodes.
    Node,
    /// Gateways.
    Gateway,
    /// Routes of one kind.
    Route(RouteKind),
    /// `ReferenceGrants`.
    ReferenceGrant,
}

impl From<Referent> for Kind {
    fn from(kind: Referent) -> Self {
        match kind {
            Referent::Ingress => Self::Ingress,
            Referent::Service => Self::Service,
            Referent::Gateway => Self::Gateway,
            Referent::Route(kind) => Self::Route(kind),
        }
    }
}

/// One object among all that are watched.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Key {
    /// Its kind.
    pub kind: Kind,
    /// Its name.
    pub object: ObjectName,
}

impl Key {
    /// The object of this kind and name.
    pub fn new(kind: Kind, object: ObjectName) -> Self {
        Self { kind, object }
    }
}
